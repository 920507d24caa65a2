//! Random lives of a lake whose records come with tokens, under power cuts and
//! failing operations at any moment of journal, files and store of tokens,
//! against a list of what was sent.

use std::collections::BTreeMap;

use model::permit::Permit;

use super::*;
use crate::error::Result as LakeResult;
use crate::lake::upkeep::tests::staged::Wrong;
use crate::simulation::{Fault, Random};

/// Whose token it is: pool, key, isolation value; and the token.
type Token = (usize, usize, usize, usize);

const VALUES: [Option<&str>; 3] = [None, Some("a"), Some("b")];
const TOKENS: [&str; 4] = ["t", "u", "v", "w"];

/// What was sent under one token since it was free last.
#[derive(Clone, Debug, Default)]
struct Sent {
    /// Numbers of records, each with the time at which it came.
    tries: BTreeMap<i128, Timestamp>,
    is_acknowledged: bool,
    winner: Option<i128>,
}

/// What must be there.
#[derive(Debug, Default)]
struct Ledger {
    next: i64,
    tokens: BTreeMap<Token, Sent>,
    /// Records that are there for good.
    kept: Vec<i128>,
    /// Records without a token whose answer nobody has.
    unknown: Vec<i128>,
}

/// How often something happened that the proof is about.
#[derive(Clone, Copy, Debug, Default)]
struct Report {
    cuts: u64,
    failures: u64,
    repeated: u64,
    unknown: u64,
    stored: u64,
    carried: u64,
    freed: u64,
}

impl Ledger {
    /// Tokens that ended by now are free again.
    fn free_tokens(&mut self, now: Timestamp, report: &mut Report) {
        for sent in self.tokens.values_mut() {
            let ended = sent.winner.filter(|winner| {
                let at = sent.tries[winner];
                at.checked_add(MONTH).unwrap() <= now
            });
            if let Some(winner) = ended {
                self.kept.push(winner);
                report.freed += 1;
                *sent = Sent::default();
            }
        }
    }

    /// Compares what is there with what must be. After a start no answer is
    /// under way any more: what is not there then never was.
    fn check(&mut self, mut there: Vec<i128>, is_start: bool) -> Result<(), String> {
        there.sort_unstable();
        if let Some(twice) = there.windows(2).find(|two| two[0] == two[1]) {
            return Err(format!("record {} is there twice", twice[0]));
        }
        let is_there = |number: &i128| there.binary_search(number).is_ok();
        if let Some(lost) = self.kept.iter().find(|number| !is_there(number)) {
            return Err(format!("record {lost} is lost"));
        }
        let mut known = self.kept.len();
        for (token, sent) in &mut self.tokens {
            let found: Vec<i128> = sent.tries.keys().copied().filter(is_there).collect();
            match (found[..].first(), sent.winner) {
                _ if found.len() > 1 => {
                    return Err(format!(
                        "{token:?} is there {} times: {found:?}",
                        found.len()
                    ));
                }
                (Some(found), Some(winner)) if *found != winner => {
                    return Err(format!("{token:?}: {found} is there instead of {winner}"));
                }
                (None, Some(winner)) => return Err(format!("{token:?}: {winner} is lost")),
                (None, None) if sent.is_acknowledged => {
                    return Err(format!("{token:?}: none of {:?} is there", sent.tries));
                }
                (None, None) if is_start => *sent = Sent::default(),
                (first, _) => sent.winner = first.copied(),
            }
            known += found.len();
        }
        let unknown = self.unknown.iter().copied().filter(is_there);
        let unknown: Vec<i128> = unknown.collect();
        known += unknown.len();
        if is_start {
            self.kept.extend(unknown);
            self.unknown.clear();
        }
        if known != there.len() {
            return Err(format!(
                "{} records are there, {known} are known",
                there.len()
            ));
        }
        Ok(())
    }
}

