//! Points: inputs and outputs by id.

use serde::{Deserialize, Serialize};

/// The value of a point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PointValue {
    /// On or off.
    Switch(bool),
    /// A measured or set number, in the point's unit.
    Number(f64),
}
