//! Which lines are logged.
//!
//! A filter is a list `LEVEL,TARGET=LEVEL,...`. A level without a target holds for Victus' own crates, and for libraries
//! as far as `warn`: their `info` tells their story and not the appliance's. `TARGET` is a module path and holds for all
//! below it, the longest one winning; `*` stands for every library.

use log::{Level, LevelFilter};

use super::LogError;

/// The most entries of a list.
const MAX_ENTRIES: usize = 32;

/// Which lines are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    own: LevelFilter,
    libraries: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { own: LevelFilter::Info, libraries: LevelFilter::Warn, targets: Vec::new() }
    }
}

impl Filter {
    /// Reads a list; an empty one is the default, `info`.
    ///
    /// # Errors
    /// An entry has no level.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let mut filter = Self::default();
        let mut libraries = None;
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).take(MAX_ENTRIES) {
            let wrong = || LogError::Level(entry.chars().take(60).collect());
            let (target, level) = match entry.split_once('=') {
                Some((target, level)) => (Some(target.trim()), level.trim()),
                None => (None, entry),
            };
            let level: LevelFilter = level.parse().map_err(|_| wrong())?;
            match target {
                None => filter.own = level,
                Some("*") => libraries = Some(level),
                Some("") => return Err(wrong()),
                Some(target) => filter.targets.push((target.to_owned(), level)),
            }
        }
        filter.libraries = libraries.unwrap_or(filter.own.min(LevelFilter::Warn));
        filter.targets.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Ok(filter)
    }

    /// Whether a line of `level` from `target` is logged.
    pub fn allows(&self, target: &str, level: Level) -> bool {
        let below =
            |known: &str| target.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let limit = match self.targets.iter().find(|(known, _)| below(known)) {
            Some((_, limit)) => *limit,
            None if target.starts_with("victus") => self.own,
            None => self.libraries,
        };
        level <= limit
    }

    /// The most that any target logs.
    pub(super) fn most(&self) -> LevelFilter {
        self.targets.iter().map(|(_, level)| *level).fold(self.own.max(self.libraries), std::cmp::Ord::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_our_crates_and_libraries_only_warn() {
        let filter = Filter::parse("debug").unwrap();
        assert!(filter.allows("victus_agent::store", Level::Debug) && !filter.allows("victus_agent", Level::Trace));
        assert!(filter.allows("rumqttc::state", Level::Warn) && !filter.allows("rumqttc", Level::Info));
        let quiet = Filter::parse("error").unwrap();
        assert!(!quiet.allows("rumqttc", Level::Warn));
        assert_eq!(Filter::parse(" ").unwrap(), Filter::default());
        assert!(!Filter::parse("off").unwrap().allows("victus_agent", Level::Error));
    }

    #[test]
    fn the_longest_target_wins() {
        let filter = Filter::parse("warn, victus_hw=info, victus_hw::gpio=trace, *=info, sled=off").unwrap();
        assert!(filter.allows("victus_hw::gpio::line", Level::Trace));
        assert!(filter.allows("victus_hw::audio", Level::Info) && !filter.allows("victus_hw::audio", Level::Debug));
        assert!(!filter.allows("victus_hwx", Level::Info));
        assert!(filter.allows("hyper", Level::Info) && !filter.allows("sled::db", Level::Error));
        assert_eq!(filter.most(), LevelFilter::Trace);
    }

    #[test]
    fn a_word_that_is_no_level_is_named() {
        for text in ["inof", "info,victus_hw=loud", "=info"] {
            let error = Filter::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no log level: expected off, error, warn, info, debug or trace"), "{error}");
        }
        assert!(Filter::parse(&"x".repeat(1000)).unwrap_err().to_string().len() < 200);
    }
}
