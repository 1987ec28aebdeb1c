//! Tests of serial ports against a simulated instrument behind a real pseudo-terminal.

use std::sync::Mutex;

use super::*;

type Kept = Arc<Mutex<Vec<Result<String, SerialError>>>>;

/// An instrument, its port and the loop that serves it.
struct Rig {
    instrument: Instrument,
    handle: PortHandle,
    answers: Kept,
    service: tokio::task::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

fn config(directory: &tempfile::TempDir) -> PortConfig {
    PortConfig {
        timeout: Duration::from_millis(300),
        reopen_first: Duration::from_millis(10),
        reopen_longest: Duration::from_millis(40),
        baud: 115_200,
        ..PortConfig::new("plc", directory.path().join("plc"))
    }
}

fn answers() -> Answers {
    Answers::new().answer("READ", "21.5").write("SET {value}", Some("READ"), Some("OK"))
}

fn serve(config: PortConfig, polls: Vec<Poll>) -> (PortHandle, Kept, tokio::task::JoinHandle<()>) {
    let mut service = PortLoop::new(config, polls);
    let handle = service.handle();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&answers);
    let service = tokio::spawn(async move {
        service.run(|_, answer| kept.lock().unwrap().push(answer)).await;
    });
    (handle, answers, service)
}

fn rig(polled: bool) -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory);
    let instrument = Instrument::plug_in(&config.path, config.baud, &config.terminator, answers()).unwrap();
    let poll = Poll { point: "p".to_owned(), request: "READ".to_owned(), every: Duration::from_millis(20) };
    let (handle, answers, service) = serve(config, if polled { vec![poll] } else { Vec::new() });
    Rig { instrument, handle, answers, service, _directory: directory }
}

