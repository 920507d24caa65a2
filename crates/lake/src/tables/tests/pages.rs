//! Blocks by themselves, of columns whose dictionary became too long on the way.

use arrow_array::{ArrayRef, StringArray, TimestampMicrosecondArray};

use super::*;
use crate::lake::tests::fixtures::pool;

const ROWS: usize = 24_000;
const BLOCK_ROWS: usize = 2_000;

/// So many rows of which no two have the same text in `t`, and hundreds the same in `u`.
fn texts(layout: &Layout) -> RecordBatch {
    let columns = layout.arrow.fields().iter().map(|field| -> ArrayRef {
        let rows = 0..ROWS;
        match field.name().as_str() {
            "_id" => Arc::new(StringArray::from_iter_values(
                rows.map(|n| format!("{n:026}")),
            )),
            "_ingested_at" => {
                let times = rows.map(|n| n as i64);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times))
            }
            "t" => {
                let text = |n: usize| (!n.is_multiple_of(7)).then(|| format!("{n:0100}"));
                Arc::new(rows.map(text).collect::<StringArray>())
            }
            "u" => {
                let text = |n: usize| (!n.is_multiple_of(5)).then(|| format!("{:0100}", n % 500));
                Arc::new(rows.map(text).collect::<StringArray>())
            }
            _ => Arc::new(rows.map(|_| Some("k")).collect::<StringArray>()),
        }
    });
    RecordBatch::try_new(layout.arrow.clone(), columns.collect()).unwrap()
}

#[test]
fn a_block_is_the_same_by_itself_with_and_without_a_dictionary_as_among_others() {
    let pool = pool(
        1,
        r#"{"name":"p","schema":"strict","fields":[
            {"name":"t","type":"String"},{"name":"u","type":"String"}]}"#,
    );
    let plan = plan(&pool, Vec::new(), BLOCK_ROWS);
    let columns = plan.layout.columns();
    let whole = texts(&plan.layout);
    let batches = std::iter::once(Ok(whole.clone()));
    let written = write(pool.id, plan, Box::new(batches));
    let file = written.open();
    assert_eq!(file.blocks(), ROWS / BLOCK_ROWS);
    let group = file.metadata.metadata().row_group(0);
    let is_mixed = |name: &str| {
        let pages = group.column(file.columns[name]).page_encoding_stats_mask();
        let only = parquet::basic::Encoding::RLE_DICTIONARY;
        !pages.unwrap().is_only(only)
    };
    assert!(
        is_mixed("t") && !is_mixed("u"),
        "the texts are too few or too many"
    );
    let plain_of = |batch: &RecordBatch| -> Vec<ArrayRef> {
        batch.columns().iter().map(|c| plain(c).unwrap()).collect()
    };
    for cached in [Cached::No, Cached::Yes, Cached::Yes] {
        for block in (0..file.blocks()).rev() {
            let first = block * BLOCK_ROWS;
            let expected = whole.slice(first, BLOCK_ROWS);
            let rows = UInt32Array::from(vec![1_999, 0, 7, 8, 9, 1_998]);
            let taken = arrow_select::take::take_record_batch(&expected, &rows).unwrap();
            let some = file.rows(block, &rows, &columns, cached).unwrap();
            let some: Vec<_> = some.iter().map(|c| c.plain(&rows).unwrap()).collect();
            assert_eq!(some, plain_of(&taken), "rows of block {block}");
            let read = file.read(block..block + 1, &columns, cached, Form::Encoded);
            assert_eq!(
                plain_of(&read.unwrap()[0]),
                plain_of(&expected),
                "block {block}"
            );
        }
    }
    // A dictionary that stands for something is kept, and is that of its column.
    let dictionary = |name: &str| {
        let place = (0, file.columns[name]);
        let page = file.cache.dictionary(Cached::Yes, file.entry.id, place);
        page.map(|page| page.buffer().len())
    };
    assert_eq!(dictionary("u"), Some(400 * (4 + 100)));
    assert_eq!(dictionary("_key"), Some(4 + 1));
    assert_eq!(dictionary("t"), None, "it is as long as many blocks");
    assert_eq!(dictionary("_id"), None);
}
