//! The topics of the contract.
//!
//! Owns how a topic is spelled and which ids may stand in one. Leaves payloads to `payloads`.
//!
//! # Format
//!
//! `victus/v1/<site>/<device>/` followed by `presence`, `about`, `health`, `event`, `command/<id>` or
//! `command/<id>/reply`. Site, device and command id are 1 to [`MAX_ID`] characters from `A-Z a-z 0-9 . _ -`: so none of
//! them can hold a separator, a wildcard or a control character, and none can begin with `$`.

/// The longest site, device or command id in bytes.
pub const MAX_ID: usize = 64;

/// An id that may not stand in a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} id {id:?} cannot stand in an MQTT topic: use 1 to {MAX_ID} characters from A-Z a-z 0-9 . _ -")]
pub struct BadId {
    /// Which id: `site`, `device` or `command`.
    pub what: &'static str,
    /// The id, cut to its first characters.
    pub id: String,
}

/// Checks that `id` may stand in a topic.
///
/// # Errors
/// It is empty, too long, or has a character that is not allowed.
pub fn check_id(what: &'static str, id: &str) -> Result<(), BadId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(())
    } else {
        Err(BadId { what, id: id.chars().take(MAX_ID).collect() })
    }
}

/// The topics of one appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    root: String,
}

impl Topics {
    /// The topics of `device` at `site`.
    ///
    /// # Errors
    /// One of the ids may not stand in a topic.
    pub fn new(site: &str, device: &str) -> Result<Self, BadId> {
        check_id("site", site)?;
        check_id("device", device)?;
        Ok(Self { root: format!("victus/v1/{site}/{device}") })
    }

    /// Where it says that it is there.
    pub fn presence(&self) -> String {
        format!("{}/presence", self.root)
    }

    /// Where it says what it is.
    pub fn about(&self) -> String {
        format!("{}/about", self.root)
    }

    /// Where it says how it is.
    pub fn health(&self) -> String {
        format!("{}/health", self.root)
    }

    /// Where its journal goes.
    pub fn event(&self) -> String {
        format!("{}/event", self.root)
    }

    /// What it subscribes to for commands.
    pub fn commands(&self) -> String {
        format!("{}/command/+", self.root)
    }

    /// Where the reply to command `id` goes.
    ///
    /// # Errors
    /// The id may not stand in a topic.
    pub fn reply(&self, id: &str) -> Result<String, BadId> {
        check_id("command", id)?;
        Ok(format!("{}/command/{id}/reply", self.root))
    }

    /// The id of the command that `topic` carries; none where the topic is that of no command. The id is as it was
    /// sent: [`check_id`] says whether it may be answered.
    pub fn command_id<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&self.root)?.strip_prefix("/command/").filter(|id| !id.contains('/'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn topics_are_those_of_the_contract() {
        let topics = Topics::new("plant-a", "press-hall-3").unwrap();
        assert_eq!(topics.presence(), "victus/v1/plant-a/press-hall-3/presence");
        assert_eq!(topics.about(), "victus/v1/plant-a/press-hall-3/about");
        assert_eq!(topics.health(), "victus/v1/plant-a/press-hall-3/health");
        assert_eq!(topics.event(), "victus/v1/plant-a/press-hall-3/event");
        assert_eq!(topics.commands(), "victus/v1/plant-a/press-hall-3/command/+");
        assert_eq!(topics.reply("c-1").unwrap(), "victus/v1/plant-a/press-hall-3/command/c-1/reply");
        assert_eq!(topics.command_id("victus/v1/plant-a/press-hall-3/command/c-1"), Some("c-1"));
        assert_eq!(topics.command_id("victus/v1/plant-a/press-hall-3/command/c-1/reply"), None);
        assert_eq!(topics.command_id("victus/v1/plant-a/press-hall-33/command/c-1"), None);
    }

    #[test]
    fn ids_that_would_change_the_topic_are_refused() {
        for bad in ["", "a/b", "a+", "#", "$SYS", "a b", "ä", "a\0", "a\nb", &"x".repeat(MAX_ID + 1)] {
            let refused = Topics::new("plant-a", bad).unwrap_err();
            assert_eq!(refused.what, "device");
            assert!(refused.to_string().contains("A-Z a-z 0-9"), "{refused}");
            assert!(Topics::new(bad, "device").is_err());
        }
        assert!(Topics::new(&"x".repeat(MAX_ID), "A.b_c-9").is_ok());
    }

    proptest! {
        #[test]
        fn an_id_that_passes_stays_one_level_of_the_topic(id in ".{0,80}") {
            let topics = Topics::new("s", "d").unwrap();
            if let Ok(reply) = topics.reply(&id) {
                prop_assert_eq!(reply.split('/').count(), 7);
                prop_assert!(!reply.contains(['+', '#', '\0']));
            }
        }

        #[test]
        fn no_topic_from_outside_is_fatal(topic in any::<String>()) {
            let topics = Topics::new("s", "d").unwrap();
            prop_assert!(topics.command_id(&topic).is_none_or(|id| !id.contains('/')));
        }
    }
}
