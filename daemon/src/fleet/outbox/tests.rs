//! The outbox against a journal that loses its tail, a wire that is cut and a subscriber with its own ledger.

use std::collections::BTreeMap;

use proptest::prelude::*;
use victus_agent::event::{BootId, EVENT_FORMAT, EventKind, Stamp};
use victus_hw::clock::ClockTrust;

use super::*;

fn at(epoch: u64, seq: u64) -> Position {
    Position { epoch, seq }
}

fn event(position: Position) -> Event {
    Event {
        v: EVENT_FORMAT,
        position,
        at: Stamp { wall_ms: 0, trust: ClockTrust::Unset, mono_ms: 0, boot: BootId("b".into()) },
        trace: None,
        kind: EventKind::TimerChanged { timer: position.to_string(), state: "paused".into() },
    }
}

fn seconds(seconds: u64) -> Monotonic {
    Monotonic::from_duration(Duration::from_secs(seconds))
}

fn limits(window: usize) -> Limits {
    Limits { window, span: 4 * window, backlog_per_second: 1000.0 }
}

/// Everything that the outbox sends now, read from `journal`.
fn drain(outbox: &mut Outbox, journal: &[Position], now: Monotonic) -> Vec<Offer> {
    let head = journal.last().copied().unwrap_or_default();
    let mut sent = Vec::new();
    loop {
        match outbox.next(head, now) {
            Next::Send(offer) => sent.push(offer),
            Next::Read(after) => {
                let events = journal.iter().filter(|position| **position > after).take(3).map(|&p| event(p)).collect();
                let oldest = journal.first().copied().unwrap_or_default();
                outbox.load(events, oldest, |event| if event.position.seq.is_multiple_of(5) { 2 } else { 1 });
            }
            Next::Wait(_) | Next::Idle => return sent,
        }
    }
}

fn positions(offers: &[Offer]) -> Vec<u64> {
    offers.iter().map(|offer| offer.event.position.seq).collect()
}

#[test]
fn nothing_is_offered_without_a_session() {
    let mut outbox = Outbox::new(limits(3), Position::default());
    assert_eq!(outbox.next(at(1, 5), seconds(0)), Next::Idle);
}

#[test]
fn a_record_is_released_by_its_own_acknowledgement_only() {
    let journal: Vec<Position> = (1..=9).map(|seq| at(1, seq)).collect();
    let mut outbox = Outbox::new(limits(3), Position::default());
    outbox.session_began(at(1, 9));
    assert_eq!(positions(&drain(&mut outbox, &journal, seconds(0))), [1, 2, 3]);
    outbox.acknowledged(at(1, 3));
    outbox.acknowledged(at(1, 2));
    assert_eq!(outbox.cursor(), Position::default(), "1 is still on its way");
    assert_eq!(outbox.unsent(at(1, 9)), 9);
    assert_eq!(positions(&drain(&mut outbox, &journal, seconds(0))), [4], "5 takes two messages and one fits");
    outbox.acknowledged(at(1, 1));
    assert_eq!(outbox.cursor(), at(1, 3));
    outbox.acknowledged(at(1, 4));
    assert_eq!(positions(&drain(&mut outbox, &journal, seconds(0))), [5, 6]);
    outbox.acknowledged(at(1, 5));
    outbox.acknowledged(at(1, 6));
    assert_eq!(outbox.cursor(), at(1, 4), "one of two messages of 5 is not acknowledged");
    outbox.acknowledged(at(1, 5));
    assert_eq!(outbox.cursor(), at(1, 6));
}

#[test]
fn what_is_not_released_is_offered_again_after_every_session() {
    let journal: Vec<Position> = (1..=4).map(|seq| at(1, seq)).collect();
    let mut outbox = Outbox::new(limits(4), Position::default());
    outbox.session_began(at(1, 4));
    assert_eq!(positions(&drain(&mut outbox, &journal, seconds(0))), [1, 2, 3, 4]);
    outbox.acknowledged(at(1, 1));
    outbox.acknowledged(at(1, 3));
    outbox.session_ended();
    outbox.acknowledged(at(1, 2));
    assert_eq!(outbox.cursor(), at(1, 1), "an acknowledgement of the old session releases nothing");
    outbox.session_began(at(1, 4));
    assert_eq!(positions(&drain(&mut outbox, &journal, seconds(0))), [2, 4], "3 was released");
    outbox.acknowledged(at(1, 2));
    assert_eq!(outbox.cursor(), at(1, 3));
}

