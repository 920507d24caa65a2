use model::fields::{FieldType, ScalarType};
use model::json::WideIntegers;
use model::names::{FieldPath, Name};
use model::pools::{Schema, SchemaMode};
use model::queries::{Aggregate, OutputColumn, OutputType};
use model::time::{TimeZone, Timestamp};
use model::value::{Object, Value};
use model::views::{Shape, ViewDraft, ViewField, ViewFieldRole};
use proptest::prelude::*;

use super::*;
use crate::plane::Answer;

mod documents;

fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).expect("legal")
}

fn view(shape: Shape, fields: &[(&str, char)], grouped_output: bool) -> ViewDraft {
    let role = |name: &str, role: char| match role {
        'p' => ViewFieldRole::Plain(path(name)),
        'g' => ViewFieldRole::Group(path(name)),
        _ => ViewFieldRole::Measure(Aggregate::Sum, Some(path(name))),
    };
    let field = |(name, kind): &(&str, char)| ViewField {
        name: path(name),
        role: role(name, *kind),
    };
    ViewDraft {
        name: Name::parse("v").expect("legal"),
        pool: Name::parse("p").expect("legal"),
        shape,
        fields: fields.iter().map(field).collect(),
        filters: None,
        order_by: Vec::new(),
        grouped_output,
        tier: None,
        public: false,
    }
}

fn columns(names: &[&str]) -> Vec<OutputColumn> {
    let column = |name: &&str| OutputColumn {
        name: (*name).to_owned(),
        output_type: OutputType::Mixed,
    };
    names.iter().map(column).collect()
}

fn style(zone: &str, wide: WideIntegers) -> Style {
    Style {
        zone: TimeZone::parse(zone).expect("a zone"),
        wide,
    }
}

fn plain() -> Style {
    style("UTC", WideIntegers::Numbers)
}

type Chunk = Result<Vec<Row>, PlaneError>;

fn answer(names: &[&str], chunks: Vec<Chunk>) -> Answer {
    Answer {
        columns: columns(names),
        rows: stream::iter(chunks).boxed(),
    }
}

fn failure() -> PlaneError {
    PlaneError::Internal("broken".to_owned())
}

