//! Simulated lines in a directory, shared by every process that opens it.
//!
//! # Format
//! A line `NAME` (visible ASCII without `/` and `~`, no `.` in front; a line by chip and offset is `CHIP:OFFSET`) exists
//! when the directory has a file of that name. Its files are:
//!
//! | file | content |
//! | --- | --- |
//! | `NAME` | what drives the line from outside: `0`, `1`, or `z` for nothing. Replace it by renaming over it. |
//! | `NAME~pull` | the level when nothing drives it: `down` (also when absent) or `up` |
//! | `NAME~held` | who holds it: an exclusive `flock` on this file. First byte: level of an output (`0`, `1`) or bias of an input (`-`, `u`, `d`); then `output` or `input` and the process id. Meaningless without the lock. |
//! | `NAME~fault` | absent, or `stuck 0`, `stuck 1`, `busy`, `write-error` |
//! | `.guard` | locked for the moment in which somebody looks at or changes a `~held` lock |
//!
//! The kernel drops a `flock` when its process ends, however it ends, exactly as it frees a real line: after `kill -9`
//! an output reads as its pull.
//!
//! Owns this format and its faults. Leaves what the lines mean to [`crate::points`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{Bias, GpioBackend, GpioError, InputLine, Level, LineReference, OutputLine, known_lines};

/// The guard is held for microseconds; a process that was stopped while holding it is waited for this long.
const GUARD_TRIES: u32 = 2_000;
const GUARD_PAUSE: Duration = Duration::from_millis(1);

/// What is wrong with a simulated line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The line has this level, whatever drives it.
    Stuck(Level),
    /// Another program seems to hold the line.
    Busy,
    /// Driving the line fails.
    WriteError,
}

impl Fault {
    fn text(self) -> &'static str {
        match self {
            Self::Stuck(Level::Low) => "stuck 0",
            Self::Stuck(Level::High) => "stuck 1",
            Self::Busy => "busy",
            Self::WriteError => "write-error",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Stuck(Level::Low), Self::Stuck(Level::High), Self::Busy, Self::WriteError]
            .into_iter()
            .find(|fault| fault.text() == text)
    }
}

/// Simulated lines in a directory. A clone sees the same lines.
#[derive(Debug, Clone)]
pub struct SimulatedGpio {
    directory: PathBuf,
}

