//! The limits of a filter whose tree was not made by the parser.

use super::parse::{check_form, no_parts, too_large, too_many_regexes};
use super::{Comparison, Filter, Operator};
use crate::fault::{Fault, FaultCode};
use crate::limits::{FILTER_DEPTH_MAX, FILTER_NODES_MAX, FILTER_REGEXES_MAX, REGEX_BYTES_MAX};
use crate::names::FieldPath;

/// What was met so far.
#[derive(Default)]
struct Met {
    nodes: usize,
    regexes: usize,
}

impl Filter {
    /// Whether the tree keeps to what [`super::parse_list`] lets through of its
    /// written form, so that it can be stored and read back. Regular expressions
    /// are not compiled: [`super::Predicate::resolve`] refuses those that cannot be.
    ///
    /// # Errors
    /// A fault that says which rule was broken.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut met = Met::default();
        match self {
            // It is written as the list that is always there.
            Self::All(parts) if parts.len() > 1 => {
                parts.iter().try_for_each(|part| met.part(part, 1))
            }
            one => met.part(one, 1),
        }
    }
}

impl Met {
    fn part(&mut self, filter: &Filter, depth: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > FILTER_NODES_MAX || depth > FILTER_DEPTH_MAX {
            return Err(too_large());
        }
        match filter {
            Filter::All(parts) | Filter::Any(parts) if parts.is_empty() => Err(no_parts()),
            Filter::All(parts) | Filter::Any(parts) => {
                parts.iter().try_for_each(|part| self.part(part, depth + 1))
            }
            Filter::Not(part) => self.part(part, depth + 1),
            Filter::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<(), Fault> {
        let field = comparison.field();
        FieldPath::parse_readable(field.as_str())
            .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(field))?;
        check_form(comparison.operator(), comparison.value()).map_err(|f| f.on_field(field))?;
        if comparison.operator() != Operator::Regex {
            return Ok(());
        }
        self.regexes += 1;
        if self.regexes > FILTER_REGEXES_MAX {
            return Err(too_many_regexes());
        }
        let source = comparison.value().as_str().unwrap_or_default();
        if source.len() > REGEX_BYTES_MAX {
            let rule = format!("a regular expression has at most {REGEX_BYTES_MAX} bytes");
            return Err(Fault::new(FaultCode::InvalidFilter, rule).on_field(field));
        }
        Ok(())
    }
}
