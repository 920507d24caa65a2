//! Answers of cached queries, kept for as long as each query says.
//!
//! An answer is found by what it was asked over: the stored question as it is
//! defined now, its pools as they are defined now, and the rows and fields
//! that the asker sees ([`KeptUnder`]). It counts no longer once something was
//! taken away from a pool that it was read from. Why there is one answer for
//! each constraint and not one that is cut into parts: `docs/adr/019-kept-answers.md`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::analyses::Answer;
use model::answers::PoolVersion;
use model::filters::Constraint;
use model::ids::GrantId;
use model::limits::KEPT_BYTES_MAX;
use model::permit::{ConstrainedAnalysis, KeptUnder, On, Permit, ReadCached, Upkeep};
use model::pools::Pool;
use model::time::Timestamp;

use crate::plane::{DataPlane, PlaneError};
use crate::state::AppState;

/// An answer with when and over what it was made.
#[derive(Debug)]
pub(crate) struct KeptAnswer {
    /// The answer.
    pub(crate) answer: Arc<Answer>,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    sources: Vec<Source>,
    bytes: usize,
    /// For how long it is kept.
    rate: Duration,
    /// Who asked for it last, to ask again for.
    asker: (Permit<ReadCached>, Option<GrantId>),
    last_asked: AtomicI64,
}

/// What an answer was read from.
#[derive(Debug)]
struct Source {
    pool: Arc<Pool>,
    version: PoolVersion,
    /// Of the pool's rows, those that it is about.
    rows: Constraint,
}

/// The kept answers of all projects.
#[derive(Debug, Default)]
pub(crate) struct KeptAnswers {
    answers: Mutex<Held>,
    served: AtomicU64,
    made: AtomicU64,
    #[cfg(test)]
    pub(crate) mutant: mutant::Mutant,
}

#[derive(Debug, Default)]
struct Held {
    answers: HashMap<KeptUnder, Arc<KeptAnswer>>,
    bytes: usize,
}

/// An answer that nobody asked for in so many of its refresh times is forgotten.
const IDLE_REFRESHES: u32 = 8;
/// About how many bytes an answer takes besides its values: who asked, of what.
const ENTRY_BYTES: usize = 2_048;

impl Held {
    fn insert(&mut self, under: KeptUnder, kept: Arc<KeptAnswer>) {
        self.remove(&under);
        self.bytes += kept.bytes;
        self.answers.insert(under, kept);
    }

    fn remove(&mut self, under: &KeptUnder) {
        if let Some(kept) = self.answers.remove(under) {
            self.bytes -= kept.bytes;
        }
    }

    /// Forgets the answers that nobody asked for the longest time, when there
    /// are more than `max` bytes, until an eighth of that is free.
    fn fit(&mut self, max: usize) {
        if self.bytes <= max {
            return;
        }
        let answers = self.answers.iter();
        let mut oldest: Vec<_> = answers
            .map(|(under, kept)| (kept.last_asked(), *under))
            .collect();
        oldest.sort_unstable_by_key(|(asked, _)| *asked);
        for (_, under) in oldest {
            if self.bytes <= max - max / 8 {
                return;
            }
            self.remove(&under);
        }
    }
}

impl KeptAnswers {
    /// The answer, when one is kept and still counts.
    pub(crate) fn find(
        &self,
        under: KeptUnder,
        now: Timestamp,
        plane: &dyn DataPlane,
    ) -> Option<Arc<KeptAnswer>> {
        #[cfg(test)]
        let under = self.mutant.confused(under);
        let kept = self.lock().answers.get(&under).cloned()?;
        if !kept.counts(now, plane) {
            return None;
        }
        kept.last_asked
            .fetch_max(now.as_microsecond(), Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed);
        Some(kept)
    }

    fn keep(&self, under: KeptUnder, kept: Arc<KeptAnswer>) {
        #[cfg(test)]
        let under = self.mutant.confused(under);
        self.made.fetch_add(1, Ordering::Relaxed);
        let mut held = self.lock();
        held.insert(under, kept);
        held.fit(KEPT_BYTES_MAX);
    }

    /// Forgets what nobody asks for any more; answers what is due to be asked again.
    fn due(&self, now: Timestamp) -> Vec<(KeptUnder, Arc<KeptAnswer>)> {
        let mut held = self.lock();
        let idle: Vec<KeptUnder> = held
            .answers
            .iter()
            .filter(|(_, kept)| kept.is_idle(now))
            .map(|(under, _)| *under)
            .collect();
        for under in idle {
            held.remove(&under);
        }
        let due = held.answers.iter().filter(|(_, kept)| kept.is_due(now));
        due.map(|(under, kept)| (*under, Arc::clone(kept)))
            .collect()
    }

    fn forget(&self, under: KeptUnder) {
        self.lock().remove(&under);
    }

