//! What a command prints, and how it ends.
//!
//! Owns the standard output of `victus`, and the failure with its exit status.

use std::io::Write;
use std::process::ExitCode;

use serde_json::Value;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was tried and failed: exit status 1.
    #[error("{0}")]
    Failed(String),
    /// It failed, and what was printed says so already: exit status 1.
    #[error("it was not done")]
    Silent,
    /// The call or the configuration is wrong: exit status 2.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The exit status.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) | Self::Silent => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
        }
    }
}

impl From<crate::client::ClientError> for Failure {
    fn from(error: crate::client::ClientError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Prints one line.
///
/// # Errors
/// Nobody reads it any more: the reader has closed the pipe.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Failed(format!("standard output: {error}")))
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Nobody reads it any more.
pub fn json(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Tells a person of something that went wrong and stops nothing, on the standard error.
pub fn complain(text: &str) {
    // Where nobody reads it, nobody can be told.
    let _nobody_reads = writeln!(std::io::stderr().lock(), "{text}");
}
