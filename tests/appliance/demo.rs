//! `victus demo`: what a stranger runs first, in real time with a real recogniser, real voices and a real broker.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use victus_tests::{installed, program, skip};

/// The English model of the distribution.
const MODEL: &str = "/usr/share/pocketsphinx/model/en-us/en-us/mdef";

/// Whether everything that the demo uses is installed; says so where it is not.
fn can_run() -> bool {
    let missing = ["espeak-ng", "flite", "mosquitto"].into_iter().find(|name| installed(&[name]).is_none());
    let missing = missing.or_else(|| (!Path::new(MODEL).exists()).then_some("pocketsphinx-en-us"));
    if let Some(name) = missing {
        skip(&format!("{name} is not installed (packaging/dependencies demo)"));
    }
    missing.is_none()
}

/// Runs the demo to its end with `typed` as its input; what it printed.
fn demo(arguments: &[&str], typed: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(program("victus"))
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut input = child.stdin.take().expect("the demo's input");
    input.write_all(typed.as_bytes()).expect("the demo takes its input");
    drop(input);
    let output = child.wait_with_output().expect("the demo ends");
    let (said, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{complaints}", output.status);
    assert_eq!(complaints, "", "nothing goes wrong in a demo");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder is there").collect();
    assert!(left.is_empty(), "the demo leaves nothing behind: {left:?}");
    let (story, end) = said.split_once("Every line goes into its safe state.").expect("the demo says goodbye");
    let is = |text: &str, state: &str| steps(text, "switched").iter().filter(|it| it.ends_with(state)).count();
    assert_eq!(is(end, "is OFF"), is(story, "is ON"), "what was switched on is switched off at the end: {said}");
    story.to_owned()
}

/// The lines of a step: `12.34 s  KIND  TEXT`.
fn steps<'a>(said: &'a str, kind: &str) -> Vec<&'a str> {
    said.lines()
        .filter_map(|line| line.split_once(" s  ")?.1.strip_prefix(kind)?.strip_prefix(' ').map(str::trim))
        .collect()
}

#[test]
fn demo_hears_two_voices_and_ends_by_itself() {
    if !can_run() {
        return;
    }
    let said = demo(&[], "");
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    assert_eq!(
        steps(&said, "recognised"),
        ["“please switch on the extraction fan”", "“what is the boiler pressure”"],
        "{said}"
    );
    let means: Vec<_> = steps(&said, "means").iter().filter_map(|text| text.split_whitespace().next()).collect();
    assert_eq!(means, ["HassTurnOn", "HassGetState"], "{said}");
    assert_eq!(steps(&said, "switched"), ["Extraction fan is ON"], "{said}");
    assert_eq!(
        steps(&said, "answers"),
        ["“Extraction fan is on.”", "“Boiler pressure is six point four bar.”"],
        "{said}"
    );
    let kept = steps(&said, "kept");
    assert_eq!(kept.len(), 2, "{said}");
    assert!(kept.iter().all(|text| text.ends_with(".wav")), "{said}");
    let published = steps(&said, "published");
    assert_eq!(published.len(), 2, "{said}");
    assert!(published.iter().all(|text| text.contains("arrived at the broker, the last is")), "{said}");
}

#[test]
fn demo_takes_typed_requests_until_the_end_of_input() {
    if !can_run() {
        return;
    }
    let said = demo(&["--spoken", "0"], "turn on all the lights in the press hall\n\nnonsense request\n");
    assert_eq!(steps(&said, "spoken"), Vec::<&str>::new(), "{said}");
    let means = steps(&said, "means");
    assert_eq!(means.len(), 1, "{said}");
    assert!(means[0].starts_with("HassTurnOn") && means[0].contains("Press hall"), "{said}");
    assert_eq!(steps(&said, "does").len(), 2, "{said}");
    let mut switched = steps(&said, "switched");
    switched.sort_unstable();
    assert_eq!(switched, ["Ceiling light is ON", "Work light is ON"], "{said}");
    let answers = steps(&said, "answers");
    assert_eq!(answers.len(), 2, "{said}");
    assert!(answers[1].contains("didn't understand"), "{said}");
    assert_eq!(steps(&said, "published").len(), 2, "{said}");
}
