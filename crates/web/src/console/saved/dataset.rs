//! One dataset: what it keeps, where it is read, and its end.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use model::analyses::AnswerText;
use model::datasets::Dataset;
use model::ids::DatasetId;
use model::json::WideIntegers;
use model::limits::DATASET_INDEX_FIELDS_MAX;
use model::people::Area;
use model::permit::{On, SeeDataset};
use model::saved_queries::WithPools;
use model::value::{Object, Value};

use super::{Delete, in_words};
use crate::analyses::written;
use crate::console::asking::EXTRACTED;
use crate::console::explore::form_of;
use crate::console::forms::{Fields, Sent, sentence};
use crate::console::frame::{Frame, Section, page, query, segment};
use crate::console::go_to;
use crate::console::keys;
use crate::console::shown::{Table, counted, pretty};
use crate::console::snippets::{self, Snippet};
use crate::console::visitor::InProject;
use crate::datasets::{self, Asked};
use crate::error::ApiError;
use crate::input::Parameters;
use crate::metering::LetIn;
use crate::state::AppState;

/// The values whose series is looked at, in the order of the index.
const VALUES: [&str; DATASET_INDEX_FIELDS_MAX] = ["value_1", "value_2", "value_3", "value_4"];
/// What was done a moment ago, and whose series is looked at.
pub(in crate::console) const PARAMETERS: &[&str] =
    &["done", VALUES[0], VALUES[1], VALUES[2], VALUES[3]];

#[derive(Template)]
#[template(path = "console/dataset.html")]
struct Page {
    frame: Frame,
    name: String,
    question: String,
    index_by: String,
    pretty: String,
    index: Vec<IndexField>,
    looked_at: Option<LookedAt>,
    action: String,
    explore: Option<String>,
    endpoint: String,
    snippets: Vec<Snippet>,
    key: Option<String>,
    delete: Option<String>,
    back: String,
    done: Option<&'static str>,
}

/// A field of the index, and the value of it that is looked at.
struct IndexField {
    name: &'static str,
    label: String,
    value: String,
}

/// A series, or why there is none.
#[derive(Default)]
struct LookedAt {
    table: Table,
    size: String,
    fault: Option<String>,
}

/// The dataset that the segment `id` of the path names.
fn found(here: &InProject) -> Result<WithPools<'_, Dataset>, ApiError> {
    let id = DatasetId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let mut datasets = here.definitions.datasets();
    let found = datasets.find(|dataset| dataset.item.id == id);
    here.access
        .permit::<SeeDataset>(On::Dataset(found.as_ref()))?;
    found.ok_or_else(ApiError::not_found)
}

fn below(here: &InProject, dataset: &Dataset, rest: &str) -> String {
    here.address(&format!("/datasets/{}{rest}", dataset.id))
}

/// The fields of the index with what is typed for them.
fn index_fields(dataset: &Dataset, parameters: &Parameters) -> Vec<IndexField> {
    let fields = dataset.draft.index_by.iter().zip(VALUES);
    let fields = fields.map(|(field, name)| IndexField {
        name,
        label: field.to_string(),
        value: parameters.get(name).unwrap_or_default().trim().to_owned(),
    });
    fields.collect()
}

/// What a text may stand for: itself, and a number or a truth.
fn candidates(text: &str) -> Vec<Value> {
    let read = model::json::parse(text.as_bytes()).ok();
    let read =
        read.filter(|value| value.as_number().is_some() || matches!(value, Value::Boolean(_)));
    std::iter::once(Value::from(text)).chain(read).collect()
}

/// The members of an object, behind those that are there already.
fn with_members(all: Object, more: &Value) -> Object {
    let members = more.as_object().into_iter().flat_map(Object::iter);
    members.fold(all, |all, (name, value)| all.with(name, value.clone()))
}

/// A result, or the groups of one, as rows.
fn results(of: &Object, value: &Value) -> Vec<Value> {
    match value {
        Value::Array(groups) => {
            let rows = groups.iter().map(|group| with_members(of.clone(), group));
            rows.map(Value::Object).collect()
        }
        Value::Object(_) => vec![Value::Object(with_members(of.clone(), value))],
        value => vec![Value::Object(of.clone().with("result", value.clone()))],
    }
}

