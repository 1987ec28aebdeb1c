//! The form of a workflow file: its tables and keys, with the places where they stand.

use serde::Deserialize;
use toml::Spanned;

use super::OnError;
use crate::tool::Role;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) description: Option<String>,
    #[serde(default = "operator")]
    pub(super) role: Role,
    pub(super) when: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: RawLimits,
    #[serde(default)]
    pub(super) trigger: Vec<Spanned<RawTrigger>>,
    #[serde(default)]
    pub(super) step: Vec<Spanned<RawStep>>,
    #[serde(default)]
    pub(super) on_failure: Vec<Spanned<RawStep>>,
}

fn operator() -> Role {
    Role::Operator
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) duration: Option<Spanned<String>>,
    pub(super) runs_at_once: Option<Spanned<u32>>,
    pub(super) rate: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTrigger {
    pub(super) intent: Option<Spanned<String>>,
    pub(super) every: Option<Spanned<Days>>,
    pub(super) at: Option<Spanned<String>>,
    pub(super) entity: Option<Spanned<String>>,
    pub(super) above: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) is: Option<Spanned<toml::Value>>,
    #[serde(rename = "for")]
    pub(super) hold: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<bool>>,
    pub(super) when: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "the name of a day or a list of them")]
pub(super) enum Days {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) name: Option<Spanned<String>>,
    pub(super) tool: Option<Spanned<String>>,
    pub(super) args: Option<Spanned<toml::Table>>,
    pub(super) wait: Option<Spanned<String>>,
    pub(super) wait_until: Option<Spanned<String>>,
    pub(super) timeout: Option<Spanned<String>>,
    pub(super) parallel: Option<Spanned<Vec<Vec<Spanned<RawStep>>>>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) on_error: Option<Spanned<OnError>>,
}
