//! Saved questions: queries, those whose answers are kept, and datasets.

mod dataset;
mod one;
mod series;

pub(super) use dataset::{
    CHART_PARAMETERS as DATASET_CHART_PARAMETERS, PARAMETERS as DATASET_PARAMETERS,
    chart as dataset_chart, delete as delete_dataset, delete_form as delete_dataset_form,
    read as read_dataset,
};
pub(super) use one::{
    CHART_PARAMETERS, PARAMETERS as ONE_PARAMETERS, chart, delete, delete_form, read,
};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::analyses::Analysis;
use model::people::Area;
use model::permit::{ListDataset, On};
use model::saved_queries::{SavedQuery, WithPools};

use super::forms::Fields;
use super::frame::{Frame, Section, page};
use super::paging::{self, Ways};
use super::readers::Readers;
use super::shown::counted;
use super::times::Moment;
use super::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::saved::May;
use crate::state::AppState;

/// What was done a moment ago, and which page of the list.
pub(super) const PARAMETERS: &[&str] = &["done", "page"];

struct Line {
    name: String,
    href: String,
    /// What it asks, for whom definitions are.
    question: Option<String>,
    kind: &'static str,
    changed: Moment,
}

#[derive(Template)]
#[template(path = "console/saved.html")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    ways: Ways,
    explore: Option<String>,
    done: Option<&'static str>,
}

/// A question in few words.
pub(super) fn in_words(question: &Analysis) -> String {
    let pools = question.sources().into_iter();
    let mut pools: Vec<String> = pools.map(|source| source.pool.to_string()).collect();
    pools.dedup();
    let field = match question {
        Analysis::Aggregation(asked) => {
            let fields = asked
                .metrics
                .named()
                .filter_map(|(_, metric)| metric.field.as_ref());
            let fields: Vec<&str> = fields.map(model::names::FieldPath::as_str).collect();
            fields.join(", ")
        }
        Analysis::Extraction(_) | Analysis::Funnel(_) => String::new(),
    };
    let name = match (question.name(), field.is_empty()) {
        ("count", true) => "number of records".to_owned(),
        ("multi_analysis", false) => "several".to_owned(),
        ("multi_analysis", true) => "several numbers".to_owned(),
        (name, _) => name.replace('_', " "),
    };
    let of = if field.is_empty() {
        String::new()
    } else {
        format!(" of {field}")
    };
    format!("{name}{of} in {}", pools.join(", "))
}

/// For how long answers are kept.
fn kept_for(saved: &SavedQuery) -> Option<String> {
    let seconds = saved.draft.refresh_rate?.as_secs();
    Some(match seconds % 60 {
        0 => counted(i128::from(seconds / 60), "minute", "minutes"),
        _ => counted(i128::from(seconds), "second", "seconds"),
    })
}

/// What the person may do with a saved query.
fn may(here: &InProject, saved: &WithPools<'_, SavedQuery>) -> Result<May, ApiError> {
    Ok(May::of(&here.access, Some(saved))?)
}

/// The saved questions whose answers the person may read.
pub(super) async fn list(
    here: InProject,
    parameters: Parameters,
    State(_): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::ReadResults)?;
    let defines = here.may(Area::Definitions);
    let queries = here.definitions.saved_queries();
    let queries = queries.filter(|saved| may(&here, saved).is_ok());
    let queries = queries.map(|saved| {
        let saved = saved.item;
        Line {
            name: saved.draft.name.to_string(),
            href: here.address(&format!("/saved/{}", saved.id)),
            question: defines.then(|| in_words(&saved.draft.query)),
            kind: match saved.is_cached() {
                true => "cached query",
                false => "saved query",
            },
            changed: saved.changed_at.into(),
        }
    });
    let datasets = here.definitions.datasets();
    let may_list = |on: On<'_>| here.access.permit::<ListDataset>(on).is_ok();
    let datasets = datasets.filter(|dataset| may_list(On::Dataset(Some(dataset))));
    let datasets = datasets.map(|dataset| {
        let dataset = dataset.item;
        Line {
            name: dataset.draft.name.to_string(),
            href: here.address(&format!("/datasets/{}", dataset.id)),
            question: Some(in_words(&dataset.draft.analysis())),
            kind: "dataset",
            changed: dataset.created_at.into(),
        }
    });
    let all: Vec<Line> = queries.chain(datasets).collect();
    let paged = paging::page(all, (&here, "/saved"), &parameters);
    let shown = Page {
        frame: Frame::of("Saved", &here, Section::Saved),
        lines: paged.items,
        ways: paged.ways,
        explore: here
            .may(Area::ReadRecords)
            .then(|| here.address("/explore")),
        done: parameters
            .get("done")
            .map(|_| "It is gone. The records that it asked are where they were."),
    };
    page(StatusCode::OK, &shown)
}

#[derive(Template)]
#[template(path = "console/delete_saved.html")]
struct Delete {
    frame: Frame,
    form: Fields,
    name: String,
    kind: &'static str,
    /// What it asks now.
    asks: String,
    readers: Readers,
    action: String,
    back: String,
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<super::samples::Sample> {
    use super::frame::address;
    use super::samples::{form, frame, moment, sample};
    let place = || address(text, "/x");
    let line = Line {
        name: text.to_owned(),
        href: place(),
        question: Some(text.to_owned()),
        kind: "",
        changed: moment(text),
    };
    let list = Page {
        frame: frame(text),
        lines: vec![line],
        ways: paging::sample(text),
        explore: Some(place()),
        done: Some(""),
    };
    let delete = Delete {
        frame: frame(text),
        form: form(text, &["revision"]),
        name: text.to_owned(),
        kind: "",
        asks: text.to_owned(),
        readers: Readers::sample(text),
        action: place(),
        back: place(),
    };
    let mut all = vec![
        sample("saved.html", &list),
        sample("delete_saved.html", &delete),
    ];
    all.extend(one::sample(text));
    all.extend(dataset::sample(text));
    all
}
