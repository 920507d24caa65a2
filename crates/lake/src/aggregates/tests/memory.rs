//! What is held and asked for: long texts of many groups, and many rows at once.

use model::limits::RESULT_COLUMN_BYTES_MAX;

use super::*;
use crate::aggregates::table::ROWS_AT_ONCE;
use crate::error::LakeError;

const LONG: usize = 1 << 20;

/// A long text and a number of its own in each row.
fn long_texts(rows: usize) -> RecordBatch {
    let text = "x".repeat(LONG);
    let codes = arrow_array::Int32Array::from(vec![0; rows]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str()]));
    let texts: ArrayRef = Arc::new(
        arrow_array::DictionaryArray::try_new(codes, texts).expect("codes of the dictionary"),
    );
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let fields = vec![
        Field::new("text", texts.data_type().clone(), true),
        Field::new("n", DataType::Int64, true),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![texts, numbers]).expect("columns")
}

/// Groups by the number, of which each lists the text; or by both.
fn table_of_long_texts(listed: bool, rows: usize) -> Table {
    let number = ("n".to_owned(), GroupBy::Value(1, DataType::Int64));
    let text = ("text".to_owned(), GroupBy::Value(0, DataType::Utf8));
    let fields = vec![Field::new("text", DataType::Utf8, true)];
    let input = Arc::new(Schema::new(fields));
    let select = function_of(Aggregate::SelectUnique, Some("text"), &input);
    let plan = match listed {
        true => Plan::new(vec![number], vec![("m".to_owned(), select)]),
        false => Plan::new(vec![text, number], Vec::new()),
    };
    let mut table = Table::new(&Arc::new(plan)).expect("meaningful");
    let batch = long_texts(rows);
    table.update(&batch, &mut roomy).expect("it takes rows");
    table
}

#[test]
fn more_text_than_a_column_holds_is_a_limit_that_is_known_before_it_is_copied() {
    let rows = RESULT_COLUMN_BYTES_MAX / LONG + 1;
    for listed in [true, false] {
        let table = table_of_long_texts(listed, rows);
        assert!(table.bytes() < 16 * LONG, "the text is held once");
        let refused = table.finish(&mut roomy).expect_err("3 GiB");
        let refused = LakeError::from(refused);
        let LakeError::LimitExceeded(text) = &refused else {
            panic!("{refused}");
        };
        assert!(
            text.contains(&RESULT_COLUMN_BYTES_MAX.to_string()),
            "{text}"
        );
    }
}

#[test]
fn room_is_asked_for_before_long_texts_are_copied() {
    for listed in [true, false] {
        let mut asked = 0;
        let table = table_of_long_texts(listed, 40);
        let results = table.finish(&mut |bytes| {
            asked += bytes;
            Ok(())
        });
        assert!(asked >= 40 * LONG, "{asked} bytes for 40 texts");
        assert_eq!(results.expect("room").num_rows(), 40);
        let table = table_of_long_texts(listed, 40);
        let mut left = 20 * LONG;
        let refused = table.finish(&mut |bytes| {
            left = left.checked_sub(bytes).ok_or_else(|| {
                datafusion_common::DataFusionError::ResourcesExhausted("full".to_owned())
            })?;
            Ok(())
        });
        let refused = LakeError::from(refused.expect_err("no room"));
        assert!(matches!(refused, LakeError::LimitExceeded(_)), "{refused}");
    }
}

#[test]
fn of_many_rows_at_once_no_more_are_taken_in_than_there_is_room_for() {
    let by = vec![("n".to_owned(), GroupBy::Value(0, DataType::Int64))];
    let count = function_of(Aggregate::Count, None, &schema());
    let plan = Arc::new(Plan::new(by, vec![("m".to_owned(), count)]));
    let rows = 100_000;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let fields = vec![Field::new("n", DataType::Int64, true)];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![numbers]).expect("one");
    let mut table = Table::new(&plan).expect("meaningful");
    let mut told = Vec::new();
    let taken = table.update(&batch, &mut |bytes| {
        told.push(bytes);
        Ok(())
    });
    taken.expect("room");
    assert_eq!(told.len(), 100_000_usize.div_ceil(ROWS_AT_ONCE));
    assert!(told.is_sorted() && told[0] < told[12]);
    let whole = table.finish(&mut roomy).expect("groups");
    assert_eq!(whole.num_rows(), 100_000);
    let mut table = Table::new(&plan).expect("meaningful");
    let mut times = 0;
    let refused = table.update(&batch, &mut |_| {
        times += 1;
        match times {
            3 => datafusion_common::internal_err!("full"),
            _ => Ok(()),
        }
    });
    refused.expect_err("no room");
    let groups = table.finish(&mut roomy).expect("groups").num_rows();
    assert_eq!(groups, 3 * ROWS_AT_ONCE);
}

#[test]
fn rows_without_cells_are_taken_in_at_once_however_many_they_are() {
    let count = function_of(Aggregate::Count, None, &schema());
    let plan = Arc::new(Plan::new(Vec::new(), vec![("m".to_owned(), count)]));
    for rows in [0, 1, 20_000_000] {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
        let mut table = Table::new(&plan).expect("meaningful");
        let mut told = 0;
        let taken = table.update(&batch.expect("rows without columns"), &mut |_| {
            told += 1;
            Ok(())
        });
        taken.expect("room");
        assert_eq!(told, rows.min(1));
        let counted = table.finish(&mut roomy).expect("a count");
        let counted = counted.column(0).as_primitive::<Int64Type>().value(0);
        assert_eq!(usize::try_from(counted), Ok(rows));
    }
}

#[test]
fn functions_ask_for_room_for_the_texts_that_they_answer_and_no_more() {
    let rows = 3;
    let fields = vec![Field::new("text", DataType::Utf8, true)];
    let input = Arc::new(Schema::new(fields));
    let asked = |function: Aggregate| {
        let called = function_of(function, Some("text"), &input);
        let by = vec![("n".to_owned(), GroupBy::Value(1, DataType::Int64))];
        let plan = Plan::new(by, vec![("m".to_owned(), called)]);
        let mut table = Table::new(&Arc::new(plan)).expect("meaningful");
        let batch = long_texts(rows);
        table.update(&batch, &mut roomy).expect("it takes rows");
        let mut asked = 0;
        let results = table.finish(&mut |bytes| {
            asked += bytes;
            Ok(())
        });
        assert_eq!(results.expect("room").num_rows(), rows);
        asked
    };
    assert!(asked(Aggregate::Maximum) >= rows * LONG);
    // What is kept to tell texts apart is no part of how many there are.
    assert!(asked(Aggregate::CountUnique) < 1_000);
}
