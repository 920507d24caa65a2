use super::*;

fn chosen(accept: &str) -> AnswerFormat {
    AnswerFormat::choose(Offered::Rows, None, Some(accept)).expect(accept)
}

#[test]
fn the_query_names_a_format_and_wins() {
    let named = [
        ("json", AnswerFormat::Json),
        ("ndjson", AnswerFormat::Ndjson),
        ("csv", AnswerFormat::Csv),
        ("parquet", AnswerFormat::Columnar(Columnar::Parquet)),
        ("arrow", AnswerFormat::Columnar(Columnar::ArrowStream)),
    ];
    for (name, format) in named {
        let choice = AnswerFormat::choose(Offered::Rows, Some(name), Some("application/json"));
        assert_eq!(choice, Ok(format));
        // What an answer says it is asks for the same again.
        assert_eq!(chosen(format.content_type()), format);
    }
    for name in ["", "JSON", "xml", "csv,json"] {
        let fault = AnswerFormat::choose(Offered::Rows, Some(name), None).expect_err(name);
        assert_eq!(fault.code, FaultCode::InvalidValue);
        assert_eq!(fault.pointer, "/format");
        assert!(fault.detail.ends_with("json, ndjson, csv, parquet, arrow"));
    }
}

#[test]
fn accept_is_read_by_weight_then_precision_then_place() {
    let cases = [
        ("*/*", AnswerFormat::Json),
        ("", AnswerFormat::Json),
        (" , ", AnswerFormat::Json),
        ("application/*", AnswerFormat::Json),
        ("text/*", AnswerFormat::Csv),
        ("TEXT/CSV", AnswerFormat::Csv),
        ("text/csv, */*", AnswerFormat::Csv),
        ("*/*, text/csv;q=0.9", AnswerFormat::Json),
        ("*/*;q=0.1, text/csv;q=0.2", AnswerFormat::Csv),
        ("application/json;q=0.5, text/csv", AnswerFormat::Csv),
        ("text/csv, application/json", AnswerFormat::Csv),
        ("application/json, text/csv", AnswerFormat::Json),
        ("application/json;q=0, */*", AnswerFormat::Ndjson),
        (
            "application/*, application/json;q=0.3",
            AnswerFormat::Ndjson,
        ),
        ("application/jsonl", AnswerFormat::Ndjson),
        ("text/csv; header=present ; q=1.000", AnswerFormat::Csv),
        (
            "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
            AnswerFormat::Json,
        ),
        (
            "application/vnd.apache.parquet;q=0.001, text/html",
            AnswerFormat::Columnar(Columnar::Parquet),
        ),
    ];
    for (accept, format) in cases {
        assert_eq!(chosen(accept), format, "{accept}");
    }
    assert_eq!(
        AnswerFormat::choose(Offered::Rows, None, None),
        Ok(AnswerFormat::Json)
    );
}

#[test]
fn accept_that_takes_nothing_or_means_nothing_is_refused() {
    for accept in [
        "text/html",
        "*/*;q=0",
        "text/csv;q=0, text/csv;q=0.0",
        "image/*",
    ] {
        let fault = AnswerFormat::choose(Offered::Rows, None, Some(accept)).expect_err(accept);
        assert_eq!(fault.code, FaultCode::InvalidValue);
        assert!(fault.detail.contains("application/vnd.apache.parquet"));
    }
    for accept in [
        "json",
        "text/csv;q=2",
        "text/csv;q=1.5",
        "text/csv;q=0.1234",
        "text/csv;q=",
        "text/csv;q=-1",
        "text/csv;q=0.+1",
        "text/csv;q=0,5",
    ] {
        let fault = AnswerFormat::choose(Offered::Rows, None, Some(accept)).expect_err(accept);
        assert!(fault.detail.contains("media range"), "{}", fault.detail);
    }
}

#[test]
fn only_json_comes_in_pages() {
    assert_eq!(AnswerFormat::Json.delivery(), Delivery::Pages);
    for format in ["ndjson", "csv", "parquet", "arrow"] {
        let format = AnswerFormat::choose(Offered::Rows, Some(format), None).expect("known");
        assert_eq!(format.delivery(), Delivery::Stream);
    }
}
