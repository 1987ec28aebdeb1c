//! A simulated instrument behind a pseudo-terminal: a real device node, so that everything above it is real.
//!
//! Owns the pty pair, a link to it in the file system that stays the same over unplugging (as `/dev/serial/by-id`
//! does), the instrument's table of answers and its faults. Bytes leave at the pace of the baud rate (ten bits a byte).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// How long the thread of an instrument waits for bytes before it looks whether it has to end.
const LOOK: Duration = Duration::from_millis(10);

/// Longest request that an instrument keeps; longer ones are forgotten.
const LONGEST_REQUEST: usize = 1_024;

/// Garbage for [`InstrumentFault::Endless`]: more than any reader keeps.
const ENDLESS: usize = 2_000;

/// What an instrument says to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    answers: HashMap<String, String>,
    writes: Vec<WriteRule>,
}

/// A request that changes an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WriteRule {
    before: String,
    after: String,
    changes: Option<String>,
    says: Option<String>,
}

impl Answers {
    /// An instrument that answers nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `request` with `answer`.
    #[must_use]
    pub fn answer(mut self, request: &str, answer: &str) -> Self {
        self.answers.insert(request.to_owned(), answer.to_owned());
        self
    }

    /// Takes requests of the form `template` (with `{value}` for the value), remembers the value as the answer to
    /// `changes`, and says `says`.
    #[must_use]
    pub fn write(mut self, template: &str, changes: Option<&str>, says: Option<&str>) -> Self {
        let (before, after) = template.split_once("{value}").unwrap_or((template, ""));
        let owned = |text: Option<&str>| text.map(str::to_owned);
        self.writes.push(WriteRule {
            before: before.to_owned(),
            after: after.to_owned(),
            changes: owned(changes),
            says: owned(says),
        });
        self
    }

    /// Adds what it does not answer yet.
    fn add(&mut self, more: Self) {
        for (request, answer) in more.answers {
            self.answers.entry(request).or_insert(answer);
        }
        for write in more.writes {
            if !self.writes.contains(&write) {
                self.writes.push(write);
            }
        }
    }

    fn handle(&mut self, request: &str) -> Option<String> {
        if let Some(answer) = self.answers.get(request) {
            return Some(answer.clone());
        }
        for write in &self.writes {
            let value = request.strip_prefix(&write.before).and_then(|rest| rest.strip_suffix(&write.after));
            if let Some(value) = value {
                if let Some(changes) = &write.changes {
                    self.answers.insert(changes.clone(), value.to_owned());
                }
                return write.says.clone();
            }
        }
        None
    }
}

/// What is wrong with an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstrumentFault {
    /// It says nothing.
    Silent,
    /// It answers with bytes that are no text, as at a wrong baud rate.
    Garbage,
    /// It answers with a line that is far too long.
    Endless,
    /// It answers this much later.
    Late(Duration),
    /// It stops in the middle of its answer.
    Half,
    /// It hears and answers, but takes no new values.
    Stubborn,
}

#[derive(Debug)]
struct Shared {
    answers: Answers,
    fault: Option<InstrumentFault>,
    received: Vec<String>,
}

/// A simulated instrument. Dropping it unplugs it.
#[derive(Debug)]
pub struct Instrument {
    link: PathBuf,
    baud: u32,
    terminator: String,
    shared: Arc<Mutex<Shared>>,
    plugged: Option<Plugged>,
}

#[derive(Debug)]
struct Plugged {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Instrument {
    /// Plugs an instrument in; `link` becomes a link to its device.
    ///
    /// # Errors
    /// When no pseudo-terminal can be had or the link cannot be made.
    pub fn plug_in(link: &Path, baud: u32, terminator: &str, answers: Answers) -> io::Result<Self> {
        let shared = Shared { answers, fault: None, received: Vec::new() };
        let mut instrument = Self {
            link: link.to_owned(),
            baud: baud.max(1),
            terminator: terminator.to_owned(),
            shared: Arc::new(Mutex::new(shared)),
            plugged: None,
        };
        instrument.replug()?;
        Ok(instrument)
    }

    /// The link to the device.
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Pulls the plug: the link goes and whoever has the device open reads its end.
    pub fn unplug(&mut self) {
        if let Some(mut plugged) = self.plugged.take() {
            plugged.stop.store(true, Ordering::Release);
            if plugged.thread.take().is_some_and(|thread| thread.join().is_err()) {
                log::warn!("The thread of a simulated instrument ended with a panic.");
            }
        }
        if let Err(error) = std::fs::remove_file(&self.link)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("The link {} cannot be removed: {error}", self.link.display());
        }
    }

