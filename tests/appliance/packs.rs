//! Sentences of a community that nobody here wrote, through the real program, counted by their own scorer.

use std::process::Command;

use victus_tests::{installed, program, shared, skip};

#[test]
fn every_case_of_every_pack_is_understood() {
    let Some(scorer) = shared("intents/score.py") else { return };
    let Some(python) = installed(&["python3"]) else { return skip("python3 is not installed: apt install python3") };
    let command = format!("'{}' intents match", program("victus").display());
    let run = Command::new(python).arg(scorer).args(["--command", &command, "--floor", "100"]).output().unwrap();
    let table = String::from_utf8_lossy(&run.stdout);
    println!("{table}");
    assert!(run.status.success(), "{table}{}", String::from_utf8_lossy(&run.stderr));
    assert!(table.lines().count() >= 7, "a line for each pack: {table}");
}
