//! What the demo prints.
//!
//! Owns the form of each line: the seconds since the start, what kind of step it is, and the step. What is understood so
//! far while somebody speaks stays on one line: a terminal sees it change, a file gets the last of it.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use victus_agent::appliance::Appliance;
use victus_agent::entities::EntityKind;
use victus_agent::event::{Event, EventKind, Position};
use victus_agent::tool::CallStatus;
use victus_agent::turn::Turn;
use victus_agent::voice::event::{VoiceEvent, VoiceEventKind};
use victus_hw::audio::simulated::PlayedReply;
use victus_hw::clock::{Clock, Monotonic};
use victus_hw::points::{Cause, PointValue};

use super::broker::Broker;
use crate::wiring::{EventListener, Running};

/// Brings a terminal's cursor to the start of an emptied line.
const ERASE: &str = "\r\x1b[2K";

/// How many characters of what is understood so far are shown: what fits on one line of a terminal.
const MOST_SHOWN: usize = 55;

/// Prints the demo.
#[derive(Clone)]
pub(super) struct Screen {
    clock: Arc<dyn Clock>,
    began: Monotonic,
    terminal: bool,
    /// What is understood so far of a request that is still spoken.
    partial: Arc<Mutex<Option<String>>>,
}

impl Screen {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let began = clock.monotonic();
        Self { clock, began, terminal: std::io::stdout().is_terminal(), partial: Arc::default() }
    }

    pub(super) fn introduce(&self, running: &Running, broker: &Option<Broker>, folder: &Path) {
        self.line("Victus: say what a machine shall do, and it does it, answers aloud and keeps a record. No cloud.");
        self.line("This is the whole appliance, for a press hall with a fan, lights, a valve and a boiler. The microphone, the");
        self.line("speaker, the lines and the boiler are simulated; everything else is real.");
        self.line("");
        for address in running.web.addresses() {
            self.line(&format!("  panel   http://{address}/   (open it and watch)"));
        }
        match broker {
            Some(broker) => {
                self.line(&format!("  broker  mqtt://127.0.0.1:{}   (a Mosquitto of its own)", broker.port()))
            }
            None => self.line("  broker  none: mosquitto is not installed"),
        }
        self.line(&format!("  files   {}   (removed at the end)", folder.display()));
    }

    pub(super) fn note(&self, text: &str) {
        self.step("", text);
    }

    pub(super) fn says(&self, voice: &str, text: &str) {
        self.line("");
        self.step("spoken", &format!("the voice {voice} says into the microphone: “{text}”"));
    }

    /// Prints voice events as they happen, in the voice thread.
    pub(super) fn listener(&self) -> EventListener {
        let screen = self.clone();
        Arc::new(move || {
            let screen = screen.clone();
            Box::new(move |event: &VoiceEvent| screen.voice(event))
        })
    }

    fn voice(&self, event: &VoiceEvent) {
        match &event.what {
            VoiceEventKind::SpeechStart => self.step("hears", "somebody speaks"),
            VoiceEventKind::Partial { text } => self.so_far(text),
            VoiceEventKind::Endpoint { .. } => {
                let last = self.understood_so_far().clone();
                self.step("hears", &last.map_or_else(|| "the end".to_owned(), |text| format!("{text} … and the end")));
                *self.understood_so_far() = None;
            }
            VoiceEventKind::Transcript { text, .. } => self.step("recognised", &format!("“{text}”")),
            // The journal tells the same with more, and of typed requests as well.
            VoiceEventKind::Intent { .. } | VoiceEventKind::Action { .. } => {}
            VoiceEventKind::Reply { text } => self.step("answers", &format!("“{text}”")),
            VoiceEventKind::Wake { .. } => self.step("listens", "the button was pressed"),
        }
    }

    /// What a request means and what was done about it.
    pub(super) fn understood(&self, turn: &Turn) {
        let Some(intent) = &turn.intent else { return };
        let slots: Vec<String> = turn.slots.iter().map(|(name, value)| format!("  {name}: {value}")).collect();
        self.step("means", &format!("{intent}{}", slots.concat()));
        for step in &turn.steps {
            let outcome = match &step.status {
                CallStatus::Done => "done",
                CallStatus::Refused { reason, .. } | CallStatus::Failed { reason } => reason,
            };
            self.step("does", &format!("{} {}: {outcome}", step.step.tool, step.step.args));
        }
    }

    /// A line that was switched.
    pub(super) fn changed(&self, event: &Event, appliance: &Appliance) {
        match &event.kind {
            EventKind::EntityChanged { cause: Cause::Start | Cause::Input, .. } => {}
            EventKind::EntityChanged { entity, to: Some(PointValue::Switch(on)), .. } => {
                let entity = appliance.entities.get(entity);
                let name = entity.as_ref().map_or("something", |it| it.name.as_str());
                self.step("switched", &format!("{name} is {}", state_word(entity.as_ref().map(|it| it.kind), *on)));
            }
            _ => {}
        }
    }

    /// How long a stored request took.
    pub(super) fn stored(&self, turn: &Turn) {
        let figures = [
            ("recognised", turn.times_ms.recognise, " after the last word"),
            ("understood in", turn.times_ms.parse, ""),
            ("plan stored in", turn.times_ms.plan, ""),
            ("carried out in", turn.times_ms.run, ""),
        ];
        let figure =
            |(name, time, after): (&str, Option<f64>, &str)| time.map(|it| format!("{name} {it:.1} ms{after}"));
        let figures: Vec<String> = figures.into_iter().filter_map(figure).collect();
        self.step("stored", &figures.join(", "));
    }

    pub(super) fn played(&self, reply: &PlayedReply) {
        if let Some(file) = &reply.file {
            self.step("kept", &format!("the answer as {}", file.display()));
        }
    }

    pub(super) fn published(&self, count: usize, last: Position, complete: bool) {
        let text = match (complete, count) {
            (false, _) => "not all events have arrived at the broker yet".to_owned(),
            (true, count) => format!("{count} events have arrived at the broker, the last is {last}"),
        };
        self.step("published", &text);
    }

    pub(super) fn invite(&self) {
        self.line("");
        self.line(
            "Type a request and press return, such as “turn on all the lights in the press hall” or “what can I say”.",
        );
        self.line("Ctrl-D ends.");
        self.prompt();
    }

    /// Asks for the next request, where a person sees it.
    pub(super) fn prompt(&self) {
        if self.terminal {
            self.print("\n> ");
        }
    }

    pub(super) fn answer(&self, turn: &Turn) {
        self.step("answers", &format!("“{}”", turn.reply));
    }

    pub(super) fn goodbye(&self) {
        self.line("Every line goes into its safe state. Goodbye.");
    }

    fn step(&self, kind: &str, text: &str) {
        let seconds = self.clock.monotonic().saturating_since(self.began).as_secs_f64();
        let kind = if self.terminal { format!("\x1b[1m{kind:<10}\x1b[0m") } else { format!("{kind:<10}") };
        self.line(&format!("{seconds:7.2} s  {kind}  {text}"));
    }

    /// Shows what is understood so far, in the place of what was shown before.
    fn so_far(&self, text: &str) {
        *self.understood_so_far() = Some(text.to_owned());
        if self.terminal {
            let shown: String = text.chars().take(MOST_SHOWN).collect();
            self.print(&format!("{ERASE}           \x1b[1mhears\x1b[0m       {shown} …"));
        }
    }

    fn understood_so_far(&self) -> MutexGuard<'_, Option<String>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        let erase = if self.terminal && self.understood_so_far().is_some() { ERASE } else { "" };
        self.print(&format!("{erase}{text}\n"));
    }

    fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // Whoever closed the pipe wants no more; the demo goes on and ends as it would.
        let _nobody_reads = write!(out, "{text}").and_then(|()| out.flush());
    }
}

fn state_word(kind: Option<EntityKind>, on: bool) -> &'static str {
    match (kind, on) {
        (Some(EntityKind::Valve | EntityKind::Cover), true) => "OPEN",
        (Some(EntityKind::Valve | EntityKind::Cover), false) => "CLOSED",
        (Some(EntityKind::Lock), true) => "LOCKED",
        (Some(EntityKind::Lock), false) => "UNLOCKED",
        (_, true) => "ON",
        (_, false) => "OFF",
    }
}
