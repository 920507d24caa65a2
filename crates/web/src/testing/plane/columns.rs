//! The columns of an answer.

use model::fields::ColumnType;
use model::permit::ConstrainedQuery;
use model::queries::{OutputColumn, OutputType, Query};

/// What a question answers, column by column.
pub(super) fn columns(question: &ConstrainedQuery) -> Vec<OutputColumn> {
    let schema = &question.pool().draft.schema;
    let column = |name: &str, output_type| OutputColumn {
        name: name.to_owned(),
        output_type,
    };
    match question.query() {
        Query::Records(query) => {
            let columns = query.columns.iter().map(|output| {
                let output_type = match schema.column(&output.field) {
                    Some(ColumnType::Declared(field_type)) => OutputType::Field(field_type),
                    _ => OutputType::Mixed,
                };
                column(&output.name, output_type)
            });
            let rest = query.rest.iter();
            let rest = rest.map(|_| column(model::names::REST, OutputType::Mixed));
            columns.chain(rest).collect()
        }
        Query::Aggregate(query) => {
            let series = query.series.iter().map(|series| &series.name);
            let groups = query.groups.iter().map(|group| &group.name);
            let measures = query.measures.iter().map(|measure| &measure.name);
            let names = series.chain(groups).chain(measures);
            names.map(|name| column(name, OutputType::Mixed)).collect()
        }
        Query::Actors(_) => Vec::new(),
    }
}
