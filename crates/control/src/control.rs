//! The control plane as a whole: what is in memory, and the writer that keeps
//! memory and database the same.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::grants::{Grant, GrantLookup};
use model::ids::ProjectId;
use model::keys::{AuthError, Circumstances, Page};
use model::permit::{Access, Admin, Permit};
use model::pools::Pool;
use model::random::RandomSource;
use model::secrets::{Pepper, Secret};
use model::tickets::Ticket;
use model::time::{Clock, Timestamp};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::audit::Author;
use crate::callers::Callers;
use crate::change::{Change, check_still, still};
use crate::clock::{FalseTimes, HighWater};
use crate::definitions::Definitions;
use crate::derived::DerivedTokens;
use crate::error::{ControlError, Ended, Refusal};
use crate::grants::ProjectGrants;
use crate::leaks::Reporters;
use crate::ledger::{Ledger, first_day_read};
use crate::meters::Meters;
use crate::nonces::Nonces;
use crate::people::{People, Proving, StepUp};
use crate::pulse::Pulses;
use crate::reading::Readers;
use crate::sorted::SortedMap;
use crate::store::{Ballast, Store, TimeWrite, Write};
use crate::usage::Usage;
use crate::writer::{Link, Writer};

/// What the control plane takes from outside.
#[derive(Debug)]
pub struct ControlOptions {
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Ids and tokens are made of it.
    pub random: Arc<dyn RandomSource>,
    /// What tokens are hashed under; without the same one, no stored key
    /// lets anybody in.
    pub pepper: Pepper,
}

/// Who may do what: organizations, projects and their definitions.
///
/// Reading is from memory and never waits. A change is acknowledged when it
/// is on stable storage together with its audit entry, and in force for
/// every call that starts afterwards. A caller that stops waiting for a
/// change does not stop the change.
#[derive(Debug)]
pub struct Control(pub(crate) Arc<Inner>, pub(crate) Option<Arc<Proving>>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) file: PathBuf,
    pub(crate) options: ControlOptions,
    /// That of the options.
    pub(crate) clock: Arc<HighWater>,
    /// The latest time that was known at the start, and the clock's then.
    pub(crate) at_start: (Timestamp, Timestamp),
    /// When a false time was last taken back.
    pub(crate) accepted: Timestamp,
    pub(crate) false_times: FalseTimes,
    pub(crate) projects: ArcSwap<SortedMap<ProjectId, Arc<Definitions>>>,
    pub(crate) callers: Callers,
    pub(crate) people: People,
    pub(crate) nonces: Nonces,
    pub(crate) meters: Meters,
    pub(crate) ledger: Ledger,
    pub(crate) derived: DerivedTokens,
    pub(crate) usage: Usage,
    pub(crate) pulses: Pulses,
    pub(crate) reporters: Reporters,
    pub(crate) readers: Readers,
    /// Rings after every change that is in force.
    pub(crate) changes: watch::Sender<()>,
    pub(crate) writer: Arc<Mutex<Writer>>,
}

impl Control {
    /// Opens the file, which is made when there is none, brings its schema
    /// to this version and reads everything.
    ///
    /// # Errors
    /// [`ControlError::Refused`] when the file was written by a newer
    /// version, or another process has it open.
    pub async fn open(file: &Path, mut options: ControlOptions) -> Result<Self, ControlError> {
        let clock = HighWater::over(options.clock);
        options.clock = Arc::clone(&clock) as _;
        let mut store = Store::open(file).await?;
        let started = options.clock.now();
        let read = async {
            let times = (store.times().await?, store.false_times().await?);
            let charged = store.charges(first_day_read(started)).await?;
            Ok((times, charged, store.charged_until().await?))
        };
        let ((known, false_times), charged, charged_until) = match read.await {
            Ok(read) => read,
            Err(error) => {
                store.close().await;
                return Err(error);
            }
        };
        let inner = Inner {
            file: file.to_owned(),
            options,
            clock,
            at_start: (known.high, started),
            accepted: known.accepted,
            false_times,
            projects: ArcSwap::default(),
            callers: Callers::default(),
            people: People::default(),
            nonces: Nonces::beside(file).await?,
            meters: Meters::default(),
            ledger: Ledger::default(),
            derived: DerivedTokens::default(),
            usage: Usage::default(),
            pulses: Pulses::default(),
            reporters: Reporters::default(),
            readers: Readers::default(),
            changes: watch::Sender::new(()),
            writer: Arc::new(Mutex::new(Writer {
                link: Link::Closed,
                ordinal: 1,
                ballast: Ballast::beside(file),
            })),
        };
        inner.ledger.fill(charged);
        inner.clock.begin_behind(known);
        let now = inner.options.clock.now();
        inner.ledger.begin_batches(charged_until, now);
        let mut writer = Arc::clone(&inner.writer).lock_owned().await;
        inner.load(&mut writer, store).await?;
        writer.ballast.refill().await;
        drop(writer);
        let control = Self(Arc::new(inner), None);
        control.mark_start().await?;
        Ok(control)
    }

