//! Pools of a running server, changed in every way, as a Delta reader finds them after
//! `tidegate compact --flush`: the rows and types that the API answered before it was stopped,
//! and none that was deleted or replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::Reader;
use super::comparison::{Answered, differences};
use super::records::{pools, records};
use crate::process::{self, Failure, Outcome};
use crate::repository::Repository;
use crate::server::Server;
use crate::workplace::Workplace;

/// The pools; the last one is made by an import.
const POOLS: [&str; 5] = ["events", "typed", "orders", "private", "flights"];
const FLIGHTS: &str = "demo/flights-2013-01.csv.gz";

/// How often the server is started, changed and stopped: each time makes a version, and the eleventh
/// a checkpoint.
const ROUNDS: u64 = 11;

/// Little enough that files are written and merged while the server runs.
const OPTIONS: [&str; 6] = [
    "--flush-bytes",
    "64KiB",
    "--flush-after",
    "2s",
    "--log-level",
    "warn",
];

/// Runs the server of the step `build` on a fresh directory.
///
/// # Errors
/// When the server refuses something, or a table differs from what the API answered.
pub(super) fn run(repository: &Repository, reader: &Reader) -> Outcome {
    let folder = Workplace::create("delta-served")?;
    let house = House {
        binary: repository.target()?.join("debug").join("tidegate"),
        folder: folder.path(),
    };
    let mut before = BTreeMap::new();
    for round in 0..ROUNDS {
        let server = house.start()?;
        if round == 0 {
            for pool in pools() {
                server.call("POST", "/v1/pools", &pool)?;
            }
            house.import(&server, &repository.root().join(FLIGHTS))?;
        }
        fill(&server, round)?;
        change(&server, round)?;
        // In between the logs only grow.
        let is_compared = round < 2 || round + 1 == ROUNDS;
        let answered = match is_compared {
            true => POOLS
                .map(|pool| house.ask(&server, pool))
                .into_iter()
                .collect(),
            false => Ok(Vec::new()),
        };
        let answered: Vec<(PathBuf, Answered)> = answered?;
        server.terminate()?;
        house.compact()?;
        for (pool, (table, answered)) in POOLS.into_iter().zip(answered) {
            let found = reader.read(&table, &["--fields"])?;
            let version = compare(pool, round, &answered, &found, before.get(pool))?;
            before.insert(pool, (answered, version));
            if round + 1 == ROUNDS && !has_checkpoint(&table) {
                let told = format!("{pool}: version {version} and no checkpoint");
                return Err(Failure::new(told));
            }
        }
    }
    Ok(())
}

fn has_checkpoint(table: &Path) -> bool {
    table.join("_delta_log").join("_last_checkpoint").is_file()
}

/// The version that was found to be what the API answered.
fn compare(
    pool: &str,
    round: u64,
    answered: &Answered,
    found: &Value,
    before: Option<&(Answered, u64)>,
) -> Outcome<u64> {
    let told = differences(answered, found);
    if !told.is_empty() {
        let told = told.join("\n  ");
        return Err(Failure::new(format!("{pool}, round {round}:\n  {told}")));
    }
    if answered.rows.is_empty() {
        return Err(Failure::new(format!(
            "{pool}: without rows nothing is compared"
        )));
    }
    // The comparison must be able to fail: with a row left out, and with the rows of before.
    let mut fewer = answered.clone();
    fewer.rows.pop();
    let version = found["version"].as_u64().unwrap_or_default();
    let mut others = vec![&fewer];
    if let Some((before, last)) = before {
        others.push(before);
        if version <= *last {
            let told = format!("{pool}, round {round}: version {version} after {last}");
            return Err(Failure::new(told));
        }
    }
    if others
        .iter()
        .any(|other| differences(other, found).is_empty())
    {
        return Err(Failure::new(format!(
            "{pool}: other rows were taken for the same"
        )));
    }
    let rows = answered.rows.len();
    println!("{pool}, round {round}: version {version}, {rows} rows, as the API answers");
    Ok(version)
}

/// New records in every pool, and newer ones in the place of older ones.
fn fill(server: &Server, round: u64) -> Outcome {
    let size = if round < 2 { 1_200 } else { 60 };
    let first = round * 1_200;
    for pool in &POOLS[..4] {
        for start in (first..first + size).step_by(400) {
            put(
                server,
                pool,
                &records(pool, start..(start + 400).min(first + size), round),
            )?;
        }
    }
    // Of this round, and of rounds before, whose records are in files.
    let replaced = records("orders", first + size / 3..first + size / 2, round + 100);
    put(server, "orders", &replaced)?;
    if let Some(older) = first.checked_sub(1_150) {
        put(
            server,
            "orders",
            &records("orders", older..older + 40, round),
        )?;
    }
    Ok(())
}

fn put(server: &Server, pool: &str, records: &Value) -> Outcome {
    let receipt = server.call("POST", &format!("/v1/pools/{pool}/records"), records)?;
    match receipt["rejected"].as_u64() {
        Some(0) => Ok(()),
        _ => Err(Failure::new(format!("{pool}: {receipt}"))),
    }
}