    /// How many answers were given from memory, and how many were made.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (of(&self.served), of(&self.made))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptAnswer {
    fn is_due(&self, now: Timestamp) -> bool {
        self.at.checked_add(self.rate).is_none_or(|end| end <= now)
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        let end = self.last_asked().checked_add(self.rate * IDLE_REFRESHES);
        end.is_none_or(|end| end <= now)
    }

    /// Whether it is young enough, and nothing was taken away since that it may
    /// be about. One from later than now is none: the clock was set back.
    fn counts(&self, now: Timestamp, plane: &dyn DataPlane) -> bool {
        self.at <= now
            && !self.is_due(now)
            && self.sources.iter().all(|of| {
                let ours = Permit::<Upkeep>::ours();
                !plane.took_away(&ours, &of.pool, of.version, &of.rows)
            })
    }

    /// For how long it is kept.
    pub(crate) fn rate(&self) -> Duration {
        self.rate
    }

    fn last_asked(&self) -> Timestamp {
        let last = self.last_asked.load(Ordering::Relaxed);
        Timestamp::from_microsecond(last).unwrap_or(self.at)
    }
}

/// What is needed to ask for an answer that is kept afterwards.
#[derive(Debug)]
pub(crate) struct ToKeep {
    pub(crate) under: KeptUnder,
    pub(crate) asked: ConstrainedAnalysis,
    pub(crate) asker: (Permit<ReadCached>, Option<GrantId>),
    pub(crate) rate: Duration,
    /// When somebody asked for it last: a refresh is no asker.
    pub(crate) last_asked: Timestamp,
}

/// Asks, and keeps the answer. `clock` says when it began and when it was there.
///
/// # Errors
/// What the data plane fails with; nothing is kept then.
pub(crate) async fn ask_and_keep(
    to_keep: ToKeep,
    kept: &KeptAnswers,
    plane: &dyn DataPlane,
    clock: &dyn model::time::Clock,
) -> Result<Arc<KeptAnswer>, PlaneError> {
    let ToKeep {
        under,
        asked,
        asker,
        rate,
        last_asked,
    } = to_keep;
    let at = clock.now();
    // The versions are taken before the question is asked: what changes from
    // here on may or may not be in the answer, and counts as changed after it.
    let sources = asked.parts().iter().map(|part| {
        let pool = Arc::clone(part.pool());
        let touched = plane.touched(&Permit::<Upkeep>::ours(), &pool, None);
        Source {
            pool,
            version: touched.version,
            rows: part.rows().clone(),
        }
    });
    let sources: Vec<Source> = sources.collect();
    // A list of values may be long; about as long as it is in words.
    let words = sources.iter().map(|of| format!("{:?}", of.rows).len());
    let words = words.sum::<usize>();
    let answer = crate::saved::answer(asked, plane).await?;
    let answer = Arc::new(KeptAnswer {
        bytes: ENTRY_BYTES + words + answer.bytes(),
        answer: Arc::new(answer),
        at,
        took: clock.now().since(at),
        sources,
        rate,
        asker,
        last_asked: AtomicI64::new(last_asked.as_microsecond()),
    });
    kept.keep(under, Arc::clone(&answer));
    Ok(answer)
}

/// Asks again for what is due, for as long as the key that asked last may
/// still ask it. One at a time: it stands behind those who wait for an answer.
pub async fn refresh(state: &AppState) {
    // A server that nobody asks anything need not write how late it is.
    if state.kept.lock().answers.is_empty() {
        return;
    }
    let now = state.clock.now();
    for (under, before) in state.kept.due(now) {
        let (permit, grant) = &before.asker;
        let again = again(permit, state).and_then(|permit| {
            let (asked, now_under) = permit.constrain(*grant, now).ok()?;
            (now_under == under).then_some((permit, asked))
        });
        let Some((permit, asked)) = again else {
            state.kept.forget(under);
            continue;
        };
        let to_keep = ToKeep {
            under,
            asked,
            asker: (permit, *grant),
            rate: before.rate,
            last_asked: before.last_asked(),
        };
        let plane = &*state.plane;
        let made = ask_and_keep(to_keep, &state.kept, plane, &*state.clock).await;
        if let Err(error) = made {
            tracing::warn!(%error, "a cached query could not be refreshed");
        }
    }
}

/// The same permit by what is defined now; `None` when the key would not get it any more.
fn again(permit: &Permit<ReadCached>, state: &AppState) -> Option<Permit<ReadCached>> {
    let access = permit.access();
    let definitions = state.control.definitions(access.project());
    let saved = definitions.saved_query_by_id(permit.saved_query().id)?;
    let permit = access.permit(On::Cached(Some(&saved))).ok()?;
    let is_current = state.control.is_current(access);
    #[cfg(test)]
    let is_current = is_current || state.kept.mutant.trusts_every_key();
    is_current.then_some(permit)
}

#[cfg(test)]
pub(crate) mod mutant;
#[cfg(test)]
mod tests;
