//! Real sound through ALSA: a PulseAudio of its own with a virtual microphone and speaker, reached through cpal.
//!
//! The devices are chosen by environment variables, so what uses them runs in a child process: this program again, with
//! the ignored test `child` and `VICTUS_AUDIO_CHILD` saying what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // A panic is how a test fails.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use victus_hw::audio::device::{CaptureOptions, DeviceCapture, DevicePlayback};
use victus_hw::audio::file::{read_wav, write_wav};
use victus_hw::audio::{CaptureSource, CaptureState, PlaybackSink, SAMPLE_RATE, duration_of};
use victus_hw::clock::{Clock, Monotonic, SystemClock};

const DEADLINE: Duration = Duration::from_secs(20);

/// Bursts of different lengths, such as speech has: (tone, pause) in ms.
const BURSTS: [(usize, usize); 5] = [(300, 200), (120, 350), (500, 150), (80, 80), (250, 0)];

fn bursts(rate: u32) -> Vec<i16> {
    let per_ms = rate as usize / 1000;
    let mut sound = Vec::new();
    for (tone, pause) in BURSTS {
        let step = std::f32::consts::TAU * 440.0 / rate as f32;
        sound.extend((0..tone * per_ms).map(|n| (12_000.0 * (step * n as f32).sin()) as i16));
        sound.extend(std::iter::repeat_n(0, pause * per_ms));
    }
    sound
}

/// The loudness of each 10 ms.
fn envelope(sound: &[i16]) -> Vec<f32> {
    let loudness = |frame: &[i16]| frame.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>().sqrt();
    sound.chunks_exact(SAMPLE_RATE as usize / 100).map(loudness).collect()
}

/// How alike the envelope of `wanted` and that of the best place in `heard` are: 1 is the same.
fn likeness(heard: &[i16], wanted: &[i16]) -> f32 {
    // Frames begin anywhere: the best of several beginnings.
    (0..4).map(|shift| likeness_from(&heard[shift * 40..], wanted)).fold(0.0, f32::max)
}

fn likeness_from(heard: &[i16], wanted: &[i16]) -> f32 {
    let (heard, wanted) = (envelope(heard), envelope(wanted));
    let centred = |window: &[f32]| {
        let mean = window.iter().sum::<f32>() / window.len() as f32;
        window.iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    let wanted = centred(&wanted);
    let norm = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let alike = |window: &[f32]| {
        let window = centred(window);
        let product: f32 = window.iter().zip(&wanted).map(|(a, b)| a * b).sum();
        product / (norm(&window) * norm(&wanted)).max(1e-6)
    };
    heard.windows(wanted.len()).map(alike).fold(0.0, f32::max)
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let clock = SystemClock::new(0);
    let begun = clock.monotonic();
    while !done() {
        assert!(clock.monotonic().saturating_since(begun) < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A sound server of its own, which ends with this.
struct Bench {
    folder: tempfile::TempDir,
    server: Child,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bench {
    /// Absent, and said so, where PulseAudio is not installed.
    fn start() -> Option<Self> {
        for program in ["pulseaudio", "paplay", "parec", "pactl"] {
            if Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "{program} is not installed");
                println!("skipped: pulseaudio is not installed (run make deps)");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let socket = path.join("native");
        let socket = socket.display();
        let script = format!(
            "load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n\
             load-module module-null-sink sink_name=spk rate=48000 channels=2\n\
             load-module module-null-sink sink_name=micbus rate=16000 channels=1\n\
             load-module module-remap-source source_name=mic master=micbus.monitor\n\
             set-default-sink spk\nset-default-source mic\n"
        );
        std::fs::write(path.join("pulse.pa"), script).unwrap();
        let alsa = format!(
            "pcm.!mic {{ type pulse server \"unix:{socket}\" device mic }}\n\
             pcm.!spk {{ type pulse server \"unix:{socket}\" device spk }}\n\
             pcm.!default {{ type asym playback.pcm \"spk\" capture.pcm \"mic\" }}\n"
        );
        std::fs::write(path.join(".asoundrc"), alsa).unwrap();
        let arguments = ["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no", "-n", "-F"];
        let mut command = Command::new("pulseaudio");
        command.args(arguments).arg(path.join("pulse.pa")).stdout(Stdio::null()).stderr(Stdio::null());
        let server = surround(&mut command, path).spawn().unwrap();
        let bench = Self { folder, server };
        wait_for("the sound server", || {
            bench
                .command("pactl")
                .args(["list", "short", "sources"])
                .output()
                .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("\tmic\t"))
        });
        Some(bench)
    }

    fn stop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stderr(Stdio::null());
        surround(&mut command, self.folder.path());
        command
    }

    /// This program as a child that plays `role`.
    fn child(&self, role: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "child"]).env("VICTUS_AUDIO_CHILD", role);
        command.stdout(std::fs::File::create(self.path("child.txt")).unwrap());
        surround(&mut command, self.folder.path()).spawn().unwrap()
    }

    fn finish(&self, mut child: Child) {
        assert!(child.wait().unwrap().success(), "{}", std::fs::read_to_string(self.path("child.txt")).unwrap());
    }
}

fn surround<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let server = format!("unix:{}", folder.join("native").display());
    command
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("PULSE_SERVER", server)
        .env("VICTUS_AUDIO_FOLDER", folder)
}

