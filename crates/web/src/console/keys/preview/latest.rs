//! The latest rows of a pool or view that a key sees, among those of the person
//! who looks.

use futures::TryStreamExt as _;
use model::analyses::Analysis;
use model::filters::Constraint;
use model::names::FieldPath;
use model::permit::ConstrainedAnalysis;
use model::queries::Row;
use model::value::{Object, Value};
use model::views::{Delivery, Shape};

use super::super::Here;
use crate::analyses;
use crate::api::keys::Told;
use crate::error::ApiError;
use crate::state::AppState;

/// Rows of a table.
const ROWS: u8 = 8;
/// Columns of a table; of the others it says how many there are.
const COLUMNS: usize = 10;
/// Characters of a value.
const CHARS: usize = 80;

/// A table of rows.
pub(super) struct Latest {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Columns that are left out.
    pub(super) more: usize,
    pub(super) note: Option<&'static str>,
}

/// The latest rows; `None` where the person may not take rows out of the pool,
/// or could not ask so.
///
/// # Errors
/// Those of the data plane.
pub(super) async fn latest(
    here: &Here,
    state: &AppState,
    (kind, told): (&str, &Told),
) -> Result<Option<Latest>, ApiError> {
    let Some(shown) = &told.shown else {
        return Ok(None);
    };
    let definitions = here.caller.definitions(state);
    let mut question = Object::new()
        .with("analysis", "extraction")
        .with("pool", told.pool.draft.name.as_str())
        .with("latest", u64::from(ROWS));
    if let Constraint::Rows(_) = shown.rows() {
        question = question.with("filters", shown.rows().to_value());
    }
    let now = state.clock.now();
    let access = &here.page.access;
    let Ok(analysis) = Analysis::parse(&Value::Object(question)) else {
        return Ok(None);
    };
    let asked = analyses::constrain(access, &definitions, &analysis, Delivery::Pages, now);
    let Some((question, form)) = asked.ok().and_then(ConstrainedAnalysis::into_rows) else {
        return Ok(None);
    };
    let answer = state.plane.query(question).await?;
    let mut rows: Vec<Row> = answer.rows.try_concat().await?;
    // One more than a page shows says whether there are others.
    rows.truncate(usize::from(ROWS));
    let trees = rows.into_iter().map(|mut row| {
        row.truncate(form.width());
        form.tree(row)
    });
    let rows: Vec<Vec<(String, Value)>> = trees.map(|tree| leaves(&tree)).collect();
    // Of a view, what it is made of; of a pool, whatever the rows hold.
    let view = match kind {
        "view" => definitions.view(told.name.as_str()),
        _ => None,
    };
    let is_shown = |path: &FieldPath| {
        let is_of_view = view.is_none_or(|(view, _)| {
            let mut sources = view.draft.fields.iter().filter_map(|field| field.source());
            sources.any(|source| path.is_at_or_below(source))
        });
        is_of_view && shown.shows(path)
    };
    let note = view.filter(|(view, _)| view.draft.shape != Shape::Records);
    let note =
        note.map(|_| "These are the rows behind the view; the key itself gets them summed up.");
    Ok(Some(Latest {
        note,
        ..table(&rows, is_shown)
    }))
}

/// The rows under the columns that are shown.
fn table(rows: &[Vec<(String, Value)>], is_shown: impl Fn(&FieldPath) -> bool) -> Latest {
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        let path = FieldPath::parse_readable(name);
        if !columns.contains(name) && path.is_ok_and(|path| is_shown(&path)) {
            columns.push(name.clone());
        }
    }
    let more = columns.len().saturating_sub(COLUMNS);
    columns.truncate(COLUMNS);
    let cells = |row: &Vec<(String, Value)>| {
        let cell = |column: &String| {
            let found = row.iter().find(|(name, _)| name == column);
            found.map_or_else(String::new, |(_, value)| cell(value))
        };
        columns.iter().map(cell).collect()
    };
    Latest {
        rows: rows.iter().map(cells).collect(),
        columns: columns.clone(),
        more,
        note: None,
    }
}

/// The values of a tree, by their paths.
fn leaves(tree: &Value) -> Vec<(String, Value)> {
    fn collect(at: &str, value: &Value, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter() {
                    let path = match at.is_empty() {
                        true => name.to_owned(),
                        false => format!("{at}.{name}"),
                    };
                    collect(&path, value, found);
                }
            }
            value => found.push((at.to_owned(), value.clone())),
        }
    }
    let mut found = Vec::new();
    collect("", tree, &mut found);
    found
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => model::json::to_text(other).trim_matches('"').to_owned(),
    };
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
impl Latest {
    pub(super) fn sample(text: &str) -> Self {
        Self {
            columns: vec![text.to_owned()],
            rows: vec![vec![text.to_owned()]],
            more: 1,
            note: None,
        }
    }
}
