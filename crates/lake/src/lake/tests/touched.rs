//! What has changed since a moment, against a list of what did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::answers::{PoolVersion, Touched, TouchedRecords};
use model::fields::{ColumnType, FieldType, ScalarType};
use model::filters::Constraint;
use model::limits::TOUCHED_CUSTOMERS_MAX;
use model::permit::Permit;
use model::pools::{Pool, PoolDraft};
use model::time::{Clock, ManualClock, Timestamp};
use model::value::Value;

use super::fixtures::*;
use super::upserts::{options, wait};
use crate::columns::value_at;
use crate::lake::Lake;
use crate::reading::{Hints, Reading};
use crate::simulation::{Random, SimulatedDisk};
use crate::store::{Arriving, Touches};

const HOUR: Duration = Duration::from_secs(3_600);

fn defined(rest: &str) -> Arc<Pool> {
    let definition = r#"{"name":"p","schema":"open","isolation_field":"c","time_field":"at",REST"fields":[
        {"name":"c","type":"String"},{"name":"id","type":"Int64"},{"name":"n","type":"Int64"},
        {"name":"at","type":"DateTime"},{"name":"bt","type":"DateTime"}]}"#;
    pool(1, &definition.replace("REST", rest))
}

/// The same pool, defined anew.
fn redefined(pool: &Pool, time: &str) -> Arc<Pool> {
    let mut draft: PoolDraft = pool.draft.clone();
    draft.time_field = Some(path(time));
    Arc::new(Pool {
        draft,
        revision: pool.revision + 1,
        ..pool.clone()
    })
}

/// The records by their numbers, each with its time in the pool's time field.
fn held(lake: &Lake, pool: &Arc<Pool>) -> BTreeMap<i128, Option<Timestamp>> {
    let scalar = |scalar| ColumnType::Declared(FieldType::Scalar(scalar));
    let columns = vec![
        (path("n"), scalar(ScalarType::Int64)),
        (pool.time_field(), scalar(ScalarType::DateTime)),
    ];
    let reading = Reading::new(lake.snapshot(pool), columns.into(), Hints::default());
    let mut held = BTreeMap::new();
    while let Some(batch) = reading.step() {
        let Some(batch) = batch.unwrap() else {
            continue;
        };
        for row in 0..batch.num_rows() {
            let [number, time] = [0, 1].map(|at| value_at(batch.column(at), row));
            let Value::Integer(number) = number else {
                panic!("{number:?}");
            };
            let time = match time {
                Value::DateTime(time) => Some(time),
                _ => None,
            };
            assert!(held.insert(number, time).is_none());
        }
    }
    held
}

/// What a change was of.
#[derive(Clone, Copy, Debug)]
enum Change {
    Any,
    Record(Option<Timestamp>),
    /// A record went, of this time.
    Gone(Option<Timestamp>),
}

fn tells(touched: &Touched, change: &Change) -> bool {
    use Change::{Gone, Record};
    if let Gone(time) = change {
        return touched.took_away && tells(touched, &Record(*time));
    }
    match (&touched.records, change) {
        (TouchedRecords::Everything, _) => touched.took_away,
        (TouchedRecords::At { timeless, .. }, Record(None)) => *timeless,
        (TouchedRecords::At { .. }, Change::Any | Gone(_)) => false,
        (TouchedRecords::At { stretches, .. }, Record(Some(time))) => stretches
            .iter()
            .any(|(first, last)| first <= time && time <= last),
    }
}

/// What may be wrong with a lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// Deletes are not noted.
    ForgetsDeletes,
    /// Of a delete the times are noted, as if records had come.
    NotesTimesAlone,
    /// Records that arrive are noted, and not what they replace.
    ForgetsReplaced,
    /// Of a batch the first time alone is noted.
    NotesTheFirst,
    /// Records without a time are not noted.
    ForgetsTimeless,
    /// The old definition is asked about.
    IgnoresDefinitions,
}

struct Run {
    wrong: Wrong,
    random: Random,
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    /// As it was defined first, and is now.
    pools: Vec<Arc<Pool>>,
    lake: Lake,
    known: BTreeMap<i128, Option<Timestamp>>,
    changes: Vec<Change>,
    /// Moments, each with how many changes there were.
    moments: Vec<(PoolVersion, usize)>,
    n: u64,
    /// How often something else than everything was told, of how many questions.
    close: (usize, usize),
}

