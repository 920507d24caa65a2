//! Sends batches, again where that helps, and keeps count.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::CommandError;
use super::idempotency::Identity;
use super::source::Batch;
use crate::client::{Body, Client, ClientError, segment};
use crate::output::printable;

/// How often one batch is tried while the server says nothing of when it will
/// take it.
const ATTEMPTS: u32 = 12;
/// How long a server may be asking for patience.
const PATIENCE: Duration = Duration::from_secs(900);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A server may ask for more patience than we have by ourselves.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// Faults that are kept; all are counted.
const KEPT: usize = 100;

/// A rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct LineFault {
    /// Where the record stands in its file.
    pub(super) line: u64,
    /// The kind of fault.
    pub(super) code: String,
    /// The field at fault.
    pub(super) field: Option<String>,
    /// The rule that was broken.
    pub(super) message: String,
}

impl LineFault {
    /// A record that cannot be sent.
    pub(super) fn local(line: u64, message: String) -> Self {
        Self {
            line,
            code: "malformed_record".to_owned(),
            field: None,
            message,
        }
    }

    fn read(value: &Value, lines: &[u64]) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(printable);
        let index = usize::try_from(value.get("index")?.as_u64()?).ok()?;
        Some(Self {
            line: *lines.get(index)?,
            code: text("code").unwrap_or_default(),
            field: text("field"),
            message: text("message").unwrap_or_default(),
        })
    }

    /// The fault as the answers of the API have it, with the line for the
    /// index, or whatever else the place is called.
    pub(super) fn json(&self, place: &str) -> Value {
        json!({ place: self.line, "code": self.code, "field": self.field, "message": self.message })
    }
}

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct Outcome {
    /// Durable and visible.
    pub(in crate::commands) accepted: u64,
    /// Rejected.
    pub(in crate::commands) rejected: u64,
    /// Batches that were answered.
    pub(super) requests: u64,
    /// The first of the rejected records.
    pub(super) faults: Vec<LineFault>,
}

/// Waiting, passed in so that tests do not.
pub(in crate::commands) trait Patience {
    /// Returns after `wait`.
    fn wait(&self, wait: Duration);
}

/// Waits as long as it says.
#[derive(Debug)]
pub(in crate::commands) struct Sleep;

impl Patience for Sleep {
    #[expect(
        clippy::disallowed_methods,
        reason = "a busy server gives no sign when it is free again; time is all there is to wait for"
    )]
    fn wait(&self, wait: Duration) {
        std::thread::sleep(wait);
    }
}

/// A batch with what makes a repetition of it the same batch.
#[derive(Debug)]
pub(super) struct Job {
    /// Its place among the batches.
    pub(super) index: u64,
    /// The idempotency key.
    key: String,
    /// The batch.
    pub(super) batch: Batch,
}

/// Where the batches of one import go.
pub(in crate::commands) struct Road<'a> {
    client: &'a Client,
    path: String,
    patience: &'a (dyn Patience + Sync),
}

impl Road<'_> {
    /// Sends a batch. When this returns well, every record of it is stored or
    /// counted as rejected in the receipt. `say` hears of waits.
    ///
    /// # Errors
    /// When the server refuses the batch as a whole, or could not be brought
    /// to take it.
    fn send(&self, body: Body<'_>, key: &str, say: &dyn Fn(&str)) -> Result<Value, CommandError> {
        let answer = persist(self.patience, say, || {
            self.client.post_once(&self.path, body, key)
        })?;
        let receipt = serde_json::from_slice(&answer);
        receipt.map_err(|error| self.foreign(&error.to_string()))
    }

    fn foreign(&self, reason: &str) -> CommandError {
        let error = ClientError::Foreign {
            url: self.client.url().to_owned(),
            reason: reason.to_owned(),
        };
        error.into()
    }

    /// Sends the batch of a job, unless none of its records can be sent.
    ///
    /// # Errors
    /// As of [`Road::send`].
    pub(super) fn carry(
        &self,
        job: &Job,
        say: &dyn Fn(&str),
    ) -> Result<Option<Value>, CommandError> {
        if job.batch.lines.is_empty() {
            return Ok(None);
        }
        let body = Body {
            media_type: job.batch.media_type,
            bytes: &job.batch.body,
        };
        self.send(body, &job.key, say).map(Some)
    }
}

/// Keeps count of what is sent to one pool.
pub(in crate::commands) struct Sender<'a> {
    road: Road<'a>,
    identity: Identity,
    index: u64,
    outcome: Outcome,
}

