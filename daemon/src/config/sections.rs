//! The sections that exist once: `[device]`, `[voice]`, `[web]`, `[gpio]`; and the serial ports.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::files::Sources;
use super::model::{Device, Gpio, GpioBackend, Recognizer, Serial, SerialProtocol, Speech, SpeechEngine, Voice, Web};
use super::origin::quote;
use super::reader::{Reader, expected_found, one_of, plain_text};
use super::tree::Node;
use super::values::is_name;

/// Where the panel listens unless told otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8480);

/// The most addresses to listen on.
const MAX_LISTEN: usize = 8;

/// The speeds that Linux serial drivers commonly take, in bits per second.
const BAUD: std::ops::RangeInclusive<u32> = 300..=4_000_000;

const NAME: &str = "a name of letters, digits, _ and -, at most 64";

pub(super) fn device(reader: Reader<'_>, sources: &Sources) -> Device {
    let name = |key| reader.parsed(key, NAME, |text| is_name(text).then(|| text.to_owned())).map(|found| found.value);
    let id = name("id").unwrap_or_else(|| default_device_id(&reader, &sources.machine_id));
    let site = name("site").unwrap_or_else(|| "default".to_owned());
    let folder = sources.sentences_folder();
    let language = reader.read("language", |node| language(node, &folder)).map(|found| found.value);
    let language = language.unwrap_or_else(|| "en".to_owned());
    let timezone = reader.read("timezone", |node| {
        let text = plain_text(node, "a time zone such as \"Europe/Berlin\"")?;
        TimeZone::get(&text).map_err(|_| {
            let message = expected_found("a time zone such as \"Europe/Berlin\" or \"UTC\"", node);
            format!("{message}, which this machine does not know: correct it, or install the package tzdata")
        })
    });
    let timezone = timezone.map(|found| found.value).unwrap_or_else(|| {
        TimeZone::try_system().unwrap_or_else(|_| {
            reader.warn(
                "timezone",
                "the system has no time zone, so UTC it is: set timezone, or run timedatectl set-timezone",
            );
            TimeZone::UTC
        })
    });
    reader.finish();
    let sentences = folder.join(&language);
    Device { id, site, language, sentences, workflows: sources.workflows_folder(), timezone }
}

/// A language that is built in, or has a folder of users' sentences. Its code is part of a path, and plain.
fn language(node: &Node, folder: &Path) -> Result<String, String> {
    let built_in: Vec<(&str, &str)> = victus_agent::intents::languages().map(|code| (code, code)).collect();
    let code = node.text().filter(|text| is_language_code(text)).unwrap_or_default();
    let known = !code.is_empty() && (victus_agent::intents::is_built_in(code) || folder.join(code).is_dir());
    if known {
        return Ok(code.to_owned());
    }
    let unknown =
        |message| format!("{message}; for another language put sentences in {}", folder.join("CODE").display());
    one_of(node, &built_in).map(str::to_owned).map_err(unknown)
}

/// Whether a text has the form of a language code: `de`, `de-CH`, `zh-Hant-TW`.
fn is_language_code(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let letters = |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let further = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    parts.next().is_some_and(letters) && text.len() <= 24 && parts.all(further)
}

/// An id that stays the same on one machine and does not tell its machine id, which is confidential.
fn default_device_id(reader: &Reader<'_>, machine_id: &Path) -> String {
    let mut text = String::new();
    let read = super::files::open(machine_id)
        .and_then(|file| file.take(64).read_to_string(&mut text).map_err(|e| e.to_string()));
    let id = text.trim();
    if read.is_err() || id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message =
            format!("{} holds no machine id, so this appliance is called victus: set id", machine_id.display());
        reader.warn("id", message);
        return "victus".to_owned();
    }
    let digest = Sha256::digest(format!("victus device id {}", id.to_ascii_lowercase()));
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("victus-{short}")
}

