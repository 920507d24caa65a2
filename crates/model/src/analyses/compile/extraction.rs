//! Rows as they are: the columns to read, and the trees that they become.

use super::{RowsForm, Scope};
use crate::analyses::{Cursor, Extraction, Selection, Typing};
use crate::fault::{Fault, FaultCode};
use crate::fields::{ColumnType, FieldType};
use crate::grants::VisibleFields;
use crate::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::names::FieldPath;
use crate::pools::{SchemaMode, unknown_field};
use crate::queries::{Direction, OrderBy, OutputField, RecordQuery};
use crate::views::Delivery;

/// The question and the form.
pub(crate) fn extraction(
    asked: &Extraction,
    scope: Scope<'_>,
    delivery: Delivery,
) -> Result<(RecordQuery, RowsForm), Fault> {
    let (columns, rest) = match &asked.fields {
        None => whole(scope),
        Some(named) => chosen(named, scope, asked.source.typing).map_err(|f| f.under("/fields"))?,
    };
    let (order, limit) = order(asked, scope, delivery)?;
    let query = RecordQuery {
        columns: columns
            .iter()
            .map(|field| OutputField {
                name: field.to_string(),
                field: field.clone(),
            })
            .collect(),
        rest: rest.clone(),
        filter: scope.filter(&asked.source)?,
        range: scope.range(&asked.source)?,
        order,
        seek: None,
        limit,
        with_order_values: delivery == Delivery::Pages,
    };
    let form = RowsForm::new(columns, rest.is_some(), asked.fields.clone());
    Ok((query, form))
}

/// The declared fields, which are columns, and which others there may be.
type Fields = (Vec<FieldPath>, Option<VisibleFields>);

/// Every field that the key sees, those of the system last.
fn whole(scope: Scope<'_>) -> Fields {
    let schema = &scope.pool.draft.schema;
    let declared = schema.declared().iter().map(|field| field.path.clone());
    let system = [FieldPath::id(), FieldPath::ingested_at(), FieldPath::key()];
    let columns = declared.chain(system);
    let columns = columns.filter(|path| scope.visible.shows(path)).collect();
    let is_open = schema.mode() == SchemaMode::Open;
    (columns, is_open.then(|| scope.visible.clone()))
}

/// The fields that were named, each with everything below it.
fn chosen(named: &[FieldPath], scope: Scope<'_>, typing: Typing) -> Result<Fields, Fault> {
    let schema = &scope.pool.draft.schema;
    let (mut columns, mut others) = (Vec::new(), std::collections::BTreeSet::new());
    for (index, path) in named.iter().enumerate() {
        let below = schema.declared().iter().map(|field| &field.path);
        let below = below.filter(|field| field.is_at_or_below(path));
        let below: Vec<_> = below
            .filter(|field| scope.visible.shows(field))
            .cloned()
            .collect();
        match scope.column(path) {
            Some(ColumnType::Declared(_)) => columns.push(path.clone()),
            Some(ColumnType::Undeclared) => {
                columns.extend(below);
                others.insert(path.clone());
            }
            None if below.is_empty() || !scope.visible.shows(path) => {
                if typing == Typing::Loose {
                    continue;
                }
                return Err(unknown_field(path).at(format!("/{index}")));
            }
            None => columns.extend(below),
        }
    }
    let others = (!others.is_empty()).then_some(VisibleFields::Allow(others));
    Ok((columns, others.map(|others| scope.visible.and(&others))))
}

/// The order, which ends with `_id`, and how many rows to read.
fn order(
    asked: &Extraction,
    scope: Scope<'_>,
    delivery: Delivery,
) -> Result<(Vec<OrderBy<FieldPath>>, Option<u64>), Fault> {
    let (by, limit, member, direction) = match &asked.selection {
        Selection::Latest(latest) => (&[][..], Some(*latest), "/latest", Direction::Descending),
        Selection::Ordered {
            order_by,
            limit,
            cursor,
        } => {
            if cursor.is_some() && delivery == Delivery::Stream {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "cursors are for pages, answered as json",
                )
                .at(match cursor {
                    Some(Cursor::Before(_)) => "/before",
                    _ => "/after",
                }));
            }
            (&order_by[..], *limit, "/limit", Direction::Ascending)
        }
    };
    let limit = match delivery {
        Delivery::Stream => limit,
        Delivery::Pages => {
            let rows = limit.unwrap_or(PAGE_ROWS_DEFAULT);
            if rows > PAGE_ROWS_MAX {
                return Err(Fault::new(
                    FaultCode::LimitExceeded,
                    match asked.selection {
                        // The latest rows are one page, which no other follows.
                        Selection::Latest(_) => format!(
                            "a page has at most {PAGE_ROWS_MAX} rows; ask for ndjson, csv, parquet or arrow to get more of the latest"
                        ),
                        Selection::Ordered { .. } => {
                            format!("a page has at most {PAGE_ROWS_MAX} rows; follow the cursors")
                        }
                    },
                )
                .at(member));
            }
            // One more tells whether there is a next page.
            Some(rows + 1)
        }
    };
    let mut order: Vec<OrderBy<FieldPath>> = Vec::new();
    let mut last = direction;
    for (index, by) in by.iter().enumerate() {
        match check_order(&by.field, scope) {
            // Rows that all lack a field are in no order by it.
            Err(_) if asked.source.typing == Typing::Loose => {
                last = by.direction;
                continue;
            }
            checked => checked.map_err(|f| f.at(format!("/order_by/{index}/field")))?,
        }
        if !order.iter().any(|done| done.field == by.field) {
            order.push(by.clone());
            last = by.direction;
        }
    }
    let time = scope.pool.time_field();
    // Rows in the order of a hidden field would tell of it.
    if by.is_empty() && scope.visible.shows(&time) {
        order.push(OrderBy {
            field: time,
            direction,
        });
    }
    if let Some(at) = order.iter().position(|by| by.field == FieldPath::id()) {
        order.truncate(at + 1);
    } else {
        order.push(OrderBy {
            field: FieldPath::id(),
            direction: last,
        });
    }
    Ok((order, limit))
}

fn check_order(field: &FieldPath, scope: Scope<'_>) -> Result<(), Fault> {
    match scope.known(field)? {
        ColumnType::Declared(FieldType::Array(_)) => {
            Err(Fault::new(FaultCode::WrongType, "arrays have no order").on_field(field))
        }
        _ => Ok(()),
    }
}