/// Waits until `condition` holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Rig {
    async fn write(&self, line: &str, confirm: Option<&str>) -> Result<Option<String>, SerialError> {
        let (handle, line, confirm) = (self.handle.clone(), line.to_owned(), confirm.map(str::to_owned));
        tokio::task::spawn_blocking(move || handle.write(&line, confirm.as_deref())).await.unwrap()
    }

    async fn open(&self) {
        until("the port is open", || self.handle.health().borrow().open).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_confirmed_and_polls_go_on() {
    let rig = rig(true);
    rig.open().await;
    until("a first answer", || rig.answers.lock().unwrap().contains(&Ok("21.5".to_owned()))).await;
    assert_eq!(rig.write("SET 30.25", Some("READ")).await, Ok(Some("30.25".to_owned())));
    until("the new answer", || rig.answers.lock().unwrap().last() == Some(&Ok("30.25".to_owned()))).await;
    // What the instrument said about the write was never taken for an answer.
    assert!(!rig.answers.lock().unwrap().contains(&Ok("OK".to_owned())));
    assert_eq!(rig.write("SET 1", None).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_an_error_with_advice_and_none_sticks() {
    let rig = rig(false);
    rig.open().await;
    let late = InstrumentFault::Late(Duration::from_millis(450));
    for (fault, said) in [
        (InstrumentFault::Silent, "did not answer `READ` within 300ms."),
        (InstrumentFault::Half, "only 2 bytes without an end"),
        (InstrumentFault::Endless, "only a line that never ended"),
        (InstrumentFault::Garbage, "something that is no text"),
        (late, "did not answer `READ`"),
    ] {
        rig.instrument.set_fault(Some(fault));
        let error = rig.write("HELLO", Some("READ")).await.unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("Check"), "{fault:?}: {error}");
        rig.instrument.set_fault(None);
        // A late or broken answer is never taken for that to the next request.
        rig.instrument.set_answer("READ", "99");
        assert_eq!(rig.write("HELLO", Some("READ")).await, Ok(Some("99".to_owned())), "after {fault:?}");
        rig.instrument.set_answer("READ", "21.5");
    }
    let health = rig.handle.health().borrow().clone();
    assert_eq!(health.timeouts, 4);
    assert!(health.dropped_bytes > 1_500 && health.open && health.opened == 1, "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unplugged_port_is_opened_again_when_it_is_back() {
    let mut rig = rig(true);
    rig.open().await;
    rig.instrument.unplug();
    until("the unplugging is seen", || !rig.handle.health().borrow().open).await;
    let error = rig.write("SET 5", None).await.unwrap_err();
    assert!(matches!(error, SerialError::Missing { .. } | SerialError::Unplugged { .. }), "{error}");
    assert!(matches!(rig.answers.lock().unwrap().last(), Some(Err(_))));
    rig.instrument.replug().unwrap();
    rig.open().await;
    assert_eq!(rig.write("SET 5", Some("READ")).await, Ok(Some("5".to_owned())));
    assert_eq!(rig.handle.health().borrow().opened, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_holds_says_what_to_do_and_is_taken_once_it_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory);
    let _instrument = Instrument::plug_in(&config.path, config.baud, &config.terminator, answers()).unwrap();
    let other = port::OpenPort::open(&config).unwrap();
    let (handle, _, _service) = serve(config, Vec::new());
    until("the trouble is known", || handle.health().borrow().trouble.is_some()).await;
    let trouble = handle.health().borrow().trouble.clone().unwrap();
    assert!(trouble.contains("is in use by another program") && trouble.contains("fuser"), "{trouble}");
    drop(other);
    until("the port is open", || handle.health().borrow().open).await;
}

#[tokio::test]
async fn a_port_that_does_not_exist_says_where_to_look() {
    let directory = tempfile::tempdir().unwrap();
    let error = port::OpenPort::open(&config(&directory)).unwrap_err();
    assert!(matches!(error, SerialError::Missing { .. }) && error.to_string().contains("by-id"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_what_was_given_up_is_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory);
    let instrument = Instrument::plug_in(&config.path, config.baud, &config.terminator, answers()).unwrap();
    let mut service = PortLoop::new(config, Vec::new());
    let handle = service.handle();
    // Nobody serves the queue yet: every writer gives up in the end, and one more than it holds is refused.
    let writers: Vec<_> = (0..QUEUE)
        .map(|number| {
            let handle = handle.clone();
            tokio::task::spawn_blocking(move || handle.write(&format!("SET {number}"), None))
        })
        .collect();
    until("the queue is full", || handle.queue.capacity() == 0).await;
    assert!(matches!(handle.write("SET 99", None), Err(SerialError::QueueFull { .. })));
    for writer in writers {
        assert!(matches!(writer.await.unwrap(), Err(SerialError::TooLate { .. })));
    }
    let service = tokio::spawn(async move { service.run(|_, _| {}).await });
    until("the port is open", || handle.health().borrow().open).await;
    let answer = tokio::task::spawn_blocking({
        let handle = handle.clone();
        move || handle.write("SET 7", Some("READ"))
    });
    assert_eq!(answer.await.unwrap(), Ok(Some("7".to_owned())));
    assert_eq!(instrument.received(), ["SET 7", "READ"]);
    service.abort();
    until("the loop has ended", || matches!(handle.write("SET 8", None), Err(SerialError::NotServed { .. }))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_ends_tells_those_who_wait() {
    let rig = rig(false);
    rig.open().await;
    rig.instrument.set_fault(Some(InstrumentFault::Silent));
    let handle = rig.handle.clone();
    let waiting = tokio::task::spawn_blocking(move || handle.write("HELLO", Some("READ")));
    until("the request was heard", || rig.instrument.received().contains(&"HELLO".to_owned())).await;
    rig.service.abort();
    assert!(matches!(waiting.await.unwrap(), Err(SerialError::Uncertain { .. })));
}

#[test]
fn only_one_side_decides_over_a_request() {
    let turn = Turn::default();
    assert!(turn.take() && !turn.give_up() && !turn.take());
    let turn = Turn::default();
    assert!(turn.give_up() && !turn.take());
}
