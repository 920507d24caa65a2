//! From the wire's tree of values to a view.

use super::{Shape, ViewDraft, ViewField, ViewFieldRole};
use crate::credits::Tier;
use crate::document::{Document, each};
use crate::fault::{Fault, FaultCode, shorten};
use crate::fields::{ColumnType, FieldType, ScalarType};
use crate::filters::{Filter, parse_list};
use crate::limits::{ORDER_FIELDS_MAX, VIEW_FIELDS_MAX};
use crate::names::{FieldPath, Name};
use crate::pools::{Schema, parse_name, unknown_field};
use crate::queries::{Aggregate, Direction, OrderBy};
use crate::value::Value;

impl ViewDraft {
    /// The name of the pool that a definition is about.
    pub fn pool_name(value: &Value) -> Result<Name, Fault> {
        let mut document = Document::new(value)?;
        let sent = document.text("pool")?;
        Name::parse_pool(sent)
            .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).at("/pool"))
    }

    /// Reads and checks a definition against its pool's fields.
    pub fn parse(value: &Value, schema: &Schema) -> Result<Self, Fault> {
        let pool = Self::pool_name(value)?;
        let mut document = Document::new(value)?;
        document.text("pool")?;
        let name = parse_name(document.text("name")?)?;
        let shape = parse_shape(&mut document, schema)?;
        let fields = parse_fields(document.list("fields")?, &shape, schema)
            .map_err(|f| f.under("/fields"))?;
        check_roles(&fields, &shape)?;
        let filters = match document.optional("filters") {
            None => None,
            Some(value) => Some(parse_filters(value, schema).map_err(|f| f.under("/filters"))?),
        };
        let order_by = match document.optional_list("order_by")? {
            None => Vec::new(),
            Some(values) => parse_order(values).map_err(|f| f.under("/order_by"))?,
        };
        let grouped_output = document
            .optional_boolean("grouped_output")?
            .unwrap_or(false);
        let tier = Tier::read(&mut document)?;
        let public = document.optional_boolean("public")?.unwrap_or(false);
        document.finish()?;
        let draft = Self {
            name,
            pool,
            shape,
            fields,
            filters,
            order_by,
            grouped_output,
            tier,
            public,
        };
        draft.check_names()?;
        Ok(draft)
    }

    fn check_names(&self) -> Result<(), Fault> {
        let interval = match &self.shape {
            Shape::TimeSeries { interval_field } => Some(interval_field),
            _ => None,
        };
        let mut names: std::collections::BTreeSet<&FieldPath> = interval.into_iter().collect();
        for (index, field) in self.fields.iter().enumerate() {
            if !names.insert(&field.name) {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "two fields of the view have this name; tell them apart with \"as\"",
                )
                .at(format!("/fields/{index}"))
                .on_field(&field.name));
            }
        }
        if self.grouped_output {
            let has_groups = interval.is_some()
                || self
                    .fields
                    .iter()
                    .any(|f| matches!(f.role, ViewFieldRole::Group(_)));
            if !has_groups || self.shape == Shape::Records {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "grouped_output needs a grouped field",
                )
                .at("/grouped_output"));
            }
        }
        let unknown = self
            .order_by
            .iter()
            .position(|order| !names.contains(&order.field));
        unknown.map_or(Ok(()), |index| {
            Err(
                Fault::new(FaultCode::FieldNotInView, "the view exposes no such field")
                    .at(format!("/order_by/{index}/field"))
                    .on_field(&self.order_by[index].field),
            )
        })
    }
}

const AGGREGATES: [(&str, Aggregate); 9] = [
    ("count", Aggregate::Count),
    ("count_unique", Aggregate::CountUnique),
    ("sum", Aggregate::Sum),
    ("average", Aggregate::Average),
    ("minimum", Aggregate::Minimum),
    ("maximum", Aggregate::Maximum),
    ("first", Aggregate::First),
    ("last", Aggregate::Last),
    ("standard_deviation", Aggregate::StandardDeviation),
];

pub(super) fn aggregate_name(aggregate: Aggregate) -> &'static str {
    AGGREGATES
        .iter()
        .find(|(_, known)| *known == aggregate)
        .map_or("percentile", |(name, _)| name)
}