#[test]
fn speech_arrives_from_the_microphone() {
    let Some(bench) = Bench::start() else { return };
    write_wav(&bench.path("speech.wav"), &bursts(44_100), 44_100).unwrap();
    let child = bench.child("capture");
    wait_for("the microphone", || bench.path("running").exists());
    assert!(bench.command("paplay").args(["-d", "micbus"]).arg(bench.path("speech.wav")).status().unwrap().success());
    std::fs::write(bench.path("enough"), "").unwrap();
    bench.finish(child);
    let heard = read_wav(&bench.path("heard.wav")).unwrap();
    let likeness = likeness(&heard, &bursts(16_000));
    println!("captured {:?}, likeness {likeness:.3}", duration_of(heard.len() as u64, SAMPLE_RATE));
    assert!(likeness > 0.97, "{likeness}");
}

#[test]
fn a_reply_is_played_to_its_end() {
    let Some(bench) = Bench::start() else { return };
    let raw = bench.path("spoken.raw");
    let record = ["-d", "spk.monitor", "--raw", "--format=s16le", "--rate=16000", "--channels=1", "--latency-msec=50"];
    let mut recorder =
        bench.command("parec").args(record).stdout(std::fs::File::create(&raw).unwrap()).spawn().unwrap();
    let recorded = || {
        let bytes = std::fs::read(&raw).unwrap();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
    };
    wait_for("the recorder", || recorded().len() > 1_600);
    bench.finish(bench.child("play"));
    // The recorder is behind by its own latency.
    let behind = recorded().len() + 8_000;
    wait_for("the recording", || recorded().len() > behind);
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    let likeness = likeness(&recorded(), &bursts(16_000));
    println!("likeness {likeness:.3}");
    assert!(likeness > 0.97, "{likeness}");
}

#[test]
fn a_cancelled_reply_ends() {
    let Some(bench) = Bench::start() else { return };
    bench.finish(bench.child("cancel"));
}

#[test]
fn a_microphone_that_goes_away_is_noticed_and_no_device_is_explained() {
    let Some(mut bench) = Bench::start() else { return };
    let child = bench.child("lose");
    wait_for("the microphone", || bench.path("running").exists());
    bench.stop();
    bench.finish(child);
    bench.finish(bench.child("none"));
}

#[test]
#[ignore = "what the other tests run in a process of its own"]
fn child() {
    let role = std::env::var("VICTUS_AUDIO_CHILD").expect("the other tests say what to do");
    let folder = PathBuf::from(std::env::var_os("VICTUS_AUDIO_FOLDER").unwrap());
    match role.as_str() {
        "capture" => child_captures(&folder),
        "play" => child_plays(),
        "cancel" => child_cancels(),
        "lose" => child_loses(&folder),
        _ => child_finds_none(),
    }
}

fn child_captures(folder: &Path) {
    let mut microphone = DeviceCapture::open(&CaptureOptions::default()).unwrap();
    println!("{}", microphone.describe());
    let (mut heard, mut buffer, mut after) = (Vec::new(), [0; 1_600], 0);
    while after < SAMPLE_RATE as usize {
        let captured = microphone.read(&mut buffer, Duration::from_secs(5)).unwrap();
        assert_eq!(captured.state, CaptureState::Running);
        heard.extend_from_slice(&buffer[..captured.samples]);
        std::fs::write(folder.join("running"), "").unwrap();
        // The sound is behind by the latency of the server.
        after += if folder.join("enough").exists() { captured.samples } else { 0 };
    }
    write_wav(&folder.join("heard.wav"), &heard, SAMPLE_RATE).unwrap();
}

fn since(begun: Monotonic) -> Duration {
    SystemClock::new(0).monotonic().saturating_since(begun)
}

fn child_plays() {
    let (mut speaker, sound) = (DevicePlayback::default(), bursts(22_000));
    let begun = SystemClock::new(0).monotonic();
    let played = speaker.play(&sound, 22_000, &AtomicBool::new(false)).unwrap();
    assert!(played.completed && played.samples == sound.len(), "{played:?}");
    assert!(since(begun) >= duration_of(sound.len() as u64, 22_000), "returned after {:?}", since(begun));
}

fn child_cancels() {
    let cancel = Arc::new(AtomicBool::new(false));
    let other = cancel.clone();
    let canceller = std::thread::Builder::new().name("canceller".to_owned()).spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        other.store(true, Ordering::Release);
    });
    let sound = vec![1_000; 30 * 16_000];
    let played = DevicePlayback::default().play(&sound, 16_000, &cancel).unwrap();
    assert!(!played.completed && played.samples < sound.len() / 2, "{played:?}");
    canceller.unwrap().join().unwrap();
}

fn child_loses(folder: &Path) {
    let mut microphone = DeviceCapture::open(&CaptureOptions::default()).unwrap();
    let mut buffer = [0; 1_600];
    loop {
        match microphone.read(&mut buffer, Duration::from_millis(100)) {
            Ok(captured) => match captured.state {
                CaptureState::Waiting(waited) if waited > Duration::from_secs(2) => {
                    break println!("waited {waited:?}");
                }
                _ => std::fs::write(folder.join("running"), "").unwrap(),
            },
            Err(error) => {
                assert!(error.to_string().contains("is gone"), "{error}");
                break println!("{error}");
            }
        }
    }
}

fn child_finds_none() {
    for message in [
        DeviceCapture::open(&CaptureOptions::default()).unwrap_err().to_string(),
        DevicePlayback::default().play(&[1; 100], 16_000, &AtomicBool::new(false)).unwrap_err().to_string(),
    ] {
        println!("{message}");
        assert!(message.contains("`default`"), "{message}");
    }
}
