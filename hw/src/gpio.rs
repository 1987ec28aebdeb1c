//! Lines: single pins that are driven or read.
//!
//! Owns the trait for a line backend ([`GpioBackend`]), how a line is named ([`LineReference`]), the choice of a backend
//! and the errors. Promises that an output is requested with its first level (no glitch), that a chip is found by its
//! label or by the name of a line and never by its number, and that dropping a handle gives the line back.
//! Speaks of physical levels; what "on" means is [`Level::of`] with `active_low`. Leaves interlocks to
//! [`crate::points`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod chardev;
mod raspberry_pi;
mod simulated;

pub use chardev::CharacterDevice;
pub use raspberry_pi::RaspberryPi;
pub use simulated::{Fault, SimulatedGpio};

/// How many line names an error lists.
const LISTED_LINES: usize = 12;

/// Name under which a line is held, as `gpioinfo` shows it.
pub const CONSUMER: &str = "victus";

/// Which line: by its name, or by the label of its chip and its offset there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, expecting = "a line name such as \"GPIO17\", or { chip = \"a chip's label\", offset = 17 }")]
pub enum LineReference {
    /// The line's own name, such as `GPIO17` on a Raspberry Pi or `PQ.05` on a Jetson.
    Name(String),
    /// A line without a name of its own.
    Offset {
        /// The label of the chip, as `gpiodetect` shows it in brackets.
        chip: String,
        /// The line's number on that chip, from 0.
        offset: u32,
    },
}

impl fmt::Display for LineReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Offset { chip, offset } => write!(f, "{chip}:{offset}"),
        }
    }
}

impl From<&str> for LineReference {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// The physical level of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Near ground.
    Low,
    /// Near the supply.
    High,
}

impl Level {
    /// The level of a line that is on (or off), given whether it is on when low.
    pub const fn of(on: bool, active_low: bool) -> Self {
        if on == active_low { Self::Low } else { Self::High }
    }

    /// Whether a line at this level is on, given whether it is on when low.
    pub const fn is_on(self, active_low: bool) -> bool {
        matches!(self, Self::High) != active_low
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::High => "high",
        })
    }
}

/// The resistor that decides the level of an input that nothing drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// Whatever the board or an earlier user set.
    #[default]
    AsIs,
    /// No resistor of the chip's own.
    Disabled,
    /// High when nothing drives it.
    PullUp,
    /// Low when nothing drives it.
    PullDown,
}

/// A line held as an output. Dropping it gives the line back.
pub trait OutputLine: Send + fmt::Debug {
    /// Drives the line.
    ///
    /// # Errors
    /// [`GpioError::Device`] when the device refuses.
    fn set(&mut self, level: Level) -> Result<(), GpioError>;

    /// The level that the line is seen to have.
    ///
    /// # Errors
    /// [`GpioError::Device`] when the device cannot tell.
    fn read_back(&self) -> Result<Level, GpioError>;
}

/// A line held as an input. Dropping it gives the line back.
pub trait InputLine: Send + fmt::Debug {
    /// The level that the line has.
    ///
    /// # Errors
    /// [`GpioError::Device`] when the device cannot tell.
    fn read(&self) -> Result<Level, GpioError>;
}

/// A way to the lines of this machine.
pub trait GpioBackend: Send + Sync + fmt::Debug {
    /// The name of the backend in config and messages.
    fn name(&self) -> &'static str;

    /// Takes a line as an output that has the level `initial` from the first moment.
    ///
    /// # Errors
    /// [`GpioError`]: the line does not exist, is held by another, or may not be used by this user.
    fn request_output(&self, line: &LineReference, initial: Level) -> Result<Box<dyn OutputLine>, GpioError>;

    /// Takes a line as an input.
    ///
    /// # Errors
    /// As [`Self::request_output`].
    fn request_input(&self, line: &LineReference, bias: Bias) -> Result<Box<dyn InputLine>, GpioError>;

    /// The lines that exist, by name where they have one.
    ///
    /// # Errors
    /// [`GpioError`] when the chips cannot be read.
    fn lines(&self) -> Result<Vec<LineReference>, GpioError>;
}

/// Why a line cannot be used. Each message says what, where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpioError {
    /// Somebody else holds the line.
    #[error(
        "The line {line} is in use by {holder}. `gpioinfo` shows who holds each line: end that program, or choose \
         another line."
    )]
    Busy {
        /// The line.
        line: String,
        /// Who holds it, as far as is known.
        holder: String,
    },
    /// No chip has such a line.
    #[error("There is no line {line}. {known} Chips are given by label (`gpiodetect`), lines by name (`gpioinfo`).")]
    NoSuchLine {
        /// The line.
        line: String,
        /// A sentence that lists some lines that exist.
        known: String,
    },
    /// Two chips have a line of that name.
    #[error("More than one line is called {line} ({places}). Give it as chip label and offset.")]
    Ambiguous {
        /// The name.
        line: String,
        /// Where it was found.
        places: String,
    },
    /// The user of this program may not use the lines.
    #[error(
        "No permission to use {what}. Add the user to the group `gpio` (`usermod -aG gpio USER`) and start the program \
         again."
    )]
    Permission {
        /// The device or line.
        what: String,
    },
    /// This machine has no lines that the backend can use.
    #[error("The GPIO backend `{backend}` does not work on this machine: {reason}. {advice}")]
    NotHere {
        /// The backend.
        backend: &'static str,
        /// Why.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The device failed.
    #[error("The line {line} could not be {action}: {reason}. Check the wiring, and the kernel log (`dmesg`).")]
    Device {
        /// The line.
        line: String,
        /// What was tried: `set`, `read`, `requested`.
        action: &'static str,
        /// What the device said.
        reason: String,
    },
}

/// The sentence for [`GpioError::NoSuchLine`]: some of the lines that exist.
fn known_lines(lines: &[LineReference]) -> String {
    if lines.is_empty() {
        return "No lines were found on this machine.".to_owned();
    }
    let listed: Vec<String> = lines.iter().take(LISTED_LINES).map(ToString::to_string).collect();
    let more = if lines.len() > LISTED_LINES { " and others" } else { "" };
    format!("Lines that exist: {}{more}.", listed.join(", "))
}

/// Which backend to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// `rppal` on a Raspberry Pi, `chardev` everywhere else.
    #[default]
    Auto,
    /// The registers of a Raspberry Pi.
    Rppal,
    /// The kernel's GPIO character device: any Linux machine.
    Chardev,
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "rppal" => Ok(Self::Rppal),
            "chardev" => Ok(Self::Chardev),
            other => Err(format!("`{other}` is no GPIO backend: use `auto`, `rppal` or `chardev`.")),
        }
    }
}

/// Opens the backend for the lines of this machine.
///
/// # Errors
/// [`GpioError::NotHere`] when this machine has no such lines, [`GpioError::Permission`] when they may not be used.
pub fn open(backend: Backend) -> Result<Box<dyn GpioBackend>, GpioError> {
    match backend {
        Backend::Rppal => Ok(Box::new(RaspberryPi::new()?)),
        Backend::Chardev => Ok(Box::new(CharacterDevice::new()?)),
        Backend::Auto => match RaspberryPi::new() {
            Ok(lines) => Ok(Box::new(lines)),
            Err(GpioError::NotHere { .. }) => Ok(Box::new(CharacterDevice::new()?)),
            Err(error) => Err(error),
        },
    }
}

#[cfg(test)]
mod tests;
