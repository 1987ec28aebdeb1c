//! What a link tells the journal of itself.
//!
//! Owns the rule that a flapping link does not fill the journal, of which every event goes out over that link again: a
//! change is told at once while there is room for it, and else when there is, and only if it still stands.

use victus_agent::event::EventKind;
use victus_hw::clock::Monotonic;

use super::bucket::TokenBucket;

/// Changes that are told: so many a second from the time on that the burst is used up (one in two minutes) ...
const PER_SECOND: f64 = 1.0 / 120.0;

/// ... and so many at once.
const BURST: f64 = 6.0;

/// Up or down, as last told and as it is.
#[derive(Debug)]
pub(crate) struct Announcer {
    link: String,
    told: Option<bool>,
    is: Option<(bool, Option<String>)>,
    bucket: TokenBucket,
}

impl Announcer {
    pub(crate) fn new(link: &str) -> Self {
        Self { link: link.to_owned(), told: None, is: None, bucket: TokenBucket::new(PER_SECOND, BURST) }
    }

    /// The link came up, or went down for the reason `why`.
    pub(crate) fn set(&mut self, up: bool, why: Option<String>) {
        if self.is.as_ref().is_none_or(|(was, _)| *was != up) {
            self.is = Some((up, why));
        }
    }

    /// The event to append now, if any.
    pub(crate) fn due(&mut self, now: Monotonic) -> Option<EventKind> {
        let (up, why) = self.is.as_ref()?;
        if self.told == Some(*up) || self.bucket.take(now).is_err() {
            return None;
        }
        self.told = Some(*up);
        Some(EventKind::LinkChanged { link: self.link.clone(), up: *up, why: why.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn only_changes_are_told() {
        let mut announcer = Announcer::new("fleet");
        assert_eq!(announcer.due(at(0)), None);
        announcer.set(false, Some("no route".into()));
        let down = EventKind::LinkChanged { link: "fleet".into(), up: false, why: Some("no route".into()) };
        assert_eq!(announcer.due(at(0)), Some(down));
        announcer.set(false, Some("another reason".into()));
        assert_eq!(announcer.due(at(1)), None);
        announcer.set(true, None);
        assert!(matches!(announcer.due(at(2)), Some(EventKind::LinkChanged { up: true, .. })));
    }

    #[test]
    fn a_link_that_flaps_for_a_day_writes_little_and_the_last_state_is_told() {
        let mut announcer = Announcer::new("fleet");
        let mut told = Vec::new();
        for second in 0..86_400 {
            announcer.set(second % 2 == 0, None);
            told.extend(announcer.due(at(second)));
        }
        assert!((100..800).contains(&told.len()), "{}", told.len());
        announcer.set(true, None);
        told.extend(announcer.due(at(100_000)));
        assert!(matches!(told.last(), Some(EventKind::LinkChanged { up: true, .. })));
    }
}
