use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use victus_hw::clock::SimulatedClock;

use super::*;

/// A writer whose text can be read back.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Desk {
    page: Page,
    clock: Arc<SimulatedClock>,
    logger: Logger,
}

fn desk(filter: &str, colours: bool) -> Desk {
    // The macros look at the level of the process even where they are given a logger.
    log::set_max_level(log::LevelFilter::Trace);
    let (page, clock) = (Page::default(), Arc::new(SimulatedClock::new(0)));
    clock.advance(Duration::from_secs(100));
    let logger = Logger::new(Sink::lines(page.clone(), colours), Filter::parse(filter).unwrap(), clock.clone());
    Desk { page, clock, logger }
}

#[test]
fn a_line_has_time_level_module_message_and_values() {
    let desk = desk("info", false);
    desk.clock.advance(Duration::from_millis(1204));
    log::info!(logger: desk.logger, target: "victus_agent::orchestrator::run", entity = "fan.a", ms = 12, said = "turn on"; "switched {}", "on");
    assert_eq!(
        desk.page.take(),
        "    1.204 INFO  agent::orchestrator  switched on  entity=fan.a ms=12 said=\"turn on\"\n"
    );
    log::debug!(logger: desk.logger, target: "victus_agent", "too much");
    log::info!(logger: desk.logger, target: "rumqttc", "a library's story");
    assert_eq!(desk.page.take(), "");
}

#[test]
fn text_from_outside_cannot_steer_a_terminal_or_fake_a_line() {
    let desk = desk("info", false);
    let evil = "\u{1b}[2Jhello\r\n    0.000 ERROR fake\u{202e}";
    log::warn!(logger: desk.logger, target: "victus_web", said = evil; "heard {evil}");
    let expected = "    0.000 WARN  web  heard \\u{1b}[2Jhello\\r\n          |     0.000 ERROR fake\\u{202e}  \
                    said=\"\\u{1b}[2Jhello\\r\\n    0.000 ERROR fake\\u{202e}\"\n";
    assert_eq!(desk.page.take(), expected);
}

#[test]
fn colours_surround_and_never_change_the_text() {
    let (plain, coloured) = (desk("info", false), desk("info", true));
    for logger in [&plain.logger, &coloured.logger] {
        log::error!(logger: logger, target: "victus_hw", line = 17; "stuck");
    }
    let text = coloured.page.take();
    assert!(text.contains("\u{1b}[1;31mERROR\u{1b}[0m"), "{text:?}");
    let stripped: String = text
        .split('\u{1b}')
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(stripped, plain.page.take());
}

#[tokio::test]
async fn a_line_of_a_turn_carries_its_trace_id() {
    let desk = desk("info", false);
    let line = |logger: &Logger| log::info!(logger: logger, target: "victus_hw::gpio", "line on");
    victus_agent::trace::scope("7f3a", async {
        tokio::task::yield_now().await;
        line(&desk.logger);
        log::info!(logger: desk.logger, target: "victus_hw::gpio", trace = "other"; "named by itself");
    })
    .await;
    line(&desk.logger);
    let text = desk.page.take();
    let ends: Vec<&str> = text.lines().map(|line| line.split("hw::gpio  ").nth(1).unwrap()).collect();
    assert_eq!(ends, ["line on  trace=7f3a", "named by itself  trace=other", "line on"]);
}

#[test]
fn a_place_that_logs_too_much_is_cut_short_and_counted() {
    let desk = desk("info", false);
    let shout = |number: u32| log::warn!(logger: desk.logger, target: "victus_hw::serial", "no answer to {number}");
    for number in 0..200 {
        shout(number);
    }
    log::warn!(logger: desk.logger, target: "victus_hw::serial", "another place");
    let text = desk.page.take();
    assert_eq!(text.lines().count(), usize::try_from(MOST_PER_WINDOW).unwrap() + 1);
    assert!(text.ends_with("another place\n"));
    desk.clock.advance(WINDOW);
    log::info!(logger: desk.logger, target: "victus_agent", "anything");
    shout(1000);
    let text = desk.page.take();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].contains("WARN  hw::serial  left out 150 more lines of tests.rs:"), "{text}");
    assert!(lines[0].ends_with(" like the last in 10 s"), "{text}");
    assert!(lines[2].ends_with("no answer to 1000"), "{text}");
}

