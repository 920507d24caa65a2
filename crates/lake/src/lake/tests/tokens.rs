//! The lake as the workload of power cuts drives it. A token is one request of a client; its
//! number says which kind of request it is.
//!
//! Every request ends with a batch in the main pool that marks the token: three records that are
//! there together or not at all, under an idempotency key. Before it, by kind:
//!
//! | number mod 8 | |
//! | --- | --- |
//! | 2, 7 | a delete of the client's *victims*: one more record of every batch |
//! | 3 | a batch into a pool of its own |
//! | 5 | a drop of that pool |
//! | 6 | a late batch into the dropped pool, as of a request that was under way |

use std::cell::Cell;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use model::answers::AppendReceipt;
use model::permit::{Access, AdmittedBatch, Idempotency, Permit};
use model::pools::Pool;
use model::time::ManualClock;
use model::value::Value;

use super::fixtures::{access, admit, deleting, environment, filter, json, noon, open_pool, pool};
use super::fixtures::{readable, small};
use crate::disk::Disk;
use crate::error::Result as LakeResult;
use crate::journal::JournalError;
use crate::lake::delete::delete_operation;
use crate::lake::{Lake, append_operation, drop_operation, new_receipt};
use crate::simulation::SimulatedDisk;
use crate::simulation::workload::{Answer, Store, Token};
use crate::store::{Operation, Outcome, Pools};

const CLIENTS: u32 = 4;
/// Pools of each client's own that exist from the start.
const POOLS: u32 = 64;

fn generation(number: u32) -> u32 {
    number / 8
}

/// The pool that every client writes to.
pub(crate) fn main_pool() -> &'static Arc<Pool> {
    static MAIN: OnceLock<Arc<Pool>> = OnceLock::new();
    MAIN.get_or_init(|| {
        let fields = r#"{"name":"main","schema":"open","isolation_field":"client","fields":[
            {"name":"client","type":"Int64"},{"name":"number","type":"Int64"},
            {"name":"part","type":"Int8"}]}"#;
        pool(1, fields)
    })
}

fn own_pool(client: u32, number: u32) -> &'static Arc<Pool> {
    static OWN: OnceLock<Vec<Arc<Pool>>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        (0..CLIENTS * POOLS)
            .map(|at| open_pool(1_000 + at))
            .collect()
    });
    &own[(client * POOLS + generation(number) % POOLS) as usize]
}

fn writer() -> &'static Access {
    static WRITER: OnceLock<Access> = OnceLock::new();
    WRITER.get_or_init(|| access(1))
}

