//! Types of other writers: read with their meaning, or refused by name.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Date32Array, Date64Array,
    Decimal32Array, Decimal128Array, Decimal256Array, DictionaryArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int64Array, LargeListArray,
    LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, i256};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Fields};
use model::answers::Columnar;
use model::fault::FaultCode;

use super::{FORMATS, file, read, told};

fn assert_told(array: impl Array + 'static, wanted: &[&str]) {
    let array: ArrayRef = Arc::new(array);
    for format in FORMATS {
        assert_eq!(
            told(format, array.clone()),
            wanted,
            "{} in {format:?}",
            array.data_type()
        );
    }
}

/// The same where Parquet's writer does not know the type.
fn assert_told_by_arrow(array: impl Array + 'static, wanted: &[&str]) {
    assert_eq!(told(Columnar::ArrowStream, Arc::new(array)), wanted);
}

#[test]
fn texts_of_every_layout_are_texts() {
    assert_told(
        StringArray::from(vec![Some("é"), None]),
        &[r#""é""#, "null"],
    );
    assert_told(LargeStringArray::from(vec!["a"]), &[r#""a""#]);
    assert_told(
        StringViewArray::from(vec!["a text that is longer than a view"]),
        &[r#""a text that is longer than a view""#],
    );
    let dictionary: DictionaryArray<Int32Type> =
        vec![Some("a"), None, Some("a")].into_iter().collect();
    assert_told(dictionary, &[r#""a""#, "null", r#""a""#]);
}

#[test]
fn numbers_keep_their_value() {
    assert_told(Int64Array::from(vec![i64::MIN]), &["-9223372036854775808"]);
    assert_told(UInt64Array::from(vec![u64::MAX]), &["18446744073709551615"]);
    assert_told(Float32Array::from(vec![0.1]), &["0.10000000149011612"]);
    let half = arrow_array::types::Float16Type::default_value();
    assert_told(Float16Array::from(vec![half]), &["0.0"]);
    let decimals = Decimal128Array::from(vec![10_i128.pow(37)]).with_precision_and_scale(38, 0);
    assert_told(
        decimals.unwrap(),
        &["10000000000000000000000000000000000000"],
    );
    let cents = Decimal128Array::from(vec![-1_250])
        .with_precision_and_scale(10, 2)
        .unwrap();
    assert_told(cents, &["-12.5"]);
    let small = Decimal32Array::from(vec![7])
        .with_precision_and_scale(5, 0)
        .unwrap();
    assert_told(small, &["7"]);
    let wide = Decimal256Array::from(vec![i256::from_i128(3)]).with_precision_and_scale(50, 0);
    assert_told(wide.unwrap(), &["3.0"]);
    assert_told(BooleanArray::from(vec![true]), &["true"]);
    assert_told(NullArray::new(2), &["null", "null"]);
}

#[test]
fn times_of_every_unit_and_zone_are_instants() {
    let second = 1_774_746_000; // 2026-03-29T01:00:00Z
    let told = [r#""2026-03-29T01:00:00Z""#];
    assert_told(TimestampSecondArray::from(vec![second]), &told);
    assert_told(TimestampMillisecondArray::from(vec![second * 1_000]), &told);
    assert_told(
        TimestampMicrosecondArray::from(vec![second * 1_000_000]),
        &told,
    );
    assert_told(
        TimestampNanosecondArray::from(vec![second * 1_000_000_000 + 999]),
        &told,
    );
    let zoned = TimestampMicrosecondArray::from(vec![second * 1_000_000]);
    assert_told(zoned.clone().with_timezone("UTC"), &told);
    assert_told(zoned.with_timezone("+05:30"), &told);
    assert_told(Date32Array::from(vec![20_541]), &[r#""2026-03-29""#]);
    assert_told_by_arrow(
        Date64Array::from(vec![20_541 * 86_400_000]),
        &[r#""2026-03-29""#],
    );
}

#[test]
fn sixteen_bytes_are_a_uuid() {
    let bytes = FixedSizeBinaryArray::try_from_iter([[0xab_u8; 16]].into_iter()).unwrap();
    assert_told(bytes, &[r#""abababab-abab-abab-abab-abababababab""#]);
}

#[test]
fn lists_of_every_layout_are_arrays() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    assert_told(lists.clone(), &["[1,null]", "null", "[]"]);
    let large: LargeListArray = {
        let item = Arc::new(Field::new_list_field(DataType::Int32, true));
        cast(&lists, &DataType::LargeList(item))
            .unwrap()
            .as_any()
            .downcast_ref::<LargeListArray>()
            .unwrap()
            .clone()
    };
    assert_told(large, &["[1,null]", "null", "[]"]);
    let fixed = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(
        vec![Some(vec![Some(13.5), Some(52.0)]), None],
        2,
    );
    assert_told(fixed, &["[13.5,52.0]", "null"]);
    let mut nested = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    nested.values().values().append_value("a");
    nested.values().append(true);
    nested.append(true);
    assert_told(nested.finish(), &[r#"[["a"]]"#]);
}

fn structs(values: ArrayRef, nulls: Option<NullBuffer>) -> StructArray {
    let field = Field::new("x", values.data_type().clone(), true);
    StructArray::new(Fields::from(vec![field]), vec![values], nulls)
}

#[test]
fn structs_are_objects() {
    let present = Some(NullBuffer::from(vec![true, false]));
    let array = structs(Arc::new(Int64Array::from(vec![Some(1), Some(2)])), present);
    assert_told(array.clone(), &[r#"{"x":1}"#, "null"]);
    let item = Arc::new(Field::new_list_field(array.data_type().clone(), true));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([2]);
    assert_told(
        ListArray::new(item, offsets, Arc::new(array), None),
        &[r#"[{"x":1},null]"#],
    );
}

#[test]
fn a_number_that_is_none_rejects_its_own_record_alone() {
    let refused = r#"WrongType Some("f"): a number is finite"#;
    let doubles = Float64Array::from(vec![1.0, f64::NAN, f64::INFINITY, -0.0]);
    assert_told(doubles, &["1.0", refused, refused, "0.0"]);
    let floats = Float32Array::from(vec![f32::NEG_INFINITY, 2.0]);
    assert_told(floats, &[refused, "2.0"]);
    let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
        Some(vec![Some(1.0), Some(f64::NAN)]),
        Some(vec![Some(1.0)]),
    ]);
    assert_told(lists, &[refused, "[1.0]"]);
    let hidden = Some(NullBuffer::from(vec![true, false]));
    let array = structs(
        Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN])),
        hidden,
    );
    // Below a null there is nothing.
    assert_told(array, &[refused, "null"]);
}

#[test]
fn a_time_outside_the_calendar_rejects_its_own_record_alone() {
    let refused = r#"WrongType Some("f"): a date or date-time lies in the years 0001 to 9999"#;
    assert_told(
        Date32Array::from(vec![i32::MAX, 0]),
        &[refused, r#""1970-01-01""#],
    );
    let micros = TimestampMicrosecondArray::from(vec![i64::MAX, i64::MIN, 0]);
    assert_told(micros, &[refused, refused, r#""1970-01-01T00:00:00Z""#]);
    // These do not even fit the microseconds that times are kept in.
    let millis = TimestampMillisecondArray::from(vec![i64::MAX, 0]);
    assert_told(millis, &[refused, r#""1970-01-01T00:00:00Z""#]);
    let seconds = TimestampSecondArray::from(vec![Some(i64::MIN), None]);
    assert_told_by_arrow(seconds, &[refused, "null"]);
    // 2^32 days and one: the day after the epoch, were it cut off.
    let days = Date64Array::from(vec![((1_i64 << 32) + 1) * 86_400_000, 0]);
    assert_told_by_arrow(days, &[refused, r#""1970-01-01""#]);
}

#[test]
fn types_without_a_counterpart_are_refused_by_column() {
    let fault = [r#"WrongType Some("f")"#];
    assert_told(BinaryArray::from(vec![b"a".as_slice()]), &fault);
    assert_told(Time64MicrosecondArray::from(vec![1]), &fault);
    let five = FixedSizeBinaryArray::try_from_iter([[1_u8; 5]].into_iter()).unwrap();
    assert_told(five, &fault);
    let inner = structs(Arc::new(BinaryArray::from(vec![b"a".as_slice()])), None);
    assert_told(inner, &[r#"WrongType Some("f.x")"#]);
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let column = || -> ArrayRef { Arc::new(Int64Array::from(vec![1])) };
    let bytes = file(Columnar::ArrowStream, &[("f", column()), ("f", column())]);
    let fault = read(Columnar::ArrowStream, &bytes).unwrap_err();
    assert_eq!(
        (fault.code, fault.field.as_deref()),
        (FaultCode::DuplicateMember, Some("f"))
    );
}

#[test]
fn more_records_than_a_request_may_hold_are_refused() {
    let column: ArrayRef = Arc::new(NullArray::new(model::limits::BATCH_RECORDS_MAX + 1));
    for format in FORMATS {
        let fault = read(format, &file(format, &[("f", column.clone())])).unwrap_err();
        assert_eq!(fault.code, FaultCode::LimitExceeded);
    }
}
