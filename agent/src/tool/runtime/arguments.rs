//! Arguments: whether they may be used, and how they are recorded.

use serde_json::Value;

use super::{MAX_ARGUMENT_BYTES, Registered};
use crate::tool::ToolError;

/// What is written in place of a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// Whether the arguments are small enough and fit the tool's schema.
pub(super) fn check_arguments(registered: &Registered, args: &Value) -> Result<(), ToolError> {
    let bytes = serialised_len(args);
    if bytes > MAX_ARGUMENT_BYTES {
        let reason = format!("the arguments have {bytes} bytes, and a call may have {MAX_ARGUMENT_BYTES}");
        return Err(ToolError::BadArguments(reason));
    }
    match registered.schema.iter_errors(args).next() {
        None => Ok(()),
        Some(error) => {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") };
            let reason = format!("`{}`: {place}: {}", registered.spec.name, shortened(&error.to_string()));
            Err(ToolError::BadArguments(reason))
        }
    }
}

/// The arguments as they may be recorded: secrets blanked, and no larger than a call may be.
pub(super) fn recordable(args: &Value, redact: &[&str]) -> Value {
    if serialised_len(args) > MAX_ARGUMENT_BYTES {
        return Value::String("[too large]".to_owned());
    }
    let mut args = args.clone();
    if let Some(fields) = args.as_object_mut() {
        for (_, value) in fields.iter_mut().filter(|(name, _)| redact.contains(&name.as_str())) {
            *value = Value::String(REDACTED.to_owned());
        }
    }
    args
}

/// How many bytes of JSON a value is.
pub(super) fn serialised_len(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len())
}

/// Text from outside, bounded for a message or an event.
pub(super) fn shortened(text: &str) -> String {
    const LIMIT: usize = 200;
    if text.chars().count() <= LIMIT { text.to_owned() } else { text.chars().take(LIMIT).chain(['…']).collect() }
}
