//! What a key is answered, among the rows of the person who looks: the latest rows of a pool, and
//! of a view or saved query its own answer.

use futures::TryStreamExt as _;
use model::analyses::Analysis;
use model::filters::Constraint;
use model::names::FieldPath;
use model::permit::{ConstrainedAnalysis, Shown};
use model::queries::Row;
use model::value::{Object, Value};
use model::views::Delivery;

use super::super::Here;
use crate::analyses;
use crate::api::keys::Told;
use crate::console::explore;
use crate::console::forms::sentence;
use crate::console::pictures::Chart;
use crate::console::shown::Table;
use crate::console::views;
use crate::error::ApiError;
use crate::saved;
use crate::state::AppState;

/// Rows of a table.
const ROWS: u8 = 8;
/// Columns of a table; of the others it says how many there are.
const COLUMNS: usize = 10;

/// What is shown of one thing that a key sees.
#[derive(Default)]
pub(super) struct Latest {
    pub(super) table: Table,
    pub(super) chart: Option<Chart>,
    pub(super) note: Option<&'static str>,
    /// Why there is no answer.
    pub(super) fault: Option<String>,
    /// Where all of it is looked at as this key.
    pub(super) href: Option<String>,
}

/// What the key is answered; `None` where the person may not take rows out of the pool,
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
    match kind {
        "view" => of_view(here, state, (told, shown)).await,
        "saved query" => of_saved(here, state, (told, shown)).await,
        "dataset" => Ok(Some(Latest {
            note: Some(
                "Its series are read for one value at a time and are not simulated here; the number is of the rows that they are made of.",
            ),
            ..Latest::default()
        })),
        _ => of_pool(here, state, (told, shown)).await,
    }
}

/// What a view answers the key: its own table, and a chart of what is summed up.
async fn of_view(
    here: &Here,
    state: &AppState,
    (told, shown): (&Told, &Shown),
) -> Result<Option<Latest>, ApiError> {
    let definitions = here.caller.definitions(state);
    let Some(view) = definitions.view(told.name.as_str()) else {
        return Ok(None);
    };
    let key = (here.key.id(), shown);
    let (answered, chart, page) = views::for_key(&here.page, view, key, state).await?;
    let mut table = answered.table;
    table.rows.truncate(ROWS.into());
    Ok(Some(Latest {
        table,
        chart,
        note: None,
        fault: answered.fault,
        href: Some(page),
    }))
}

/// What a saved query answers the key. A kept answer may be from before.
async fn of_saved(
    here: &Here,
    state: &AppState,
    (told, shown): (&Told, &Shown),
) -> Result<Option<Latest>, ApiError> {
    let definitions = here.caller.definitions(state);
    let Some(saved) = definitions.saved_query(told.name.as_str()) else {
        return Ok(None);
    };
    match saved::seen_by(&here.page.access, &saved, shown, state).await {
        Ok(answer) => {
            let (mut table, _) = explore::table(&saved.item.draft.query, &answer);
            table.rows.truncate(ROWS.into());
            let note = "Made now; the key itself may be given an answer from a moment ago.";
            Ok(Some(Latest {
                table,
                note: saved.item.is_cached().then_some(note),
                ..Latest::default()
            }))
        }
        Err(error) if error.problem().status().is_server_error() => Err(error),
        Err(error) => Ok(Some(Latest {
            fault: Some(sentence(error.problem().detail())),
            ..Latest::default()
        })),
    }
}

/// The latest rows of a pool.
async fn of_pool(
    here: &Here,
    state: &AppState,
    (told, shown): (&Told, &Shown),
) -> Result<Option<Latest>, ApiError> {
    let definitions = here.caller.definitions(state);
    let Some(pool) = &told.pool else {
        return Ok(None);
    };
    let mut question = Object::new()
        .with("analysis", "extraction")
        .with("pool", pool.draft.name.as_str())
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
    Ok(Some(Latest {
        table: table(&rows, |path| shown.shows(path)),
        ..Latest::default()
    }))
}

/// The rows under the columns that are shown.
fn table(rows: &[Vec<(String, Value)>], is_shown: impl Fn(&FieldPath) -> bool) -> Table {
    let mut columns: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        let path = FieldPath::parse_readable(name);
        if !columns.contains(name) && path.is_ok_and(|path| is_shown(&path)) {
            columns.push(name.clone());
        }
    }
    let left_out = columns.len().saturating_sub(COLUMNS);
    columns.truncate(COLUMNS);
    let cells = |row: &'_ Vec<(String, Value)>| -> Vec<Option<Value>> {
        let cell = |column: &String| {
            let found = row.iter().find(|(name, _)| name == column);
            found.map(|(_, value)| value.clone())
        };
        columns.iter().map(cell).collect()
    };
    let rows: Vec<Vec<Option<Value>>> = rows.iter().map(cells).collect();
    let rows = rows
        .iter()
        .map(|row| row.iter().map(Option::as_ref).collect());
    let rows: Vec<Vec<Option<&Value>>> = rows.collect();
    Table {
        left_out,
        ..Table::of(columns.clone(), &rows)
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

#[cfg(test)]
impl Latest {
    pub(super) fn sample(text: &str) -> Self {
        Self {
            table: crate::console::shown::sample(text),
            chart: Some(crate::console::pictures::sample(text)),
            note: Some(""),
            fault: Some(text.to_owned()),
            href: Some(crate::console::frame::address(text, "/x")),
        }
    }
}
