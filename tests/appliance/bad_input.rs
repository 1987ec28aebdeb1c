//! Bad input at every door: a clear message that says what to do, never a panic, nothing lost.

use std::process::{Command, Output};

use serde_json::json;
use victus_tests::daemon::Daemon;
use victus_tests::program;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn assert_says(output: &Output, status: i32, words: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(status), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
fn an_unknown_key_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("victus.toml");
    std::fs::write(&config, "[device]\nid = \"box\"\n\n[web]\nlissten = []\n").unwrap();
    let output = Command::new(program("victusd")).arg("--config").arg(&config).arg("--check").output().unwrap();
    assert_says(&output, 2, &["victus.toml", "5", "lissten", "listen"]);
}

#[test]
fn a_good_configuration_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("victus.toml");
    std::fs::write(&config, "[device]\nid = \"box\"\n").unwrap();
    let output = Command::new(program("victusd")).arg("--config").arg(&config).arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_state_is_told_who_holds_it() {
    let daemon = Daemon::start("").await;
    let mut second = daemon.command();
    let output = tokio::task::spawn_blocking(move || second.output().unwrap()).await.unwrap();
    assert_says(&output, 1, &["another", "db"]);
    assert_eq!(daemon.ask("turn on the extraction fan").await["outcome"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_named_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("victus.toml");
    std::fs::write(&config, format!("[voice]\nenabled = false\n[web]\nlisten = [\"{address}\"]\n")).unwrap();
    let mut command = Command::new(program("victusd"));
    command.arg("--config").arg(&config).arg("--state").arg(folder.path().join("state")).arg("--simulate");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_says(&output, 1, &[&address.port().to_string(), "in use"]);
}

#[test]
fn a_wrong_recording_is_named_and_does_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for (name, bytes) in
        [("empty.wav", &b""[..]), ("text.wav", b"this is no sound"), ("torn.wav", b"RIFF\x24\0\0\0WAVEfmt ")]
    {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let mut command = Command::new(program("victus"));
        command.arg("hear").arg(&file).arg("--fast").arg("--simulate").arg("--state").arg(&state);
        assert_says(&command.output().unwrap(), 1, &[name]);
    }
    let missing = Command::new(program("victus"))
        .args(["hear", "/nowhere/missing.wav", "--fast", "--simulate", "--state"])
        .arg(&state)
        .output()
        .unwrap();
    assert_says(&missing, 1, &["missing.wav"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_understands_is_answered_and_recorded() {
    let daemon = Daemon::start("").await;
    for request in ["paint the fence green", "🦀", &"very ".repeat(90)] {
        let turn = daemon.ask(request).await;
        assert_eq!(turn["outcome"], "not_understood", "{turn}");
        assert!(turn["reply"].as_str().is_some_and(|reply| !reply.is_empty()));
        let id = turn["turn"].as_str().unwrap();
        assert_eq!(daemon.client().get(&format!("/api/v1/turns/{id}")).await.unwrap(), turn);
    }
    for (text, complaint) in [(String::new(), "text is empty"), ("very ".repeat(1000), "longer than 500 characters")] {
        let refused = daemon.client().post("/api/v1/ask", &json!({"text": text})).await.unwrap_err();
        assert!(refused.to_string().contains(complaint), "{refused}");
    }
    assert_eq!(daemon.value("fan.extraction_fan").await, json!(false));
}

#[test]
fn a_broken_or_missing_model_is_named_with_what_to_do_and_typed_requests_still_work() {
    let Some(models) = victus_tests::shared("models/whisper") else { return };
    for model in ["for-tests-ggml-whisper-bad-ndims.bin", "for-tests-ggml-tiny.en.bin", "ggml-not-there.bin"] {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("victus.toml");
        let text = format!("[voice]\nrecognizer = \"whisper\"\n[voice.whisper]\nmodel = \"{model}\"\n");
        std::fs::write(&config, text).unwrap();
        let recording = folder.path().join("silence.wav");
        victus_hw::audio::file::write_wav(&recording, &[0; 16_000], 16_000).unwrap();
        let victus = |arguments: &[&std::ffi::OsStr]| {
            let mut command = Command::new(program("victus"));
            command.args(arguments).arg("--simulate").arg("--config").arg(&config).env("VICTUS_MODELS", &models);
            command.output().unwrap()
        };
        let heard = victus(&["hear".as_ref(), recording.as_os_str(), "--fast".as_ref()]);
        assert_says(&heard, 1, &[model]);
        assert_eq!(victus(&["ask".as_ref(), "what time is it".as_ref()]).status.code(), Some(0));
    }
}

#[test]
fn a_client_without_a_daemon_is_told_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("victus")).args(["status", "--state"]).arg(folder.path()).output().unwrap();
    assert_says(&output, 1, &["victusd"]);
}