pub(super) fn voice(reader: Reader<'_>) -> Voice {
    let device =
        |key| reader.text(key, "the name of a sound device").map_or_else(|| "default".to_owned(), |found| found.value);
    let whisper = reader.section("whisper");
    let whisper_model = whisper.text("model", "a model's name or file").map(|found| found.value);
    let whisper_grammar = whisper.flag("grammar").is_none_or(|found| found.value);
    whisper.finish();
    let speech = reader.section("speech");
    let voice = speech.parsed("voice", "the name of a voice such as \"en+m3\"", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-_/.".contains(c);
        let well_formed = (1..=64).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('-');
        well_formed.then(|| text.to_owned())
    });
    let engine = speech.one_of("engine", SpeechEngine::NAMES).map_or(SpeechEngine::Auto, |found| found.value);
    speech.finish();
    let quiet_hours = reader.parsed("quiet_hours", "hours such as \"22:00-06:00\"", |text| text.parse().ok());
    let voice = Voice {
        enabled: reader.flag("enabled").is_none_or(|found| found.value),
        recognizer: reader.one_of("recognizer", Recognizer::NAMES).map_or(Recognizer::Auto, |found| found.value),
        capture: device("capture"),
        playback: device("playback"),
        whisper_model,
        whisper_grammar,
        speech: Speech { engine, voice: voice.map(|found| found.value) },
        quiet_hours: quiet_hours.map(|found| found.value),
    };
    reader.finish();
    voice
}

pub(super) fn web(reader: Reader<'_>) -> Web {
    let expected = "an address and port in quotes, such as \"127.0.0.1:8480\"";
    let listen = reader.list("listen", &format!("a list with {expected}"), |node| {
        let address: SocketAddr =
            node.text().and_then(|text| text.parse().ok()).ok_or_else(|| expected_found(expected, node))?;
        if address.ip().is_loopback() {
            return Ok(address);
        }
        Err(format!(
            "{address} can be reached from the network, and there is no login yet: use a loopback address such as 127.0.0.1:{}, \
             and from another machine ssh -L {}:127.0.0.1:{}",
            address.port(),
            address.port(),
            address.port()
        ))
    });
    let listen = listen.map_or_else(|| vec![DEFAULT_LISTEN], |found| found.value);
    if listen.len() > MAX_LISTEN {
        reader.rule("listen", format!("expected at most {MAX_LISTEN} addresses, found {}", listen.len()));
    }
    for (index, address) in listen.iter().enumerate() {
        if address.port() != 0 && listen.iter().take(index).any(|earlier| earlier == address) {
            reader.rule("listen", format!("{address} stands here twice"));
        }
    }
    reader.finish();
    Web { listen }
}

pub(super) fn gpio(reader: Reader<'_>) -> Gpio {
    let backend = reader.one_of("backend", GpioBackend::NAMES).map_or(GpioBackend::Auto, |found| found.value);
    reader.finish();
    Gpio { backend }
}

pub(super) fn serial(reader: Reader<'_>) -> Option<Serial> {
    let name = reader.parsed("name", NAME, |text| is_name(text).then(|| text.to_owned()));
    let port = reader.parsed("port", "a device file such as \"/dev/ttyUSB0\"", |text| {
        (text.starts_with('/') && text.len() <= 255 && !text.contains(char::is_control)).then(|| PathBuf::from(text))
    });
    let baud = reader.number("baud", BAUD).map_or(9600, |found| found.value);
    let protocol = reader.one_of("protocol", SerialProtocol::NAMES).map_or(SerialProtocol::Line, |found| found.value);
    let terminator = reader.parsed("terminator", "1 to 4 characters of ASCII such as \"\\r\\n\"", |text| {
        ((1..=4).contains(&text.len()) && text.is_ascii()).then(|| text.to_owned())
    });
    let timeout = reader.duration("timeout", Duration::from_millis(10), Duration::from_secs(60));
    for (key, missing) in [("name", reader.at("name").is_none()), ("port", reader.at("port").is_none())] {
        if missing {
            reader.rule(key, format!("a [[serial]] needs a {key}"));
        }
    }
    reader.finish();
    Some(Serial {
        name: name?.value,
        port: port?.value,
        baud,
        protocol,
        terminator: terminator.map_or_else(|| "\n".to_owned(), |found| found.value),
        timeout: timeout.map_or(Duration::from_secs(1), |found| found.value),
    })
}

/// Two ports that are one device.
pub(super) fn check_serial(ports: &[Serial], report: &super::reader::Report) {
    for (index, port) in ports.iter().enumerate() {
        if let Some(earlier) = ports.iter().take(index).find(|earlier| earlier.port == port.port) {
            let key = format!("serial[{}].port", port.name);
            let message = format!(
                "{} is the port of [[serial]] {} too",
                quote(&port.port.to_string_lossy()),
                quote(&earlier.name)
            );
            report.broken(&key, message);
        }
    }
}