#[test]
fn lanes_part_at_the_beginning_of_the_session() {
    let journal: Vec<Position> = (1..=3).map(|seq| at(1, seq)).collect();
    let mut outbox = Outbox::new(limits(9), Position::default());
    outbox.session_began(at(1, 2));
    let lanes: Vec<Lane> = drain(&mut outbox, &journal, seconds(0)).iter().map(|offer| offer.lane).collect();
    assert_eq!(lanes, [Lane::Backlog, Lane::Backlog, Lane::Live]);
}

#[test]
fn the_bucket_bounds_the_backlog_and_not_what_is_live() {
    let journal: Vec<Position> = (1..=100).map(|seq| at(1, seq)).collect();
    let mut outbox = Outbox::new(Limits { window: 500, span: 500, backlog_per_second: 10.0 }, Position::default());
    outbox.session_began(at(1, 60));
    assert_eq!(drain(&mut outbox, &journal, seconds(100)).len(), 10, "a second's worth at once");
    assert!(matches!(outbox.next(at(1, 100), seconds(100)), Next::Wait(wait) if wait <= Duration::from_millis(100)));
    assert_eq!(drain(&mut outbox, &journal, seconds(102)).len(), 10, "no more is saved up");
    for second in 103..106 {
        assert_eq!(drain(&mut outbox, &journal, seconds(second)).len(), 10);
    }
    assert_eq!(drain(&mut outbox, &journal, seconds(106)).len(), 50, "the last ten, then what is live at once");
}

#[test]
fn a_hole_is_told_with_the_record_after_it_each_time() {
    let journal = [at(1, 3), at(1, 4), at(1, 9), at(3, 1), at(3, 2), at(4, 2), at(4, 1 << 40)];
    let mut outbox = Outbox::new(limits(9), Position::default());
    let missing = |after, before, count| Some(MissingBefore { after, before, count });
    let expected = [
        missing(at(0, 0), at(1, 3), Some(2)),
        None,
        missing(at(1, 4), at(1, 9), Some(4)),
        None,
        None,
        missing(at(3, 2), at(4, 2), None),
        missing(at(4, 2), at(4, 1 << 40), None),
    ];
    for _ in 0..2 {
        outbox.session_began(at(4, 1 << 40));
        let gaps: Vec<_> = drain(&mut outbox, &journal, seconds(0)).iter().map(|offer| offer.gap).collect();
        assert_eq!(gaps, expected);
    }
    assert_eq!(Outbox::new(limits(1), at(1, 9)).unsent(at(3, 2)), 2);
}

#[test]
fn the_end_of_an_epoch_that_the_journal_dropped_is_told() {
    let mut outbox = Outbox::new(limits(9), at(1, 9));
    outbox.session_began(at(3, 1));
    let gaps: Vec<_> = drain(&mut outbox, &[at(3, 1)], seconds(0)).iter().map(|offer| offer.gap).collect();
    assert_eq!(gaps, [Some(MissingBefore { after: at(1, 9), before: at(3, 1), count: None })]);
}

#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    NewEpoch,
    DropOldest(u8),
    Connect,
    Send,
    Deliver(u8),
    Acknowledge(prop::sample::Index),
    Cut { arrives: u8 },
    StoreCursor,
    Restart { arrives: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..12).prop_map(Step::Append),
        1 => Just(Step::NewEpoch),
        1 => (0_u8..6).prop_map(Step::DropOldest),
        3 => Just(Step::Connect),
        6 => Just(Step::Send),
        6 => (0_u8..8).prop_map(Step::Deliver),
        12 => any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        1 => (0_u8..8).prop_map(|arrives| Step::Cut { arrives }),
        2 => Just(Step::StoreCursor),
        1 => (0_u8..8).prop_map(|arrives| Step::Restart { arrives }),
    ];
    prop::collection::vec(step, 1..120)
}

/// Appliance, wire, broker and subscriber. The broker delivers what it receives in order and acknowledges in any.
struct World {
    journal: Vec<Position>,
    appended: Vec<Position>,
    outbox: Outbox,
    stored: Position,
    connected: bool,
    wire: VecDeque<Offer>,
    unacknowledged: Vec<Position>,
    ledger: BTreeMap<Position, String>,
    newest_by_lane: BTreeMap<Lane, Position>,
    gaps: Vec<MissingBefore>,
    now: u64,
}

