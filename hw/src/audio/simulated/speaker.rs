//! The simulated speaker.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::audio::file::write_wav;
use crate::audio::pace::{Pace, Pacer};
use crate::audio::{AudioError, Direction, PlaybackSink, Played};

/// How often a second a cancellation is looked for.
const SLICES_PER_SECOND: u32 = 50;

/// One sound that the simulated speaker has played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedReply {
    /// Counts the sounds, from 1, over all starts with the same folder.
    pub number: u64,
    /// Where it is kept; absent without a folder.
    pub file: Option<PathBuf>,
    /// Its samples a second.
    pub rate: u32,
    /// How many samples were to be played.
    pub given: usize,
    /// What became of it.
    pub played: Played,
}

#[derive(Debug, Default)]
struct Shared {
    played: VecDeque<PlayedReply>,
    broken: bool,
}

/// What others learn from a simulated speaker and do to it.
#[derive(Debug, Clone)]
pub struct SpeakerRecord {
    shared: Arc<Mutex<Shared>>,
}

impl SpeakerRecord {
    /// The sounds played last, the oldest first.
    pub fn played(&self) -> Vec<PlayedReply> {
        lock(&self.shared).played.iter().cloned().collect()
    }

    /// Unplugs the speaker, or plugs it in again.
    pub fn set_broken(&self, broken: bool) {
        lock(&self.shared).broken = broken;
    }
}

/// A speaker that takes as long as its pace says and keeps what it played as `reply-NNNNNN.wav`.
#[derive(Debug)]
pub struct SimulatedSpeaker {
    pace: Pace,
    folder: Option<PathBuf>,
    keep: usize,
    number: u64,
    shared: Arc<Mutex<Shared>>,
}

impl SimulatedSpeaker {
    /// A speaker at `pace` that keeps the last `keep` sounds in `folder`, which is made where it is missing. Older
    /// recordings there are counted, and removed beyond `keep`.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn new(pace: Pace, folder: Option<&Path>, keep: usize) -> Result<(Self, SpeakerRecord), AudioError> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let mut number = 0;
        if let Some(folder) = folder {
            let fail = |action| move |source| AudioError::File { action, path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(fail("write"))?;
            number = recordings(folder).map_err(fail("read"))?.last().copied().unwrap_or(0);
        }
        let record = SpeakerRecord { shared: shared.clone() };
        Ok((Self { pace, folder: folder.map(Path::to_owned), keep: keep.max(1), number, shared }, record))
    }

    fn keep(&self, samples: &[i16], rate: u32) -> Result<Option<PathBuf>, AudioError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let path = folder.join(file_name(self.number));
        write_wav(&path, samples, rate)?;
        let fail = |source| AudioError::File { action: "read", path: folder.clone(), source };
        let kept = recordings(folder).map_err(fail)?;
        for number in &kept[..kept.len().saturating_sub(self.keep)] {
            let old = folder.join(file_name(*number));
            std::fs::remove_file(&old).map_err(|source| AudioError::File { action: "remove", path: old, source })?;
        }
        Ok(Some(path))
    }
}

impl PlaybackSink for SimulatedSpeaker {
    fn play(&mut self, samples: &[i16], rate: u32, cancel: &AtomicBool) -> Result<Played, AudioError> {
        let gone = || AudioError::Gone {
            direction: Direction::Playback,
            device: "simulated".to_owned(),
            reason: "it was unplugged by the simulation".to_owned(),
        };
        let mut pacer = Pacer::new(self.pace.clone(), rate);
        let mut done = 0;
        for slice in samples.chunks((rate / SLICES_PER_SECOND).max(1) as usize) {
            if lock(&self.shared).broken {
                return Err(gone());
            }
            if cancel.load(Ordering::Acquire) {
                break;
            }
            pacer.pass(slice.len());
            done += slice.len();
        }
        let played = Played { samples: done, completed: done == samples.len() };
        self.number += 1;
        let file = self.keep(&samples[..done], rate)?;
        let mut shared = lock(&self.shared);
        if shared.played.len() >= self.keep {
            shared.played.pop_front();
        }
        shared.played.push_back(PlayedReply { number: self.number, file, rate, given: samples.len(), played });
        Ok(played)
    }

    fn describe(&self) -> String {
        match &self.folder {
            Some(folder) => format!("the simulated speaker, which keeps what it plays in {}", folder.display()),
            None => "the simulated speaker".to_owned(),
        }
    }
}

fn file_name(number: u64) -> String {
    format!("reply-{number:06}.wav")
}

/// The numbers of the recordings in `folder`, ascending.
fn recordings(folder: &Path) -> std::io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix("reply-")?.strip_suffix(".wav")?.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::file::read_wav;
    use crate::clock::{Clock, SystemClock};
    use std::time::Duration;

    #[test]
    fn keeps_the_last_sounds_and_goes_on_counting_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = AtomicBool::new(false);
        for start in 0..2_i16 {
            let (mut speaker, record) = SimulatedSpeaker::new(Pace::Fast, Some(folder.path()), 3).unwrap();
            for sound in 0..4_i16 {
                speaker.play(&[start * 100 + sound; 50], 16_000, &cancel).unwrap();
            }
            assert_eq!(record.played().len(), 3);
        }
        assert_eq!(recordings(folder.path()).unwrap(), [6, 7, 8]);
        assert_eq!(read_wav(&folder.path().join("reply-000008.wav")).unwrap(), [103; 50]);
    }

    #[test]
    fn takes_its_time_and_stops_when_cancelled() {
        let clock = Arc::new(SystemClock::new(0));
        let (mut speaker, record) = SimulatedSpeaker::new(Pace::RealTime(clock.clone()), None, 3).unwrap();
        let begun = clock.monotonic();
        speaker.play(&[0; 1_600], 16_000, &AtomicBool::new(false)).unwrap();
        assert!(clock.monotonic().saturating_since(begun) >= Duration::from_millis(100));
        let played = speaker.play(&[0; 1_600], 16_000, &AtomicBool::new(true)).unwrap();
        assert_eq!(played, Played { samples: 0, completed: false });
        assert_eq!(record.played().iter().map(|reply| reply.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_unplugged_speaker_is_an_error_and_works_again() {
        let (mut speaker, record) = SimulatedSpeaker::new(Pace::Fast, None, 3).unwrap();
        record.set_broken(true);
        assert!(speaker.play(&[0; 10], 16_000, &AtomicBool::new(false)).unwrap_err().to_string().contains("speaker"));
        record.set_broken(false);
        assert!(speaker.play(&[0; 10], 16_000, &AtomicBool::new(false)).unwrap().completed);
    }
}
