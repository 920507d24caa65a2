//! A lake at work on a disk that is photographed: clients write, upkeep does
//! what is due, and at every moment it is known what must be there.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use model::permit::Permit;
use model::time::{Clock, ManualClock, Timestamp};

use super::found::{Answered, parts, send};
use super::story::{AGED, Book, Deed, pools};
use crate::disk::Disk;
use crate::error::Result as LakeResult;
use crate::lake::tests::fixtures::{environment, small};
use crate::lake::upkeep::levels::choose;
use crate::lake::upkeep::tests::staged::Wrong;
use crate::lake::upkeep::{Freed, Tended};
use crate::lake::{Lake, LakeOptions};
use crate::simulation::{Photograph, SimulatedDisk};

/// What the lake is about when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    Open,
    Write,
    Flush,
    Merge,
    /// Files are written anew without what was deleted or replaced.
    Rewrite,
    Carry,
    Wipe,
    Publish,
    Sweep,
    Retain,
    Compact,
    MoveTokens,
    ForgetTokens,
    ReadAgain,
    Close,
}

/// What is known at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) piece: Piece,
    /// How many operations had changed the disk when the piece began.
    pub(super) began: u64,
    /// So many deeds were acknowledged.
    pub(super) done: usize,
    /// So many were sent.
    pub(super) sent: usize,
    pub(super) now: Timestamp,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// So many deeds, together.
    Write(usize),
    /// The next piece of upkeep, and so many deeds in its midst, with a piece
    /// of upkeep of the other kind.
    Upkeep(usize),
    /// All upkeep that is due.
    Settle,
    /// Minutes pass.
    Wait(u64),
    /// Records that are too old come, and go.
    Retain,
    Compact,
    Close,
}

/// Files of a few blocks of three rows, few runs, a small journal: all of
/// upkeep is due every few minutes.
pub(super) fn options() -> LakeOptions {
    let mut options = small();
    options.journal.segment_bytes = 13 << 10;
    options.journal.max_record_bytes = 8 << 10;
    options.journal.max_group_bytes = 8 << 10;
    options.upkeep.flush_bytes = 3 << 10;
    options.upkeep.flush_after = Duration::from_secs(5 * 60);
    options.upkeep.journal_segments = 2;
    options.upkeep.file_bytes = 3 << 10;
    options.upkeep.block_rows = 3;
    options.upkeep.runs = 2;
    options.upkeep.purge_after = PURGE_AFTER;
    options
}

pub(super) const PURGE_AFTER: Duration = Duration::from_secs(20 * 60);

