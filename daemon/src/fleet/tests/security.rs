//! TLS and credentials against the real broker, with an authority made on the spot by openssl.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::bench::{Bench, options};
use super::broker::{Broker, program};
use crate::fleet::{Credentials, LinkOptions, TlsIdentity, TlsOptions};

/// An authority, a broker's and a client's certificate in `folder`; false, said aloud, without openssl.
fn certificates(folder: &Path) -> bool {
    let made = ["ca", "other"].iter().all(|name| {
        openssl(
            folder,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &format!("/CN={name}"),
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-keyout",
                &format!("{name}.key"),
                "-out",
                &format!("{name}.pem"),
            ],
        )
    });
    let signed = made
        && [("broker", "subjectAltName=DNS:localhost"), ("client", "subjectAltName=DNS:press")].iter().all(
            |(name, names)| {
                std::fs::write(folder.join("names"), names).unwrap();
                let (key, request, cert) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
                openssl(
                    folder,
                    &[
                        "req",
                        "-newkey",
                        "rsa:2048",
                        "-nodes",
                        "-subj",
                        &format!("/CN={name}"),
                        "-keyout",
                        &key,
                        "-out",
                        &request,
                    ],
                ) && openssl(
                    folder,
                    &[
                        "x509",
                        "-req",
                        "-in",
                        &request,
                        "-CA",
                        "ca.pem",
                        "-CAkey",
                        "ca.key",
                        "-CAcreateserial",
                        "-days",
                        "2",
                        "-extfile",
                        "names",
                        "-out",
                        &cert,
                    ],
                )
            },
        );
    if !signed {
        assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "openssl is not installed");
        println!("skipped: openssl is not installed (run make deps)");
    }
    signed
}

fn openssl(folder: &Path, arguments: &[&str]) -> bool {
    let ran = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

fn tls(folder: &Path, ca: &str, identity: bool) -> Option<TlsOptions> {
    let identity = identity.then(|| TlsIdentity { cert: folder.join("client.pem"), key: folder.join("client.key") });
    Some(TlsOptions { ca: folder.join(ca), identity })
}

fn secured(port: u16, tls: Option<TlsOptions>) -> LinkOptions {
    LinkOptions { host: "localhost".to_owned(), tls, ..options(port) }
}

#[tokio::test]
async fn mutual_tls_connects_and_each_mistake_is_named() {
    let folder = tempfile::tempdir().unwrap();
    if program().is_none() || !certificates(folder.path()) {
        return;
    }
    let at = |name: &str| folder.path().join(name).display().to_string();
    let lines = format!(
        "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n",
        at("ca.pem"),
        at("broker.pem"),
        at("broker.key")
    );
    let Some(broker) = Broker::with(|_| lines).await else { return };
    let good = secured(broker.port, tls(folder.path(), "ca.pem", true));

    let mut bench = Bench::new();
    bench.link(good.clone());
    bench.up().await;
    bench.stop().await;

    bench.link(secured(broker.port, tls(folder.path(), "other.pem", true)));
    bench.degraded("not signed by an authority in `ca`").await;
    bench.crash();

    bench.link(secured(broker.port, tls(folder.path(), "ca.pem", false)));
    bench.degraded("`cert` and `key`").await;
    bench.crash();

    bench.link(LinkOptions { host: "127.0.0.1".to_owned(), ..good.clone() });
    bench.degraded("is not for 127.0.0.1").await;
    bench.crash();

    bench.link(secured(broker.port, tls(folder.path(), "missing.pem", true)));
    bench.degraded("missing.pem").await;
    // The file appears while the link waits: it is read for each connection.
    std::fs::copy(folder.path().join("ca.pem"), folder.path().join("missing.pem")).unwrap();
    bench.up().await;
    bench.stop().await;
}

fn password_file(folder: &Path, password: &str) -> PathBuf {
    let path = folder.join("password");
    std::fs::write(&path, format!("{password}\n")).unwrap();
    path
}

#[tokio::test]
async fn user_and_password_are_read_anew_for_each_connection() {
    if program().is_none() {
        return;
    }
    let made = |folder: &Path| {
        let users = folder.join("users");
        let ran = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&users).args(["press", "right"]).status();
        ran.is_ok_and(|status| status.success())
            .then(|| format!("allow_anonymous false\npassword_file {}\n", users.display()))
    };
    let trial = tempfile::tempdir().unwrap();
    if made(trial.path()).is_none() {
        println!("skipped: mosquitto_passwd is not installed (run make deps)");
        return;
    }
    let Some(broker) = Broker::with(|folder| made(folder).unwrap()).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let password_file = password_file(folder.path(), "wrong");
    let credentials = Some(Credentials { username: "press".to_owned(), password_file: password_file.clone() });
    let mut bench = Bench::new();
    let slow = (Duration::from_millis(20), Duration::from_millis(50));
    bench.link(LinkOptions { credentials, backoff: slow, ..options(broker.port) });
    let why = bench.degraded("refuses the credentials").await;
    assert!(why.contains("`password_file`") && !why.contains("wrong"), "{why}");
    std::fs::remove_file(&password_file).unwrap();
    bench.degraded("cannot read").await;
    std::fs::write(&password_file, "right\n").unwrap();
    bench.up().await;
}