impl Run {
    fn new(seed: u64, wrong: Wrong) -> Self {
        let mut random = Random::new(seed);
        let kinds = [
            "",
            r#""retention_days":2,"#,
            r#""unique":["id"],"#,
            r#""unique":["id","at"],"#,
        ];
        let pool = defined(kinds[random.below(4) as usize]);
        let disk = SimulatedDisk::new(seed);
        let clock = Arc::new(ManualClock::new(noon()));
        let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        Self {
            wrong,
            random,
            disk,
            clock,
            pools: vec![pool],
            lake,
            known: BTreeMap::new(),
            changes: Vec::new(),
            moments: Vec::new(),
            n: 0,
            close: (0, 0),
        }
    }

    fn pool(&self) -> Arc<Pool> {
        self.pools[self.pools.len() - 1].clone()
    }

    fn touched(&self, since: Option<PoolVersion>) -> Touched {
        let pool = match self.wrong {
            Wrong::IgnoresDefinitions => self.pools[0].clone(),
            _ => self.pool(),
        };
        self.lake.touched(&Permit::ours(), &pool, since)
    }

    fn touches(&self) -> Touches {
        let mut touches = None;
        let id = self.pools[0].id;
        self.lake.pools.damage(id, |records| {
            touches = Some(records.touches_mut().clone());
        });
        touches.unwrap_or_else(|| Touches::new(path("at")))
    }

    fn put_back(&self, touches: Touches) {
        let id = self.pools[0].id;
        self.lake
            .pools
            .damage(id, |records| *records.touches_mut() = touches);
    }

