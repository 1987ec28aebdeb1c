//! A place in the code that logs too much is cut short.
//!
//! A place is a line of source with its target and level, so that what differs between two lines of one kind does not
//! matter; a library that does not tell its source line counts by its message. The table of places is bounded: where it
//! is full, a further place is not limited until another has been quiet for a window.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use log::Record;
use victus_hw::clock::Monotonic;

/// How many lines one place may log in a [`WINDOW`].
pub const MOST_PER_WINDOW: u32 = 50;

/// The time over which lines are counted.
pub const WINDOW: Duration = Duration::from_secs(10);

/// The most places that are counted at a time.
const MAX_PLACES: usize = 512;

/// Where a line comes from.
pub(super) struct Place {
    key: u64,
    target: String,
    shown: String,
}

impl Place {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        (record.target(), record.level()).hash(&mut hasher);
        let shown = match (record.file(), record.line()) {
            (Some(file), Some(line)) => {
                (file, line).hash(&mut hasher);
                let name = file.rsplit('/').next().unwrap_or(file);
                format!("{name}:{line}")
            }
            _ => {
                let message = record.args().to_string();
                message.hash(&mut hasher);
                format!("{:?}", message.chars().take(60).collect::<String>())
            }
        };
        Self { key: hasher.finish(), target: record.target().to_owned(), shown }
    }
}

/// Lines that were left out.
pub(super) struct LeftOut {
    pub(super) target: String,
    pub(super) place: String,
    pub(super) count: u64,
}

struct Count {
    since: Monotonic,
    logged: u32,
    left_out: u64,
    place: Place,
}

/// The count of every place.
#[derive(Default)]
pub(super) struct Flood {
    places: HashMap<u64, Count>,
    next_sweep: Monotonic,
}

impl Flood {
    /// Whether a line may be logged, and what was left out of windows that are over.
    pub(super) fn admit(&mut self, place: Place, now: Monotonic) -> (bool, Vec<LeftOut>) {
        let left_out = self.sweep(now);
        if !self.places.contains_key(&place.key) && self.places.len() >= MAX_PLACES {
            return (true, left_out);
        }
        let key = place.key;
        let count = self.places.entry(key).or_insert(Count { since: now, logged: 0, left_out: 0, place });
        let admitted = count.logged < MOST_PER_WINDOW;
        if admitted {
            count.logged += 1;
        } else {
            count.left_out += 1;
        }
        self.next_sweep = self.next_sweep.min(count.since.saturating_add(WINDOW));
        (admitted, left_out)
    }

    /// Forgets the places whose window is over.
    fn sweep(&mut self, now: Monotonic) -> Vec<LeftOut> {
        if now < self.next_sweep {
            return Vec::new();
        }
        let over = |count: &Count| now.saturating_since(count.since) >= WINDOW;
        let ended = self.places.extract_if(|_, count| over(count));
        let mut left_out: Vec<LeftOut> = ended
            .filter(|(_, count)| count.left_out > 0)
            .map(|(_, count)| LeftOut { target: count.place.target, place: count.place.shown, count: count.left_out })
            .collect();
        left_out.sort_by(|a, b| a.place.cmp(&b.place));
        let next = self.places.values().map(|count| count.since).min().unwrap_or(now);
        self.next_sweep = next.saturating_add(WINDOW);
        left_out
    }
}
