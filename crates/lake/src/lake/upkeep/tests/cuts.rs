//! Power cuts in the midst of upkeep: while records go to files, files are
//! merged and written anew, the journal is freed, and files are taken away.
//!
//! A life of the lake is lived once, on a disk that is photographed at every
//! operation that changes it. Each photograph is a power cut: the lake starts on
//! what it left, and must hold exactly what was acknowledged by then, and
//! perhaps what was being sent. In the random form the next life begins on one of
//! the photographs.

mod found;
mod life;
mod mutants;
mod story;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::time::ManualClock;

use crate::lake::tests::fixtures::{cases, noon};
use crate::simulation::{Fault, Photograph, Random, SimulatedDisk};
use found::check;
use life::{Beginning, Chronicle, Moment, Mutant, Piece, Step, live};
use story::Book;

/// `TIDEGATE_SEED` begins at another seed, such as one that failed.
fn first_seed() -> u64 {
    let seed = std::env::var("TIDEGATE_SEED").ok();
    seed.map_or(0, |seed| seed.parse().expect("a number"))
}

/// Every so many photographs the lake works on after its start.
const ON: u64 = 8;

/// What was cut, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Report {
    /// Cuts during each kind of piece, and how many of them when a part of it was done.
    cuts: BTreeMap<Piece, (u64, u64)>,
    /// Cuts at which something was being sent, and how many of them found it there.
    sending: (u64, u64),
    /// Lives that a failing operation ended or troubled.
    failures: u64,
    /// Pieces of upkeep in the midst of others.
    beside: u64,
    digest: u64,
}

impl Report {
    fn add(&mut self, other: Self) {
        for (piece, (cuts, midst)) in other.cuts {
            let known = self.cuts.entry(piece).or_default();
            *known = (known.0 + cuts, known.1 + midst);
        }
        self.sending.0 += other.sending.0;
        self.sending.1 += other.sending.1;
        self.failures += other.failures;
        self.beside += other.beside;
        self.digest ^= other.digest;
    }

    fn midst(&self, piece: Piece) -> u64 {
        self.cuts.get(&piece).map_or(0, |(_, midst)| *midst)
    }

    /// Looks at one photograph; answers how many deeds are there.
    fn look(
        &mut self,
        photograph: &Photograph,
        chronicle: &Chronicle,
        seed: u64,
        on: bool,
    ) -> Result<usize, String> {
        let moment = &chronicle.moments[photograph.caption];
        let count = self.cuts.entry(moment.piece).or_default();
        count.0 += 1;
        count.1 += u64::from(is_midst(photograph, moment));
        let disk = photograph.develop(seed);
        let found = check(&disk, &chronicle.book, moment, on).map_err(|promise| {
            let Photograph {
                operation,
                path,
                change,
                ..
            } = photograph;
            format!(
                "{promise}\n{moment:?}, change {change}: {operation:?} {}",
                path.display()
            )
        })?;
        if moment.sent > moment.done {
            self.sending.0 += 1;
            self.sending.1 += u64::from(found == moment.sent);
        }
        Ok(found)
    }
}

/// Whether a part of the piece of work had changed the disk before.
fn is_midst(photograph: &Photograph, moment: &Moment) -> bool {
    photograph.change > moment.began + 1
}

fn first(random: &mut Random) -> Beginning {
    Beginning {
        disk: SimulatedDisk::new(random.next_u64()),
        clock: Arc::new(ManualClock::new(noon())),
        book: Book::new(random.fork()),
        found: 0,
    }
}

/// Steps of a life.
fn any_steps(random: &mut Random) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..16 {
        steps.push(Step::Write(1 + random.below(3) as usize));
        for _ in 0..=random.below(4) {
            let meanwhile = if random.one_in(3) {
                1 + random.below(2)
            } else {
                0
            };
            steps.push(Step::Upkeep(meanwhile as usize));
        }
        if random.one_in(2) {
            steps.push(Step::Wait(1 + random.below(14)));
        }
        match random.below(16) {
            0 | 1 => steps.push(Step::Retain),
            2 => steps.push(Step::Compact),
            _ => {}
        }
    }
    if random.one_in(3) {
        steps.push(Step::Close);
    }
    steps
}

