//! What a view answers, as a table and as a chart.

use axum::extract::State;
use axum::response::Response;
use futures::TryStreamExt;
use model::analyses::{Answer, GroupResult, Measured, Results};
use model::fault::Fault;
use model::people::Area;
use model::queries::Row;
use model::time::{Interval, TimeRange, TimeZone, Timestamp};
use model::value::{Object, Value};
use model::views::{Delivery, Shape, ViewDraft, ViewFieldRole, ViewRequest};

use super::Readable;
use super::as_key::AsKey;
use super::builder::USUAL;
use super::unsaved::unsaved;
use crate::charts::{Drawing, Look, interval_name};
use crate::console::pictures::{self, look_of};
use crate::console::shown::{Cell, Table, rows_of};
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// Those of the builder, and how the chart is to look.
pub(in crate::console) const PARAMETERS: &[&str] = super::make::CHART_PARAMETERS;

/// The range of a view's chart, as which key it is, and how it is to look.
pub(in crate::console) const ONE_PARAMETERS: &[&str] =
    &["timeframe", "interval", "as", "theme", "size"];

/// Rows that are looked at; one more is asked for, to know of it.
const ROWS: u64 = 1_000;
/// The same of a time series, whose chart has them all.
const SERIES_ROWS: u64 = 20_000;
/// Rows that a table shows of them.
const SHOWN: usize = 50;

/// What a view answered.
pub(super) struct Data {
    names: Vec<String>,
    rows: Vec<Row>,
    /// Whether there are more than were looked at.
    has_more: bool,
}

/// How many rows there are, in words.
pub(super) fn size_of(data: &Data) -> String {
    let all = data.rows.len();
    let rows = rows_of(all, all.min(SHOWN));
    match data.has_more {
        true => format!("More than {rows}"),
        false => rows,
    }
}

/// What is asked of a view's data: of a time series the range and the interval.
///
/// # Errors
/// A fault that names what cannot be read.
pub(super) fn request(draft: &ViewDraft, parameters: &Parameters) -> Result<ViewRequest, Fault> {
    let is_series = matches!(draft.shape, Shape::TimeSeries { .. });
    let most = if is_series { SERIES_ROWS } else { ROWS };
    let mut body = Object::new().with("limit", most + 1);
    if is_series {
        let chosen = |name: &str, usual: &str| match parameters.get(name) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => usual.to_owned(),
        };
        body = body
            .with("timeframe", chosen("timeframe", USUAL.0))
            .with("interval", chosen("interval", USUAL.1));
    }
    ViewRequest::parse(&Value::Object(body))
}

