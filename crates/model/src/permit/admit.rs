//! From sent records to a batch that may be stored.

use std::sync::Arc;

use super::{Ingest, Permit};
use crate::ids::{KeyId, RecordId};
use crate::names::FieldPath;
use crate::pools::Pool;
use crate::random::{DrawnAhead, RandomSource};
use crate::records::{
    Checker, Injections, Record, RecordFault, RecordFaultCode, Sent, Stamp, undeclared,
};
use crate::time::Timestamp;
use crate::uniqueness::{Scope, TokenTag};
use crate::value::Value;

/// Random bytes of a record's id.
const ID_RANDOM_BYTES: usize = 10;

/// What makes a repeated request the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The text of the client's key.
    pub key: String,
    /// SHA-256 of what was sent.
    pub fingerprint: [u8; 32],
}

/// Records of one pool that were checked, stamped with the key's injections
/// and given their system fields.
#[derive(Clone, Debug)]
pub struct AdmittedBatch {
    pool: Arc<Pool>,
    key: KeyId,
    at: Timestamp,
    injections: Injections,
    records: Vec<Record>,
    faults: Vec<RecordFault>,
    idempotency: Option<Idempotency>,
    /// In the order of the records; nothing for those that came without a token.
    tokens: Vec<(usize, TokenTag)>,
}

impl Permit<Ingest> {
    /// What the key injects, as its grant says it. It is for those who make
    /// something of a record before it is admitted; [`Permit::admit`] stamps
    /// it whatever they do.
    pub fn injections(&self) -> &Injections {
        &self.grants[0].injections
    }

    /// Checks and stamps the records of one request. Good records are kept
    /// and bad ones listed with their position, one by one.
    pub fn admit(
        &self,
        sent: impl IntoIterator<Item: Sent>,
        idempotency: Option<Idempotency>,
        now: Timestamp,
        random: &dyn RandomSource,
    ) -> AdmittedBatch {
        let pool = self.pool();
        let injections = self.injections();
        // A key with two ingest grants on one pool cannot be made. Should a change of names bring
        // one about, nothing says which values hold, and nothing is stored.
        let unclear = self.grants.len() > 1;
        let mut checker = Checker::new(&pool.draft, injections);
        let mut stamp = Stamp::new();
        let key = self.access().key();
        let key_value = Value::from(key.to_string());
        let injected = stored_form(injections, pool);
        let mut scope = None;
        let (mut records, mut faults, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        let sent = sent.into_iter();
        let (least, most) = sent.size_hint();
        let expected = most.unwrap_or(least);
        let random = DrawnAhead::new(random, expected.saturating_mul(ID_RANDOM_BYTES));
        for (index, sent) in sent.enumerate() {
            let token = sent.token().cloned();
            let followed = sent.json().filter(|_| !unclear);
            let followed = followed.and_then(|text| checker.follow(index, text));
            let checked = match followed {
                Some(record) => Ok(record),
                None if unclear => Err(unclear_injections(index)),
                None => sent.read().and_then(|value| checker.check(index, value)),
            };
            match checked {
                Ok(mut record) => {
                    let id = Value::from(RecordId::generate(now, &random).to_string());
                    stamp.put(&mut record, id, Value::DateTime(now), key_value.clone());
                    if let Some(token) = token {
                        let scope = scope.get_or_insert_with(|| Scope::of(pool, &injected.values));
                        tokens.push((records.len(), scope.tag(&record, &token)));
                    }
                    records.push(record);
                }
                Err(fault) => faults.push(RecordFault { index, ..fault }),
            }
        }
        AdmittedBatch {
            pool: pool.clone(),
            key,
            at: now,
            injections: injected,
            records,
            faults,
            idempotency,
            tokens,
        }
    }
}

fn unclear_injections(index: usize) -> RecordFault {
    RecordFault::new(
        index,
        RecordFaultCode::InjectionConflict,
        "two grants of this key let it write to this pool; which injections hold is unclear",
    )
}

/// The injected values as they stand in stored records.
fn stored_form(injections: &Injections, pool: &Pool) -> Injections {
    let values = injections.values.iter().map(|(path, value)| {
        let stored = match pool.draft.schema.field(path.as_str()) {
            Some(field) => field
                .field_type
                .coerce(value.clone())
                .unwrap_or(Value::Null),
            None => undeclared(value.clone()),
        };
        (path.clone(), stored)
    });
    Injections {
        values: values.collect(),
        on_conflict: injections.on_conflict,
    }
}

impl AdmittedBatch {
    /// Records of the server's own, which no key wrote.
    pub(super) fn of_server(
        pool: Arc<Pool>,
        records: impl Iterator<Item = Value>,
        now: Timestamp,
        random: &dyn RandomSource,
    ) -> Self {
        let injections = Injections::none();
        let mut checker = Checker::new(&pool.draft, &injections);
        let mut stamp = Stamp::new();
        let key = KeyId::from_bytes([0; 16]);
        let (mut admitted, mut faults) = (Vec::new(), Vec::new());
        for (index, record) in records.enumerate() {
            match checker.check(index, record) {
                Ok(mut record) => {
                    let id = Value::from(RecordId::generate(now, random).to_string());
                    let written_by = Value::from(key.to_string());
                    stamp.put(&mut record, id, Value::DateTime(now), written_by);
                    admitted.push(record);
                }
                Err(fault) => faults.push(fault),
            }
        }
        drop(checker);
        Self {
            pool,
            key,
            at: now,
            injections,
            records: admitted,
            faults,
            idempotency: None,
            tokens: Vec::new(),
        }
    }