    /// Plugs it in again, with what it remembers.
    ///
    /// # Errors
    /// As [`Self::plug_in`].
    pub fn replug(&mut self) -> io::Result<()> {
        self.unplug();
        let (ours, theirs, device) = pair()?;
        std::os::unix::fs::symlink(&device, &self.link)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut worker = Worker {
            ours: File::from(ours),
            _theirs: theirs,
            byte_time: Duration::from_secs(10) / self.baud,
            terminator: self.terminator.as_bytes().to_vec(),
            shared: Arc::clone(&self.shared),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("instrument".to_owned()).spawn(move || {
            if let Err(error) = worker.run() {
                log::warn!("A simulated instrument failed: {error}");
            }
        })?;
        self.plugged = Some(Plugged { stop, thread: Some(thread) });
        Ok(())
    }

    /// Breaks it, or repairs it with `None`.
    pub fn set_fault(&self, fault: Option<InstrumentFault>) {
        lock(&self.shared).fault = fault;
    }

    /// Teaches it what it does not answer yet; what it answers stays as it is.
    pub fn learn(&self, answers: Answers) {
        lock(&self.shared).answers.add(answers);
    }

    /// Changes an answer, as a sensor does.
    pub fn set_answer(&self, request: &str, answer: &str) {
        lock(&self.shared).answers.answers.insert(request.to_owned(), answer.to_owned());
    }

    /// The last requests that it heard (up to 1024), oldest first.
    pub fn received(&self) -> Vec<String> {
        lock(&self.shared).received.clone()
    }
}

impl Drop for Instrument {
    fn drop(&mut self) {
        self.unplug();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pty pair in raw mode: our end, their end, and the path of their end.
fn pair() -> io::Result<(OwnedFd, OwnedFd, PathBuf)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    // Nobody may be reading: what does not fit is lost, as on a real line, and the thread never hangs.
    rustix::fs::fcntl_setfl(&ours, OFlags::RDWR | OFlags::NONBLOCK)?;
    let name = ptsname(&ours, Vec::new())?;
    // Held open by the instrument too, so that its end does not fail while nobody has opened the port.
    let theirs = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&theirs)?;
    settings.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &settings)?;
    let path = name.to_str().map(PathBuf::from).map_err(io::Error::other)?;
    Ok((ours, theirs, path))
}

/// The thread of an instrument.
#[derive(Debug)]
struct Worker {
    ours: File,
    _theirs: OwnedFd,
    byte_time: Duration,
    terminator: Vec<u8>,
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&mut self) -> io::Result<()> {
        let mut heard: Vec<u8> = Vec::new();
        let mut chunk = [0; 256];
        while !self.stop.load(Ordering::Acquire) {
            if !self.readable()? {
                continue;
            }
            let count = self.ours.read(&mut chunk)?;
            heard.extend(chunk.iter().take(count));
            while let Some(end) = find(&heard, &self.terminator) {
                let line: Vec<u8> = heard.drain(..end + self.terminator.len()).collect();
                let request = String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned();
                self.pause(self.byte_time.saturating_mul(u32::try_from(line.len()).unwrap_or(u32::MAX)));
                self.answer(request)?;
            }
            if heard.len() > LONGEST_REQUEST {
                heard.clear();
            }
        }
        Ok(())
    }

    fn readable(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.ours, PollFlags::IN)];
        let look = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        match poll(&mut fds, Some(&look)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&mut self, request: String) -> io::Result<()> {
        let (answer, fault) = {
            let mut shared = lock(&self.shared);
            if shared.received.len() == LONGEST_REQUEST {
                shared.received.remove(0);
            }
            let fault = shared.fault;
            let answer = if fault == Some(InstrumentFault::Stubborn) {
                shared.answers.clone().handle(&request)
            } else {
                shared.answers.handle(&request)
            };
            shared.received.push(request);
            (answer, fault)
        };
        let Some(answer) = answer else { return Ok(()) };
        let mut bytes = answer.into_bytes();
        match fault {
            None | Some(InstrumentFault::Stubborn) => bytes.extend(&self.terminator),
            Some(InstrumentFault::Silent) => return Ok(()),
            Some(InstrumentFault::Garbage) => {
                bytes = vec![0xff, 0xfe, 0x80, 0x00];
                bytes.extend(&self.terminator);
            }
            Some(InstrumentFault::Endless) => bytes = vec![b'7'; ENDLESS],
            Some(InstrumentFault::Late(by)) => {
                self.pause(by);
                bytes.extend(&self.terminator);
            }
            Some(InstrumentFault::Half) => bytes.truncate(bytes.len().div_ceil(2)),
        }
        self.say(&bytes)
    }

    /// Writes byte by byte at the pace of the line; several at once where a byte is shorter than a pause can be.
    fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        let at_once = (1_000 / self.byte_time.as_micros().max(1)).clamp(1, 64);
        for chunk in bytes.chunks(usize::try_from(at_once).unwrap_or(1)) {
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            self.pause(self.byte_time.saturating_mul(u32::try_from(chunk.len()).unwrap_or(1)));
            match self.ours.write(chunk) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits, but not longer than until it is unplugged.
    fn pause(&self, mut length: Duration) {
        while !length.is_zero() && !self.stop.load(Ordering::Acquire) {
            let step = length.min(LOOK);
            std::thread::sleep(step);
            length = length.saturating_sub(step);
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}
