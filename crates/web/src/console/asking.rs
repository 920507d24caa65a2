//! Questions that pages ask: each by a permit of the person, as the calls under
//! `/v1` ask them, so that no number and no row is of what the role does not show.

use std::sync::Arc;

use control::UsageAsked;
use futures::{StreamExt, stream};
use model::analyses::{Analysis, Answer, Results, Selection};
use model::ids::PoolId;
use model::people::Area;
use model::permit::{AskPool, On, SeeSchema};
use model::pools::Pool;
use model::value::{Object, Value};
use model::views::Delivery;

use super::forms::is_broken;
use super::shown::{self, grouped};
use super::times::Moment;
use super::visitor::InProject;
use crate::analyses;
use crate::error::ApiError;
use crate::saved;
use crate::state::AppState;
use crate::storage;

/// Questions that one page asks at the same time.
const AT_ONCE: usize = 4;

/// Records that a page takes of an extraction, and of which it knows one more.
pub(super) const EXTRACTED: usize = 200;

/// The same question for no more records than a page takes.
fn capped(question: &Analysis) -> Analysis {
    let most = EXTRACTED as u64 + 1;
    let mut question = question.clone();
    if let Analysis::Extraction(extraction) = &mut question {
        match &mut extraction.selection {
            Selection::Latest(count) => *count = (*count).min(most),
            Selection::Ordered { limit, .. } => *limit = Some(limit.unwrap_or(most).min(most)),
        }
    }
    question
}

/// The answer to a question, over the rows that the person's role shows.
///
/// # Errors
/// As of every question: no grant, nothing there, a fault of the question, a limit.
pub(super) async fn ask(
    here: &InProject,
    question: &Analysis,
    state: &AppState,
) -> Result<Answer, ApiError> {
    let now = state.clock.now();
    let asked = analyses::constrain(
        &here.access,
        &here.definitions,
        &capped(question),
        Delivery::Stream,
        now,
    )?;
    Ok(saved::answer(asked, &*state.plane).await?)
}

/// The results of functions over all visible rows of a pool, in the order of
/// the questions; `None` where they cannot be had now.
pub(super) async fn functions(
    here: &InProject,
    pool: &Pool,
    asked: &[(String, Object)],
    state: &AppState,
) -> Option<Vec<Value>> {
    let analyses = asked.iter().fold(Object::new(), |all, (label, function)| {
        all.with(label.as_str(), function.clone())
    });
    let question = Object::new()
        .with("analysis", "multi_analysis")
        .with("pool", pool.draft.name.as_str())
        .with("analyses", analyses);
    let answered = async {
        let question = Analysis::parse(&Value::Object(question))?;
        ask(here, &question, state).await
    };
    match answered.await {
        Ok(Answer::Measured(measured)) => match measured.results {
            Results::Whole(results) => Some(results),
            _ => None,
        },
        Ok(_) => None,
        Err(error) => {
            let told = error.problem().detail();
            tracing::info!(told, "a number for a page was not answered");
            None
        }
    }
}

/// What can be told of a pool to somebody.
pub(super) struct Numbers {
    /// The records that they see; `None` when it is not known now.
    pub(super) records: Option<i128>,
    /// When the newest of them came.
    pub(super) last: Option<Moment>,
    /// What it takes, for whom all of its rows are shown.
    pub(super) bytes: Option<u64>,
}

impl Numbers {
    /// Of one pool.
    pub(super) async fn of(here: &InProject, pool: &Arc<Pool>, state: &AppState) -> Self {
        let function = |name: &str| Object::new().with("analysis", name);
        let asked = [
            ("records".to_owned(), function("count")),
            (
                "last".to_owned(),
                function("maximum").with("field", model::names::INGESTED_AT),
            ),
        ];
        let results = functions(here, pool, &asked, state).await;
        let mut results = results.unwrap_or_default().into_iter();
        let records = match results.next() {
            Some(Value::Integer(records)) => Some(records),
            _ => None,
        };
        let last = match results.next() {
            Some(Value::DateTime(last)) => Some(Moment::from(last)),
            _ => None,
        };
        Self {
            records,
            last,
            bytes: storage::seen(state, &here.access, pool),
        }
    }