/// Opens the lake of the story.
pub(super) fn open(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> LakeResult<Lake> {
    Lake::open(environment(disk, clock), pools().to_vec(), options())
}

/// Which piece of upkeep comes next.
fn next_piece(lake: &Lake) -> Option<Piece> {
    let states = lake.pools.states();
    if let Some(work) = lake.next_freeing(&mut lake.upkeep.freeing(), &states) {
        return Some(match work {
            Freed::Flush(_) => Piece::Flush,
            Freed::Carry => Piece::Carry,
            Freed::Wipe => Piece::Wipe,
            Freed::MoveTokens => Piece::MoveTokens,
        });
    }
    let mut tending = lake.upkeep.tending();
    Some(match lake.next_tending(&mut tending, &states)? {
        Tended::Sweep(..) => Piece::Sweep,
        Tended::Publish(_) => Piece::Publish,
        Tended::ForgetTokens => Piece::ForgetTokens,
        Tended::ReadAgain(..) => Piece::ReadAgain,
        Tended::Merge(pool) => {
            let state = states.iter().find(|state| state.id == pool)?;
            let layout = state.pool.as_ref()?.draft.layout;
            match choose(&state.manifest, layout, options().upkeep.runs) {
                Some(_) => Piece::Merge,
                None => Piece::Rewrite,
            }
        }
    })
}

/// What is written down of a life.
#[derive(Debug)]
pub(super) struct Chronicle {
    pub(super) disk: SimulatedDisk,
    pub(super) clock: Arc<ManualClock>,
    pub(super) book: Book,
    pub(super) moments: Vec<Moment>,
    /// So many deeds were acknowledged; those after them were sent.
    pub(super) done: usize,
    pub(super) film: Vec<Photograph>,
    piece: Piece,
    began: u64,
    broken: Option<String>,
    /// Pieces of upkeep in the midst of others.
    pub(super) beside: u64,
}

/// Whether the lake goes on.
type Going = Result<bool, String>;

impl Chronicle {
    fn at(&mut self, piece: Piece) {
        (self.piece, self.began) = (piece, self.disk.changes());
        self.note();
    }

    /// From now on another moment is photographed.
    fn note(&mut self) {
        self.note_sent(self.book.len());
    }

    fn note_sent(&mut self, sent: usize) {
        self.disk.caption(self.moments.len());
        self.moments.push(Moment {
            piece: self.piece,
            began: self.began,
            done: self.done,
            sent,
            now: self.clock.now(),
        });
    }

    /// Sends the deeds from here on.
    fn send(&mut self, lake: &Lake, from: usize, answered: Answered) -> Going {
        let deeds = self.book.deeds(from..self.book.len()).to_vec();
        let mut sent = from;
        for part in parts(&deeds) {
            sent += part.len();
            self.note_sent(sent);
            if !send(lake, part, answered)? {
                return self.stopped("the journal");
            }
            self.done = sent;
            self.note_sent(sent);
        }
        Ok(true)
    }

    /// The lake stopped, or a piece of upkeep failed: was there a reason?
    fn stopped(&self, what: impl std::fmt::Display) -> Going {
        if self.disk.fault_happened() {
            Ok(false)
        } else {
            Err(format!("{what} failed without a cause"))
        }
    }

    fn write(&mut self, lake: &Lake, count: usize) -> Going {
        let from = self.book.len();
        (0..count).for_each(|_| self.book.add_any());
        self.send(lake, from, Answered::First)
    }
}

/// How a life begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) disk: SimulatedDisk,
    pub(super) clock: Arc<ManualClock>,
    pub(super) book: Book,
    /// So many deeds are on the disk; those after them got no answer.
    pub(super) found: usize,
}

/// What the lake under test is, when it is not the right one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mutant {
    pub(super) wrong: Option<Wrong>,
    pub(super) disk: Option<fn(SimulatedDisk) -> Arc<dyn Disk>>,
}

/// Lives through these steps, unless a fault ends it before.
///
/// # Errors
/// Something was answered or failed that must not.
pub(super) fn live(begin: Beginning, steps: &[Step], mutant: Mutant) -> Result<Chronicle, String> {
    let Beginning {
        disk,
        clock,
        book,
        found,
    } = begin;
    let machine = mutant.disk.map_or_else(
        || Arc::new(disk.clone()) as Arc<dyn Disk>,
        |disguise| disguise(disk.clone()),
    );
    let sent = book.len();
    let mut chronicle = Chronicle {
        disk,
        clock: clock.clone(),
        book,
        moments: Vec::new(),
        done: found,
        film: Vec::new(),
        piece: Piece::Open,
        began: 0,
        broken: None,
        beside: 0,
    };
    let unanswered: Vec<Deed> = chronicle.book.deeds(found..sent).to_vec();
    chronicle.book.forget(found);
    chronicle.disk.watch();
    chronicle.at(Piece::Open);
    let lake = match open(machine, clock) {
        Ok(lake) => lake,
        Err(error) => {
            chronicle.stopped(format!("the start ({error})"))?;
            unanswered
                .into_iter()
                .for_each(|deed| chronicle.book.add(deed));
            chronicle.film = chronicle.disk.photographs();
            return Ok(chronicle);
        }
    };
    if let Some(wrong) = mutant.wrong {
        lake.upkeep.staged.goes_wrong(wrong);
    }
    unanswered
        .into_iter()
        .for_each(|deed| chronicle.book.add(deed));
    chronicle.at(Piece::Write);
    let going = chronicle.send(&lake, found, Answered::Perhaps)?;
    let chronicle = Arc::new(Mutex::new(chronicle));
    let scene = Scene { lake, chronicle };
    if going {
        for step in steps {
            if !scene.step(*step)? {
                break;
            }
        }
    }
    scene.end()
}

