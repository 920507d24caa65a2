//! Several clients write tokens into a store while the power is cut under it, and everything
//! that was promised is checked after every restart.
//!
//! The promises: what was acknowledged is visible at once and after every restart; no token is
//! there twice, although clients repeat what they got no answer for; what was visible stays, in
//! the same order; what was refused is not there; and the store always starts again.

use std::fmt::{self, Display};

use super::{Fault, Random, SimulatedDisk};
use ledger::Ledger;

mod ledger;

/// What a client writes: numbered from 1, the next one only after the one before was
/// acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The client.
    pub client: u32,
    /// The number among the tokens of this client.
    pub number: u32,
}

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is stored, now or by an earlier attempt.
    Acknowledged,
    /// It is not stored, and the store goes on.
    Refused,
    /// Nobody knows; the store has stopped.
    Unknown,
}

/// What the loop drives.
///
/// A run can be repeated from its seed if the disk operations of the store follow from the calls
/// alone: they are all done by one thread in the order of the calls, a group of writes is handed
/// over as one, and a write of a token that is stored is answered without touching the disk.
pub trait Store: Sized {
    /// Whether contents are in the order in which they took effect; else those of each client are.
    const KEEPS_ORDER: bool = true;

    /// Opens the store, or makes one on an empty disk, below [`SimulatedDisk::ROOT`].
    ///
    /// # Errors
    /// Says why the store does not start.
    fn open(disk: &SimulatedDisk) -> Result<Self, String>;

    /// Writes tokens as different clients at the same moment; one answer each, in order.
    fn write(&self, tokens: &[Token]) -> Vec<Answer>;

    /// What is visible, in an order as [`Store::KEEPS_ORDER`] says.
    /// `None` when the disk does not let it be read.
    fn contents(&self) -> Option<Vec<Token>>;

    /// Does what the store does now and then, such as freeing space. It may fail if the store
    /// has stopped.
    fn upkeep(&self);

    /// Closes the store in an orderly way.
    fn close(self);
}

/// The size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Clients that write at the same time.
    pub clients: u32,
    /// Rounds of writes from one start to the next, at most.
    pub rounds: u32,
    /// Starts of the store.
    pub lives: u32,
}

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Power cuts, all kinds.
    pub cuts: u64,
    /// Those of them during the opening of the store.
    pub cuts_while_opening: u64,
    /// Failed operations after which the store was opened again.
    pub failures: u64,
    /// Tokens that were acknowledged.
    pub acknowledged: u64,
    /// Answers that nobody got.
    pub unknown: u64,
    /// A checksum over every disk operation and everything that was found.
    pub digest: u64,
}

impl Report {
    /// Adds the numbers of another run.
    pub fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.cuts_while_opening += other.cuts_while_opening;
        self.failures += other.failures;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.mix(other.digest);
    }

    fn mix(&mut self, value: u64) {
        self.digest = Random::new(self.digest ^ value).next_u64();
    }
}

/// A broken promise, and the run that shows it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// The fault of its first life, if it was prescribed.
    pub fault: Option<Fault>,
    /// The start at which it showed, from 0.
    pub life: u32,
    /// What was promised and not kept.
    pub promise: String,
}

impl Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            fault,
            life,
            promise,
        } = self;
        write!(
            formatter,
            "seed {seed}, first fault {fault:?}, life {life}: {promise}"
        )
    }
}

impl std::error::Error for Violation {}

/// How a life of the store ended.
enum End {
    Closed,
    Alive,
    Stopped,
}

struct Run<'a> {
    plan: &'a Plan,
    random: Random,
    disk: SimulatedDisk,
    ledger: Ledger,
    report: Report,
}