/// What is driven: a lake, or something that is no longer quite one.
pub(crate) trait Subject: Sized {
    fn open(disk: Arc<dyn Disk>, known: Vec<Arc<Pool>>) -> Result<Self, String>;
    fn submit(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, JournalError>>;
    fn pools(&self) -> &Pools;
    fn close(self);
    /// The upkeep of tables, of this many kinds in turn.
    fn upkeep(&self, _: u32) {}
}

impl Subject for Lake {
    fn open(disk: Arc<dyn Disk>, known: Vec<Arc<Pool>>) -> Result<Self, String> {
        let clock = Arc::new(ManualClock::new(noon()));
        Lake::open(environment(disk, clock), known, small()).map_err(|error| error.to_string())
    }
    fn submit(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, JournalError>> {
        self.journal.submit_all_blocking(operations)
    }
    fn pools(&self) -> &Pools {
        &self.pools
    }
    fn close(self) {
        Lake::close(&self);
    }
    fn upkeep(&self, turn: u32) {
        let permit = Permit::ours();
        // After a cut every piece fails; what was stored then shows at the next opening.
        let _ = match turn % 4 {
            0 => self.flush(&permit),
            1 => self.upkeep(&permit).map(drop),
            2 => self.compact(&permit),
            _ => self.upkeep(&permit).map(drop),
        };
    }
}

/// A lake that stores tokens.
pub(crate) struct TokenLake<S> {
    subject: S,
    junk: Cell<u32>,
}

/// A batch of a token's records, some of which are refused, under the token's idempotency key.
fn batch(token: Token, pool: &Arc<Pool>, kind: &str) -> AdmittedBatch {
    let Token { client, number } = token;
    let filler = "x".repeat(((client * 131 + number * 97) % 400) as usize);
    let mut records: Vec<Value> = (0..3)
        .map(|part| {
            json(&format!(
                r#"{{"client":{client},"number":{number},"part":{part},"filler":"{filler}"}}"#
            ))
        })
        .collect();
    if number % 5 == 0 {
        records.insert(1, Value::from("no record"));
    }
    records.push(json(&format!(
        r#"{{"client":{client},"number":{number},"victim":true}}"#
    )));
    let idempotency = Idempotency {
        key: format!("{kind} {client} {number}"),
        fingerprint: [(client * 16 + number) as u8; 32],
    };
    admit(
        writer(),
        pool,
        &Value::Array(records),
        Some(idempotency),
        noon(),
    )
}

fn operation(batch: &AdmittedBatch) -> Operation {
    append_operation(batch, &new_receipt(batch), usize::MAX).unwrap()
}

/// What a token's request is made of, in order, and the answer that its last part gets.
fn request(token: Token) -> (Vec<Operation>, AppendReceipt) {
    let Token { client, number } = token;
    let own = own_pool(client, number);
    let mut operations = Vec::new();
    match number % 8 {
        2 | 7 => {
            let victims = format!(
                r#"[{{"field":"client","operator":"eq","value":{client}}},
                    {{"field":"victim","operator":"eq","value":true}}]"#
            );
            let delete = deleting(writer(), main_pool(), Some(filter(&victims)));
            operations.push(delete_operation(&delete, None));
        }
        3 => operations.push(operation(&batch(token, own, "own"))),
        5 => operations.push(drop_operation(own.id)),
        6 => operations.push(operation(&batch(token, own, "late"))),
        _ => {}
    }
    let mark = batch(token, main_pool(), "mark");
    operations.push(operation(&mark));
    (operations, new_receipt(&mark))
}

impl<S: Subject> TokenLake<S> {
    pub(crate) fn on(disk: Arc<dyn Disk>) -> Result<Self, String> {
        let own = (0..CLIENTS)
            .flat_map(|client| (0..POOLS).map(move |at| own_pool(client, at * 8).clone()));
        let known = own.chain([main_pool().clone()]).collect();
        Ok(Self {
            subject: S::open(disk, known)?,
            junk: Cell::new(0),
        })
    }

    pub(crate) fn subject(&self) -> &S {
        &self.subject
    }

