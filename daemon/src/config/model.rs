//! The configuration as typed values.
//!
//! Owns the plain types that the rest of the daemon reads. They are complete and checked: a value here is in range, an
//! id names something that exists. Leaves making points, entities and links of them to the wiring.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use victus_agent::alarms::Definition;
use victus_agent::hours::Hours;
use victus_agent::orchestrator::route::Rule;

use super::origin::{Origin, Problem};

/// The whole configuration.
pub struct Config {
    /// `[device]`.
    pub device: Device,
    /// `[voice]`.
    pub voice: Voice,
    /// `[web]`.
    pub web: Web,
    /// `[gpio]`.
    pub gpio: Gpio,
    /// Every `[[link]]`.
    pub links: Vec<Link>,
    /// Every `[[serial]]`.
    pub serial: Vec<Serial>,
    /// Every `[[entity]]`.
    pub entities: Vec<Entity>,
    /// Every `[[route]]`, in order.
    pub routes: Vec<Rule>,
    pub(super) warnings: Vec<Problem>,
    pub(super) origins: BTreeMap<String, Origin>,
}

/// `[device]`: who this appliance is.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// The appliance's id in topics: letters, digits, `_` and `-`, at most 64. By default made from the machine id.
    pub id: String,
    /// The site's id in topics; the same form.
    pub site: String,
    /// The language of sentences and replies: one that is built in, or one that users wrote sentences for.
    pub language: String,
    /// Where users' sentences of this language lie, whether or not there are any.
    pub sentences: PathBuf,
    /// Where the administrator's workflows lie, whether or not there are any.
    pub workflows: PathBuf,
    /// The time zone in which people speak of time.
    pub timezone: TimeZone,
}

/// `[voice]`: hearing and speaking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Whether the appliance listens and speaks.
    pub enabled: bool,
    /// Which recogniser hears.
    pub recognizer: Recognizer,
    /// The sound device to record from, as ALSA names it; `default` is the system's.
    pub capture: String,
    /// The sound device to play to.
    pub playback: String,
    /// `[voice.whisper] model`: a model's name or file; without one the best installed.
    pub whisper_model: Option<String>,
    /// `[voice.whisper] grammar`: whether whisper writes only what the sentences understand.
    pub whisper_grammar: bool,
    /// `[voice.speech]`: what speaks.
    pub speech: Speech,
    /// When warnings and timers are not said without being asked for; a danger always is.
    pub quiet_hours: Option<Hours>,
}

/// `[voice.speech]`: the synthesiser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// Which synthesiser speaks.
    pub engine: SpeechEngine,
    /// The synthesiser's voice, such as `en+m3`; without one the language's own.
    pub voice: Option<String>,
}

/// `[web]`: panel and API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The addresses to listen on, all of them loopback. None: only the Unix socket.
    pub listen: Vec<SocketAddr>,
}

/// `[gpio]`: how lines are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gpio {
    /// Which library drives the lines.
    pub backend: GpioBackend,
}

/// `[[link]]`: one MQTT connection.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The link's name: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// The broker.
    pub broker: Broker,
    /// The certificates of the authorities that the broker is checked against; always there with `mqtts`.
    pub ca: Option<PathBuf>,
    /// The appliance's own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How the link proves itself by password.
    pub login: Option<Login>,
    /// What the fleet may call beside the operator's tools.
    pub tools: Vec<String>,
}

/// User name and password of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The file with the password and nothing else, which is read whenever it is needed.
    pub password_file: PathBuf,
}

/// The address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Whether the connection is encrypted (`mqtts`).
    pub tls: bool,
    /// A host name or an IP address, an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Broker {
    /// The address as one text.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            format!("{scheme}://[{}]:{}", self.host, self.port)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// `[[serial]]`: a serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// The port's name, by which drivers refer to it.
    pub name: String,
    /// The device file.
    pub port: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// What is spoken on the port.
    pub protocol: SerialProtocol,
    /// What ends a line, in both directions: 1 to 4 characters of ASCII.
    pub terminator: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// `[[entity]]`: something the appliance knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The id, such as `fan.extraction_fan`; kept over a rename where the file states it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What else they call it.
    pub aliases: Vec<String>,
    /// Pronunciations by word, each a text of ARPAbet phones without stress, such as `F Y UW M`.
    pub spoken: Vec<(String, Vec<String>)>,
    /// What it is.
    pub kind: Kind,
    /// The area it stands in.
    pub area: Option<String>,
    /// The floor of that area.
    pub floor: Option<String>,
    /// The unit of a sensor's value.
    pub unit: Option<String>,
    /// How it is reached.
    pub driver: Driver,
    /// How often the instrument is asked; there for a serial driver with `read`, and only there.
    pub poll: Option<Duration>,
    /// How much harm setting it can do; `read` for what is only read.
    pub risk: Risk,
    /// Whether somebody has to agree before it is switched.
    pub confirm: bool,
    /// What holds it safe; `None` for what is not switched.
    pub limits: Option<Limits>,
    /// When its value is an alarm.
    pub alarm: Option<Definition>,
    /// Whether it is on while there is an alarm that nobody has acknowledged.
    pub signal: bool,
    /// Whether it acknowledges all alarms when it goes on.
    pub acknowledge: bool,
}

