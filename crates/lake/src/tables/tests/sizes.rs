//! The edges: of types, of blocks and row groups, and records that are large.

use super::super::size::{bytes_of, parts};
use super::*;
use crate::lake::tests::fixtures::{Request, noon, open_pool, pool};

const EVERY_TYPE: &str = r#"{"name":"typed","schema":"strict","isolation_field":"u64","time_field":"at","fields":[
    {"name":"i8","type":"Int8"},{"name":"i16","type":"Int16"},{"name":"i32","type":"Int32"},
    {"name":"i64","type":"Int64"},{"name":"u8","type":"UInt8"},{"name":"u16","type":"UInt16"},
    {"name":"u32","type":"UInt32"},{"name":"u64","type":"UInt64"},{"name":"f32","type":"Float32"},
    {"name":"f64","type":"Float64"},{"name":"s","type":"String"},{"name":"b","type":"Boolean"},
    {"name":"d","type":"Date"},{"name":"at","type":"DateTime"},{"name":"u","type":"UUID"},
    {"name":"au","type":"Array(UInt64)"},{"name":"as","type":"Array(String)"},
    {"name":"ad","type":"Array(Date)"},{"name":"at2","type":"Array(DateTime)"},
    {"name":"aid","type":"Array(UUID)"},{"name":"ab","type":"Array(Boolean)"}]}"#;

pub(super) fn stored(pool: &Pool, records: &[Record], block_rows: usize) -> (Written, Vec<Record>) {
    let layout = Arc::new(Layout::of(&pool.draft.schema));
    let plan = plan(pool, Vec::new(), block_rows);
    let rows = sort(
        vec![batch(&layout, records)],
        &layout,
        &plan.sorted_by,
        plan.block_rows,
    )
    .unwrap();
    (write(pool.id, plan, rows), naively_sorted(pool, records))
}

fn check_all(pool: &Pool, written: &Written, sorted: &[Record]) {
    let layout = Layout::of(&pool.draft.schema);
    let mut columns = layout.fields.clone();
    if layout.open {
        columns.push((FieldPath::rest(), ColumnType::Undeclared));
    }
    let file = written.open();
    let mut row = 0;
    for block in 0..file.blocks() {
        for batch in file
            .read(block..block + 1, &columns, Cached::Yes, Form::Plain)
            .unwrap()
        {
            check_rows(pool, &columns, &batch, &sorted[row..row + batch.num_rows()]);
            row += batch.num_rows();
        }
    }
    assert_eq!(row, sorted.len());
}

#[test]
fn the_least_and_the_greatest_of_each_type_come_back() {
    let pool = pool(1, EVERY_TYPE);
    let records = r#"[
      {"i8":-128,"i16":-32768,"i32":-2147483648,"i64":"-9223372036854775808","u8":0,"u16":0,"u32":0,"u64":0,
       "f32":-3.4028234663852886e38,"f64":-1.7976931348623157e308,"s":"","b":false,"d":"0001-01-01","at":"0001-01-01T00:00:00Z",
       "u":"00000000-0000-0000-0000-000000000000","au":[],"as":[],"ad":[],"at2":[],"aid":[],"ab":[]},
      {"i8":127,"i16":32767,"i32":2147483647,"i64":"9223372036854775807","u8":255,"u16":65535,"u32":4294967295,
       "u64":"18446744073709551615","f32":3.4028234663852886e38,"f64":1.7976931348623157e308,"s":"\u0000\uffff😀","b":true,
       "d":"9999-12-31","at":"9999-12-31T23:59:59.999999Z","u":"ffffffff-ffff-ffff-ffff-ffffffffffff",
       "au":["18446744073709551615",0,1],"as":["","😀"],"ad":["0001-01-01","9999-12-31"],
       "at2":["0001-01-01T00:00:00Z","9999-12-31T23:59:59.999999Z"],"aid":["ffffffff-ffff-ffff-ffff-ffffffffffff"],"ab":[true,false]},
      {"u64":"9007199254740993","f32":5e-324,"f64":5e-324,"at":"1969-12-31T23:59:59.999999Z"},
      {"u64":"9007199254740992","f32":-0.0,"f64":-0.0,"at":"1970-01-01T00:00:00Z"},
      {}]"#;
    let admitted = Request::new(&pool, records).admit();
    assert_eq!(admitted.faults(), []);
    let records = admitted.into_records();
    for block_rows in [1, 2, 100] {
        let (written, sorted) = stored(&pool, &records, block_rows);
        check_all(&pool, &written, &sorted);
    }
}

