//! Random writes, deletes, flushes, merges and restarts against a list of
//! records, and broken lakes that are found out.

use model::permit::{Access, AdmittedBatch, Permit};

use super::*;
use crate::lake::Lake;
use crate::lake::upkeep::tests::staged::Wrong as Broken;
use crate::reading::{CustomersHint, Hints, Reading};
use crate::simulation::{Random, SimulatedDisk};
use crate::store::{Records, Written};

const CUSTOMERS: [&str; 3] = ["a", "b", "c"];
const REGIONS: [&str; 2] = ["north", "south"];

/// A record of the list.
#[derive(Clone, Debug)]
struct Known {
    customer: &'static str,
    id: u64,
    n: u64,
    region: Option<&'static str>,
}

impl Known {
    fn sent(&self) -> String {
        let region = self.region.map(|r| format!(r#","r":"{r}""#));
        let (customer, id, n) = (self.customer, self.id, self.n);
        let region = region.unwrap_or_default();
        format!(r#"{{"c":"{customer}","id":{id},"n":{n}{region}}}"#)
    }

    fn shown(&self) -> String {
        let shown = format!("{} {} {}", self.customer, self.id, self.n);
        let region = self.region.map(|region| format!(" {region}"));
        shown + &region.unwrap_or_default()
    }
}

/// What may be wrong with a lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// A delete takes the keys of the deleted records as well.
    ForgetsKeysOnDelete,
    /// Records that are being written to files replace nothing.
    ForgetsFrozenKeys,
    /// The first of one batch wins.
    FirstWins,
    /// What the key injects need not agree.
    IgnoresInjections,
    /// Files are not told which of their rows are replaced.
    ForgetsReplaced,
    /// Upkeep breaks a promise.
    Upkeep(Broken),
}

/// The caller who injects these, with the values.
fn caller(customer: Option<&'static str>, region: Option<&'static str>) -> Access {
    let values = [("c", customer), ("r", region)];
    let values = values
        .into_iter()
        .filter_map(|(name, value)| Some((path(name), Value::from(value?))));
    injecting(1, values.collect())
}

fn open_wrong(disk: &SimulatedDisk, pool: &Arc<Pool>, wrong: Wrong) -> Lake {
    let lake = open(disk, &[pool], options());
    if let Wrong::Upkeep(broken) = wrong {
        lake.goes_wrong(broken);
    }
    lake
}

fn append(lake: &Lake, batch: AdmittedBatch) {
    let count = batch.records().len() as u64;
    let receipt = wait(lake.append(batch)).unwrap();
    assert_eq!(receipt.accepted, count);
}

struct Run {
    wrong: Wrong,
    random: Random,
    disk: SimulatedDisk,
    pool: Arc<Pool>,
    lake: Lake,
    known: Vec<Known>,
    n: u64,
}

impl Run {
    fn new(seed: u64, wrong: Wrong) -> Self {
        let (disk, pool) = (SimulatedDisk::new(seed), unique_pool());
        let lake = open_wrong(&disk, &pool, wrong);
        Self {
            wrong,
            random: Random::new(seed),
            disk,
            pool,
            lake,
            known: Vec::new(),
            n: 0,
        }
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.below(from.len() as u64) as usize]
    }

    fn maybe<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        self.random.one_in(2).then(|| self.pick(from))
    }

    fn append(&mut self) {
        let batch = self.batch();
        append(&self.lake, batch);
    }

    /// The next records.
    fn batch(&mut self) -> AdmittedBatch {
        let (customer, region) = (self.maybe(&CUSTOMERS), self.maybe(&REGIONS));
        let mut batch = Vec::new();
        for _ in 0..=self.random.below(6) {
            self.n += 1;
            let sent = Known {
                customer: customer.unwrap_or(self.pick(&CUSTOMERS)),
                id: self.random.below(4),
                n: self.n,
                region: region.or_else(|| self.maybe(&REGIONS)),
            };
            self.known.retain(|older| {
                let agrees = region.is_none() || older.region == region;
                !(agrees && older.customer == sent.customer && older.id == sent.id)
            });
            self.known.push(sent.clone());
            batch.push(sent.sent());
        }
        let region = region.filter(|_| self.wrong != Wrong::IgnoresInjections);
        if self.wrong == Wrong::FirstWins {
            batch.reverse();
        }
        let records = format!("[{}]", batch.join(","));
        let request = Request::new(&self.pool, &records).by(caller(customer, region));
        request.admit()
    }