/// Small enough for all of upkeep to be due every few minutes.
fn options() -> LakeOptions {
    let mut options = small();
    options.upkeep.flush_bytes = 2 << 10;
    options.upkeep.flush_after = Duration::from_secs(5 * 60);
    options.upkeep.journal_segments = 2;
    options.upkeep.purge_after = Duration::from_secs(20 * 60);
    options.upkeep.runs = 2;
    options.tokens.moved_at = 5;
    options
}

/// What is wrong with the lake or its store, when it is not the right one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mutant {
    wrong: Option<Wrong>,
    store_lies: bool,
}

struct Life<'a> {
    world: World,
    access: &'a [Access; 2],
    ledger: &'a mut Ledger,
    random: &'a mut Random,
    report: &'a mut Report,
}

/// Whether the lake goes on.
type Going = Result<bool, String>;

impl Life<'_> {
    fn there(&self) -> LakeResult<Vec<i128>> {
        let mut there = Vec::new();
        for pool in &self.world.pools {
            for record in readable(&self.world.lake.snapshot(pool))? {
                match record.get("n") {
                    Some(Value::Integer(number)) => there.push(*number),
                    other => panic!("n is {other:?}"),
                }
            }
        }
        Ok(there)
    }

    fn check(&mut self, is_start: bool) -> Going {
        match self.there() {
            Ok(there) => self.ledger.check(there, is_start).map(|()| true),
            Err(error) => self.stopped(&error),
        }
    }

    fn stopped(&self, error: &LakeError) -> Going {
        if self.world.disk.fault_happened() {
            return Ok(false);
        }
        Err(format!("{error} without a cause"))
    }

    /// A batch of a few records, most with tokens; its lines.
    fn batch(&mut self) -> (AdmittedBatch, Vec<(i64, Option<Token>)>) {
        let random = &mut *self.random;
        let (pool, key) = (random.below(2) as usize, random.below(2) as usize);
        let mut lines = Vec::new();
        for _ in 0..=random.below(3) {
            self.ledger.next += 1;
            let value = random.below(3) as usize;
            let token = (!random.one_in(4)).then(|| random.below(4) as usize);
            lines.push((self.ledger.next, value, token));
        }
        let sent: Vec<Line<'_>> = lines
            .iter()
            .map(|(n, value, token)| (*n, VALUES[*value], token.map(|token| TOKENS[token])))
            .collect();
        let now = self.world.clock.now();
        let batch = batch(&self.access[key], &self.world.pools[pool], now, &sent);
        let lines = lines.into_iter().map(|(n, value, token)| {
            // The open pool has no isolation field.
            let value = value * pool;
            (n, token.map(|token| (pool, key, value, token)))
        });
        (batch, lines.collect())
    }

    /// Notes records, before it is known what becomes of them.
    fn note(&mut self, lines: &[(i64, Option<Token>)]) {
        let now = self.world.clock.now();
        for (n, token) in lines {
            match token {
                None => self.ledger.unknown.push(i128::from(*n)),
                Some(token) => {
                    let sent = self.ledger.tokens.entry(*token).or_default();
                    self.report.repeated += u64::from(sent.winner.is_some());
                    sent.tries.insert(i128::from(*n), now);
                }
            }
        }
    }

    fn acknowledged(&mut self, lines: &[(i64, Option<Token>)]) {
        for (n, token) in lines {
            match token {
                None => {
                    let n = i128::from(*n);
                    self.ledger.unknown.retain(|unknown| *unknown != n);
                    self.ledger.kept.push(n);
                }
                Some(token) => {
                    let sent = self.ledger.tokens.get_mut(token).unwrap();
                    sent.is_acknowledged = true;
                }
            }
        }
    }

    fn write(&mut self, runtime: &tokio::runtime::Runtime) -> Going {
        let now = self.world.clock.now();
        self.ledger.free_tokens(now, self.report);
        let count = 1 + self.random.below(3);
        let batches: Vec<_> = (0..count).map(|_| self.batch()).collect();
        batches.iter().for_each(|(_, lines)| self.note(lines));
        for (batch, lines) in &batches {
            match runtime.block_on(self.world.lake.append(batch.clone())) {
                Ok(receipt) => {
                    assert_eq!(receipt, accepted(lines.len() as u64));
                    self.acknowledged(lines);
                }
                Err(error) => {
                    self.report.unknown += 1;
                    return self.stopped(&error);
                }
            }
        }
        Ok(true)
    }

    /// Operations that enter the journal together, each with what the store
    /// said before any of them.
    fn write_together(&mut self, runtime: &tokio::runtime::Runtime) -> Going {
        let now = self.world.clock.now();
        self.ledger.free_tokens(now, self.report);
        let lake = self.world.lake.clone();
        let batches: Vec<_> = (0..3).map(|_| self.batch()).collect();
        batches.iter().for_each(|(_, lines)| self.note(lines));
        let looked = lake.tokens.moves();
        let mut operations = Vec::new();
        for (batch, _) in &batches {
            match runtime.block_on(lake.unknown_of(batch.clone())) {
                Ok(left) => {
                    let operation = append_operation(&left, &new_receipt(&left), usize::MAX);
                    operations.push(with_tokens(operation.unwrap(), &left, looked));
                }
                Err(error) => return self.stopped(&error),
            }
        }
        let outcomes = lake.journal.submit_all_blocking(operations);
        for ((batch, lines), outcome) in batches.into_iter().zip(outcomes) {
            let done = match outcome {
                Ok(Outcome::Done(done)) => done.map(drop),
                Ok(Outcome::TokensRepeated(_)) => runtime.block_on(lake.append(batch)).map(drop),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(()) => self.acknowledged(&lines),
                Err(error) => {
                    self.report.unknown += 1;
                    return self.stopped(&error);
                }
            }
        }
        Ok(true)
    }

    fn upkeep(&mut self) -> Going {
        let permit = Permit::ours();
        let lake = &self.world.lake;
        let done = match self.random.below(6) {
            0 => lake.flush(&permit),
            1 => lake.free_journal(&permit),
            2 => lake.compact(&permit),
            _ => lake.upkeep(&permit).map(drop),
        };
        match done {
            Ok(()) => Ok(true),
            // A store that takes nothing keeps nothing else from being done.
            Err(LakeError::Tokens(_)) => Ok(!self.world.disk.is_dead()),
            Err(error) => {
                self.stopped(&error)?;
                Ok(!self.world.disk.is_dead())
            }
        }
    }

    fn step(&mut self, runtime: &tokio::runtime::Runtime) -> Going {
        let going = match self.random.below(12) {
            0..=3 => self.write(runtime)?,
            4 | 5 => self.write_together(runtime)?,
            6..=9 => self.upkeep()?,
            10 => {
                let is_broken = self.random.one_in(2);
                self.world.store.is_broken(is_broken);
                true
            }
            _ => {
                let days = if self.random.one_in(8) { 31 } else { 0 };
                let minutes = self.random.below(20);
                let seconds = days * 86_400 + minutes * 60;
                self.world.clock.advance(Duration::from_secs(seconds));
                true
            }
        };
        Ok(going && self.check(false)?)
    }
}

