//! From a view and a request to a question of the closed tree.

use super::answered::is_answered;
use super::request::{Delivery, ViewRequest};
use super::{Shape, View, ViewField, ViewFieldRole};
use crate::fault::{Fault, FaultCode};
use crate::fields::{ColumnType, FieldType};
use crate::filters::{Filter, Predicate};
use crate::grants::VisibleFields;
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::queries::{
    AggregateQuery, Direction, GroupField, Measure, OrderBy, OutputField, Query, RecordQuery,
    Series, TimeBound,
};
use crate::time::{BUCKETS_MAX, TimeRange, Timestamp, buckets};

/// The question that `request` asks of `view`. Only the fields that `visible`
/// shows are answered, named or ordered by; the others are as if the view did
/// not expose them.
pub fn compile(
    view: &View,
    pool: &Pool,
    visible: &VisibleFields,
    request: &ViewRequest,
    delivery: Delivery,
    now: Timestamp,
) -> Result<Query, Fault> {
    let exposed = view.draft.fields.iter();
    let exposed = exposed.filter(|field| is_answered(field, pool, visible));
    let compiler = Compiler {
        view,
        pool,
        visible,
        exposed: exposed.collect(),
        request,
        now,
    };
    match &view.draft.shape {
        Shape::Records => compiler.records(delivery).map(Query::Records),
        Shape::Aggregated => compiler.aggregate(None).map(Query::Aggregate),
        Shape::TimeSeries { interval_field } if visible.shows(interval_field) => {
            let series = compiler.series(interval_field)?;
            compiler.aggregate(Some(series)).map(Query::Aggregate)
        }
        // The name of a hidden field is not said, here neither.
        Shape::TimeSeries { .. } => Err(Fault::new(
            FaultCode::FieldNotInView,
            "this key does not see the field that the view's intervals go by",
        )),
    }
}

fn not_in_view(name: &FieldPath) -> Fault {
    Fault::new(FaultCode::FieldNotInView, "the view exposes no such field").on_field(name)
}

struct Compiler<'a> {
    view: &'a View,
    pool: &'a Pool,
    visible: &'a VisibleFields,
    exposed: Vec<&'a ViewField>,
    request: &'a ViewRequest,
    now: Timestamp,
}

