use proptest::prelude::*;

use super::espeak::Espeak;
use super::*;

/// The voice for tests; none, saying so, if it is not installed.
fn voice() -> Option<Espeak> {
    let voice = Espeak::for_language("en");
    if voice.is_installed() {
        return Some(voice);
    }
    println!("skipped: espeak-ng is not installed");
    None
}

fn loudest(speech: &Speech) -> u16 {
    speech.samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
}

#[test]
fn longer_text_takes_longer_and_is_heard() {
    let Some(mut voice) = voice() else { return };
    let short = voice.synthesise("On.").unwrap();
    let long = voice.synthesise("The extraction fan in the press hall is on.").unwrap();
    assert!(loudest(&short) > 3_000 && loudest(&long) > 3_000);
    assert!(short.duration() > Duration::from_millis(100), "{:?}", short.duration());
    assert!(long.duration() > short.duration() * 3, "{:?} {:?}", long.duration(), short.duration());
    assert!(long.duration() < Duration::from_secs(6), "{:?}", long.duration());
}

#[test]
fn text_is_never_an_option_or_markup() {
    let Some(mut voice) = voice() else { return };
    let plain = voice.synthesise("w a v e").unwrap();
    for text in ["-w /tmp/x.wav", "--version", "--help", "-f /etc/passwd"] {
        let speech = voice.synthesise(text).unwrap();
        assert!(loudest(&speech) > 3_000 && speech.rate == plain.rate, "{text}");
    }
    // Markup is read out, not obeyed: a break of a minute would last a minute.
    let speech = voice.synthesise("<speak><break time=\"60s\"/>on</speak>").unwrap();
    assert!(speech.duration() < Duration::from_secs(20), "{:?}", speech.duration());
    assert_eq!(voice.synthesise("[[on]]").unwrap(), voice.synthesise("  on  ").unwrap());
}

#[test]
fn odd_text_gives_samples_or_silence() {
    let Some(mut voice) = voice() else { return };
    for text in ["", "   \n\t ", "\0\u{7}"] {
        assert!(voice.synthesise(text).unwrap().samples.is_empty(), "{text:?}");
    }
    for text in ["🙂🔥", "...", "?", "漢字", "\u{202e}on", "a\0b", "ﷺ", "%", "1e400", "e\u{301}e\u{301}"] {
        let speech = voice.synthesise(text).unwrap();
        assert!(speech.duration() < Duration::from_secs(20), "{text:?} {:?}", speech.duration());
    }
}

#[test]
fn long_text_is_refused_whole_and_said_in_sentences() {
    let Some(mut voice) = voice() else { return };
    let text = "The valve is open. ".repeat(540);
    assert!(text.len() > 10_000);
    let error = voice.synthesise(&text).unwrap_err();
    assert!(error.to_string().contains("say it in sentences"), "{error}");
    let pieces = sentences(&text);
    assert_eq!(pieces.len(), 540);
    assert!(loudest(&voice.synthesise(&pieces[539]).unwrap()) > 3_000);
    assert!(voice.synthesise(&"9".repeat(MAX_TEXT_BYTES)).unwrap().duration() > Duration::from_secs(30));
}

#[test]
fn a_missing_program_or_voice_says_what_to_do() {
    let error = Espeak::new("en").with_program("/nonexistent/espeak-ng").synthesise("on").unwrap_err();
    assert!(matches!(error, SpeechError::NotInstalled { .. }), "{error}");
    assert!(error.to_string().contains("apt install espeak-ng"), "{error}");
    // One that fails, and one that gives something else than sound.
    let error = Espeak::new("en").with_program("/bin/false").synthesise("on").unwrap_err();
    assert!(matches!(error, SpeechError::Failed(_)), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("voice");
    std::fs::write(&script, "#!/bin/sh\necho no sound\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = Espeak::new("en").with_program(&script).synthesise("on").unwrap_err();
    assert!(error.to_string().contains("does not begin as a WAV file"), "{error}");

    if voice().is_none() {
        return;
    }
    for name in ["xx-klingon", "", "-w/tmp/x", "en;ls", "../en"] {
        let error = Espeak::new(name).synthesise("on").unwrap_err();
        assert!(matches!(error, SpeechError::NoVoice { .. }), "{name}: {error}");
    }
}

#[test]
fn languages_have_voices() {
    if voice().is_none() {
        return;
    }
    for tag in ["en", "en-GB", "en_US", "de", "de-AT", "fr", "fr-BE", "es", "es-419", "it", "pt-BR", "nl", "sv"] {
        let speech = Espeak::for_language(tag).synthesise("radio").unwrap();
        assert!(loudest(&speech) > 2_000, "{tag}");
    }
}

#[test]
fn text_is_cut_into_sentences() {
    let cut = |text: &str| sentences(text);
    assert_eq!(
        cut("It is on. It is 21.5 degrees! Really? Yes…"),
        ["It is on.", "It is 21.5 degrees!", "Really?", "Yes…"]
    );
    assert_eq!(cut("one\n\n two "), ["one", "two"]);
    assert_eq!(cut("開いた。閉じた。"), ["開いた。", "閉じた。"]);
    assert_eq!(cut(""), Vec::<String>::new());
    assert_eq!(cut(" \n . "), ["."]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_letter_is_lost_and_no_piece_too_long(text in "(\\PC{0,40}[ .,!\n]{0,2}){0,60}", long in "[a-zé]{0,1200}") {
        let text = format!("{text} {long}");
        let pieces = sentences(&text);
        let letters = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        prop_assert_eq!(letters(&pieces.concat()), letters(&text));
        for piece in pieces {
            prop_assert!(!piece.is_empty() && piece.len() <= MAX_SENTENCE_BYTES);
        }
    }

    #[test]
    fn any_bytes_are_a_wav_or_an_error(start in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let heads: [&[u8]; 3] = [b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"];
        match wav::parse(&[heads[start], &bytes].concat()) {
            Ok(wav) => prop_assert!(wav.samples.len() <= bytes.len() / 2),
            Err(what) => prop_assert!(what.starts_with("it ")),
        }
    }
}

#[test]
fn wav_from_a_pipe_has_no_lengths() {
    let mut bytes =
        b"RIFF\xFF\xFF\xFF\x7FWAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0LIST\x03\0\0\0abc\0"
            .to_vec();
    bytes.extend(b"data\0\xF0\xFF\x7F\x01\0\xFF\xFF\x07");
    let wav = wav::parse(&bytes).unwrap();
    assert_eq!((wav.samples.as_slice(), wav.rate), ([1, -1].as_slice(), 22_050));
    let at = bytes.len() - 9;
    bytes[at..at + 4].copy_from_slice(&[0; 4]);
    assert_eq!(wav::parse(&bytes).unwrap(), wav);
    bytes[at..at + 4].copy_from_slice(&[2, 0, 0, 0]);
    assert_eq!(wav::parse(&bytes).unwrap().samples, [1]);
    // Two channels are mixed, eight bits are refused.
    bytes[22] = 2;
    bytes[at..at + 4].copy_from_slice(&[4, 0, 0, 0]);
    assert_eq!(wav::parse(&bytes).unwrap().samples, [0]);
    bytes[34] = 8;
    assert!(wav::parse(&bytes).unwrap_err().contains("PCM of 16 bits"));
}
