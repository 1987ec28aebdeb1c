//! Stored requests decided again: the same by the same rules, and the differences of other rules before they are installed.

use std::process::{Command, Output, Stdio};

use victus_tests::daemon::Daemon;
use victus_tests::program;

/// Runs `victus` with the state of a daemon.
async fn victus(daemon: &Daemon, args: &[&str]) -> Output {
    let mut command = Command::new(program("victus"));
    command.arg("--state").arg(daemon.state()).args(args).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().expect("victus runs")).await.expect("no panic")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_decided_the_same_again_and_a_day_otherwise_by_other_rules() {
    let mut daemon = Daemon::start("").await;
    let first = daemon.ask("turn on the extraction fan").await;
    for text in ["turn it off again", "open the main valve", "undo that", "is the main valve open", "frobnicate"] {
        daemon.ask(text).await;
    }
    // What was said before is known after a restart too.
    daemon.kill();
    daemon.resume().await;
    let id = first["turn"].as_str().expect("an id");
    let same = victus(&daemon, &["replay", id]).await;
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stderr));
    assert_eq!(said(&same).trim(), "the same");

    let why = victus(&daemon, &["why", id]).await;
    let told = said(&why);
    assert!(told.starts_with("I heard: turn on the extraction fan. I understood: Extraction fan on"), "{told}");
    assert!(told.contains("of switching") && told.trim().ends_with("It was done."), "{told}");
    assert!(said(&victus(&daemon, &["why"]).await).contains("frobnicate"), "the last one");

    let trial = daemon.state().parent().expect("a folder").join("trial");
    let config =
        std::fs::read_to_string(daemon.state().parent().expect("a folder").join("victus.toml")).expect("a file");
    std::fs::create_dir_all(&trial).expect("a folder");
    let file = trial.join("victus.toml");
    let file_name = file.to_str().expect("text");
    std::fs::write(&file, &config).expect("a file");
    let same = victus(&daemon, &["replay", "--since", "1h", "--with", file_name]).await;
    assert!(same.status.success(), "{}{}", said(&same), String::from_utf8_lossy(&same.stderr));
    assert_eq!(said(&same).trim(), "0 of 6 requests would be decided otherwise");

    let route = "[[route]]\nwhen = { intent = \"HassTurnOff\" }\nthen = { refuse = \"nothing is switched off\" }\n";
    std::fs::write(&file, format!("{config}{route}")).expect("a file");
    let other = victus(&daemon, &["replay", "--since", "1h", "--with", file_name]).await;
    assert_eq!(other.status.code(), Some(1));
    let told = said(&other);
    assert!(told.contains("“turn it off again”") && told.contains("plan: [{"), "{told}");
    assert!(told.trim().ends_with("1 of 6 requests would be decided otherwise"), "{told}");
    assert_eq!(daemon.line("GPIO17"), "low", "nothing was done");
    let wrong = victus(&daemon, &["replay", "--since", "yesterday", "--with", file_name]).await;
    assert_eq!(wrong.status.code(), Some(2));
}
