//! The cells of datasets: the groups of each interval of a series, kept for
//! each constraint and index that is read, and made anew only where records
//! came in.
//!
//! A cell is found by the dataset as it is defined now, its pool as it is
//! defined now, the rows and fields that the reader sees, and the index
//! ([`KeptUnder`]). Why so: `docs/adr/019-kept-answers.md`.

mod counts;

pub(crate) use counts::CellCounts;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use counts::Counters;
use futures::TryStreamExt;
use model::analyses::{Answer, Grouped};
use model::answers::{PoolVersion, TouchedRecords};
use model::ids::DatasetId;
use model::limits::{CELLS_BYTES_MAX, DATASET_SECONDS_BEHIND_MAX};
use model::permit::{ConstrainedAnalysis, KeptUnder, Permit, Upkeep};
use model::pools::Pool;
use model::time::{Buckets, TimeRange, Timestamp};
use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::plane::{DataPlane, PlaneError};

/// The kept cells of all datasets of all projects.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    series: Lock<HashMap<KeptUnder, Arc<Series>>>,
    counters: Arc<Counters>,
    #[cfg(test)]
    pub(crate) mutant: crate::kept::mutant::Mutant,
}

/// The cells of one dataset, constraint and index. Readers of the same wait
/// for each other while cells are made, so that each is made once.
#[derive(Debug, Default)]
pub(crate) struct Series {
    held: Mutex<Held>,
    counters: Arc<Counters>,
    bytes: AtomicUsize,
    /// Whether it takes more memory than when all cells were made to fit.
    grew: AtomicBool,
    last_read: AtomicI64,
}

/// About how many bytes cells take besides their groups and texts.
const SERIES_BYTES: usize = 1_024;

/// Texts of answers that are kept with the cells that they were made of.
const TEXTS_MAX: usize = 8;

#[derive(Debug, Default)]
struct Held {
    /// By the starts of their intervals.
    cells: BTreeMap<Timestamp, Cell>,
    /// What of the pool they were made of, and when that was looked at last.
    version: Option<(PoolVersion, Timestamp)>,
    texts: HashMap<TextKey, Bytes>,
    /// How many cells were made.
    #[cfg(test)]
    made: usize,
}