    /// Of all these pools, asked for at the same time.
    pub(super) async fn of_all(
        here: &InProject,
        pools: &[Arc<Pool>],
        state: &AppState,
    ) -> Vec<Self> {
        let each = stream::iter(pools.to_vec());
        let each = each.map(async |pool| Self::of(here, &pool, state).await);
        each.buffered(AT_ONCE).collect().await
    }

    /// How many records, in words.
    pub(super) fn records(&self) -> String {
        self.records
            .map_or_else(|| "not known now".to_owned(), grouped)
    }

    /// How much it takes, in words; empty where that is not told.
    pub(super) fn size(&self) -> String {
        self.bytes.map_or_else(String::new, shown::bytes)
    }
}

/// The project's own pools that the person may ask, oldest first.
pub(super) fn pools(here: &InProject) -> Vec<Arc<Pool>> {
    let own = here.definitions.pools().filter(|pool| !pool.is_usage());
    let may = |pool: &&Arc<Pool>| here.access.permit::<AskPool>(On::Pool(Some(pool))).is_ok();
    own.filter(may).cloned().collect()
}

/// The pool that the segment `id` of the path names.
///
/// # Errors
/// [`ApiError::not_found`], also for one that the person may not ask.
pub(super) fn pool_here(here: &InProject) -> Result<Arc<Pool>, ApiError> {
    let id = PoolId::parse(here.segment("id")).map_err(|_| ApiError::not_found())?;
    let mut pools = pools(here).into_iter();
    pools
        .find(|pool| pool.id == id)
        .ok_or_else(ApiError::not_found)
}

/// Brings what keys did up to now to the pool that tells it, for whom it is told.
///
/// # Errors
/// The database failed.
pub(super) async fn bring_usage(here: &InProject, state: &AppState) -> Result<(), ApiError> {
    if !here.access.sees_usage() {
        return Ok(());
    }
    let caller = here.caller(Area::Keys)?;
    let today = state.clock.now().date().as_days();
    // Asking for it writes down what was counted in memory alone.
    let asked = UsageAsked {
        from: today,
        to: today,
        key: None,
        limit: 1,
    };
    state.control.usage(&caller.0, asked).await?;
    crate::usage::publish_of(state, here.access.project()).await;
    Ok(())
}

/// A field that somebody sees.
pub(super) struct SeenField {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) is_declared: bool,
    pub(super) is_required: bool,
}

/// Fields that a page shows or proposes.
pub(super) const FIELDS_MAX: usize = 200;

/// The fields of a pool that the person sees, over the rows that they see.
///
/// # Errors
/// As of every question.
pub(super) async fn fields(
    here: &InProject,
    pool: &Arc<Pool>,
    state: &AppState,
) -> Result<Vec<SeenField>, ApiError> {
    let permit = here.access.permit::<SeeSchema>(On::Pool(Some(pool)))?;
    let seen = state.plane.schema(permit.constrain(None)?).await?;
    let fields = seen.into_iter().map(|field| {
        let (type_name, is_declared) = match &field.seen {
            model::answers::SeenType::Declared(known) => (known.to_string(), true),
            model::answers::SeenType::Mixed(kinds) => (kinds.join(", "), false),
        };
        SeenField {
            name: field.path.as_str().to_owned(),
            type_name,
            is_declared,
            is_required: field.required,
        }
    });
    Ok(fields.collect())
}

/// The names of those fields, to choose from; none where they cannot be had now,
/// and they are typed all the same.
///
/// # Errors
/// As of every question, but for those that pass.
pub(super) async fn names(
    here: &InProject,
    pool: &Arc<Pool>,
    state: &AppState,
) -> Result<Vec<String>, ApiError> {
    match fields(here, pool, state).await {
        Ok(seen) => Ok(seen.into_iter().map(|field| field.name).collect()),
        Err(error) if error.problem().code().is_ours() && !is_broken(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
