use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::pool::Draft;
use super::send::{Patience, persist};
use super::source::{Batch, RawRecord};
use super::*;
use crate::cli::{Cli, Command, SchemaMode};
use crate::client::{Hasher, Problem};
use web::inference::InferredField;

fn arguments(line: &[&str]) -> ImportArgs {
    let start = ["tidegate", "import"];
    match Cli::try_parse_from(start.iter().chain(line))
        .expect("arguments")
        .command
    {
        Command::Import(args) => args,
        _ => panic!("import"),
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("folder"))
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("write");
        path
    }
}

fn batches(path: &Path, format: FileFormat, size: usize) -> Vec<Batch> {
    let source = Source::open(path, format, 1_000).expect("source");
    Batches::new(source, size)
        .map(|batch| batch.expect("batch"))
        .collect()
}

fn bodies(batches: &[Batch]) -> Vec<String> {
    batches
        .iter()
        .map(|batch| String::from_utf8(batch.body.clone()).expect("text"))
        .collect()
}

#[test]
fn names_tell_format_and_pool() {
    let cases = [
        ("sales.csv", Some(FileFormat::Csv), "sales"),
        (
            "/a/b/events-2026.ndjson.gz",
            Some(FileFormat::Ndjson),
            "events-2026",
        ),
        ("x.JSONL", Some(FileFormat::Ndjson), "x"),
        ("my.data.PARQUET", Some(FileFormat::Parquet), "my.data"),
        ("Sales.CSV.GZ", Some(FileFormat::Csv), "Sales"),
        ("sales.json", None, "sales"),
        ("sales", None, "sales"),
    ];
    for (name, format, pool) in cases {
        let path = Path::new(name);
        assert_eq!(format_of(path).ok(), format, "{name}");
        assert_eq!(pool_of(path).expect(name), pool);
    }
    assert_eq!(format_of(Path::new("-")).ok(), Some(FileFormat::Ndjson));
    assert!(pool_of(Path::new("-")).is_err());
}

#[test]
fn idempotency_keys_are_stable_and_tell_everything_apart() {
    let digest = |text: &str| {
        let mut hasher = Hasher::new();
        hasher.update(text.as_bytes());
        hasher.digest()
    };
    let key = |file: &str, parameters: &[&str], index: u64| {
        Identity::new(Some(digest(file)), parameters).key(index, b"body")
    };
    let parameters = ["id 01J", "5000", "Csv", ""];
    let first = key("file", &parameters, 0);
    // A change of this text doubles records that are imported again after an upgrade.
    insta::assert_snapshot!(first, @"import-0dad25604e37e9d724096e1a6c4986ebac32a9662d273d0427f2c14b3b353d70");
    assert_eq!(first, key("file", &parameters, 0));
    let others = [
        key("other file", &parameters, 0),
        key("file", &parameters, 1),
        key("file", &["id 01K", "5000", "Csv", ""], 0),
        key("file", &["id 01J", "5001", "Csv", ""], 0),
        key("file", &["id 01J", "5000", "Ndjson", ""], 0),
        key("file", &["id 01J", "5000", "Csv", "again"], 0),
        key("file", &["id 01J5000", "", "Csv", ""], 0),
    ];
    let distinct: std::collections::BTreeSet<_> = others.iter().chain([&first]).collect();
    assert_eq!(distinct.len(), others.len() + 1);
}

#[test]
fn a_stream_is_recognised_by_what_was_sent_so_far() {
    let keys = |bodies: &[&str]| {
        let mut identity = Identity::new(None, &["p"]);
        let keys = bodies
            .iter()
            .zip(0..)
            .map(|(body, at)| identity.key(at, body.as_bytes()));
        keys.collect::<Vec<_>>()
    };
    let (first, again) = (keys(&["a", "b", "c"]), keys(&["a", "b", "d"]));
    assert_eq!(first[..2], again[..2]);
    assert_ne!(first[2], again[2]);
    assert_ne!(
        keys(&["x", "b"])[1],
        first[1],
        "the same batch after another start"
    );
}

#[test]
fn lines_become_batches_with_their_numbers() {
    let folder = Folder::new();
    let text = "\u{feff}{\"n\":1}\r\n\n  \n{\"n\":2}\n{\"n\":3}";
    let path = folder.write("a.ndjson", text.as_bytes());
    let batches = batches(&path, FileFormat::Ndjson, 2);
    assert_eq!(bodies(&batches), ["{\"n\":1}\n{\"n\":2}\n", "{\"n\":3}\n"]);
    assert_eq!(batches[0].lines, [1, 4]);
    assert_eq!(batches[1].lines, [5]);
    assert_eq!(batches[1].position, text.len() as u64);
}

