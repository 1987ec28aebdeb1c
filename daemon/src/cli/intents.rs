//! `victus intents`: looking into the sentences.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use victus_agent::intents::matcher::Explanation;
use victus_agent::intents::{Matcher, Sentences, lint};
use victus_agent::language::vocabulary;

use super::Place;
use super::local_commands::load;
use super::output::{self, Failure};
use crate::daemon::DEFAULT_STATE;
use crate::wiring::{devices, load_sentences};

/// What to do with the sentences.
#[derive(Debug, Subcommand)]
pub(crate) enum IntentsCommand {
    /// Name every fault of the sentences, with file and line
    Lint {
        /// A folder of sentence files; without one, those of this appliance
        folder: Option<PathBuf>,
    },
    /// Say sentences that are understood, as a recogniser would hand them over
    Sample {
        /// How many
        #[arg(long, default_value_t = 20)]
        count: usize,
        /// Another seed gives other sentences
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Tell what a text means and by which template, or how far each template went
    Explain {
        /// The text
        text: String,
    },
}

/// Runs the command.
pub(super) fn run(place: &Place, command: &IntentsCommand) -> Result<(), Failure> {
    let state = place.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
    let config = load(place, &state)?;
    let entities = devices::entities(&config);
    let names = vocabulary(&entities);
    match command {
        IntentsCommand::Lint { folder } => {
            let (sentences, mut problems) = match folder {
                Some(folder) => Sentences::from_folder(folder),
                None => (load_sentences(&config), Vec::new()),
            };
            problems.extend(lint::lint(&sentences, &names));
            for problem in &problems {
                output::line(&problem.to_string())?;
            }
            match problems.len() {
                0 => output::line(&format!("{} templates, no fault", sentences.template_count())),
                count => Err(Failure::Failed(format!("{count} faults; the rest of the sentences works"))),
            }
        }
        IntentsCommand::Sample { count, seed } => {
            for sample in lint::sample(&load_sentences(&config), &names, *count, *seed) {
                if place.json {
                    output::json(&json!({"text": sample.text, "intent": sample.intent}))?;
                } else {
                    output::line(&format!("{:<28} {}", sample.intent, sample.text))?;
                }
            }
            Ok(())
        }
        IntentsCommand::Explain { text } => {
            let (matcher, _problems) = Matcher::compile(&load_sentences(&config), &names);
            let explanation = matcher.explain(text, &Default::default());
            if place.json {
                let value = serde_json::to_value(&explanation).map_err(|error| Failure::Failed(error.to_string()))?;
                return output::json(&value);
            }
            explain(&explanation)
        }
    }
}

fn explain(explanation: &Explanation) -> Result<(), Failure> {
    output::line(&format!("compared as  {}", explanation.normalised))?;
    for reading in explanation.matches.all() {
        let slots: Vec<String> = reading.slots.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        output::line(&format!("means        {} ({})", reading.intent, slots.join(", ")))?;
        output::line(&format!("about        {}", reading.entities.join(", ")))?;
        output::line(&format!("by           {}", reading.template))?;
    }
    if explanation.matches.is_ambiguous() {
        output::line("these are equally good: the appliance asks which one is meant")?;
    }
    for nearest in &explanation.nearest {
        let (matched, rest) = (&nearest.matched, &nearest.rest);
        output::line(&format!(
            "not          {} {}: matched “{matched}”, left “{rest}”",
            nearest.template, nearest.text
        ))?;
    }
    Ok(())
}
