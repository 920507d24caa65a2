//! How long the verification of a long audit takes, by the binary.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use model::audit::{AuditEntry, ChainedEntry, CheckpointKey, Log};
use model::ids::{AuditId, ProjectId};
use model::random::SeededRandom;
use model::secrets::Pepper;
use model::time::Timestamp;
use model::value::Value;

use crate::report::Table;
use crate::server::binary;

const ENTRIES: u64 = 1_000_000;
const ENTRIES_SHORT: u64 = 2_000;

pub(crate) fn run(short: bool) -> Table {
    let entries = if short { ENTRIES_SHORT } else { ENTRIES };
    let home = tempfile::tempdir().unwrap();
    let export = home.path().join("audit.ndjson");
    let (note, key) = write(&export, entries);
    let checkpoint = home.path().join("checkpoint");
    std::fs::write(&checkpoint, note).unwrap();
    let bytes = std::fs::metadata(&export).unwrap().len();
    let start = Instant::now();
    let status = Command::new(binary())
        .args(["audit", "verify", "--verifier-key", &key, "--export"])
        .arg(&export)
        .arg("--checkpoint")
        .arg(&checkpoint)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the audit is as it was written");
    let seconds = start.elapsed().as_secs_f64();
    Table {
        title: "Verifying an audit".to_owned(),
        text: "`tidegate audit verify` of an export with one checkpoint of its end, on one core."
            .to_owned(),
        columns: vec!["entries", "MiB", "seconds"],
        rows: vec![vec![
            entries.to_string(),
            (bytes / 1_048_576).to_string(),
            format!("{seconds:.1}"),
        ]],
    }
}

/// Writes an export; returns a checkpoint of its end and the key that it is
/// verified by.
fn write(export: &std::path::Path, entries: u64) -> (String, String) {
    let random = SeededRandom::new(3);
    let at = Timestamp::from_microsecond(1_700_000_000_000_000).unwrap();
    let project = ProjectId::generate(at, &random);
    let mut log = Log::default();
    let mut out = std::io::BufWriter::new(std::fs::File::create(export).unwrap());
    for sequence in 0..entries {
        let id = AuditId::generate(at, &random);
        let definition = format!(
            "{{\"name\":\"key {sequence}\",\"kind\":\"secret\",\"grants\":[{{\"on\":\"view:sales_by_day\",\"actions\":[\"read\"],\
             \"constraints\":[{{\"field\":\"customer.id\",\"operator\":\"eq\",\"value\":\"{sequence}\"}}]}}]}}"
        );
        let entry = AuditEntry {
            id,
            project,
            at,
            actor: format!("key:{id}"),
            secret: None,
            address: Some("10.1.2.3".parse().unwrap()),
            action: "key.create".to_owned(),
            subject_id: id.to_string(),
            subject_name: format!("key {sequence}"),
            before: None,
            after: Some(definition),
        };
        let link = log.append(entry.leaf(sequence));
        let chained = ChainedEntry {
            sequence,
            link,
            entry,
        };
        let line = model::json::to_text(&Value::from(chained.to_object()));
        writeln!(out, "{line}").unwrap();
    }
    out.flush().unwrap();
    let key = CheckpointKey::new(&Pepper::generate(&random));
    let checkpoint = key.sign(project, at, log.head());
    (checkpoint.note().to_owned(), key.verifier().to_string())
}