/// Every third life an operation fails.
fn any_fault(disk: &SimulatedDisk, random: &mut Random) -> Option<Fault> {
    let turn = 1 + random.below(400);
    match random.below(6) {
        0 => Some(Fault::FailOperation(disk.operations() + turn)),
        1 => Some(Fault::FailSync(disk.syncs() + 1 + turn / 4)),
        _ => None,
    }
}

/// How many photographs are looked at of a life's pieces of a kind.
fn share(piece: Piece) -> usize {
    match piece {
        Piece::Merge | Piece::Rewrite => 4,
        Piece::Flush | Piece::Carry | Piece::Sweep => 2,
        _ => 1,
    }
}

/// Some photographs of each kind of piece, most from its midst.
fn chosen<'a>(
    chronicle: &'a Chronicle,
    share: fn(Piece) -> usize,
    random: &mut Random,
) -> Vec<&'a Photograph> {
    let mut kinds: BTreeMap<Piece, [Vec<&Photograph>; 2]> = BTreeMap::new();
    for photograph in &chronicle.film {
        let moment = &chronicle.moments[photograph.caption];
        let kind = kinds.entry(moment.piece).or_default();
        kind[usize::from(is_midst(photograph, moment))].push(photograph);
    }
    let mut chosen = Vec::new();
    for (piece, [begin, midst]) in &kinds {
        for _ in 0..share(*piece) {
            let from = if begin.is_empty() || (!midst.is_empty() && !random.one_in(5)) {
                midst
            } else {
                begin
            };
            chosen.push(from[random.below(from.len() as u64) as usize]);
        }
    }
    chosen
}

/// So many lives, one on what another left.
fn lives(seed: u64, count: u64) -> Result<Report, String> {
    lives_with(seed, count, any_fault)
}

/// One of the next changes has an outcome that nobody is told.
fn unknown_outcome(disk: &SimulatedDisk, random: &mut Random) -> Option<Fault> {
    let turn = disk.operations() + 1 + random.below(400);
    Some(match random.one_in(2) {
        true => Fault::FailAfterwards(turn),
        false => Fault::TakeEffectLate(turn),
    })
}

fn lives_with(
    seed: u64,
    count: u64,
    any_fault: fn(&SimulatedDisk, &mut Random) -> Option<Fault>,
) -> Result<Report, String> {
    let mut random = Random::new(seed);
    let mut report = Report::default();
    let mut begin = first(&mut random);
    for number in 0..count {
        let steps = any_steps(&mut random);
        let fault = any_fault(&begin.disk, &mut random);
        begin.disk.plan(fault);
        let told = |promise| format!("seed {seed}, life {number}, {fault:?}: {promise}");
        let chronicle = live(begin, &steps, Mutant::default()).map_err(told)?;
        report.failures += u64::from(chronicle.disk.fault_happened());
        report.beside += chronicle.beside;
        report.digest = Random::new(report.digest ^ chronicle.disk.digest()).next_u64();
        for photograph in chosen(&chronicle, share, &mut random) {
            let (seed, on) = (random.next_u64(), random.one_in(ON));
            report
                .look(photograph, &chronicle, seed, on)
                .map_err(told)?;
        }
        begin = next(chronicle, &mut random, &mut report).map_err(told)?;
    }
    Ok(report)
}

/// The next life begins where the power went in one moment of the last one, or
/// where the process ended.
fn next(
    mut chronicle: Chronicle,
    random: &mut Random,
    report: &mut Report,
) -> Result<Beginning, String> {
    let photographs = chosen(&chronicle, |_| 1, random);
    let (disk, moment, found) = if photographs.is_empty() || random.one_in(6) {
        let (disk, moment) = (
            chronicle.disk.clone(),
            chronicle.moments[chronicle.moments.len() - 1],
        );
        disk.plan(None);
        let found = check(&disk, &chronicle.book, &moment, false)?;
        (disk, moment, found)
    } else {
        let photograph = photographs[random.below(photographs.len() as u64) as usize];
        let seed = random.next_u64();
        let found = report.look(photograph, &chronicle, seed, false)?;
        let moment = chronicle.moments[photograph.caption];
        (photograph.develop(seed), moment, found)
    };
    chronicle.book.forget(moment.sent);
    Ok(Beginning {
        disk,
        clock: chronicle.clock,
        book: chronicle.book,
        found,
    })
}