    fn append(&mut self) {
        // A writer may know the pool as it was.
        let at = self.random.below(self.pools.len() as u64) as usize;
        let pool = self.pools[at].clone();
        let needs_time = pool.draft.unique.contains(&path("at"));
        let near = self.random.below(60);
        let (mut records, mut times) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(5) {
            self.n += 1;
            let (n, id) = (self.n, self.random.below(6));
            let time = |random: &mut Random| {
                let age = HOUR * (near + random.below(4)) as u32;
                self.clock.now().checked_sub(age).unwrap()
            };
            let (at, bt) = (time(&mut self.random), time(&mut self.random));
            let at = (needs_time || !self.random.one_in(12)).then_some(at);
            let said = at.map(|at| format!(r#","at":"{at}""#)).unwrap_or_default();
            times.push(at);
            records.push(format!(
                r#"{{"c":"a","id":{id},"n":{n},"bt":"{bt}"{said}}}"#
            ));
        }
        let before = self.touches();
        let records = format!("[{}]", records.join(","));
        let batch = Request::new(&pool, &records).at(self.clock.now()).admit();
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        wait(self.lake.append(batch)).unwrap();
        self.damage_after(before, &times);
    }

    /// Notes something else of a batch of these times.
    fn damage_after(&self, mut before: Touches, times: &[Option<Timestamp>]) {
        let some = times.iter().flatten().map(|at| at.as_microsecond());
        let range = some.clone().min().zip(some.max());
        let timeless = times.contains(&None);
        let arriving = match self.wrong {
            Wrong::ForgetsReplaced => Arriving {
                times: range,
                timeless,
            },
            Wrong::NotesTheFirst => Arriving {
                times: range.map(|(first, _)| (first, first)),
                timeless,
            },
            Wrong::ForgetsTimeless => Arriving {
                times: range,
                timeless: false,
            },
            _ => return,
        };
        before.arrived(&path("at"), Some(arriving));
        self.put_back(before);
    }

    fn delete(&mut self) {
        let (pool, before) = (self.pool(), self.touches());
        let id = self.random.below(6);
        let asked = match self.random.below(4) {
            0 => format!(r#"{{"field":"id","operator":"eq","value":{id}}}"#),
            1 => {
                let border = self.clock.now().checked_sub(HOUR * 50).unwrap();
                format!(r#"{{"field":"at","operator":"lt","value":"{border}"}}"#)
            }
            2 => {
                let age = HOUR * self.random.below(60) as u32;
                let from = self.clock.now().checked_sub(age).unwrap();
                let to = from.checked_add(HOUR * 4).unwrap();
                format!(
                    r#"{{"all":[{{"field":"at","operator":"gte","value":"{from}"}},
                        {{"field":"at","operator":"lt","value":"{to}"}}]}}"#
                )
            }
            _ => r#"{"field":"n","operator":"lt","value":0}"#.to_owned(),
        };
        let delete = deleting(&access(1), &pool, Some(filter(&asked)));
        wait(self.lake.delete(delete)).unwrap();
        match self.wrong {
            Wrong::ForgetsDeletes => self.put_back(before),
            Wrong::NotesTimesAlone => {
                let mut noted = before;
                let times = Some((i64::MIN, i64::MAX));
                let timeless = true;
                noted.arrived(&path("at"), Some(Arriving { times, timeless }));
                self.put_back(noted);
            }
            _ => {}
        }
    }

    fn restart(&mut self) {
        self.lake.close();
        self.disk = self.disk.crash();
        let (pool, clock) = (self.pool(), self.clock.clone());
        self.lake = open_at(&self.disk, &[&pool], options(), clock).unwrap();
    }

    fn step(&mut self) {
        let permit = Permit::ours();
        match self.random.below(24) {
            0..=12 => self.append(),
            13..=15 => self.delete(),
            16 => self.lake.flush(&permit).unwrap(),
            17 => self.lake.compact(&permit).unwrap(),
            18 => while self.lake.upkeep(&permit).unwrap() {},
            19 | 20 => {
                self.clock.advance(HOUR * 3);
                self.lake.retain(&permit, &[self.pool()]).unwrap();
            }
            21 if self.random.one_in(3) => self.restart(),
            22 if self.random.one_in(3) => {
                let time = ["at", "bt"][self.pools.len() % 2];
                self.pools.push(redefined(&self.pool(), time));
                self.known = held(&self.lake, &self.pool());
                self.changes.push(Change::Any);
            }
            _ => {}
        }
    }

    /// Notes what has changed, and asks about the moments that were noted.
    fn check(&mut self) -> Result<(), String> {
        let now = held(&self.lake, &self.pool());
        let gone = self.known.iter().filter(|(n, _)| !now.contains_key(n));
        let came = now.iter().filter(|(n, _)| !self.known.contains_key(n));
        let gone = gone.map(|(_, at)| match came.clone().any(|(_, other)| other == at) {
            // Another of the same time may have taken its place.
            true => Change::Record(*at),
            false => Change::Gone(*at),
        });
        let changes: Vec<_> = gone
            .chain(came.clone().map(|(_, at)| Change::Record(*at)))
            .collect();
        self.changes.extend(changes);
        self.known = now;
        for (since, count) in &self.moments {
            let touched = self.touched(Some(*since));
            self.close.1 += 1;
            self.close.0 += usize::from(touched.records != TouchedRecords::Everything);
            let missed = self.changes[*count..].iter();
            if let Some(missed) = missed.clone().find(|change| !tells(&touched, change)) {
                return Err(format!("{missed:?} is not in {touched:?} since {since:?}"));
            }
        }
        let moment = self.touched(None).version;
        let nothing = TouchedRecords::At {
            stretches: Vec::new(),
            timeless: false,
        };
        assert_eq!(self.touched(Some(moment)).records, nothing);
        self.moments.push((moment, self.changes.len()));
        if self.moments.len() > 8 {
            let at = self.random.below(8) as usize;
            self.moments.remove(at);
        }
        Ok(())
    }
}

/// The first of these runs that finds something wrong, and how often it was
/// told more closely than everything.
fn violation(seeds: std::ops::Range<u64>, wrong: Wrong) -> (Option<String>, [usize; 2]) {
    let mut told = [0, 0];
    for seed in seeds {
        let mut run = Run::new(seed, wrong);
        for step in 0..40 {
            run.step();
            if let Err(what) = run.check() {
                return (Some(format!("seed {seed}, step {step}: {what}")), told);
            }
        }
        told[0] += run.close.0;
        told[1] += run.close.1;
    }
    (None, told)
}

#[test]
fn every_record_that_changed_since_a_moment_lies_in_what_is_told() {
    let (found, [close, all]) = violation(0..cases(60, 2_000), Wrong::Nothing);
    assert_eq!(found, None);
    assert!(close > all / 4, "{close} of {all} were told closely");
}

#[test]
fn lakes_that_forget_changes_are_found_out() {
    for wrong in [
        Wrong::ForgetsDeletes,
        Wrong::NotesTimesAlone,
        Wrong::ForgetsReplaced,
        Wrong::NotesTheFirst,
        Wrong::ForgetsTimeless,
        Wrong::IgnoresDefinitions,
    ] {
        let (found, _) = violation(0..60, wrong);
        assert!(found.is_some(), "{wrong:?} lives");
    }
}

/// A lake with a pool, and what is told of it.
struct Told {
    lake: Lake,
    disk: SimulatedDisk,
    clock: Arc<ManualClock>,
    pool: Arc<Pool>,
}

impl Told {
    fn new(rest: &str) -> Self {
        let (disk, pool) = (SimulatedDisk::new(1), defined(rest));
        let clock = Arc::new(ManualClock::new(noon()));
        let lake = open_at(&disk, &[&pool], options(), clock.clone()).unwrap();
        Self {
            lake,
            disk,
            clock,
            pool,
        }
    }