impl SimulatedGpio {
    /// Opens the lines in `directory`, which is created if it is absent. Lines are added with [`Self::add_line`].
    ///
    /// # Errors
    /// [`GpioError::NotHere`] when the directory cannot be created.
    pub fn open(directory: &Path) -> Result<Self, GpioError> {
        fs::create_dir_all(directory).map_err(|error| GpioError::NotHere {
            backend: "simulated",
            reason: format!("the directory {} cannot be created: {error}", directory.display()),
            advice: "Name a directory that this user may write to.",
        })?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Adds a line, or sets the pull of one that exists.
    ///
    /// # Errors
    /// [`GpioError::NoSuchLine`] for a name that no line may have, [`GpioError::Device`] when a file cannot be written.
    pub fn add_line(&self, line: &LineReference, pull: Level) -> Result<(), GpioError> {
        let name = file_name(line)?;
        let pull = match pull {
            Level::Low => "down\n",
            Level::High => "up\n",
        };
        self.replace(&format!("{name}~pull"), pull, line)?;
        if self.path(&name).exists() { Ok(()) } else { self.replace(&name, "z\n", line) }
    }

    /// Drives a line from outside, as a button or a sensor does; `None` stops driving it.
    ///
    /// # Errors
    /// As [`Self::add_line`]; also when the line does not exist.
    pub fn drive(&self, line: &LineReference, level: Option<Level>) -> Result<(), GpioError> {
        let name = self.existing(line)?;
        let text = match level {
            Some(Level::Low) => "0\n",
            Some(Level::High) => "1\n",
            None => "z\n",
        };
        self.replace(&name, text, line)
    }

    /// Breaks a line, or repairs it with `None`.
    ///
    /// # Errors
    /// As [`Self::drive`].
    pub fn set_fault(&self, line: &LineReference, fault: Option<Fault>) -> Result<(), GpioError> {
        let name = self.existing(line)?;
        let file = format!("{name}~fault");
        match fault {
            Some(fault) => self.replace(&file, &format!("{}\n", fault.text()), line),
            None => match fs::remove_file(self.path(&file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(line, "set", &error)),
                _ => Ok(()),
            },
        }
    }

    /// The level that a meter on the line would show.
    ///
    /// # Errors
    /// As [`Self::drive`].
    pub fn level(&self, line: &LineReference) -> Result<Level, GpioError> {
        let name = self.existing(line)?;
        if let Some(Fault::Stuck(level)) = self.fault(&name) {
            return Ok(level);
        }
        let bias = match self.record(&name).map_err(|error| failed(line, "read", &error))? {
            Some(record) => match record.bytes().next() {
                Some(b'0') => return Ok(Level::Low),
                Some(b'1') => return Ok(Level::High),
                Some(b'u') => Some(Level::High),
                Some(b'd') => Some(Level::Low),
                _ => None,
            },
            None => None,
        };
        let pull = if self.text(&format!("{name}~pull")) == "up" { Level::High } else { Level::Low };
        Ok(match self.text(&name).as_str() {
            "0" => Level::Low,
            "1" => Level::High,
            _ => bias.unwrap_or(pull),
        })
    }

    /// Who holds the line: `output` or `input`, and the process id; `None` when nobody does.
    ///
    /// # Errors
    /// As [`Self::drive`].
    pub fn holder(&self, line: &LineReference) -> Result<Option<String>, GpioError> {
        let name = self.existing(line)?;
        let record = self.record(&name).map_err(|error| failed(line, "read", &error))?;
        Ok(record.map(|record| record.split_once(' ').map_or_else(String::new, |(_, who)| who.trim_end().to_owned())))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The trimmed content of a file; empty when it is absent.
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default().trim().to_owned()
    }

    fn fault(&self, name: &str) -> Option<Fault> {
        Fault::parse(&self.text(&format!("{name}~fault")))
    }

    fn existing(&self, line: &LineReference) -> Result<String, GpioError> {
        let name = file_name(line)?;
        if self.path(&name).exists() {
            return Ok(name);
        }
        Err(GpioError::NoSuchLine { line: line.to_string(), known: known_lines(&self.lines()?) })
    }

    fn replace(&self, file: &str, text: &str, line: &LineReference) -> Result<(), GpioError> {
        // The process id keeps two writers from sharing a half-written file.
        let temporary = self.path(&format!(".{file}.{}.{:?}", std::process::id(), std::thread::current().id()));
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, self.path(file)))
            .map_err(|error| failed(line, "set", &error))
    }

    /// Keeps all others from looking at or taking a line until the returned file is dropped.
    fn guard(&self) -> io::Result<File> {
        let guard = open(&self.path(".guard"))?;
        for _ in 0..GUARD_TRIES {
            if try_lock(&guard)? {
                return Ok(guard);
            }
            std::thread::sleep(GUARD_PAUSE);
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "another process holds the file .guard in the simulation directory",
        ))
    }

    /// What the holder of a line wrote; `None` when nobody holds it.
    fn record(&self, name: &str) -> io::Result<Option<String>> {
        let _guard = self.guard()?;
        let held = open(&self.path(&format!("{name}~held")))?;
        if try_lock(&held)? { Ok(None) } else { fs::read_to_string(self.path(&format!("{name}~held"))).map(Some) }
    }

    /// Takes the line; `first` is the first byte of its record.
    fn hold(&self, line: &LineReference, first: u8, direction: &str) -> Result<Held, GpioError> {
        let name = self.existing(line)?;
        if self.fault(&name) == Some(Fault::Busy) {
            return Err(GpioError::Busy { line: line.to_string(), holder: "a simulated program".to_owned() });
        }
        let requested = |error: io::Error| failed(line, "requested", &error);
        let guard = self.guard().map_err(requested)?;
        let file = open(&self.path(&format!("{name}~held"))).map_err(requested)?;
        if !try_lock(&file).map_err(requested)? {
            drop(guard);
            let holder = self.holder(line)?.unwrap_or_else(|| "that has just ended".to_owned());
            return Err(GpioError::Busy { line: line.to_string(), holder: format!("a process ({holder})") });
        }
        // Written under the guard, so that nobody sees the line held with the level of its last holder.
        let record = format!("{} {direction} {}\n", char::from(first), std::process::id());
        file.set_len(0).and_then(|()| file.write_all_at(record.as_bytes(), 0)).map_err(requested)?;
        Ok(Held { gpio: self.clone(), line: line.clone(), file })
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// Whether the lock could be taken; never waits.
fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The name of a line's file.
fn file_name(line: &LineReference) -> Result<String, GpioError> {
    let name = line.to_string();
    // `~` separates a line from its side files; a dot in front marks the guard, temporary files and `..`.
    let good = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b'~');
    if good {
        return Ok(name);
    }
    let known = "A simulated line has a name of up to 64 visible ASCII characters without / and ~.".to_owned();
    Err(GpioError::NoSuchLine { line: name, known })
}

