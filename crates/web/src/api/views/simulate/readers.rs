//! The keys that read a view, and how many rows each of them sees.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use control::Definitions;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::filters::Constraint;
use model::ids::{KeyId, ViewId};
use model::keys::{KeyRecord, KeyStatus};
use model::limits::{SIMULATED_KEYS_MAX, SIMULATION_SECONDS_MAX};
use model::names::FieldPath;
use model::permit::{Access, AskPool, On, Permit, Shown};
use model::pools::Pool;
use model::time::Timestamp;
use model::value::Object;
use model::views::ViewFieldRole;

use crate::api::keys::{Counted, Untold, compared, number, shown_by, with_fields, with_rows};
use crate::error::{ApiError, Code};
use crate::state::AppState;

/// Keys whose rows are counted at the same time.
const ASKED_AT_ONCE: usize = 2;
/// After how long no further key is begun with.
const TIME_MAX: Duration = Duration::from_secs(SIMULATION_SECONDS_MAX);

/// Which keys are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Every one that reads the view.
    All,
    /// Those for which something changes.
    Changed,
}

/// Why not all keys were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There are more than one simulation counts.
    Keys,
    /// It took too long.
    Time,
}

/// One key that reads the view, before or after the change.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Names the key.
    pub(crate) id: KeyId,
    /// Its name.
    pub(crate) name: String,
    status: KeyStatus,
    /// How many of the caller's rows it sees of the view, or why that is not told.
    pub(crate) rows: Result<Counted, Untold>,
    /// What the view answers it, and what the change gives and takes of that.
    pub(crate) fields: [Vec<String>; 3],
}

/// The keys that read the view: those for which something changes first, of
/// them the one that came last.
#[derive(Debug)]
pub(crate) struct Readers {
    /// Those that were counted.
    pub(crate) told: Vec<Reader>,
    /// How many were not to be counted, since nothing changes for them.
    pub(crate) same: usize,
    /// How many more there are.
    pub(crate) left: usize,
    /// Why those were not counted.
    pub(crate) stopped: Option<Stopped>,
    /// Whether nothing changes for any of them, by definition.
    pub(super) is_same: bool,
}

impl Reader {
    pub(super) fn to_object(&self, is_change: bool) -> Object {
        let told = Object::new()
            .with("id", self.id.to_string())
            .with("name", self.name.as_str())
            .with("status", self.status.name());
        let told = with_rows(told, self.rows, is_change);
        with_fields(told, &self.fields, is_change)
    }
}

/// A name in answers, and what it is.
pub(super) type Exposed<'v> = (&'v FieldPath, Option<&'v ViewFieldRole>);

/// The names before a change, and those that it gives and takes. One that means something else
/// afterwards is both.
pub(super) fn compare<'v>([before, after]: [&[Exposed<'v>]; 2]) -> [Vec<String>; 3] {
    let names = |of: &[Exposed<'v>], without: &[Exposed<'v>]| -> Vec<String> {
        let named = of.iter().filter(|field| !without.contains(field));
        named.map(|(name, _)| name.as_str().to_owned()).collect()
    };
    if before == after {
        return [names(before, &[]), Vec::new(), Vec::new()];
    }
    [
        names(before, &[]),
        names(after, before),
        names(before, after),
    ]
}

/// Whether a change neither gives nor takes fields.
pub(super) fn stays([_, gained, lost]: &[Vec<String>; 3]) -> bool {
    gained.is_empty() && lost.is_empty()
}

/// What a key sees of the view before the change, and after it.
pub(super) struct Sight {
    key: Arc<KeyRecord>,
    shown: [Option<Shown>; 2],
    fields: [Vec<String>; 3],
    /// Whether it is answered the same fields of the same rows, by definition.
    is_same: bool,
}

/// The keys that the caller may know and that read the view before or after, in the order in
/// which they are counted.
pub(super) fn sights(
    access: &Access,
    state: &AppState,
    [before, after]: [&Definitions; 2],
    view: ViewId,
) -> Vec<Sight> {
    let now = state.clock.now();
    let sight = |of: &Definitions, key: &Arc<KeyRecord>| {
        let in_force = of.in_force(key);
        shown_by(key, in_force.grants(), On::View(of.view_by_id(view)), now)
    };
    let known = before.keys().filter(|key| access.knows(key));
    let sights = known.filter_map(|key| {
        let shown = [sight(before, key), sight(after, after.key(key.id())?)];
        if shown.iter().all(Option::is_none) {
            return None;
        }
        let fields = compare([
            &exposed(before, view, shown[0].as_ref()),
            &exposed(after, view, shown[1].as_ref()),
        ]);
        let rows = [&shown[0], &shown[1]].map(|shown| shown.as_ref().map(Shown::rows));
        Some(Sight {
            key: Arc::clone(key),
            is_same: rows[0] == rows[1] && stays(&fields),
            fields,
            shown,
        })
    });
    let mut sights: Vec<Sight> = sights.collect();
    sights.sort_by_cached_key(|sight| {
        let id = sight.key.id();
        (sight.is_same, Reverse(state.control.last_used(id)), id)
    });
    sights
}

