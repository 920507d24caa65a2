//! Bytes that are no whole file are refused, and never a panic.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray};
use model::answers::Columnar;
use model::fault::FaultCode;

use super::{FORMATS, file, read};
use crate::worlds::tests::dice::Dice;

fn sample(format: Columnar) -> Vec<u8> {
    let texts: Vec<_> = (0..40)
        .map(|n| (n % 7 != 0).then(|| format!("text {}", n % 5)))
        .collect();
    let lists = (0..40).map(|n| (n % 3 != 0).then(|| vec![Some(n), None]));
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int64Array::from_iter_values(0..40))),
        ("text", Arc::new(StringArray::from(texts))),
        (
            "x",
            Arc::new(Float64Array::from_iter_values((0..40).map(f64::from))),
        ),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
        ),
    ];
    file(format, &columns)
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = sample(Columnar::Parquet);
    for length in 0..bytes.len() {
        let fault = read(Columnar::Parquet, &bytes[..length]).unwrap_err();
        assert_eq!(fault.code, FaultCode::MalformedBody);
    }
    // A stream may end after any of its messages; within one it is refused.
    let bytes = sample(Columnar::ArrowStream);
    let kept: Vec<usize> = (0..bytes.len())
        .map(|length| read(Columnar::ArrowStream, &bytes[..length]))
        .filter_map(Result::ok)
        .map(|records| records.len())
        .collect();
    assert!(kept.len() < 16, "{kept:?}");
    assert!(
        kept.iter().all(|records| [0, 40].contains(records)),
        "{kept:?}"
    );
}

#[test]
fn a_file_with_changed_bytes_is_read_or_refused() {
    for format in FORMATS {
        let whole = sample(format);
        let mut dice = Dice::new(11);
        let (mut refused, cases) = (0, 3_000);
        for case in 0..cases {
            let mut bytes = whole.clone();
            for _ in 0..dice.between(1, 4) {
                let at = dice.below(bytes.len());
                bytes[at] = match dice.below(3) {
                    0 => bytes[at] ^ (1 << dice.below(8)),
                    1 => *dice.pick(&[0, 0xff, 0x7f, 0x80]),
                    _ => dice.next().to_le_bytes()[0],
                };
            }
            if case % 10 == 0 {
                bytes.truncate(dice.below(bytes.len()));
            }
            if let Err(fault) = read(format, &bytes) {
                refused += 1;
                assert!(
                    matches!(
                        fault.code,
                        FaultCode::MalformedBody
                            | FaultCode::WrongType
                            | FaultCode::LimitExceeded
                            // A flipped byte may name a compression that is not taken.
                            | FaultCode::InvalidValue
                            | FaultCode::DuplicateMember
                    ),
                    "{fault:?}"
                );
            }
        }
        assert!(refused > cases / 10, "{refused} of {cases} in {format:?}");
    }
}

#[test]
fn bytes_of_something_else_are_refused() {
    let others: [&[u8]; 5] = [b"", b"{}", b"PAR1", b"PAR1PAR1", &[0xff; 64]];
    for format in FORMATS {
        for bytes in others {
            let fault = read(format, bytes).unwrap_err();
            assert_eq!(fault.code, FaultCode::MalformedBody, "{bytes:?}");
        }
    }
}

/// A stream with one compressed column of one text.
fn compressed(text: &str) -> Vec<u8> {
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
    let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let batch = arrow_array::RecordBatch::try_from_iter([("f", column)]).unwrap();
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::ZSTD))
        .unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    bytes
}

fn positions(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(wanted))
        .collect()
}