/// A view of plain fields with these names, and its layout.
fn flat(names: &[&str], style: Style) -> Layout {
    let fields: Vec<_> = names.iter().map(|name| (*name, 'p')).collect();
    Layout::new(
        &view(Shape::Records, &fields, false),
        &columns(names),
        style,
    )
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

async fn all(stream: ByteStream) -> (String, Vec<PlaneError>) {
    let (mut whole, mut errors) = (String::new(), Vec::new());
    for item in stream.collect::<Vec<_>>().await {
        match item {
            Ok(bytes) => {
                assert!(errors.is_empty(), "bytes behind an error");
                assert!(!bytes.is_empty());
                whole.push_str(text(&bytes));
            }
            Err(error) => errors.push(error),
        }
    }
    (whole, errors)
}

fn every_kind() -> (Vec<&'static str>, Row) {
    let object = Object::new().with("b", 1).with("a", Value::Null);
    let instant = Timestamp::parse("2026-07-01T10:00:00.5Z").expect("a time");
    let uuid = ScalarType::Uuid.coerce(Value::from("0123456789abcdef0123456789abcdef"));
    let pairs = [
        ("null", Value::Null),
        ("boolean", Value::from(true)),
        ("wide", Value::from(9_007_199_254_740_993_i64)),
        ("sum", Value::from(i128::MIN)),
        ("float", Value::Float(5.0)),
        ("customer.name", Value::from("a, \"b\"\né")),
        ("empty", Value::from("")),
        (
            "day",
            ScalarType::Date
                .coerce(Value::from("2026-07-01"))
                .expect("a date"),
        ),
        ("at", Value::DateTime(instant)),
        ("uuid", uuid.expect("a UUID")),
        ("times", Value::Array(vec![Value::DateTime(instant)])),
        ("object", Value::Object(object)),
    ];
    pairs.into_iter().unzip()
}

#[tokio::test]
async fn every_kind_of_value_as_json() {
    let (names, row) = every_kind();
    let lines = |style| {
        ndjson(
            answer(&names, vec![Ok(vec![row.clone()])]),
            flat(&names, style),
        )
    };
    let (utc, errors) = all(lines(plain())).await;
    assert_eq!(errors, []);
    assert_eq!(
        utc,
        concat!(
            r#"{"null":null,"boolean":true,"wide":9007199254740993,"#,
            r#""sum":-170141183460469231731687303715884105728,"float":5.0,"#,
            r#""customer.name":"a, \"b\"\né","empty":"","day":"2026-07-01","#,
            r#""at":"2026-07-01T10:00:00.500Z","uuid":"01234567-89ab-cdef-0123-456789abcdef","#,
            r#""times":["2026-07-01T10:00:00.500Z"],"object":{"b":1,"a":null}}"#,
            "\n"
        )
    );
    let (local, _) = all(lines(style("Europe/Berlin", WideIntegers::Strings))).await;
    let expected = utc
        .replace("2026-07-01T10:00:00.500Z", "2026-07-01T12:00:00.500+02:00")
        .replace("9007199254740993", "\"9007199254740993\"")
        .replace(
            "-170141183460469231731687303715884105728",
            "\"-170141183460469231731687303715884105728\"",
        );
    assert_eq!(local, expected);
}

#[tokio::test]
async fn every_kind_of_value_as_csv() {
    let (names, row) = every_kind();
    let layout = flat(&names, style("Europe/Berlin", WideIntegers::Strings));
    let (table, errors) = all(csv(answer(&names, vec![Ok(vec![row])]), layout)).await;
    assert_eq!(errors, []);
    assert_eq!(
        table,
        concat!(
            "null,boolean,wide,sum,float,customer.name,empty,day,at,uuid,times,object\r\n",
            ",true,9007199254740993,-170141183460469231731687303715884105728,5.0,",
            "\"a, \"\"b\"\"\né\",\"\",2026-07-01,2026-07-01T12:00:00.500+02:00,",
            "01234567-89ab-cdef-0123-456789abcdef,",
            "\"[\"\"2026-07-01T12:00:00.500+02:00\"\"]\",\"{\"\"b\"\":1,\"\"a\"\":null}\"\r\n"
        )
    );
}

#[tokio::test]
async fn a_table_without_rows_has_its_header() {
    let names = ["a", "b,c"];
    let empty = || answer(&names, vec![Ok(Vec::new())]);
    assert_eq!(
        all(csv(empty(), flat(&names, plain()))).await.0,
        "a,\"b,c\"\r\n"
    );
    assert_eq!(all(ndjson(empty(), flat(&names, plain()))).await.0, "");
    let alone = answer(
        &["a"],
        vec![Ok(vec![vec![Value::Null], vec![Value::from(" x")]])],
    );
    let (table, _) = all(csv(alone, flat(&["a"], plain()))).await;
    assert_eq!(table, "a\r\n\"\"\r\n\" x\"\r\n");
}

#[tokio::test]
async fn an_error_ends_every_stream_and_is_its_last_item() {
    let row = || vec![Value::from(1)];
    let broken = || {
        answer(
            &["a"],
            vec![Ok(vec![row()]), Err(failure()), Ok(vec![row()])],
        )
    };
    for (stream, sent) in [
        (ndjson(broken(), flat(&["a"], plain())), "{\"a\":1}\n"),
        (csv(broken(), flat(&["a"], plain())), "a\r\n1\r\n"),
    ] {
        let started = started(stream).await.expect("the first rows are there");
        assert_eq!(all(started).await, (sent.to_owned(), vec![failure()]));
    }
    let at_once = || answer(&["a"], vec![Ok(Vec::new()), Err(failure())]);
    for stream in [
        ndjson(at_once(), flat(&["a"], plain())),
        csv(at_once(), flat(&["a"], plain())),
    ] {
        assert_eq!(started(stream).await.err(), Some(failure()));
    }
    let short = answer(&["a", "b"], vec![Ok(vec![row()])]);
    let (sent, errors) = all(ndjson(short, flat(&["a", "b"], plain()))).await;
    assert!(sent.is_empty() && errors.len() == 1, "{sent} {errors:?}");
    let none = started(ndjson(answer(&["a"], vec![]), flat(&["a"], plain()))).await;
    assert_eq!(all(none.expect("no error")).await, (String::new(), vec![]));
}

fn any_cell() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        "[a1,\"\r\n é-]{0,6}".prop_map(Value::from),
    ]
}

proptest! {
    #[test]
    fn a_text_is_in_json_what_the_library_makes_of_it(
        text in prop_oneof!["\\PC{0,80}", "[a-z é]{0,70}[\u{0}-\u{7f}][a-z é]{0,70}"],
    ) {
        let mut written = Vec::new();
        super::layout::write_value(&Value::from(text.as_str()), &plain(), &mut written).expect("a text");
        let theirs = serde_json::to_string(&text).expect("a text");
        prop_assert_eq!(std::str::from_utf8(&written).expect("text"), theirs);
    }

    #[test]
    fn what_is_written_as_csv_reads_back(
        rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 2), 0..6),
    ) {
        let names = ["a", "b"];
        let stream = csv(answer(&names, vec![Ok(rows.clone())]), flat(&names, plain()));
        let all = futures::FutureExt::now_or_never(all(stream));
        let (table, _) = all.expect("all rows are there");
        let field = |name: &&str| {
            let text = FieldType::Scalar(ScalarType::String);
            model::pools::Field::new(path(name), text, false)
        };
        let schema = Schema::new(SchemaMode::Strict, names.iter().map(field).collect());
        let format = crate::bodies::TextFormat::Csv;
        let read = crate::bodies::read_records(format, table.as_bytes(), &schema);
        let read: Vec<Row> = read.expect("a table").into_iter().map(|record| {
            let record = record.expect("well formed");
            let object = record.as_object().expect("an object");
            let value = |name: &&str| object.get(name).cloned().unwrap_or(Value::Null);
            names.iter().map(value).collect()
        }).collect();
        prop_assert_eq!(&read, &rows);
        let mut theirs = ::csv::Reader::from_reader(table.as_bytes());
        let theirs: Vec<Vec<String>> = theirs
            .deserialize()
            .collect::<Result<_, _>>()
            .expect("others read it too");
        let texts = |row: &Row| -> Vec<String> {
            row.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
        };
        prop_assert_eq!(theirs, rows.iter().map(texts).collect::<Vec<_>>());
    }
}
