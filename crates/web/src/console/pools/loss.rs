//! What a change of a pool destroys, said before it is saved.

use std::time::Duration;

use model::analyses::{Analysis, Answer, Results};
use model::pools::{Pool, PoolDraft};
use model::time::Timestamp;
use model::value::{Object, Value};
use sha2::{Digest, Sha256};

use super::one::filled;
use crate::console::asking::{FIELDS_MAX, ask};
use crate::console::forms::Form;
use crate::console::shown::counted;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;

const SECONDS_PER_DAY: u64 = 86_400;

/// What a change takes away for good.
pub(super) struct Loss {
    /// The fields that go, as they are called until now.
    fields: Vec<String>,
    /// For how many days records are kept from then on, when that is shorter than before.
    days: Option<u32>,
    /// Tells this very change, of the pool as it is now.
    seen: String,
}

impl Loss {
    /// What a change to this draft takes away; `None` for one that keeps everything.
    pub(super) fn of(pool: &Pool, draft: &PoolDraft) -> Option<Self> {
        let changes = draft.schema.changes_since(&pool.draft.schema);
        let dropped = changes.dropped.iter();
        let fields: Vec<String> = dropped.map(|f| f.path.as_str().to_owned()).collect();
        let before = pool.draft.retention_days;
        let is_shorter = |days: &u32| before.is_none_or(|before| *days < before);
        let days = draft.retention_days.filter(is_shorter);
        if fields.is_empty() && days.is_none() {
            return None;
        }
        Some(Self {
            seen: digest(pool, draft, &fields),
            fields,
            days,
        })
    }

    /// Whether the form agrees to it: it was sent by the page that said so. Enter agrees to
    /// nothing, it looks again.
    pub(super) fn is_agreed(&self, form: &Form) -> bool {
        form.text("do") != "look" && form.text("seen") == self.seen
    }

    /// What the page says of it: numbers of records that the person sees.
    pub(super) async fn told(&self, here: &InProject, pool: &Pool, state: &AppState) -> Told {
        let names = self.fields.iter().map(String::as_str);
        let names: Vec<&str> = names.take(FIELDS_MAX).collect();
        let mut counts = filled(here, pool, &names, state).await;
        counts.resize(self.fields.len(), None);
        let fields = self.fields.iter().zip(counts).map(|(name, count)| Gone {
            name: name.clone(),
            records: count.map(in_words),
        });
        Told {
            fields: fields.collect(),
            older: match self.days {
                Some(days) => Some(older(here, pool, days, state).await),
                None => None,
            },
            seen: self.seen.clone(),
        }
    }
}

/// The loss as a page says it.
pub(super) struct Told {
    pub(super) fields: Vec<Gone>,
    /// Records that are too old from then on.
    pub(super) older: Option<Older>,
    /// What agrees to it.
    pub(super) seen: String,
}

/// A field that goes.
pub(super) struct Gone {
    pub(super) name: String,
    /// How many records have a value in it; `None` when it is not counted.
    pub(super) records: Option<String>,
}

/// Records before a new border.
pub(super) struct Older {
    pub(super) days: String,
    /// How many there are; `None` when they are not counted.
    pub(super) records: Option<String>,
}

fn in_words(records: i128) -> String {
    counted(records, "record", "records")
}

async fn older(here: &InProject, pool: &Pool, days: u32, state: &AppState) -> Older {
    let kept = Duration::from_secs(u64::from(days) * SECONDS_PER_DAY);
    let records = match state.clock.now().checked_sub(kept) {
        Some(border) => before(here, pool, border, state).await,
        None => None,
    };
    Older {
        days: counted(i128::from(days), "day", "days"),
        records: records.map(in_words),
    }
}

/// How many visible records are of a time before this one; `None` where it is not counted now.
async fn before(
    here: &InProject,
    pool: &Pool,
    border: Timestamp,
    state: &AppState,
) -> Option<i128> {
    let condition = Object::new()
        .with("field", pool.time_field().as_str())
        .with("operator", "lt")
        .with("value", border.to_string());
    let question = Object::new()
        .with("analysis", "count")
        .with("pool", pool.draft.name.as_str())
        .with("filters", vec![condition]);
    let answered = async {
        let question = Analysis::parse(&Value::Object(question))?;
        ask(here, &question, state).await
    };
    let answered: Result<Answer, ApiError> = answered.await;
    match answered {
        Ok(Answer::Measured(measured)) => match measured.results {
            Results::Whole(results) => match results[..] {
                [Value::Integer(count)] => Some(count),
                _ => None,
            },
            _ => None,
        },
        Ok(_) => None,
        Err(error) => {
            // Busy, or broken: that is no reason against the change itself.
            let told = error.problem().detail();
            tracing::info!(told, "a number for a page was not answered");
            None
        }
    }
}

/// What a page told the loss of: this draft, of the pool as it is now. The fields that go are in
/// it beside the draft, which does not say which of two was renamed and which one went.
fn digest(pool: &Pool, draft: &PoolDraft, fields: &[String]) -> String {
    let draft = model::json::to_text(&draft.to_value());
    let fields = fields.join("\n");
    let digest = Sha256::digest(format!("{} {draft} {fields}", pool.revision));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
impl Told {
    pub(super) fn sample(text: &str) -> Self {
        let gone = |is_counted: bool| Gone {
            name: text.to_owned(),
            records: is_counted.then(|| text.to_owned()),
        };
        Self {
            fields: vec![gone(true), gone(false)],
            older: Some(Older {
                days: text.to_owned(),
                records: Some(text.to_owned()),
            }),
            seen: text.to_owned(),
        }
    }
}
