//! `victus-safe`, the real program, with simulated lines and a process that is killed.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in the functions that tests share too")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use victus_hw::clock::{Clock, SystemClock};
use victus_hw::gpio::{GpioBackend, Level, LineReference, SimulatedGpio};
use victus_hw::points::{Limits, PointConfig, PointDriver, PointValue, Points, safe_lines};
use victus_hw::safe::{LONGEST_MESSAGE, SafeLine, SafeLink};

/// Names the test below that is run as a child.
const CHILD: &str = "child_that_holds_lines";
const PLACE: &str = "VICTUS_TEST_SAFE_DIRECTORY";
const DEADLINE: Duration = Duration::from_secs(30);

/// A pump that is safe when off and a brake that is safe when on, one of them active low.
fn configs() -> Vec<PointConfig> {
    let config = |id: &str, line: &str, active_low, safe| PointConfig {
        id: id.to_owned(),
        driver: PointDriver::GpioOutput { line: line.into(), active_low },
        limits: Limits { safe, ..Limits::default() },
    };
    vec![config("pump", "GPIO17", false, false), config("brake", "GPIO27", true, true)]
}

/// The level of each line when its point is safe.
const SAFE: [(&str, Level); 2] = [("GPIO17", Level::Low), ("GPIO27", Level::Low)];

struct Rig {
    directory: tempfile::TempDir,
    gpio: SimulatedGpio,
    safe: Child,
}

