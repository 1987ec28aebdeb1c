//! `[[entity]]`: what the appliance knows, one at a time. What entities mean to each other is checked in `rules`.

use std::time::Duration;

use super::alarms;
use super::model::{Bias, Driver, Entity, GpioLine, Kind, Limits, Rate, Requirement, Risk};
use super::reader::{Reader, Report, expected_found, one_of, plain_text};
use super::tree::{Node, Value};
use super::values::{self, derived_id, is_entity_id};

/// The phones of the CMU dictionary, which the English model of PocketSphinx is trained on.
const PHONES: [&str; 39] = [
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
];

/// The longest `max_on`, `min_on` and `min_off`.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// The longest line to an instrument in bytes, as `victus-hw` has it.
const LONGEST_REQUEST: usize = 128;

/// Where the number goes in a line that sets it.
const PLACE: &str = "{value}";

/// How often an instrument is asked unless told otherwise.
const DEFAULT_POLL: Duration = Duration::from_secs(1);

/// The most entries of a list that belongs to an entity.
const MAX_LIST: usize = 64;

const STATES: &[(&str, bool)] = &[("on", true), ("off", false)];
const REQUIRED_STATES: &[(&str, bool)] = &[("on", true), ("off", false), ("open", true), ("closed", false)];

/// The keys that only make sense for what is switched.
const OUTPUT_KEYS: [&str; 8] = ["safe", "max_on", "min_on", "min_off", "rate", "conflicts", "requires", "stop"];

pub(super) fn entity(reader: Reader<'_>, report: &Report) -> Option<Entity> {
    let name = reader.text("name", "a name");
    let kind = reader.one_of("kind", Kind::NAMES).map(|found| found.value);
    let id = reader.parsed(
        "id",
        "an id such as \"fan.extraction_fan\": lower-case letters, digits and _, with one point",
        |text| is_entity_id(text).then(|| text.to_owned()),
    );
    let id = id.map(|found| found.value).or_else(|| derived_id(kind?.name(), &name.as_ref()?.value));
    let aliases = aliases(&reader);
    let spoken = spoken(&reader, report);
    let area = reader.text("area", "the name of an area").map(|found| found.value);
    let floor = reader.text("floor", "the name of a floor").map(|found| found.value);
    let unit = reader.text("unit", "a unit such as \"bar\"").map(|found| found.value);
    let driver = driver(&reader, kind);
    let poll = reader.duration("poll", Duration::from_millis(50), Duration::from_secs(86_400)).map(|found| found.value);
    let risk = reader.one_of("risk", &[("reversible", Risk::Reversible), ("dangerous", Risk::Dangerous)]);
    let confirm = reader.flag("confirm");
    let limits = limits(&reader);
    let alarm = alarms::alarm(&reader, driver.as_ref());
    let asks = confirm.as_ref().is_some_and(|found| found.value)
        || risk.as_ref().is_some_and(|found| found.value == Risk::Dangerous);
    let (signal, acknowledge) = (alarms::signal(&reader, kind, asks), alarms::acknowledge(&reader, kind));
    check_presence(&reader, kind, id.is_some(), driver.as_ref());
    reader.finish();
    let (kind, driver) = (kind?, driver?);
    let acts = kind.is_output() || matches!(driver, Driver::Line { write: Some(_), .. });
    let risk = risk.map_or(Risk::Reversible, |found| found.value);
    let asked = matches!(driver, Driver::Line { read: Some(_), .. });
    let numeric = matches!(driver, Driver::Line { .. });
    Some(Entity {
        id: id?,
        name: name?.value,
        aliases,
        spoken,
        kind,
        area,
        floor,
        unit,
        driver,
        poll: asked.then(|| poll.unwrap_or(DEFAULT_POLL)),
        risk: if acts { risk } else { Risk::Read },
        confirm: confirm.is_some_and(|found| found.value),
        limits: (kind.is_output() && !numeric).then_some(limits),
        alarm,
        signal,
        acknowledge,
    })
}