    /// Lets the holder of a token in, whose request is seen as this. Memory
    /// alone is asked; the use is noted.
    ///
    /// # Errors
    /// Says why not, for the log; the caller is told the same in all cases but
    /// those of a key's restrictions.
    pub fn authenticate(
        &self,
        presented: &Secret,
        seen: &Circumstances<'_>,
    ) -> Result<Access, AuthError> {
        let options = &self.0.options;
        self.0
            .callers
            .authenticate(presented, &options.pepper, seen, options.clock.now())
    }

    /// Lets the holder of a ticket in, to its one query, as long as the key and
    /// the secret that made it are in use. Memory alone is asked; the use of
    /// the key is noted.
    ///
    /// # Errors
    /// Says why not, for the log; the caller is told the same in all cases.
    pub fn admit(&self, ticket: &Ticket, seen: &Circumstances<'_>) -> Result<Access, AuthError> {
        let now = self.0.options.clock.now();
        self.0.callers.admit(ticket, seen, now)
    }

    /// Whether some key that may live in a page is for this one, in whatever
    /// project. What a browser asks before it shows the key.
    pub fn is_for_page(&self, page: &Page<'_>) -> bool {
        self.0.callers.is_for_page(page)
    }

    /// Whether a caller who was let in would be let in now, with the same rights.
    pub fn is_current(&self, access: &Access) -> bool {
        self.check_still(access).is_ok()
    }