/// What holds an output safe, whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The state at start, at stop, at a crash and when a limit trips: true is on.
    pub safe_on: bool,
    /// The longest time on.
    pub max_on: Option<Duration>,
    /// The shortest time on; `safe` and stop win over it.
    pub min_on: Duration,
    /// The shortest time off, also after the start.
    pub min_off: Duration,
    /// How often it may be switched.
    pub rate: Option<Rate>,
    /// The ids of the outputs that are never on together with it; each of the two knows the other.
    pub conflicts: Vec<String>,
    /// What holds before and while it is on.
    pub requires: Vec<Requirement>,
    /// Whether the stop phrase makes it safe.
    pub stop: bool,
}

/// One condition of `requires`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The id of an entity that is on or off.
    pub point: String,
    /// What it must be; `open` in the file is on and `closed` is off.
    pub on: bool,
}

/// At most `count` times in `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often, from 1 to 1000.
    pub count: u32,
    /// In which time.
    pub per: Duration,
}

/// How an entity is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driver {
    /// A line that is an output.
    GpioOutput {
        /// Which line.
        line: GpioLine,
        /// Whether the line is low when the entity is on.
        active_low: bool,
    },
    /// A line that is an input.
    GpioInput {
        /// Which line.
        line: GpioLine,
        /// Whether the line is low when the entity is on.
        active_low: bool,
        /// What holds the line when nothing drives it.
        bias: Bias,
    },
    /// A number that an instrument on a serial port knows, asked for and set by lines of text. Only a sensor has it.
    Line {
        /// The name of the `[[serial]]` port.
        port: String,
        /// What to send to be told the number. This, `write` or both are there.
        read: Option<String>,
        /// What to send to set the number, with `{value}` once in its place.
        write: Option<String>,
    },
}

/// Which line of which chip.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GpioLine {
    /// By the line's name, such as `GPIO17`.
    Name(String),
    /// By the chip's label and the line's number on it; the numbers of chips move, labels do not.
    Offset {
        /// The chip's label, such as `pinctrl-rp1`.
        chip: String,
        /// The line's number on the chip.
        offset: u32,
    },
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value with its name in the file.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant)),+];

            /// The name in the file.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

names! {
    /// What an entity is, in Home Assistant's terms.
    Kind {
        /// Something that is on or off.
        Switch = "switch",
        /// A light.
        Light = "light",
        /// A fan.
        Fan = "fan",
        /// A valve; on is open.
        Valve = "valve",
        /// A lock; on is locked.
        Lock = "lock",
        /// A gate, shutter or blind; on is open.
        Cover = "cover",
        /// Something that is pressed and does its work by itself.
        Button = "button",
        /// A siren.
        Siren = "siren",
        /// A value that is read.
        Sensor = "sensor",
        /// Something that is read and is on or off.
        BinarySensor = "binary_sensor",
    }
}

impl Kind {
    /// Whether it can have a level in percent (brightness, speed, position) beside on and off.
    pub const fn has_level(self) -> bool {
        matches!(self, Self::Light | Self::Fan | Self::Valve | Self::Cover)
    }

    /// Whether it is switched, and not only read.
    pub const fn is_output(self) -> bool {
        !matches!(self, Self::Sensor | Self::BinarySensor)
    }
}

names! {
    /// Which recogniser hears.
    Recognizer {
        /// The best that is installed.
        Auto = "auto",
        /// PocketSphinx, with the distribution's model.
        PocketSphinx = "pocketsphinx",
        /// whisper.cpp, with a model that was added.
        Whisper = "whisper",
    }
}

names! {
    /// Which synthesiser speaks.
    SpeechEngine {
        /// The best that is installed.
        Auto = "auto",
        /// espeak-ng, from the distribution.
        EspeakNg = "espeak-ng",
    }
}

names! {
    /// Which library drives the lines.
    GpioBackend {
        /// What suits the board.
        Auto = "auto",
        /// rppal, on a Raspberry Pi.
        Rppal = "rppal",
        /// The kernel's character device, on every board.
        Chardev = "chardev",
    }
}

names! {
    /// What holds an input line when nothing drives it.
    Bias {
        /// What the board or the firmware set.
        AsIs = "as_is",
        /// A resistor to the supply.
        PullUp = "pull_up",
        /// A resistor to ground.
        PullDown = "pull_down",
        /// Nothing.
        Disabled = "disabled",
    }
}

names! {
    /// How much harm an action can do.
    Risk {
        /// It only reads.
        Read = "read",
        /// It can be taken back.
        Reversible = "reversible",
        /// It cannot, or it can hurt somebody.
        Dangerous = "dangerous",
    }
}

names! {
    /// What is spoken on a serial port.
    SerialProtocol {
        /// Lines of text.
        Line = "line",
    }
}
