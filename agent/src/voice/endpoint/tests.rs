//! Endpoints of bursts, noises and recordings.

use super::*;
use proptest::prelude::*;
use victus_hw::audio::file::{background, read_wav};

/// Noise of this peak, repeatable.
fn noise(samples: usize, peak: i32, seed: u64) -> Vec<i16> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as i32
    };
    (0..samples).map(|_| (next() % (2 * peak + 1) - peak) as i16).collect()
}

/// Something like syllables: bursts of 120 ms with gaps of 60 ms, over a quiet room.
fn speech(ms: usize, peak: i32) -> Vec<i16> {
    let mut sound = noise(ms * 16, 12, 9);
    for (place, sample) in sound.iter_mut().enumerate() {
        if place % 2_880 < 1_920 {
            let tone = (place as f32 * 0.13).sin() + 0.5 * (place as f32 * 0.61).sin();
            *sample = sample.saturating_add((tone * peak as f32 * 0.6) as i16);
        }
    }
    sound
}

fn room(ms: usize) -> Vec<i16> {
    noise(ms * 16, 12, 5)
}

fn decide(sound: &[i16], chunk: usize) -> Vec<Decision> {
    decide_with(EndpointSettings::default(), sound, chunk)
}

fn decide_with(settings: EndpointSettings, sound: &[i16], chunk: usize) -> Vec<Decision> {
    let mut endpointer = Endpointer::new(settings);
    endpointer.listen();
    let mut frames = Frames::default();
    let mut decisions = Vec::new();
    for chunk in sound.chunks(chunk) {
        frames.push(chunk, |frame| decisions.extend(endpointer.frame(frame)));
    }
    decisions
}

fn ended(decisions: &[Decision]) -> (EndReason, u64) {
    match decisions.last() {
        Some(Decision::Ended { reason, at }) => (*reason, at * 1000 / u64::from(SAMPLE_RATE)),
        other => panic!("no end but {other:?}"),
    }
}

fn begun(decisions: &[Decision]) -> (u64, u64) {
    match decisions.first() {
        Some(Decision::Begun { at, from }) => (at / 16, from / 16),
        other => panic!("no beginning but {other:?}"),
    }
}

#[test]
fn one_utterance_is_found_where_it_is() {
    let sound = [room(800), speech(1_500, 4_000), room(2_000)].concat();
    let decisions = decide(&sound, 160);
    let (at, from) = begun(&decisions);
    assert!((780..=820).contains(&at), "{at}");
    assert_eq!(from, at - 300);
    assert!(matches!(decisions[1], Decision::Paused { .. }), "{decisions:?}");
    let (reason, end) = ended(&decisions);
    assert_eq!(reason, EndReason::Silence);
    assert!((2_220..=2_330).contains(&end), "{end}");
    assert_eq!(decisions.len(), 3);
}

#[test]
fn speech_from_the_first_sample_is_not_missed() {
    let decisions = decide(&[speech(1_200, 4_000), room(1_500)].concat(), 160);
    let (at, from) = begun(&decisions);
    assert!(at <= 40 && from == 0, "{at} {from}");
    assert_eq!(ended(&decisions).0, EndReason::Silence);
}

#[test]
fn a_short_pause_does_not_end_the_utterance_and_is_told() {
    let sound = [room(500), speech(700, 4_000), room(450), speech(700, 4_000), room(1_500)].concat();
    let decisions = decide(&sound, 160);
    let kinds: Vec<&str> = decisions
        .iter()
        .map(|decision| match decision {
            Decision::Begun { .. } => "begun",
            Decision::Paused { .. } => "paused",
            Decision::Resumed { .. } => "resumed",
            Decision::Ended { .. } => "ended",
        })
        .collect();
    assert_eq!(kinds, ["begun", "paused", "resumed", "paused", "ended"]);
    assert!(ended(&decisions).1 > 2_250);
}

#[test]
fn nobody_speaks() {
    let decisions = decide(&room(8_000), 160);
    assert_eq!(decisions.len(), 1);
    assert_eq!(ended(&decisions), (EndReason::NoSpeech, 5_000));
    assert_eq!(ended(&decide(&vec![0; 16 * 8_000], 160)), (EndReason::NoSpeech, 5_000), "digital silence");
}

#[test]
fn a_click_is_no_speech() {
    let mut sound = room(6_000);
    sound[32_000..32_600].copy_from_slice(&noise(600, 20_000, 3));
    assert_eq!(ended(&decide(&sound, 160)), (EndReason::NoSpeech, 5_000));
}