/// What has to be there, and what has no meaning here.
fn check_presence(reader: &Reader<'_>, kind: Option<Kind>, has_id: bool, driver: Option<&Driver>) {
    for (key, example) in
        [("name", "\"Extraction fan\""), ("kind", "\"fan\""), ("driver", "{ gpio = { line = \"GPIO17\" } }")]
    {
        if reader.at(key).is_none() {
            reader.rule(key, format!("an [[entity]] needs a {key}, such as {key} = {example}"));
        }
    }
    if !has_id && reader.at("id").is_none() && reader.at("name").is_some() && kind.is_some() {
        reader.rule("id", "no id can be made of this name: add one, such as id = \"fan.extraction_fan\"");
    }
    if reader.at("floor").is_some() && reader.at("area").is_none() {
        reader.rule("floor", "says where the area is: add area");
    }
    if let Some(kind) = kind {
        if !kind.is_output() {
            for key in OUTPUT_KEYS.iter().filter(|key| reader.at(key).is_some()) {
                reader.rule(key, format!("is for what is switched, and a {} is only read: leave it out", kind.name()));
            }
        }
        if kind.is_output() && matches!(driver, Some(Driver::Line { .. })) {
            for key in OUTPUT_KEYS.iter().filter(|key| reader.at(key).is_some()) {
                reader.rule(key, "holds a line that is on or off, and this is a number on a serial port: leave it out");
            }
        }
        if kind != Kind::Sensor && reader.at("unit").is_some() {
            reader.rule("unit", format!("is for a sensor's value, and this is a {}: leave it out", kind.name()));
        }
    }
    let acts = |kind: Kind| kind.is_output() || matches!(driver, Some(Driver::Line { write: Some(_), .. }));
    for key in ["risk", "confirm"].into_iter().filter(|key| reader.at(key).is_some()) {
        if let Some(kind) = kind.filter(|kind| driver.is_some() && !acts(*kind)) {
            reader.rule(key, format!("is for what acts, and this {} is only read: leave it out", kind.name()));
        }
    }
    if reader.at("poll").is_some() && driver.is_some_and(|driver| !matches!(driver, Driver::Line { read: Some(_), .. }))
    {
        reader.rule("poll", "is for a driver that asks, one with line = { read = \"...\" }: leave it out");
    }
}

fn aliases(reader: &Reader<'_>) -> Vec<String> {
    let aliases = reader.list("aliases", "a list of names", |node| plain_text(node, "a name"));
    bounded(reader, "aliases", aliases.map(|found| found.value).unwrap_or_default())
}

fn bounded<T>(reader: &Reader<'_>, key: &str, mut list: Vec<T>) -> Vec<T> {
    if list.len() > MAX_LIST {
        reader.rule(key, format!("expected at most {MAX_LIST} entries, found {}", list.len()));
        list.truncate(MAX_LIST);
    }
    list
}

fn spoken(reader: &Reader<'_>, report: &Report) -> Vec<(String, Vec<String>)> {
    let Some(table) = reader.optional_section("spoken") else { return Vec::new() };
    let mut words = Vec::new();
    for (word, entry) in table.free_entries() {
        let key = table.key(&super::origin::show_key(word));
        let problem = |origin, message: String| report.problem(origin, &key, super::origin::Kind::Value, message);
        let well_formed = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || c == '\'' || c == '-';
        if word.is_empty() || word.chars().count() > 40 || !word.chars().all(well_formed) {
            problem(&entry.key, "expected one word in lower case".to_owned());
            continue;
        }
        let Value::Array(items) = &entry.node.value else {
            problem(&entry.key, expected_found("a list of pronunciations such as [\"F Y UW M\"]", &entry.node));
            continue;
        };
        let mut phones = Vec::new();
        for item in items {
            match pronunciation(item) {
                Ok(text) => phones.push(text),
                Err(message) => problem(&item.origin, message),
            }
        }
        words.push((word.clone(), bounded(reader, "spoken", phones)));
    }
    bounded(reader, "spoken", words)
}

fn pronunciation(node: &Node) -> Result<String, String> {
    let text = plain_text(node, "a pronunciation such as \"F Y UW M\"")?;
    let phones: Vec<&str> = text.split_whitespace().collect();
    for phone in &phones {
        if PHONES.contains(phone) {
            continue;
        }
        let bare = phone.trim_end_matches(|c: char| c.is_ascii_digit()).to_ascii_uppercase();
        let hint = match PHONES.iter().find(|known| **known == bare) {
            Some(known) => format!("write it {known}, without stress and in capitals"),
            None => "the phones are those of the CMU dictionary, AA to ZH".to_owned(),
        };
        return Err(format!("{} is no ARPAbet phone: {hint}", super::origin::quote(phone)));
    }
    Ok(phones.join(" "))
}

fn limits(reader: &Reader<'_>) -> Limits {
    let time = |key, least| reader.duration(key, least, LONGEST).map(|found| found.value);
    let expected = "an entity's id such as \"valve.main_valve\"";
    let conflicts = reader.list("conflicts", "a list of entities' ids", |node| {
        let id = node.text().filter(|id| is_entity_id(id));
        id.map(str::to_owned).ok_or_else(|| expected_found(expected, node))
    });
    let requires =
        reader.list("requires", "a list such as [{ point = \"binary_sensor.door\", is = \"closed\" }]", requirement);
    Limits {
        safe_on: reader.one_of("safe", STATES).is_some_and(|found| found.value),
        max_on: time("max_on", Duration::from_millis(10)),
        min_on: time("min_on", Duration::ZERO).unwrap_or_default(),
        min_off: time("min_off", Duration::ZERO).unwrap_or_default(),
        rate: reader
            .parsed("rate", "a rate such as \"6/min\"", values::rate)
            .map(|found: super::reader::Found<Rate>| found.value),
        conflicts: bounded(reader, "conflicts", conflicts.map(|found| found.value).unwrap_or_default()),
        requires: bounded(reader, "requires", requires.map(|found| found.value).unwrap_or_default()),
        stop: reader.flag("stop").is_some_and(|found| found.value),
    }
}

