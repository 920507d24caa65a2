//! Running saved queries, for the native routes and for dialects.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use model::analyses::{Answer, Form};
use model::credits::DOCUMENT_COST;
use model::fault::Fault;
use model::grants::Action;
use model::ids::GrantId;
use model::limits::SAVED_ROWS_MAX;
use model::permit::{Access, ConstrainedAnalysis, Denied, On, Permit, ReadCached, RunSaved, Shown};
use model::saved_queries::{SavedQuery, WithPools};
use model::tickets::{Terms, Ticket};
use model::time::Timestamp;

use crate::error::ApiError;
use crate::kept::{self, KeptAnswer, ToKeep};
use crate::metering::LetIn;
use crate::plane::{DataPlane, PlaneError};
use crate::state::AppState;

/// What a saved query answered.
#[derive(Debug)]
pub(crate) enum Ran {
    /// Just now.
    Now(Answer),
    /// Some time ago, and kept since.
    Kept(Arc<KeptAnswer>),
}

impl Ran {
    /// The answer.
    pub(crate) fn into_answer(self) -> Arc<Answer> {
        match self {
            Self::Now(answer) => Arc::new(answer),
            Self::Kept(kept) => Arc::clone(&kept.answer),
        }
    }
}

/// A permit to ask a saved query, by the class that it is in.
#[derive(Debug)]
pub(crate) enum May {
    /// A saved query.
    Run(Permit<RunSaved>),
    /// A cached query, and for how long an answer of it is kept.
    Read(Permit<ReadCached>, Duration),
}

impl May {
    /// What the caller may do with a saved query; `None` stands for one that
    /// is not there.
    ///
    /// # Errors
    /// The same refusal for a query that is absent and one that no grant covers.
    pub(crate) fn of(
        access: &Access,
        saved: Option<&WithPools<'_, SavedQuery>>,
    ) -> Result<Self, Denied> {
        let cached = saved.and_then(|saved| saved.item.draft.refresh_rate);
        let may = match cached {
            None => access.permit(On::Saved(saved)).map(Self::Run),
            Some(rate) => access
                .permit(On::Cached(saved))
                .map(|permit| Self::Read(permit, rate)),
        };
        may.map_err(|_| refused(access))
    }

    /// Whether the question can be asked under this grant.
    ///
    /// # Errors
    /// A fault of the definitions, never of a row.
    pub(crate) fn check(&self, grant: Option<GrantId>, now: Timestamp) -> Result<(), Fault> {
        match self {
            Self::Run(permit) => permit.constrain(grant, now).map(drop),
            Self::Read(permit, _) => permit.constrain(grant, now).map(drop),
        }
    }

    /// A ticket for the query.
    ///
    /// # Errors
    /// As [`May::check`], and for a life that is too long.
    pub(crate) fn ticket(&self, terms: Terms, now: Timestamp) -> Result<Ticket, Fault> {
        match self {
            Self::Run(permit) => Ticket::to_run(permit, terms, now),
            Self::Read(permit, _) => Ticket::to_read(permit, terms, now),
        }
    }
}

/// The saved query's answer over the rows that the caller's grant on it says:
/// a kept one, when the query is a cached one and its answer still counts.
///
/// # Errors
/// [`ApiError`] as of every question: no grant, nothing there, a fault of the
/// definitions, a limit.
pub(crate) async fn run(
    access: &Access,
    saved: Option<&WithPools<'_, SavedQuery>>,
    grant: Option<GrantId>,
    let_in: &LetIn,
    state: &AppState,
) -> Result<Ran, ApiError> {
    ask(May::of(access, saved)?, grant, let_in, state).await
}

/// The same by a permit.
///
/// # Errors
/// As [`run`], without those of the permit.
pub(crate) async fn ask(
    may: May,
    grant: Option<GrantId>,
    let_in: &LetIn,
    state: &AppState,
) -> Result<Ran, ApiError> {
    // A kept answer costs what a fresh one does: which it is must not be told.
    let reserve = |access: &Access, asked: &ConstrainedAnalysis| {
        let_in.reserve_for(state, access, asked, DOCUMENT_COST)
    };
    let now = state.clock.now();
    let plane = &*state.plane;
    let (permit, rate) = match may {
        May::Run(permit) => {
            let asked = permit.constrain(grant, now)?;
            reserve(permit.access(), &asked)?;
            return Ok(Ran::Now(answer(asked, plane).await?));
        }
        May::Read(permit, rate) => (permit, rate),
    };
    let (asked, under) = permit.constrain(grant, now)?;
    reserve(permit.access(), &asked)?;
    if let Some(found) = state.kept.find(under, now, plane) {
        return Ok(Ran::Kept(found));
    }
    let to_keep = ToKeep {
        under,
        asked,
        asker: (permit, grant),
        rate,
        last_asked: now,
    };
    let kept = kept::ask_and_keep(to_keep, &state.kept, plane, &*state.clock).await?;
    Ok(Ran::Kept(kept))
}

/// The answer that a key is given to whom this is shown of the saved query, over the rows that the
/// caller sees, too. It is made now, and kept for nobody.
///
/// # Errors
/// As [`run`], and where the caller may not be told what the key is.
pub(crate) async fn seen_by(
    access: &Access,
    saved: &WithPools<'_, SavedQuery>,
    shown: &Shown,
    state: &AppState,
) -> Result<Answer, ApiError> {
    let now = state.clock.now();
    let asked = match May::of(access, Some(saved))? {
        May::Run(permit) => permit.seen_by(shown)?.constrain(None, now)?,
        May::Read(permit, _) => permit.seen_by(shown)?.constrain(None, now)?.0,
    };
    Ok(answer(asked, &*state.plane).await?)
}

/// How a saved query is refused that is absent, or that no grant covers: the
/// same for both classes, so that the refusal does not tell which it is in.
fn refused(access: &Access) -> Denied {
    let of_saved = access.permit::<RunSaved>(On::Saved(None)).err();
    let of_cached = access.permit::<ReadCached>(On::Cached(None)).err();
    match [of_saved, of_cached].contains(&Some(Denied::NotFound)) {
        true => Denied::NotFound,
        false => Denied::NoGrant(Action::Run),
    }
}

/// The answer to a constrained question of any kind, held in memory.
///
/// # Errors
/// What the data plane fails with, and more rows than [`SAVED_ROWS_MAX`].
pub(crate) async fn answer(
    asked: ConstrainedAnalysis,
    plane: &dyn DataPlane,
) -> Result<Answer, PlaneError> {
    if asked.parts().is_empty() {
        return Ok(asked.answer(Vec::new())?);
    }
    if !matches!(asked.form(), Form::Rows(_)) {
        return plane.analyse(asked).await;
    }
    let mut rows = Vec::new();
    let mut pieces = plane.query(asked.parts()[0].clone()).await?.rows;
    while let Some(piece) = pieces.try_next().await? {
        rows.extend(piece);
        if rows.len() > SAVED_ROWS_MAX {
            let limit = format!(
                "a saved extraction answers at most {SAVED_ROWS_MAX} rows; narrow it, or ask POST /v1/query for NDJSON"
            );
            return Err(PlaneError::LimitExceeded { limit });
        }
    }
    Ok(asked.answer(vec![rows])?)
}
