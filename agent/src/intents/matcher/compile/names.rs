//! The names of entities, areas and floors, compiled to the lists `name`, `area` and `floor`.

use super::super::super::spoken::Spoken;
use super::super::super::template::{self, Expression};
use super::super::super::{Origin, SlotValue};
use super::super::graph::{CompiledValue, Entity};
use super::super::normalise;
use super::super::{Context, Vocabulary};
use super::{Block, Compiler, MAX_NODES, Problem, TooLarge, Values};

impl Compiler<'_> {
    pub(super) fn vocabulary(&mut self, vocabulary: &Vocabulary) {
        self.limit = MAX_NODES;
        let normal = |place: &Option<String>| place.as_deref().map(|place| normalise::sentence(place).characters);
        let mut names = Values::default();
        for (index, entity) in vocabulary.entities.iter().enumerate() {
            let context = entity.full_context();
            let out = entity.names.first().cloned().unwrap_or_default();
            for name in &entity.names {
                let stands_for = || CompiledValue {
                    out: Some(SlotValue::Text(out.clone())),
                    context: context.clone(),
                    entity: Some(index as u32),
                };
                self.name(&mut names, name, vocabulary.templates, &entity.id, &stands_for);
            }
            self.out.entities.push(Entity {
                id: entity.id.clone(),
                kind: entity.kind.clone(),
                area: normal(&entity.area),
                floor: normal(&entity.floor),
                device_class: entity.context.get("device_class").and_then(|class| class.as_str()).map(str::to_owned),
            });
        }
        self.add_list((None, "name".to_owned()), names);
        for (list, places) in [("area", &vocabulary.areas), ("floor", &vocabulary.floors)] {
            let mut values = Values::default();
            for place in places {
                let stands_for = || CompiledValue {
                    out: Some(SlotValue::Text(place.clone())),
                    context: Context::new(),
                    entity: None,
                };
                self.name(&mut values, place, vocabulary.templates, list, &stands_for);
            }
            self.add_list((None, list.to_owned()), values);
        }
    }

    /// The ways to say a name: as it is written, and with its digits as words.
    fn name(
        &mut self,
        list: &mut Values,
        name: &str,
        template: bool,
        owner: &str,
        stands_for: &dyn Fn() -> CompiledValue,
    ) {
        let fault = |message: String| Problem {
            origin: Origin { file: format!("the name of {owner}"), line: 1 },
            column: None,
            message,
        };
        let parsed = if template {
            template::parse(name).map_err(|error| error.to_string())
        } else {
            Ok(Expression::Text(name.trim().to_owned()))
        };
        let mut expressions = Vec::new();
        match parsed {
            Ok(expression) => {
                // Joined to a letter, a number is also said apart from it: "B2" is "b two".
                let said = in_words(&expression, Spoken::of(&self.sentences.language));
                expressions.push(expression);
                expressions.extend(said);
            }
            Err(message) => self.problems.push(fault(format!("`{name}` is no template: {message}; it can't be said"))),
        }
        let nobody = Block::default();
        for expression in expressions {
            match self.value(list, &expression, stands_for(), (usize::MAX, &nobody)) {
                Ok(true) => {}
                Ok(false) => self.problems.push(fault(format!(
                    "`{name}` has nothing in it that can be said; give it a name of letters or digits"
                ))),
                Err(TooLarge) => self.problems.push(fault(format!("`{name}` is too large"))),
            }
        }
    }
}

/// The same name with its digits as words; nothing where it has none.
fn in_words(name: &Expression, spoken: Spoken) -> Option<Expression> {
    let each = |parts: &[Expression]| -> Option<Vec<Expression>> {
        let said: Vec<Option<Expression>> = parts.iter().map(|part| in_words(part, spoken)).collect();
        let any = said.iter().any(Option::is_some);
        any.then(|| said.into_iter().zip(parts).map(|(said, part)| said.unwrap_or_else(|| part.clone())).collect())
    };
    match name {
        Expression::Text(text) => {
            let said = spoken.digits_as_words(text);
            // A part of a template begins and ends where it is joined to the next.
            let space = |at_edge: bool| if at_edge { " " } else { "" };
            let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
            (said != text.trim()).then(|| Expression::Text(format!("{}{said}{}", space(before), space(after))))
        }
        Expression::Sequence(parts) => Some(Expression::Sequence(each(parts)?)),
        Expression::Alternatives(parts) => Some(Expression::Alternatives(each(parts)?)),
        Expression::Permutation(parts) => Some(Expression::Permutation(each(parts)?)),
        Expression::Optional(part) => Some(Expression::Optional(Box::new(in_words(part, spoken)?))),
        Expression::List { .. } | Expression::Range { .. } | Expression::Rule(_) => None,
    }
}