/// A life in which all of upkeep happens.
fn fixed_steps() -> Vec<Step> {
    use Step::{Close, Retain, Settle, Upkeep, Wait, Write};
    // So much at once that the journal is carried on before it is wiped.
    let mut steps: Vec<Step> = [Write(4), Upkeep(0)].repeat(10);
    for _ in 0..2 {
        steps.extend([Write(3), Write(2), Upkeep(1), Write(3), Upkeep(2), Wait(4)]);
        steps.extend([Upkeep(1), Upkeep(0), Write(2), Upkeep(1), Settle, Retain]);
        steps.extend([Write(3), Wait(4), Upkeep(2), Upkeep(1), Settle]);
    }
    steps.extend([Write(4), Wait(12), Settle, Wait(12), Settle]);
    steps.extend([Write(2), Close]);
    steps
}

/// A fixed life, and a power cut at each of its operations, or at so many of them.
fn every_operation(seed: u64, mutant: Mutant, most: usize) -> Result<Report, String> {
    let mut random = Random::new(seed);
    let begin = first(&mut random);
    let chronicle = live(begin, &fixed_steps(), mutant)?;
    let mut report = Report::default();
    let mut film: Vec<&Photograph> = chronicle.film.iter().collect();
    film.sort_by_cached_key(|_| random.next_u64());
    for photograph in film.into_iter().take(most) {
        let (seed, on) = (random.next_u64(), random.one_in(ON));
        report.look(photograph, &chronicle, seed, on)?;
    }
    report.beside = chronicle.beside;
    report.digest = chronicle.disk.digest();
    Ok(report)
}

#[test]
fn d2_nothing_is_lost_doubled_or_brought_back_by_a_cut_in_the_midst_of_upkeep() {
    let seeds = cases(7, 500);
    let mut report = Report::default();
    for seed in first_seed()..first_seed() + seeds {
        let one = lives(seed, 3);
        report.add(one.unwrap_or_else(|promise| panic!("{promise}")));
    }
    println!("{report:?}");
    // A life that begins with an old journal wipes it, and carries on what is needed with that;
    // the fixed life carries on by itself.
    for piece in [Piece::Flush, Piece::Merge, Piece::Wipe, Piece::Sweep] {
        assert!(report.midst(piece) >= 2 * seeds, "{piece:?}: {report:?}");
    }
    for piece in [Piece::Open, Piece::Rewrite, Piece::Publish, Piece::Retain] {
        assert!(report.midst(piece) >= seeds / 2, "{piece:?}: {report:?}");
    }
    for piece in [Piece::Compact, Piece::Close] {
        assert!(report.midst(piece) >= seeds / 4, "{piece:?}: {report:?}");
    }
    assert!(report.failures >= seeds / 4, "{report:?}");
    assert!(report.beside >= seeds, "{report:?}");
}

#[test]
fn d2_nothing_is_lost_doubled_or_brought_back_by_a_cut_at_every_operation_of_a_life() {
    let mut report = Report::default();
    for seed in first_seed()..first_seed() + cases(1, 30) {
        let one = every_operation(seed, Mutant::default(), usize::MAX);
        report.add(one.unwrap_or_else(|promise| panic!("seed {seed}: {promise}")));
    }
    println!("{report:?}");
    for piece in [
        Piece::Flush,
        Piece::Merge,
        Piece::Carry,
        Piece::Sweep,
        Piece::Rewrite,
    ] {
        assert!(report.midst(piece) >= 12, "{piece:?}: {report:?}");
    }
    assert!(report.beside >= 3, "{report:?}");
    // Of what was being sent some is there, and some is not.
    let (sending, there) = report.sending;
    assert!(there >= 5 && sending - there >= 5, "{report:?}");
}

/// A renaming, removal or write that is said to have failed may be done, or be
/// done later: nothing that was acknowledged goes by it, nothing is there twice,
/// and no file that is named is missing.
#[test]
fn d8_a_change_whose_outcome_is_unknown_loses_and_doubles_nothing() {
    let seeds = cases(20, 1_000);
    let mut report = Report::default();
    for seed in first_seed()..first_seed() + seeds {
        let one = lives_with(seed, 2, unknown_outcome);
        report.add(one.unwrap_or_else(|promise| panic!("{promise}")));
    }
    println!("{report:?}");
    assert!(report.failures >= seeds, "{report:?}");
}

#[test]
fn the_same_seed_gives_the_same_lives() {
    let run = |seed| lives(seed, 1).unwrap_or_else(|promise| panic!("{promise}"));
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