    fn send(&self, records: &str) {
        let batch = Request::new(&self.pool, records).admit();
        assert!(batch.faults().is_empty(), "{:?}", batch.faults());
        wait(self.lake.append(batch)).unwrap();
    }

    fn delete(&self, asked: &str) {
        let delete = deleting(&access(1), &self.pool, Some(filter(asked)));
        wait(self.lake.delete(delete)).unwrap();
    }

    fn version(&self) -> PoolVersion {
        self.lake.touched(&Permit::ours(), &self.pool, None).version
    }

    /// What changed since a moment, in words.
    fn since(&self, version: PoolVersion) -> String {
        let touched = self
            .lake
            .touched(&Permit::ours(), &self.pool, Some(version));
        assert!(touched.version >= version);
        match touched.records {
            TouchedRecords::Everything => "everything".to_owned(),
            TouchedRecords::At {
                stretches,
                timeless,
            } => {
                let stretches = stretches.iter();
                let stretches = stretches.map(|(first, last)| format!("{first}..{last}"));
                let timeless = timeless.then(|| "timeless".to_owned());
                stretches.chain(timeless).collect::<Vec<_>>().join(" ")
            }
        }
    }
}

const MORNING: &str = r#"[{"c":"a","id":1,"n":1,"at":"2026-03-01T08:00:00Z"},
    {"c":"a","id":2,"n":2,"at":"2026-03-01T09:00:00Z"}]"#;
const EVENING: &str =
    r#"[{"c":"a","id":3,"n":3,"at":"2026-03-01T20:00:00Z"},{"c":"a","id":4,"n":4}]"#;

