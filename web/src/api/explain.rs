//! The body of `POST /api/v1/routes/explain`: a request that nobody makes.

use serde::Deserialize;
use victus_agent::hours::time_of_day;
use victus_agent::orchestrator::route::explain::Supposed;
use victus_agent::tool::{Caller, Role, Source};

use super::request_text;
use crate::error::ApiError;

/// What is supposed. What is left out is as it is now and for whoever asks; of another source, as it usually is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Supposition {
    text: String,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    role: Option<Role>,
    /// How sure a recogniser would be, 0 to 1.
    #[serde(default)]
    confidence: Option<f32>,
    /// The time of day, `HH:MM`.
    #[serde(default)]
    at: Option<String>,
    /// `up` or `down`.
    #[serde(default)]
    link: Option<Link>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Link {
    Up,
    Down,
}

/// What those who come by a way usually may.
fn usual_role(source: Source) -> Role {
    match source {
        Source::Cli => Caller::cli().role,
        Source::Voice
        | Source::Panel
        | Source::Fleet
        | Source::Timer
        | Source::Schedule
        | Source::Workflow
        | Source::Alarm
        | Source::Button => Role::Operator,
    }
}

impl Supposition {
    /// The request that is meant.
    pub(super) fn supposed(self, asking: &Caller) -> Result<Supposed, ApiError> {
        let text = request_text(&self.text)?;
        if self.confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
            return Err(ApiError::bad_request("confidence must be a number from 0 to 1"));
        }
        let no_time = || ApiError::bad_request("at must be a time of day such as \"23:30\"");
        let time = self.at.map(|at| time_of_day(&at).ok_or_else(no_time)).transpose()?;
        let usual = self.source.map_or(asking.role, usual_role);
        let (source, role) = (self.source.unwrap_or(asking.source), self.role.unwrap_or(usual));
        let caller = Caller { source, role, name: None };
        let link_up = self.link.map(|link| link == Link::Up);
        Ok(Supposed { text, caller, confidence: self.confidence, time, link_up })
    }
}