#[test]
fn compressed_files_are_read_as_what_they_hold() {
    let folder = Folder::new();
    let pack = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("write");
        encoder.finish().expect("finish")
    };
    // Two members, as `cat a.gz b.gz` makes them.
    let content = [pack("{\"n\":1}\n{\"n\""), pack(":2}\n")].concat();
    let path = folder.write("a.ndjson.gz", &content);
    let batches = batches(&path, FileFormat::Ndjson, 10);
    assert_eq!(bodies(&batches), ["{\"n\":1}\n{\"n\":2}\n"]);
    assert_eq!(batches[0].position, content.len() as u64);
    let mut cut = pack("{\"n\":1}\n");
    cut.truncate(cut.len() - 4);
    let path = folder.write("cut.ndjson.gz", &cut);
    let source = Source::open(&path, FileFormat::Ndjson, 10).expect("source");
    let ends = Batches::new(source, 10).last().expect("a batch");
    assert!(
        matches!(ends, Err(CommandError::File(_))),
        "a cut file is no whole one"
    );
}

#[test]
fn csv_records_are_told_apart_as_the_server_does() {
    let folder = Folder::new();
    let text = "a,b\r\n1,\"x\ny\"\r\n\r\n2,\"he said \"\"no\"\"\"\n3,5\" pipe\n4,\n\"\",\"\"";
    let path = folder.write("a.csv", text.as_bytes());
    let batches = batches(&path, FileFormat::Csv, 3);
    assert_eq!(
        bodies(&batches),
        [
            "a,b\n1,\"x\ny\"\n2,\"he said \"\"no\"\"\"\n3,5\" pipe\n",
            "a,b\n4,\n\"\",\"\"\n",
        ]
    );
    assert_eq!(batches[0].lines, [2, 5, 6]);
    assert_eq!(batches[1].lines, [7, 8]);
}

#[test]
fn csv_cells_keep_the_difference_between_empty_and_missing() {
    let cells = |text: &str| csv::cells(text.as_bytes());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(cells("1,,\"\""), [some("1"), None, some("")]);
    assert_eq!(cells("\"a,\"\"b\"\"\",c"), [some("a,\"b\""), some("c")]);
    assert_eq!(cells(","), [None, None]);
}

#[test]
fn a_quote_that_stays_open_is_named_by_its_line() {
    let mut record = Vec::new();
    let text = format!("\"{}", "x\n".repeat(600_000));
    let error = csv::read_record(&mut text.as_bytes(), &mut record, 1 << 20).expect_err("long");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let folder = Folder::new();
    let path = folder.write("a.csv", b"");
    let told = Source::open(&path, FileFormat::Csv, 1)
        .err()
        .expect("no header")
        .to_string();
    assert!(told.contains("no header line"), "{told}");
}

