//! What clients do while the power may go, and what the pools hold after each
//! thing that they did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use model::answers::AppendReceipt;
use model::permit::{Access, AdmittedBatch, Idempotency};
use model::pools::Pool;
use model::time::Timestamp;
use model::value::Value;

use crate::lake::delete::delete_operation;
use crate::lake::tests::fixtures::*;
use crate::lake::{append_operation, drop_operation, new_receipt};
use crate::simulation::Random;
use crate::store::Operation;

/// Many records, a file for all customers.
const PLAIN: usize = 0;
/// Records that replace others.
const UNIQUE: usize = 1;
/// Few records, which stay in memory for long.
const QUIET: usize = 2;
/// Records that are kept for a day, a file for each customer.
pub(super) const AGED: usize = 3;
/// Pools that are dropped, one after the other, from here on.
const BRIEF: usize = 4;
const POOLS: usize = 8;

/// All pools.
pub(super) fn pools() -> &'static [Arc<Pool>] {
    static MADE: OnceLock<Vec<Arc<Pool>>> = OnceLock::new();
    MADE.get_or_init(|| {
        let members = |at| match at {
            PLAIN => r#""schema":"strict","isolation_field":"c""#,
            UNIQUE => r#""schema":"strict","isolation_field":"c","unique":["id"]"#,
            QUIET => r#""schema":"open","isolation_field":"c""#,
            AGED => {
                r#""schema":"strict","isolation_field":"c","time_field":"at","retention_days":1,
                    "layout":"file_per_customer""#
            }
            _ => r#""schema":"open""#,
        };
        let make = |at| {
            let declared = columns(at).iter().filter(|(_, is)| !is.is_empty());
            let fields = declared.map(|(name, is)| format!(r#"{{"name":"{name}","type":"{is}"}}"#));
            let fields = fields.collect::<Vec<_>>().join(",");
            let members = members(at);
            pool(
                at as u32 + 1,
                &format!(r#"{{"name":"p{at}",{members},"fields":[{fields}]}}"#),
            )
        };
        (0..POOLS).map(make).collect()
    })
}

/// What the records of a pool hold, and the types of those fields that are declared.
pub(super) fn columns(pool: usize) -> &'static [(&'static str, &'static str)] {
    match pool {
        PLAIN => &[("c", "String"), ("n", "Int64"), ("text", "String")],
        UNIQUE => &[("c", "String"), ("id", "Int64"), ("n", "Int64")],
        QUIET => &[("c", "String"), ("n", "Int64"), ("text", "")],
        AGED => &[("c", "String"), ("n", "Int64"), ("at", "DateTime")],
        _ => &[("c", "String"), ("n", "Int64")],
    }
}

fn writer() -> &'static Access {
    static WRITER: OnceLock<Access> = OnceLock::new();
    WRITER.get_or_init(|| access(1))
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pool: usize,
    customer: u32,
    /// What it is told from others by where records replace others.
    id: u32,
    /// No other record has it.
    number: u32,
    is_old: bool,
}

impl Row {
    /// What two records have in common when one replaces the other.
    fn key(&self) -> (usize, u32, u32) {
        match self.pool {
            UNIQUE => (UNIQUE, self.customer, self.id),
            pool => (pool, 0, self.number),
        }
    }

    fn value(&self, column: &str) -> Value {
        let day = |day| Timestamp::parse(day).unwrap();
        match column {
            "c" => Value::String(format!("c{}", self.customer)),
            "id" => Value::from(u64::from(self.id)),
            "n" => Value::from(u64::from(self.number)),
            "at" if self.is_old => Value::DateTime(day("2026-02-20T05:00:00Z")),
            "at" => Value::DateTime(day("2026-03-01T11:00:00Z")),
            // Bytes that stand in another's place are told.
            _ => {
                let letter = char::from(b'a' + (self.number % 26) as u8);
                Value::String(String::from(letter).repeat((self.number * 7) as usize % 400))
            }
        }
    }

