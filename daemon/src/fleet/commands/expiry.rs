//! Whether a command may still be begun.
//!
//! Owns the rule. A time to live counts by the clock that never jumps; over a reboot only a wall clock that was
//! synchronised on both sides can tell, and where it cannot, the command has expired: to act too late may hurt.

use std::time::Duration;

use victus_agent::event::{BootId, Stamp};
use victus_hw::clock::{Clock, ClockTrust};

use crate::fleet::command::{CommandState, Expiry, Reply};

/// The reply to a command that may not be begun; none where it may.
pub(super) fn refusal(id: &str, expiry: Expiry, received: &Stamp, clock: &dyn Clock, boot: &BootId) -> Option<Reply> {
    let now = Stamp::now(clock, boot);
    match expiry {
        Expiry::Never => None,
        Expiry::At(_) if now.trust < ClockTrust::Synchronised => {
            let reason = "The command expires at a time, and this appliance does not know what time it is. \
                Send it with `ttl_s`, or once the clock is synchronised under a new id.";
            Some(Reply::new(id, CommandState::Refused).because("clock_unknown", reason))
        }
        Expiry::At(unix_ms) => (now.wall_ms >= unix_ms).then(|| expired(id, "its time was over")),
        Expiry::After(ttl) => match age(received, &now) {
            Some(age) if age < ttl => None,
            Some(_) => Some(expired(id, "its time to live was over")),
            None => Some(expired(id, "the appliance was restarted and cannot tell how long ago it came")),
        },
    }
}

fn expired(id: &str, why: &str) -> Reply {
    Reply::new(id, CommandState::Expired).because("expired", format!("The command was not begun: {why}."))
}

fn age(received: &Stamp, now: &Stamp) -> Option<Duration> {
    if received.boot == now.boot {
        return Some(Duration::from_millis(now.mono_ms.saturating_sub(received.mono_ms)));
    }
    let known = received.trust == ClockTrust::Synchronised && now.trust == ClockTrust::Synchronised;
    let elapsed = u64::try_from(now.wall_ms.checked_sub(received.wall_ms)?).ok()?;
    known.then(|| Duration::from_millis(elapsed))
}

#[cfg(test)]
mod tests {
    use victus_hw::clock::{SimulatedClock, WallTime};

    use super::*;

    const WALL: i64 = 1_790_000_000_000;

    fn code(reply: Option<Reply>) -> Option<String> {
        reply.and_then(|reply| reply.code)
    }

    #[test]
    fn a_time_counts_only_by_a_clock_that_is_synchronised() {
        let (clock, boot) = (SimulatedClock::new(WALL), BootId("b".into()));
        let received = Stamp::now(&clock, &boot);
        let refused = |clock: &SimulatedClock, at| code(refusal("c", Expiry::At(at), &received, clock, &boot));
        assert_eq!(refused(&clock, WALL + 1), None);
        assert_eq!(refused(&clock, WALL).as_deref(), Some("expired"));
        for trust in [ClockTrust::Unset, ClockTrust::Floor] {
            clock.set_wall(WallTime { unix_ms: 0, trust });
            assert_eq!(refused(&clock, WALL + 1).as_deref(), Some("clock_unknown"));
            assert_eq!(refused(&clock, -1).as_deref(), Some("clock_unknown"));
        }
    }

    #[test]
    fn a_time_to_live_does_not_care_where_the_wall_clock_jumps() {
        let (clock, boot) = (SimulatedClock::new(WALL), BootId("b".into()));
        let received = Stamp::now(&clock, &boot);
        let ttl = Expiry::After(Duration::from_secs(10));
        clock.set_wall(WallTime { unix_ms: 0, trust: ClockTrust::Unset });
        clock.advance(Duration::from_millis(9_999));
        assert_eq!(refusal("c", ttl, &received, &clock, &boot), None);
        clock.advance(Duration::from_millis(1));
        assert_eq!(code(refusal("c", ttl, &received, &clock, &boot)).as_deref(), Some("expired"));
    }

    #[test]
    fn over_a_reboot_a_time_to_live_needs_a_clock_known_on_both_sides() {
        let (clock, later) = (SimulatedClock::new(WALL), SimulatedClock::new(WALL + 5_000));
        let (boot, next) = (BootId("b".into()), BootId("c".into()));
        let ttl = Expiry::After(Duration::from_secs(10));
        let mut received = Stamp::now(&clock, &boot);
        assert_eq!(refusal("c", ttl, &received, &later, &next), None);
        later.advance(Duration::from_secs(5));
        assert_eq!(code(refusal("c", ttl, &received, &later, &next)).as_deref(), Some("expired"));
        received.trust = ClockTrust::Floor;
        let reason = refusal("c", ttl, &received, &clock, &next).unwrap().reason.unwrap();
        assert!(reason.contains("restarted"), "{reason}");
    }
}
