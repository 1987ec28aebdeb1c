//! The tools that change the volume.
//!
//! Owns `speech.set_volume` and `speech.change_volume`. Both return the volume before and after.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{LOUDEST, Volume};
use crate::tool::runtime::{RegisterError, ToolRuntime};
use crate::tool::{CallContext, Risk, Role, Tool, ToolError, ToolSpec};

/// By how much "louder" and "quieter" change the volume.
pub const STEP: i64 = 10;

/// "Quieter" leads no lower: silence is asked for by its number.
const QUIETEST: i64 = 10;

/// Registers all tools of this module.
///
/// # Errors
/// A name is taken by another tool.
pub fn register(runtime: &mut ToolRuntime, volume: &Arc<Volume>) -> Result<(), RegisterError> {
    for relative in [false, true] {
        runtime.register(Arc::new(SetVolume { relative, volume: Arc::clone(volume) }))?;
    }
    Ok(())
}

struct SetVolume {
    relative: bool,
    volume: Arc<Volume>,
}

impl Tool for SetVolume {
    fn spec(&self) -> ToolSpec {
        let (name, description, properties, required) = if self.relative {
            let by = json!({"by": {"type": "integer", "minimum": -100, "maximum": 100}});
            ("speech.change_volume", "Makes what is spoken louder or quieter, by percent; never silent.", by, "by")
        } else {
            let percent = json!({"percent": {"type": "integer", "minimum": 0, "maximum": LOUDEST}});
            ("speech.set_volume", "Sets how loud replies are spoken, in percent; 70 is usual.", percent, "percent")
        };
        ToolSpec {
            name,
            description,
            input: json!({
                "type": "object", "properties": properties, "required": [required], "additionalProperties": false
            }),
            risk: Risk::Reversible,
            idempotent: !self.relative,
            role: Role::Operator,
            timeout: Duration::from_secs(5),
            rate: None,
            redact: Vec::new(),
        }
    }

    fn call<'a>(&'a self, args: Value, _context: &'a CallContext) -> BoxFuture<'a, Result<Value, ToolError>> {
        Box::pin(async move {
            let before = i64::from(self.volume.percent());
            let percent = if self.relative {
                let wanted = before.saturating_add(args["by"].as_i64().unwrap_or_default());
                wanted.clamp(QUIETEST.min(before), LOUDEST.into())
            } else {
                args["percent"].as_i64().unwrap_or(before)
            };
            let percent = u8::try_from(percent).unwrap_or(LOUDEST);
            let stored = self.volume.set(percent).await;
            let before =
                stored.map_err(|error| ToolError::Failed(format!("the volume could not be stored: {error}")))?;
            Ok(json!({"from": before, "to": percent}))
        })
    }
}
