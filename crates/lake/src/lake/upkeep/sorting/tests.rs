//! Sorting takes no more memory than it may, leaves nothing behind, and is
//! needed.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};
use model::permit::Permit;
use model::pools::Pool;
use model::value::Value;

use super::*;
use crate::columns::value_at;
use crate::lake::LakeOptions;
use crate::lake::tests::fixtures::*;
use crate::lake::upkeep::run::Run;
use crate::lake::upkeep::tests::counting::{Counting, read_of_customer};
use crate::manifest::ManifestChange;
use crate::simulation::{Random, SimulatedDisk};
use crate::store::Written;
use crate::tables::{DICTIONARY_BYTES, SortedBy};

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(future)
}

fn sales() -> Arc<Pool> {
    pool(
        1,
        r#"{"name":"sales","schema":"strict","fields":[{"name":"c","type":"String"},
            {"name":"n","type":"Int64"}]}"#,
    )
}

fn options(sort_bytes: usize) -> LakeOptions {
    let mut options = roomy();
    options.upkeep.block_rows = 8;
    options.upkeep.file_bytes = 4_000;
    options.upkeep.sort_bytes = sort_bytes;
    options
}

/// A lake whose files lie by time, with customers at random.
fn filled(counting: &Arc<Counting>, pool: &Arc<Pool>, sort_bytes: usize, rows: u64) -> Lake {
    let lake = counting.open(pool, options(sort_bytes));
    let mut random = Random::new(rows);
    let records = (0..rows).map(|n| {
        let c = random.below(10);
        format!(r#"{{"c":"c{c}","n":{n}}}"#)
    });
    let records = records.collect::<Vec<_>>().join(",");
    let request = Request::new(pool, &format!("[{records}]"));
    wait(lake.append(request.admit())).unwrap();
    lake.flush(&Permit::ours()).unwrap();
    lake
}

/// How the files of a pool are sorted by customers, and their rows.
fn sorting<'a>(lake: &'a Lake, pool: &Arc<Pool>) -> (Sorting<'a>, Snapshot, Batches) {
    let snapshot = lake.pools.snapshot(pool).asked_by_columns();
    let plan = Plan {
        layout: snapshot.layout.clone(),
        sorted_by: SortedBy::of(pool, Some(&path("c"))),
        shredded: Vec::new().into(),
        filter: false,
        apart: false,
        block_rows: 8,
        dictionary_bytes: DICTIONARY_BYTES,
    };
    let sorting = Sorting::new(lake, (pool.id, &snapshot), &plan, Position::FIRST, 1 << 20);
    let rows = rows_of(&snapshot, snapshot.stored.files.to_vec(), 1 << 20);
    (sorting, snapshot, rows)
}

/// Customer and number of each row.
fn keys(rows: impl Iterator<Item = Result<RecordBatch>>) -> Vec<(Value, Value)> {
    let mut keys = Vec::new();
    for batch in rows {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        let (customers, numbers) = (column("c"), column("n"));
        let row = |row| (value_at(customers, row), value_at(numbers, row));
        keys.extend((0..batch.num_rows()).map(row));
    }
    keys
}

fn customer(key: &(Value, Value)) -> &str {
    key.0.as_str().unwrap()
}

#[test]
fn a_part_has_no_more_bytes_than_it_may_unless_it_is_one_batch() {
    let mut random = Random::new(1);
    for _ in 0..cases(200, 5_000) {
        let limit = 500 + random.below(20_000) as usize;
        let batches = (0..random.below(30)).map(|_| {
            let rows = random.below(40) as usize;
            let text = "x".repeat(random.below(60) as usize);
            let numbers: Int64Array = (0..rows as i64).collect::<Vec<_>>().into();
            let texts = StringArray::from(vec![text.as_str(); rows]);
            let columns = [("n", Arc::new(numbers) as _), ("t", Arc::new(texts) as _)];
            RecordBatch::try_from_iter(columns).unwrap()
        });
        let batches: Vec<_> = batches.collect();
        let sent: Vec<_> = batches
            .iter()
            .filter(|b| b.num_rows() > 0)
            .cloned()
            .collect();
        let rows = batches.into_iter().map(Ok);
        let mut gathering = Gathering::new(Box::new(rows), limit);
        let (mut got, mut before) = (Vec::new(), None);
        loop {
            let part = gathering.part().unwrap();
            let bytes = |batch: &RecordBatch| bytes_of(batch) + batch.num_rows() * ROW_BYTES;
            let held: usize = part.iter().map(bytes).sum();
            assert!(held <= limit || part.len() == 1, "{held} of {limit}");
            // Nor is a part cut short without need.
            if let (Some(before), Some(first)) = (before, part.first()) {
                assert!(before + bytes(first) > limit);
            }
            before = Some(held);
            got.extend(part);
            if gathering.is_done() {
                break;
            }
        }
        assert_eq!(got, sent);
    }
}

