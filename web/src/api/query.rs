//! What may stand behind the question mark.
//!
//! Each parameter is known, given once and of its form, or the request is refused with what would be right. A `limit`
//! beyond its bounds is brought within them.

use victus_agent::audit::{Wanted, WrongHead};
use victus_agent::event::Position;
use victus_agent::intents::completions::MAX_COMPLETIONS;
use victus_agent::orchestrator::MAX_REQUEST_CHARACTERS;
use victus_agent::turn::TurnId;
use victus_agent::workflows::definition::is_name;

use super::parse_position;
use crate::error::ApiError;

/// The most turns of one answer.
const MAX_TURNS: usize = 100;
/// How many turns an answer has where nothing is said.
const TURNS: usize = 20;
/// The most events of one answer.
const MAX_EVENTS: usize = 500;
/// How many events an answer has where nothing is said.
const EVENTS: usize = 100;

/// The most audit entries of one answer.
const MAX_ENTRIES: usize = 500;
/// How many audit entries an answer has where nothing is said.
const ENTRIES: usize = 100;
/// The most runs of one answer.
const MAX_RUNS: usize = 50;
/// How many runs an answer has where nothing is said.
const RUNS: usize = 20;

/// How many completions an answer has where nothing is said.
const COMPLETIONS: usize = 8;

/// The decoded parameters of a request.
pub(crate) type Pairs = Vec<(String, String)>;

/// `GET /api/v1/turns`.
#[derive(Debug, PartialEq)]
pub(crate) struct TurnsQuery {
    pub(crate) before: Option<TurnId>,
    pub(crate) limit: usize,
}

/// `GET /api/v1/runs`.
#[derive(Debug, PartialEq)]
pub(crate) struct RunsQuery {
    pub(crate) workflow: Option<String>,
    pub(crate) limit: usize,
}

/// `GET /api/v1/completions`.
#[derive(Debug, PartialEq)]
pub(crate) struct CompletionsQuery {
    pub(crate) text: String,
    pub(crate) limit: usize,
}

/// `GET /api/v1/events`.
#[derive(Debug, PartialEq)]
pub(crate) struct EventsQuery {
    pub(crate) after: Option<Position>,
    pub(crate) limit: usize,
}

/// `GET /api/v1/audit`.
#[derive(Debug, PartialEq)]
pub(crate) struct AuditQuery {
    pub(crate) before: Option<u64>,
    pub(crate) limit: usize,
}

impl AuditQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let [before, limit] = parameters(pairs, ["before", "limit"])?;
        let before = before.map(|text| {
            text.parse().map_err(|_| refuse("before", text, "the number of an entry, as in `next` of /api/v1/audit"))
        });
        Ok(Self { before: before.transpose()?, limit: parse_limit(limit, ENTRIES, MAX_ENTRIES)? })
    }
}

/// The `head` of `GET /api/v1/audit/verify`.
pub(crate) fn head(pairs: &Pairs) -> Result<Option<Wanted>, ApiError> {
    let [head] = parameters(pairs, ["head"])?;
    let parse = |text: &str| text.parse().map_err(|error: WrongHead| ApiError::bad_request(error.to_string()));
    head.map(parse).transpose()
}

impl TurnsQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let [before, limit] = parameters(pairs, ["before", "limit"])?;
        let before = before.map(|text| {
            TurnId::parse(text).ok_or_else(|| refuse("before", text, "the id of a turn, as in `turn` of /api/v1/turns"))
        });
        Ok(Self { before: before.transpose()?, limit: parse_limit(limit, TURNS, MAX_TURNS)? })
    }
}

impl RunsQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let [workflow, limit] = parameters(pairs, ["workflow", "limit"])?;
        if let Some(name) = workflow.filter(|name| !is_name(name)) {
            return Err(refuse("workflow", name, "the name of a workflow, as in /api/v1/workflows"));
        }
        Ok(Self { workflow: workflow.map(str::to_owned), limit: parse_limit(limit, RUNS, MAX_RUNS)? })
    }
}

impl CompletionsQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let [text, limit] = parameters(pairs, ["text", "limit"])?;
        let text = text.unwrap_or_default();
        if text.chars().count() > MAX_REQUEST_CHARACTERS {
            return Err(ApiError::bad_request(format!("text is longer than {MAX_REQUEST_CHARACTERS} characters")));
        }
        Ok(Self { text: text.to_owned(), limit: parse_limit(limit, COMPLETIONS, MAX_COMPLETIONS)? })
    }
}