#[test]
fn the_table_of_places_is_bounded_and_a_library_counts_by_its_message() {
    let desk = desk("info", false);
    let say = |message: &str| {
        desk.logger
            .log(&Record::builder().level(Level::Warn).target("whisper").args(format_args!("{message}")).build());
    };
    for _ in 0..100 {
        say("the same again");
    }
    assert_eq!(desk.page.take().lines().count(), 50);
    for number in 0..10_000 {
        say(&format!("number {number}"));
    }
    assert_eq!(desk.page.take().lines().count(), 10_000);
    desk.clock.advance(WINDOW);
    say("number 1");
    let text = desk.page.take();
    assert!(text.contains("left out 50 more lines of \"the same again\" like the last"), "{text}");
}

#[test]
fn a_value_that_logs_while_it_is_shown_does_not_lock_up() {
    struct Chatty<'a>(&'a Logger);
    impl std::fmt::Display for Chatty<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            log::info!(logger: self.0, target: "victus_agent", "inner");
            f.write_str("outer")
        }
    }
    let desk = desk("info", false);
    log::info!(logger: desk.logger, target: "victus_agent", "{}", Chatty(&desk.logger));
    let text = desk.page.take();
    assert!(text.contains("inner") && text.ends_with("outer\n"), "{text}");
}

#[test]
fn installing_twice_is_an_error_and_a_panic_becomes_a_line() {
    let first = desk("info", false);
    let page = first.page.clone();
    first.logger.install().unwrap();
    assert!(matches!(desk("info", false).logger.install(), Err(LogError::Twice)));
    let worker = std::thread::Builder::new().name("worker".to_owned()).spawn(|| panic!("broken\nmicrophone")).unwrap();
    assert!(worker.join().is_err());
    let text = page.take();
    assert!(text.contains("ERROR victus::panic  panicked at daemon/src/logging/tests.rs:"), "{text}");
    assert!(text.contains("broken\n          | microphone") && text.contains("thread=worker"), "{text}");
}

/// The journal's socket has a fixed path, so this test starts itself again in a mount namespace with a `/run` of its own
/// and plays the journal there.
#[test]
fn under_systemd_a_line_is_a_journal_entry_with_its_fields() {
    if std::env::var_os("VICTUS_TEST_JOURNAL").is_some() {
        return play_journal();
    }
    let folder = tempfile::TempDir::new().unwrap();
    let stderr = std::fs::File::create(folder.path().join("stderr")).unwrap();
    let identity = rustix::fs::fstat(&stderr).unwrap();
    let script = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && exec \"$0\" --exact \"$1\" --nocapture";
    let test = "logging::tests::under_systemd_a_line_is_a_journal_entry_with_its_fields";
    let probe = std::process::Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "none", "/run"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "unshare -Urm does not work here");
        println!("skipped: no mount namespace can be made here (unshare -Urm)");
        return;
    }
    let output = std::process::Command::new("unshare")
        .args(["-Urm", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("VICTUS_TEST_JOURNAL", "1")
        .env("JOURNAL_STREAM", format!("{}:{}", identity.st_dev, identity.st_ino))
        .stderr(stderr)
        .output()
        .unwrap();
    let text = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{text}");
    assert!(text.contains("ERROR hw  the journal is gone  line=17"), "{text}");
}

fn play_journal() {
    log::set_max_level(log::LevelFilter::Trace);
    let path = "/run/systemd/journal/socket";
    let journal = UnixDatagram::bind(path).unwrap();
    journal.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let sink = Sink::detect(None);
    assert!(sink.is_journal());
    let logger = Logger::new(sink, Filter::default(), Arc::new(SimulatedClock::new(0)));
    victus_agent::trace::in_scope("7f3a", || {
        log::warn!(logger: logger, target: "victus_hw::gpio", entity = "fan.a"; "line\nstuck");
    });
    let mut buffer = [0; 8192];
    // The first datagram is the library's probe, and empty.
    assert_eq!(journal.recv(&mut buffer).unwrap(), 0);
    let received = journal.recv(&mut buffer).unwrap();
    let entry = &buffer[..received];
    let has = |part: &[u8]| entry.windows(part.len()).any(|window| window == part);
    assert!(has(b"PRIORITY=4\n"), "{}", String::from_utf8_lossy(entry));
    assert!(has(b"MESSAGE\n\x0a\0\0\0\0\0\0\0line\nstuck\n"));
    assert!(has(b"TARGET=victus_hw::gpio\n"));
    assert!(has(b"VICTUS_ENTITY\n\x05\0\0\0\0\0\0\0fan.a\n"));
    assert!(has(b"VICTUS_TRACE\n\x04\0\0\0\0\0\0\x007f3a\n"));
    drop(journal);
    std::fs::remove_file(path).unwrap();
    log::error!(logger: logger, target: "victus_hw", line = 17; "the journal is gone");
}
