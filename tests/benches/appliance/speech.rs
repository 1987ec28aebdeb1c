//! From the end of speech to the switched line.
//!
//! Owns the requests and what each must do. `victus hear` plays recordings at the pace of speech into the voice loop of an
//! appliance, and the turns that it has stored tell how long each part took.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use victus_tests::{program, shared};

use crate::figures::{figure, median};
use crate::measured::{Measured, Voice, configure};

/// Recordings and the intent and entities of each, in an order in which each one has something to switch.
const REQUESTS: [(&str, &str, &[&str]); 16] = [
    ("commands-human/turn_on_the_living_room_lamp", "HassTurnOn", &["light.living_room_lamp"]),
    ("commands-human/lock_the_front_door", "HassTurnOn", &["lock.front_door"]),
    ("commands-human/activate_mood_lighting", "HassTurnOn", &["light.mood_lighting"]),
    ("commands-tts/unlock_the_front_door", "HassTurnOff", &["lock.front_door"]),
    ("commands-tts/turn_bed_light_on", "HassTurnOn", &["light.bed_light"]),
    ("commands-tts/turn_bed_light_off", "HassTurnOff", &["light.bed_light"]),
    ("commands-tts/turn_on_the_kitchen_lights", "HassTurnOn", &["light.sink_light", "light.stove_light"]),
    ("commands-tts/turn_off_all_of_the_kitchen_lights", "HassTurnOff", &["light.sink_light", "light.stove_light"]),
    ("commands-tts/turn_on_lights_in_the_kitchen", "HassTurnOn", &["light.sink_light", "light.stove_light"]),
    ("commands-tts/turn_on_the_tv", "HassTurnOn", &["switch.tv"]),
    ("commands-tts/turn_off_the_tv_in_the_office", "HassTurnOff", &["switch.tv"]),
    ("commands-tts/open_the_sliding_door", "HassTurnOn", &["cover.sliding_door"]),
    ("commands-tts/close_the_sliding_door", "HassTurnOff", &["cover.sliding_door"]),
    ("commands-tts/open_the_sliding_door_in_the_office", "HassTurnOn", &["cover.sliding_door"]),
    ("commands-tts/turn_the_standing_light_in_the_office_on", "HassTurnOn", &["light.standing_light"]),
    ("commands-human/turn_off_lights_in_the_office", "HassTurnOff", &["light.standing_light"]),
];

/// Measures the requests with PocketSphinx; says so where the recordings are not here.
pub(crate) fn measure() {
    let Some(audio) = shared("audio") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let heard = hear(folder.path(), &audio);
    let daemon = Measured::start_in(folder, Voice::Off, None);
    let mut turns = daemon.get("/api/v1/turns?limit=100")["turns"].as_array().cloned().expect("a list of turns");
    turns.reverse();
    let understood: Vec<&Heard> = heard.iter().filter(|heard| !heard.words.is_empty()).collect();
    assert_eq!(understood.len(), turns.len(), "each recording with words gives one turn");
    let mut right = Vec::new();
    for (heard, turn) in understood.iter().zip(&turns) {
        if heard.is_right(turn) {
            right.push((*heard, turn));
        }
    }
    for heard in &heard {
        if !right.iter().any(|(one, _)| one.index == heard.index) {
            println!("not switched as asked: {}: “{}” was heard", REQUESTS[heard.index].0, heard.words);
        }
    }
    let otherwise = understood.iter().zip(&turns).filter(|(heard, turn)| acted(turn) && !heard.is_right(turn)).count();
    println!("figure appliance.speech.acted_otherwise {otherwise} of_{}", REQUESTS.len());
    println!("figure appliance.speech.switched_as_asked {} of_{}", right.len(), REQUESTS.len());
    report(&right);
}

/// What came of a recording in the voice loop.
struct Heard {
    /// Which of [`REQUESTS`].
    index: usize,
    /// The words; empty where nothing was understood.
    words: String,
    /// The silence after which the request counted as complete, in milliseconds.
    silence: f64,
}

impl Heard {
    /// Whether its turn did what was asked for, and nothing else.
    fn is_right(&self, turn: &Value) -> bool {
        let (_file, intent, entities) = REQUESTS[self.index];
        let steps = turn["steps"].as_array().map_or(&[][..], Vec::as_slice);
        let mut switched: Vec<&str> = steps.iter().filter_map(|step| step["args"]["entity"].as_str()).collect();
        switched.sort_unstable();
        turn["intent"] == intent && turn["outcome"] == "done" && switched == entities
    }
}

/// Whether a turn carried something out.
fn acted(turn: &Value) -> bool {
    turn["outcome"] == "done" && turn["steps"].as_array().is_some_and(|steps| !steps.is_empty())
}

/// Plays all recordings into one appliance.
fn hear(folder: &Path, audio: &Path) -> Vec<Heard> {
    let files: Vec<PathBuf> = REQUESTS.iter().map(|(file, ..)| audio.join(file).with_extension("wav")).collect();
    let mut command = Command::new(program("victus"));
    command.args(["--simulate", "--json", "--config"]).arg(configure(folder, Voice::PocketSphinx));
    command.arg("--state").arg(folder.join("state")).arg("hear").args(&files);
    let output = command.output().expect("victus starts");
    assert!(output.status.success(), "victus hear: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let of = |file: &Path, kind: &str| {
        let file = file.display().to_string();
        events.iter().find(|event| event["file"] == file.as_str() && event["event"] == kind)
    };
    let heard = files.iter().enumerate().map(|(index, file)| {
        let endpoint = of(file, "endpoint").unwrap_or_else(|| panic!("{} has no end of speech", file.display()));
        let at = |field: &str| endpoint[field].as_f64().expect("a time");
        let words = of(file, "transcript").and_then(|event| event["text"].as_str()).unwrap_or_default().to_owned();
        Heard { index, words, silence: at("at_ms") - at("speech_end_ms") }
    });
    heard.collect()
}

/// The figures of the requests that switched what they asked for.
fn report(right: &[(&Heard, &Value)]) {
    assert!(!right.is_empty(), "no recording switched anything");
    let time =
        |turn: &Value, part: &str| turn["times_ms"][part].as_f64().expect("every part of a finished turn has a time");
    let all = ["recognise", "parse", "plan", "run"];
    let mut whole: Vec<f64> = right.iter().map(|(_, turn)| all.iter().map(|part| time(turn, part)).sum()).collect();
    figure("appliance.speech_to_line.p50", median(&mut whole), "ms");
    // The nearest rank: with fewer than 20 requests this is the slowest.
    figure("appliance.speech_to_line.p95", whole[(whole.len() * 95).div_ceil(100) - 1], "ms");
    let mut silence: Vec<f64> = right.iter().map(|(heard, _)| heard.silence).collect();
    figure("appliance.speech_to_line.of_which_silence.p50", median(&mut silence), "ms");
    let mut decode: Vec<f64> = right.iter().map(|(heard, turn)| time(turn, "recognise") - heard.silence).collect();
    figure("appliance.speech_to_line.of_which_decode.p50", median(&mut decode), "ms");
    for part in ["parse", "plan", "run"] {
        let mut times: Vec<f64> = right.iter().map(|(_, turn)| time(turn, part)).collect();
        figure(&format!("appliance.speech_to_line.of_which_{part}.p50"), median(&mut times), "ms");
    }
}