fn failed(line: &LineReference, action: &'static str, error: &io::Error) -> GpioError {
    GpioError::Device { line: line.to_string(), action, reason: error.to_string() }
}

impl GpioBackend for SimulatedGpio {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn request_output(&self, line: &LineReference, initial: Level) -> Result<Box<dyn OutputLine>, GpioError> {
        Ok(Box::new(self.hold(line, digit(initial), "output")?))
    }

    fn request_input(&self, line: &LineReference, bias: Bias) -> Result<Box<dyn InputLine>, GpioError> {
        let first = match bias {
            Bias::AsIs | Bias::Disabled => b'-',
            Bias::PullUp => b'u',
            Bias::PullDown => b'd',
        };
        Ok(Box::new(self.hold(line, first, "input")?))
    }

    fn lines(&self) -> Result<Vec<LineReference>, GpioError> {
        let unreadable = |error: io::Error| GpioError::NotHere {
            backend: "simulated",
            reason: format!("the directory {} cannot be read: {error}", self.directory.display()),
            advice: "Name a directory that this user may read.",
        };
        let mut lines = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            if let Some(name) = name.to_str().filter(|name| !name.starts_with('.') && !name.contains('~')) {
                lines.push(match name.split_once(':') {
                    Some((chip, offset)) if offset.parse::<u32>().is_ok() => {
                        LineReference::Offset { chip: chip.to_owned(), offset: offset.parse().unwrap_or_default() }
                    }
                    _ => LineReference::Name(name.to_owned()),
                });
            }
        }
        lines.sort();
        Ok(lines)
    }
}

const fn digit(level: Level) -> u8 {
    match level {
        Level::Low => b'0',
        Level::High => b'1',
    }
}

/// A held line: the lock on its `~held` file.
#[derive(Debug)]
struct Held {
    gpio: SimulatedGpio,
    line: LineReference,
    file: File,
}

impl OutputLine for Held {
    fn set(&mut self, level: Level) -> Result<(), GpioError> {
        if self.gpio.fault(&file_name(&self.line)?) == Some(Fault::WriteError) {
            return Err(failed(&self.line, "set", &io::Error::other("simulated write error")));
        }
        // One byte, written in place: no reader sees half of it, and the lock stays on this very file.
        self.file.write_all_at(&[digit(level)], 0).map_err(|error| failed(&self.line, "set", &error))
    }

    fn read_back(&self) -> Result<Level, GpioError> {
        self.gpio.level(&self.line)
    }
}

impl InputLine for Held {
    fn read(&self) -> Result<Level, GpioError> {
        self.gpio.level(&self.line)
    }
}
