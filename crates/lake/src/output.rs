//! The columns of an answer and their types: known from the question and the
//! definitions alone.

use model::fields::{ColumnType, FieldType, ScalarType};
use model::names::FieldPath;
use model::pools::Schema;
use model::queries::{Aggregate, Measure, OutputColumn, OutputType, Query};

use crate::error::{LakeError, Result};

/// The columns of a question's answer, in order.
pub(crate) fn output_columns(query: &Query, schema: &Schema) -> Result<Vec<OutputColumn>> {
    match query {
        Query::Records(records) => {
            let columns = records.columns.iter().map(|output| {
                let output_type = field_type(&output.field, schema)?;
                Ok(OutputColumn {
                    name: output.name.clone(),
                    output_type,
                })
            });
            let rest = records.rest.iter().map(|_| {
                Ok(OutputColumn {
                    name: model::names::REST.to_owned(),
                    output_type: OutputType::Mixed,
                })
            });
            columns.chain(rest).collect()
        }
        Query::Actors(actors) if actors.counted => Ok(vec![
            OutputColumn {
                name: "_steps".to_owned(),
                output_type: OutputType::WideInteger,
            },
            OutputColumn {
                name: "_actors".to_owned(),
                output_type: OutputType::WideInteger,
            },
        ]),
        Query::Actors(actors) => Ok(vec![
            OutputColumn {
                name: actors.actor.to_string(),
                output_type: field_type(&actors.actor, schema)?,
            },
            OutputColumn {
                name: "_steps".to_owned(),
                output_type: OutputType::WideInteger,
            },
        ]),
        Query::Aggregate(aggregate) => {
            let series = aggregate.series.iter().map(|series| {
                Ok(OutputColumn {
                    name: series.name.clone(),
                    output_type: OutputType::TIME,
                })
            });
            let columns = aggregate.columns.iter().map(|name| {
                let group = aggregate.groups.iter().find(|group| group.name == *name);
                let measure = aggregate
                    .measures
                    .iter()
                    .find(|measure| measure.name == *name);
                let output_type = match (group, measure) {
                    (Some(group), _) if group.bins.is_some() => OutputType::Mixed,
                    (Some(group), _) => field_type(&group.field, schema)?,
                    (None, Some(measure)) => result_type(measure, schema)?,
                    (None, None) => {
                        return Err(LakeError::Internal(format!(
                            "the answer has no column {name}"
                        )));
                    }
                };
                Ok(OutputColumn {
                    name: name.clone(),
                    output_type,
                })
            });
            series.chain(columns).collect()
        }
    }
}

fn field_type(path: &FieldPath, schema: &Schema) -> Result<OutputType> {
    match schema.column(path) {
        Some(ColumnType::Declared(field_type)) => Ok(OutputType::Field(field_type)),
        Some(ColumnType::Undeclared) => Ok(OutputType::Mixed),
        None => Err(LakeError::Internal(format!("the pool has no field {path}"))),
    }
}

fn result_type(measure: &Measure, schema: &Schema) -> Result<OutputType> {
    let field = measure
        .field
        .as_ref()
        .map(|path| field_type(path, schema))
        .transpose()?;
    Ok(match (measure.aggregate, field) {
        (Aggregate::Count | Aggregate::CountUnique, _) | (_, None) => OutputType::COUNT,
        (Aggregate::Average | Aggregate::StandardDeviation, _) => OutputType::FLOAT,
        (Aggregate::SelectUnique, _) => OutputType::Mixed,
        (Aggregate::Sum, Some(OutputType::Field(FieldType::Scalar(scalar)))) => match scalar {
            ScalarType::Float32 | ScalarType::Float64 => OutputType::FLOAT,
            _ => OutputType::WideInteger,
        },
        (_, Some(field)) => field,
    })
}
