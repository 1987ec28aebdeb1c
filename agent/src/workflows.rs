//! Workflows.
pub mod definition;
pub mod expression;
