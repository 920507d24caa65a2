//! `tidegate import` of a file, as a person runs it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use crate::report::Table;
use crate::server::{Server, binary};

const RECORDS: usize = 500_000;
const RECORDS_SHORT: usize = 5_000;

pub(crate) fn run(server: &Server, short: bool) -> Table {
    let records = if short { RECORDS_SHORT } else { RECORDS };
    let file = server.home.path().join("events.ndjson");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&file).unwrap());
    for n in 0..records {
        let record = json!({"at": format!("2026-01-{:02}T08:{:02}:{:02}Z", 1 + n % 28, n % 60, n / 60 % 60),
            "customer": format!("c{}", n % 1_000), "path": format!("/page/{}", n % 500),
            "amount": f64::from(u32::try_from(n % 10_000).unwrap()) / 100.0, "n": n});
        writeln!(out, "{record}").unwrap();
    }
    out.flush().unwrap();
    drop(out);
    let bytes = std::fs::metadata(&file).unwrap().len();
    let start = Instant::now();
    let status = Command::new(binary())
        .args(["import", "--yes", "--pool", "imported", "--url"])
        .arg(format!("http://{}", server.address))
        .arg(&file)
        .env("TIDEGATE_TOKEN", &server.token)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let (rate, mib) = (
        records as f64 / seconds,
        bytes as f64 / seconds / 1_048_576.0,
    );
    Table {
        title: "A file".to_owned(),
        text: format!(
            "`tidegate import` of {records} records of NDJSON from the same machine, the start of the command included."
        ),
        columns: vec!["records/s", "MiB/s", "seconds"],
        rows: vec![vec![
            format!("{rate:.0}"),
            format!("{mib:.1}"),
            format!("{seconds:.1}"),
        ]],
    }
}