    /// The control plane's time, which never steps back: what goes by keys
    /// goes by it.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.options.clock)
    }

    /// Tells of every change of any key, once it is in force.
    pub fn watch_keys(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Whether a caller who was let in may go on: its key would let it in
    /// now, with the same rights.
    ///
    /// # Errors
    /// Says why not.
    pub fn check_still(&self, access: &Access) -> Result<(), Ended> {
        let now = self.0.options.clock.now();
        if access.person().is_some() {
            let still = self.0.people.still(access, now);
            return still.then_some(()).ok_or(Ended::Changed);
        }
        let definitions = self.definitions(access.project());
        check_still(&definitions, access, now)?;
        self.check_derived(access, now)?;
        Ok(self.0.callers.check_heard(access.secret(), now)?)
    }

    /// What the project defines now; nothing, for a project that is not there.
    pub fn definitions(&self, project: ProjectId) -> Arc<Definitions> {
        let projects = self.0.projects.load();
        projects.get(&project).cloned().unwrap_or_default()
    }

    /// Every pool of every project that holds records, those of usage included.
    pub fn stored_pools(&self) -> Vec<Arc<Pool>> {
        let projects = self.0.projects.load();
        let pools = projects.values().flat_map(|project| project.stored_pools());
        pools.cloned().collect()
    }

    /// Every pool of every project that somebody made.
    pub fn pools(&self) -> Vec<Arc<Pool>> {
        let projects = self.0.projects.load();
        let pools = projects.values().flat_map(|project| project.pools());
        pools.cloned().collect()
    }

    /// What tokens are hashed under.
    pub fn pepper(&self) -> &Pepper {
        &self.0.options.pepper
    }

    /// What the reader of a key's grants must know of the project, at this
    /// moment; `existing` are the grants that the key has already.
    pub fn grant_lookup(
        &self,
        project: ProjectId,
        existing: &[Grant],
    ) -> impl GrantLookup + Send + Sync + 'static + use<> {
        ProjectGrants {
            definitions: self.definitions(project),
            existing: existing.to_vec(),
            now: self.0.options.clock.now(),
            random: Arc::clone(&self.0.options.random),
        }
    }

    /// Makes a change to the caller's project: `plan` decides and says what
    /// becomes of it, with nobody else changing anything meanwhile.
    pub(crate) async fn change<T>(
        &self,
        by: &Permit<Admin>,
        plan: impl FnOnce(&mut Change) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        self.change_by(by.access(), |change| {
            let answer = plan(change)?;
            crate::keys::check_gives(by, change)?;
            Ok(answer)
        })
        .await
    }

    /// Makes a change in the name of a caller whose right to it was proven.
    pub(crate) async fn change_by<T>(
        &self,
        access: &Access,
        plan: impl FnOnce(&mut Change) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        self.change_in(access, access.project(), plan).await
    }

    /// Makes a change to a project that need not be the caller's own: the plan
    /// says whether the caller may.
    pub(crate) async fn change_in<T>(
        &self,
        access: &Access,
        project: ProjectId,
        plan: impl FnOnce(&mut Change) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        self.change_as(Author::of(access), project, |change| {
            self.check_author(change, access)?;
            self.carry_plan(change, access, plan)
        })
        .await?
        .ok_or_else(|| Refusal::WrongCode.into())
    }

    /// Refuses a caller who would not be let in any more, or with other rights.
    pub(crate) fn check_author(
        &self,
        change: &Change,
        access: &Access,
    ) -> Result<(), ControlError> {
        let still = match access.person() {
            Some(_) => self.0.people.still(access, change.now),
            // The change may be of another project than the caller's.
            None => {
                let heard = self.0.callers.check_heard(access.secret(), change.now);
                let definitions = self.definitions(access.project());
                let derived = self.check_derived(access, change.now);
                heard.is_ok() && derived.is_ok() && still(&definitions, access, change.now)
            }
        };
        match still {
            true => Ok(()),
            false => Err(Refusal::CallerChanged.into()),
        }
    }

    /// Plans a change, which may need a code; `None` when the code is wrong,
    /// which the change then writes down in the place of what was planned.
    pub(crate) fn carry_plan<T>(
        &self,
        change: &mut Change,
        access: &Access,
        plan: impl FnOnce(&mut Change) -> Result<T, ControlError>,
    ) -> Result<Option<T>, ControlError> {
        let answer = plan(change)?;
        self.check_role(change, access)?;
        self.check_within(change, access)?;
        Ok(match self.step_up(change, access)? {
            StepUp::Passed => Some(answer),
            StepUp::Refused => None,
        })
    }

    /// Makes a change in the name of somebody whom no key let in.
    pub(crate) async fn change_as<T>(
        &self,
        author: Author,
        project: ProjectId,
        plan: impl FnOnce(&mut Change) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let writer = self.0.writer().await?;
        let mut change = self.begin(&writer, author, project);
        let answer = plan(&mut change)?;
        self.finish(writer, change).await?;
        Ok(answer)
    }

    /// A change of nothing yet.
    pub(crate) fn begin(&self, writer: &Writer, author: Author, project: ProjectId) -> Change {
        Change {
            project,
            now: self.0.options.clock.now(),
            random: Arc::clone(&self.0.options.random),
            author,
            definitions: Definitions::clone(&self.definitions(project)),
            writes: Vec::new(),
            callers: Vec::new(),
            people: Vec::new(),
            revoked: Vec::new(),
            is_deleted: false,
            is_by_maker: false,
            outlives: false,
            ordinal: writer.ordinal,
        }
    }

    /// Writes a change, and lets it take effect.
    pub(crate) async fn finish(
        &self,
        writer: OwnedMutexGuard<Writer>,
        mut change: Change,
    ) -> Result<(), ControlError> {
        if change.writes.is_empty() {
            return Ok(());
        }
        let claim = change.claim();
        let mut writes = std::mem::take(&mut change.writes);
        writes.push(Write::Time(TimeWrite::Mark(self.0.clock.to_mark())));
        let ordinal = change.ordinal;
        let apply = move |inner: &Inner| inner.apply(change);
        self.0
            .carry_out(writer, writes, ordinal, claim, apply)
            .await
    }

    /// The projects, oldest ids first.
    pub(crate) fn projects(&self) -> Vec<ProjectId> {
        let projects = self.0.projects.load();
        projects.keys().copied().collect()
    }
}
