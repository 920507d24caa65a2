//! Lakes that break one promise each: what is proven of the lake must fail for them.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use model::filters::Constraint;
use model::pools::Pool;
use model::time::ManualClock;

use crate::buffer::Segment;
use crate::columns::Layout;
use crate::disk::{Disk, DiskError, DiskFile, DiskLock};
use crate::journal::{Journal, JournalError, Position, Prepared, StateMachine};
use crate::lake::Lake;
use crate::lake::tests::fixtures::{directory, filter, noon, small};
use crate::lake::tests::tokens::{Subject, main_pool};
use crate::manifest::Removal;
use crate::operation::IdempotencyTag;
use crate::simulation::SimulatedDisk;
use crate::store::answers::SavedAnswers;
use crate::store::records::Span;
use crate::store::{Operation, Outcome, Pools, Records, Store, Why};
use crate::tables::Tables;
use crate::uniqueness::RecentTokens;

/// What a state machine does wrong.
pub(crate) trait Damage: Send + 'static {
    /// After an operation was prepared for writing.
    fn prepared(_: &mut Broken<Self>, _: &Operation)
    where
        Self: Sized,
    {
    }
    /// Before an operation is applied.
    fn applying(_: &mut Broken<Self>, operation: Operation) -> Operation
    where
        Self: Sized,
    {
        operation
    }
    /// After an operation was applied or replayed.
    fn done(_: &mut Store) {}
    /// After an operation was applied.
    fn applied(_: &mut Store) {}
    /// After an operation was replayed.
    fn replayed(_: &mut Store) {}
    /// Whether a payload is replayed.
    fn replays(_: &[u8]) -> bool {
        true
    }
}

/// Is as it should be.
pub(crate) enum DoesNoDamage {}
impl Damage for DoesNoDamage {}

/// Does not know at a restart what it answered before.
pub(crate) enum ForgetsAnswers {}
impl Damage for ForgetsAnswers {
    fn replayed(store: &mut Store) {
        store.answers = SavedAnswers::new(Arc::new(ManualClock::new(noon())), u64::MAX);
    }
}

/// Does not know that the same request is being written.
pub(crate) enum ForgetsPending {}
impl Damage for ForgetsPending {
    fn prepared(broken: &mut Broken<Self>, _: &Operation) {
        broken.store.pending.clear();
    }
}

/// Shows records that are not durable yet.
pub(crate) enum AppliesBeforeSync {}
impl Damage for AppliesBeforeSync {
    fn prepared(broken: &mut Broken<Self>, operation: &Operation) {
        if let Operation::Append {
            pool,
            segment,
            saved: Some((tag, _)),
            ..
        } = operation
            && broken.shown.insert(tag.clone())
        {
            let span = Span::of(Position::FIRST);
            broken
                .store
                .pools
                .push(span, pool, segment.clone())
                .unwrap();
        }
    }

    fn applying(_: &mut Broken<Self>, operation: Operation) -> Operation {
        match operation {
            Operation::Append {
                pool,
                payload,
                saved: Some(saved),
                ..
            } => {
                let nothing = Segment::of_records(&Layout::of(&pool.draft.schema), &[]).unwrap();
                Operation::Append {
                    pool,
                    payload,
                    segment: nothing,
                    saved: Some(saved),
                    tokens: None,
                }
            }
            other => other,
        }
    }
}

/// Does not replay deletes.
pub(crate) enum ForgetsDeletes {}
impl Damage for ForgetsDeletes {
    fn replays(payload: &[u8]) -> bool {
        payload[1] != 2
    }
}

/// Does not replay drops.
pub(crate) enum ForgetsDrops {}
impl Damage for ForgetsDrops {
    fn replays(payload: &[u8]) -> bool {
        payload[1] != 3
    }
}

