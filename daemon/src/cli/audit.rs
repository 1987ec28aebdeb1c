//! `victus audit`: whether the audit chain is as it was written.
//!
//! Owns the words for what a check shows. The running daemon checks its own chain; where none runs, the state folder is
//! looked into. Leaves the check itself to `victus_agent::audit`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;
use victus_agent::audit::{Report, Wanted};
use victus_agent::store::Audit;

use super::Place;
use super::output::{self, Failure};
use crate::client::{Client, ClientError};
use crate::daemon::DEFAULT_STATE;

/// What to do with the audit chain.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no entry was changed, removed, moved or, against a known head, cut off
    ///
    /// Entries that were cut off at the end can't be seen without a head that is known from elsewhere: a shorter chain is
    /// whole in itself. Take it from a `health` message (`audit.head`).
    Verify {
        /// A head that left the machine earlier, which must be in the chain: 64 hexadecimal digits, with NUMBER: before
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
    },
}

/// Runs a command.
///
/// # Errors
/// The chain is not whole, or can't be checked.
pub(super) async fn run(place: &Place, command: AuditCommand) -> Result<(), Failure> {
    let AuditCommand::Verify { head } = command;
    let wanted: Option<Wanted> = match &head {
        Some(text) => Some(text.trim().parse().map_err(|error| Failure::Usage(format!("--head {text}: {error}")))?),
        None => None,
    };
    let query = head.as_ref().map_or(String::new(), |text| format!("?head={}", text.trim()));
    let report = match Client::new(place.state.as_deref()).get(&format!("/api/v1/audit/verify{query}")).await {
        Ok(answer) => serde_json::from_value(answer).map_err(|error| Failure::Failed(error.to_string()))?,
        Err(ClientError::NotRunning { .. }) => closed(place, wanted).await?,
        Err(error) => return Err(error.into()),
    };
    show(place, &report, head.is_some())
}

async fn closed(place: &Place, wanted: Option<Wanted>) -> Result<Report, Failure> {
    let state = place.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let work = tokio::task::spawn_blocking(move || Audit::verify_closed(&state.join("db"), wanted));
    let checked = work.await.map_err(|error| Failure::Failed(format!("the check crashed: {error}")))?;
    checked.map_err(|error| Failure::Failed(error.to_string()))
}

fn show(place: &Place, report: &Report, with_head: bool) -> Result<(), Failure> {
    if place.json {
        output::json(&serde_json::to_value(report).unwrap_or(Value::Null))?;
    } else {
        sentences(report, with_head).iter().try_for_each(|line| output::line(line))?;
    }
    if report.whole { Ok(()) } else { Err(Failure::Silent) }
}

/// What is said to a person, a line each.
fn sentences(report: &Report, with_head: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let head = report.head.map_or_else(|| "none".to_owned(), |head| head.to_string());
    match &report.fault {
        Some(fault) => lines.push(format!("not whole: {fault}; {} entries before that are good", report.entries)),
        None => lines.push(format!("{} entries, whole, head {head}", report.entries)),
    }
    if let Some(unchecked) = report.unchecked {
        let (first, last) = (unchecked.first, unchecked.last);
        lines.push(format!(
            "entries {first} to {last} can't be checked: their key is gone, and a new chain began behind them"
        ));
    }
    if report.removed_through > 0 {
        lines.push(format!(
            "entries up to {} were removed by retention, under a signed checkpoint",
            report.removed_through
        ));
    }
    if report.unrecorded > 0 {
        lines.push(format!("{} calls were not recorded, because the disk refused", report.unrecorded));
    }
    if report.head_is_older {
        lines.push("the head that was given is older than what is kept, and says nothing of it".to_owned());
    } else if !with_head && report.fault.is_none() {
        lines.push("whether entries behind the head were cut off can't be seen without --head".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use victus_agent::audit::{Fault, Head, Unchecked};

    use super::*;

    #[test]
    fn a_report_is_told_in_sentences() {
        let head = Head { number: 9, mac: "ab".repeat(32).parse().unwrap() };
        let report = Report { whole: true, entries: 9, head: Some(head), ..Report::default() };
        let whole = format!("9 entries, whole, head 9:{}", "ab".repeat(32));
        assert_eq!(sentences(&report, true), std::slice::from_ref(&whole));
        assert!(sentences(&report, false)[1].contains("can't be seen without --head"));
        let fault = Some(Fault::Removed { first: 4, last: 5 });
        let broken = Report { whole: false, entries: 3, fault, ..report.clone() };
        assert_eq!(
            sentences(&broken, false),
            ["not whole: entries 4 to 5 were removed; 3 entries before that are good"]
        );
        let unchecked = Some(Unchecked { first: 1, last: 2 });
        let more = Report { whole: false, unchecked, removed_through: 4, unrecorded: 6, ..report };
        let text = sentences(&more, true).join("\n");
        assert!(text.contains("1 to 2") && text.contains("up to 4") && text.contains("6 calls"), "{text}");
    }

    #[test]
    fn a_report_survives_the_way_through_the_api() {
        let fault = Some(Fault::CutOff { last: 3 });
        for report in [Report::default(), Report { fault, entries: 3, head_is_older: true, ..Report::default() }] {
            let text = serde_json::to_string(&report).unwrap();
            assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report, "{text}");
        }
    }
}
