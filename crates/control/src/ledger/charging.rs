//! Charges on their way to the database: all that wait share a transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::credits::Tier;
use model::ids::KeyId;
use model::keys::DerivedId;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::account::Reserved;
use super::batches::SavedBatch;
use super::{DayRow, Reservation};
use crate::control::{Control, Inner};
use crate::error::{ControlError, InternalError};
use crate::store::{BatchWrite, Claim, DerivedRow, Store, Write};
use crate::writer::{Link, Writer};

/// A charge that waits for its transaction.
#[derive(Debug)]
pub(super) struct Waiting {
    reservation: Reservation,
    actual: u64,
    what: What,
    /// Whether a transaction failed that it was in. Then it may be written or
    /// not, and is told already.
    is_held: bool,
    /// Whom it is told to: all who repeated the batch meanwhile, too.
    done: Vec<Done>,
}

type Done = oneshot::Sender<Result<(), Arc<ControlError>>>;

/// What is charged.
#[derive(Debug)]
enum What {
    /// An answer, which is not sent where the charge fails.
    Answer,
    /// What is stored and cannot be taken back.
    Stored(Option<SavedBatch>),
    /// What is stored and was perhaps charged before.
    Repeated(SavedBatch),
}

impl What {
    fn batch(&self) -> Option<&SavedBatch> {
        match self {
            Self::Answer => None,
            Self::Stored(batch) => batch.as_ref(),
            Self::Repeated(batch) => Some(batch),
        }
    }
}

impl Control {
    /// Charges `actual` of what was set aside, and gives the rest back. When
    /// it returns, the charge is on stable storage. A caller that stops waiting
    /// does not stop the charge.
    ///
    /// # Errors
    /// Nothing was charged, and all was given back.
    pub async fn charge(&self, reservation: Reservation, actual: u64) -> Result<(), ControlError> {
        self.charge_for(reservation, actual, What::Answer).await
    }

    /// The same for what is stored already: where the charge cannot be
    /// written, it counts all the same, and is written with the next one.
    /// A batch whose answer is saved is charged once, whoever repeats it.
    ///
    /// # Errors
    /// The charge was not carried out at all.
    pub async fn charge_done(
        &self,
        reservation: Reservation,
        actual: u64,
        batch: Option<SavedBatch>,
    ) -> Result<(), ControlError> {
        self.charge_for(reservation, actual, What::Stored(batch))
            .await
    }

    /// Charges a batch whose saved answer is repeated, if it is not charged:
    /// a kill may have come between storing and charging it.
    ///
    /// # Errors
    /// Whether it is charged is not known; it is not answered then.
    pub async fn charge_repeated(
        &self,
        reservation: Reservation,
        actual: u64,
        batch: SavedBatch,
    ) -> Result<(), ControlError> {
        self.charge_for(reservation, actual, What::Repeated(batch))
            .await
    }

    async fn charge_for(
        &self,
        reservation: Reservation,
        actual: u64,
        what: What,
    ) -> Result<(), ControlError> {
        let actual = actual.min(reservation.cost);
        if actual == 0 || !reservation.is_of_something() {
            return Ok(());
        }
        let (done, outcome) = oneshot::channel();
        self.0.ledger.waiting().push(Waiting {
            reservation,
            actual,
            what,
            is_held: false,
            done: vec![done],
        });
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.charge_waiting().await });
        let lost = || InternalError::new("a charge was not carried out").into();
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match &*error {
                ControlError::Full => ControlError::Full,
                other => InternalError::new(format!("charging credits: {other}")).into(),
            }),
            Err(_) => Err(lost()),
        }
    }
}

impl Inner {
    /// Writes all charges that wait in one transaction. Who holds the writer
    /// finds those of all who wait for it, and these then find none.
    pub(crate) async fn charge_waiting(self: Arc<Self>) {
        let writer = self.writer().await;
        let waiting = std::mem::take(&mut *self.ledger.waiting());
        if waiting.is_empty() {
            return;
        }
        // Left in there by whatever fails before they take effect.
        let waiting = Arc::new(Mutex::new(waiting));
        let written = match writer {
            Err(error) => Err(error),
            Ok(writer) => self.write_charges(writer, &waiting).await,
        };
        if let Err(error) = written {
            let error = Arc::new(error);
            for waiting in taken(&waiting) {
                self.was_not_written(waiting, &error);
            }
        }
    }

    async fn write_charges(
        self: &Arc<Self>,
        mut writer: OwnedMutexGuard<Writer>,
        waiting: &Arc<Mutex<Vec<Waiting>>>,
    ) -> Result<(), ControlError> {
        self.part_charged(&mut writer, waiting).await?;
        let writes = writes_of(&lock(waiting));
        if writes.is_empty() {
            return Ok(());
        }
        let (ordinal, charged) = (writer.ordinal, Arc::clone(waiting));
        let apply = move |_: &Self| taken(&charged).into_iter().for_each(Waiting::charged);
        self.carry_out(writer, writes, ordinal, Claim::Nothing, apply)
            .await
    }