/// Lets a request that was under way bring a dropped pool back.
pub(crate) enum RevivesPools {}
impl Damage for RevivesPools {
    fn done(store: &mut Store) {
        let dropped = store.pools.dropped.write();
        dropped.unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Shows a batch without one of its records.
pub(crate) enum ShowsParts {}
impl Damage for ShowsParts {
    fn applied(store: &mut Store) {
        let part = filter(r#"{"field":"part","operator":"eq","value":2}"#);
        let removal = Removal::new(Position::FIRST, noon(), Constraint::AllRows, Some(part));
        store
            .pools
            .delete(main_pool(), removal, None, Why::Asked)
            .unwrap();
    }
}

impl Records {
    /// Forgets which records in files were replaced: those of which files were
    /// not told yet.
    pub(crate) fn forget_keys(&mut self) {
        self.buffer.forget_keys();
    }

    /// Forgets the keys of the records that are being written to files.
    pub(crate) fn forget_frozen_keys(&mut self) {
        self.buffer.forget_frozen_keys();
    }

    /// Forgets which rows of files are replaced.
    pub(crate) fn forget_replaced(&mut self) {
        for file in Arc::make_mut(&mut self.manifest.files).edit() {
            Arc::make_mut(file).replaced = None;
        }
    }
}

/// A store and what is wrong with it.
pub(crate) struct Broken<M> {
    store: Store,
    shown: HashSet<IdempotencyTag>,
    damage: PhantomData<M>,
}

impl<M: Damage> StateMachine for Broken<M> {
    type Operation = Operation;
    type Outcome = Outcome;

    fn prepare(&mut self, operation: &Operation, payload: &mut Vec<u8>) -> Prepared<Outcome> {
        let prepared = self.store.prepare(operation, payload);
        if matches!(prepared, Prepared::Write) {
            M::prepared(self, operation);
        }
        prepared
    }
    fn apply(&mut self, position: Position, operation: Operation) -> Outcome {
        let operation = M::applying(self, operation);
        let outcome = self.store.apply(position, operation);
        M::applied(&mut self.store);
        M::done(&mut self.store);
        outcome
    }
    fn abandon(&mut self, operation: &Operation) {
        self.store.abandon(operation);
    }
    fn parts(&self, payload: &[u8], limit: usize) -> Option<Vec<Vec<u8>>> {
        self.store.parts(payload, limit)
    }
    fn survey(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        self.store.survey(position, payload)
    }
    fn replay(&mut self, position: Position, payload: &[u8]) -> Result<(), JournalError> {
        if M::replays(payload) {
            self.store.replay(position, payload)?;
        }
        M::replayed(&mut self.store);
        M::done(&mut self.store);
        Ok(())
    }
}

/// A lake round a broken state machine.
pub(crate) struct Mutant<M: Damage> {
    journal: Journal<Broken<M>>,
    pools: Arc<Pools>,
}

impl<M: Damage> Subject for Mutant<M> {
    fn open(disk: Arc<dyn Disk>, known: Vec<Arc<Pool>>) -> Result<Self, String> {
        let tables = Path::new(SimulatedDisk::ROOT).join("tables");
        let tables = Tables::new(disk.clone(), &tables, 1 << 20);
        let pools = Arc::new(Pools::new(Arc::new(tables)));
        let clock = Arc::new(ManualClock::new(noon()));
        let (store, replay) = Store::new(
            pools.clone(),
            u64::MAX,
            clock,
            known,
            Arc::new(RecentTokens::new(usize::MAX)),
        );
        let machine = Broken {
            store,
            shown: HashSet::new(),
            damage: PhantomData,
        };
        let journal = Journal::open(disk, &directory(), small().journal, machine)
            .map_err(|error| error.to_string())?;
        replay.lock().unwrap().finish().unwrap();
        Ok(Self { journal, pools })
    }
    fn submit(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, JournalError>> {
        self.journal.submit_all_blocking(operations)
    }
    fn pools(&self) -> &Pools {
        &self.pools
    }
    fn close(self) {
        self.journal.close();
    }
}

/// The lake as it is, on a disk whose syncs of files do nothing.
pub(crate) struct LyingDisk(Lake);

impl Subject for LyingDisk {
    fn open(disk: Arc<dyn Disk>, known: Vec<Arc<Pool>>) -> Result<Self, String> {
        <Lake as Subject>::open(Arc::new(NoSync(disk)), known).map(Self)
    }
    fn submit(&self, operations: Vec<Operation>) -> Vec<Result<Outcome, JournalError>> {
        self.0.submit(operations)
    }
    fn pools(&self) -> &Pools {
        Subject::pools(&self.0)
    }
    fn close(self) {
        Subject::close(self.0);
    }
}

#[derive(Debug)]
struct NoSync<T: ?Sized>(Arc<T>);

impl Disk for NoSync<dyn Disk> {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(Arc::new(NoSync(self.0.create(path)?)))
    }
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>, DiskError> {
        Ok(Arc::new(NoSync(self.0.open(path)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.0.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.0.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.0.remove(path)
    }
    fn list(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        self.0.list(directory)
    }
    fn create_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.0.create_directory(path)
    }
    fn sync_directory(&self, path: &Path) -> Result<(), DiskError> {
        self.0.sync_directory(path)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.0.lock(path)
    }
}

impl DiskFile for NoSync<dyn DiskFile> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.write_at(offset, bytes)
    }
    fn length(&self) -> Result<u64, DiskError> {
        self.0.length()
    }
    fn sync_data(&self) -> Result<(), DiskError> {
        Ok(())
    }
    fn sync_all(&self) -> Result<(), DiskError> {
        Ok(())
    }
}