    fn answer(outcome: &Result<Outcome, JournalError>, expected: &AppendReceipt) -> Answer {
        match outcome {
            Ok(Outcome::Done(Ok(_)) | Outcome::Deleted(Ok(_))) => Answer::Acknowledged,
            Ok(Outcome::Repeated(saved)) => {
                let repeated = AppendReceipt {
                    accepted: saved.accepted,
                    rejected: saved.rejected,
                    faults: saved.faults.clone(),
                    repeated: false,
                    saved_at: expected.saved_at.map(|_| saved.at),
                };
                assert_eq!(&repeated, expected, "a repetition was answered otherwise");
                Answer::Acknowledged
            }
            Err(JournalError::Stopped) => Answer::Unknown,
            other => panic!("{other:?}"),
        }
    }
}

/// The number of a token that cannot be: what the loop makes a violation of.
const IMPOSSIBLE: u32 = 0;

/// What is there of one token.
#[derive(Debug, Default)]
struct Found {
    parts: Vec<i128>,
    victims: usize,
}

fn integer(record: &BTreeMap<String, Value>, name: &str) -> Option<i128> {
    match record.get(name) {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    }
}

fn token_of(record: &BTreeMap<String, Value>) -> Option<Token> {
    Some(Token {
        client: u32::try_from(integer(record, "client")?).ok()?,
        number: u32::try_from(integer(record, "number")?).ok()?,
    })
}

fn is_delete(number: u32) -> bool {
    matches!(number % 8, 2 | 7)
}

/// Whether the victims of a client are as its tokens say: gone up to the last delete, there after
/// it, unless the next request is a delete whose answer nobody has.
fn victims_are_right(last: u32, victims: &BTreeMap<u32, usize>) -> bool {
    let deleted = (1..=last).rev().find(|number| is_delete(*number));
    let kept: BTreeSet<u32> = (deleted.unwrap_or(1)..=last).collect();
    let all = victims.len() == kept.len()
        && victims
            .iter()
            .all(|(number, count)| *count == 1 && kept.contains(number));
    let may_be_deleted = is_delete(last + 1);
    all || (may_be_deleted && victims.is_empty())
}

impl<S: Subject> TokenLake<S> {
    /// Whether the client's own pools are as its tokens say.
    fn own_pools_are_right(&self, client: u32, last: u32) -> LakeResult<bool> {
        for at in 0..=generation(last) {
            let written = Token {
                client,
                number: at * 8 + 3,
            };
            let own = self.subject.pools().snapshot(own_pool(client, at * 8));
            let held = readable(&own)?;
            let complete =
                held.len() == 4 && held.iter().all(|record| token_of(record) == Some(written));
            let is_right = match last.cmp(&written.number) {
                // The answer to what comes next may be lost: the batch, the drop.
                Less => held.is_empty() || (complete && last + 1 == written.number),
                Equal => complete,
                Greater => held.is_empty() || (complete && last == written.number + 1),
            };
            if !is_right {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<S: Subject> Store for TokenLake<S> {
    /// Files hold records in another order than that of their arrival.
    const KEEPS_ORDER: bool = false;

    fn open(disk: &SimulatedDisk) -> Result<Self, String> {
        Self::on(Arc::new(disk.clone()))
    }

    fn write(&self, tokens: &[Token]) -> Vec<Answer> {
        let contents = self.contents().unwrap_or_default();
        let mut sent: BTreeSet<Token> = contents.into_iter().collect();
        let (mut operations, mut expected) = (Vec::new(), Vec::new());
        for token in tokens {
            let (mut parts, receipt) = request(*token);
            if !sent.insert(*token) {
                // A repetition; a delete or drop is not sent again then.
                parts.drain(..parts.len() - 1);
            }
            operations.append(&mut parts);
            expected.push((operations.len() - 1, receipt));
        }
        let outcomes = self.subject.submit(operations);
        expected
            .iter()
            .map(|(at, receipt)| Self::answer(&outcomes[*at], receipt))
            .collect()
    }

    /// The tokens whose batch is there, in order; an impossible one for each that is there in
    /// part, and for each client whose other requests left something else than they said.
    fn contents(&self) -> Option<Vec<Token>> {
        let mut found: BTreeMap<Token, Found> = BTreeMap::new();
        for record in readable(&self.subject.pools().snapshot(main_pool())).ok()? {
            let Some(token) = token_of(&record) else {
                continue;
            };
            let entry = found.entry(token).or_default();
            match integer(&record, "part") {
                None => entry.victims += 1,
                Some(part) => entry.parts.push(part),
            }
        }
        let mut order = Vec::new();
        let mut last: BTreeMap<u32, (u32, BTreeMap<u32, usize>)> = BTreeMap::new();
        for (token, Found { parts, victims }) in &found {
            let count = |part| parts.iter().filter(|found| **found == part).count();
            let batches = count(0);
            order.extend(std::iter::repeat_n(*token, batches));
            if parts.len() != 3 * batches || [1, 2].map(count) != [batches; 2] {
                order.push(Token {
                    number: IMPOSSIBLE,
                    ..*token
                });
            }
            let (last, left) = last.entry(token.client).or_default();
            if !parts.is_empty() {
                *last = token.number;
            }
            if *victims > 0 {
                left.insert(token.number, *victims);
            }
        }
        for (client, (last, victims)) in last {
            if !victims_are_right(last, &victims) || !self.own_pools_are_right(client, last).ok()? {
                order.push(Token {
                    client,
                    number: IMPOSSIBLE,
                });
            }
        }
        Some(order)
    }

    fn upkeep(&self) {
        // The loop learns of a cut here by writing again what is stored, so something must be.
        if self.contents().is_none_or(|contents| contents.is_empty()) {
            return;
        }
        let number = self.junk.get() + 1;
        self.junk.set(number);
        let records = json(&format!(r#"[{{"junk":{number}}}]"#));
        let junk = filter(r#"{"field":"junk","operator":"exists","value":true}"#);
        let batch = admit(writer(), main_pool(), &records, None, noon());
        let delete = deleting(writer(), main_pool(), Some(junk));
        self.subject
            .submit(vec![operation(&batch), delete_operation(&delete, None)]);
        self.subject.upkeep(number);
    }

    fn close(self) {
        self.subject.close();
    }
}