/// The text of an answer: which intervals, and how it is written.
pub(crate) type TextKey = (TimeRange, &'static str, bool);

#[derive(Debug)]
struct Cell {
    /// The part of the interval that lies in the dataset's range.
    part: TimeRange,
    groups: Vec<Grouped>,
}

/// What makes the cells of a stretch of time.
pub(crate) type Ask<'a> =
    dyn Fn(TimeRange) -> Result<ConstrainedAnalysis, ApiError> + Send + Sync + 'a;

impl Cells {
    /// The cells under this; made when there are none.
    pub(crate) fn series(&self, under: KeptUnder, now: Timestamp) -> Arc<Series> {
        #[cfg(test)]
        let under = self.mutant.confused(under);
        let mut all = self.lock();
        let known = all.len();
        let made = || {
            Arc::new(Series {
                counters: Arc::clone(&self.counters),
                ..Series::default()
            })
        };
        let series = Arc::clone(all.entry(under).or_insert_with(made));
        let now = now.as_microsecond();
        series.last_read.fetch_max(now, Ordering::Relaxed);
        if all.len() > known {
            self.make_room(&mut all);
        }
        series
    }

    /// Forgets all cells of a dataset, which was changed or deleted: nobody
    /// finds them any more.
    pub(crate) fn forget(&self, dataset: DatasetId) {
        self.lock().retain(|under, _| !under.is_of(dataset));
    }

    /// What metrics tell.
    pub(crate) fn counts(&self) -> CellCounts {
        let bytes: usize = self.lock().values().map(|series| series.size()).sum();
        self.counters.told(bytes)
    }

    fn make_room(&self, all: &mut HashMap<KeptUnder, Arc<Series>>) {
        let before = all.len();
        fit(all, CELLS_BYTES_MAX);
        self.counters.note_evicted(before - all.len());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeptUnder, Arc<Series>>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the cells that nobody read for the longest time, until the
    /// others fit, when these take more than before. Those that were just read
    /// stay.
    pub(crate) fn fit(&self, series: &Series) {
        if series.grew.swap(false, Ordering::Relaxed) {
            self.make_room(&mut self.lock());
        }
    }
}

fn fit(all: &mut HashMap<KeptUnder, Arc<Series>>, max: usize) {
    let mut bytes: usize = all.values().map(|series| series.size()).sum();
    if bytes <= max {
        return;
    }
    let mut oldest: Vec<_> = all
        .iter()
        .map(|(under, series)| (series.last_read.load(Ordering::Relaxed), *under))
        .collect();
    oldest.sort_unstable_by_key(|(read, _)| *read);
    for (_, under) in oldest {
        if bytes <= max - max / 8 {
            return;
        }
        let gone = all.remove(&under);
        bytes = bytes.saturating_sub(gone.map_or(0, |series| series.size()));
    }
}

/// What is to be read: the intervals of the dataset as they are now, and of
/// these the ones asked for.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The intervals that the dataset holds now.
    pub(crate) window: &'a Buckets,
    /// The whole intervals that are asked for.
    pub(crate) range: TimeRange,
    /// The pool that the dataset reads.
    pub(crate) pool: &'a Arc<Pool>,
    /// How the answer is written.
    pub(crate) style: (&'static str, bool),
    /// The present.
    pub(crate) now: Timestamp,
}

impl Reading<'_> {
    /// The intervals that the dataset holds now, by their starts.
    fn wanted(&self) -> BTreeMap<Timestamp, TimeRange> {
        wholes(self.window).collect()
    }
}

/// Each interval from its own start on, not from that of the range.
fn wholes(window: &Buckets) -> impl Iterator<Item = (Timestamp, TimeRange)> {
    let parts = window.starts().iter().zip(0_u32..);
    parts.filter_map(|(start, index)| {
        let whole = TimeRange::new(*start, window.part(index)?.to()).ok()?;
        Some((*start, whole))
    })
}

impl Series {
    fn size(&self) -> usize {
        SERIES_BYTES + self.bytes.load(Ordering::Relaxed)
    }

    /// The answer's text: the one that is kept, when nothing changed since;
    /// else that which `write` makes of the answer.
    ///
    /// # Errors
    /// What the data plane fails with, and what asking refuses.
    pub(crate) async fn text(
        &self,
        reading: Reading<'_>,
        ask: &Ask<'_>,
        plane: &dyn DataPlane,
        write: impl AsyncFnOnce(Answer) -> Result<Bytes, ApiError>,
    ) -> Result<Bytes, ApiError> {
        let mut held = self.held.lock().await;
        let stale = held.stale(&reading, ask, plane);
        if !stale.is_empty() {
            // Gone before anything is made: a reader may leave, or fail, in between.
            held.texts.clear();
        }
        for range in &stale {
            let made = held.make(*range, reading.window, ask, plane).await?;
            self.counters.note_made(made);
        }
        let key = (reading.range, reading.style.0, reading.style.1);
        let kept = held.texts.get(&key).cloned();
        let is_kept = kept.is_some();
        self.counters.note_reading(stale.is_empty(), is_kept);
        let text = match kept {
            Some(text) => text,
            None => write(held.answer(reading.range, ask)?).await?,
        };
        if !is_kept {
            if held.texts.len() >= TEXTS_MAX {
                held.texts.clear();
            }
            held.texts.insert(key, text.clone());
            self.bytes.store(held.bytes(), Ordering::Relaxed);
            self.grew.store(true, Ordering::Relaxed);
        }
        Ok(text)
    }
}

impl Held {
    /// The stretches whose cells are to be made: those that records came into
    /// or went from, and those that are not there as they are wanted. Cells
    /// that the dataset holds no longer are dropped. Whatever is made, all that
    /// was touched is: so what is answered is of one moment.
    fn stale(
        &mut self,
        reading: &Reading<'_>,
        ask: &Ask<'_>,
        plane: &dyn DataPlane,
    ) -> Vec<TimeRange> {
        let wanted = reading.wanted();
        self.cells
            .retain(|start, cell| wanted.get(start) == Some(&cell.part));
        let ours = Permit::<Upkeep>::ours();
        let since = self.version.map(|(version, _)| version);
        let touched = plane.touched(&ours, reading.pool, since);
        let lag = Duration::from_secs(DATASET_SECONDS_BEHIND_MAX.unsigned_abs());
        let is_fresh = self
            .version
            .is_some_and(|(_, at)| reading.now.since(at) < lag && at <= reading.now);
        let is_whole = is_fresh && self.cells.len() == wanted.len();
        if is_whole && !(touched.took_away && self.lost_some(reading, ask, plane)) {
            return Vec::new();
        }
        self.version = Some((touched.version, reading.now));
        match &touched.records {
            TouchedRecords::Everything => self.cells.clear(),
            TouchedRecords::At { stretches, .. } => {
                let is_touched = |part: TimeRange| {
                    let mut stretches = stretches.iter();
                    stretches.any(|(from, to)| *from < part.to() && *to >= part.from())
                };
                self.cells.retain(|_, cell| !is_touched(cell.part));
            }
        }
        let missing = wanted
            .iter()
            .filter(|(start, _)| !self.cells.contains_key(start));
        let mut stretches: Vec<TimeRange> = Vec::new();
        for (_, part) in missing {
            match stretches.last_mut() {
                Some(last) if last.to() == part.from() => {
                    *last = TimeRange::new(last.from(), part.to()).unwrap_or(*last);
                }
                _ => stretches.push(*part),
            }
        }
        stretches
    }

    /// Whether records that the cells are about may have gone.
    fn lost_some(&self, reading: &Reading<'_>, ask: &Ask<'_>, plane: &dyn DataPlane) -> bool {
        let (Some((since, _)), Ok(asked)) = (self.version, ask(reading.range)) else {
            return true;
        };
        let ours = Permit::<Upkeep>::ours();
        let mut parts = asked.parts().iter();
        parts.any(|part| plane.took_away(&ours, reading.pool, since, part.rows()))
    }

    async fn make(
        &mut self,
        range: TimeRange,
        window: &Buckets,
        ask: &Ask<'_>,
        plane: &dyn DataPlane,
    ) -> Result<usize, ApiError> {
        let asked = ask(range)?;
        let within = wholes(window)
            .filter(|(_, part)| range.from() <= part.from() && part.to() <= range.to());
        let mut made: BTreeMap<Timestamp, Cell> = within
            .map(|(start, part)| {
                let groups = Vec::new();
                (start, Cell { part, groups })
            })
            .collect();
        let question = asked.parts().first().cloned();
        let mut rows = Vec::new();
        if let Some(question) = question {
            let mut pieces = plane.query(question).await?.rows;
            while let Some(piece) = pieces.try_next().await? {
                rows.extend(piece);
            }
        }
        let Some((groups, form)) = asked.form().groups(rows) else {
            return Err(ApiError::internal("a dataset that is no series"));
        };
        let starts = form
            .buckets
            .as_ref()
            .map(Buckets::starts)
            .unwrap_or_default();
        for group in groups {
            let start = group.interval.and_then(|at| starts.get(at as usize));
            if let Some(cell) = start.and_then(|start| made.get_mut(start)) {
                cell.groups.push(group);
            }
        }
        let count = made.len();
        #[cfg(test)]
        {
            self.made += count;
        }
        self.cells.append(&mut made);
        Ok(count)
    }

    /// The answer over whole intervals.
    fn answer(&self, range: TimeRange, ask: &Ask<'_>) -> Result<Answer, ApiError> {
        let asked = ask(range)?;
        let Some((_, form)) = asked.form().groups(Vec::new()) else {
            return Err(ApiError::internal("a dataset that is no series"));
        };
        let starts = form
            .buckets
            .as_ref()
            .map(Buckets::starts)
            .unwrap_or_default();
        let mut groups = Vec::new();
        for (start, index) in starts.iter().zip(0_u32..) {
            let cell = self.cells.get(start);
            groups.extend(
                cell.into_iter()
                    .flat_map(|cell| &cell.groups)
                    .map(|group| Grouped {
                        interval: Some(index),
                        ..group.clone()
                    }),
            );
        }
        let measured = form.answer(groups).map_err(PlaneError::from)?;
        Ok(Answer::Measured(measured))
    }

    fn bytes(&self) -> usize {
        let cells = self.cells.values();
        let groups = cells.flat_map(|cell| &cell.groups);
        let groups: usize = groups.map(Grouped::bytes).sum();
        let texts: usize = self.texts.values().map(Bytes::len).sum();
        groups + self.cells.len() * size_of::<Cell>() + texts
    }
}

#[cfg(test)]
mod tests;