    fn delete(&mut self) -> Result<(), String> {
        let (customer, id, n) = (
            self.pick(&CUSTOMERS),
            self.random.below(4),
            self.random.below(self.n + 1),
        );
        let before = self.known.len();
        let text = match self.random.below(3) {
            0 => {
                self.known
                    .retain(|known| known.customer != customer || known.id != id);
                format!(
                    r#"{{"all":[{{"field":"c","operator":"eq","value":"{customer}"}},{{"field":"id","operator":"eq","value":{id}}}]}}"#
                )
            }
            1 => {
                self.known.retain(|known| known.n < n);
                format!(r#"{{"field":"n","operator":"gte","value":{n}}}"#)
            }
            _ => {
                self.known
                    .retain(|known| known.customer != customer || known.n > n);
                format!(
                    r#"{{"all":[{{"field":"c","operator":"eq","value":"{customer}"}},{{"field":"n","operator":"lte","value":{n}}}]}}"#
                )
            }
        };
        let delete = deleting(&access(1), &self.pool, Some(filter(&text)));
        let gone = wait(self.lake.delete(delete)).unwrap();
        if self.wrong == Wrong::ForgetsKeysOnDelete {
            self.damage(Records::forget_keys);
        }
        let expected = (before - self.known.len()) as u64;
        if gone == expected {
            Ok(())
        } else {
            Err(format!("{gone} were deleted, not {expected}"))
        }
    }

    fn damage(&self, damage: impl FnOnce(&mut Records)) {
        self.lake.pools.damage(self.pool.id, damage);
    }

    fn freeze(&self) {
        self.lake.pools.freeze(self.pool.id);
        self.lake.pools.give_up(self.pool.id, Written::Frozen);
        if self.wrong == Wrong::ForgetsFrozenKeys {
            self.damage(Records::forget_frozen_keys);
        }
    }

    fn restart(&mut self) {
        self.lake.close();
        self.disk = self.disk.crash();
        self.lake = open_wrong(&self.disk, &self.pool, self.wrong);
    }

    /// Files are merged, and in the midst of it records come and go to files.
    fn flush_while_merging(&mut self) {
        let (batch, pool) = (self.batch(), self.pool.id);
        let happens = move |lake: &Lake| {
            append(lake, batch);
            lake.flush(&Permit::ours()).unwrap();
        };
        self.lake
            .with_meanwhile(happens, |lake| lake.merge_all(pool).unwrap());
    }

    /// Records go to files, and in the midst of it files are merged and records come.
    fn merge_while_flushing(&mut self) {
        self.append();
        let (batch, pool) = (self.batch(), self.pool.id);
        let happens = move |lake: &Lake| {
            lake.merge_all(pool).unwrap();
            append(lake, batch);
        };
        self.lake
            .with_meanwhile(happens, |lake| lake.flush(&Permit::ours()).unwrap());
    }

    fn step(&mut self) -> Result<(), String> {
        let permit = Permit::ours();
        match self.random.below(19) {
            0..=7 => self.append(),
            8..=9 => self.delete()?,
            10 => self.freeze(),
            11 => self.lake.flush(&permit).unwrap(),
            12 => self.lake.compact(&permit).unwrap(),
            13 => while self.lake.upkeep(&permit).unwrap() {},
            14 => {
                self.lake.flush(&permit).unwrap();
                if self.wrong == Wrong::ForgetsReplaced {
                    self.damage(Records::forget_replaced);
                }
            }
            15 | 16 => self.flush_while_merging(),
            17 => self.merge_while_flushing(),
            _ => self.restart(),
        }
        self.check()
    }

    /// All records, and those of each customer, who is looked for by hints.
    fn check(&self) -> Result<(), String> {
        let mut expected: Vec<_> = self.known.iter().map(Known::shown).collect();
        expected.sort();
        let found = shown(held(&self.lake, &self.pool));
        if found != expected {
            return Err(format!("{found:?} instead of {expected:?}"));
        }
        let columns = [path("c"), path("n")].map(|path| {
            let column = self.pool.draft.schema.column(&path).unwrap();
            (path, column)
        });
        for customer in CUSTOMERS {
            let hints = Hints {
                customers: vec![CustomersHint {
                    column: path("c"),
                    values: Arc::new([Value::from(customer)]),
                }],
                time: None,
            };
            let snapshot = self.lake.pools.snapshot(&self.pool);
            let reading = Reading::new(snapshot, Arc::new(columns.clone()), hints);
            let mut count = 0;
            while let Some(batch) = reading.step() {
                let Some(batch) = batch.unwrap() else {
                    continue;
                };
                for row in 0..batch.num_rows() {
                    let of = crate::columns::value_at(batch.column(0), row);
                    count += usize::from(of == Value::from(customer));
                }
            }
            let expected = self.known.iter().filter(|k| k.customer == customer);
            let expected = expected.count();
            if count != expected {
                return Err(format!("{count} of {customer}, not {expected}"));
            }
        }
        Ok(())
    }
}

/// The first of these runs that finds something wrong.
fn violation(seeds: std::ops::Range<u64>, wrong: Wrong) -> Option<String> {
    for seed in seeds {
        let mut run = Run::new(seed, wrong);
        for step in 0..30 {
            if let Err(what) = run.step() {
                return Some(format!("seed {seed}, step {step}: {what}"));
            }
        }
    }
    None
}

#[test]
fn a_lake_holds_what_a_list_holds() {
    assert_eq!(violation(0..cases(100, 5_000), Wrong::Nothing), None);
}

/// Two halves, since tests run side by side.
#[test]
fn a_lake_holds_what_another_list_holds() {
    let seeds = 1 << 20..(1 << 20) + cases(100, 5_000);
    assert_eq!(violation(seeds, Wrong::Nothing), None);
}

#[test]
fn broken_lakes_are_found_out() {
    for wrong in [
        Wrong::ForgetsKeysOnDelete,
        Wrong::ForgetsFrozenKeys,
        Wrong::FirstWins,
        Wrong::IgnoresInjections,
        Wrong::ForgetsReplaced,
        Wrong::Upkeep(Broken::ForgetsFlushed),
        Wrong::Upkeep(Broken::TellsFilesThatWere),
    ] {
        assert!(violation(0..100, wrong).is_some(), "{wrong:?} lives");
    }
}