fn requirement(node: &Node) -> Result<Requirement, String> {
    let expected = "{ point = \"binary_sensor.door\", is = \"closed\" }";
    let Value::Table(table) = &node.value else { return Err(expected_found(expected, node)) };
    if let Some(key) = table.keys().find(|key| !["point", "is"].contains(&key.as_str())) {
        return Err(format!("unknown key {}: expected {expected}", super::origin::quote(key)));
    }
    let field = |key: &str| {
        table.get(key).map(|entry| &entry.node).ok_or_else(|| format!("\"{key}\" is missing: expected {expected}"))
    };
    let (point, is) = (field("point")?, field("is")?);
    let id =
        point.text().filter(|id| is_entity_id(id)).ok_or_else(|| expected_found("an entity's id as point", point))?;
    Ok(Requirement { point: id.to_owned(), on: one_of(is, REQUIRED_STATES)? })
}

fn driver(reader: &Reader<'_>, kind: Option<Kind>) -> Option<Driver> {
    let table = reader.optional_section("driver")?;
    let (gpio, line) = (table.optional_section("gpio"), table.optional_section("line"));
    let driver = match (gpio, line) {
        (Some(gpio), None) => gpio_driver(gpio, kind),
        (None, Some(line)) => line_driver(line, kind),
        (Some(_), Some(_)) => {
            reader.rule("driver", "expected one driver, found gpio and line: leave one out");
            None
        }
        (None, None) => {
            // A near miss of the driver's name is reported as an unknown key below.
            if table.free_entries().next().is_none() {
                reader.rule("driver", "expected gpio = { ... } or line = { ... }, found an empty table");
            }
            None
        }
    };
    table.finish();
    driver
}

fn gpio_driver(reader: Reader<'_>, kind: Option<Kind>) -> Option<Driver> {
    let name = reader.text("line", "the name of a line such as \"GPIO17\"").map(|found| found.value);
    let chip = reader.text("chip", "the label of a chip such as \"pinctrl-rp1\"").map(|found| found.value);
    let offset = reader.number("offset", 0..=1023).map(|found| found.value);
    let active_low = reader.flag("active_low").is_some_and(|found| found.value);
    let bias = reader.one_of("bias", Bias::NAMES).map(|found| found.value);
    let given = (reader.at("line").is_some(), reader.at("chip").is_some(), reader.at("offset").is_some());
    if !matches!(given, (true, false, false) | (false, true, true)) {
        reader.rule("line", "expected either line = \"GPIO17\", or chip = \"pinctrl-rp1\" and offset = 17");
    }
    if kind == Some(Kind::Sensor) {
        reader.rule("line", "a line is only on or off and a sensor has a value: make the kind binary_sensor");
    }
    if kind.is_some_and(Kind::is_output) && bias.is_some() {
        reader.rule("bias", "is for inputs, and this is an output: leave it out");
    }
    reader.finish();
    let line = match (name, chip, offset) {
        (Some(name), None, None) => GpioLine::Name(name),
        (None, Some(chip), Some(offset)) => GpioLine::Offset { chip, offset },
        _ => return None,
    };
    match kind? {
        Kind::Sensor => None,
        kind if kind.is_output() => Some(Driver::GpioOutput { line, active_low }),
        _ => Some(Driver::GpioInput { line, active_low, bias: bias.unwrap_or(Bias::AsIs) }),
    }
}

fn line_driver(reader: Reader<'_>, kind: Option<Kind>) -> Option<Driver> {
    let port = reader.text("port", "the name of a [[serial]] port").map(|found| found.value);
    let request = |key| reader.read(key, request).map(|found| found.value);
    let (read, write) = (request("read"), request("write"));
    if reader.at("port").is_none() {
        reader.rule("port", "a line driver needs port, the name of a [[serial]]");
    }
    if reader.at("read").is_none() && reader.at("write").is_none() {
        reader.rule("read", "a line driver needs read, what to send to be told the value, or write, or both");
    }
    let kind = kind?;
    if kind != Kind::Sensor && !kind.has_level() {
        let message = format!("is for a number, and a {} is on or off: make the kind sensor, or use gpio", kind.name());
        reader.rule("port", message);
    } else if kind.has_level() && reader.at("write").is_none() {
        reader.rule("write", format!("a {} is set: say how, as in write = \"SET {PLACE}\"", kind.name()));
    }
    if write.as_ref().is_some_and(|write| write.matches(PLACE).count() != 1) {
        reader.rule("write", format!("expected {PLACE} once, in the place of the number"));
    }
    reader.finish();
    (kind == Kind::Sensor || (kind.has_level() && write.is_some())).then_some(Driver::Line { port: port?, read, write })
}

/// A line to an instrument, whose spaces may matter.
fn request(node: &Node) -> Result<String, String> {
    let fits = |text: &&str| (1..=LONGEST_REQUEST).contains(&text.len()) && !text.contains(char::is_control);
    let text = node.text().filter(fits);
    let expected = format!("a line of 1 to {LONGEST_REQUEST} visible characters to send");
    text.map(str::to_owned).ok_or_else(|| expected_found(&expected, node))
}
