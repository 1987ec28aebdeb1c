//! The simulated microphone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::audio::pace::{Pace, Pacer};
use crate::audio::{
    AudioError, CaptureSource, CaptureState, Captured, Direction, SAMPLE_RATE, duration_of, samples_in,
};

/// How much unheard speech the microphone holds at most.
pub const LONGEST_QUEUE: Duration = Duration::from_secs(120);

/// The loudest sample of the quiet room: some -76 dB below full scale, as a good microphone in a silent room.
const ROOM: i16 = 8;

/// What can be wrong with a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The device is there and delivers nothing.
    NoCallback,
    /// The device delivers zeros, as a muted or half-unplugged one does.
    DigitalSilence,
    /// The device is gone.
    Unplugged,
}

/// The microphone holds [`LONGEST_QUEUE`] of unheard speech and takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulated microphone already holds {} s of speech: wait until it is heard", LONGEST_QUEUE.as_secs())]
pub struct Full;

#[derive(Debug, Default)]
struct Shared {
    speech: VecDeque<i16>,
    fault: Fault,
    /// Samples to be reported as lost before the next ones.
    lost: u64,
}

/// What others do to a simulated microphone.
#[derive(Debug, Clone)]
pub struct MicrophoneControl {
    shared: Arc<Mutex<Shared>>,
}

impl MicrophoneControl {
    /// Speaks `samples` of [`SAMPLE_RATE`], after what is not heard yet.
    ///
    /// # Errors
    /// There is no room: nothing of it is taken.
    pub fn speak(&self, samples: &[i16]) -> Result<(), Full> {
        let mut shared = lock(&self.shared);
        if (shared.speech.len() + samples.len()) as u64 > samples_in(LONGEST_QUEUE) {
            return Err(Full);
        }
        shared.speech.extend(samples);
        Ok(())
    }

    /// How much of what was spoken is not heard yet.
    pub fn unheard(&self) -> Duration {
        duration_of(lock(&self.shared).speech.len() as u64, SAMPLE_RATE)
    }

    /// Causes or ends a fault.
    pub fn set_fault(&self, fault: Fault) {
        lock(&self.shared).fault = fault;
    }

    /// Loses the next `samples`: of the speech, or of the room where there is no more.
    pub fn lose(&self, samples: u64) {
        let mut shared = lock(&self.shared);
        let spoken = usize::try_from(samples).unwrap_or(usize::MAX).min(shared.speech.len());
        shared.speech.drain(..spoken);
        shared.lost += samples;
    }
}

/// A microphone in a quiet room, in which nobody speaks but through its [`MicrophoneControl`].
#[derive(Debug)]
pub struct SimulatedMicrophone {
    shared: Arc<Mutex<Shared>>,
    pacer: Pacer,
    noise: u64,
    waited: Duration,
}

impl SimulatedMicrophone {
    /// A microphone at `pace` whose background noise depends on `seed` alone.
    pub fn new(pace: Pace, seed: u64) -> (Self, MicrophoneControl) {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let control = MicrophoneControl { shared: shared.clone() };
        let pacer = Pacer::new(pace, SAMPLE_RATE);
        (Self { shared, pacer, noise: seed ^ 0x9E37_79B9_7F4A_7C15, waited: Duration::ZERO }, control)
    }

    /// The microphone that `control` belongs to, opened once more, as after a fault.
    pub fn reopen(control: &MicrophoneControl, pace: Pace, seed: u64) -> Self {
        Self { shared: control.shared.clone(), ..Self::new(pace, seed).0 }
    }

    /// The next sample of the room (xorshift64*: it has to be repeatable, not good).
    fn room(&mut self) -> i16 {
        self.noise ^= self.noise >> 12;
        self.noise ^= self.noise << 25;
        self.noise ^= self.noise >> 27;
        let random = (self.noise.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 48) as i32;
        (random % (2 * i32::from(ROOM) + 1)) as i16 - ROOM
    }

    fn gone() -> AudioError {
        AudioError::Gone {
            direction: Direction::Capture,
            device: "simulated".to_owned(),
            reason: "it was unplugged by the simulation".to_owned(),
        }
    }
}