/// What the view answers to whom this is shown of it.
fn exposed<'v>(of: &'v Definitions, view: ViewId, shown: Option<&Shown>) -> Vec<Exposed<'v>> {
    match of.view_by_id(view).zip(shown) {
        Some(((view, pool), shown)) => shown.answered(&view.draft, pool),
        None => Vec::new(),
    }
}

/// Who asks for numbers of rows, and since when.
pub(super) struct Asking<'a> {
    state: &'a AppState,
    begun: Timestamp,
    /// What lets the caller ask the view's pool, and how many rows that shows; or why no number
    /// is told.
    may: Result<(Permit<AskPool>, u64), Untold>,
    is_change: bool,
    whom: Whom,
    /// Whether a count took longer than a question may.
    is_late: AtomicBool,
}

/// What was counted, unless that took longer than a question may.
fn in_time<T>(counted: Result<T, ApiError>) -> Result<Result<T, Untold>, ApiError> {
    match counted {
        Err(error) if error.problem().code() == Code::DeadlineExceeded => Ok(Err(Untold::Late)),
        counted => counted.map(Ok),
    }
}

impl<'a> Asking<'a> {
    /// Asks how many rows of the pool there are for the caller.
    ///
    /// # Errors
    /// Those of the data plane.
    pub(super) async fn of(
        access: &Access,
        state: &'a AppState,
        pool: &Arc<Pool>,
        (is_change, whom): (bool, Whom),
    ) -> Result<Self, ApiError> {
        let begun = state.clock.now();
        let may = match access.permit::<AskPool>(On::Pool(Some(pool))) {
            Ok(permit) => {
                let among = number(state, permit.count()).await;
                in_time(among)?.map(|among| (permit, among))
            }
            Err(_) => Err(Untold::NotAsked),
        };
        let is_late = AtomicBool::new(matches!(may, Err(Untold::Late)));
        Ok(Self {
            state,
            begun,
            may,
            is_change,
            whom,
            is_late,
        })
    }

    /// How many of them are among these before and after the change.
    ///
    /// # Errors
    /// Those of the data plane.
    pub(super) async fn rows(
        &self,
        rows: [Option<&Constraint>; 2],
    ) -> Result<Result<Counted, Untold>, ApiError> {
        let (permit, among) = match &self.may {
            Ok((permit, among)) => (permit, *among),
            Err(why) => return Ok(Err(*why)),
        };
        let counted = compared(permit, self.state, among, rows, self.is_change).await;
        let counted = in_time(counted)?.unwrap_or_else(Err);
        if matches!(counted, Err(Untold::Late)) {
            self.is_late.store(true, Ordering::Relaxed);
        }
        Ok(counted)
    }

    /// Counts for one key after the other, as far as keys and time go.
    ///
    /// # Errors
    /// Those of the data plane.
    pub(super) async fn readers(&self, mut sights: Vec<Sight>) -> Result<Readers, ApiError> {
        let all = sights.len();
        let is_same = sights.iter().all(|sight| sight.is_same);
        if self.whom == Whom::Changed {
            sights.retain(|sight| !sight.is_same);
        }
        let found = sights.len();
        let told: Vec<Option<Reader>> = stream::iter(sights.into_iter().take(SIMULATED_KEYS_MAX))
            .map(|sight| self.reader(sight))
            .buffered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        let begun = told.len();
        let told: Vec<Reader> = told.into_iter().flatten().collect();
        let stopped = match (told.len() < begun, begun < found) {
            (true, _) => Some(Stopped::Time),
            (false, true) => Some(Stopped::Keys),
            (false, false) => None,
        };
        Ok(Readers {
            same: all - found,
            left: found - told.len(),
            told,
            stopped,
            is_same,
        })
    }

    /// What one key sees; `None` when it is too late for that.
    async fn reader(&self, sight: Sight) -> Result<Option<Reader>, ApiError> {
        let now = self.state.clock.now();
        if self.is_late.load(Ordering::Relaxed) || now.since(self.begun) >= TIME_MAX {
            return Ok(None);
        }
        let [before, after] = &sight.shown;
        let rows = [before, after].map(|shown| shown.as_ref().map(Shown::rows));
        let rows = self.rows(rows).await?;
        if matches!(rows, Err(Untold::Late)) {
            return Ok(None);
        }
        Ok(Some(Reader {
            id: sight.key.id(),
            name: sight.key.draft().name.clone(),
            status: sight.key.status(now),
            rows,
            fields: sight.fields,
        }))
    }
}
