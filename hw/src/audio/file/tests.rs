//! WAV files as they should be and as they should not be.

use super::*;
use proptest::prelude::*;

fn wave(samples: usize, rate: u32) -> Vec<f32> {
    let step = std::f32::consts::TAU * 500.0 / rate as f32;
    (0..samples).map(|n| 0.4 * (step * n as f32).sin()).collect()
}

fn write(path: &Path, spec: WavSpec, samples: &[f32]) {
    let mut writer = WavWriter::create(path, spec).unwrap();
    for &sample in samples {
        for channel in 0..spec.channels {
            // Only the first channel holds the tone: hearing another one, or all of them, shows.
            let value = if channel == 0 { sample } else { 0.0 };
            if spec.sample_format == SampleFormat::Float {
                writer.write_sample(value).unwrap();
            } else {
                let full = (1_i64 << (spec.bits_per_sample - 1)) as f64;
                writer.write_sample((f64::from(value) * full).clamp(-full, full - 1.0) as i32).unwrap();
            }
        }
    }
    writer.finalize().unwrap();
}

fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16) -> WavSpec {
    WavSpec { channels, sample_rate, bits_per_sample, sample_format: SampleFormat::Int }
}

fn refusal(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let message = read_wav(&path).unwrap_err().to_string();
    assert!(message.contains(name), "the file is named: {message}");
    message
}

fn good_bytes() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.wav");
    write(&path, spec(1, 16_000, 16), &wave(1_600, 16_000));
    std::fs::read(&path).unwrap()
}

#[test]
fn every_rate_depth_and_channel_count_sounds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let wanted = wave(16_000, 16_000);
    for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
        for bits in [16, 24, 32] {
            for channels in [1, 2, 6] {
                write(&path, spec(channels, rate, bits), &wave(rate as usize, rate));
                let heard = read_wav(&path).unwrap();
                assert_eq!(heard.len(), 16_000);
                let error =
                    heard.iter().zip(&wanted).skip(800).take(14_000).map(|(a, b)| (super::super::to_f32(*a) - b).abs());
                let worst = error.fold(0.0, f32::max);
                assert!(worst < 0.02, "{rate} Hz, {bits} bits, {channels} channels: {worst}");
            }
        }
    }
}

#[test]
fn wrong_files_are_explained() {
    let good = good_bytes();
    assert!(refusal("empty.wav", b"").contains("empty"));
    assert!(refusal("text.wav", b"this is no sound at all, it is a text").contains("no WAV file"));
    assert!(refusal("cut.wav", &good[..good.len() - 700]).contains("ends before"));
    assert!(refusal("header.wav", &good[..44]).contains("ends before"));
    assert!(refusal("stub.wav", &good[..20]).contains("again"));
    let mut silent = good[..44].to_vec();
    silent[40..44].fill(0);
    assert!(refusal("nothing.wav", &silent).contains("no sound"));
    let mut law = good;
    law[20] = 7;
    assert!(refusal("mulaw.wav", &law).contains("sox"));
}

#[test]
fn wrong_formats_say_how_to_convert() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wav");
    let tone = wave(1_600, 16_000);
    write(
        &path,
        WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 32, sample_format: SampleFormat::Float },
        &tone,
    );
    assert!(read_wav(&path).unwrap_err().to_string().contains("floating point"));
    write(&path, spec(1, 16_000, 8), &tone);
    let message = read_wav(&path).unwrap_err().to_string();
    assert!(message.contains("8 bits") && message.contains("sox"), "{message}");
    write(&path, spec(1, 1_000, 16), &tone);
    assert!(read_wav(&path).unwrap_err().to_string().contains("1000 samples a second"));
}

#[test]
fn a_missing_file_and_a_folder_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_wav(&folder.path().join("absent.wav")).unwrap_err().to_string().contains("absent.wav"));
    assert!(read_wav(folder.path()).is_err());
}

#[test]
fn a_file_beyond_ten_minutes_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    write(&path, spec(1, 4_000, 16), &vec![0.0; 4_000 * 601]);
    assert!(read_wav(&path).unwrap_err().to_string().contains("longer than 10 minutes"));
}

#[test]
fn a_header_from_a_pipe_is_read_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("piped.wav");
    for length in [0xFFFF_FFFF_u32, 0xFFFF_FFFE, 0x7FFF_F000, 0x7FFF_FFFE] {
        let mut bytes = good_bytes();
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes[40..44].copy_from_slice(&length.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read_wav(&path).unwrap().len(), 1_600, "{length:x}");
    }
}

#[test]
fn a_file_is_followed_by_its_background_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speech.wav");
    let mut sound = vec![0.001; 8_000];
    sound.extend(wave(8_000, 16_000));
    write(&path, spec(1, 16_000, 16), &sound);
    let mut capture = FileCapture::open(&path, Duration::from_millis(1_500), Pace::Fast).unwrap();
    assert_eq!(capture.len(), 16_000 + 24_000);
    let mut buffer = [0; 1_000];
    let mut heard = Vec::new();
    loop {
        let captured = capture.read(&mut buffer, Duration::from_secs(1)).unwrap();
        heard.extend_from_slice(&buffer[..captured.samples]);
        if captured.state == CaptureState::Ended {
            break;
        }
    }
    assert_eq!(heard.len(), 40_000);
    assert!(heard[16_000..].iter().all(|s| s.abs() < 100), "the background is the quiet part");
    assert!(heard[16_000..].iter().any(|s| *s != 0), "and no digital silence");
}

#[test]
fn what_is_played_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reply.wav");
    let mut sink = FilePlayback::new(path.clone());
    let samples: Vec<i16> = (0..4_000).map(|n| (n * 7 % 900) as i16).collect();
    let played = sink.play(&samples, 16_000, &AtomicBool::new(false)).unwrap();
    assert_eq!(played, Played { samples: 4_000, completed: true });
    assert_eq!(read_wav(&path).unwrap(), samples);
    assert!(!sink.play(&samples, 16_000, &AtomicBool::new(true)).unwrap().completed);
    let mut nowhere = FilePlayback::new(folder.path().join("no/such/folder.wav"));
    assert!(nowhere.play(&samples, 16_000, &AtomicBool::new(false)).unwrap_err().to_string().contains("folder.wav"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_bytes_cause_a_panic(place in 0_usize..60, value: u8, second in 0_usize..60, other: u8, cut in 0_usize..3_300) {
        let mut bytes = good_bytes();
        bytes[place] = value;
        bytes[second] = other;
        bytes.truncate(cut.max(1));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.wav");
        std::fs::write(&path, &bytes).unwrap();
        match read_wav(&path) {
            Ok(samples) => prop_assert!(!samples.is_empty()),
            Err(error) => prop_assert!(error.to_string().len() > 20),
        }
    }
}