#[test]
fn what_was_peeked_at_is_sent_too() {
    let folder = Folder::new();
    let path = folder.write("a.ndjson", b"{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    let mut source = Source::open(&path, FileFormat::Ndjson, 10).expect("source");
    let lines: Vec<u64> = source
        .peek(2)
        .expect("peek")
        .iter()
        .map(|r| r.line)
        .collect();
    assert_eq!(lines, [1, 2]);
    let batches: Vec<Batch> = Batches::new(source, 10)
        .map(|b| b.expect("batch"))
        .collect();
    assert_eq!(batches[0].lines, [1, 2, 3]);
    let record = RawRecord {
        line: 1,
        text: Ok(b"{\"n\":1}".to_vec()),
    };
    let mut source = Source::open(&path, FileFormat::Ndjson, 10).expect("source");
    assert_eq!(source.peek(1).expect("peek")[0], record);
}

fn field(name: &str, type_name: &str) -> InferredField {
    InferredField {
        name: name.to_owned(),
        field_type: model::fields::FieldType::parse(type_name),
        filled: Some(8),
        note: "",
    }
}

#[test]
fn the_proposal_shows_what_would_be_made() {
    let fields = vec![
        field("at", "DateTime"),
        field("zip", "Int64"),
        field("mixed", "-"),
    ];
    let args = arguments(&[
        "a.ndjson",
        "--field",
        "zip:String!",
        "--field",
        "later:Date",
        "--isolation-field",
        "zip",
    ]);
    let draft = Draft::new(fields, &args, SchemaMode::Open).expect("draft");
    insta::assert_snapshot!(format!("{}\n{}", draft.table(10), draft.summary()), @"
┌───────┬──────────────┬──────────┬─────────┬─────────┐
│ field ┆ type         ┆          ┆ missing ┆ note    │
╞═══════╪══════════════╪══════════╪═════════╪═════════╡
│ at    ┆ DateTime     ┆          ┆       2 ┆         │
│ zip   ┆ String       ┆ required ┆       2 ┆ as told │
│ mixed ┆ not declared ┆          ┆       2 ┆         │
│ later ┆ Date         ┆          ┆      10 ┆ as told │
└───────┴──────────────┴──────────┴─────────┴─────────┘
schema open, time field at, isolation field zip
");
    insta::assert_snapshot!(
        String::from_utf8(draft.definition("p").body()).expect("text"),
        @r#"{"name":"p","schema":"open","fields":[{"name":"at","type":"DateTime","required":false},{"name":"zip","type":"String","required":true},{"name":"later","type":"Date","required":false}],"isolation_field":"zip","time_field":"at"}"#
    );
}

#[test]
fn a_time_field_is_taken_only_when_there_is_no_choice() {
    let args = arguments(&["a.csv"]);
    let two = vec![field("a", "DateTime"), field("b", "DateTime")];
    let draft = Draft::new(two, &args, SchemaMode::Strict).expect("draft");
    assert!(
        draft.summary().contains("time field none"),
        "{}",
        draft.summary()
    );
    let told = arguments(&["a.csv", "--time-field", "b"]);
    let two = vec![field("a", "DateTime"), field("b", "DateTime")];
    let draft = Draft::new(two, &told, SchemaMode::Strict).expect("draft");
    assert!(
        draft.summary().contains("time field b"),
        "{}",
        draft.summary()
    );
}

#[test]
fn proposals_that_the_server_would_refuse_are_not_made() {
    let args = arguments(&["a.csv"]);
    let mixed = Draft::new(vec![field("m", "-")], &args, SchemaMode::Strict).expect_err("mixed");
    assert!(
        mixed
            .to_string()
            .contains("--field m:TYPE, or --schema open"),
        "{mixed}"
    );
    let reserved = Draft::new(vec![field("_id", "String")], &args, SchemaMode::Open);
    assert!(
        reserved
            .expect_err("reserved")
            .to_string()
            .contains("rename it")
    );
    let bad = arguments(&["a.csv", "--field", "m:Text"]);
    assert!(Draft::new(vec![field("m", "-")], &bad, SchemaMode::Strict).is_err());
}

/// Remembers how long it was asked to wait.
#[derive(Default)]
struct Waits(RefCell<Vec<Duration>>);

impl Patience for Waits {
    fn wait(&self, wait: Duration) {
        self.0.borrow_mut().push(wait);
    }
}

fn unreachable() -> ClientError {
    ClientError::Unreachable {
        url: "http://a".to_owned(),
        reason: "nothing listens there".to_owned(),
    }
}

fn refused(status: u16, retry_after: Option<u64>) -> ClientError {
    ClientError::Refused(Box::new(Problem {
        status,
        main: crate::client::ProblemItem::default(),
        errors: Vec::new(),
        request_id: None,
        retry_after: retry_after.map(Duration::from_secs),
    }))
}

fn tried(errors: Vec<ClientError>) -> (Result<u8, ClientError>, Vec<Duration>) {
    let waits = Waits::default();
    let mut errors = VecDeque::from(errors);
    let result = persist(&waits, &|_| {}, || errors.pop_front().map_or(Ok(7), Err));
    (result, waits.0.into_inner())
}

#[test]
fn what_may_pass_is_tried_again_after_doubling_waits() {
    let errors = vec![
        unreachable(),
        refused(503, None),
        refused(429, None),
        unreachable(),
    ];
    let (result, waits) = tried(errors);
    assert_eq!(result.expect("answer"), 7);
    assert_eq!(waits, [250, 500, 1_000, 2_000].map(Duration::from_millis));
}

#[test]
fn a_server_that_names_a_wait_gets_it() {
    let (result, waits) = tried(vec![
        refused(429, Some(3)),
        refused(503, Some(100_000)),
        refused(503, Some(0)),
    ]);
    assert!(result.is_ok());
    assert_eq!(waits, [3_000, 300_000, 250].map(Duration::from_millis));
}

#[test]
fn a_refusal_is_final_and_patience_ends() {
    for status in [400, 401, 403, 404, 409, 413, 422, 500, 507] {
        let (result, waits) = tried(vec![refused(status, None)]);
        assert!(result.is_err() && waits.is_empty(), "{status}");
    }
    let (result, waits) = tried((0..100).map(|_| unreachable()).collect());
    assert!(matches!(result, Err(ClientError::Unreachable { .. })));
    assert_eq!(waits.len(), 11);
    assert_eq!(waits.last(), Some(&Duration::from_secs(30)));
    // One that says when to come again is asked for a quarter of an hour.
    let (result, waits) = tried((0..1_000).map(|_| refused(503, Some(2))).collect());
    assert!(matches!(result, Err(ClientError::Refused(_))));
    assert_eq!(waits.iter().sum::<Duration>(), Duration::from_secs(900));
}