#[test]
fn a_stream_that_claims_more_than_it_has_is_refused_before_room_is_made_for_it() {
    let text = "x".repeat(100_003);
    let bytes = compressed(&text);
    assert_eq!(read(Columnar::ArrowStream, &bytes).unwrap().len(), 1);
    // The length that the text claims to be unpacked; the same number also ends its offsets.
    let mut too_large = 0;
    for at in positions(&bytes, &100_003_u64.to_le_bytes()) {
        for claim in [1_u64 << 45, 1 << 62, 100 << 20] {
            let mut bytes = bytes.clone();
            bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            let read = read(Columnar::ArrowStream, &bytes);
            too_large += usize::from(read.is_err_and(|f| f.code == FaultCode::LimitExceeded));
        }
    }
    assert_eq!(too_large, 3);
    // The length of a message's body, wherever that stands.
    let whole = sample(Columnar::ArrowStream);
    let (mut refused, claim) = (0, (1_u64 << 45).to_le_bytes());
    for at in (0..whole.len() - 8).step_by(4) {
        let mut bytes = whole.clone();
        bytes[at..at + 8].copy_from_slice(&claim);
        refused += usize::from(read(Columnar::ArrowStream, &bytes).is_err());
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn little_that_unpacks_to_much_is_refused() {
    let texts = "x".repeat(64 << 10);
    let keys: arrow_array::DictionaryArray<Int32Type> =
        std::iter::repeat_n(texts.as_str(), 2_000).collect();
    let views = arrow_array::StringViewArray::from_iter_values([&texts]);
    let (mut shared, buffers, _) = views.into_parts();
    shared = std::iter::repeat_n(shared[0], 2_000).collect();
    let views = arrow_array::StringViewArray::new(shared, buffers, None);
    let nulls: ArrayRef = Arc::new(arrow_array::NullArray::new(50_000_000));
    let item = Arc::new(arrow_schema::Field::new_list_field(
        nulls.data_type().clone(),
        true,
    ));
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([50_000_000]);
    let lists = ListArray::new(item, offsets, nulls, None);
    let arrays: [ArrayRef; 3] = [Arc::new(keys), Arc::new(views), Arc::new(lists)];
    for array in arrays {
        let kind = array.data_type().clone();
        let bytes = file(Columnar::ArrowStream, &[("f", array)]);
        assert!(bytes.len() < 1 << 20, "{kind} takes {} bytes", bytes.len());
        let fault = read(Columnar::ArrowStream, &bytes).unwrap_err();
        assert_eq!(fault.code, FaultCode::LimitExceeded, "{kind}");
    }
    let keys: arrow_array::DictionaryArray<Int32Type> =
        std::iter::repeat_n(texts.as_str(), 2_000).collect();
    let bytes = file(Columnar::Parquet, &[("f", Arc::new(keys))]);
    assert!(bytes.len() < 1 << 20);
    let fault = read(Columnar::Parquet, &bytes).unwrap_err();
    assert_eq!(fault.code, FaultCode::LimitExceeded);
}

#[test]
fn a_parquet_body_is_refused_for_its_compression_and_for_what_it_unpacks_to() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, GzipLevel, ZstdLevel};
    use parquet::file::properties::WriterProperties;

    let file = |compression, column: ArrayRef| {
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_dictionary_enabled(false)
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    };
    let small = || Arc::new(StringArray::from(vec!["x"; 10])) as ArrayRef;
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap());
    assert_eq!(
        read(Columnar::Parquet, &file(zstd, small())).unwrap().len(),
        10
    );
    let gzip = file(Compression::GZIP(GzipLevel::default()), small());
    assert_eq!(
        read(Columnar::Parquet, &gzip).unwrap_err().code,
        FaultCode::InvalidValue
    );
    let wide = vec![0_u8; 1 << 20];
    let wide = Arc::new(BinaryArray::from(vec![wide.as_slice(); 80])) as ArrayRef;
    let bomb = file(zstd, wide);
    assert!(bomb.len() < 1 << 20, "{} bytes of nothing", bomb.len());
    assert_eq!(
        read(Columnar::Parquet, &bomb).unwrap_err().code,
        FaultCode::LimitExceeded
    );
}
