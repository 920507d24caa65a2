//! A data plane in memory: records in a list, filtered row by row with the
//! reference meaning of constraints and filters.

mod columns;
mod fields;
mod storing;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, StreamExt};
use model::analyses::Form;
use model::answers::{
    AppendReceipt, Columnar, PlaneMetrics, PoolVersion, SeenField, SeenType, Touched,
    TouchedRecords,
};
use model::fault::{Fault, FaultCode};
use model::filters::{Constraint, Filter};
use model::ids::{KeyId, PoolId};
use model::permit::{
    AdmittedBatch, ConstrainedAnalysis, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema,
    Permit, Upkeep,
};
use model::pools::Pool;
use model::records::{Record, SentRecord};
use model::time::Timestamp;
use model::uniqueness::TokenTag;
use model::value::Value;

use super::engine::{self, Pools};
use crate::plane::{Answer, ByteStream, DataPlane, PlaneError};
use columns::columns;
use fields::{called, undeclared};

/// A change of a pool's records: the times that it touched, whether records
/// without a time were among them, and whether it took records away.
#[derive(Clone, Debug)]
struct Change {
    times: BTreeSet<Timestamp>,
    timeless: bool,
    took_away: bool,
    /// Whether it is told as one that may have touched any record.
    is_vague: bool,
}

impl Change {
    fn of(pool: &Pool, records: &[Record], took_away: bool, is_vague: bool) -> Self {
        let field = pool.time_field();
        let time = |record: &Record| match record.get(field.as_str()) {
            Some(Value::DateTime(at)) => Some(*at),
            _ => None,
        };
        Self {
            times: records.iter().filter_map(time).collect(),
            timeless: records.iter().any(|record| time(record).is_none()),
            took_away,
            is_vague,
        }
    }
}

type Saved = HashMap<(KeyId, PoolId, String), ([u8; 32], AppendReceipt)>;

/// The plane; see the module.
#[derive(Debug, Default)]
pub(crate) struct FakePlane {
    records: Mutex<HashMap<PoolId, Vec<Record>>>,
    saved: Mutex<Saved>,
    /// Tokens of uniqueness, each with the time at which it is free again.
    tokens: Mutex<HashMap<TokenTag, Timestamp>>,
    /// What every call answers from now on.
    pub(crate) failure: Mutex<Option<PlaneError>>,
    /// A text that no question with a condition on it is answered about in time.
    pub(crate) slow_about: Mutex<Option<String>>,
    /// How many batches are stored before no more are, if that is said.
    left: Mutex<Option<usize>>,
    /// What changed of each pool's records, in order.
    changes: Mutex<HashMap<PoolId, Vec<Change>>>,
    /// Whether deletes are told as if records had come: for mutants.
    pub(crate) hides_deletes: AtomicBool,
    /// The keys of questions that were asked, each with the rows asked about.
    pub(crate) asked: Mutex<Vec<(KeyId, Constraint)>>,
    /// Whether answers have no end after their first rows.
    pub(crate) is_endless: AtomicBool,
    /// Endless answers that somebody still holds.
    pub(crate) held: Arc<()>,
    /// A pool to which nothing is ever stored, and nobody is told so.
    pub(crate) stuck: Mutex<Option<PoolId>>,
    /// Pools that were dropped.
    pub(crate) dropped: Mutex<Vec<PoolId>>,
}

impl FakePlane {
    /// The records of a pool.
    pub(crate) fn records(&self, pool: PoolId) -> Vec<Record> {
        let all = self.records.lock().expect("not poisoned");
        all.get(&pool).cloned().unwrap_or_default()
    }

    /// Lets the disk be full after so many batches.
    pub(crate) fn fail_after(&self, batches: usize) {
        *self.left.lock().expect("not poisoned") = Some(batches);
    }