#[test]
fn however_many_parts_there_are_a_bounded_number_is_merged_at_once() {
    let pool = sales();
    for (sort_bytes, many) in [(1 << 20, 0), (4_000, PARTS_MAX / 2), (1_300, 3 * PARTS_MAX)] {
        let counting = Counting::over(&SimulatedDisk::new(1));
        let lake = filled(&counting, &pool, sort_bytes, 600);
        let (sorting, _, rows) = sorting(&lake, &pool);
        let before = counting.made();
        let inputs = sorting.inputs(rows).unwrap();
        assert!(inputs.len() <= PARTS_MAX + 1, "{}", inputs.len());
        let made = (counting.made() - before) as usize;
        assert!(made >= many && (many > 0 || made == 0), "{made}");
        let (now, _) = counting.unfinished();
        assert!(now + 1 >= inputs.len(), "{now}");
        let mut all = Vec::new();
        for input in inputs {
            let keys = keys(input);
            assert!(keys.is_sorted_by(|a, b| customer(a) <= customer(b)));
            all.extend(keys);
        }
        assert_eq!(counting.unfinished().0, 0, "what was read is gone");
        all.sort_unstable_by_key(|(_, n)| n.as_number().map(|n| n.to_f64() as u64));
        let numbers: Vec<Value> = all.into_iter().map(|(_, n)| n).collect();
        let expected: Vec<Value> = (0..600).map(Value::from).collect();
        assert_eq!(numbers, expected);
    }
}

#[test]
fn nothing_stays_of_what_was_given_up() {
    let pool = sales();
    let counting = Counting::over(&SimulatedDisk::new(2));
    let lake = filled(&counting, &pool, 1_300, 600);
    let (sorting, _, rows) = sorting(&lake, &pool);
    drop(sorting.inputs(rows).unwrap());
    assert_eq!(counting.unfinished().0, 0);
    for count in [0, 1, 20, 60] {
        let (sorting, _, rows) = self::sorting(&lake, &pool);
        let broken = || Err(crate::error::LakeError::Internal("broken".to_owned()));
        let rows = rows.take(count).chain(std::iter::once_with(broken));
        assert!(sorting.inputs(Box::new(rows)).is_err());
        assert_eq!(counting.unfinished().0, 0, "{count}");
    }
    // A server that ends does not wait for it.
    lake.stop();
    let (sorting, _, rows) = self::sorting(&lake, &pool);
    assert!(sorting.inputs(rows).is_err());
    assert_eq!(counting.unfinished().0, 0);
}

/// How rows in another order are made ready for a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readied {
    /// As the product does.
    Sorted,
    /// Not at all.
    NotAtAll,
    /// Each part by itself, and one after the other.
    InParts,
    /// Without the last part.
    NotToTheEnd,
}

/// Whether the lake refuses what was readied so, or a customer's question is
/// answered otherwise from files that were written of it.
fn is_found_out(readied: Readied, seed: u64) -> bool {
    let pool = sales();
    let counting = Counting::over(&SimulatedDisk::new(seed));
    let rows = 100 + seed * 10;
    let lake = filled(&counting, &pool, 2_000, rows);
    let answers = |lake: &Lake| -> Vec<Vec<i64>> {
        let customers = (0..10).map(|c| format!("c{c}"));
        let answer = |customer: String| {
            let filter = |value: &Value| value.as_number().map(|n| n.to_f64() as i64);
            let found = read_of_customer(lake, &pool, &customer);
            let mut found: Vec<_> = found.iter().filter_map(filter).collect();
            found.sort_unstable();
            found
        };
        customers.map(answer).collect()
    };
    // By time, each question meets everything; the customers' own come from memory.
    let mut random = Random::new(rows);
    let mut expected = vec![Vec::new(); 10];
    (0..rows as i64).for_each(|n| expected[random.below(10) as usize].push(n));
    let (sorting, snapshot, unsorted) = sorting(&lake, &pool);
    let inputs = match readied {
        Readied::NotAtAll => Ok(vec![unsorted]),
        _ => sorting.inputs(unsorted),
    };
    let mut inputs = inputs.unwrap();
    match readied {
        Readied::InParts => {
            let parts = std::mem::take(&mut inputs);
            inputs.push(Box::new(parts.into_iter().flatten()));
        }
        Readied::NotToTheEnd => drop(inputs.remove(0)),
        Readied::Sorted | Readied::NotAtAll => {}
    }
    let plan = Plan {
        block_rows: 8,
        ..sorting.plan.clone()
    };
    let merged = merge(inputs, &plan.layout, &plan.sorted_by, plan.block_rows);
    let written = merged.and_then(|rows| {
        let run = Run::new(&lake, pool.id, plan, 0, Position::FIRST);
        lake.write_files(pool.id, run, rows)
    });
    let removed = snapshot.stored.files.iter().map(|file| file.id).collect();
    let committed = lake.commit(pool.id, Written::Anew, written, |added| {
        Ok(ManifestChange {
            mark: None,
            removed,
            added,
        })
    });
    committed.is_err() || answers(&lake) != expected
}

#[test]
fn files_that_are_sorted_answer_and_others_are_found_out() {
    for seed in 0..10 {
        assert!(!is_found_out(Readied::Sorted, seed), "seed {seed}");
    }
    for readied in [Readied::NotAtAll, Readied::InParts, Readied::NotToTheEnd] {
        for seed in 0..5 {
            assert!(
                is_found_out(readied, seed),
                "{readied:?} lives, seed {seed}"
            );
        }
    }
}