fn any_fault(disk: &SimulatedDisk, random: &mut Random) -> Option<Fault> {
    let operation = disk.operations() + 1 + random.below(220);
    let sync = disk.syncs() + 1 + random.below(60);
    match random.below(8) {
        0 => None,
        1 => Some(Fault::CutBeforeSync(sync)),
        2 => Some(Fault::CutAfterSync(sync)),
        3 => Some(Fault::FailSync(sync)),
        4 => Some(Fault::FailOperation(operation)),
        _ => Some(Fault::CutAtOperation(operation)),
    }
}

/// So many lives, one on what another left; the last one without a fault.
fn lives(seed: u64, count: u64, mutant: Mutant, report: &mut Report) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut disk = SimulatedDisk::new(random.next_u64());
    let clock = Arc::new(ManualClock::new(noon()));
    let pools = vec![open_pool(1), isolated(2)];
    let access = [
        access(1),
        injecting(9, vec![(path("stamp"), Value::from("x"))]),
    ];
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let mut ledger = Ledger::default();
    for life in 0..=count {
        let fault = any_fault(&disk, &mut random).filter(|_| life < count);
        disk.plan(fault);
        let told = |promise| format!("seed {seed}, life {life}, {fault:?}: {promise}");
        let opened = DiskTokens::open(&disk).map_err(LakeError::from);
        let opened = opened.and_then(|store| {
            let store = Arc::new(store);
            store.lies.store(mutant.store_lies, Ordering::Relaxed);
            let lake = open_with(&disk, &clock, &pools, options(), &store)?;
            Ok((store, Arc::new(lake)))
        });
        match opened {
            Err(_) if disk.fault_happened() => {}
            Err(error) => return Err(told(format!("it does not start: {error}"))),
            Ok((store, lake)) => {
                if let Some(wrong) = mutant.wrong {
                    lake.goes_wrong(wrong);
                }
                let world = World {
                    disk: disk.clone(),
                    clock: clock.clone(),
                    pools: pools.clone(),
                    options: options(),
                    store,
                    lake,
                };
                let mut life = Life {
                    world,
                    access: &access,
                    ledger: &mut ledger,
                    random: &mut random,
                    report: &mut *report,
                };
                let mut going = life.check(true).map_err(told)?;
                for _ in 0..24 {
                    going = going && life.step(&runtime).map_err(told)?;
                }
                let world = life.world;
                report.stored += world.store.len() as u64;
                report.carried += world.lake.carried_tokens();
                if random.one_in(3) {
                    world.lake.close();
                }
            }
        }
        report.failures += u64::from(disk.fault_happened() && !disk.is_dead());
        // The process starts again at once, or the power goes as well.
        if disk.is_dead() || random.one_in(2) {
            report.cuts += 1;
            disk = disk.crash();
        }
    }
    Ok(())
}

