//! Views: named, shaped readings of one pool.

mod answered;
mod compile;
mod parse;
mod request;

pub use answered::answered;
pub use compile::compile;
pub use request::{Delivery, ViewRequest};

use parse::aggregate_name;
pub(crate) use parse::{parse_order, parse_order_of, parse_percentile};
pub(crate) use request::{parse_grant, side as parse_side, time_fault};

use crate::credits::Tier;
use crate::filters::{Filter, to_list};
use crate::grants::Target;
use crate::ids::{PoolId, ViewId};
use crate::names::{FieldPath, Name};
use crate::pools::Pool;
use crate::queries::{Aggregate, Direction, OrderBy};
use crate::time::Timestamp;
use crate::value::{Object, Value};

/// What an exposed field of a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewFieldRole {
    /// A record's field, as it is.
    Plain(FieldPath),
    /// A field whose values make the groups.
    Group(FieldPath),
    /// A function over the rows of a group.
    Measure(Aggregate, Option<FieldPath>),
}

/// An exposed field of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewField {
    /// The name in answers, conditions and orders.
    pub name: FieldPath,
    /// What it is.
    pub role: ViewFieldRole,
}

impl ViewField {
    /// The pool's field behind it, if there is one.
    pub fn source(&self) -> Option<&FieldPath> {
        match &self.role {
            ViewFieldRole::Plain(field) | ViewFieldRole::Group(field) => Some(field),
            ViewFieldRole::Measure(_, field) => field.as_ref(),
        }
    }
}

/// The shape of a view's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Rows as they are, paged by cursors.
    Records,
    /// One row, or one for each group.
    Aggregated,
    /// One row for each interval and group.
    TimeSeries {
        /// The pool's time field.
        interval_field: FieldPath,
    },
}

/// What a client says of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDraft {
    /// The name, unique among the project's views.
    pub name: Name,
    /// The pool's name.
    pub pool: Name,
    /// The shape.
    pub shape: Shape,
    /// The exposed fields, in order.
    pub fields: Vec<ViewField>,
    /// Which rows the view is about: part of what every reader is held to.
    pub filters: Option<Filter>,
    /// The order when a request names none, over the view's names.
    pub order_by: Vec<OrderBy<FieldPath>>,
    /// Whether answers are nested by group values.
    pub grouped_output: bool,
    /// Whose credits are used up by what is asked of it; as of its pool without it.
    pub tier: Option<Tier>,
    /// Whether keys that live in pages may read it without a constraint.
    pub public: bool,
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Names the view for ever.
    pub id: ViewId,
    /// The pool it reads.
    pub pool: PoolId,
    /// What its owner says of it.
    pub draft: ViewDraft,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes; part of the `ETag`.
    pub revision: i64,
}

impl View {
    /// Whose credits are used up by what is asked of it: its own tier, or else its pool's.
    pub fn tier(&self, pool: &Pool) -> Tier {
        self.draft.tier.unwrap_or(pool.draft.tier)
    }

    /// The grant target that means exactly this view.
    pub fn target(&self) -> Target {
        Target::View(crate::grants::Selector::One {
            id: self.id,
            name: self.draft.name.clone(),
        })
    }
}

impl ViewDraft {
    /// The definition that [`ViewDraft::parse`] reads back.
    pub fn to_value(&self) -> Value {
        let shape = match &self.shape {
            Shape::Records => "records",
            Shape::Aggregated => "aggregated",
            Shape::TimeSeries { .. } => "time_series",
        };
        let mut object = Object::new()
            .with("name", self.name.as_str())
            .with("pool", self.pool.as_str())
            .with("shape", shape)
            .with(
                "fields",
                Value::Array(self.fields.iter().map(ViewField::to_value).collect()),
            );
        if let Shape::TimeSeries { interval_field } = &self.shape {
            object = object.with("interval_field", interval_field.as_str());
        }
        if let Some(filter) = &self.filters {
            object = object.with("filters", to_list(filter));
        }
        if !self.order_by.is_empty() {
            let orders = self.order_by.iter().map(|order| {
                let direction = match order.direction {
                    Direction::Ascending => "asc",
                    Direction::Descending => "desc",
                };
                Object::new()
                    .with("field", order.field.as_str())
                    .with("direction", direction)
            });
            object = object.with("order_by", orders.collect::<Vec<_>>());
        }
        if let Some(tier) = self.tier {
            object = object.with("tier", tier.name());
        }
        if self.public {
            object = object.with("public", true);
        }
        Value::Object(object.with("grouped_output", self.grouped_output))
    }
}

impl ViewField {
    fn to_value(&self) -> Value {
        let mut object = Object::new();
        if let Some(field) = self.source() {
            object = object.with("field", field.as_str());
        }
        object = object.with("as", self.name.as_str());
        Value::Object(match &self.role {
            ViewFieldRole::Plain(_) => object,
            ViewFieldRole::Group(_) => object.with("group", true),
            ViewFieldRole::Measure(aggregate, _) => match aggregate {
                Aggregate::Percentile(5_000) => object.with("aggregate", "median"),
                Aggregate::Percentile(hundredths) => object
                    .with("aggregate", "percentile")
                    .with("percentile", percent_value(*hundredths)),
                other => object.with("aggregate", aggregate_name(*other)),
            },
        })
    }
}

pub(crate) fn percent_value(hundredths: u32) -> Value {
    if hundredths.is_multiple_of(100) {
        Value::from(hundredths / 100)
    } else {
        Value::Float(f64::from(hundredths) / 100.0)
    }
}

#[cfg(test)]
mod tests;