#[test]
fn files_of_as_many_rows_as_blocks_and_row_groups_have_and_one_more_or_fewer() {
    let pool = open_pool(1);
    for rows in [1_usize, 2, 3, 4, 31, 32, 33, 63, 64, 65, 97] {
        let records = (0..rows)
            .map(|n| format!(r#"{{"n":{n}}}"#))
            .collect::<Vec<_>>();
        let request = Request::new(&pool, &format!("[{}]", records.join(",")));
        let (written, sorted) = stored(&pool, &request.admit().into_records(), 2);
        let file = written.open();
        assert_eq!(file.blocks(), rows.div_ceil(2));
        check_all(&pool, &written, &sorted);
        check_file(&mut Dice::new(rows as u64), &pool, &written, &sorted);
    }
}

/// 8,192 records of a mebibyte would be one block of 8 GiB, which no column's offsets reach.
#[test]
fn large_records_make_small_blocks() {
    let pool = open_pool(1);
    let text = "x".repeat(1_000_000);
    let records: Vec<Record> = (0..40)
        .flat_map(|n| {
            let request = Request::new(&pool, &format!(r#"[{{"n":{n},"text":"{text}"}}]"#));
            let at = noon().as_microsecond() + n;
            let request = request.at(model::time::Timestamp::from_microsecond(at).unwrap());
            request.admit().into_records()
        })
        .collect();
    let layout = Arc::new(Layout::of(&pool.draft.schema));
    let plan = plan(&pool, vec![path("text")], BLOCK_ROWS);
    let rows = sort(
        vec![batch(&layout, &records)],
        &layout,
        &plan.sorted_by,
        plan.block_rows,
    )
    .unwrap();
    let batches: Vec<_> = rows.map(Result::unwrap).collect();
    let most = BLOCK_BYTES + 1_100_000;
    assert!(batches.iter().all(|batch| bytes_of(batch) <= most));
    let halves = (0..2).map(|half| {
        let part: Vec<_> = records.iter().skip(half).step_by(2).cloned().collect();
        sort(
            vec![batch(&layout, &part)],
            &layout,
            &plan.sorted_by,
            plan.block_rows,
        )
        .unwrap()
    });
    let merged = merge(halves.collect(), &layout, &plan.sorted_by, plan.block_rows).unwrap();
    let merged: Vec<_> = merged.map(Result::unwrap).collect();
    assert!(merged.iter().all(|batch| bytes_of(batch) <= 2 * most));
    let sorted = naively_sorted(&pool, &records);
    for rows in [batches, merged] {
        let written = write(pool.id, plan.clone(), Box::new(rows.into_iter().map(Ok)));
        let file = written.open();
        assert!((3..=6).contains(&file.blocks()), "{}", file.blocks());
        let columns = [(path("text"), ColumnType::Undeclared)];
        assert_eq!(file.blocks_at_once(&[], most), ROW_GROUP_BLOCKS);
        let blocks = [1, most, 64 * most].map(|bytes| file.blocks_at_once(&columns, bytes));
        assert!(blocks[0] == 1 && blocks[1] <= blocks[2], "{blocks:?}");
        assert_eq!(blocks[2], ROW_GROUP_BLOCKS);
        check_all(&pool, &written, &sorted);
    }
}

#[test]
fn the_parts_of_a_batch_are_its_rows() {
    let pool = pool(
        1,
        r#"{"name":"p","schema":"strict","fields":[{"name":"a","type":"Array(Int64)"}]}"#,
    );
    let layout = Layout::of(&pool.draft.schema);
    let list = format!("[{}]", vec!["1"; 10_000].join(","));
    let records = vec![format!(r#"{{"a":{list}}}"#); 50].join(",");
    let records = Request::new(&pool, &format!("[{records}]"))
        .admit()
        .into_records();
    let one = batch(&layout, &records);
    let bytes = bytes_of(&one);
    assert!((50 * 80_000..50 * 82_000).contains(&bytes), "{bytes}");
    let (left, right) = (one.slice(0, 10), one.slice(10, 40));
    assert!(
        bytes_of(&left).abs_diff(bytes / 5) < 10_000,
        "a slice has what its rows have"
    );
    let wide: Vec<_> = std::iter::repeat_n(right, 6).collect();
    let wide = arrow_select::concat::concat_batches(&layout.arrow, &wide).unwrap();
    let cut = parts(wide.clone());
    assert!(cut.len() > 1 && cut.iter().all(|part| bytes_of(part) <= BLOCK_BYTES));
    assert_eq!(
        arrow_select::concat::concat_batches(&layout.arrow, &cut).unwrap(),
        wide
    );
}