/// The rows of an answer as the API writes it: one for each group of each interval.
fn flat(answer: &Value) -> Vec<Value> {
    let member = |value: &'_ Value, name: &str| value.as_object()?.get(name).cloned();
    let Some(result) = member(answer, "result") else {
        return Vec::new();
    };
    let intervals = result.as_array().unwrap_or_default();
    if intervals
        .iter()
        .all(|one| member(one, "timeframe").is_none())
    {
        return results(&Object::new(), &result);
    }
    let rows = intervals.iter().flat_map(|interval| {
        let frame = member(interval, "timeframe").unwrap_or(Value::Null);
        let edge = |name: &str| member(&frame, name).unwrap_or(Value::Null);
        let of = Object::new()
            .with("from", edge("start"))
            .with("to", edge("end"));
        let value = member(interval, "value").unwrap_or(Value::Null);
        results(&of, &value)
    });
    rows.collect()
}

/// The series of the values that were typed; `None` while there are none.
async fn looked_at(
    here: &InProject,
    found: &WithPools<'_, Dataset>,
    fields: &[IndexField],
    (let_in, state): (&LetIn, &AppState),
) -> Option<Result<LookedAt, ApiError>> {
    fields.iter().find(|field| !field.value.is_empty())?;
    let asked = Asked {
        grant: None,
        index: fields
            .iter()
            .map(|field| candidates(&field.value))
            .collect(),
        period: None,
        style: ("native", false),
    };
    let read = async {
        let zone = found.item.draft.query.source.calendar.zone.clone();
        let write = async |answer| -> Result<Bytes, ApiError> {
            let text = AnswerText::in_zone(zone.clone());
            Ok(written(answer, text, WideIntegers::Numbers, state)
                .await?
                .into())
        };
        let text =
            datasets::read(&here.access, Some(found), &asked, (let_in, state), write).await?;
        Ok::<Value, ApiError>(model::json::parse(&text)?)
    };
    let looked_at = match read.await {
        Ok(answer) => {
            let mut rows = flat(&answer);
            let size = counted(rows.len() as i128, "row", "rows");
            let is_all = rows.len() <= EXTRACTED;
            rows.truncate(EXTRACTED);
            LookedAt {
                size: match is_all {
                    true => size,
                    false => format!("{size}, the first {EXTRACTED} below"),
                },
                table: Table::of_trees(&rows),
                fault: None,
            }
        }
        Err(error) if error.problem().status().is_server_error() => return Some(Err(error)),
        Err(error) => LookedAt {
            fault: Some(sentence(error.problem().detail())),
            ..LookedAt::default()
        },
    };
    Some(Ok(looked_at))
}

/// A dataset.
pub(in crate::console) async fn read(
    here: InProject,
    let_in: LetIn,
    parameters: Parameters,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let found = found(&here)?;
    let index_by = index_fields(found.item, &parameters);
    let series = looked_at(&here, &found, &index_by, (&let_in, &state)).await;
    let series = series.transpose()?;
    let dataset = Arc::clone(found.item);
    let draft = &dataset.draft;
    let name = draft.name.to_string();
    let fields: Vec<&str> = draft.index_by.iter().map(|path| path.as_str()).collect();
    let index = fields.iter().map(|field| format!("\"{field}\":\"VALUE\""));
    let index: Vec<String> = index.collect();
    let index = segment(&format!("{{{}}}", index.join(",")));
    let results = format!("/results?index_by={index}");
    let endpoint = snippets::path("datasets", &name, &results);
    let shown = Page {
        frame: Frame::of(name.clone(), &here, Section::Saved),
        question: in_words(&draft.analysis()),
        index_by: fields.join(", "),
        pretty: pretty(&draft.to_value()),
        index: index_by,
        looked_at: series,
        action: below(&here, &dataset, ""),
        explore: here.may(Area::Definitions).then(|| {
            let question = draft.analysis().to_value();
            let fields = form_of(&here, &question);
            let fields = query(fields.iter().map(|(name, value)| (*name, value.as_str())));
            here.address(&format!("/explore?{fields}"))
        }),
        snippets: snippets::reading(&endpoint),
        endpoint,
        key: keys::address_for(&here, "read", &format!("dataset:{name}")),
        delete: here
            .may(Area::Definitions)
            .then(|| below(&here, &dataset, "/delete")),
        back: here.address("/saved"),
        done: parameters.get("done").map(|_| "The dataset is made."),
        name,
    };
    page(StatusCode::OK, &shown)
}

