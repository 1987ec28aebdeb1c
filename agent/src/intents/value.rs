//! The value of a slot: a text, a number, or several of them.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// The value of a slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SlotValue {
    /// A number; a whole one is written without a fraction.
    Number(#[serde(serialize_with = "serialise_number")] f64),
    /// A text.
    Text(String),
    /// Any of several values, as a sentence file may state (`domain: [cover, valve]`).
    List(Vec<SlotValue>),
}

impl SlotValue {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            SlotValue::Text(text) => Some(text),
            SlotValue::Number(_) | SlotValue::List(_) => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            SlotValue::Number(number) => Some(*number),
            SlotValue::Text(_) | SlotValue::List(_) => None,
        }
    }

    /// Whether this is the text, or one of several that are.
    pub fn is_or_holds(&self, text: &str) -> bool {
        match self {
            SlotValue::Text(own) => own == text,
            SlotValue::List(values) => values.iter().any(|value| value.is_or_holds(text)),
            SlotValue::Number(_) => false,
        }
    }
}

impl fmt::Display for SlotValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SlotValue::Text(text) => formatter.write_str(text),
            SlotValue::Number(number) => write!(formatter, "{number}"),
            SlotValue::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    write!(formatter, "{}{value}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl From<&str> for SlotValue {
    fn from(text: &str) -> Self {
        SlotValue::Text(text.to_owned())
    }
}

impl From<f64> for SlotValue {
    fn from(number: f64) -> Self {
        SlotValue::Number(number)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn serialise_number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // Up to here every whole f64 is exact as an integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_plainly_and_read_back() {
        let values = [
            (SlotValue::Number(20.0), "20"),
            (SlotValue::Number(20.5), "20.5"),
            (SlotValue::from("fan"), "\"fan\""),
            (SlotValue::List(vec!["cover".into(), "valve".into()]), "[\"cover\",\"valve\"]"),
        ];
        for (value, text) in values {
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
            assert_eq!(serde_json::from_str::<SlotValue>(text).unwrap(), value);
        }
        assert!(SlotValue::List(vec!["cover".into()]).is_or_holds("cover"));
    }
}