fn parse_shape(document: &mut Document<'_>, schema: &Schema) -> Result<Shape, Fault> {
    let shape = document.text("shape")?;
    let interval_field = document.optional_text("interval_field")?;
    match (shape, interval_field) {
        ("records", None) => Ok(Shape::Records),
        ("aggregated", None) => Ok(Shape::Aggregated),
        ("time_series", Some(sent)) => {
            let path = readable(sent).map_err(|f| f.at("/interval_field"))?;
            match schema.column(&path) {
                Some(ColumnType::Declared(FieldType::Scalar(ScalarType::DateTime))) => {
                    Ok(Shape::TimeSeries {
                        interval_field: path,
                    })
                }
                Some(_) => Err(Fault::new(
                    FaultCode::WrongType,
                    "the interval field is a declared field of type DateTime",
                )
                .at("/interval_field")
                .on_field(path)),
                None => Err(unknown_field(&path).at("/interval_field")),
            }
        }
        ("time_series", None) => Err(Fault::new(
            FaultCode::MissingMember,
            "a time series needs interval_field, the pool's field of type DateTime to go by",
        )
        .at("/interval_field")),
        ("records" | "aggregated", Some(_)) => Err(Fault::new(
            FaultCode::InvalidValue,
            "interval_field is for time_series only",
        )
        .at("/interval_field")),
        _ => Err(Fault::new(
            FaultCode::InvalidValue,
            format!(
                "{} is not a shape; there are records, aggregated, time_series",
                shorten(shape)
            ),
        )
        .at("/shape")),
    }
}

fn readable(sent: &str) -> Result<FieldPath, Fault> {
    FieldPath::parse_readable(sent)
        .map_err(|rule| Fault::new(FaultCode::InvalidName, rule.to_string()).on_field(sent))
}

fn parse_fields(values: &[Value], shape: &Shape, schema: &Schema) -> Result<Vec<ViewField>, Fault> {
    if values.is_empty() || values.len() > VIEW_FIELDS_MAX {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            format!("a view exposes 1 to {VIEW_FIELDS_MAX} fields"),
        ));
    }
    each(values, |value| parse_field(value, shape, schema))
}

fn parse_field(value: &Value, shape: &Shape, schema: &Schema) -> Result<ViewField, Fault> {
    let mut document = Document::new(value)?;
    let field = document.optional_text("field")?;
    let field = field
        .map(readable)
        .transpose()
        .map_err(|f| f.at("/field"))?;
    let name = document.optional_text("as")?;
    let group = document.optional_boolean("group")?.unwrap_or(false);
    let aggregate = parse_aggregate(&mut document)?;
    document.finish()?;
    let column = match &field {
        None => None,
        Some(path) => Some(
            schema
                .column(path)
                .ok_or_else(|| unknown_field(path).at("/field"))?,
        ),
    };
    let role = match (shape, field, group, aggregate) {
        (Shape::Records, Some(path), false, None) => ViewFieldRole::Plain(path),
        (Shape::Aggregated | Shape::TimeSeries { .. }, Some(path), true, None) => {
            ViewFieldRole::Group(path)
        }
        (Shape::Aggregated | Shape::TimeSeries { .. }, path, false, Some(aggregate)) => {
            check_aggregate(aggregate, path.as_ref(), column)?;
            ViewFieldRole::Measure(aggregate, path)
        }
        (Shape::Records, ..) => {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "a field of a records view has \"field\" and neither group nor aggregate",
            ));
        }
        _ => {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                "a field here has either \"group\": true or an aggregate",
            ));
        }
    };
    let name = match (name, &role) {
        (Some(sent), ViewFieldRole::Plain(path) | ViewFieldRole::Group(path))
            if sent == path.as_str() =>
        {
            path.clone()
        }
        (Some(sent), ViewFieldRole::Measure(_, Some(path))) if sent == path.as_str() => {
            path.clone()
        }
        (Some(sent), _) => FieldPath::parse(sent).map_err(|rule| {
            Fault::new(FaultCode::InvalidName, rule.to_string())
                .at("/as")
                .on_field(sent)
        })?,
        (None, ViewFieldRole::Plain(path) | ViewFieldRole::Group(path)) => path.clone(),
        (None, ViewFieldRole::Measure(_, Some(path))) => path.clone(),
        (None, ViewFieldRole::Measure(_, None)) => readable("count")?,
    };
    Ok(ViewField { name, role })
}