/// Deletes some of each pool's records, old and new ones, and changes the fields of one.
fn change(server: &Server, round: u64) -> Outcome {
    let eq = |field: &str, value: Value| json!({"field": field, "operator": "eq", "value": value});
    let page = format!("/page/{}", round + 3);
    let carrier = [
        "B6", "HA", "MQ", "FL", "VX", "YV", "F9", "AS", "OO", "WN", "US",
    ][round as usize % 11];
    let filters = [
        ("events", eq("page", json!(page))),
        (
            "events",
            eq("took", json!((round * 1_200).next_multiple_of(9))),
        ),
        ("typed", eq("one.UInt8", json!(22 + 5 * round))),
        (
            "orders",
            eq("state", json!(format!("round {}", round.saturating_sub(1)))),
        ),
        ("private", eq("customer", json!(format!("c{}", round % 7)))),
        ("flights", eq("carrier", json!(carrier))),
    ];
    for (pool, filter) in filters {
        // The state of the round before is that of every order that was not replaced since.
        let filters = match pool {
            "orders" => json!([
                filter,
                eq("customer", json!(format!("c{}", (round + 3) % 7)))
            ]),
            _ => json!([filter]),
        };
        let path = format!("/v1/pools/{pool}/delete");
        let answer = server.call("POST", &path, &json!({"filters": filters}))?;
        if answer["deleted"]
            .as_u64()
            .is_none_or(|deleted| deleted == 0)
        {
            return Err(Failure::new(format!(
                "{pool}, round {round}: nothing was deleted"
            )));
        }
    }
    match round {
        0 => fields(server, |fields| {
            fields.retain(|field| field["name"] != "tailnum");
            for field in fields.iter_mut().filter(|field| field["name"] == "dest") {
                field["name"] = "destination".into();
                field["renamed_from"] = "dest".into();
            }
        }),
        1 => {
            fields(server, |fields| {
                fields.push(json!({"name": "tailnum", "type": "Array(Int64)"}));
            })?;
            put(
                server,
                "flights",
                &json!([{"carrier": "UA", "destination": "ZRH",
                "scheduled_departure": "2013-02-01T00:00:00Z", "tailnum": [1, 2]}]),
            )
        }
        _ => Ok(()),
    }
}

/// Changes the fields of the pool of flights.
fn fields(server: &Server, change: impl FnOnce(&mut Vec<Value>)) -> Outcome {
    let path = "/v1/pools/flights";
    let mut pool = server.call("GET", path, &Value::Null)?;
    let fields = pool["fields"].as_array_mut();
    let fields = fields.ok_or_else(|| Failure::new("the pool of flights has no fields"))?;
    change(fields);
    let changed = server.call("PATCH", path, &json!({"fields": fields}))?;
    match changed["fields"].as_array().map(Vec::len) == Some(fields.len()) {
        true => Ok(()),
        false => Err(Failure::new(format!("the fields became {changed}"))),
    }
}

/// The program and where it works.
struct House<'a> {
    binary: PathBuf,
    folder: &'a Path,
}

impl House<'_> {
    fn start(&self) -> Outcome<Server> {
        Server::start(&self.binary, self.folder, &OPTIONS)
    }

    /// A command of the program against the server.
    fn client(&self, server: &Server) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(self.folder)
            .env("TIDEGATE_URL", format!("http://{}", server.address()))
            .env("TIDEGATE_TOKEN", server.token());
        command
    }

    fn import(&self, server: &Server, file: &Path) -> Outcome {
        let mut command = self.client(server);
        command.args(["import", "--yes", "--pool", "flights"]);
        command.args([
            "--time-field",
            "scheduled_departure",
            "--isolation-field",
            "carrier",
        ]);
        process::capture(command.arg(file)).map(|_| ())
    }

    fn compact(&self) -> Outcome {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.folder);
        let arguments = ["compact", "--flush", "--data-dir", "data"];
        process::capture(command.args(arguments)).map(|_| ())
    }

    /// A pool as the API answers it, and the directory of its table.
    fn ask(&self, server: &Server, name: &str) -> Outcome<(PathBuf, Answered)> {
        let pool = server.call("GET", &format!("/v1/pools/{name}"), &Value::Null)?;
        let id = pool["id"].as_str().unwrap_or_default();
        let schema = server.call("GET", &format!("/v1/pools/{name}/schema"), &Value::Null)?;
        let system = [
            ("_id", "String"),
            ("_ingested_at", "DateTime"),
            ("_key", "String"),
        ];
        let mut answered = Answered {
            declared: system
                .map(|(name, own)| (name.to_owned(), own.to_owned()))
                .into(),
            ..Answered::default()
        };
        for field in schema["fields"].as_array().into_iter().flatten() {
            let name = field["name"].as_str().unwrap_or_default().to_owned();
            match &field["type"] {
                Value::String(own) => answered.declared.push((name, own.clone())),
                kinds => {
                    let kinds = kinds.as_array().into_iter().flatten();
                    let kinds = kinds.filter_map(Value::as_str).map(str::to_owned);
                    answered
                        .undeclared
                        .insert(name, kinds.collect::<BTreeSet<_>>());
                }
            }
        }
        let declared = answered.declared.iter().map(|(name, _)| name);
        let shown = declared.chain(answered.undeclared.keys());
        let shown: Vec<_> = shown.map(|name| json!({"field": name})).collect();
        let view = json!({"name": "all", "pool": name, "shape": "records", "fields": shown});
        server.call("POST", "/v1/views", &view)?;
        let mut command = self.client(server);
        let rows = process::capture(command.args(["query", "all", "--format", "ndjson"]))?;
        server.call("DELETE", "/v1/views/all", &Value::Null)?;
        answered.rows = rows.lines().map(row).collect::<Outcome<_>>()?;
        Ok((self.folder.join("data").join("tables").join(id), answered))
    }
}

/// A line of the answer without what is missing in the row.
fn row(line: &str) -> Outcome<Map<String, Value>> {
    let row: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| Failure::new(format!("the answer has a line {line:?}: {error}")))?;
    Ok(row
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect())
}
