//! Confirmations: what cannot be taken back is done only after somebody was told exactly what it is, and agreed.
//!
//! Owns the tokens that bind an agreement to a plan, and the permits that they are exchanged for. A token is made for one
//! list of calls and one caller, is good once and for [`VALID_FOR`], and lives in memory alone: after a restart nothing
//! is confirmed. A permit is good for each of those calls once, and for no other. Leaves the question and its answer to
//! whoever asks: the orchestrator reads a plan back and takes a yes, a program sends the token with its second call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use victus_hw::clock::{Clock, Monotonic};

use super::Caller;

/// How long an agreement may take. Whoever needs longer has lost the thread and is asked again.
pub const VALID_FOR: Duration = Duration::from_secs(10);

/// How long a question may take to be spoken, until which [`VALID_FOR`] does not begin.
const SPOKEN_WITHIN: Duration = Duration::from_secs(30);

/// How many tokens may be open; beyond that the oldest is no longer good.
const MAX_OPEN: usize = 64;

/// Names an open question. Whoever has it may agree, so it is in no event and has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token as it was sent. Anything can be tried: it is compared with those that are open.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The token as text, to be given to the caller and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

/// A tool call as it was read back: the tool's name and its arguments.
pub type PlannedCall = (String, Value);

/// What was agreed to: each call once.
#[derive(Debug, Clone, Default)]
pub struct Permit(Option<Arc<Mutex<Vec<PlannedCall>>>>);

impl Permit {
    /// Nothing was agreed to.
    pub const fn none() -> Self {
        Self(None)
    }

    fn for_calls(calls: Vec<PlannedCall>) -> Self {
        Self(Some(Arc::new(Mutex::new(calls))))
    }

    /// Uses it up for a call; false where that was not agreed to, or was made already.
    pub(super) fn use_for(&self, tool: &str, args: &Value) -> bool {
        let Some(calls) = &self.0 else { return false };
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        let place = calls.iter().position(|(name, agreed)| name == tool && agreed == args);
        place.map(|place| calls.swap_remove(place)).is_some()
    }
}

/// Why an agreement is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// No such question is open: it was answered already, or never asked, or the program was started again since.
    #[error("no question with this token is open: each is good once, and none survives a restart; ask again")]
    Unknown,
    /// It was asked too long ago.
    #[error("the confirmation came too late: it is good for {} seconds; ask again", VALID_FOR.as_secs())]
    Expired,
    /// Somebody else was asked, or it was asked about something else.
    #[error("this token belongs to another call; ask again")]
    Other,
}

struct Open {
    token: Token,
    caller: Caller,
    calls: Vec<PlannedCall>,
    until: Monotonic,
    /// Whether it is still being spoken.
    unspoken: bool,
}

/// The questions that are open.
pub struct Confirmations {
    open: Mutex<VecDeque<Open>>,
    clock: Arc<dyn Clock>,
    random: Arc<Mutex<dyn Rng + Send>>,
}

impl Confirmations {
    /// No question is open.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<Mutex<dyn Rng + Send>>) -> Self {
        Self { open: Mutex::default(), clock, random }
    }

    /// Opens a question about these calls for this caller.
    pub fn ask(&self, caller: &Caller, calls: Vec<PlannedCall>) -> Token {
        let token = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            Token(format!("{:016x}{:016x}", random.next_u64(), random.next_u64()))
        };
        let now = self.clock.monotonic();
        let mut open = self.lock();
        open.retain(|question| question.until > now);
        if open.len() >= MAX_OPEN {
            open.pop_front();
        }
        let until = now.saturating_add(VALID_FOR);
        open.push_back(Open { token: token.clone(), caller: caller.clone(), calls, until, unspoken: true });
        token
    }

    /// The question begins to be spoken: its time does not run until [`Self::spoken`]. Works once.
    pub fn speaking(&self, token: &Token) {
        self.move_end(token, SPOKEN_WITHIN, false);
    }

    /// The question was spoken: its time begins now. Works once.
    pub fn spoken(&self, token: &Token) {
        self.move_end(token, VALID_FOR, true);
    }

    fn move_end(&self, token: &Token, length: Duration, spoken: bool) {
        let until = self.clock.monotonic().saturating_add(length);
        let now = self.clock.monotonic();
        if let Some(question) = self.lock().iter_mut().find(|it| it.token == *token && it.unspoken && it.until > now) {
            question.until = until;
            question.unspoken = !spoken;
        }
    }

    /// Takes a question back: nobody can agree any more.
    pub fn withdraw(&self, token: &Token) {
        self.lock().retain(|question| question.token != *token);
    }

    /// Exchanges a token for the permit to make its calls. The token is used up, whatever comes of it.
    ///
    /// # Errors
    /// Says why it is not good.
    pub fn agree(&self, token: &Token, caller: &Caller) -> Result<Permit, NotConfirmed> {
        self.take(token, |question| question.caller == *caller).map(Permit::for_calls)
    }

    /// The same for exactly one call.
    ///
    /// # Errors
    /// Says why it is not good; [`NotConfirmed::Other`] where another call was asked about.
    pub fn agree_to(&self, token: &Token, caller: &Caller, tool: &str, args: &Value) -> Result<Permit, NotConfirmed> {
        let is_it = |question: &Open| {
            let one = question.calls.first().filter(|_| question.calls.len() == 1);
            question.caller == *caller && one.is_some_and(|(name, asked)| name == tool && asked == args)
        };
        self.take(token, is_it).map(Permit::for_calls)
    }

    fn take(&self, token: &Token, fits: impl Fn(&Open) -> bool) -> Result<Vec<PlannedCall>, NotConfirmed> {
        let now = self.clock.monotonic();
        let mut open = self.lock();
        let place = open.iter().position(|question| question.token == *token).ok_or(NotConfirmed::Unknown)?;
        let question = open.remove(place).ok_or(NotConfirmed::Unknown)?;
        match (fits(&question), now < question.until) {
            (false, _) => Err(NotConfirmed::Other),
            (true, false) => Err(NotConfirmed::Expired),
            (true, true) => Ok(question.calls),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