    /// Takes those out whose batch is charged already, and makes one of those
    /// of one batch.
    async fn part_charged(
        &self,
        writer: &mut Writer,
        waiting: &Mutex<Vec<Waiting>>,
    ) -> Result<(), ControlError> {
        if lock(waiting).iter().all(|one| one.what.batch().is_none()) {
            return Ok(());
        }
        let Link::Open(store) = &mut writer.link else {
            return Err(InternalError::new("the writer was given without a database").into());
        };
        let mut all = taken(waiting);
        // Those first that may be in the database by themselves.
        all.sort_by_key(|one| !one.is_held);
        let (mut all, mut places) = (all.into_iter(), HashMap::new());
        while let Some(mut one) = all.next() {
            let batch = one.what.batch().cloned();
            if let Some(place) = batch.as_ref().and_then(|batch| places.get(batch)) {
                let place: usize = *place;
                let mut waiting = lock(waiting);
                let same = waiting.get_mut(place).map(|same| &mut same.done);
                same.into_iter().for_each(|done| done.append(&mut one.done));
                continue;
            }
            match self.is_charged_before(&one, store).await {
                Ok(true) => one.tell(&Ok(())),
                Ok(false) => {
                    let mut waiting = lock(waiting);
                    places.extend(batch.map(|batch| (batch, waiting.len())));
                    waiting.push(one);
                }
                Err(error) => {
                    let mut waiting = lock(waiting);
                    waiting.push(one);
                    waiting.extend(all);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn is_charged_before(
        &self,
        waiting: &Waiting,
        store: &mut Store,
    ) -> Result<bool, ControlError> {
        match &waiting.what {
            // Its total and its batch are written again, and stay the same.
            _ if waiting.is_held => Ok(false),
            What::Answer | What::Stored(None) => Ok(false),
            What::Repeated(batch) if self.ledger.charged_until.holds(batch) => Ok(true),
            What::Stored(Some(batch)) | What::Repeated(batch) => store.is_charged(batch).await,
        }
    }

    /// The charge failed: what is stored counts all the same. One of a batch
    /// that can be repeated stays set aside until it is known to be written, so
    /// that total and batch are written together or not at all.
    fn was_not_written(&self, mut waiting: Waiting, error: &Arc<ControlError>) {
        let outcome = match &waiting.what {
            What::Answer => return waiting.tell(&Err(Arc::clone(error))),
            What::Repeated(_) => Err(Arc::clone(error)),
            What::Stored(_) => Ok(()),
        };
        if !waiting.is_held {
            tracing::warn!(%error, "a charge waits for the next one to be written");
        }
        if waiting.what.batch().is_none() {
            return waiting.charged();
        }
        let done = std::mem::take(&mut waiting.done);
        done.into_iter()
            .for_each(|done| drop(done.send(outcome.clone())));
        waiting.is_held = true;
        self.ledger.waiting().push(waiting);
    }
}

fn lock(waiting: &Mutex<Vec<Waiting>>) -> MutexGuard<'_, Vec<Waiting>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn taken(waiting: &Mutex<Vec<Waiting>>) -> Vec<Waiting> {
    std::mem::take(&mut *lock(waiting))
}

impl Waiting {
    /// Whoever asked may be gone. What is set aside is given back.
    fn tell(self, outcome: &Result<(), Arc<ControlError>>) {
        let Self {
            reservation, done, ..
        } = self;
        drop(reservation);
        for done in done {
            let _ = done.send(outcome.clone());
        }
    }

    /// It is on stable storage: what was set aside is charged.
    fn charged(mut self) {
        for reserved in &mut self.reservation.keys {
            reserved.settle(self.actual);
        }
        if let Some(reserved) = &mut self.reservation.slice {
            reserved.settle(self.actual);
        }
        self.tell(&Ok(()));
    }
}

fn writes_of(waiting: &[Waiting]) -> Vec<Write> {
    let mut writes: Vec<Write> = totals(waiting).into_iter().map(Write::Charge).collect();
    writes.extend(slices(waiting));
    let batches = waiting.iter().filter_map(|one| one.what.batch());
    writes.extend(batches.map(|batch| Write::Batch(BatchWrite::Charged(batch.clone()))));
    writes
}

/// What each day of an account comes to with these charges. Only the holder of
/// the writer charges, so nothing else is charged meanwhile.
fn totals(waiting: &[Waiting]) -> Vec<DayRow> {
    let mut totals = BTreeMap::new();
    let of_keys = waiting.iter().flat_map(|one| {
        let keys = one.reservation.keys.iter();
        keys.map(|reserved| (reserved, one.actual))
    });
    for (Reserved { account, day, .. }, actual) in of_keys {
        let total = totals
            .entry((account.key.to_bytes(), account.tier, *day))
            .or_insert_with(|| (account.key, account.charged(*day)));
        total.1 += actual;
    }
    let row = |((_, tier, day), (key, spent)): ((_, Tier, i32), (KeyId, u64))| DayRow {
        key,
        tier,
        day,
        spent: i64::try_from(spent).unwrap_or(i64::MAX),
    };
    totals.into_iter().map(row).collect()
}

/// What each slice comes to with these charges.
fn slices(waiting: &[Waiting]) -> Vec<Write> {
    let mut totals = BTreeMap::new();
    let of_slices = waiting.iter();
    let of_slices = of_slices.filter_map(|one| Some((one.reservation.slice.as_ref()?, one.actual)));
    for (slice, actual) in of_slices {
        let named = (slice.key.to_bytes(), slice.id.clone(), slice.tier);
        let total = totals
            .entry(named)
            .or_insert_with(|| (slice.key, slice.charged()));
        total.1 += actual;
    }
    let write = |((_, id, tier), (key, spent)): ((_, DerivedId, Tier), (KeyId, u64))| {
        let mut row = DerivedRow::of(key, id);
        row.spent[tier as usize] = spent;
        Write::ChargeDerived(row, tier)
    };
    totals.into_iter().map(write).collect()
}
