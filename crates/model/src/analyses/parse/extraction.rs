//! From the wire's tree of values to an extraction.

use super::{count, field, invalid, source};
use crate::analyses::{Cursor, Extraction, Selection};
use crate::document::{Document, each};
use crate::fault::Fault;
use crate::views::parse_order;

pub(super) fn parse(document: &mut Document<'_>) -> Result<Extraction, Fault> {
    let source = source(document)?;
    let named = document.optional_list("fields")?;
    let named = named.map(|values| each(values, field));
    Ok(Extraction {
        source,
        fields: named.transpose().map_err(|f| f.under("/fields"))?,
        selection: selection(document)?,
    })
}

fn selection(document: &mut Document<'_>) -> Result<Selection, Fault> {
    let latest = count(document, "latest")?;
    let order_by = document.optional_list("order_by")?;
    let order_by = order_by.map(|values| parse_order(values).map_err(|f| f.under("/order_by")));
    let order_by = order_by.transpose()?.unwrap_or_default();
    let limit = count(document, "limit")?;
    let after = document.optional_text("after")?;
    let before = document.optional_text("before")?;
    let cursor = match (after, before) {
        (Some(_), Some(_)) => return Err(invalid("give either after or before").at("/before")),
        (Some(after), None) => Some(Cursor::After(after.to_owned())),
        (None, before) => before.map(|before| Cursor::Before(before.to_owned())),
    };
    match latest {
        None => Ok(Selection::Ordered {
            order_by,
            limit,
            cursor,
        }),
        Some(latest) if order_by.is_empty() && limit.is_none() && cursor.is_none() => {
            Ok(Selection::Latest(latest))
        }
        Some(_) => Err(invalid(
            "latest says how many and in what order; it goes without order_by, limit, after and before",
        )
        .at("/latest")),
    }
}