/// What happens in the midst of a piece of upkeep: deeds, and a piece of the
/// other kind.
fn midst(lake: &Lake, chronicle: &Mutex<Chronicle>, count: usize) -> Result<(), String> {
    if !chronicle.lock().unwrap().write(lake, count)? {
        return Ok(());
    }
    let permit = Permit::ours();
    // It may be in the midst of another piece than was meant.
    let done = if lake.upkeep.freeing.try_lock().is_ok() {
        lake.free(&permit)
    } else if lake.upkeep.tending.try_lock().is_ok() {
        lake.tend(&permit)
    } else {
        return Ok(());
    };
    let mut chronicle = chronicle.lock().unwrap();
    match done {
        Ok(is_done) => chronicle.beside += u64::from(is_done),
        Err(error) => drop(chronicle.stopped(error)?),
    }
    Ok(())
}

struct Scene {
    lake: Lake,
    chronicle: Arc<Mutex<Chronicle>>,
}

impl Scene {
    fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle.lock().unwrap()
    }

    fn step(&self, step: Step) -> Going {
        let permit = Permit::ours();
        match step {
            Step::Write(count) => {
                let mut chronicle = self.chronicle();
                chronicle.at(Piece::Write);
                chronicle.write(&self.lake, count)
            }
            Step::Upkeep(meanwhile) => Ok(self.piece(meanwhile)? != Some(false)),
            Step::Settle => {
                while let Some(going) = self.piece(0)? {
                    if !going {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Step::Wait(minutes) => {
                self.chronicle()
                    .clock
                    .advance(Duration::from_secs(60 * minutes));
                Ok(true)
            }
            Step::Retain => {
                let mut chronicle = self.chronicle();
                let from = chronicle.book.len();
                chronicle.book.add_old();
                if !chronicle.send(&self.lake, from, Answered::First)? {
                    return Ok(false);
                }
                // A pool is not looked through again at once.
                chronicle.clock.advance(Duration::from_secs(6 * 60));
                chronicle.book.add(Deed::Retain);
                chronicle.at(Piece::Retain);
                drop(chronicle);
                let pool = std::slice::from_ref(&pools()[AGED]);
                let done = self.lake.retain(&permit, pool).map(drop);
                if !self.judge(done)? {
                    return Ok(false);
                }
                let mut chronicle = self.chronicle();
                chronicle.done = chronicle.book.len();
                chronicle.note();
                Ok(true)
            }
            Step::Compact => {
                self.chronicle().at(Piece::Compact);
                self.judge(self.lake.compact(&permit))
            }
            Step::Close => {
                self.chronicle().at(Piece::Close);
                self.lake.close();
                Ok(false)
            }
        }
    }

    /// Does the next piece of upkeep, if one is due.
    fn piece(&self, meanwhile: usize) -> Result<Option<bool>, String> {
        let Some(piece) = next_piece(&self.lake) else {
            return Ok(None);
        };
        self.chronicle().at(piece);
        if meanwhile > 0 {
            let chronicle = self.chronicle.clone();
            self.lake.upkeep.staged.meanwhile(move |lake| {
                let done = midst(lake, &chronicle, meanwhile);
                chronicle.lock().unwrap().broken = done.err();
            });
        }
        let done = self.lake.upkeep(&Permit::ours());
        if matches!(done, Ok(false)) {
            return Err(format!("{piece:?} was due, and nothing was done"));
        }
        self.judge(done.map(drop)).map(Some)
    }

    /// Upkeep that failed may be tried again; without a fault it does not fail.
    fn judge(&self, done: LakeResult<()>) -> Going {
        let chronicle = self.chronicle();
        if let Some(broken) = &chronicle.broken {
            return Err(broken.clone());
        }
        if let Err(error) = done {
            chronicle.stopped(error)?;
        }
        // Whether the journal goes on, it says itself.
        Ok(!chronicle.disk.is_dead() && self.lake.settle_journal().is_ok())
    }

    /// What the process does when it ends is on no photograph.
    fn end(self) -> Result<Chronicle, String> {
        let Self { lake, chronicle } = self;
        lake.upkeep.staged.clear();
        let chronicle = Arc::into_inner(chronicle).ok_or("somebody else writes")?;
        let mut chronicle = chronicle.into_inner().unwrap();
        chronicle.film = chronicle.disk.photographs();
        if lake.metrics().tables.publish_failures > 0 {
            chronicle.stopped("a Delta log")?;
        }
        Ok(chronicle)
    }
}
