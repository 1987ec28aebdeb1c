//! What a volume does to samples, and how it is kept.

use std::sync::Mutex;

use victus_hw::clock::SimulatedClock;

use super::*;
use crate::event::BootId;
use crate::store::StoreOptions;

fn store(folder: &std::path::Path) -> Store {
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    Store::open(StoreOptions::new(folder.join("db"), clock, BootId("boot".to_owned()))).unwrap()
}

#[test]
fn more_percent_is_louder_and_nothing_is_cut_off() {
    let wave = [0, 100, -5_000, 12_000, -24_000, i16::MAX, i16::MIN];
    assert_eq!(*at_volume(&wave, USUAL), wave);
    assert_eq!(*at_volume(&wave, 0), [0; 7]);
    let loud: Vec<Vec<i16>> = (0..=LOUDEST).map(|percent| at_volume(&wave, percent).into_owned()).collect();
    for (quieter, louder) in loud.iter().zip(loud.iter().skip(1)) {
        assert!(quieter.iter().zip(louder).skip(1).take(4).all(|(a, b)| a.unsigned_abs() <= b.unsigned_abs()));
        assert!(louder.iter().zip(&wave).all(|(now, was)| i32::from(*now) * i32::from(*was) >= 0));
    }
    let loudest = loud.last().unwrap();
    assert_eq!(loudest[1], 204, "twice the amplitude for what is far from full scale");
    assert!(loudest[3] < loudest[4].saturating_abs() && loudest[4] > -i16::MAX, "peaks stay apart: {loudest:?}");
}

#[tokio::test]
async fn the_volume_holds_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let opened = store(folder.path());
    let volume = Volume::load(&opened).unwrap();
    assert_eq!(volume.percent(), USUAL);
    assert_eq!(volume.set(30).await.unwrap(), USUAL);
    drop((volume, opened));
    assert_eq!(Volume::load(&store(folder.path())).unwrap().percent(), 30);
}

#[tokio::test]
async fn a_stored_volume_that_is_none_counts_as_the_usual() {
    let folder = tempfile::tempdir().unwrap();
    let opened = store(folder.path());
    for wrong in [serde_json::json!(101), serde_json::json!("loud")] {
        opened.table(TableName::Meta).put(KEY, &wrong).await.unwrap();
        assert_eq!(Volume::load(&opened).unwrap().percent(), USUAL);
    }
}

struct Listener(Arc<Mutex<Vec<i16>>>);

impl PlaybackSink for Listener {
    fn play(&mut self, samples: &[i16], _rate: u32, _cancel: &AtomicBool) -> Result<Played, AudioError> {
        *self.0.lock().unwrap() = samples.to_vec();
        Ok(Played { samples: samples.len(), completed: true })
    }

    fn describe(&self) -> String {
        "a listener".to_owned()
    }
}

#[tokio::test]
async fn at_no_volume_replies_are_silent_and_announcements_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let volume = Arc::new(Volume::load(&store(folder.path())).unwrap());
    volume.set(0).await.unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = || Box::new(Listener(Arc::clone(&heard)));
    let mut replies = AtVolume::replies(listener(), Arc::clone(&volume));
    let mut announcements = AtVolume::announcements(listener(), Arc::clone(&volume));
    let cancel = AtomicBool::new(false);
    replies.play(&[10_000, -10_000], 22_050, &cancel).unwrap();
    assert_eq!(*heard.lock().unwrap(), [0, 0]);
    announcements.play(&[10_000, -10_000], 22_050, &cancel).unwrap();
    assert_eq!(*heard.lock().unwrap(), [5_102, -5_102]);
    volume.set(USUAL).await.unwrap();
    replies.play(&[10_000, -10_000], 22_050, &cancel).unwrap();
    assert_eq!(*heard.lock().unwrap(), [10_000, -10_000]);
}