#[test]
fn a_click_in_the_silence_does_not_keep_the_utterance_going() {
    let mut sound = [room(500), speech(800, 4_000), room(1_500)].concat();
    sound[27_000..27_300].copy_from_slice(&noise(300, 20_000, 3));
    let (reason, end) = ended(&decide(&sound, 160));
    assert_eq!(reason, EndReason::Silence);
    assert!((1_200..=1_350).contains(&end), "{end}");
}

#[test]
fn noise_that_begins_with_the_speech_does_not_hang() {
    // A machine starts while somebody speaks, and runs on.
    let mut sound = [room(500), speech(1_000, 6_000), room(20_000)].concat();
    for (sample, noise) in sound[16_000..].iter_mut().zip(noise(16 * 22_000, 1_500, 8)) {
        *sample = sample.saturating_add(noise);
    }
    let decisions = decide(&sound, 160);
    assert_eq!(decisions.iter().filter(|decision| matches!(decision, Decision::Ended { .. })).count(), 1);
    assert_eq!(ended(&decisions).0, EndReason::Silence);
    let after = 1_500 + 10 * floor::WINDOW_FRAMES as u64 + 700;
    assert!(ended(&decisions).1 < after, "{:?}", ended(&decisions));
}

#[test]
fn steady_noise_from_the_beginning_is_background() {
    assert_eq!(ended(&decide(&noise(16 * 8_000, 8_000, 4), 160)), (EndReason::NoSpeech, 5_000));
}

#[test]
fn speech_without_end_is_cut_at_the_limit() {
    let decisions = decide(&[room(500), speech(30_000, 4_000)].concat(), 160);
    let (reason, end) = ended(&decisions);
    assert_eq!(reason, EndReason::TooLong);
    assert!((15_400..=15_600).contains(&end), "{end}");
}

#[test]
fn the_end_of_the_input_ends_what_was_begun() {
    let mut endpointer = Endpointer::new(EndpointSettings::default());
    assert_eq!(endpointer.finish(), None, "nobody listens");
    endpointer.listen();
    assert!(matches!(endpointer.finish(), Some(Decision::Ended { reason: EndReason::NoSpeech, .. })));
    endpointer.listen();
    let mut frames = Frames::default();
    frames.push(&[room(300), speech(600, 4_000)].concat(), |frame| {
        endpointer.frame(frame);
    });
    assert!(matches!(endpointer.finish(), Some(Decision::Ended { reason: EndReason::InputEnded, .. })));
}

#[test]
fn a_gap_moves_every_place_after_it() {
    let mut endpointer = Endpointer::new(EndpointSettings::default());
    let mut frames = Frames::default();
    frames.push(&room(500), |frame| assert_eq!(endpointer.frame(frame), None));
    endpointer.skip(16_000);
    endpointer.listen();
    let mut decisions = Vec::new();
    frames
        .push(&[room(300), speech(900, 4_000), room(900)].concat(), |frame| decisions.extend(endpointer.frame(frame)));
    assert!((1_780..=1_820).contains(&begun(&decisions).0), "{decisions:?}");
}

#[test]
fn a_gap_in_the_speech_does_not_end_it() {
    let mut endpointer = Endpointer::new(EndpointSettings::default());
    endpointer.listen();
    let mut frames = Frames::default();
    let mut decisions = Vec::new();
    frames.push(&[room(300), speech(700, 4_000)].concat(), |frame| decisions.extend(endpointer.frame(frame)));
    endpointer.skip(16_000);
    frames.push(&speech(700, 4_000), |frame| decisions.extend(endpointer.frame(frame)));
    assert!(!decisions.iter().any(|decision| matches!(decision, Decision::Ended { .. })), "{decisions:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn chunks_do_not_matter(chunk in 1_usize..5_000, lead in 0_usize..900, length in 100_usize..1_500, peak in 200_i32..16_000, loud in 1_i32..600) {
        let mut sound = [room(lead), speech(length, peak), room(1_000)].concat();
        for (sample, noise) in sound.iter_mut().zip(noise(16 * 4_000, loud, 77)) {
            *sample = sample.saturating_add(noise);
        }
        prop_assert_eq!(decide(&sound, chunk), decide(&sound, 160));
    }

    #[test]
    fn listening_always_ends_in_time(seed: u64, pieces in proptest::collection::vec((1_i32..32_000, 10_usize..3_000), 1..12)) {
        let mut sound: Vec<i16> = Vec::new();
        while sound.len() < 16 * 21_000 {
            for (peak, ms) in &pieces {
                sound.extend(noise(ms * 16, *peak, seed.wrapping_add(sound.len() as u64)));
            }
        }
        let (_, end) = ended(&decide(&sound, 160));
        prop_assert!(end <= 20_010, "{}", end);
    }
}

