//! The voice loop with simulated devices, and with everything around it failing.

mod stage;

use super::endpoint::EndReason;
use super::event::{VoiceEventKind, WakeCause};
use super::*;
use std::sync::atomic::Ordering;
use victus_hw::audio::file::FileCapture;
use victus_hw::audio::pace::Pace;
use victus_hw::audio::simulated::{Fault, SimulatedMicrophone};
use victus_hw::clock::{Clock, Monotonic, SystemClock};

use stage::{DEADLINE, Ears, Turn, hear, live, request, stage, tone};

const TURN: [&str; 6] = ["speech_start", "endpoint", "transcript", "intent", "action", "reply"];

#[test]
fn a_file_gives_the_same_events_at_any_pace() {
    let (fast, mut voice) = stage(Pace::Fast, |_| {});
    assert_eq!(hear(&mut voice, &request(1_500), Pace::Fast).unwrap(), End::SourceEnded);
    let (paced, mut voice) = stage(Pace::Fast, |_| {});
    let begun = paced.clock.monotonic();
    hear(&mut voice, &request(1_500), paced.real_time()).unwrap();
    assert!(paced.clock.monotonic().saturating_since(begun) >= Duration::from_millis(2_600), "it took its time");
    assert_eq!(fast.told().events, paced.told().events);
    assert_eq!(fast.told().kinds(), TURN);
    assert_eq!(fast.told().states, paced.told().states);
    let states = [VoiceState::Listening, VoiceState::Thinking, VoiceState::Speaking, VoiceState::Idle];
    assert_eq!(fast.told().states, states);
}

#[test]
fn an_utterance_has_its_beginning_its_end_and_its_partials() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    hear(&mut voice, &request(1_500), Pace::Fast).unwrap();
    let heard = stage.heard.lock().unwrap()[0].clone();
    assert!((390..=410).contains(&heard.speech_start_ms), "{heard:?}");
    assert!((1_860..=1_930).contains(&heard.speech_end_ms), "{heard:?}");
    assert!(heard.speech_ended < heard.endpoint && heard.endpoint <= heard.recognised);
    assert_eq!((heard.reason, heard.lost_ms, heard.confidence), (EndReason::Silence, 0, Some(0.5)));
    // From the pre-roll to the decision: 300 + 1500 + 700 ms, to a frame or two.
    let samples: i64 = heard.text.strip_suffix(" samples").unwrap().parse().unwrap();
    assert!((samples - 16 * 2_500).abs() < 16 * 60, "{samples}");
    let partials = stage.told().events.into_iter().filter(|event| matches!(event.what, VoiceEventKind::Partial { .. }));
    let count = partials.count();
    assert!((5..=6).contains(&count), "one for each half second, not one for each chunk: {count}");
}

#[test]
fn nobody_speaks_and_nothing_is_asked_of_the_recogniser() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    hear(&mut voice, &vec![1; 16 * 7_000], Pace::Fast).unwrap();
    assert_eq!(stage.told().kinds(), ["endpoint"]);
    assert_eq!(stage.told().events[0].at_ms, 5_000);
    assert_eq!((stage.starts.load(Ordering::SeqCst), stage.heard.lock().unwrap().len()), (0, 0));
}

#[test]
fn a_question_is_answered_without_being_called_again() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    stage.turns.lock().unwrap().push(Turn::Ask);
    hear(&mut voice, &[request(1_000), request(800)].concat(), Pace::Fast).unwrap();
    assert_eq!(stage.told().kinds(), [TURN, TURN].concat());
}

#[test]
fn speech_at_the_very_end_of_a_file_is_still_answered() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    hear(&mut voice, &request(1_000)[..16 * 1_300], Pace::Fast).unwrap();
    assert_eq!(stage.told().kinds(), TURN);
    assert_eq!(stage.heard.lock().unwrap()[0].reason, EndReason::InputEnded);
}