    fn takes_a_batch(&self) -> Result<(), PlaneError> {
        match &mut *self.left.lock().expect("not poisoned") {
            Some(0) => Err(PlaneError::Full),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn fails(&self) -> Result<(), PlaneError> {
        let failure = self.failure.lock().expect("not poisoned").clone();
        match failure {
            Some(PlaneError::Internal(text)) if text == "panic" => panic!("{text}"),
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn visible(&self, pool: &Pool, rows: &Constraint, filter: Option<&Filter>) -> Vec<Record> {
        let all = self.records.lock().expect("not poisoned");
        let all = all.get(&pool.id).cloned().unwrap_or_default();
        all.iter()
            .map(|record| called(pool, record))
            .filter(|record| admits(pool, rows, record))
            .filter(|record| filter.is_none_or(|filter| matches(pool, filter, record)))
            .collect()
    }

    fn note(&self, pool: PoolId, change: Change) {
        let mut changes = self.changes.lock().expect("not poisoned");
        changes.entry(pool).or_default().push(change);
    }

    /// The pools of these questions with all their records.
    fn pools<'q>(&self, questions: impl Iterator<Item = &'q ConstrainedQuery>) -> Pools {
        let all = self.records.lock().expect("not poisoned");
        let pools = questions.map(|question| {
            let pool = question.pool();
            let records = all.get(&pool.id).into_iter().flatten();
            (
                pool.clone(),
                records.map(|record| called(pool, record)).collect(),
            )
        });
        pools.collect()
    }

    /// The records of a pool that a key with this constraint sees.
    pub(crate) fn seen(&self, pool: &Pool, rows: &Constraint) -> Vec<Record> {
        self.visible(pool, rows, None)
    }

    fn note_asked(&self, questions: &[ConstrainedQuery]) {
        let asked = questions.iter();
        let asked = asked.map(|question| (question.key(), question.rows().clone()));
        self.asked.lock().expect("not poisoned").extend(asked);
    }

    fn answer(&self, question: &ConstrainedQuery) -> Result<Answer, PlaneError> {
        self.fails()?;
        let slow = self.slow_about.lock().expect("not poisoned").clone();
        if slow.is_some_and(|text| format!("{:?}", question.query()).contains(&text)) {
            return Err(PlaneError::Deadline(Duration::from_secs(30)));
        }
        self.note_asked(std::slice::from_ref(question));
        let pools = self.pools(std::iter::once(question));
        let rows = engine::run(question, question.rows(), &pools);
        let mut rows = stream::once(ready(Ok(rows))).boxed();
        if self.is_endless.load(Ordering::Relaxed) {
            let held = Arc::clone(&self.held);
            let never = stream::pending().map(move |never| {
                let _ = &held;
                never
            });
            rows = rows.chain(never).boxed();
        }
        Ok(Answer {
            columns: columns(question),
            rows,
        })
    }
}

fn matches(pool: &Pool, filter: &Filter, record: &Record) -> bool {
    let predicate = pool.draft.schema.resolve(filter);
    predicate.is_ok_and(|predicate| predicate.admits(record))
}

fn admits(pool: &Pool, rows: &Constraint, record: &Record) -> bool {
    match rows {
        Constraint::AllRows => true,
        Constraint::Rows(filter) => matches(pool, filter, record),
    }
}

impl DataPlane for FakePlane {
    fn append(&self, batch: AdmittedBatch) -> BoxFuture<'_, Result<AppendReceipt, PlaneError>> {
        let is_stuck = *self.stuck.lock().expect("not poisoned") == Some(batch.pool().id);
        if is_stuck {
            return std::future::pending().boxed();
        }
        async move { self.store(batch) }.boxed()
    }

    fn repeated<'a>(
        &'a self,
        batch: &'a AdmittedBatch,
    ) -> BoxFuture<'a, Result<Option<AppendReceipt>, PlaneError>> {
        async move { self.answer_again(batch) }.boxed()
    }

