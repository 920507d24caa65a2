//! A data plane in memory: records in a list, filtered row by row with the
//! reference meaning of constraints and filters.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, StreamExt};
use model::answers::{AppendReceipt, Columnar, PlaneMetrics, SeenField, SeenType};
use model::fault::{Fault, FaultCode};
use model::fields::ColumnType;
use model::filters::{Constraint, Filter};
use model::ids::{KeyId, PoolId};
use model::permit::{
    AdmittedBatch, ConstrainedDelete, ConstrainedQuery, ConstrainedSchema, Idempotency, Permit,
    Upkeep,
};
use model::pools::Pool;
use model::queries::{Direction, OutputColumn, OutputType, Query, RecordQuery, Row, Seek, Side};
use model::records::{Record, SentRecord};
use model::value::{Value, compare};

use crate::plane::{Answer, ByteStream, DataPlane, PlaneError};

type Saved = HashMap<(KeyId, PoolId, String), ([u8; 32], AppendReceipt)>;

/// The plane; see the module.
#[derive(Debug, Default)]
pub(crate) struct FakePlane {
    records: Mutex<HashMap<PoolId, Vec<Record>>>,
    saved: Mutex<Saved>,
    /// What every call answers from now on.
    pub(crate) failure: Mutex<Option<PlaneError>>,
    /// How many batches are stored before no more are, if that is said.
    left: Mutex<Option<usize>>,
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
        all.into_iter()
            .filter(|record| admits(pool, rows, record))
            .filter(|record| filter.is_none_or(|filter| matches(pool, filter, record)))
            .collect()
    }

    fn store(&self, batch: AdmittedBatch) -> Result<AppendReceipt, PlaneError> {
        self.fails()?;
        self.takes_a_batch()?;
        let (key, pool) = (batch.key(), batch.pool().id);
        let idempotency = batch.idempotency().cloned();
        let name = |idempotency: &Idempotency| (key, pool, idempotency.key.clone());
        let mut saved = self.saved.lock().expect("not poisoned");
        if let Some(sent) = &idempotency
            && let Some((fingerprint, receipt)) = saved.get(&name(sent))
        {
            return if *fingerprint == sent.fingerprint {
                Ok(receipt.clone())
            } else {
                Err(PlaneError::IdempotencyMismatch)
            };
        }
        let receipt = AppendReceipt {
            accepted: batch.records().len() as u64,
            rejected: batch.faults().len() as u64,
            faults: batch.faults().to_vec(),
            repeated: false,
        };
        if let Some(sent) = idempotency {
            saved.insert(name(&sent), (sent.fingerprint, receipt.clone()));
        }
        let mut all = self.records.lock().expect("not poisoned");
        all.entry(pool).or_default().extend(batch.into_records());
        Ok(receipt)
    }

    fn answer(&self, question: &ConstrainedQuery) -> Result<Answer, PlaneError> {
        self.fails()?;
        let pool = question.pool();
        let (columns, rows) = match question.query() {
            Query::Records(query) => {
                let records = self.visible(pool, question.rows(), query.filter.as_ref());
                (columns(pool, query), page(records, query))
            }
            Query::Actors(_) => (Vec::new(), Vec::new()),
            Query::Aggregate(query) => {
                let records = self.visible(pool, question.rows(), query.filter.as_ref());
                let column = OutputColumn {
                    name: query.measures[0].name.clone(),
                    output_type: OutputType::COUNT,
                };
                let count = Value::from(records.len() as u64);
                (vec![column], vec![vec![count]])
            }
        };
        Ok(Answer {
            columns,
            rows: stream::once(ready(Ok(rows))).boxed(),
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

fn columns(pool: &Pool, query: &RecordQuery) -> Vec<OutputColumn> {
    let column = |field| match pool.draft.schema.column(field) {
        Some(ColumnType::Declared(field_type)) => OutputType::Field(field_type),
        _ => OutputType::Mixed,
    };
    query
        .columns
        .iter()
        .map(|output| OutputColumn {
            name: output.name.clone(),
            output_type: column(&output.field),
        })
        .collect()
}

fn page(mut records: Vec<Record>, query: &RecordQuery) -> Vec<Row> {
    let values = |record: &Record| -> Vec<Value> {
        let fields = query.order.iter().map(|by| by.field.as_str());
        fields
            .map(|field| record.get(field).cloned().unwrap_or(Value::Null))
            .collect()
    };
    let in_order = |a: &[Value], b: &[Value]| {
        let pairs = query.order.iter().zip(a.iter().zip(b));
        pairs.fold(Ordering::Equal, |so_far, (by, (a, b))| {
            so_far.then_with(|| match (a.is_null(), b.is_null()) {
                (false, false) if by.direction == Direction::Descending => {
                    compare(b, a).unwrap_or(Ordering::Equal)
                }
                (false, false) => compare(a, b).unwrap_or(Ordering::Equal),
                (a, b) => a.cmp(&b),
            })
        })
    };
    records.sort_by(|a, b| in_order(&values(a), &values(b)));
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    match &query.seek {
        None => {}
        Some(Seek {
            values: place,
            side,
        }) => {
            let wanted = match side {
                Side::After => Ordering::Greater,
                Side::Before => Ordering::Less,
            };
            records.retain(|record| in_order(&values(record), place) == wanted);
            if *side == Side::Before {
                records.drain(..records.len().saturating_sub(limit));
            }
        }
    }
    records.truncate(limit);
    let row = |record: &Record| {
        let columns = query.columns.iter().map(|column| column.field.as_str());
        let mut row: Row = columns
            .map(|field| record.get(field).cloned().unwrap_or(Value::Null))
            .collect();
        if query.with_order_values {
            row.extend(values(record));
        }
        row
    };
    records.iter().map(row).collect()
}

impl DataPlane for FakePlane {
    fn append(&self, batch: AdmittedBatch) -> BoxFuture<'_, Result<AppendReceipt, PlaneError>> {
        async move { self.store(batch) }.boxed()
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

    fn delete(&self, delete: ConstrainedDelete) -> BoxFuture<'_, Result<u64, PlaneError>> {
        async move {
            self.fails()?;
            let goes = self.visible(delete.pool(), delete.rows(), delete.filter());
            let mut all = self.records.lock().expect("not poisoned");
            let records = all.entry(delete.pool().id).or_default();
            records.retain(|record| !goes.contains(record));
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
            Ok(seen.collect())
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
        self.records.lock().expect("not poisoned").remove(&pool);
        self.dropped.lock().expect("not poisoned").push(pool);
        ready(Ok(())).boxed()
    }

    fn metrics(&self) -> PlaneMetrics {
        PlaneMetrics {
            records_stored: 7,
            ..PlaneMetrics::default()
        }
    }
}