#[test]
fn a_recogniser_that_fails_costs_one_answer() {
    for fault in [Ears::RefuseStart, Ears::RefuseFeed, Ears::RefuseFinish, Ears::PanicInFeed] {
        let (stage, mut voice) = stage(Pace::Fast, |_| {});
        stage.ears.lock().unwrap().push(fault);
        hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
        assert_eq!(stage.told().replies(), ["sorry"], "{fault:?}");
        assert!(
            stage.told().degraded().contains(if fault == Ears::PanicInFeed { "crashed" } else { "no " }),
            "{fault:?}"
        );
        hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
        assert!(stage.told().replies()[1].starts_with("you said"), "{fault:?}");
        assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
        assert_eq!(stage.heard.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_recogniser_that_hangs_costs_its_answer_and_is_used_again_when_it_is_back() {
    for fault in [Ears::HangInFinish, Ears::HangInFeed] {
        let short = |settings: &mut VoiceSettings| {
            settings.finish = Duration::from_millis(60);
            settings.feed = Duration::from_millis(60);
        };
        let (stage, mut voice) = stage(Pace::Fast, short);
        stage.ears.lock().unwrap().push(fault);
        hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
        hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
        assert_eq!(stage.told().replies(), ["sorry", "sorry"], "{fault:?}: hanging, and still hanging");
        assert_eq!(stage.starts.load(Ordering::SeqCst), 1);
        stage.free_ears.send(()).unwrap();
        let begun = stage.clock.monotonic();
        while stage.told().replies().last().is_none_or(|reply| reply == "sorry") {
            assert!(stage.clock.monotonic().saturating_since(begun) < DEADLINE);
            hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
        }
        assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
    }
}

#[test]
fn a_turn_that_crashes_or_hangs_is_answered_with_an_apology() {
    let (crashing, mut voice) = stage(Pace::Fast, |_| {});
    crashing.turns.lock().unwrap().push(Turn::Panic);
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert!(crashing.told().degraded().contains("crashed"));
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert_eq!(crashing.told().health.last(), Some(&VoiceHealth::Up));

    let (stage, mut voice) = stage(Pace::Fast, |settings| settings.reply = Duration::from_millis(200));
    stage.turns.lock().unwrap().push(Turn::Hang);
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert!(stage.told().degraded().contains("too long"));
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert_eq!(stage.told().replies(), ["sorry"; 2]);
    stage.free_turn.send(()).unwrap();
    let begun = stage.clock.monotonic();
    while stage.told().replies().last().is_none_or(|reply| reply == "sorry") {
        assert!(stage.clock.monotonic().saturating_since(begun) < DEADLINE);
        hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    }
    assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
}

#[test]
fn a_speaker_that_is_gone_is_told_and_found_again() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    stage.speaker.set_broken(true);
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert!(stage.told().degraded().contains("speaker"));
    assert_eq!(stage.told().kinds(), TURN, "the turn was done");
    stage.speaker.set_broken(false);
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
}

#[test]
fn push_to_talk_and_the_appliance_does_not_hear_itself() {
    let (stage, voice) = stage(Pace::RealTime(Arc::new(SystemClock::new(0))), |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    microphone.speak(&request(800)[..16 * 1_200]).unwrap();
    // What the appliance says is to be heard in the room; it even asks, and listens again.
    stage.turns.lock().unwrap().push(Turn::Ask);
    stage.wait_for_state(VoiceState::Speaking);
    microphone.speak(&tone(550, 8_000)).unwrap();
    stage.wait("listening again", |told| told.states.ends_with(&[VoiceState::Speaking, VoiceState::Listening]));
    stage.wait_for_state(VoiceState::Idle);
    stage.control.send(Command::Shutdown).unwrap();
    assert_eq!(thread.join().unwrap().1.unwrap(), End::Shutdown);
    let told = stage.told();
    assert_eq!(
        told.kinds(),
        ["wake", "speech_start", "endpoint", "transcript", "intent", "action", "reply", "endpoint"]
    );
    assert_eq!(told.events[0].what, VoiceEventKind::Wake { by: WakeCause::PushToTalk });
    let last = told.events.last().unwrap();
    assert!(matches!(last.what, VoiceEventKind::Endpoint { reason: EndReason::NoSpeech, .. }));
    assert_eq!(stage.heard.lock().unwrap().len(), 1);
}

#[test]
fn stop_ends_listening_thinking_and_speaking() {
    let (stage, voice) = stage(Pace::RealTime(Arc::new(SystemClock::new(0))), |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    stage.control.send(Command::Stop).unwrap();
    stage.wait_for_state(VoiceState::Idle);
    // In speech: cut short.
    let ask = |state: VoiceState| {
        stage.control.send(Command::PushToTalk).unwrap();
        stage.wait_for_state(VoiceState::Listening);
        microphone.speak(&request(600)).unwrap();
        stage.wait_for_state(state);
        stage.control.send(Command::Stop).unwrap();
        stage.wait_for_state(VoiceState::Idle);
    };
    ask(VoiceState::Speaking);
    assert!(!stage.speaker.played()[0].played.completed);
    // In thought: not spoken at all.
    stage.turns.lock().unwrap().push(Turn::Slow);
    ask(VoiceState::Thinking);
    assert_eq!(stage.told().replies().len(), 2, "the reply is told");
    assert_eq!(stage.speaker.played().len(), 1, "and not spoken");
    stage.control.send(Command::Shutdown).unwrap();
    thread.join().unwrap().1.unwrap();
}

#[test]
fn push_to_talk_interrupts_an_answer() {
    let (stage, voice) = stage(Pace::RealTime(Arc::new(SystemClock::new(0))), |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    microphone.speak(&request(600)).unwrap();
    stage.wait_for_state(VoiceState::Speaking);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    assert!(!stage.speaker.played()[0].played.completed);
    stage.control.send(Command::Shutdown).unwrap();
    thread.join().unwrap().1.unwrap();
}

#[test]
fn a_muted_microphone_hears_nothing_until_it_is_connected_again() {
    let (stage, voice) = stage(Pace::Fast, |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    stage.control.send(Command::Mute(true)).unwrap();
    stage.wait_for_state(VoiceState::Muted);
    microphone.speak(&request(600)).unwrap();
    stage.control.send(Command::PushToTalk).unwrap();
    let begun = stage.clock.monotonic();
    while !microphone.unheard().is_zero() {
        assert!(stage.clock.monotonic().saturating_since(begun) < DEADLINE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(stage.told().states.last(), Some(&VoiceState::Muted));
    assert_eq!(stage.told().kinds(), ["wake"]);
    stage.control.send(Command::Mute(false)).unwrap();
    stage.wait_for_state(VoiceState::Idle);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    microphone.speak(&request(600)).unwrap();
    stage.wait("the answer", |told| told.replies().len() == 1);
    stage.control.send(Command::Shutdown).unwrap();
    thread.join().unwrap().1.unwrap();
}

#[test]
fn no_microphone_is_degraded_and_an_error_and_the_loop_goes_on_with_the_next() {
    let (stage, mut voice) = stage(Pace::Fast, |_| {});
    let missing = std::path::Path::new("/nonexistent/microphone.wav");
    let error = voice
        .run(|| FileCapture::open(missing, Duration::ZERO, Pace::Fast).map(|file| Box::new(file) as _), Begin::Idle);
    assert!(matches!(error, Err(VoiceError::Microphone(_))));
    assert!(stage.told().degraded().contains("hears nothing"));
    stage.control.send(Command::PushToTalk).unwrap();
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
    assert_eq!(stage.told().kinds(), TURN, "a button pressed while there was no microphone is forgotten");
}

#[test]
fn a_microphone_that_is_unplugged_ends_the_run_after_the_answer() {
    let (stage, voice) = stage(Pace::RealTime(Arc::new(SystemClock::new(0))), |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    microphone.speak(&request(600)).unwrap();
    stage.wait_for_state(VoiceState::Speaking);
    microphone.set_fault(Fault::Unplugged);
    let (mut voice, end) = thread.join().unwrap();
    assert!(matches!(end, Err(VoiceError::Microphone(AudioError::Gone { .. }))));
    assert!(stage.speaker.played()[0].played.completed, "what was being said was said");
    assert!(stage.told().degraded().contains("unplugged"));
    hear(&mut voice, &request(1_000), Pace::Fast).unwrap();
    assert_eq!(stage.told().health.last(), Some(&VoiceHealth::Up));
}

#[test]
fn no_callback_is_degraded_then_gone_and_digital_silence_is_degraded_and_recovers() {
    let (stage, voice) = stage(Pace::Fast, |settings| settings.vitals.gone = Duration::from_secs(4));
    let (microphone, thread) = live(&stage, voice);
    microphone.set_fault(Fault::NoCallback);
    stage.wait("degraded", |told| matches!(told.health.last(), Some(VoiceHealth::Degraded { .. })));
    assert!(stage.told().degraded().contains("no sound"));
    microphone.set_fault(Fault::None);
    stage.wait("recovered", |told| told.health.last() == Some(&VoiceHealth::Up));
    microphone.set_fault(Fault::NoCallback);
    let (mut voice, end) = thread.join().unwrap();
    assert!(matches!(end, Err(VoiceError::Stopped { .. })), "{end:?}");
    // Digital silence, quicker than real time: nobody has to wait for ten seconds.
    let (microphone, control) = SimulatedMicrophone::new(Pace::Fast, 1);
    control.set_fault(Fault::DigitalSilence);
    let thread = std::thread::Builder::new().name("voice".to_owned());
    let thread = thread.spawn(move || voice.run(|| Ok(Box::new(microphone) as _), Begin::Idle)).unwrap();
    stage.wait(
        "silence",
        |told| matches!(told.health.last(), Some(VoiceHealth::Degraded { why }) if why.contains("digital")),
    );
    control.set_fault(Fault::None);
    stage.wait("recovered", |told| told.health.last() == Some(&VoiceHealth::Up));
    stage.control.send(Command::Shutdown).unwrap();
    assert_eq!(thread.join().unwrap().unwrap(), End::Shutdown);
}

#[test]
fn lost_sound_moves_the_time_and_is_told_with_the_request() {
    let (stage, voice) = stage(Pace::Fast, |_| {});
    let (microphone, thread) = live(&stage, voice);
    stage.control.send(Command::PushToTalk).unwrap();
    stage.wait_for_state(VoiceState::Listening);
    microphone.speak(&request(2_000)).unwrap();
    stage.wait("speech", |told| told.kinds().contains(&"speech_start".to_owned()));
    microphone.lose(3_200);
    stage.wait("the answer", |told| told.replies().len() == 1);
    let heard = stage.heard.lock().unwrap()[0].clone();
    assert_eq!(heard.lost_ms, 200);
    let length = heard.speech_end_ms - heard.speech_start_ms;
    assert!((1_950..=2_050).contains(&length), "the time of the lost sound counts: {heard:?}");
    stage.control.send(Command::Shutdown).unwrap();
    thread.join().unwrap().1.unwrap();
}

#[test]
fn commands_have_a_bound_and_an_end() {
    let (stage, voice) = stage(Pace::Fast, |_| {});
    for _ in 0..COMMANDS {
        stage.control.send(Command::Stop).unwrap();
    }
    assert_eq!(stage.control.send(Command::Stop), Err(CommandError::Full));
    drop(voice);
    assert_eq!(stage.control.send(Command::Stop), Err(CommandError::Ended));
    assert!(stage.clock.monotonic() > Monotonic::default());
}