#[test]
fn records_that_arrive_touch_their_own_times_also_once_they_are_in_files() {
    let told = Told::new("");
    let first = told.version();
    assert_eq!(told.since(first), "");
    told.send(MORNING);
    let second = told.version();
    assert_eq!(
        told.since(first),
        "2026-03-01T08:00:00Z..2026-03-01T09:00:00Z"
    );
    told.lake.flush(&Permit::ours()).unwrap();
    assert_eq!(told.since(second), "", "files hold the same records");
    told.send(EVENING);
    assert_eq!(
        told.since(second),
        "2026-03-01T20:00:00Z..2026-03-01T20:00:00Z timeless"
    );
    told.delete(r#"{"field":"n","operator":"eq","value":1}"#);
    assert_eq!(told.since(second), "everything");
}

#[test]
fn deletes_that_take_nothing_touch_nothing_and_those_before_an_instant_what_lies_there() {
    let told = Told::new("");
    told.send(MORNING);
    let version = told.version();
    told.delete(r#"{"field":"n","operator":"eq","value":7}"#);
    assert_eq!(told.since(version), "");
    told.delete(r#"{"field":"at","operator":"lt","value":"2026-03-01T09:00:00Z"}"#);
    assert_eq!(
        told.since(version),
        "0001-01-01T00:00:00Z..2026-03-01T08:59:59.999999Z"
    );
}

#[test]
fn what_the_retention_of_a_pool_takes_lies_before_its_border() {
    let told = Told::new(r#""retention_days":1,"#);
    told.send(MORNING);
    told.lake.flush(&Permit::ours()).unwrap();
    let version = told.version();
    told.clock.advance(HOUR * 21);
    let pools = [told.pool.clone()];
    assert_eq!(told.lake.retain(&Permit::ours(), &pools).unwrap(), 1);
    assert_eq!(
        told.since(version),
        "0001-01-01T00:00:00Z..2026-03-01T08:59:59.999999Z"
    );
}

#[test]
fn records_that_replace_others_touch_everything_unless_it_is_known_what_they_replace() {
    let again = r#"[{"c":"a","id":1,"n":5,"at":"2026-03-01T10:00:00Z"}]"#;
    let told = Told::new(r#""unique":["id"],"#);
    let version = told.version();
    told.send(MORNING);
    assert_ne!(
        told.since(version),
        "everything",
        "there was nothing to replace"
    );
    let version = told.version();
    told.send(again);
    assert_eq!(told.since(version), "everything");
    let told = Told::new(r#""unique":["id"],"#);
    told.send(MORNING);
    told.lake.flush(&Permit::ours()).unwrap();
    let version = told.version();
    told.send(again);
    assert_eq!(
        told.since(version),
        "everything",
        "the older one is in a file"
    );
    let told = Told::new(r#""unique":["id","at"],"#);
    told.send(MORNING);
    told.lake.flush(&Permit::ours()).unwrap();
    let version = told.version();
    told.send(again);
    assert_eq!(
        told.since(version),
        "2026-03-01T10:00:00Z..2026-03-01T10:00:00Z"
    );
}

fn rows_of(customer: &str) -> Constraint {
    let own = format!(r#"{{"field":"c","operator":"eq","value":"{customer}"}}"#);
    Constraint::Rows(filter(&own))
}

#[test]
fn what_a_customer_loses_is_told_to_those_who_see_that_customers_records() {
    let told = Told::new(r#""unique":["id"],"#);
    let took = |since, customer: &str| {
        let pool = &told.pool;
        let took = |rows: &Constraint| told.lake.took_away(&Permit::ours(), pool, since, rows);
        // Who sees all is told of everybody's, and so is who sees others beside.
        let either = filter(
            r#"{"any":[{"field":"c","operator":"eq","value":"x"},{"field":"n","operator":"lt","value":0}]}"#,
        );
        let all = took(&Constraint::AllRows);
        assert_eq!(took(&Constraint::Rows(either)), all);
        assert_eq!(
            told.lake
                .touched(&Permit::ours(), pool, Some(since))
                .took_away,
            all
        );
        let one = took(&rows_of(customer));
        assert!(all || !one, "what one lost was lost");
        one
    };
    let first = told.version();
    told.send(r#"[{"c":"a","id":1,"n":1},{"c":"b","id":1,"n":2}]"#);
    assert!(!took(first, "a") && !took(first, "b"));
    for is_in_files in [false, true] {
        if is_in_files {
            told.lake.flush(&Permit::ours()).unwrap();
        }
        let before = told.version();
        told.send(r#"[{"c":"a","id":1,"n":3}]"#);
        assert!(took(before, "a") && !took(before, "b"), "replaced");
        let replaced = told.version();
        told.delete(r#"{"field":"c","operator":"eq","value":"b"}"#);
        assert!(!took(replaced, "a") && took(replaced, "b"), "deleted");
        assert!(took(before, "a") && took(before, "b"));
        told.send(r#"[{"c":"b","id":1,"n":4}]"#);
        let deleted = told.version();
        told.delete(r#"{"field":"n","operator":"eq","value":4}"#);
        assert!(
            took(deleted, "a") && took(deleted, "c"),
            "of whom is not said"
        );
        told.send(r#"[{"c":"b","id":1,"n":5}]"#);
    }
    // Of more customers than are remembered it is not said.
    let send_many = |n: usize| {
        let all: Vec<usize> = (0..=TOUCHED_CUSTOMERS_MAX).collect();
        // So few at once that each batch fits into a record of this journal.
        for some in all.chunks(200) {
            let some = some.iter();
            let some = some.map(|at| format!(r#"{{"c":"m{at}","id":1,"n":{n}}}"#));
            told.send(&format!("[{}]", some.collect::<Vec<_>>().join(",")));
        }
    };
    send_many(6);
    let before = told.version();
    send_many(7);
    assert!(took(before, "m0") && took(before, "c"));
}

/// Else the age of an answer would tell that somebody's records were too old.
#[test]
fn what_is_kept_ends_by_the_hour_whatever_is_too_old_and_whosever_it_is() {
    type Case = (&'static [&'static str], Option<&'static str>);
    const YOUNG: &str = r#"[{"c":"a","id":1,"n":1,"at":"2026-03-01T11:00:00Z"}]"#;
    // Too old an hour later.
    const OLDER: &str = r#"[{"c":"b","id":2,"n":2,"at":"2026-02-27T12:30:00Z"}]"#;
    const LATE: &str = r#"[{"c":"b","id":3,"n":3,"at":"2026-02-01T00:00:00Z"}]"#;
    let ours = Permit::ours();
    let named_by_none = filter(r#"{"field":"n","operator":"lt","value":2}"#);
    let seen = [
        rows_of("a"),
        rows_of("b"),
        Constraint::Rows(named_by_none),
        Constraint::AllRows,
    ];
    let cases: [Case; 5] = [
        (&[], None),
        (&[YOUNG], None),
        (&[YOUNG, OLDER], None),
        (&[], Some(LATE)),
        (&[YOUNG, OLDER], Some(LATE)),
    ];
    for (first, later) in cases {
        for is_in_files in [false, true] {
            let told = Told::new(r#""retention_days":2,"#);
            let flush = || {
                if is_in_files {
                    told.lake.flush(&ours).unwrap();
                }
            };
            let retain = || {
                let pools = std::slice::from_ref(&told.pool);
                told.lake.retain(&ours, pools).unwrap()
            };
            let took = |since| {
                let took = |rows| told.lake.took_away(&ours, &told.pool, since, rows);
                seen.each_ref().map(took)
            };
            first.iter().for_each(|records| told.send(records));
            flush();
            assert_eq!(retain(), 0);
            let before = told.version();
            if let Some(records) = later {
                told.send(records);
                flush();
            }
            told.clock.advance(Duration::from_secs(6 * 60));
            assert_eq!(retain(), usize::from(later.is_some()));
            assert_eq!(took(before), [false; 4], "{first:?} {later:?}");
            told.clock.advance(HOUR);
            assert_eq!(retain(), usize::from(first.contains(&OLDER)));
            assert_eq!(took(before), [true; 4], "{first:?} {later:?}");
            // And so is what was made of the times before it.
            assert_eq!(
                told.since(before),
                "0001-01-01T00:00:00Z..2026-02-27T12:59:59.999999Z",
                "{first:?} {later:?}"
            );
            let after = told.version();
            assert_eq!(retain(), 0);
            assert_eq!(took(after), [false; 4], "{first:?} {later:?}");
            assert_eq!(told.since(after), "", "{first:?} {later:?}");
        }
    }
    // A delete that asks for the same is one.
    let told = Told::new(r#""retention_days":2,"#);
    told.send(YOUNG);
    let before = told.version();
    told.delete(r#"{"field":"at","operator":"lt","value":"2026-03-01T12:00:00Z"}"#);
    assert!(
        told.lake
            .took_away(&ours, &told.pool, before, &rows_of("a"))
    );
}

#[test]
fn a_moment_of_another_run_pool_or_definition_is_not_known() {
    let mut told = Told::new("");
    told.send(MORNING);
    let version = told.version();
    let other = pool(2, r#"{"name":"q","schema":"open"}"#);
    let of_other = told.lake.touched(&Permit::ours(), &other, None).version;
    assert_eq!(told.since(version), "");
    let asked = told.lake.touched(&Permit::ours(), &other, Some(version));
    assert_eq!(asked.records, TouchedRecords::Everything);
    let asked = told
        .lake
        .touched(&Permit::ours(), &told.pool, Some(of_other));
    assert_eq!(asked.records, TouchedRecords::Everything);
    let anew = redefined(&told.pool, "bt");
    let first = std::mem::replace(&mut told.pool, anew);
    assert_eq!(told.since(version), "everything");
    let ours = Permit::ours();
    assert!(
        told.lake
            .took_away(&ours, &told.pool, version, &rows_of("c"))
    );
    told.pool = first;
    assert!(
        !told
            .lake
            .took_away(&ours, &told.pool, version, &rows_of("c"))
    );
    told.lake.close();
    told.disk = told.disk.crash();
    let clock = told.clock.clone();
    told.lake = open_at(&told.disk, &[&told.pool], options(), clock).unwrap();
    let asked = told
        .lake
        .touched(&Permit::ours(), &told.pool, Some(version));
    assert_eq!(asked.records, TouchedRecords::Everything);
}
