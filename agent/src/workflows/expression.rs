//! Conditions and values of workflows, in CEL (the Common Expression Language).
//!
//! Owns what an expression may say and what it is told. Promises that an expression is checked when it is loaded, that
//! evaluating it ends soon and takes little memory, and that one which cannot be evaluated says why and is never taken
//! for true or false. The language itself is the `cel` crate's.
//!
//! # What an expression may use
//!
//! | name | what it is |
//! | --- | --- |
//! | `entity["fan.hall"]` | the value of an entity: true, false, a number, or null where it is not known; ids are written out |
//! | `slots` | what was said or handed over at the start, by name |
//! | `trigger` | what began the run: `kind` (`intent`, `schedule`, `entity`, `call`), and for an entity `entity` and `value` |
//! | `steps.NAME` | an earlier step: `state` (`done`, `failed`, ...) and `result`, what its tool returned |
//! | `failure` | in the failure branch: `step`, `reason`, `uncertain` |
//! | `now` | local time, where the clock was set: `year month day hour minute weekday` (1 is Monday) |
//!
//! The standard functions and operators of CEL are there, and the macros `has`, `all`, `exists` and `exists_one`. `map` and
//! `filter` are not, nor a macro within a macro, nor regular expressions: they would let a short text ask for much work.
//! Every number is a double, so that a value has one type whatever it is: `slots.minutes * 60.0`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::{Context, Env, ExecutionError, Program};
use serde_json::{Map, Value};

/// The longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 500;

/// How deep brackets may be nested.
const MAX_BRACKETS: usize = 16;

/// How deep the parsed expression may be nested: `a + b + c` is two deep.
const MAX_DEPTH: usize = 64;

/// The largest value of an expression, in bytes of JSON.
pub const MAX_VALUE_BYTES: usize = 4096;

/// The names that an expression may use.
const VARIABLES: [&str; 6] = ["entity", "slots", "trigger", "steps", "failure", "now"];

static LIBRARY: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What an expression is evaluated with.
pub trait Scope {
    /// The value of an entity; null where it is not known.
    fn entity(&self, id: &str) -> Value;
    /// The value of one of the other names; none where there is none now.
    fn variable(&self, name: &str) -> Option<Value>;
}

/// A compiled expression.
pub struct Expression {
    source: String,
    program: Program,
    uses: Uses,
}

/// What an expression speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    /// Names such as `slots`.
    pub variables: BTreeSet<String>,
    /// The ids of entities.
    pub entities: BTreeSet<String>,
    /// The names of steps.
    pub steps: BTreeSet<String>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Compiles `source`.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn compile(source: &str) -> Result<Self, String> {
        if source.len() > MAX_EXPRESSION_BYTES {
            return Err(format!(
                "the expression has {} bytes: at most {MAX_EXPRESSION_BYTES} are possible",
                source.len()
            ));
        }
        check_brackets(source)?;
        // The parser is generated code that has panicked on strange texts before.
        let parsed = std::panic::catch_unwind(AssertUnwindSafe(|| LIBRARY.compile(source)));
        let program = match parsed {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => {
                let first = errors.errors.first();
                let (column, message) = first.map_or((1, "it is empty"), |error| (error.pos.1, error.msg.as_str()));
                let message: String = message.chars().take(200).collect();
                return Err(format!("`{source}` is no CEL expression: column {column}: {message}"));
            }
            Err(_panicked) => return Err(format!("`{source}` is no CEL expression")),
        };
        let mut uses = Uses::default();
        Walk { uses: &mut uses, bound: Vec::new() }.expression(program.expression(), MAX_DEPTH)?;
        Ok(Self { source: source.to_owned(), program, uses })
    }

    /// What it speaks of.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its value.
    ///
    /// # Errors
    /// Why it has none, as a sentence.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, String> {
        let failed = |why: String| format!("`{}` has no value: {why}", self.source);
        let mut context = Context::with_env(Arc::clone(&LIBRARY));
        for name in &self.uses.variables {
            let value = match name.as_str() {
                "entity" => Value::Object(self.uses.entities.iter().map(|id| (id.clone(), scope.entity(id))).collect()),
                name => scope.variable(name).ok_or_else(|| failed(absent(name)))?,
            };
            context.add_variable_from_value(name.as_str(), into_cel(&value));
        }
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| self.program.execute(&context)));
        let value = match outcome {
            Ok(Ok(value)) => {
                from_cel(&value, 8).ok_or_else(|| failed("it is nothing that a tool can be told".to_owned()))
            }
            Ok(Err(error)) => Err(failed(in_words(&error))),
            Err(_panicked) => Err(failed("the interpreter crashed".to_owned())),
        }?;
        let bytes = serde_json::to_vec(&value).map_or(usize::MAX, |text| text.len());
        if bytes > MAX_VALUE_BYTES {
            return Err(failed(format!("it would have {bytes} bytes, and {MAX_VALUE_BYTES} are possible")));
        }
        Ok(value)
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// It has no value, or one that is neither true nor false.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, String> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(format!("`{}` is {other}, and a condition is true or false", self.source)),
        }
    }
}

fn absent(name: &str) -> String {
    match name {
        "now" => "the clock has not been set".to_owned(),
        "failure" => "there is a `failure` in the failure branch alone".to_owned(),
        name => format!("there is no `{name}` here"),
    }
}

