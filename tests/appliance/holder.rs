//! `victus-safe` beside a daemon that is killed: the lines go into their safe state, against their pull, and stay there.

use std::process::{Child, Command, Stdio};

use serde_json::json;
use victus_hw::gpio::{Level, SimulatedGpio};
use victus_tests::daemon::{Daemon, simulated_lines};
use victus_tests::{eventually, program};

/// A holder, ended with the test.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts a holder beside a daemon.
async fn start(daemon: &Daemon) -> Holder {
    let holder = Command::new(program("victus-safe"))
        .arg("--socket")
        .arg(daemon.state().join("safe.sock"))
        .arg("--simulate")
        .arg(simulated_lines(&daemon.state()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("victus-safe starts");
    let holder = Holder(holder);
    eventually("the holder to listen", || {
        let there = daemon.state().join("safe.sock").exists();
        async move { there.then_some(()) }
    })
    .await;
    holder
}

async fn held_low(daemon: &Daemon, gpio: &SimulatedGpio, line: &str) {
    eventually("the line to be held low", || {
        let held = daemon.line(line) == "low" && gpio.holder(&line.into()).unwrap().is_some();
        async move { held.then_some(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_leaves_every_line_held_in_its_safe_state_against_its_pull() {
    let mut daemon = Daemon::start("").await;
    daemon.kill();
    // The fan's line is pulled high, which is on: a line that nobody holds would run the fan.
    let gpio = SimulatedGpio::open(&simulated_lines(&daemon.state())).unwrap();
    let _holder = start(&daemon).await;
    for round in 0..3 {
        daemon.resume().await;
        gpio.add_line(&"GPIO17".into(), Level::High).unwrap();
        let turn = daemon.ask("turn on the extraction fan").await;
        assert_eq!(turn["outcome"], "done", "round {round}: {turn}");
        assert_eq!(daemon.value("fan.extraction_fan").await, json!(true));
        daemon.kill();
        held_low(&daemon, &gpio, "GPIO17").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_was_added_while_the_daemon_ran_is_held_too() {
    let mut daemon = Daemon::start("").await;
    daemon.kill();
    let _holder = start(&daemon).await;
    daemon.resume().await;
    daemon.add("[[entity]]\nname = \"Work lamp\"\nkind = \"light\"\ndriver = { gpio = { line = \"GPIO22\" } }\n");
    daemon.reload();
    let added = async || (daemon.ask("turn on the work lamp").await["outcome"] == "done").then_some(());
    eventually("the lamp to be known", added).await;
    let gpio = SimulatedGpio::open(&simulated_lines(&daemon.state())).unwrap();
    gpio.add_line(&"GPIO22".into(), Level::High).unwrap();
    daemon.kill();
    held_low(&daemon, &gpio, "GPIO22").await;
}
