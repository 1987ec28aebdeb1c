//! `[[link]]`: the brokers the appliance reports to.

use std::path::PathBuf;

use super::model::{Broker, Link, Login};
use super::origin::quote;
use super::reader::{Found, Reader, expected_found};
use super::secret;
use super::values::{self, is_name};

/// The most tools that a link can name.
const MAX_TOOLS: usize = 200;

pub(super) fn link(reader: Reader<'_>) -> Option<Link> {
    let name = reader.parsed("name", "a name of letters, digits, _ and -, at most 64", |text| {
        is_name(text).then(|| text.to_owned())
    });
    // The address itself stays out of the message: somebody may have put a password into it.
    let broker = reader.read("broker", |node| {
        let text = node
            .text()
            .ok_or_else(|| "expected an address such as \"mqtts://broker.example:8883\" in quotes".to_owned())?;
        values::broker(text)
    });
    let ca = file(&reader, "ca");
    let cert = file(&reader, "cert");
    let key = file(&reader, "key");
    let username = reader.text("username", "a user name");
    let password = password_file(&reader);
    let tools = tools(&reader);
    for key in ["name", "broker"] {
        if reader.at(key).is_none() {
            reader.rule(key, format!("a [[link]] needs a {key}"));
        }
    }
    if let Some(broker) = &broker {
        check_broker(&reader, &broker.value);
    }
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if reader.at(one).is_some() && reader.at(other).is_none() {
            reader.rule(one, format!("is of no use without {other}: name both or neither"));
        }
    }
    for (one, other) in [("username", "password_file"), ("password_file", "username")] {
        if reader.at(one).is_some() && reader.at(other).is_none() {
            reader.rule(one, format!("is of no use without {other}"));
        }
    }
    reader.finish();
    Some(Link {
        name: name?.value,
        broker: broker?.value,
        ca,
        identity: cert.zip(key),
        login: username
            .zip(password)
            .map(|(username, password_file)| Login { username: username.value, password_file }),
        tools,
    })
}

/// What encrypts must be wanted, and what is secret must be encrypted.
fn check_broker(reader: &Reader<'_>, broker: &Broker) {
    if broker.tls {
        if reader.at("ca").is_none() {
            reader.rule(
                "ca",
                "mqtts needs ca: the file with the certificates that the broker is checked against, such as \
                 \"/etc/ssl/certs/ca-certificates.crt\" for the system's",
            );
        }
        return;
    }
    for key in ["ca", "cert", "key"] {
        if reader.at(key).is_some() {
            reader.rule(key, "is for an encrypted connection: make the broker mqtts://, or leave it out");
        }
    }
    let local = broker.host == "localhost"
        || broker.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !local && reader.at("password_file").is_some() {
        reader.warn("broker", "the password goes over the network in the clear: use mqtts:// if the broker can");
    }
}

/// A file that is there, by its full path.
fn file(reader: &Reader<'_>, key: &'static str) -> Option<PathBuf> {
    let found = reader.text(key, "the path of a file")?;
    let path = found.origin.resolve(&found.value);
    match super::files::open(&path) {
        Ok(_) => Some(path),
        Err(message) => {
            reader.wrong(key, message);
            None
        }
    }
}

fn password_file(reader: &Reader<'_>) -> Option<PathBuf> {
    let found: Found<String> = reader.text("password_file", "the path of a file")?;
    let path = found.origin.resolve(&found.value);
    match secret::check(&path) {
        Ok(()) => {
            if readable_by_all(&path) {
                reader.warn(
                    "password_file",
                    format!("everybody on this machine can read {}: chmod o-r it", path.display()),
                );
            }
            Some(path)
        }
        Err(message) => {
            reader.wrong("password_file", message);
            None
        }
    }
}

fn readable_by_all(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

fn tools(reader: &Reader<'_>) -> Vec<String> {
    let found = reader.list("tools", "a list with the names of tools, such as [\"gpio.set\"]", |node| {
        let name = node.text().filter(|name| {
            let part = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            };
            name.len() <= 64 && name.split('.').all(part)
        });
        name.map(str::to_owned).ok_or_else(|| expected_found("the name of a tool such as \"gpio.set\"", node))
    });
    let mut tools = found.map(|found| found.value).unwrap_or_default();
    if tools.len() > MAX_TOOLS {
        reader.rule("tools", format!("expected at most {MAX_TOOLS} tools, found {}", tools.len()));
    }
    for (index, tool) in tools.iter().enumerate() {
        if tools.iter().take(index).take(MAX_TOOLS).any(|earlier| earlier == tool) {
            reader.rule("tools", format!("{} stands here twice", quote(tool)));
            break;
        }
    }
    tools.truncate(MAX_TOOLS);
    tools
}