fn start_safe(directory: &Path) -> Child {
    let mut safe = Command::new(env!("CARGO_BIN_EXE_victus-safe"))
        .arg("--socket")
        .arg(directory.join("safe.sock"))
        .arg("--simulate")
        .arg(directory.join("gpio"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("victus-safe listens", || {
        assert_eq!(safe.try_wait().unwrap(), None, "victus-safe has ended");
        UnixStream::connect(directory.join("safe.sock")).is_ok()
    });
    safe
}

fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let gpio = SimulatedGpio::open(&directory.path().join("gpio")).unwrap();
    for (line, _) in SAFE {
        // The pull of both is the opposite of their safe level, so that only a held line is safe.
        gpio.add_line(&line.into(), Level::High).unwrap();
    }
    let safe = start_safe(directory.path());
    Rig { directory, gpio, safe }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = SystemClock::new(0);
    let end = clock.monotonic().saturating_add(DEADLINE);
    while !condition() {
        assert!(clock.monotonic() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

impl Rig {
    fn socket(&self) -> PathBuf {
        self.directory.path().join("safe.sock")
    }

    fn held_by(&self, child: &Child) -> bool {
        let who = format!("output {}", child.id());
        SAFE.iter().all(|(line, _)| self.gpio.holder(&(*line).into()).unwrap().as_ref() == Some(&who))
    }

    fn are_safe(&self) -> bool {
        SAFE.iter().all(|(line, level)| self.gpio.level(&(*line).into()).unwrap() == *level)
    }

    fn are_unsafe(&self) -> bool {
        SAFE.iter().all(|(line, level)| self.gpio.level(&(*line).into()).unwrap() != *level)
    }

    /// Starts a process that takes the lines and switches both to where they are not safe.
    fn start_child(&self) -> Child {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--ignored", "--nocapture"])
            .env(PLACE, self.directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("the child holds the lines", || self.held_by(&child) && self.are_unsafe());
        child
    }

    /// One line sent and one line answered on a connection.
    fn exchange(&self, bytes: &[u8]) -> (BufReader<UnixStream>, String) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut reader = BufReader::new(stream);
        let mut answer = String::new();
        reader.read_line(&mut answer).unwrap();
        (reader, answer)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.safe.kill().unwrap();
        self.safe.wait().unwrap();
    }
}

#[test]
#[ignore = "is run as a child process by the other tests of this file"]
fn child_that_holds_lines() {
    let Some(place) = std::env::var_os(PLACE).map(PathBuf::from) else {
        println!("skipped: {PLACE} is not set, as it is by the other tests of this file");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let configs = configs();
    let link = runtime.block_on(SafeLink::take(&place.join("safe.sock"), &safe_lines(&configs), DEADLINE));
    let mut link = link.unwrap();
    let gpio = SimulatedGpio::open(&place.join("gpio")).unwrap();
    let points = Points::new(&configs, Box::new(gpio), Arc::new(SystemClock::new(0))).unwrap();
    points.set("pump", PointValue::Switch(true)).unwrap();
    points.set("brake", PointValue::Switch(false)).unwrap();
    // Until it is killed, or the holder is.
    runtime.block_on(link.ended());
}

#[test]
fn lines_are_safe_after_kill_9_and_again_after_the_next() {
    let rig = rig();
    for round in 0..3 {
        let mut child = rig.start_child();
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        until("victus-safe holds the lines", || rig.held_by(&rig.safe));
        assert!(rig.are_safe(), "round {round}");
    }
}

#[test]
fn lines_are_released_for_a_client_and_taken_when_it_leaves() {
    let rig = rig();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lines = safe_lines(&configs());
    let link = runtime.block_on(SafeLink::take(&rig.socket(), &lines, DEADLINE)).unwrap();
    drop(link);
    until("victus-safe holds the lines", || rig.held_by(&rig.safe));
    let mut link = runtime.block_on(SafeLink::take(&rig.socket(), &lines, DEADLINE)).unwrap();
    // Free at once, without waiting.
    let held = rig.gpio.request_output(&"GPIO17".into(), Level::High).unwrap();
    // The lines change while the client lives; one that does not exist keeps none of the others from being held.
    let absent = SafeLine { line: LineReference::from("GPIO99"), active_low: false, safe: false };
    let lines: Vec<SafeLine> = [absent].into_iter().chain(lines).collect();
    runtime.block_on(link.renew(&lines, DEADLINE)).unwrap();
    drop(link);
    // The connection is gone and the line is still held, as it is for a moment by a process that dies.
    until("the free line is held", || rig.gpio.holder(&"GPIO27".into()).unwrap().is_some());
    assert_ne!(rig.gpio.holder(&"GPIO17".into()).unwrap(), Some(format!("output {}", rig.safe.id())));
    drop(held);
    until("victus-safe holds the lines", || rig.held_by(&rig.safe) && rig.are_safe());
}

#[test]
fn garbage_ends_neither_the_holder_nor_its_hold() {
    let mut rig = rig();
    let take =
        format!("{{\"take\":{{\"v\":1,\"lines\":{}}}}}\n", serde_json::to_string(&safe_lines(&configs())).unwrap());
    let (client, answer) = rig.exchange(take.as_bytes());
    assert_eq!(answer, "{\"taken\":{\"released\":0}}\n");
    drop(client);
    until("victus-safe holds the lines", || rig.held_by(&rig.safe));
    let long = vec![b'x'; LONGEST_MESSAGE + 10_000];
    let cases: [(&[u8], &str); 6] = [
        (b"\n", "That is no message"),
        (b"\xff\xfe\x00\n", "That is no message"),
        (b"{\"take\":{\"v\":1,\"lines\":[{\"line\":17}]}}\n", "That is no message"),
        (b"{\"take\":{\"v\":9,\"lines\":[]}}\n", "speaks version 1, not 9"),
        (b"{\"drop\":{}}\n", "That is no message"),
        (&long, "at most 65536 bytes"),
    ];
    for (bytes, expected) in cases {
        let (mut client, answer) = rig.exchange(bytes);
        assert!(answer.contains("refused") && answer.contains(expected), "{answer}");
        // Refused and closed: what was not read of the message may make that a reset.
        assert!(!matches!(client.read_line(&mut String::new()), Ok(1..)));
        assert!(rig.held_by(&rig.safe) && rig.are_safe(), "after {expected}");
    }
    // From a client that has taken the lines, garbage is refused and the connection stays.
    let (mut client, answer) = rig.exchange(take.as_bytes());
    assert_eq!(answer, "{\"taken\":{\"released\":2}}\n");
    client.get_mut().write_all(b"nonsense\n").unwrap();
    client.get_mut().write_all(&long).unwrap();
    client.get_mut().write_all(b"\n").unwrap();
    for expected in ["no message", "at most"] {
        let mut answer = String::new();
        client.read_line(&mut answer).unwrap();
        assert!(answer.contains(expected), "{answer}");
    }
    client.get_mut().write_all(take.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_line(&mut answer).unwrap();
    assert_eq!(answer, "{\"taken\":{\"released\":0}}\n");
    assert_eq!(rig.gpio.holder(&"GPIO17".into()).unwrap(), None);
    assert_eq!(rig.safe.try_wait().unwrap(), None);
}

#[test]
fn a_second_client_is_refused_and_the_first_keeps_its_lines() {
    let rig = rig();
    let mut child = rig.start_child();
    let (_, answer) = rig.exchange(b"");
    assert!(answer.contains("refused") && answer.contains("Another process is connected already"), "{answer}");
    assert!(rig.held_by(&child) && rig.are_unsafe());
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    until("victus-safe holds the lines", || rig.held_by(&rig.safe));
}

#[test]
fn sigterm_frees_the_lines_and_the_socket() {
    let mut rig = rig();
    let mut child = rig.start_child();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    until("victus-safe holds the lines", || rig.held_by(&rig.safe));
    signal(&rig.safe, Signal::TERM);
    assert!(rig.safe.wait().unwrap().success());
    assert!(!rig.socket().exists());
    assert_eq!(rig.gpio.holder(&"GPIO17".into()).unwrap(), None);
    // It starts again, also where a killed one left its socket behind.
    rig.safe = start_safe(rig.directory.path());
    signal(&rig.safe, Signal::KILL);
    rig.safe.wait().unwrap();
    assert!(rig.socket().exists());
    rig.safe = start_safe(rig.directory.path());
}

#[test]
fn a_wrong_call_and_a_second_holder_are_told_what_to_do() {
    let rig = rig();
    let call = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_victus-safe")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap())
    };
    let (socket, lines) = (rig.socket(), rig.directory.path().join("gpio"));
    let (socket, lines) = (socket.to_str().unwrap(), lines.to_str().unwrap());
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--socket", socket, "--simulate", lines], 1, "Another victus-safe listens"),
        (&["--socket", "/nowhere/safe.sock", "--simulate", lines], 1, "/nowhere/safe.sock can't be used"),
        (&[], 2, "--socket is missing"),
        (&["--socket"], 2, "--socket needs a value"),
        (&["--socket", socket, "--backend", "i2c"], 2, "`auto`, `rppal` or `chardev`"),
        (&["--help"], 0, "Usage: victus-safe"),
    ];
    for (arguments, status, expected) in cases {
        let (code, said) = call(arguments);
        assert_eq!(code, Some(status), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert!(UnixStream::connect(socket).is_ok());
}

#[test]
fn the_holder_does_not_need_the_sound_library() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_victus-safe")).unwrap();
    let needs = |library: &[u8]| program.windows(library.len()).any(|window| window == library);
    assert!(needs(b"libc.so"), "this is not the program that is meant");
    assert!(!needs(b"libasound.so"));
}
