//! `victus intents`: looking into the sentences, and matching with any pack of them.

use std::io::BufRead;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};
use victus_agent::intents::matcher::{Context, Explanation};
use victus_agent::intents::sample::{self, Sample};
use victus_agent::intents::{Completion, Completions, Matcher, Problem, Sentences, Vocabulary, fixtures, lint, speech};
use victus_agent::language::vocabulary;

use super::Place;
use super::local_commands::load;
use super::output::{self, Failure};
use crate::daemon::DEFAULT_STATE;
use crate::wiring::{devices, load_sentences};

/// The longest line of a request that is read, in bytes.
const MAX_LINE_BYTES: usize = 256 << 10;

/// The most sentences that are said.
const MAX_SAMPLES: u64 = 1_000_000;

/// Which sentences and names: this appliance's, or those of a pack.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pack {
    /// A folder of sentence files; without one, the sentences of this appliance
    #[arg(long, value_name = "DIR")]
    pub(crate) sentences: Option<PathBuf>,
    /// A file with the names of entities, areas and floors; without one, those of this appliance
    #[arg(long, value_name = "FILE")]
    pub(crate) fixtures: Option<PathBuf>,
}

impl Pack {
    /// Whether other sentences or names than those of this appliance are meant.
    pub(super) fn is_named(&self) -> bool {
        self.sentences.is_some() || self.fixtures.is_some()
    }

    /// The sentences and names, and what is wrong with the sentences of a folder.
    ///
    /// # Errors
    /// The fixtures file or the configuration can't be used.
    pub(crate) fn read(&self, place: &Place) -> Result<(Sentences, Vocabulary, Vec<Problem>), Failure> {
        let config = || {
            let state = place.state.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_STATE));
            load(place, &state)
        };
        let names = match &self.fixtures {
            Some(file) => fixtures::read(file).map_err(|error| Failure::Usage(error.to_string()))?,
            None => vocabulary(&devices::entities(&config()?)),
        };
        let (sentences, problems) = match &self.sentences {
            Some(folder) if !folder.is_dir() => {
                return Err(Failure::Usage(format!("{}: this is no folder of sentence files", folder.display())));
            }
            Some(folder) => Sentences::from_folder(folder),
            None => load_sentences(&config()?),
        };
        Ok((sentences, names, problems))
    }
}

/// What to do with the sentences.
#[derive(Debug, Subcommand)]
pub(crate) enum IntentsCommand {
    /// Name every fault of the sentences, with file, line and column
    Lint {
        #[command(flatten)]
        pack: Pack,
    },
    /// Say sentences that are understood: one of each template, then any
    Sample {
        #[command(flatten)]
        pack: Pack,
        /// At least how many
        #[arg(long, default_value_t = 0, value_parser = RangedU64ValueParser::<usize>::new().range(..=MAX_SAMPLES))]
        count: usize,
        /// Another seed gives other sentences
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Tell what a text means and by which template, or how far each template went
    Explain {
        #[command(flatten)]
        pack: Pack,
        /// The text
        text: String,
    },
    /// Tell how a text that was begun can go on
    Complete {
        #[command(flatten)]
        pack: Pack,
        /// The text; with a space at its end the next word is told
        text: String,
        /// At most how many ways
        #[arg(long, default_value_t = 8)]
        limit: usize,
    },
    /// Print the grammar of everything that is understood, for a recogniser
    Grammar {
        #[command(flatten)]
        pack: Pack,
        /// Which: gbnf for whisper.cpp, of what is written; jsgf or fsg for PocketSphinx, of what is said
        #[arg(long, value_enum, default_value_t = GrammarFormat::Gbnf)]
        format: GrammarFormat,
    },
    /// Read JSON lines {"text", "context"} and answer each with {"intent", "slots"}
    Match {
        #[command(flatten)]
        pack: Pack,
    },
}

/// A format of grammars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrammarFormat {
    /// The format of whisper.cpp and llama.cpp
    Gbnf,
    /// The Java Speech Grammar Format
    Jsgf,
    /// Sphinxbase's finite-state grammars
    Fsg,
}

/// Runs the command.
pub(super) fn run(place: &Place, command: &IntentsCommand) -> Result<(), Failure> {
    match command {
        IntentsCommand::Lint { pack } => lint_pack(place, pack),
        IntentsCommand::Sample { pack, count, seed } => {
            let (sentences, names, _problems) = pack.read(place)?;
            let (samples, unsayable) = sample::sample(&sentences, &names, *count, *seed);
            for problem in &unsayable {
                output::complain(&problem.to_string());
            }
            print_samples(place, &samples)
        }
        IntentsCommand::Explain { pack, text } => {
            let (sentences, names, _problems) = pack.read(place)?;
            let (matcher, _problems) = Matcher::compile(&sentences, &names);
            let explanation = matcher.explain(text, &Context::new());
            if place.json {
                let value = serde_json::to_value(&explanation).map_err(|error| Failure::Failed(error.to_string()))?;
                return output::json(&value);
            }
            explain(&explanation)
        }
        IntentsCommand::Complete { pack, text, limit } => {
            let (sentences, names, _problems) = pack.read(place)?;
            let completions = Completions::compile(&sentences, &names);
            print_completions(place, &completions.after(text, *limit))
        }
        IntentsCommand::Grammar { pack, format } => print_grammar(place, pack, *format),
        IntentsCommand::Match { pack } => {
            let (sentences, names, problems) = pack.read(place)?;
            let (matcher, more) = Matcher::compile(&sentences, &names);
            for problem in problems.iter().chain(&more) {
                output::complain(&problem.to_string());
            }
            answer_lines(&matcher, std::io::stdin().lock())
        }
    }
}