fn parse_aggregate(document: &mut Document<'_>) -> Result<Option<Aggregate>, Fault> {
    let name = document.optional_text("aggregate")?;
    let percentile = document.optional("percentile");
    let refuse = |detail: String, at: &str| Err(Fault::new(FaultCode::InvalidValue, detail).at(at));
    match (name, percentile) {
        (None, None) => Ok(None),
        (Some("percentile"), Some(value)) => {
            let hundredths = parse_percentile(value).map_err(|f| f.at("/percentile"))?;
            Ok(Some(Aggregate::Percentile(hundredths)))
        }
        (Some("percentile"), None) | (_, Some(_)) => refuse(
            format!(
                "the aggregate percentile and the member percentile go together; {PERCENTILE_RULE}"
            ),
            "/percentile",
        ),
        (Some("median"), None) => Ok(Some(Aggregate::Percentile(5_000))),
        (Some(name), None) => match AGGREGATES.iter().find(|(known, _)| *known == name) {
            Some((_, aggregate)) => Ok(Some(*aggregate)),
            None => {
                let known: Vec<_> = AGGREGATES.iter().map(|(name, _)| *name).collect();
                let known = known.join(", ");
                refuse(
                    format!(
                        "{} is not an aggregate; there are {known}, median, percentile",
                        shorten(name)
                    ),
                    "/aggregate",
                )
            }
        },
    }
}

const PERCENTILE_RULE: &str =
    "percentile is a number above 0 and up to 100 with at most 2 decimals";

/// Reads which percentile is meant, in hundredths of a percent.
pub(crate) fn parse_percentile(value: &Value) -> Result<u32, Fault> {
    let number = value.as_number();
    let hundredths = number.map_or(0.0, |number| number.to_f64() * 100.0);
    let rounded = hundredths.round();
    if !(1.0..=10_000.0).contains(&rounded) || (hundredths - rounded).abs() > 1e-6 {
        return Err(Fault::new(FaultCode::InvalidValue, PERCENTILE_RULE));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 1 to 10,000"
    )]
    let hundredths = rounded as u32;
    Ok(hundredths)
}

fn check_aggregate(
    aggregate: Aggregate,
    path: Option<&FieldPath>,
    column: Option<ColumnType>,
) -> Result<(), Fault> {
    let Some(path) = path else {
        return if aggregate == Aggregate::Count {
            Ok(())
        } else {
            Err(
                Fault::new(FaultCode::MissingMember, "only count goes without a field")
                    .at("/field"),
            )
        };
    };
    let Some(ColumnType::Declared(field_type)) = column else {
        return Ok(());
    };
    let fits = match field_type {
        _ if aggregate.needs_numbers() => field_type.is_numeric(),
        FieldType::Array(_) => !aggregate.needs_order(),
        FieldType::Scalar(_) => true,
    };
    if fits {
        return Ok(());
    }
    Err(Fault::new(
        FaultCode::WrongType,
        format!(
            "{} cannot be taken of a field of type {field_type}",
            aggregate_name(aggregate)
        ),
    )
    .at("/aggregate")
    .on_field(path))
}

fn check_roles(fields: &[ViewField], shape: &Shape) -> Result<(), Fault> {
    let measures = fields
        .iter()
        .any(|f| matches!(f.role, ViewFieldRole::Measure(..)));
    if *shape != Shape::Records && !measures {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "at least one field has an aggregate",
        )
        .at("/fields"));
    }
    Ok(())
}

fn parse_filters(value: &Value, schema: &Schema) -> Result<Filter, Fault> {
    let filter = parse_list(value)?;
    crate::grants::check_resolves(&filter, &|path| schema.column(path))?;
    Ok(filter)
}

/// Reads a list of `{"field", "direction"}`.
pub(crate) fn parse_order(values: &[Value]) -> Result<Vec<OrderBy<FieldPath>>, Fault> {
    parse_order_of(values, readable)
}

/// The same over names of any kind.
pub(crate) fn parse_order_of<Field>(
    values: &[Value],
    name: impl Fn(&str) -> Result<Field, Fault>,
) -> Result<Vec<OrderBy<Field>>, Fault> {
    if values.len() > ORDER_FIELDS_MAX {
        return Err(Fault::new(
            FaultCode::LimitExceeded,
            format!("an order has at most {ORDER_FIELDS_MAX} fields"),
        ));
    }
    each(values, |value| {
        let mut document = Document::new(value)?;
        let field = name(document.text("field")?).map_err(|f| f.at("/field"))?;
        let direction = match document.optional_text("direction")? {
            None | Some("asc") => Direction::Ascending,
            Some("desc") => Direction::Descending,
            Some(_) => {
                return Err(
                    Fault::new(FaultCode::InvalidValue, "direction is asc or desc")
                        .at("/direction"),
                );
            }
        };
        document.finish()?;
        Ok(OrderBy { field, direction })
    })
}