impl<'a> Sender<'a> {
    /// A sender that has sent nothing.
    pub(in crate::commands) fn new(
        client: &'a Client,
        pool: &str,
        identity: Identity,
        patience: &'a (dyn Patience + Sync),
    ) -> Self {
        Self {
            road: Road {
                client,
                path: format!("/v1/pools/{}/records", segment(pool)),
                patience,
            },
            identity,
            index: 0,
            outcome: Outcome::default(),
        }
    }

    /// Where batches go.
    pub(super) fn road(&self) -> Road<'a> {
        Road {
            path: self.road.path.clone(),
            ..self.road
        }
    }

    /// What became of the records so far.
    pub(in crate::commands) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What became of the records.
    pub(in crate::commands) fn into_outcome(self) -> Outcome {
        self.outcome
    }

    /// The next batch as a job. Batches are asked for in their order.
    pub(super) fn job(&mut self, batch: Batch) -> Job {
        let index = self.index;
        let key = match batch.lines.is_empty() {
            true => String::new(),
            false => self.next_key(&batch.body),
        };
        Job { index, key, batch }
    }

    fn next_key(&mut self, body: &[u8]) -> String {
        let key = self.identity.key(self.index, body);
        self.index += 1;
        key
    }

    /// Counts the records of a job that was carried.
    ///
    /// # Errors
    /// When the receipt does not count every record.
    pub(super) fn count(&mut self, job: Job, receipt: Option<&Value>) -> Result<(), CommandError> {
        if let Some(receipt) = receipt {
            self.count_receipt(receipt, &job.batch.lines)?;
        }
        self.outcome.rejected += job.batch.faults.len() as u64;
        self.keep(job.batch.faults);
        Ok(())
    }

    /// Sends one body whose records stand on these lines of their file.
    ///
    /// # Errors
    /// When the server refuses the batch as a whole, or could not be brought
    /// to take it.
    pub(in crate::commands) fn post(
        &mut self,
        body: Body<'_>,
        lines: &[u64],
        say: &dyn Fn(&str),
    ) -> Result<(), CommandError> {
        let key = self.next_key(body.bytes);
        let receipt = self.road.send(body, &key, say)?;
        self.count_receipt(&receipt, lines)
    }

    fn count_receipt(&mut self, receipt: &Value, lines: &[u64]) -> Result<(), CommandError> {
        let count = |name: &str| receipt.get(name).and_then(Value::as_u64);
        let (Some(accepted), Some(rejected)) = (count("accepted"), count("rejected")) else {
            return Err(self.road.foreign("the receipt does not count the records"));
        };
        if accepted + rejected != lines.len() as u64 {
            return Err(self.road.foreign("the receipt does not count every record"));
        }
        self.outcome.requests += 1;
        self.outcome.accepted += accepted;
        self.outcome.rejected += rejected;
        let faults = receipt.get("errors").and_then(Value::as_array);
        let faults = faults.into_iter().flatten();
        self.keep(
            faults
                .filter_map(|fault| LineFault::read(fault, lines))
                .collect(),
        );
        Ok(())
    }

    fn keep(&mut self, faults: Vec<LineFault>) {
        let all = &mut self.outcome.faults;
        all.extend(faults);
        all.sort_by_key(|fault| fault.line);
        all.truncate(KEPT);
    }
}

/// Tries until it works, cannot work, or has been tried often enough. The
/// waits double, and are as long as the server asks for where it does.
pub(super) fn persist<T>(
    patience: &dyn Patience,
    say: &dyn Fn(&str),
    mut attempt: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let (mut own_wait, mut attempts, mut patience_left) = (FIRST_WAIT, 1, PATIENCE);
    loop {
        let error = match attempt() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(asked) = error.retry() else {
            return Err(error);
        };
        let is_over = match asked {
            Some(_) => patience_left.is_zero(),
            None => attempts >= ATTEMPTS,
        };
        if is_over {
            return Err(error);
        }
        let wait = match asked {
            Some(asked) => asked.min(LONGEST_ASKED).max(FIRST_WAIT),
            None => {
                attempts += 1;
                let longer = (own_wait * 2).min(LONGEST_WAIT);
                std::mem::replace(&mut own_wait, longer)
            }
        };
        patience_left = patience_left.saturating_sub(wait);
        let reason = match error {
            ClientError::Refused(_) => "the server is busy",
            _ => "no connection",
        };
        say(&format!(
            "{reason}, next try in {:.1} s",
            wait.as_secs_f64()
        ));
        patience.wait(wait);
    }
}