/// The folder of shared recordings: `VICTUS_SHARED`, or `shared` beside the repository.
fn recordings(folder: &str) -> Option<Vec<std::path::PathBuf>> {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("VICTUS_SHARED").map_or(beside, Into::into);
    let Ok(entries) = std::fs::read_dir(shared.join("audio").join(folder)) else {
        assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "{} has no audio/{folder}", shared.display());
        println!("skipped: {} has no audio/{folder}", shared.display());
        return None;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    files.sort();
    Some(files)
}

/// Where the energy of a recording ends: the last 30 ms within 25 dB of the loudest and 8 dB above its background, in ms.
fn energy_end(sound: &[i16]) -> u64 {
    let mut endpointer = Endpointer::new(EndpointSettings::default());
    let (frames, _) = sound.as_chunks::<FRAME>();
    let loudness: Vec<f32> = frames.iter().map(|frame| endpointer.loudness(frame)).collect();
    let mut sorted = loudness.clone();
    sorted.sort_by(f32::total_cmp);
    let loud = (sorted[sorted.len() - 3] - 25.0).max(sorted[sorted.len() / 10] + 8.0);
    let last = loudness.windows(3).rposition(|window| window.iter().all(|frame| *frame > loud));
    last.map_or(0, |place| (place as u64 + 3) * 10)
}

/// The end of the speech as found, and when that was decided, in ms.
fn decided(sound: &[i16]) -> Option<(u64, u64)> {
    let mut endpointer = Endpointer::new(EndpointSettings::default());
    endpointer.listen();
    let (frames, _) = sound.as_chunks::<FRAME>();
    frames.iter().find_map(|frame| match endpointer.frame(frame) {
        Some(Decision::Ended { reason: EndReason::Silence, at }) => Some((at / 16, endpointer.position() / 16)),
        _ => None,
    })
}

/// Runs over one in `every` of the recordings of a folder, prepared; returns how many there are, were cut and did not end.
fn survey(
    folder: &str,
    every: usize,
    what: &str,
    prepare: impl Fn(Vec<i16>) -> Vec<i16>,
) -> Option<(usize, usize, usize)> {
    let files: Vec<_> = recordings(folder)?.into_iter().step_by(every).collect();
    let (mut cut, mut open, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let mut sound = read_wav(file).unwrap();
        sound.extend(background(&sound, 16 * 3_000));
        let energy_end = energy_end(&sound);
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match decided(&prepare(sound)) {
            Some((_, decision)) if decision < energy_end => cut.push(format!("{name}: {decision} of {energy_end} ms")),
            Some((_, decision)) => delays.push(decision - energy_end),
            None => open.push(name),
        }
    }
    delays.sort_unstable();
    let place = |part: usize| delays.get(delays.len() * part / 100).copied().unwrap_or_default();
    let (middle, late) = (place(50), place(95));
    println!(
        "{folder}, {what}: {} files, {} cut, {} without end; decided {middle} ms (p50), {late} ms (p95) after the end of the energy",
        files.len(),
        cut.len(),
        open.len()
    );
    println!("  cut: {cut:?}\n  without end: {open:?}");
    Some((files.len(), cut.len(), open.len()))
}

#[test]
fn recorded_requests_are_one_utterance_each_and_not_cut() {
    for (folder, may_be_cut) in [("commands-human", 0), ("commands-tts", 0)] {
        let Some((_, cut, open)) = survey(folder, 1, "clean", |sound| sound) else { continue };
        assert!(cut <= may_be_cut && open == 0, "{folder}");
    }
}

#[test]
fn recorded_requests_end_in_kitchen_noise() {
    let Some(files) = recordings("noise") else { return };
    let kitchen = read_wav(files.iter().find(|file| file.ends_with("kitchen.wav")).unwrap()).unwrap();
    let peak = |sound: &[i16]| sound.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(1);
    let kitchen_peak = f32::from(peak(&kitchen));
    for snr in [18, 12] {
        let mixed = |sound: Vec<i16>| {
            let scale = f32::from(peak(&sound)) / kitchen_peak / 10_f32.powf(snr as f32 / 20.0);
            let noisy = sound.iter().zip(kitchen.iter().cycle());
            noisy.map(|(sample, noise)| sample.saturating_add((f32::from(*noise) * scale) as i16)).collect()
        };
        for (folder, every) in [("commands-human", 1), ("commands-tts", 5)] {
            let Some((files, cut, open)) = survey(folder, every, &format!("{snr} dB"), mixed) else { continue };
            assert!((cut + open) * 10 <= files, "{folder} at {snr} dB");
        }
    }
}