    fn query(&self, query: ConstrainedQuery) -> BoxFuture<'_, Result<Answer, PlaneError>> {
        async move { self.answer(&query) }.boxed()
    }

    fn export(
        &self,
        query: ConstrainedQuery,
        _: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>> {
        async move {
            let mut answer = self.answer(&query)?;
            let rows = answer.rows.next().await.expect("one batch")?;
            let bytes = Bytes::from(format!("{} rows", rows.len()));
            Ok(stream::once(ready(Ok(bytes))).boxed())
        }
        .boxed()
    }

    fn analyse(
        &self,
        analysis: ConstrainedAnalysis,
    ) -> BoxFuture<'_, Result<model::analyses::Answer, PlaneError>> {
        async move {
            self.fails()?;
            if let Form::Rows(_) = analysis.form() {
                return Err(PlaneError::Internal("rows are streamed".to_owned()));
            }
            self.note_asked(analysis.parts());
            let pools = self.pools(analysis.parts().iter());
            Ok(engine::answer(&analysis, &pools))
        }
        .boxed()
    }

    fn export_rows(
        &self,
        extraction: ConstrainedAnalysis,
        _: Columnar,
    ) -> BoxFuture<'_, Result<ByteStream, PlaneError>> {
        async move {
            let (query, form) = extraction.into_rows().expect("an extraction");
            let mut answer = self.answer(&query)?;
            let names = form.table(&answer.columns).into_iter();
            let names: Vec<String> = names.map(|column| column.name).collect();
            let rows = answer.rows.next().await.expect("one batch")?;
            let bytes = Bytes::from(format!("{} rows of {}", rows.len(), names.join(" ")));
            Ok(stream::once(ready(Ok(bytes))).boxed())
        }
        .boxed()
    }

    fn delete(&self, delete: ConstrainedDelete) -> BoxFuture<'_, Result<u64, PlaneError>> {
        async move {
            self.fails()?;
            let goes = self.visible(delete.pool(), delete.rows(), delete.filter());
            let mut all = self.records.lock().expect("not poisoned");
            let records = all.entry(delete.pool().id).or_default();
            records.retain(|record| !goes.contains(&called(delete.pool(), record)));
            if !goes.is_empty() {
                // Some deletes are told by their times, others are not.
                let is_vague = goes.len().is_multiple_of(2);
                let change = Change::of(delete.pool(), &goes, true, is_vague);
                self.note(delete.pool().id, change);
            }
            Ok(goes.len() as u64)
        }
        .boxed()
    }

    fn schema(
        &self,
        schema: ConstrainedSchema,
    ) -> BoxFuture<'_, Result<Vec<SeenField>, PlaneError>> {
        async move {
            self.fails()?;
            let declared = schema.pool().draft.schema.declared().iter();
            let shown = declared.filter(|field| schema.fields().shows(&field.path));
            let seen = shown.map(|field| SeenField {
                path: field.path.clone(),
                seen: SeenType::Declared(field.field_type),
                required: field.required,
            });
            let records = self.seen(schema.pool(), schema.rows());
            let undeclared = undeclared(schema.pool(), &records).into_iter();
            let undeclared = undeclared.filter(|field| schema.fields().shows(&field.path));
            Ok(seen.chain(undeclared).collect())
        }
        .boxed()
    }

    fn decode(&self, _: Columnar, body: Bytes) -> BoxFuture<'_, Result<Vec<SentRecord>, Fault>> {
        let read = model::json::parse(&body)
            .map(|value| vec![Ok(value)])
            .map_err(|_| Fault::new(FaultCode::MalformedBody, "not a columnar file"));
        ready(read).boxed()
    }

    fn drop_pool(&self, _: Permit<Upkeep>, pool: PoolId) -> BoxFuture<'_, Result<(), PlaneError>> {
        if let Some(failure) = self.failure.lock().expect("not poisoned").clone() {
            return ready(Err(failure)).boxed();
        }
        self.records.lock().expect("not poisoned").remove(&pool);
        self.dropped.lock().expect("not poisoned").push(pool);
        ready(Ok(())).boxed()
    }

    /// As close as may be: each time that was touched, and no other.
    /// A hundred for each record.
    fn stored_bytes(&self, _: &Permit<Upkeep>, pool: PoolId) -> u64 {
        self.records(pool).len() as u64 * 100
    }

    fn touched(&self, _: &Permit<Upkeep>, pool: &Arc<Pool>, since: Option<PoolVersion>) -> Touched {
        let all = self.changes.lock().expect("not poisoned");
        let changes = all.get(&pool.id).map(Vec::as_slice).unwrap_or_default();
        let version = PoolVersion::new(pool, 1, changes.len() as u64);
        let known = since.and_then(|since| since.changes(pool, 1));
        let known = known.and_then(|known| changes.get(usize::try_from(known).ok()?..));
        let Some(since) = known else {
            return Touched {
                version,
                records: TouchedRecords::Everything,
                took_away: true,
            };
        };
        let hides = self.hides_deletes.load(Ordering::Relaxed);
        let seen = |change: &&Change| !(hides && change.took_away);
        let since: Vec<&Change> = since.iter().filter(seen).collect();
        let times: BTreeSet<Timestamp> = since
            .iter()
            .flat_map(|change| &change.times)
            .copied()
            .collect();
        let records = match since.iter().any(|change| change.is_vague) {
            true => TouchedRecords::Everything,
            false => TouchedRecords::At {
                stretches: times.into_iter().map(|at| (at, at)).collect(),
                timeless: since.iter().any(|change| change.timeless),
            },
        };
        Touched {
            version,
            records,
            took_away: since.iter().any(|change| change.took_away),
        }
    }

    fn metrics(&self) -> PlaneMetrics {
        PlaneMetrics {
            records_stored: 7,
            ..PlaneMetrics::default()
        }
    }
}