impl CaptureSource for SimulatedMicrophone {
    fn read(&mut self, out: &mut [i16], timeout: Duration) -> Result<Captured, AudioError> {
        let (fault, lost, spoken) = {
            let mut shared = lock(&self.shared);
            let delivers = matches!(shared.fault, Fault::None | Fault::DigitalSilence);
            let spoken = if delivers { shared.speech.len().min(out.len()) } else { 0 };
            for (place, sample) in out.iter_mut().zip(shared.speech.drain(..spoken)) {
                *place = sample;
            }
            (shared.fault, if delivers { std::mem::take(&mut shared.lost) } else { 0 }, spoken)
        };
        match fault {
            Fault::Unplugged => return Err(Self::gone()),
            Fault::NoCallback => {
                self.pacer.idle(timeout);
                self.waited = self.waited.saturating_add(timeout);
                return Ok(Captured { samples: 0, lost: 0, state: CaptureState::Waiting(self.waited) });
            }
            Fault::DigitalSilence => out.fill(0),
            Fault::None => {
                for place in &mut out[spoken..] {
                    *place = self.room();
                }
                for place in &mut out[..spoken] {
                    *place = place.saturating_add(self.room());
                }
            }
        }
        self.waited = Duration::ZERO;
        self.pacer.pass(out.len());
        Ok(Captured { samples: out.len(), lost, state: CaptureState::Running })
    }

    fn is_live(&self) -> bool {
        self.pacer.is_real_time()
    }

    fn describe(&self) -> String {
        "the simulated microphone".to_owned()
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(100);

    fn read(microphone: &mut SimulatedMicrophone, samples: usize) -> Vec<i16> {
        let mut out = vec![0; samples];
        assert_eq!(microphone.read(&mut out, TIMEOUT).unwrap().samples, samples);
        out
    }

    #[test]
    fn speech_comes_once_in_order_and_the_room_is_quiet_and_repeatable() {
        let (mut first, control) = SimulatedMicrophone::new(Pace::Fast, 7);
        let (mut second, _) = SimulatedMicrophone::new(Pace::Fast, 7);
        let quiet = read(&mut first, 1_000);
        assert_eq!(quiet, read(&mut second, 1_000));
        assert!(quiet.iter().all(|s| s.abs() <= ROOM) && quiet.iter().any(|s| *s != quiet[0]));
        control.speak(&[1_000; 100]).unwrap();
        control.speak(&[-1_000; 100]).unwrap();
        let heard = read(&mut first, 300);
        assert!(heard[..100].iter().all(|s| (s - 1_000).abs() <= ROOM));
        assert!(heard[100..200].iter().all(|s| (s + 1_000).abs() <= ROOM));
        assert!(heard[200..].iter().all(|s| s.abs() <= ROOM));
        assert_eq!(control.unheard(), Duration::ZERO);
    }

    #[test]
    fn the_queue_has_a_bound() {
        let (_microphone, control) = SimulatedMicrophone::new(Pace::Fast, 1);
        let minute = vec![0; 60 * 16_000];
        assert_eq!([control.speak(&minute), control.speak(&minute), control.speak(&[0])], [Ok(()), Ok(()), Err(Full)]);
        assert_eq!(control.unheard(), LONGEST_QUEUE);
    }

    #[test]
    fn faults_look_as_they_do_on_devices() {
        let (mut microphone, control) = SimulatedMicrophone::new(Pace::Fast, 1);
        let mut out = [1; 160];
        control.set_fault(Fault::NoCallback);
        for reads in 1..=3 {
            let captured = microphone.read(&mut out, TIMEOUT).unwrap();
            assert_eq!(captured, Captured { samples: 0, lost: 0, state: CaptureState::Waiting(TIMEOUT * reads) });
        }
        control.set_fault(Fault::DigitalSilence);
        control.speak(&[500; 160]).unwrap();
        assert_eq!(read(&mut microphone, 160), [0; 160]);
        control.set_fault(Fault::Unplugged);
        assert!(microphone.read(&mut out, TIMEOUT).unwrap_err().to_string().contains("unplugged"));
        control.set_fault(Fault::None);
        control.speak(&[500; 160]).unwrap();
        control.lose(80);
        let captured = SimulatedMicrophone::reopen(&control, Pace::Fast, 1).read(&mut out, TIMEOUT).unwrap();
        assert_eq!((captured.samples, captured.lost), (160, 80));
        assert!(out[79] > 400 && out[80] < 100, "half of the speech is lost");
    }
}
