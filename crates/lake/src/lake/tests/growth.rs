//! The fields of a pool are added, renamed and dropped while there are records: in memory, in
//! files, in merged files and after a restart they mean the same, and what a dropped field held
//! never comes back.

use std::sync::{Arc, LazyLock};

use model::permit::Permit;
use model::pools::Pool;

use super::fixtures::*;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::simulation::SimulatedDisk;

const ORDERS: &str = r#"{"name":"orders","schema":"strict","isolation_field":"who","time_field":"at",
    "fields":[{"name":"who","type":"String"},{"name":"at","type":"DateTime"},
    {"name":"n","type":"Int64"},{"name":"note","type":"String"}]}"#;

/// Upkeep blocks, so that the tests do as well.
fn block_on<T>(done: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().unwrap()
    });
    RUNTIME.block_on(done)
}

/// The pool with this list of fields, each `name:type` or `name:type:old name`.
fn with_fields(pool: &Pool, fields: &str, built_on: &str) -> Arc<Pool> {
    let fields = fields.split_whitespace().map(|field| {
        let parts: Vec<&str> = field.split(':').collect();
        let old = parts
            .get(2)
            .map(|old| format!(r#","renamed_from":"{old}""#));
        let old = old.unwrap_or_default();
        format!(r#"{{"name":"{}","type":"{}"{old}}}"#, parts[0], parts[1])
    });
    let fields = fields.collect::<Vec<_>>().join(",");
    let patch = json(&format!(r#"{{"fields":[{fields}]{built_on}}}"#));
    Arc::new(Pool {
        draft: pool.draft.patched(&patch).unwrap(),
        revision: pool.revision + 1,
        ..pool.clone()
    })
}

/// The records of a pool as JSON, in the order of `n` or what stands for it.
fn shown(lake: &Lake, pool: &Arc<Pool>) -> Vec<String> {
    let records = held(lake, pool).into_iter();
    let mut shown: Vec<String> = records
        .map(|record| {
            let fields = record.iter().filter(|(name, _)| *name != "at");
            let fields =
                fields.map(|(name, value)| format!("{name}={}", model::json::to_text(value)));
            fields.collect::<Vec<_>>().join(" ")
        })
        .collect();
    shown.sort_unstable();
    shown
}

fn put(lake: &Lake, pool: &Arc<Pool>, records: &str) {
    let receipt = block_on(lake.append(Request::new(pool, records).admit())).unwrap();
    assert_eq!(receipt.rejected, 0, "{:?}", receipt.faults);
}

/// What becomes of the records between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Memory,
    Files,
    Merged,
    Reopened,
    ReopenedFiles,
}

impl Life {
    const ALL: [Self; 5] = [
        Self::Memory,
        Self::Files,
        Self::Merged,
        Self::Reopened,
        Self::ReopenedFiles,
    ];

    fn pass(self, disk: &mut SimulatedDisk, lake: Lake, pool: &Arc<Pool>) -> Lake {
        let ours = Permit::ours();
        match self {
            Self::Memory => {}
            Self::Files | Self::ReopenedFiles => lake.flush(&ours).unwrap(),
            Self::Merged => lake.compact(&ours).unwrap(),
            Self::Reopened => {}
        }
        if matches!(self, Self::Reopened | Self::ReopenedFiles) {
            drop(lake);
            *disk = disk.crash();
            return open(disk, &[pool], small());
        }
        lake
    }
}

#[test]
fn fields_grow_go_and_change_their_names_wherever_the_records_are() {
    for life in Life::ALL {
        let (mut disk, first) = (SimulatedDisk::new(1), pool(1, ORDERS));
        let mut lake = open(&disk, &[&first], small());
        put(
            &lake,
            &first,
            r#"[{"who":"a","n":1,"note":"x"},{"who":"b","n":2,"note":"y"}]"#,
        );
        lake = life.pass(&mut disk, lake, &first);

        // `n` is called `total`, `note` goes, `extra` comes.
        let second = with_fields(
            &first,
            "who:String at:DateTime total:Int64:n extra:Boolean",
            "",
        );
        let old = [r#"total=1 who="a""#, r#"total=2 who="b""#];
        assert_eq!(shown(&lake, &second), old, "{life:?}");
        put(&lake, &second, r#"[{"who":"a","total":3,"extra":true}]"#);
        let new = r#"extra=true total=3 who="a""#;
        assert_eq!(shown(&lake, &second), [new, old[0], old[1]], "{life:?}");
        lake = life.pass(&mut disk, lake, &second);
        assert_eq!(shown(&lake, &second), [new, old[0], old[1]], "{life:?}");

        // Another `note` and another `n`, of other types; and the customers are called otherwise.
        let third = with_fields(
            &second,
            "customer:String:who at:DateTime total:Int64 note:Int64 n:String",
            r#","isolation_field":"customer""#,
        );
        let old = [
            r#"customer="a" total=1"#,
            r#"customer="a" total=3"#,
            r#"customer="b" total=2"#,
        ];
        assert_eq!(shown(&lake, &third), old, "{life:?}");
        put(
            &lake,
            &third,
            r#"[{"customer":"c","total":4,"note":7,"n":"text"}]"#,
        );
        let new = r#"customer="c" n="text" note=7 total=4"#;
        for _ in 0..2 {
            assert_eq!(
                shown(&lake, &third),
                [old[0], old[1], old[2], new],
                "{life:?}"
            );
            lake = life.pass(&mut disk, lake, &third);
        }

        // A request that knows the fields of an earlier moment means the same columns.
        let early = [
            r#"n=1 note="x" who="a""#,
            r#"n=2 note="y" who="b""#,
            r#"n=3 who="a""#,
        ];
        let kept = shown(&lake, &first);
        let without_note =
            |text: &str| text.replace(r#" note="x""#, "").replace(r#" note="y""#, "");
        let expected: Vec<String> = early.iter().map(|text| without_note(text)).collect();
        let kept: Vec<String> = kept.iter().map(|text| without_note(text)).collect();
        assert_eq!(kept[..3], expected, "{life:?}");
        assert_eq!(kept[3], r#"n=4 who="c""#, "{life:?}");
        put(&lake, &first, r#"[{"who":"d","n":5,"note":"late"}]"#);
        lake = life.pass(&mut disk, lake, &third);
        let late = r#"customer="d" total=5"#;
        assert_eq!(
            shown(&lake, &third),
            [old[0], old[1], old[2], new, late],
            "{life:?}"
        );
    }
}

#[test]
fn a_delete_means_the_same_rows_whatever_the_fields_are_called_later() {
    for life in Life::ALL {
        let (mut disk, first) = (SimulatedDisk::new(2), pool(1, ORDERS));
        let mut lake = open(&disk, &[&first], small());
        put(
            &lake,
            &first,
            r#"[{"who":"a","n":1,"note":"x"},{"who":"a","n":2,"note":"y"},{"who":"b","n":1,"note":"y"}]"#,
        );
        lake = life.pass(&mut disk, lake, &first);
        let one = filter(
            r#"[{"field":"n","operator":"eq","value":1},{"field":"note","operator":"eq","value":"x"}]"#,
        );
        let rows = filter(r#"{"field":"who","operator":"eq","value":"a"}"#);
        let key = constrained(2, vec![model::filters::Constraint::Rows(rows)]);
        assert_eq!(
            block_on(lake.delete(deleting(&key, &first, Some(one)))).unwrap(),
            1
        );
        // All three fields are called otherwise or gone, and others have their names.
        let second = with_fields(
            &first,
            "customer:String:who at:DateTime total:Int64:n",
            r#","isolation_field":"customer""#,
        );
        let third = with_fields(
            &second,
            "customer:String at:DateTime total:Int64 n:Int64 note:String who:String",
            "",
        );
        put(
            &lake,
            &third,
            r#"[{"customer":"c","total":9,"n":1,"note":"x","who":"a"}]"#,
        );
        let left = [
            r#"customer="a" total=2"#,
            r#"customer="b" total=1"#,
            r#"customer="c" n=1 note="x" total=9 who="a""#,
        ];
        for life in [
            Life::Memory,
            Life::Reopened,
            life,
            Life::ReopenedFiles,
            Life::Merged,
        ] {
            lake = life.pass(&mut disk, lake, &third);
            assert_eq!(shown(&lake, &third), left, "{life:?}");
        }
        // A filter over a field that is gone meanwhile is not one over another field.
        let note = filter(r#"{"field":"note","operator":"eq","value":"x"}"#);
        let late = block_on(lake.delete(deleting(&access(1), &first, Some(note.clone()))));
        assert!(matches!(late, Err(LakeError::Busy)), "{late:?}");
        assert_eq!(shown(&lake, &third), left, "{life:?}");
        let deleted = block_on(lake.delete(deleting(&access(1), &third, Some(note))));
        assert_eq!(deleted.unwrap(), 1);
        lake = life.pass(&mut disk, lake, &third);
        assert_eq!(shown(&lake, &third), left[..2], "{life:?}");
    }
}

const EVENTS: &str = r#"{"name":"events","schema":"open","time_field":"at",
    "fields":[{"name":"at","type":"DateTime"}]}"#;

/// The pool without a property.
fn without(pool: &Pool, gone: &str) -> Arc<Pool> {
    Arc::new(Pool {
        draft: pool.draft.without_property(&path(gone)).unwrap(),
        revision: pool.revision + 1,
        ..pool.clone()
    })
}

#[test]
fn a_deleted_property_is_gone_wherever_the_records_are_and_new_values_come_back_alone() {
    for life in Life::ALL {
        let (mut disk, first) = (SimulatedDisk::new(3), pool(1, EVENTS));
        let mut lake = open(&disk, &[&first], small());
        let sent = r#"[{"n":1,"b":{"x":1,"Y":"y"},"bc":2},{"n":2,"b":{"x":{"deep":true}},"a":[1]},{"n":3}]"#;
        put(&lake, &first, sent);
        lake = life.pass(&mut disk, lake, &first);

        let second = without(&first, "b");
        let old = ["a=[1] n=2", "bc=2 n=1", "n=3"];
        assert_eq!(shown(&lake, &second), old, "{life:?}");
        // By no condition can it be found, and by its absence all.
        let left = |pool: &Arc<Pool>, field: &str| {
            let text = format!(r#"{{"field":"{field}","operator":"exists","value":true}}"#);
            block_on(lake.delete(deleting(&access(1), pool, Some(filter(&text)))))
        };
        for gone in ["b", "b.x", "b.Y", "b.x.deep"] {
            assert_eq!(left(&second, gone).unwrap(), 0, "{life:?} {gone}");
        }
        put(
            &lake,
            &second,
            r#"[{"n":4,"b":{"x":7,"Y":"new"},"B":1,"c":2}]"#,
        );
        let new = r#"B=1 b.Y="new" b.x=7 c=2 n=4"#;
        let expected = [new, old[0], old[1], old[2]];
        assert_eq!(shown(&lake, &second), expected, "{life:?}");
        lake = life.pass(&mut disk, lake, &second);
        assert_eq!(shown(&lake, &second), expected, "{life:?}");

        let third = without(&second, "b.x");
        let expected = [r#"B=1 b.Y="new" c=2 n=4"#, old[0], old[1], old[2]];
        assert_eq!(shown(&lake, &third), expected, "{life:?}");
        // A writer that did not know of it yet wrote before it.
        put(&lake, &first, r#"[{"n":5,"b":{"x":9,"Y":"late"}}]"#);
        put(&lake, &second, r#"[{"n":6,"b":{"x":9}}]"#);
        let expected = [expected[0], old[0], old[1], old[2], "n=5", "n=6"];
        for _ in 0..2 {
            assert_eq!(shown(&lake, &third), expected, "{life:?}");
            lake = life.pass(&mut disk, lake, &third);
        }
        // A delete over what is gone meanwhile is not one over what came under its name.
        let late = filter(r#"{"field":"b.x","operator":"exists","value":true}"#);
        let late = block_on(lake.delete(deleting(&access(1), &first, Some(late))));
        assert!(matches!(late, Err(LakeError::Busy)), "{late:?}");

        // Deleted as a whole once more, with what was left of it; and what is written anew holds
        // nothing of it.
        let last = without(&third, "b");
        let expected = ["B=1 c=2 n=4", old[0], old[1], old[2], "n=5", "n=6"];
        assert_eq!(shown(&lake, &last), expected, "{life:?}");
        lake.flush(&Permit::ours()).unwrap();
        lake.compact(&Permit::ours()).unwrap();
        assert_eq!(shown(&lake, &last), expected, "{life:?}");
        let by_columns = lake.pools.snapshot(&last).asked_by_columns();
        let written = stored(&by_columns);
        let names: Vec<&String> = written.iter().flat_map(|record| record.keys()).collect();
        let is_gone = |name: &&&String| name.starts_with("b.");
        assert_eq!(
            names.iter().filter(is_gone).count(),
            0,
            "{life:?} {names:?}"
        );
        put(&lake, &last, r#"[{"n":7,"b":1}]"#);
        assert!(
            shown(&lake, &last).contains(&"b=1 n=7".to_owned()),
            "{life:?}"
        );
    }
}
