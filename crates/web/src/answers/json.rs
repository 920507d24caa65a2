//! Answers as one JSON document.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use model::queries::{RecordQuery, Row, Seek, Side};
use model::value::Value;

use super::Layout;
use super::layout::RowShape;
use crate::plane::{Answer, Page, PageColumn, PlaneError};

/// A page of records: `{"data":[…],"before":…,"after":…}`, with `rows` for `data`.
///
/// `query` asked for one row more than the page holds, which tells whether
/// there is another page and is not shown. Each cursor is what `seal` makes
/// of the page's first or last row, or null where it makes none and where there
/// is nothing further: `before` on the first page and `after` on the last, and both on an empty one.
pub(crate) fn page(
    page: &Page,
    rows_member: &str,
    shape: &impl RowShape,
    query: &RecordQuery,
    seal: impl Fn(&Seek) -> Result<Option<String>, PlaneError>,
) -> Result<Bytes, PlaneError> {
    let (columns, shown) = (page.rows.columns(), shape.width());
    let (count, width) = (page.rows.count(), columns.len());
    if count > 0 && width < shown {
        let detail = format!("a page of {width} columns instead of {shown}");
        return Err(PlaneError::Internal(detail));
    }
    let (columns, behind) = columns.split_at(shown.min(width));
    let came_from = query.seek.as_ref().map(|seek| seek.side);
    let page_rows = query.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit.saturating_sub(1)).unwrap_or(usize::MAX)
    });
    let has_more = count > page_rows;
    let has_before = match came_from {
        None => false,
        Some(Side::After) => true,
        Some(Side::Before) => has_more,
    };
    let has_after = came_from == Some(Side::Before) || has_more;
    let rows = match came_from {
        // Nearest last: the row too many is the farthest.
        Some(Side::Before) => count.saturating_sub(page_rows)..count,
        _ => 0..count.min(page_rows),
    };
    let cursor = |row: Option<usize>, side: Side| -> Result<Option<String>, PlaneError> {
        let Some(row) = row else {
            return Ok(None);
        };
        if behind.len() != query.order.len() {
            return Err(PlaneError::Internal(format!(
                "a row with {} order values of {}",
                behind.len(),
                query.order.len()
            )));
        }
        let values = behind.iter().map(|column| column.cell(row).into_value());
        let values = values.collect();
        seal(&Seek { values, side })
    };
    let (first, last) = (rows.clone().next(), rows.clone().next_back());
    let before = cursor(first.filter(|_| has_before), Side::Before)?;
    let after = cursor(last.filter(|_| has_after), Side::After)?;
    let mut out = b"{".to_vec();
    write_json(Some(rows_member), &mut out)?;
    out.extend(b":[");
    write_cells(shape, columns, rows, &mut out)?;
    out.extend(b"],\"before\":");
    write_json(before.as_deref(), &mut out)?;
    out.extend(b",\"after\":");
    write_json(after.as_deref(), &mut out)?;
    out.push(b'}');
    Ok(out.into())
}

fn write_cells(
    shape: &impl RowShape,
    columns: &[Box<dyn PageColumn + '_>],
    rows: Range<usize>,
    out: &mut Vec<u8>,
) -> Result<(), PlaneError> {
    let (begun, count) = (out.len(), rows.len());
    for (at, row) in rows.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        shape.write_cells(columns, row, out)?;
        if at == 0 {
            make_room(out, begun, count);
        }
    }
    Ok(())
}

/// An aggregated answer or a time series: `{"data":[…]}`, or nested by the
/// layout's levels.
///
/// Nested, each level's members are the texts of the group's values in the
/// order in which they first occur, `"null"` for a missing one; values that
/// have one text (`1` and `"1"`) share a member, which then holds the rows of
/// both.
pub(crate) async fn summary(mut answer: Answer, layout: &Layout) -> Result<Bytes, PlaneError> {
    if layout.levels().is_empty() {
        let mut out = b"{\"data\":[".to_vec();
        let mut is_first = true;
        while let Some(chunk) = answer.rows.next().await {
            write_rows(layout, &chunk?, &mut is_first, &mut out)?;
        }
        out.extend(b"]}");
        return Ok(out.into());
    }
    let leaves = layout.leaf_members();
    let mut root = Group::default();
    while let Some(chunk) = answer.rows.next().await {
        for row in chunk? {
            let (values, _) = layout.split(&row)?;
            let group = layout.levels().iter().fold(&mut root, |group, level| {
                group.inner(layout, &values[*level])
            });
            if !group.rows.is_empty() {
                group.rows.push(b',');
            }
            layout.write_object(&leaves, &row, &mut group.rows)?;
        }
    }
    let mut out = Vec::new();
    root.write(layout.levels().len(), &mut out)?;
    Ok(out.into())
}

fn write_rows(
    shape: &impl RowShape,
    rows: &[Row],
    is_first: &mut bool,
    out: &mut Vec<u8>,
) -> Result<(), PlaneError> {
    let begun = out.len();
    for (at, row) in rows.iter().enumerate() {
        if !std::mem::take(is_first) {
            out.push(b',');
        }
        shape.write(row, out)?;
        if at == 0 {
            make_room(out, begun, rows.len());
        }
    }
    Ok(())
}

/// Makes room for so many rows, the first of which has just been written.
fn make_room(out: &mut Vec<u8>, begun: usize, rows: usize) {
    const AHEAD_BYTES_MAX: usize = 1 << 20;
    // Rows are mostly about as long as the first.
    let expected = (out.len() - begun) * (rows + rows / 8);
    out.reserve(expected.min(AHEAD_BYTES_MAX));
}

fn write_json(text: Option<&str>, out: &mut Vec<u8>) -> Result<(), PlaneError> {
    serde_json::to_writer(out, &text).map_err(|e| PlaneError::Internal(e.to_string()))
}

/// A group of a nested answer: groups, or at the last level rows.
#[derive(Default)]
struct Group {
    /// JSON objects with commas between them.
    rows: Vec<u8>,
    groups: Vec<(String, Group)>,
    places: HashMap<String, usize>,
}

impl Group {
    /// The group of a value within this one.
    fn inner(&mut self, layout: &Layout, value: &Value) -> &mut Self {
        let name = layout.text(value).unwrap_or("null".into());
        let place = match self.places.get(&*name) {
            Some(place) => *place,
            None => {
                let place = self.groups.len();
                self.places.insert(name.clone().into_owned(), place);
                self.groups.push((name.into_owned(), Self::default()));
                place
            }
        };
        &mut self.groups[place].1
    }

    fn write(&self, levels: usize, out: &mut Vec<u8>) -> Result<(), PlaneError> {
        if levels == 0 {
            out.push(b'[');
            out.extend(&self.rows);
            out.push(b']');
            return Ok(());
        }
        out.push(b'{');
        for (at, (name, group)) in self.groups.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_json(Some(name), out)?;
            out.push(b':');
            group.write(levels - 1, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}
