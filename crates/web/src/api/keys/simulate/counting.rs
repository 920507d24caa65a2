//! Numbers of rows in a simulation: each is a question of the caller's own.

use model::filters::Constraint;
use model::permit::{AskPool, ConstrainedQuery, Permit};
use model::value::{Object, Value};

use crate::api::whoami::count;
use crate::error::ApiError;
use crate::state::AppState;

/// Why a number is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// The caller may not ask the pool.
    NotAsked,
    /// The rows are chosen by what the caller does not see.
    Hidden,
    /// A stored question that reads several pools, or whose pool is gone.
    Several,
    /// Counting took longer than a question may.
    Late,
}

impl Untold {
    fn why(self) -> &'static str {
        match self {
            Self::NotAsked => {
                "the calling key may not query the pool, so it is not told how many rows another key sees"
            }
            Self::Hidden => {
                "the rows are chosen by what the calling key does not see, so it is not told how many they are"
            }
            Self::Several => {
                "the question reads several pools, or one that is gone, so no rows are counted for it"
            }
            Self::Late => "counting the rows took longer than a question may",
        }
    }
}

/// Numbers of rows of one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Those that the caller sees.
    pub(crate) among: u64,
    /// Those of them that the key sees.
    pub(crate) now: u64,
    /// After the change, gained by it, and lost.
    pub(crate) change: Option<(u64, Option<u64>, Option<u64>)>,
}

/// How many of the caller's rows, of which there are `among`, are among these before and after a
/// change; of one that is none, as they are.
///
/// # Errors
/// Those of the data plane.
pub(crate) async fn compared(
    permit: &Permit<AskPool>,
    state: &AppState,
    among: u64,
    [before, after]: [Option<&Constraint>; 2],
    is_change: bool,
) -> Result<Result<Counted, Untold>, ApiError> {
    let Some(now) = counted(permit, state, before).await? else {
        return Ok(Err(Untold::Hidden));
    };
    let told = |change| Counted { among, now, change };
    if !is_change || before == after {
        return Ok(Ok(told(is_change.then_some((now, Some(0), Some(0))))));
    }
    let Some(then) = counted(permit, state, after).await? else {
        return Ok(Err(Untold::Hidden));
    };
    // Both together, so that what is in neither is never looked for.
    let both = Constraint::union([before, after].into_iter().flatten().cloned());
    let both = counted(permit, state, both.as_ref()).await?;
    let beyond = |rows: u64| both.map(|both| both.saturating_sub(rows));
    Ok(Ok(told(Some((then, beyond(now), beyond(then))))))
}

/// How many of the caller's rows these are; `None` when it may not be told.
async fn counted(
    permit: &Permit<AskPool>,
    state: &AppState,
    rows: Option<&Constraint>,
) -> Result<Option<u64>, ApiError> {
    let Some(rows) = rows else {
        return Ok(Some(0));
    };
    match permit.count_among(rows) {
        Err(_) => Ok(None),
        Ok(question) => number(state, question).await.map(Some),
    }
}

/// The number of rows that a count answers.
///
/// # Errors
/// Those of the data plane.
pub(crate) async fn number(state: &AppState, question: ConstrainedQuery) -> Result<u64, ApiError> {
    let counted = count(state, question).await?;
    match counted {
        Value::Integer(number) => u64::try_from(number)
            .map_err(|_| ApiError::internal("a count of rows is no number of rows")),
        _ => Err(ApiError::internal("a count of rows is no number")),
    }
}

/// The members that say how many rows are seen, and what a change gives and takes of them.
pub(crate) fn with_rows(told: Object, rows: Result<Counted, Untold>, is_change: bool) -> Object {
    let known = rows.ok();
    let mut told = told.with("rows", known.map(|rows| rows.now));
    if is_change {
        let change = known.and_then(|rows| rows.change);
        told = told
            .with("rows_after", change.map(|(after, ..)| after))
            .with("rows_gained", change.and_then(|(_, gained, _)| gained))
            .with("rows_lost", change.and_then(|(.., lost)| lost));
    }
    match rows {
        Ok(_) => told,
        Err(reason) => told.with("reason", reason.why()),
    }
}
