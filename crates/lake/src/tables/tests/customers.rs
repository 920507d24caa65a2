//! Filters of fresh files: they hide nobody's rows, and leave out most of those who have none.

use super::sizes::stored;
use super::*;
use crate::lake::tests::fixtures::{Request, pool};

const CUSTOMERS: usize = 1_000;

/// A file of a record of every second customer, in blocks of five, and all customers' values.
fn file(kind: &str, value: impl Fn(usize) -> String) -> (Arc<TableFile>, Vec<Box<[u8]>>) {
    let definition = format!(
        r#"{{"name":"p","schema":"strict","isolation_field":"who","time_field":"at","fields":[
        {{"name":"who","type":"{kind}"}},{{"name":"at","type":"DateTime"}}]}}"#
    );
    let pool = pool(1, &definition);
    let records = |only: &dyn Fn(usize) -> bool| {
        let numbers = (0..CUSTOMERS).filter(|n| only(*n));
        let records = numbers.map(|n| format!(r#"{{"who":{}}}"#, value(n)));
        let records = records.collect::<Vec<_>>().join(",");
        let admitted = Request::new(&pool, &format!("[{records}]")).admit();
        assert_eq!(admitted.faults(), []);
        admitted.into_records()
    };
    let (written, _) = stored(&pool, &records(&|n| n % 2 == 0), 5);
    let keys = records(&|_| true);
    let keys = keys.iter().map(|record| isolation_of(&pool, record).into());
    (written.open(), keys.collect())
}

fn found(file: &TableFile, key: &[u8], look: Look) -> usize {
    let blocks = file.candidates(Some(&[key.into()]), look).unwrap();
    blocks.into_iter().map(|range| range.len()).sum()
}

/// How many of those who have no row are looked for in a block.
fn looked_for(kind: &str, value: impl Fn(usize) -> String) -> usize {
    let (file, keys) = file(kind, value);
    let absent = || keys.iter().skip(1).step_by(2);
    let unread = absent().filter(|key| found(&file, key, Look::InMemory) > 0);
    let unread = unread.count();
    assert!(unread > 300, "nothing is read for that: {unread}");
    for key in keys.iter().step_by(2) {
        assert!(found(&file, key, Look::OnDisk) > 0, "{kind} {key:?}");
    }
    absent()
        .filter(|key| found(&file, key, Look::OnDisk) > 0)
        .count()
}

#[test]
fn a_customer_without_rows_in_a_fresh_file_is_hardly_ever_looked_for_in_a_block() {
    // One in twenty is taken for somebody else, by the way filters are made.
    let most = CUSTOMERS / 2 / 8;
    let text = |n: usize| format!("\"customer {n:04}\"");
    let uuid = |n: usize| format!("\"00000000-0000-4000-8000-00000000{n:04}\"");
    let number = |n: usize| n.to_string();
    for (kind, value) in [
        ("String", &text as &dyn Fn(usize) -> String),
        ("UUID", &uuid),
        ("Int16", &number),
        ("Int64", &number),
        ("UInt32", &number),
    ] {
        let looked_for = looked_for(kind, value);
        assert!(looked_for < most, "{looked_for} of {kind}");
    }
    // Of other kinds nothing is told.
    let date = |n: usize| format!("\"20{:02}-{:02}-01\"", n / 12, n % 12 + 1);
    assert!(looked_for("Date", date) > 300);
}

#[test]
fn the_filter_of_another_row_group_would_hide_rows() {
    let (file, keys) = file("String", |n| format!("\"customer {n:04}\""));
    let (first, last) = (&keys[0], &keys[CUSTOMERS - 2]);
    let lacks = |group, key| file.group_lacks(group, key, Look::OnDisk).unwrap();
    let groups = file.blocks().div_ceil(ROW_GROUP_BLOCKS);
    assert!(!lacks(0, first) && !lacks(groups - 1, last));
    assert!(lacks(groups - 1, first) && lacks(0, last));
    assert!(
        !lacks(groups, first),
        "nothing is known of what is not there"
    );
}