fn show_delete(here: &InProject, dataset: &Dataset, form: Fields) -> Result<Response, ApiError> {
    let name = dataset.draft.name.to_string();
    let shown = Delete {
        frame: Frame::of(format!("Delete {name}"), here, Section::Saved),
        kind: "dataset",
        action: below(here, dataset, "/delete"),
        back: below(here, dataset, ""),
        name,
        form,
    };
    shown.form.shown_in(&shown)
}

/// Asks before a dataset goes.
pub(in crate::console) async fn delete_form(here: InProject) -> Result<Response, ApiError> {
    here.require(Area::Definitions)?;
    show_delete(&here, found(&here)?.item, Fields::blank())
}

/// Deletes a dataset.
pub(in crate::console) async fn delete(
    State(state): State<AppState>,
    Sent(here, _): Sent<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let dataset = Arc::clone(found(&here)?.item);
    let control = &state.control;
    let deleted = control.delete_dataset(&caller.0, dataset.id, Some(dataset.revision));
    match deleted.await {
        Ok(()) => Ok(go_to(&here.address("/saved?done=deleted"))),
        Err(error) => show_delete(&here, &dataset, Fields::blank().refused(error)?),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{frame, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        name: text.to_owned(),
        question: text.to_owned(),
        index_by: text.to_owned(),
        pretty: text.to_owned(),
        index: vec![IndexField {
            name: VALUES[0],
            label: text.to_owned(),
            value: text.to_owned(),
        }],
        looked_at: Some(LookedAt {
            table: crate::console::shown::sample(text),
            size: text.to_owned(),
            fault: Some(text.to_owned()),
        }),
        action: place(),
        explore: Some(place()),
        endpoint: text.to_owned(),
        snippets: snippets::sample(text),
        key: Some(place()),
        delete: Some(place()),
        back: place(),
        done: Some(""),
    };
    vec![sample("dataset.html", &page)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(answer: &str) -> Vec<String> {
        let answer = model::json::parse(answer.as_bytes()).expect("JSON");
        flat(&answer).iter().map(model::json::to_text).collect()
    }

    #[test]
    fn each_group_of_each_interval_is_a_row() {
        let frame = r#""timeframe":{"start":"a","end":"b"}"#;
        let one = format!(r#"{{"result":[{{{frame},"value":3}}]}}"#);
        assert_eq!(rows(&one), [r#"{"from":"a","to":"b","result":3}"#]);
        let groups = format!(
            r#"{{"result":[{{{frame},"value":[{{"sku":"x","result":1}},{{"sku":"y","result":2}}]}}]}}"#
        );
        let expected = [
            r#"{"from":"a","to":"b","sku":"x","result":1}"#,
            r#"{"from":"a","to":"b","sku":"y","result":2}"#,
        ];
        assert_eq!(rows(&groups), expected);
        let several = format!(r#"{{"result":[{{{frame},"value":{{"n":1,"sum":2.5}}}}]}}"#);
        assert_eq!(rows(&several), [r#"{"from":"a","to":"b","n":1,"sum":2.5}"#]);
        assert_eq!(rows(r#"{"result":4}"#), [r#"{"result":4}"#]);
        let plain = r#"{"result":[{"sku":"x","result":1}]}"#;
        assert_eq!(rows(plain), [r#"{"sku":"x","result":1}"#]);
        assert_eq!(rows(r#"{"result":[]}"#), Vec::<String>::new());
    }
}
