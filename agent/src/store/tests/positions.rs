//! No position is ever used twice, and what is shown is what was appended, over random lives of an appliance.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

/// What may happen to an appliance.
#[derive(Debug, Clone)]
enum Happening {
    /// So many events are appended, of which each third is chatter.
    Append(u8),
    /// The disk refuses.
    Refuse,
    /// The disk is back, and it is tried to use it.
    Recover,
    /// The appliance is closed and started again.
    Restart,
    /// The power goes while nothing is being written.
    PowerCut,
    /// The power goes, and bits of the database have changed.
    Damage(Vec<(prop::sample::Index, u8)>),
    /// The database file is cut short.
    Truncate(prop::sample::Index),
    /// The file of epochs is lost.
    LoseEpochs,
    /// The file of epochs is overwritten with rubbish.
    SpoilEpochs,
    /// The appliance starts and cannot claim an epoch, appends, and ends.
    StartWithoutClaim(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (1..20_u8).prop_map(Happening::Append),
        3 => Just(Happening::Refuse),
        3 => Just(Happening::Recover),
        3 => Just(Happening::Restart),
        3 => Just(Happening::PowerCut),
        2 => proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4).prop_map(Happening::Damage),
        1 => any::<prop::sample::Index>().prop_map(Happening::Truncate),
        1 => Just(Happening::LoseEpochs),
        1 => Just(Happening::SpoilEpochs),
        2 => (1..9_u8).prop_map(Happening::StartWithoutClaim),
    ]
}

struct Life {
    root: tempfile::TempDir,
    folders: u32,
    folder: PathBuf,
    store: Option<Store>,
    /// Everything that was ever told.
    told: BTreeMap<Position, Event>,
    appended: u64,
}

impl Life {
    fn begin() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("0");
        let store = Some(Store::open(options(&folder)).unwrap());
        Self { root, folders: 0, folder, store, told: BTreeMap::new(), appended: 0 }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn append(&mut self, count: u8) {
        for _ in 0..count {
            self.appended += 1;
            let kind = if self.appended.is_multiple_of(3) {
                chatter(&self.appended.to_string())
            } else {
                record(self.appended)
            };
            let event = self.store().journal().append_blocking(None, kind).event;
            let before = self.told.insert(event.position, event.clone());
            assert_eq!(before, None, "{} was used twice", event.position);
        }
        let after = self.told.keys().nth_back(usize::from(count)).copied().unwrap_or_default();
        if let Ok(events) = self.store().journal().read(after, 1000) {
            self.check(&events);
        }
    }

    /// Shown events are in order, and each is the one that was told there.
    fn check(&self, events: &[Event]) {
        assert!(events.is_sorted_by(|one, next| one.position < next.position));
        for event in events {
            match self.told.get(&event.position) {
                Some(told) => assert_eq!(told, event),
                // The store's own events are not told here.
                None => assert!(matches!(
                    event.kind,
                    EventKind::StoreSetAside { .. } | EventKind::StoreDamaged { .. } | EventKind::Gap { .. }
                )),
            }
        }
    }

    /// The files as they are now go on in another folder; what runs, runs on without effect.
    fn power_cut(&mut self, spoil: impl FnOnce(&Path)) {
        self.folders += 1;
        let next = self.root.path().join(self.folders.to_string());
        copy(&self.folder, &next);
        self.store = None;
        spoil(&next);
        self.folder = next;
        self.start();
    }

    fn restart(&mut self, between: impl FnOnce(&Path)) {
        self.store = None;
        between(&self.folder);
        self.start();
    }

    fn start(&mut self) {
        let store = Store::open(options(&self.folder)).unwrap();
        if let Ok(events) = store.journal().read(Position::default(), 100_000) {
            self.check(&events);
        }
        self.store = Some(store);
    }

    fn live(&mut self, happening: Happening) {
        match happening {
            Happening::Append(count) => self.append(count),
            Happening::Refuse => {
                assert!(self.store().core.say(Message::Failed(Fault::Full("as asked".to_owned()))));
            }
            Happening::Recover => {
                super::waiting::block_on(self.store().try_recover());
            }
            Happening::Restart => self.restart(|_| {}),
            Happening::PowerCut => self.power_cut(|_| {}),
            Happening::Damage(bits) => self.power_cut(|folder| {
                let file = folder.join("db/db");
                let mut bytes = fs::read(&file).unwrap_or_default();
                for (at, flip) in bits.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= flip;
                }
                fs::write(&file, bytes).unwrap();
            }),
            Happening::Truncate(at) => self.power_cut(|folder| {
                let file = fs::OpenOptions::new().write(true).open(folder.join("db/db")).unwrap();
                let length = file.metadata().unwrap().len();
                file.set_len(at.index(usize::try_from(length).unwrap() + 1) as u64).unwrap();
            }),
            Happening::LoseEpochs => self.restart(|folder| fs::remove_file(folder.join("db.epoch")).unwrap()),
            Happening::SpoilEpochs => self.restart(|folder| fs::write(folder.join("db.epoch"), [9; 8192]).unwrap()),
            Happening::StartWithoutClaim(count) => {
                let (file, away) = (self.folder.join("db.epoch"), self.folder.join("epochs-away"));
                self.store = None;
                fs::rename(&file, &away).unwrap();
                fs::create_dir(&file).unwrap();
                self.start();
                assert!(matches!(self.store().status().mode, Mode::Memory { .. }));
                self.append(count);
                self.store = None;
                fs::remove_dir(&file).unwrap();
                fs::rename(&away, &file).unwrap();
                self.start();
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn no_position_is_used_twice_and_what_is_shown_is_what_was_appended(
        happenings in proptest::collection::vec(happening(), 1..14),
    ) {
        let mut life = Life::begin();
        for happening in happenings {
            life.live(happening);
        }
        life.append(3);
    }
}
