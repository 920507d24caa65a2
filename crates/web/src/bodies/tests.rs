use model::pools::{Schema, SchemaMode};

use super::*;

#[test]
fn a_content_type_names_one_format() {
    let known = [
        (None, RecordFormat::Text(TextFormat::Json)),
        (
            Some("application/json"),
            RecordFormat::Text(TextFormat::Json),
        ),
        (
            Some("Application/JSON ; Charset=\"UTF-8\""),
            RecordFormat::Text(TextFormat::Json),
        ),
        (
            Some("application/x-ndjson"),
            RecordFormat::Text(TextFormat::Ndjson),
        ),
        (
            Some("application/ndjson;charset=utf-8"),
            RecordFormat::Text(TextFormat::Ndjson),
        ),
        (
            Some("application/jsonl"),
            RecordFormat::Text(TextFormat::Ndjson),
        ),
        (
            Some("text/csv; header=present; charset=us-ascii"),
            RecordFormat::Text(TextFormat::Csv),
        ),
        (
            Some("application/vnd.apache.parquet"),
            RecordFormat::Columnar(Columnar::Parquet),
        ),
        (
            Some("application/vnd.apache.arrow.stream"),
            RecordFormat::Columnar(Columnar::ArrowStream),
        ),
    ];
    for (content_type, format) in known {
        assert_eq!(
            RecordFormat::of(content_type),
            Ok(format),
            "{content_type:?}"
        );
    }
}

#[test]
fn other_content_types_are_refused_with_the_known_ones() {
    for content_type in [
        "",
        "text/plain",
        "application/json, text/csv",
        "application/xml",
    ] {
        let fault = RecordFormat::of(Some(content_type)).expect_err(content_type);
        assert_eq!(fault.code, FaultCode::InvalidValue);
        for (name, _) in MEDIA_TYPES {
            assert!(fault.detail.contains(name), "{}", fault.detail);
        }
    }
    for content_type in [
        "application/json; charset=utf-16",
        "application/json; charset",
        "text/csv; header=absent",
    ] {
        let fault = RecordFormat::of(Some(content_type)).expect_err(content_type);
        assert_eq!(fault.code, FaultCode::InvalidValue);
    }
}

#[test]
fn a_batch_has_a_greatest_length_in_every_format() {
    let schema = Schema::new(SchemaMode::Open, Vec::new());
    let bodies = |n: usize| {
        [
            (TextFormat::Json, format!("[{}]", vec!["{}"; n].join(","))),
            (TextFormat::Ndjson, "{}\n".repeat(n)),
            (TextFormat::Csv, format!("a\n{}", "1\n".repeat(n))),
        ]
    };
    for (format, body) in bodies(BATCH_RECORDS_MAX) {
        let records = read_records(format, body.as_bytes(), &schema).expect("just fits");
        assert_eq!(records.len(), BATCH_RECORDS_MAX);
    }
    for (format, body) in bodies(BATCH_RECORDS_MAX + 1) {
        let fault = read_records(format, body.as_bytes(), &schema).expect_err("one too many");
        assert_eq!(fault.code, FaultCode::LimitExceeded);
    }
}