/// The rows of a view that the person sees.
///
/// # Errors
/// As of the call of the API.
pub(super) async fn read(
    readable: &Readable,
    request: &ViewRequest,
    state: &AppState,
) -> Result<Data, ApiError> {
    let now = state.clock.now();
    let question = readable.permit.constrain(request, Delivery::Stream, now)?;
    let answer = state.plane.query(question).await?;
    let names: Vec<String> = answer
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let mut rows = answer.rows.try_concat().await?;
    let most = request.limit.unwrap_or(ROWS).saturating_sub(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    Ok(Data {
        names,
        rows,
        has_more,
    })
}

impl Data {
    /// The rows under the names of the view's fields, in its order. Intervals come first, by the
    /// clock that they are cut by.
    pub(super) fn table(&self, draft: &ViewDraft, interval: Option<Interval>) -> Table {
        let columns = self.columns(draft);
        let first = columns.first().map(|(_, at)| *at);
        let rows = self.rows.iter().take(SHOWN).map(|row| {
            let cells = columns.iter().map(|(_, at)| row.get(*at));
            cells.collect()
        });
        let rows: Vec<Vec<Option<&Value>>> = rows.collect();
        let names = columns.into_iter().map(|(name, _)| name).collect();
        let mut table = Table::of(names, &rows);
        let (Some(interval), Some(at)) = (interval, first) else {
            return table;
        };
        for (line, row) in table.rows.iter_mut().zip(&self.rows) {
            if let (Some(cell), Some(Value::DateTime(start))) =
                (line.cells.first_mut(), row.get(at))
            {
                let name = interval_name(*start, &TimeZone::utc(), interval);
                *cell = Cell::of(&Value::from(name));
            }
        }
        table
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    fn columns(&self, draft: &ViewDraft) -> Vec<(String, usize)> {
        let interval = match &draft.shape {
            Shape::TimeSeries { interval_field } => Some(interval_field.as_str()),
            _ => None,
        };
        let fields = draft.fields.iter().map(|field| field.name.as_str());
        let named = interval.into_iter().chain(fields);
        let columns = named.filter_map(|name| Some((name.to_owned(), self.at(name)?)));
        columns.collect()
    }

    /// The places of the fields that make groups, and those of functions.
    fn roles(&self, draft: &ViewDraft) -> (Vec<usize>, Vec<(String, usize)>) {
        let (mut groups, mut measures) = (Vec::new(), Vec::new());
        for field in &draft.fields {
            let Some(at) = self.at(field.name.as_str()) else {
                continue;
            };
            match field.role {
                ViewFieldRole::Measure(..) => measures.push((field.name.as_str().to_owned(), at)),
                ViewFieldRole::Group(_) => groups.push(at),
                ViewFieldRole::Plain(_) => {}
            }
        }
        (groups, measures)
    }

    /// The picture of the rows; records as they are have none.
    fn draw(&self, draft: &ViewDraft, look: Look, interval: Option<Interval>) -> String {
        let (answer, metrics, caption) = match &draft.shape {
            Shape::Records => (Answer::Rows(Vec::new()), Vec::new(), None),
            Shape::Aggregated => self.of_groups(draft),
            Shape::TimeSeries { interval_field } => {
                let time = self.at(interval_field.as_str());
                self.of_intervals(draft, time)
            }
        };
        let drawing = Drawing::of_table(look, TimeZone::utc(), interval, (metrics, caption));
        drawing.draw(&answer)
    }

    fn of_groups(&self, draft: &ViewDraft) -> Drawn {
        let (groups, measures) = self.roles(draft);
        let labels: Vec<String> = measures.iter().map(|(name, _)| name.clone()).collect();
        let first = labels.first().cloned();
        if groups.is_empty() {
            let results = self.rows.first().map(|row| pick(row, &measures));
            let answer = measured(labels, Results::Whole(results.unwrap_or_default()));
            return (answer, (0..measures.len()).collect(), None);
        }
        let rows = self.rows.iter().map(|row| group(row, &groups, &measures));
        let answer = measured(labels, Results::Groups(rows.collect()));
        (answer, first.iter().map(|_| 0).collect(), first)
    }

    fn of_intervals(&self, draft: &ViewDraft, time: Option<usize>) -> Drawn {
        let (groups, measures) = self.roles(draft);
        let labels: Vec<String> = measures.iter().map(|(name, _)| name.clone()).collect();
        let start = |row: &Row| match time.and_then(|at| row.get(at)) {
            Some(Value::DateTime(start)) => Some(*start),
            _ => None,
        };
        let mut starts: Vec<Timestamp> = self.rows.iter().filter_map(start).collect();
        starts.sort_unstable();
        starts.dedup();
        let ranges = starts.iter().enumerate().filter_map(|(at, start)| {
            let next = starts.get(at + 1).copied();
            let next = next.or_else(|| start.checked_add(std::time::Duration::from_secs(60)));
            Some((*start, TimeRange::new(*start, next?).ok()?))
        });
        let ranges: Vec<(Timestamp, TimeRange)> = ranges.collect();
        let of = |wanted: Timestamp| {
            let rows = self.rows.iter();
            rows.filter(move |row| start(row) == Some(wanted))
        };
        if groups.is_empty() {
            let each = ranges.iter().map(|(start, range)| {
                let row = of(*start).next();
                (
                    *range,
                    row.map(|row| pick(row, &measures)).unwrap_or_default(),
                )
            });
            let answer = measured(labels, Results::Intervals(each.collect()));
            return (answer, (0..measures.len()).collect(), None);
        }
        let first = labels.first().cloned();
        let each = ranges.iter().map(|(start, range)| {
            let rows = of(*start).map(|row| group(row, &groups, &measures));
            (*range, rows.collect())
        });
        let answer = measured(labels, Results::GroupsOfIntervals(each.collect()));
        (answer, first.iter().map(|_| 0).collect(), first)
    }
}

/// What is drawn, the places of the results that are, and which they are.
type Drawn = (Answer, Vec<usize>, Option<String>);

fn measured(labels: Vec<String>, results: Results) -> Answer {
    Answer::Measured(Measured {
        groups: Vec::new(),
        labels: Some(labels),
        results,
    })
}

fn pick(row: &Row, measures: &[(String, usize)]) -> Vec<Value> {
    let values = measures.iter().map(|(_, at)| row.get(*at).cloned());
    values.map(|value| value.unwrap_or(Value::Null)).collect()
}

fn group(row: &Row, groups: &[usize], measures: &[(String, usize)]) -> GroupResult {
    let keys = groups.iter().map(|at| row.get(*at).cloned());
    GroupResult {
        keys: keys.map(|key| key.unwrap_or(Value::Null)).collect(),
        results: pick(row, measures),
    }
}

async fn drawn(
    readable: &Readable,
    parameters: &Parameters,
    state: &AppState,
) -> Result<String, ApiError> {
    let draft = &readable.view.draft;
    let request = request(draft, parameters)?;
    let data = read(readable, &request, state).await?;
    Ok(data.draw(draft, look_of(parameters), request.interval))
}

/// The chart of a view that is being built.
pub(in crate::console) async fn chart(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    let drawn = async {
        let readable = unsaved(&here, &parameters, &state)?;
        drawn(&readable, &parameters, &state).await
    };
    Ok(pictures::svg(drawn.await, &parameters))
}

/// The chart of a view.
pub(in crate::console) async fn chart_of_one(
    here: InProject,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let readable = Readable::here(&here)?;
    let as_key = AsKey::chosen(&here, &readable, &parameters, &state)?;
    let drawn = async {
        let seen = as_key.map(|key| key.readable(&readable)).transpose()?;
        drawn(seen.as_ref().unwrap_or(&readable), &parameters, &state).await
    };
    Ok(pictures::svg(drawn.await, &parameters))
}
