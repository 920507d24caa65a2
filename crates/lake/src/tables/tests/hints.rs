//! What a reading leaves out, and that it leaves out nothing else.

use model::permit::Permit;

use super::*;
use crate::lake::Lake;
use crate::lake::tests::fixtures::{Request, deleting, filter, open, pool, roomy};
use crate::reading::{CustomersHint, Hints, Reading, TimeHint};

const DEFINITION: &str = r#"{"name":"p","schema":"open","isolation_field":"who","time_field":"at","fields":[
    {"name":"at","type":"DateTime"},{"name":"n","type":"Int64"}]}"#;

fn noted(reading: &Reading) -> Vec<i128> {
    let mut numbers = Vec::new();
    while let Some(batch) = reading.step() {
        let Some(batch) = batch.unwrap() else {
            continue;
        };
        for row in 0..batch.num_rows() {
            match value_at(batch.column(0).as_ref(), row) {
                Value::Integer(number) => numbers.push(number),
                other => panic!("{other:?}"),
            }
        }
    }
    numbers.sort_unstable();
    numbers
}

/// Customers of every kind of value that an undeclared field may have, in small blocks.
fn lake() -> (Lake, Arc<Pool>) {
    let pool = pool(1, DEFINITION);
    let mut options = roomy();
    options.upkeep.block_rows = 2;
    let lake = open(&SimulatedDisk::new(1), &[&pool], options);
    let whos = [
        r#""a""#,
        r#""b""#,
        "1",
        "1.0",
        "true",
        r#"["a","x"]"#,
        r#"["b"]"#,
        "[]",
        r#"{"k":1}"#,
        "null",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for part in 0..3 {
        let records = (0..40).map(|at| {
            let (who, n) = (whos[at % whos.len()], part * 40 + at);
            let day = n % 28 + 1;
            let at = if n % 9 == 0 {
                "null".to_owned()
            } else {
                format!(r#""2026-01-{day:02}T00:00:00Z""#)
            };
            format!(r#"{{"who":{who},"at":{at},"n":{n}}}"#)
        });
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        runtime.block_on(lake.append(request.admit())).unwrap();
        lake.flush(&Permit::ours()).unwrap();
    }
    let some = filter(
        r#"{"all":[{"field":"who","operator":"eq","value":"a"},{"field":"n","operator":"lt","value":20}]}"#,
    );
    let delete = deleting(&crate::lake::tests::fixtures::access(1), &pool, Some(some));
    // Those of `a` and of the arrays that hold an `a`, below 20.
    assert_eq!(runtime.block_on(lake.delete(delete)).unwrap(), 4);
    (lake, pool)
}

fn reading(lake: &Lake, pool: &Arc<Pool>, hints: Hints) -> Vec<i128> {
    let column = pool.draft.schema.column(&path("n")).unwrap();
    let columns = vec![(path("n"), column)];
    noted(&Reading::new(lake.snapshot(pool), columns.into(), hints))
}

/// The numbers of records by their number, those that were removed left out.
fn expected(of: impl Fn(i128) -> bool) -> Vec<i128> {
    let gone = |n: &i128| *n < 20 && matches!(n % 10, 0 | 5);
    (0..120).filter(|n| !gone(n) && of(*n)).collect()
}

#[test]
fn customers_asked_for_are_read_and_every_array_with_them() {
    let (lake, pool) = lake();
    assert_eq!(reading(&lake, &pool, Hints::default()), expected(|_| true));
    let asked: [(Vec<Value>, &[i128]); 6] = [
        (vec![Value::from("a")], &[0]),
        (vec![Value::from("a"), Value::from("b")], &[0, 1]),
        (vec![Value::from(1), Value::float(1.0).unwrap()], &[2, 3]),
        (vec![Value::from(true)], &[4]),
        (vec![Value::from("nobody")], &[]),
        (vec![], &[]),
    ];
    for (values, kinds) in asked {
        let hints = Hints {
            customers: vec![CustomersHint {
                column: path("who"),
                values: values.clone().into(),
            }],
            time: None,
        };
        // Arrays are read whoever is asked for: any element of them may be meant.
        let found = reading(&lake, &pool, hints);
        let of = |n: i128| kinds.contains(&(n % 10)) || (5..8).contains(&(n % 10));
        assert_eq!(found, expected(of), "{values:?}");
    }
}

#[test]
fn times_asked_for_are_read_whole_and_other_blocks_are_left_out() {
    let (lake, pool) = lake();
    let at = |day: i64| 1_767_225_600_000_000 + (day - 1) * 86_400_000_000;
    for (from, to) in [
        (Some(5), Some(6)),
        (Some(20), None),
        (None, Some(3)),
        (Some(29), None),
    ] {
        let hints = Hints {
            customers: Vec::new(),
            time: Some(TimeHint {
                field: path("at"),
                from: from.map(at),
                to: to.map(at),
                missing: false,
            }),
        };
        let found = reading(&lake, &pool, hints);
        let day = |n: i128| i64::try_from(n % 28).unwrap() + 1;
        let matters = |n: i128| {
            n % 9 != 0 && from.is_none_or(|from| day(n) >= from) && to.is_none_or(|to| day(n) < to)
        };
        let needed = expected(matters);
        assert!(
            needed.iter().all(|n| found.contains(n)),
            "{from:?} to {to:?}"
        );
        assert!(
            found.len() < expected(|_| true).len(),
            "nothing was left out"
        );
        assert!(from != Some(29) || found.is_empty());
    }
    // Whoever wants those without a time gets them all.
    let late = Hints {
        customers: Vec::new(),
        time: Some(TimeHint {
            field: path("at"),
            from: Some(at(29)),
            to: None,
            missing: true,
        }),
    };
    let found = reading(&lake, &pool, late);
    let without = expected(|n| n % 9 == 0);
    assert!(without.iter().all(|n| found.contains(n)));
    assert!(found.len() < expected(|_| true).len());
    // Another field's times tell nothing.
    let other = Hints {
        customers: Vec::new(),
        time: Some(TimeHint {
            field: path("_ingested_at"),
            from: Some(i64::MAX),
            to: None,
            missing: false,
        }),
    };
    assert_eq!(reading(&lake, &pool, other), expected(|_| true));
}

#[test]
fn rows_are_at_hand_once_they_were_read_if_they_are_few() {
    let (lake, pool) = lake();
    let column = pool.draft.schema.column(&path("n")).unwrap();
    let columns: Arc<[_]> = vec![(path("n"), column)].into();
    let of = |customer: Option<&str>| {
        let hint = customer.map(|customer| CustomersHint {
            column: path("who"),
            values: vec![Value::from(customer)].into(),
        });
        let hints = Hints {
            customers: hint.into_iter().collect(),
            time: None,
        };
        Reading::new(lake.snapshot(&pool), columns.clone(), hints)
    };
    let cold = of(None);
    assert!(!cold.is_at_hand(1_000), "nothing was opened");
    // Having been asked takes nothing away.
    assert_eq!(noted(&cold), expected(|_| true));
    // Who is whose was not needed for that, but for what was removed.
    for (customer, rows) in [(None, 120), (Some("b"), 36)] {
        let asked = of(customer);
        let found = noted(&of(customer));
        assert!(asked.is_at_hand(1_000), "{customer:?}");
        assert_eq!(noted(&asked), found);
        let few = of(customer);
        assert!(!few.is_at_hand(rows / 4), "{customer:?}");
        assert_eq!(noted(&few), found);
    }
    let once = Reading::once(lake.snapshot(&pool), columns.clone(), 1 << 20);
    assert!(!once.is_at_hand(1_000), "it keeps to itself");
}

#[test]
fn records_in_memory_are_at_hand_and_counted_by_customer() {
    let pool = pool(
        1,
        r#"{"name":"p","schema":"strict","isolation_field":"who","fields":[{"name":"who","type":"String"},{"name":"n","type":"Int64"}]}"#,
    );
    let lake = open(&SimulatedDisk::new(1), &[&pool], roomy());
    let records = (0..5_000).map(|n| format!(r#"{{"who":"c{}","n":{n}}}"#, n % 50));
    let records = records.collect::<Vec<_>>().join(",");
    let request = Request::new(&pool, &format!("[{records}]"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    runtime.block_on(lake.append(request.admit())).unwrap();
    let column = pool.draft.schema.column(&path("n")).unwrap();
    let columns: Arc<[_]> = vec![(path("n"), column)].into();
    let all = Reading::new(lake.snapshot(&pool), columns.clone(), Hints::default());
    assert!(!all.is_at_hand(4_999) && all.is_at_hand(5_000));
    let hints = Hints {
        customers: vec![CustomersHint {
            column: path("who"),
            values: vec![Value::from("c7")].into(),
        }],
        time: None,
    };
    let one = Reading::new(lake.snapshot(&pool), columns, hints);
    assert!(!one.is_at_hand(99) && one.is_at_hand(100));
    assert_eq!(noted(&one).len(), 100);
}
