//! From a question of analytics to questions of the closed tree that the lake
//! answers, and the form that makes an answer of their rows.
//!
//! Every refusal is decided from the question, the definitions and the fields
//! that the key sees, never from a row. A hidden field is one that the pool
//! does not have.

mod aggregation;
mod extraction;
mod funnel;
mod rows;

pub(crate) use aggregation::aggregation;
pub(crate) use extraction::extraction;
pub(crate) use funnel::{parts, step_rows};

pub use rows::RowsForm;

use super::answer::{Answer, MeasuredForm, TooManyResults, series_groups};
use super::{Aggregation, Extraction, Source, Tally, Typing};
use crate::fault::{Fault, FaultCode};
use crate::fields::ColumnType;
use crate::filters::Filter;
use crate::grants::VisibleFields;
use crate::names::FieldPath;
use crate::pools::{Pool, unknown_field};
use crate::queries::{Row, TimeBound};
use crate::time::{TimeError, Timestamp};
use crate::value::Value;
use crate::views::{Delivery, time_fault};

/// A pool as the asker's key sees it.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) visible: &'a VisibleFields,
    pub(crate) now: Timestamp,
}

impl<'a> Scope<'a> {
    /// The pool to someone who sees all of its fields.
    fn of_all(pool: &'a Pool, now: Timestamp) -> Self {
        Self {
            pool,
            visible: &VisibleFields::All,
            now,
        }
    }

    /// What is known of a field that the key sees.
    fn column(&self, path: &FieldPath) -> Option<ColumnType> {
        let column = self.pool.draft.schema.column(path);
        column.filter(|_| self.visible.shows(path))
    }

    pub(crate) fn known(&self, path: &FieldPath) -> Result<ColumnType, Fault> {
        self.column(path).ok_or_else(|| unknown_field(path))
    }

    fn filter(&self, source: &Source) -> Result<Option<Filter>, Fault> {
        if let Some(filter) = &source.filters {
            if source.typing == Typing::Loose {
                return Ok(super::loose::filter(filter, &|path| self.column(path)));
            }
            crate::grants::check_resolves(filter, &|path| self.column(path))
                .map_err(|f| f.at("/filters"))?;
        }
        Ok(source.filters.clone())
    }

    /// When, by the pool's time field.
    fn range(&self, source: &Source) -> Result<Option<TimeBound>, Fault> {
        let Some(period) = source.period else {
            return Ok(None);
        };
        let field = self.pool.time_field();
        if !self.visible.shows(&field) {
            return Err(Fault::new(
                FaultCode::UnknownField,
                "a period goes by the pool's time field, which this key does not see",
            )
            .at(period.member()));
        }
        let sides = period.sides(self.now, &source.calendar);
        let (from, to) = sides.map_err(time_fault("timeframe"))?;
        Ok(Some(TimeBound { field, from, to }))
    }
}

impl super::Period {
    /// The member that says it, as a pointer.
    fn member(self) -> &'static str {
        match self {
            Self::Relative(_) => "/timeframe",
            Self::Absolute { from: Some(_), .. } => "/from",
            Self::Absolute { .. } => "/to",
        }
    }
}

/// How an aggregation over a pool that is not there is answered.
///
/// # Errors
/// What is wrong with the question whatever the pool is.
pub(crate) fn over_no_pool(asked: &Aggregation, now: Timestamp) -> Result<Form, Fault> {
    let pool = super::loose::nowhere(asked.source.pool.clone());
    let (_, form) = aggregation(asked, Scope::of_all(&pool, now))?;
    Ok(Form::Measured(Box::new(form)))
}

/// How an extraction from a pool that is not there is answered.
///
/// # Errors
/// As [`over_no_pool`].
pub(crate) fn rows_of_no_pool(asked: &Extraction, now: Timestamp) -> Result<Form, Fault> {
    let pool = super::loose::nowhere(asked.source.pool.clone());
    let (_, form) = extraction(asked, Scope::of_all(&pool, now), Delivery::Stream)?;
    Ok(Form::Rows(form))
}

/// How an analysis is answered once the rows of its parts are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// From groups with their results.
    Measured(Box<MeasuredForm>),
    /// From rows.
    Rows(RowsForm),
    /// From those who were seen.
    Funnel {
        /// What is asked.
        funnel: super::Funnel,
        /// Whether rows are numbers of actors instead of each.
        counted: bool,
        /// The steps as the answer repeats them.
        steps: Vec<Value>,
    },
}

impl Form {
    /// Of functions, the groups that rows of the only part hold, and the form
    /// of their answer; `None` for any other question.
    pub fn groups(&self, rows: Vec<Row>) -> Option<(Vec<super::Grouped>, &MeasuredForm)> {
        match self {
            Self::Measured(form) => Some((series_groups(form, rows.into_iter()), form)),
            Self::Rows(_) | Self::Funnel { .. } => None,
        }
    }

    /// The answer from the rows of each part.
    ///
    /// # Errors
    /// [`TooManyResults`] when it would be larger than allowed.
    pub fn answer(&self, parts: Vec<Vec<Row>>) -> Result<Answer, TooManyResults> {
        let rows = parts.into_iter().flatten();
        match self {
            Self::Measured(form) => {
                let groups = series_groups(form, rows);
                form.answer(groups).map(Answer::Measured)
            }
            Self::Rows(form) => Ok(Answer::Rows(rows.map(|row| form.tree(row)).collect())),
            Self::Funnel {
                funnel,
                counted,
                steps,
            } => Ok(Answer::Funnel {
                tally: match counted {
                    true => funnel.tally_of(rows.filter_map(|row| many(&row))),
                    false => tally(funnel, rows)?,
                },
                steps: steps.clone(),
            }),
        }
    }
}

/// The bits of steps, and how many have them.
fn many(row: &Row) -> Option<(u64, u64)> {
    let [Value::Integer(bits), Value::Integer(count)] = row.as_slice() else {
        return None;
    };
    Some((u64::try_from(*bits).ok()?, u64::try_from(*count).ok()?))
}

fn tally(funnel: &super::Funnel, rows: impl Iterator<Item = Row>) -> Result<Tally, TooManyResults> {
    let mut actors = super::Actors::default();
    for row in rows {
        if let [actor, Value::Integer(steps)] = row.as_slice() {
            actors.add(actor, u64::try_from(*steps).unwrap_or(0));
        }
    }
    funnel.tally(&actors)
}

fn out_of_range(error: TimeError) -> Fault {
    time_fault("timeframe")(error)
}