impl Run<'_> {
    /// The next fault, counted from now; often one that strikes while the store opens.
    fn fault(&mut self) -> Option<Fault> {
        let rounds = u64::from(self.plan.rounds);
        let (operations, syncs) = match self.random.below(3) {
            0 => (24, 5),
            _ => (20 + rounds * 4, 6 + rounds * 2),
        };
        let operation = self.disk.operations() + 1 + self.random.below(operations);
        let sync = self.disk.syncs() + 1 + self.random.below(syncs);
        match self.random.below(8) {
            0 => None,
            1 => Some(Fault::CutBeforeSync(sync)),
            2 => Some(Fault::CutAfterSync(sync)),
            3 => Some(Fault::FailSync(sync)),
            4 => Some(Fault::FailOperation(operation)),
            _ => Some(Fault::CutAtOperation(operation)),
        }
    }

    /// The tokens of one round: most clients write, some twice at once, in any order.
    fn round(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        for client in 0..self.plan.clients {
            if !self.random.one_in(4) {
                tokens.push(self.ledger.next(client));
                if self.random.one_in(8) {
                    tokens.push(self.ledger.next(client));
                }
            }
        }
        for place in (1..tokens.len()).rev() {
            let other = self.random.below(place as u64 + 1) as usize;
            tokens.swap(place, other);
        }
        tokens
    }

    /// One start of the store, its rounds, and its end.
    fn live<S: Store>(&mut self, orderly: bool) -> Result<End, String> {
        let store = match S::open(&self.disk) {
            Ok(store) => store,
            Err(_) if self.disk.fault_happened() => {
                self.report.cuts_while_opening += u64::from(self.disk.is_dead());
                return Ok(End::Stopped);
            }
            Err(reason) => return Err(format!("the store does not start: {reason}")),
        };
        let Some(contents) = store.contents() else {
            if self.disk.fault_happened() {
                self.report.cuts_while_opening += u64::from(self.disk.is_dead());
                return Ok(End::Stopped);
            }
            return Err("what is stored cannot be read".to_owned());
        };
        self.ledger.check(contents, S::KEEPS_ORDER)?;
        // Some lives are short, and some end before anything is written.
        let rounds = match self.random.below(4) {
            0 => self.random.below(3) as u32,
            _ => self.plan.rounds,
        };
        for _ in 0..rounds {
            let tokens = self.round();
            let answers = store.write(&tokens);
            if answers.len() != tokens.len() {
                return Err(format!(
                    "{} answers to {} tokens",
                    answers.len(),
                    tokens.len()
                ));
            }
            for (token, answer) in tokens.into_iter().zip(&answers) {
                self.ledger.note(token, *answer);
            }
            match store.contents() {
                Some(contents) => self.ledger.check(contents, S::KEEPS_ORDER)?,
                None if self.disk.fault_happened() => {}
                None => return Err("what is stored cannot be read".to_owned()),
            }
            if answers.contains(&Answer::Unknown) {
                self.report.unknown += 1;
                return Ok(End::Stopped);
            }
            if self.random.one_in(5) {
                store.upkeep();
                if self.disk.is_dead() {
                    // Upkeep alone may have noticed.
                    return Ok(End::Stopped);
                }
            }
        }
        // A write of something stored is answered when everything before it is done, so that
        // what follows comes at the same moment in every repetition.
        let stored: Vec<Token> = self.ledger.seen().last().copied().into_iter().collect();
        if store.write(&stored).contains(&Answer::Unknown) {
            return Ok(End::Stopped);
        }
        if orderly || self.random.one_in(3) {
            store.close();
            return Ok(if self.disk.fault_happened() {
                End::Stopped
            } else {
                End::Closed
            });
        }
        if self.disk.is_dead() {
            return Err("the store went on without power".to_owned());
        }
        self.disk = self.cut();
        drop(store);
        Ok(End::Alive)
    }

    fn cut(&mut self) -> SimulatedDisk {
        self.report.cuts += 1;
        self.report.mix(self.disk.digest());
        self.disk.crash()
    }

    fn all<S: Store>(&mut self, first: Option<Fault>, life: &mut u32) -> Result<(), String> {
        while *life < self.plan.lives {
            let fault = if *life == 0 && first.is_some() {
                first
            } else {
                self.fault()
            };
            self.disk.plan(fault);
            match self.live::<S>(false)? {
                End::Closed | End::Alive => {}
                End::Stopped if self.disk.is_dead() => self.disk = self.cut(),
                End::Stopped => {
                    self.report.failures += 1;
                    // The process starts again at once, or the power goes as well.
                    if self.random.one_in(2) {
                        self.disk = self.cut();
                    }
                }
            }
            *life += 1;
        }
        self.disk.plan(None);
        match self.live::<S>(true)? {
            End::Closed => {}
            End::Alive | End::Stopped => return Err("the store stopped without cause".to_owned()),
        }
        self.report.mix(self.disk.digest());
        for token in self.ledger.seen() {
            let value = u64::from(token.client) << 32 | u64::from(token.number);
            self.report.digest = Random::new(self.report.digest ^ value).next_u64();
        }
        self.report.acknowledged = self.ledger.acknowledged();
        Ok(())
    }
}

/// One run: `plan.lives` starts under faults, of which `first` is the first if given, and one
/// more start without.
///
/// # Errors
/// The first promise that was not kept.
pub fn run<S: Store>(seed: u64, plan: &Plan, first: Option<Fault>) -> Result<Report, Violation> {
    let mut random = Random::new(seed);
    let mut run = Run {
        plan,
        disk: SimulatedDisk::new(random.next_u64()),
        random,
        ledger: Ledger::default(),
        report: Report::default(),
    };
    let mut life = 0;
    match run.all::<S>(first, &mut life) {
        Ok(()) => Ok(run.report),
        Err(promise) => Err(Violation {
            seed,
            fault: first,
            life,
            promise,
        }),
    }
}

/// Runs with random faults, one for each seed.
///
/// # Errors
/// The first promise that was not kept.
pub fn random_faults<S: Store>(
    seeds: impl IntoIterator<Item = u64>,
    plan: &Plan,
) -> Result<Report, Violation> {
    let mut report = Report::default();
    for seed in seeds {
        report.add(&run::<S>(seed, plan, None)?);
    }
    Ok(report)
}

/// Runs in which the first life is cut before and after each of its syncs in turn.
///
/// # Errors
/// The first promise that was not kept.
pub fn every_sync<S: Store>(seed: u64, plan: &Plan) -> Result<Report, Violation> {
    let mut report = Report::default();
    for turn in 1.. {
        for fault in [Fault::CutBeforeSync(turn), Fault::CutAfterSync(turn)] {
            let one = run::<S>(seed.wrapping_add(turn), plan, Some(fault))?;
            report.add(&one);
        }
        if turn >= 6 + u64::from(plan.rounds) * 2 {
            break;
        }
    }
    Ok(report)
}