    /// The pool to store in.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The key that wrote it.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// When it was admitted.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The good records, in sent order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The good records, owned.
    pub fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// The rejected records.
    pub fn faults(&self) -> &[RecordFault] {
        &self.faults
    }

    /// What makes a repetition the same request.
    pub fn idempotency(&self) -> Option<&Idempotency> {
        self.idempotency.as_ref()
    }

    /// The tags of the records that came with a token of uniqueness, each
    /// behind the place of its record.
    pub fn tokens(&self) -> &[(usize, TokenTag)] {
        &self.tokens
    }

    /// The batch without the records at these places.
    #[must_use]
    pub fn without(mut self, places: &[usize]) -> Self {
        if places.is_empty() {
            return self;
        }
        let mut stays = vec![true; self.records.len()];
        places.iter().for_each(|place| stays[*place] = false);
        let mut left = 0;
        let moved: Vec<Option<usize>> = stays
            .iter()
            .map(|stays| {
                left += usize::from(*stays);
                stays.then(|| left - 1)
            })
            .collect();
        let mut stays = stays.into_iter();
        self.records.retain(|_| stays.next().unwrap_or(true));
        let tokens = self.tokens.into_iter();
        let tokens = tokens.filter_map(|(place, tag)| Some((moved[place]?, tag)));
        self.tokens = tokens.collect();
        self
    }

    /// What the key injects: each path with the value that stands there in
    /// every record of the batch, in the order of the paths. A record replaces
    /// only records that hold the same values there.
    pub fn injections(&self) -> &[(FieldPath, Value)] {
        &self.injections.values
    }

    /// Whether a record, as it is about to be stored, holds every value that
    /// the key injects. The commit path asks this of every row.
    pub fn holds_injections(&self, record: &Record) -> bool {
        self.injections.values.iter().all(|(path, value)| {
            record.get(path.as_str()).is_some_and(|stored| {
                is_same_text(stored, value)
                    || crate::canonical::to_bytes(stored) == crate::canonical::to_bytes(value)
            })
        })
    }
}

fn is_same_text(a: &Value, b: &Value) -> bool {
    matches!((a, b), (Value::String(a), Value::String(b)) if a == b)
}