fn run(seeds: u64, mutant: Mutant) -> Result<Report, String> {
    let mut report = Report::default();
    (0..seeds).try_for_each(|seed| lives(seed, 5, mutant, &mut report))?;
    Ok(report)
}

#[test]
fn d2_exactly_one_record_of_a_token_is_there_whatever_is_cut() {
    let seeds = cases(60, 3_000);
    let report = run(seeds, Mutant::default()).unwrap_or_else(|promise| panic!("{promise}"));
    println!("{report:?}");
    assert!(report.cuts >= 2 * seeds, "{report:?}");
    assert!(report.failures >= seeds / 4, "{report:?}");
    assert!(report.unknown >= seeds / 2, "{report:?}");
    assert!(report.repeated >= 20 * seeds, "{report:?}");
    assert!(report.stored >= 4 * seeds, "{report:?}");
    assert!(report.carried >= seeds / 4, "{report:?}");
    assert!(report.freed >= seeds / 4, "{report:?}");
}

fn broken(mutant: Mutant) -> String {
    run(400, mutant).expect_err("the mutant lives")
}

#[test]
fn tokens_that_are_not_carried_on_are_noticed() {
    let found = broken(Mutant {
        wrong: Some(Wrong::ForgetsTokens),
        ..Mutant::default()
    });
    assert!(found.contains("times"), "{found}");
}

#[test]
fn a_store_of_tokens_that_does_not_wait_for_the_disk_is_noticed() {
    let found = broken(Mutant {
        store_lies: true,
        ..Mutant::default()
    });
    assert!(found.contains("times"), "{found}");
}