fn lint_pack(place: &Place, pack: &Pack) -> Result<(), Failure> {
    let (sentences, names, mut problems) = pack.read(place)?;
    problems.extend(lint::lint(&sentences, &names));
    for problem in &problems {
        output::line(&problem.to_string())?;
    }
    match problems.len() {
        0 => output::line(&format!("{} templates, no fault", sentences.template_count())),
        count => Err(Failure::Failed(format!("{count} faults; the rest of the sentences works"))),
    }
}

fn print_completions(place: &Place, completions: &[Completion]) -> Result<(), Failure> {
    for completion in completions {
        if place.json {
            output::json(&json!(completion))?;
        } else {
            output::line(&format!("{}{}", completion.text, if completion.whole { "" } else { " …" }))?;
        }
    }
    Ok(())
}

fn print_samples(place: &Place, samples: &[Sample]) -> Result<(), Failure> {
    for Sample { text, intent, context, .. } in samples {
        if place.json {
            output::json(&json!({"text": text, "context": context, "intent": intent}))?;
        } else {
            output::line(&format!("{intent:<28} {text}"))?;
        }
    }
    Ok(())
}

fn print_grammar(place: &Place, pack: &Pack, format: GrammarFormat) -> Result<(), Failure> {
    let (sentences, names, mut problems) = pack.read(place)?;
    let (grammar, more) = match format {
        GrammarFormat::Gbnf => speech::written_grammar(&sentences, &names),
        GrammarFormat::Jsgf | GrammarFormat::Fsg => speech::grammar(&sentences, &names),
    };
    problems.extend(more);
    for problem in &problems {
        output::complain(&problem.to_string());
    }
    let (grammar, faults) = grammar.checked();
    for fault in &faults {
        output::complain(&fault.to_string());
    }
    let text = match format {
        GrammarFormat::Gbnf => grammar.to_gbnf(),
        GrammarFormat::Jsgf => grammar.to_jsgf(),
        GrammarFormat::Fsg => grammar.to_fsg(),
    };
    output::line(text.map_err(|error| Failure::Failed(error.to_string()))?.trim_end())
}

#[derive(Deserialize)]
struct Question {
    text: String,
    #[serde(default)]
    context: Context,
}

/// Answers each line; one that is no question is answered with why, and makes the command fail at its end.
fn answer_lines(matcher: &Matcher, mut input: impl BufRead) -> Result<(), Failure> {
    let mut wrong = 0;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read =
            read_line(&mut input, &mut line).map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
        if !read {
            break;
        }
        let question = if line.len() > MAX_LINE_BYTES {
            Err(format!("it is longer than {MAX_LINE_BYTES} bytes"))
        } else {
            serde_json::from_slice::<Question>(&line).map_err(|error| error.to_string())
        };
        let answer = match question {
            Ok(question) => answer(matcher, &question),
            Err(why) => {
                wrong += 1;
                json!({"intent": null, "error": format!("line {number} is no question {{\"text\", \"context\"}}: {why}")})
            }
        };
        output::json(&answer)?;
    }
    if wrong == 0 { Ok(()) } else { Err(Failure::Usage(format!("{wrong} lines were no questions"))) }
}

/// Reads a line without its end, and no more of it than shows that it is too long; false at the end of the input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut began = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(began);
        }
        began = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = (MAX_LINE_BYTES + 1).saturating_sub(line.len());
        line.extend_from_slice(part.get(..room).unwrap_or(part));
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn answer(matcher: &Matcher, question: &Question) -> Value {
    let matches = matcher.matches_in(&question.text, &question.context);
    match matches.best {
        Some(best) => json!({"intent": best.intent, "slots": best.slots}),
        None => match matches.gave_up {
            Some(why) => json!({"intent": null, "error": why}),
            None => json!({"intent": null}),
        },
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
    for reading in &explanation.nearly {
        let sentence = reading.repaired.as_deref().unwrap_or_default();
        let (intent, percent) = (&reading.intent, reading.confidence * 100.0);
        output::line(&format!("perhaps      “{sentence}”, {intent}, {percent:.0} % sure, by {}", reading.template))?;
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
