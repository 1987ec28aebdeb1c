//! The real recogniser on real recordings, through the whole appliance: file, voice loop, orchestrator, line.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use victus_tests::{program, shared};

/// A home whose names are those of the recordings.
const HOME: &str = r#"
[[entity]]
name = "Bed light"
kind = "light"
area = "Bedroom"
driver = { gpio = { line = "L1" } }

[[entity]]
name = "Kitchen light"
kind = "light"
area = "Kitchen"
driver = { gpio = { line = "L2" } }

[[entity]]
name = "TV"
kind = "switch"
area = "Office"
driver = { gpio = { line = "L3" } }

[[entity]]
name = "Sliding door"
kind = "cover"
area = "Office"
driver = { gpio = { line = "L4" } }

[[entity]]
name = "Front door"
kind = "lock"
area = "Hall"
driver = { gpio = { line = "L5" } }

[[entity]]
name = "Living room lamp"
kind = "light"
area = "Living room"
driver = { gpio = { line = "L6" } }
"#;

/// Recordings of people and of a synthetic voice, with the intent of each.
const RECORDINGS: &[(&str, &str)] = &[
    ("commands-tts/turn_bed_light_on.wav", "HassTurnOn"),
    ("commands-tts/turn_bed_light_off.wav", "HassTurnOff"),
    ("commands-tts/turn_on_the_kitchen_lights.wav", "HassTurnOn"),
    ("commands-tts/turn_on_lights_in_the_kitchen.wav", "HassTurnOn"),
    ("commands-tts/turn_off_all_of_the_lights_in_the_kitchen.wav", "HassTurnOff"),
    ("commands-tts/turn_on_the_tv.wav", "HassTurnOn"),
    ("commands-tts/open_the_sliding_door.wav", "HassTurnOn"),
    ("commands-tts/close_the_sliding_door.wav", "HassTurnOff"),
    ("commands-tts/is_the_sliding_door_open.wav", "HassGetState"),
    ("commands-tts/unlock_the_front_door.wav", "HassTurnOff"),
    ("commands-tts/what_s_the_time.wav", "HassGetCurrentTime"),
    ("commands-tts/start_a_timer_for_1_minute.wav", "HassStartTimer"),
    ("commands-human/turn_on_the_living_room_lamp.wav", "HassTurnOn"),
    ("commands-human/lock_the_front_door.wav", "HassTurnOn"),
    ("commands-human/set_a_timer_for_5_minutes.wav", "HassStartTimer"),
    ("commands-human/cancel_all_timers.wav", "HassCancelAllTimers"),
];

/// How many of the recordings have to be understood. The rest is the next step's work; fewer is a fault.
const UNDERSTOOD_AT_LEAST: usize = 12;

#[test]
fn recordings_are_heard_understood_and_carried_out() {
    let Some(audio) = shared("audio") else { return };
    if !std::path::Path::new("/usr/share/pocketsphinx/model/en-us").exists() {
        victus_tests::skip("pocketsphinx-en-us is not installed (packaging/dependencies test)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("victus.toml");
    std::fs::write(&config, HOME).unwrap();
    let mut command = Command::new(program("victus"));
    command.arg("hear").args(RECORDINGS.iter().map(|(file, _)| audio.join(file)));
    command.arg("--fast").arg("--simulate").arg("--config").arg(&config);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut heard: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        heard.entry(event["file"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    assert_eq!(heard.len(), RECORDINGS.len());
    let mut understood = 0;
    for (file, intent) in RECORDINGS {
        let events = &heard[audio.join(file).to_str().unwrap()];
        let find = |name: &str| events.iter().find(|event| event["event"] == name);
        let transcript = find("transcript").map_or("", |event| event["text"].as_str().unwrap_or(""));
        let right = find("intent").is_some_and(|event| event["intent"] == *intent);
        println!("{} {file}: “{transcript}”", if right { "right" } else { "WRONG" });
        understood += usize::from(right);
        assert!(find("endpoint").is_some() && find("reply").is_some(), "{file}: {events:?}");
    }
    assert!(understood >= UNDERSTOOD_AT_LEAST, "{understood} of {} understood", RECORDINGS.len());
}

#[test]
fn the_same_recording_gives_the_same_events_at_any_pace() {
    let Some(audio) = shared("audio/commands-tts/turn_bed_light_on.wav") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("victus.toml");
    std::fs::write(&config, HOME).unwrap();
    let events = |fast: bool| -> Vec<Value> {
        let mut command = Command::new(program("victus"));
        command.arg("hear").arg(&audio).arg("--simulate").arg("--config").arg(&config);
        if fast {
            command.arg("--fast");
        }
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        // Partials are signals: how many are seen depends on who looks when.
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] != "partial").collect()
    };
    let paced = events(false);
    assert!(paced.iter().any(|event| event["event"] == "transcript"), "{paced:?}");
    assert_eq!(paced, events(true));
}

#[test]
fn recordings_are_heard_with_the_sentences_of_a_foreign_domain() {
    let Some(audio) = shared("audio") else { return };
    if !std::path::Path::new("/usr/share/pocketsphinx/model/en-us").exists() {
        victus_tests::skip("pocketsphinx-en-us is not installed (packaging/dependencies test)");
        return;
    }
    let labels = std::fs::read_to_string(audio.join("barista/labels.json")).unwrap();
    let labels: BTreeMap<String, Value> = serde_json::from_str(&labels).unwrap();
    let files: Vec<_> = labels.keys().take(2).map(|file| audio.join("barista").join(file)).collect();
    let sentences = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sentences");
    // An empty folder of models: PocketSphinx hears.
    let state = tempfile::tempdir().unwrap();
    let hear = |offset: &str| {
        let mut command = Command::new(program("victus"));
        command.args(["hear", "--json", "--state"]).arg(state.path()).args(&files).env_remove("VICTUS_MODELS");
        command.arg("--sentences").arg(sentences.join("barista"));
        command.arg("--fixtures").arg(sentences.join("barista_names.yaml"));
        command.arg("--noise").arg(audio.join("noise/kitchen.wav")).args(["--snr", "30", "--noise-offset", offset]);
        command.output().unwrap()
    };
    let output = hear("1.5");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let heard: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(heard.len(), 2, "{text}");
    for line in &heard {
        assert!(line["file"].as_str().unwrap().contains("barista") && !line["text"].as_str().unwrap().is_empty());
        assert!(line["intent"] == "orderDrink" && line["slots"]["coffeeDrink"].is_string(), "{line}");
    }
    let beyond = hear("5000");
    let complaint = String::from_utf8_lossy(&beyond.stderr).into_owned();
    assert!(beyond.status.code() == Some(1) && complaint.contains("choose an earlier place"), "{complaint}");
}
