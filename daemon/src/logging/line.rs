//! The form of a line on standard error.

use std::fmt::Write;

use log::{Level, Record};

use super::fields::Fields;

const RESET: &str = "\u{1b}[0m";
const DIM: &str = "\u{1b}[2m";

/// One line with its line break: time, level, module, message, key-values.
pub(super) fn format(record: &Record<'_>, fields: &Fields, since_start: f64, colours: bool) -> String {
    let (level_colour, dim, reset) = if colours { (colour(record.level()), DIM, RESET) } else { ("", "", "") };
    let mut line = String::with_capacity(120);
    let module = module(record.target());
    // Writing to a String cannot fail.
    write!(line, "{dim}{since_start:>9.3}{reset} {level_colour}{:<5}{reset} {dim}{module}{reset}  ", record.level())
        .ok();
    push_escaped(&mut line, &record.args().to_string(), true);
    for (index, (key, value)) in fields.iter().enumerate() {
        line.push_str(if index == 0 { "  " } else { " " });
        line.push_str(dim);
        push_escaped(&mut line, key, false);
        line.push('=');
        push_value(&mut line, value);
        line.push_str(reset);
    }
    line.push('\n');
    line
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Error => "\u{1b}[1;31m",
        Level::Warn => "\u{1b}[33m",
        Level::Info => "\u{1b}[32m",
        Level::Debug => "\u{1b}[34m",
        Level::Trace => DIM,
    }
}

/// `victus_agent::store::journal` is `agent::store`: enough to find the place, short enough to read over.
fn module(target: &str) -> String {
    let target = target.strip_prefix("victus_").unwrap_or(target);
    let mut shown = String::new();
    let parts: Vec<&str> = target.split("::").take(2).collect();
    push_escaped(&mut shown, &parts.join("::"), false);
    shown
}

fn push_value(line: &mut String, value: &str) {
    let plain = !value.is_empty() && !value.contains([' ', '"', '=']);
    if plain {
        push_escaped(line, value, false);
    } else {
        line.push('"');
        push_escaped(line, &value.replace('"', "\\\""), false);
        line.push('"');
    }
}

/// Adds text without the characters that would steer a terminal. A line break in a message starts an indented line, so
/// that no text from outside can look like a line of its own.
fn push_escaped(line: &mut String, text: &str, line_breaks: bool) {
    for c in text.chars() {
        match c {
            '\n' if line_breaks => line.push_str("\n          | "),
            '\t' if line_breaks => line.push('\t'),
            c if c.is_control() || is_direction(c) => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
}

/// Characters that turn the direction of text round, and with it what a person reads.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