    fn json(&self) -> String {
        let columns = columns(self.pool).iter();
        let members = columns.map(|(name, _)| match self.value(name) {
            Value::Integer(number) => format!(r#""{name}":{number}"#),
            Value::DateTime(at) => format!(r#""{name}":"{at}""#),
            Value::String(text) => format!(r#""{name}":"{text}""#),
            other => panic!("{other:?}"),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    /// The record as a pool holds it.
    ///
    /// # Errors
    /// It was never written so.
    pub(super) fn of(pool: usize, stored: &Stored) -> Result<Self, String> {
        let number = |name: &str| match stored.get(name) {
            Some(Value::Integer(number)) => u32::try_from(*number).ok(),
            _ => None,
        };
        let customer = match stored.get("c") {
            Some(Value::String(c)) => c.strip_prefix('c').and_then(|c| c.parse().ok()),
            _ => None,
        };
        let row = |is_old| {
            Some(Self {
                pool,
                customer: customer?,
                id: number("id").unwrap_or_default(),
                number: number("n")?,
                is_old,
            })
        };
        let is_as_written = |row: &Self| {
            let mut columns = columns(pool).iter();
            columns.all(|(name, _)| stored.get(*name) == Some(&row.value(name)))
        };
        let possible = [row(false), row(true)].into_iter().flatten();
        let mut found = possible.filter(is_as_written);
        found
            .next()
            .ok_or_else(|| format!("{stored:?} was never written"))
    }
}

/// Something that a client asks for.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Records, under an idempotency key with this number.
    Append { number: usize, rows: Vec<Row> },
    /// Records of a customer that are older than this number go.
    Delete {
        pool: usize,
        customer: u32,
        below: u32,
    },
    /// A pool goes.
    Drop { pool: usize },
    /// What is too old goes.
    Retain,
}

impl Deed {
    fn batch(number: usize, rows: &[Row]) -> AdmittedBatch {
        let mut records: Vec<Value> = rows.iter().map(|row| json(&row.json())).collect();
        if number.is_multiple_of(5) {
            records.insert(1, Value::from("no record"));
        }
        let idempotency = Idempotency {
            key: format!("deed {number}"),
            fingerprint: [number as u8; 32],
        };
        let pool = &pools()[rows[0].pool];
        let records = Value::Array(records);
        admit(writer(), pool, &records, Some(idempotency), noon())
    }

    /// What is submitted to the journal, and what is answered to a batch.
    pub(super) fn operation(&self) -> Option<(Operation, Option<AppendReceipt>)> {
        match self {
            Self::Append { number, rows } => {
                let batch = Self::batch(*number, rows);
                let receipt = new_receipt(&batch);
                let operation = append_operation(&batch, &receipt, usize::MAX).unwrap();
                Some((operation, Some(receipt)))
            }
            Self::Delete {
                pool,
                customer,
                below,
            } => {
                let asked = format!(
                    r#"{{"all":[{{"field":"c","operator":"eq","value":"c{customer}"}},
                        {{"field":"n","operator":"lt","value":{below}}}]}}"#
                );
                let delete = deleting(writer(), &pools()[*pool], Some(filter(&asked)));
                Some((delete_operation(&delete, None), None))
            }
            Self::Drop { pool } => Some((drop_operation(pools()[*pool].id), None)),
            Self::Retain => None,
        }
    }

    /// The pool that gets records, if one does.
    pub(super) fn appends_to(&self) -> Option<usize> {
        match self {
            Self::Append { rows, .. } => Some(rows[0].pool),
            _ => None,
        }
    }
}

/// What the pools hold.
#[derive(Clone, Debug, Default)]
struct Contents {
    rows: BTreeMap<(usize, u32, u32), Row>,
    dropped: BTreeSet<usize>,
}

impl Contents {
    fn after(&self, deed: &Deed) -> Self {
        let mut after = self.clone();
        match deed {
            Deed::Append { rows, .. } => {
                let kept = rows.iter().filter(|row| !self.dropped.contains(&row.pool));
                after.rows.extend(kept.map(|row| (row.key(), row.clone())));
            }
            Deed::Delete {
                pool,
                customer,
                below,
            } => after.rows.retain(|_, row| {
                row.pool != *pool || row.customer != *customer || row.number >= *below
            }),
            Deed::Drop { pool } => {
                after.dropped.insert(*pool);
                after.rows.retain(|_, row| row.pool != *pool);
            }
            Deed::Retain => after.rows.retain(|_, row| row.pool != AGED || !row.is_old),
        }
        after
    }
}

/// All deeds so far, and what the pools held before and after each.
#[derive(Debug)]
pub(super) struct Book {
    random: Random,
    deeds: Vec<Deed>,
    states: Vec<Contents>,
    number: u32,
    brief: usize,
}

impl Book {
    /// Nothing was done. What is done follows from the seed.
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            deeds: Vec::new(),
            states: vec![Contents::default()],
            number: 0,
            brief: BRIEF,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.deeds.len()
    }

    /// The deeds from one to another.
    pub(super) fn deeds(&self, range: std::ops::Range<usize>) -> &[Deed] {
        &self.deeds[range]
    }

    /// What the pools hold after so many deeds, in order.
    pub(super) fn rows(&self, deeds: usize) -> Vec<Row> {
        let mut rows: Vec<_> = self.states[deeds].rows.values().cloned().collect();
        rows.sort();
        rows
    }

    /// Whether a pool has gone after so many deeds.
    pub(super) fn is_dropped(&self, pool: usize, deeds: usize) -> bool {
        self.states[deeds].dropped.contains(&pool)
    }

    /// Requests that come late to the pools that are dropped after so many deeds.
    pub(super) fn late(&self, deeds: usize) -> Vec<Deed> {
        let dropped = self.states[deeds].dropped.iter();
        let late = dropped.map(|pool| Deed::Append {
            number: 1_000 + pool,
            rows: vec![Row {
                pool: *pool,
                customer: 0,
                id: 0,
                number: 100_000,
                is_old: false,
            }],
        });
        late.collect()
    }

    /// Forgets the deeds after so many: they were never done.
    pub(super) fn forget(&mut self, deeds: usize) {
        self.deeds.truncate(deeds);
        self.states.truncate(deeds + 1);
    }

    /// The next deed is this one.
    pub(super) fn add(&mut self, deed: Deed) {
        self.states.push(self.states[self.len()].after(&deed));
        self.deeds.push(deed);
    }

    /// The next deed is any.
    pub(super) fn add_any(&mut self) {
        let deed = self.any();
        self.add(deed);
    }

    /// The next deed brings records some of which are too old.
    pub(super) fn add_old(&mut self) {
        let mut deed = self.append(AGED);
        if let Deed::Append { rows, .. } = &mut deed {
            rows[0].is_old = true;
        }
        self.add(deed);
    }

    fn any(&mut self) -> Deed {
        let random = &mut self.random;
        let customer = random.below(3) as u32;
        match random.below(16) {
            0..=3 => Deed::Delete {
                pool: [PLAIN, UNIQUE, UNIQUE, QUIET, AGED][random.below(5) as usize],
                customer,
                below: self.number.saturating_sub(random.below(24) as u32),
            },
            // A request that was under way when its pool was dropped.
            4 if self.brief > BRIEF => self.append(self.brief - 1),
            5 if self.brief + 1 < POOLS => {
                self.brief += 1;
                Deed::Drop {
                    pool: self.brief - 1,
                }
            }
            _ => {
                let pool = [
                    PLAIN, PLAIN, PLAIN, PLAIN, UNIQUE, UNIQUE, UNIQUE, AGED, AGED, QUIET,
                ];
                let pool = [&pool[..], &[self.brief]].concat();
                let pool = pool[random.below(pool.len() as u64) as usize];
                self.append(pool)
            }
        }
    }

    fn append(&mut self, pool: usize) -> Deed {
        let count = 1 + self.random.below(4);
        let rows = (0..count).map(|_| {
            self.number += 1;
            Row {
                pool,
                customer: self.random.below(3) as u32,
                id: if pool == UNIQUE {
                    self.random.below(5) as u32
                } else {
                    0
                },
                number: self.number,
                is_old: pool == AGED && self.random.one_in(3),
            }
        });
        let rows = rows.collect();
        let number = self.len();
        Deed::Append { number, rows }
    }
}