impl EventsQuery {
    pub(crate) fn parse(pairs: &Pairs) -> Result<Self, ApiError> {
        let [after, limit] = parameters(pairs, ["after", "limit"])?;
        Ok(Self { after: parse_after(after)?, limit: parse_limit(limit, EVENTS, MAX_EVENTS)? })
    }
}

/// The `after` of `/ws/events`.
pub(crate) fn after(pairs: &Pairs) -> Result<Option<Position>, ApiError> {
    let [after] = parameters(pairs, ["after"])?;
    parse_after(after)
}

/// For paths without parameters.
pub(crate) fn nothing(pairs: &Pairs) -> Result<(), ApiError> {
    parameters(pairs, []).map(|[]| ())
}

fn parameters<'a, const N: usize>(pairs: &'a Pairs, names: [&str; N]) -> Result<[Option<&'a str>; N], ApiError> {
    let mut found = [None; N];
    for (name, value) in pairs {
        let Some(index) = names.iter().position(|known| known == name) else {
            let known = if N == 0 { "none".to_owned() } else { names.join(", ") };
            return Err(ApiError::bad_request(format!("unknown parameter {name:?}: known here: {known}")));
        };
        if found[index].replace(value.as_str()).is_some() {
            return Err(ApiError::bad_request(format!("parameter {name} is given twice")));
        }
    }
    Ok(found)
}

fn parse_after(text: Option<&str>) -> Result<Option<Position>, ApiError> {
    let position = |text| {
        parse_position(text).ok_or_else(|| refuse("after", text, "a place in the journal, EPOCH:SEQ, as in 1:42"))
    };
    text.map(position).transpose()
}

fn parse_limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(default) };
    let limit = text.parse::<u64>().map_err(|_| refuse("limit", text, &format!("a whole number from 1 to {most}")))?;
    Ok(usize::try_from(limit).unwrap_or(most).clamp(1, most))
}

fn refuse(name: &str, text: &str, form: &str) -> ApiError {
    let text: String = text.chars().take(80).collect();
    ApiError::bad_request(format!("{name}={text}: must be {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Pairs {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn limits_are_brought_within_their_bounds() {
        for (given, limit) in [("0", 1), ("7", 7), ("100000", MAX_EVENTS), ("18446744073709551615", MAX_EVENTS)] {
            assert_eq!(EventsQuery::parse(&pairs(&[("limit", given)])).unwrap().limit, limit, "{given}");
        }
        assert_eq!(EventsQuery::parse(&pairs(&[])).unwrap(), EventsQuery { after: None, limit: EVENTS });
        let query = EventsQuery::parse(&pairs(&[("after", "3:14")])).unwrap();
        assert_eq!(query.after, Some(Position { epoch: 3, seq: 14 }));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let message = |given: &[(&str, &str)]| EventsQuery::parse(&pairs(given)).unwrap_err().message;
        assert_eq!(message(&[("limit", "many")]), "limit=many: must be a whole number from 1 to 500");
        assert_eq!(message(&[("limit", "-1")]), "limit=-1: must be a whole number from 1 to 500");
        for after in ["42", "1:", ":1", "1:2:3", "1:-2", "", "1:99999999999999999999"] {
            assert!(message(&[("after", after)]).contains("EPOCH:SEQ"), "{after}");
        }
        assert_eq!(message(&[("since", "1:2")]), "unknown parameter \"since\": known here: after, limit");
        assert_eq!(message(&[("limit", "1"), ("limit", "2")]), "parameter limit is given twice");
        assert!(TurnsQuery::parse(&pairs(&[("before", "t-1")])).unwrap_err().message.contains("id of a turn"));
        assert!(AuditQuery::parse(&pairs(&[("before", "-1")])).unwrap_err().message.contains("number of an entry"));
        assert!(head(&pairs(&[("head", "beef")])).unwrap_err().message.contains("64 hexadecimal digits"));
        let digits = "0".repeat(64);
        assert!(head(&pairs(&[("head", &format!("7:{digits}"))])).unwrap().is_some());
        assert_eq!(nothing(&pairs(&[("x", "1")])).unwrap_err().message, "unknown parameter \"x\": known here: none");
    }
}