/// Refuses what would take the parser too deep, before it is asked.
fn check_brackets(source: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    for character in source.chars() {
        match character {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Err(format!("the expression is nested more than {MAX_BRACKETS} deep"));
        }
    }
    Ok(())
}

/// Looks through a parsed expression for what it uses and for what is not allowed.
struct Walk<'a> {
    uses: &'a mut Uses,
    /// The variables of the macro that is walked through.
    bound: Vec<String>,
}

impl Walk<'_> {
    fn expression(&mut self, expression: &IdedExpr, depth: usize) -> Result<(), String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("the expression is nested more than {MAX_DEPTH} deep"));
        };
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.field(&select.operand, &select.field, depth),
            Expr::Call(call) => {
                if let Some(id) = entity_id(&call.func_name, &call.args) {
                    self.uses.variables.insert("entity".to_owned());
                    self.uses.entities.insert(id.to_owned());
                    return Ok(());
                }
                if let (Some(IdedExpr { expr: Expr::Ident(name), .. }), "_[_]") =
                    (call.args.first(), call.func_name.as_str())
                    && name == "entity"
                {
                    return Err("the id of an entity is written out, as in entity[\"fan.hall\"]".to_owned());
                }
                call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(|it| self.expression(it, depth))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|it| self.expression(it, depth)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, depth)?;
                    self.expression(&entry.value, depth)
                }
                EntryExpr::StructField(field) => self.expression(&field.value, depth),
            }),
            Expr::Struct(_) => Err("there are no types to make a value of".to_owned()),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, depth),
        }
    }

    fn field(&mut self, operand: &IdedExpr, field: &str, depth: usize) -> Result<(), String> {
        match &operand.expr {
            Expr::Ident(name) if name == "entity" => {
                Err("an entity is named by its id, as in entity[\"fan.hall\"]".to_owned())
            }
            Expr::Ident(name) if name == "steps" => {
                self.uses.steps.insert(field.to_owned());
                self.name(name)
            }
            _ => self.expression(operand, depth),
        }
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        if self.bound.iter().any(|bound| bound == name) {
            return Ok(());
        }
        if name == "entity" {
            return Err("an entity is named by its id, as in entity[\"fan.hall\"]".to_owned());
        }
        if !VARIABLES.contains(&name) {
            return Err(format!("there is no `{name}`: an expression may use {}", VARIABLES.join(", ")));
        }
        self.uses.variables.insert(name.to_owned());
        Ok(())
    }

    fn comprehension(&mut self, macro_: &ComprehensionExpr, depth: usize) -> Result<(), String> {
        if !self.bound.is_empty() {
            return Err("a macro such as `all` stands within another: one at a time is possible".to_owned());
        }
        if matches!(macro_.accu_init.expr, Expr::List(_) | Expr::Map(_)) {
            return Err("`map` and `filter` are not available: `all`, `exists` and `exists_one` are".to_owned());
        }
        self.expression(&macro_.iter_range, depth)?;
        self.bound = [&macro_.iter_var, &macro_.accu_var].into_iter().chain(&macro_.iter_var2).cloned().collect();
        let parts = [&macro_.accu_init, &macro_.loop_cond, &macro_.loop_step, &macro_.result];
        let walked = parts.into_iter().try_for_each(|part| self.expression(part, depth));
        self.bound.clear();
        walked
    }
}

/// The id in `entity["ID"]`.
fn entity_id<'a>(function: &str, args: &'a [IdedExpr]) -> Option<&'a str> {
    match (function, args) {
        (
            "_[_]",
            [IdedExpr { expr: Expr::Ident(name), .. }, IdedExpr { expr: Expr::Literal(LiteralValue::String(id)), .. }],
        ) if name == "entity" => Some(id.inner()),
        _ => None,
    }
}

fn into_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::Number(number) => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(into_cel).collect())),
        Value::Object(fields) => {
            let fields: HashMap<String, cel::Value> =
                fields.iter().map(|(name, value)| (name.clone(), into_cel(value))).collect();
            fields.into()
        }
    }
}

/// A value as JSON. A whole number loses its point: tools that count take no other.
fn from_cel(value: &cel::Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(flag) => Value::Bool(*flag),
        cel::Value::Int(number) => Value::from(*number),
        cel::Value::UInt(number) => Value::from(*number),
        cel::Value::Float(number) => number_of(*number)?,
        cel::Value::String(text) => Value::String(text.as_str().to_owned()),
        cel::Value::List(items) => Value::Array(items.iter().map(|item| from_cel(item, depth)).collect::<Option<_>>()?),
        cel::Value::Map(map) => {
            let fields: BTreeMap<String, &cel::Value> =
                map.map.iter().map(|(name, value)| (name.to_string(), value)).collect();
            let mut object = Map::new();
            for (name, value) in fields {
                object.insert(name, from_cel(value, depth)?);
            }
            Value::Object(object)
        }
        _ => return None,
    })
}

fn number_of(number: f64) -> Option<Value> {
    /// The largest number up to which every whole double is exactly the integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the range just checked")]
        return Some(Value::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

fn in_words(error: &ExecutionError) -> String {
    let text = match error {
        ExecutionError::NoSuchKey(key) => format!("there is no `{key}`"),
        other => other.to_string(),
    };
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