impl World {
    fn new() -> Self {
        Self {
            journal: Vec::new(),
            appended: Vec::new(),
            outbox: Outbox::new(limits(4), Position::default()),
            stored: Position::default(),
            connected: false,
            wire: VecDeque::new(),
            unacknowledged: Vec::new(),
            ledger: BTreeMap::new(),
            newest_by_lane: BTreeMap::new(),
            gaps: Vec::new(),
            now: 0,
        }
    }

    fn append(&mut self, epoch_step: u64) {
        let last = self.appended.last().copied().unwrap_or(at(1, 0));
        let position = if epoch_step == 0 { at(last.epoch, last.seq + 1) } else { at(last.epoch + epoch_step, 1) };
        self.journal.push(position);
        self.appended.push(position);
    }

    fn send(&mut self) {
        self.now += 1;
        let sent = drain(&mut self.outbox, &self.journal, seconds(self.now));
        self.wire.extend(sent);
        assert!(self.outbox.flights.len() <= 16 && self.outbox.released_ahead.len() <= 16, "bounded");
    }

    fn deliver(&mut self, count: usize) {
        for offer in self.wire.drain(..count.min(self.wire.len())) {
            let position = offer.event.position;
            let messages = if position.seq.is_multiple_of(5) { 2 } else { 1 };
            self.unacknowledged.extend(std::iter::repeat_n(position, messages));
            self.gaps.extend(offer.gap);
            let content = serde_json::to_string(&offer.event).unwrap();
            if let Some(before) = self.ledger.insert(position, content.clone()) {
                assert_eq!(before, content, "a duplicate is equal");
                continue;
            }
            let newest = self.newest_by_lane.insert(offer.lane, position);
            assert!(newest.is_none_or(|newest| newest < position), "order within a lane");
        }
    }

    fn cut(&mut self, arrives: u8) {
        self.deliver(usize::from(arrives));
        self.wire.clear();
        self.unacknowledged.clear();
        self.outbox.session_ended();
        self.connected = false;
    }

    fn connect(&mut self) {
        if !self.connected {
            self.outbox.session_began(self.journal.last().copied().unwrap_or_default());
            self.connected = true;
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(count) => (0..*count).for_each(|_| self.append(0)),
            Step::NewEpoch => self.append(1),
            Step::DropOldest(count) => drop(self.journal.drain(..usize::from(*count).min(self.journal.len()))),
            Step::Connect => self.connect(),
            Step::Send => self.send(),
            Step::Deliver(count) => self.deliver(usize::from(*count)),
            Step::Acknowledge(index) if !self.unacknowledged.is_empty() => {
                let position = self.unacknowledged.swap_remove(index.index(self.unacknowledged.len()));
                self.outbox.acknowledged(position);
            }
            Step::Acknowledge(_) => {}
            Step::Cut { arrives } => self.cut(*arrives),
            Step::StoreCursor => self.stored = self.outbox.cursor(),
            Step::Restart { arrives } => {
                self.cut(*arrives);
                self.outbox = Outbox::new(limits(4), self.stored);
            }
        }
        let cursor = self.outbox.cursor();
        let beyond = self.appended.iter().filter(|position| **position <= cursor);
        assert!(beyond.into_iter().all(|position| self.accounted(*position)), "the cursor passed what did not arrive");
    }

    fn accounted(&self, position: Position) -> bool {
        self.ledger.contains_key(&position) || self.gaps.iter().any(|gap| gap.after < position && position < gap.before)
    }

    fn settle(&mut self) {
        self.connect();
        self.append(0);
        for _ in 0..10_000 {
            self.send();
            if self.wire.is_empty() && self.unacknowledged.is_empty() {
                break;
            }
            self.deliver(usize::MAX);
            for position in std::mem::take(&mut self.unacknowledged) {
                self.outbox.acknowledged(position);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn whatever_happens_nothing_is_lost_and_order_holds(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        prop_assert_eq!(Some(&world.outbox.cursor()), world.appended.last());
        for position in &world.appended {
            prop_assert!(world.accounted(*position), "{} is neither delivered nor accounted for", position);
        }
    }
}