impl Compiler<'_> {
    fn exposed(&self, name: &FieldPath) -> Option<&ViewField> {
        self.exposed
            .iter()
            .copied()
            .find(|field| field.name == *name)
    }

    fn records(&self, delivery: Delivery) -> Result<RecordQuery, Fault> {
        if self.request.interval.is_some() {
            return Err(only_series("interval"));
        }
        let limit = match delivery {
            Delivery::Pages => Some(self.request.page_rows()? + 1),
            Delivery::Stream => {
                let cursors = [
                    ("after", &self.request.after),
                    ("before", &self.request.before),
                ];
                if let Some((member, _)) = cursors.iter().find(|(_, cursor)| cursor.is_some()) {
                    return Err(only_pages(member));
                }
                self.request.limit
            }
        };
        let columns = self.exposed.iter().filter_map(|field| {
            let source = field.source()?.clone();
            Some(OutputField {
                name: field.name.to_string(),
                field: source,
            })
        });
        Ok(RecordQuery {
            columns: columns.collect(),
            rest: None,
            filter: self.row_filter(self.request.conditions.as_ref())?,
            range: self.range(&self.pool.time_field())?,
            order: self.record_order()?,
            seek: None,
            limit,
            with_order_values: delivery == Delivery::Pages,
        })
    }

    fn range(&self, field: &FieldPath) -> Result<Option<TimeBound>, Fault> {
        let (from, to) = self.request.sides(self.now)?;
        let bounded = from.is_some() || to.is_some();
        if bounded && !self.visible.shows(field) {
            let member = match (self.request.timeframe, self.request.from) {
                (Some(_), _) => "/timeframe",
                (None, Some(_)) => "/from",
                (None, None) => "/to",
            };
            return Err(Fault::new(
                FaultCode::FieldNotInView,
                "a range goes by the pool's time field, which this key does not see",
            )
            .at(member));
        }
        Ok(bounded.then(|| TimeBound {
            field: field.clone(),
            from,
            to,
        }))
    }

    /// A condition tree over plain and group fields, said of the pool's fields.
    fn row_filter(&self, filter: Option<&Filter>) -> Result<Option<Filter>, Fault> {
        let Some(filter) = filter else {
            return Ok(None);
        };
        self.check_names(filter)?;
        let source = |name: &FieldPath| match self.exposed(name).and_then(ViewField::source) {
            Some(path) => path.clone(),
            None => name.clone(),
        };
        // A fault speaks of the view's names; what they are called in the pool is not said.
        let column = |name: &FieldPath| self.pool.draft.schema.column(&source(name));
        crate::grants::check_resolves(filter, &column).map_err(|fault| fault.at("/conditions"))?;
        Ok(Some(filter.map_fields(&source)))
    }

    fn check_names(&self, filter: &Filter) -> Result<(), Fault> {
        let interval = self.interval_name();
        match filter
            .fields()
            .into_iter()
            .find(|name| self.exposed(name).is_none() && Some(*name) != interval)
        {
            None => Ok(()),
            Some(name) => Err(not_in_view(name).at("/conditions")),
        }
    }

    fn interval_name(&self) -> Option<&FieldPath> {
        match &self.view.draft.shape {
            Shape::TimeSeries { interval_field } => Some(interval_field),
            _ => None,
        }
    }

    fn order(&self) -> Result<Vec<OrderBy<FieldPath>>, Fault> {
        let Some(orders) = &self.request.order_by else {
            let usable = self.view.draft.order_by.iter().filter(|order| {
                self.exposed(&order.field).is_some() || Some(&order.field) == self.interval_name()
            });
            return Ok(usable.cloned().collect());
        };
        for (index, order) in orders.iter().enumerate() {
            if self.exposed(&order.field).is_none() && Some(&order.field) != self.interval_name() {
                return Err(not_in_view(&order.field).at(format!("/order_by/{index}/field")));
            }
        }
        Ok(orders.clone())
    }

    fn record_order(&self) -> Result<Vec<OrderBy<FieldPath>>, Fault> {
        let mut order = Vec::new();
        for (index, by) in self.order()?.into_iter().enumerate() {
            let source = self
                .exposed(&by.field)
                .and_then(ViewField::source)
                .unwrap_or(&by.field);
            if let Some(ColumnType::Declared(FieldType::Array(_))) =
                self.pool.draft.schema.column(source)
            {
                return Err(Fault::new(FaultCode::WrongType, "arrays have no order")
                    .at(format!("/order_by/{index}/field"))
                    .on_field(&by.field));
            }
            if !order
                .iter()
                .any(|done: &OrderBy<FieldPath>| done.field == *source)
            {
                order.push(OrderBy {
                    field: source.clone(),
                    direction: by.direction,
                });
            }
        }
        let time_field = self.pool.time_field();
        // Rows in the order of a hidden field would tell of it.
        if order.is_empty() && self.visible.shows(&time_field) {
            order.push(OrderBy {
                field: time_field,
                direction: Direction::Descending,
            });
        }
        if let Some(at) = order.iter().position(|by| by.field == FieldPath::id()) {
            order.truncate(at + 1);
        } else {
            let direction = order
                .last()
                .map_or(Direction::Descending, |by| by.direction);
            order.push(OrderBy {
                field: FieldPath::id(),
                direction,
            });
        }
        Ok(order)
    }

    fn series(&self, interval_field: &FieldPath) -> Result<Series, Fault> {
        let missing = |member: &str, detail: &str| {
            Fault::new(FaultCode::MissingMember, detail).at(format!("/{member}"))
        };
        let interval = self.request.interval.ok_or_else(|| {
            missing(
                "interval",
                "a time series needs interval, such as daily or every_6_hours",
            )
        })?;
        let (Some(from), Some(to)) = self.request.sides(self.now)? else {
            return Err(missing(
                "timeframe",
                "a time series needs a range: from and to, or timeframe, such as this_14_days",
            ));
        };
        let range = TimeRange::new(from, to)
            .map_err(|error| Fault::new(FaultCode::InvalidValue, error.to_string()).at("/to"))?;
        let buckets =
            buckets(range, interval, &self.request.zone(), BUCKETS_MAX).map_err(|error| {
                Fault::new(FaultCode::LimitExceeded, error.to_string()).at("/interval")
            })?;
        Ok(Series {
            name: interval_field.to_string(),
            field: interval_field.clone(),
            buckets,
            filled: true,
        })
    }

    fn aggregate(&self, series: Option<Series>) -> Result<AggregateQuery, Fault> {
        if series.is_none() && self.request.interval.is_some() {
            return Err(only_series("interval"));
        }
        let cursors = [
            ("after", &self.request.after),
            ("before", &self.request.before),
        ];
        if let Some((member, _)) = cursors.iter().find(|(_, cursor)| cursor.is_some()) {
            return Err(only_pages(member));
        }
        let time_field = series
            .as_ref()
            .map_or_else(|| self.pool.time_field(), |s| s.field.clone());
        let (filter, having) = self.split_conditions()?;
        let mut query = AggregateQuery {
            columns: self
                .exposed
                .iter()
                .map(|field| field.name.to_string())
                .collect(),
            series,
            groups: Vec::new(),
            measures: Vec::new(),
            filter: self.row_filter(filter.as_ref())?,
            range: self.range(&time_field)?,
            having,
            order: self
                .order()?
                .into_iter()
                .map(|by| OrderBy {
                    field: by.field.to_string(),
                    direction: by.direction,
                })
                .collect(),
            limit: self.request.limit,
        };
        for field in &self.exposed {
            let name = field.name.to_string();
            match &field.role {
                ViewFieldRole::Plain(path) | ViewFieldRole::Group(path) => {
                    query.groups.push(GroupField {
                        name,
                        field: path.clone(),
                        bins: None,
                    });
                }
                ViewFieldRole::Measure(aggregate, path) => query.measures.push(Measure {
                    name,
                    aggregate: *aggregate,
                    field: path.clone(),
                }),
            }
        }
        self.check_having(&query)?;
        Ok(query)
    }

    /// Conditions on group fields choose rows; a tree that names a function's
    /// result chooses among the answer's rows.
    fn split_conditions(&self) -> Result<(Option<Filter>, Option<Filter>), Fault> {
        let Some(conditions) = &self.request.conditions else {
            return Ok((None, None));
        };
        self.check_names(conditions)?;
        let parts = match conditions {
            Filter::All(parts) => parts.clone(),
            one => vec![one.clone()],
        };
        let (having, rows): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| {
            part.fields().into_iter().any(|name| {
                self.exposed(name)
                    .is_some_and(|field| matches!(field.role, ViewFieldRole::Measure(..)))
            })
        });
        Ok((Filter::all(rows), Filter::all(having)))
    }

    fn check_having(&self, query: &AggregateQuery) -> Result<(), Fault> {
        let Some(having) = &query.having else {
            return Ok(());
        };
        let schema = &self.pool.draft.schema;
        let column =
            |name: &FieldPath| query.output_column(name.as_str(), &|path| schema.column(path));
        Predicate::resolve(having, &column)
            .map(|_| ())
            .map_err(|unresolved| {
                Fault::new(FaultCode::WrongType, unresolved.to_string())
                    .at("/conditions")
                    .on_field(unresolved.field())
            })
    }
}

fn only_series(member: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidValue,
        format!("{member} is for views of shape time_series"),
    )
    .at(format!("/{member}"))
}

fn only_pages(member: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidValue,
        "cursors are for views of shape records, answered as json",
    )
    .at(format!("/{member}"))
}
