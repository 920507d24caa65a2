//! Asks the same questions with each key and shows the answers side by side.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::{CommandError, parse};
use super::load::{BY_DAY, BY_DESTINATION, Loaded, POOL, RECORDS, Reader};
use crate::client::{Body, Client, Token, segment};
use crate::output::table::{Cell, render};

/// Rows of each small table.
const SHOWN: usize = 5;

/// What one key was answered.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    reader: &'a Reader,
    /// The newest flights.
    records: Vec<Value>,
    /// All destinations, the most visited first.
    by_destination: Vec<Value>,
    /// All days.
    by_day: Vec<Value>,
    /// Results of analytics by their labels.
    delays: Value,
}

/// What is asked of the pool itself: a label in the answer, and one for people.
const DELAYS: [(&str, &str); 3] = [
    ("flights", "flights asked over"),
    ("median", "median delay"),
    ("late", "95 of 100 leave within"),
];

impl Seen<'_> {
    /// All flights that the key sees, summed over destinations.
    fn flights(&self) -> u64 {
        sum(&self.by_destination)
    }
}

fn sum(rows: &[Value]) -> u64 {
    let counts = rows.iter().filter_map(|row| row.get("flights")?.as_u64());
    counts.sum()
}

/// Asks all three views with each reading key.
///
/// # Errors
/// When an answer cannot be had.
pub(super) fn ask<'a>(admin: &Client, loaded: &'a Loaded) -> Result<Vec<Seen<'a>>, CommandError> {
    let day = json!({
        "interval": "daily", "timezone": "America/New_York",
        "from": "2013-01-01T00:00:00-05:00", "to": "2013-02-01T00:00:00-05:00",
    });
    let most_visited = json!({
        "order_by": [{ "field": "flights", "direction": "desc" }], "limit": 1_000,
    });
    let newest = json!({ "limit": 2, "timezone": "America/New_York" });
    loaded
        .readers
        .iter()
        .map(|reader| {
            let token = Token::new(&reader.token, "the new key")?;
            let client = admin.with_token(token);
            Ok(Seen {
                reader,
                records: rows(&client, RECORDS, &newest)?,
                by_destination: rows(&client, BY_DESTINATION, &most_visited)?,
                by_day: rows(&client, BY_DAY, &day)?,
                delays: delays(&client)?,
            })
        })
        .collect()
}

fn rows(client: &Client, view: &str, question: &Value) -> Result<Vec<Value>, CommandError> {
    let path = format!("/v1/views/{}/data", segment(view));
    let answer = client.post(&path, Body::json(question.to_string().as_bytes()))?;
    match parse(client, &answer)?.get_mut("data").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(CommandError::Failed(format!(
            "view {view} was not answered with rows"
        ))),
    }
}

/// Minutes between the planned and the real departure, as a question of analytics.
fn delays(client: &Client) -> Result<Value, CommandError> {
    let field = "departure_delay_minutes";
    let question = json!({ "analysis": "multi_analysis", "pool": POOL, "analyses": {
        "flights": { "analysis": "count" },
        "median": { "analysis": "median", "field": field },
        "late": { "analysis": "percentile", "field": field, "percentile": 95 },
    } });
    let body = question.to_string();
    let answer = client.post("/v1/query", Body::json(body.as_bytes()))?;
    let result = parse(client, &answer)?.get_mut("result").map(Value::take);
    result.ok_or_else(|| CommandError::Failed("the question was not answered".to_owned()))
}

/// Compares what every key saw with the file.
///
/// # Errors
/// When a key saw more or less than its airline's flights.
pub(super) fn check(loaded: &Loaded, seen: &[Seen<'_>]) -> Result<(), CommandError> {
    for seen in seen {
        let expected = loaded.expected(seen.reader.carrier);
        let foreign = |row: &Value| {
            let carrier = row.get("carrier").and_then(Value::as_str);
            seen.reader.carrier.is_some() && carrier != seen.reader.carrier
        };
        let is_right = seen.flights() == expected
            && sum(&seen.by_day) == expected
            && seen.delays["flights"] == expected
            && !seen.records.is_empty()
            && !seen.records.iter().any(foreign);
        if !is_right {
            return Err(CommandError::Failed(format!(
                "the key {} does not see exactly its {expected} flights",
                seen.reader.label
            )));
        }
    }
    Ok(())
}

/// The tables for people.
pub(super) fn tables(loaded: &Loaded, seen: &[Seen<'_>]) -> String {
    let mut text = format!(
        "{} flights of {} airlines are in the pool {POOL}, each sent by its airline's own key,\n\
         which stamped carrier and carrier_name on every record.\n\n\
         The same questions, asked with three keys:\n\n",
        loaded.expected(None),
        loaded.airlines.len()
    );
    let mut headers = vec![""];
    headers.extend(seen.iter().map(|seen| seen.reader.label));
    let per_key = |name: &str, number: &dyn Fn(&Seen<'_>) -> u64| {
        let mut row = vec![Cell::text(name)];
        row.extend(seen.iter().map(|seen| Cell::number(number(seen))));
        row
    };
    let totals = vec![
        per_key("flights in all", &|seen| seen.flights()),
        per_key("destinations", &|seen| seen.by_destination.len() as u64),
    ];
    let mut section = |title: &str, table: &str| {
        writeln!(text, "{title}\n{table}\n").expect("writing to memory does not fail");
    };
    section("What each key sees", &render(&headers, &totals, false));
    let title = format!("View {BY_DESTINATION} (aggregated): flights, the largest five");
    section(
        &title,
        &side_by_side(seen, "dest", |seen| &seen.by_destination),
    );
    let title = format!("View {BY_DAY} (time series): flights, the first five days");
    section(
        &title,
        &side_by_side(seen, "scheduled_departure", |seen| &seen.by_day),
    );
    let delays = DELAYS.map(|(label, words)| {
        let mut row = vec![Cell::text(words)];
        row.extend(seen.iter().map(|seen| Cell::of(seen.delays.get(label))));
        row
    });
    let title = "A question of analytics: minutes of delay at departure";
    section(title, &render(&headers, &delays, false));
    let title = format!("View {RECORDS} (records): the newest two of each key");
    section(&title, &newest(seen));
    text.trim_end().to_owned()
}

/// The counts of each key below each other, for the first rows of the key
/// that sees the most.
fn side_by_side<'a, 'b>(
    seen: &'a [Seen<'b>],
    by: &str,
    of: impl Fn(&'a Seen<'b>) -> &'a Vec<Value>,
) -> String {
    let mut headers = vec![if by == "dest" { "destination" } else { "day" }];
    headers.extend(seen.iter().map(|seen| seen.reader.label));
    let widest = seen.iter().max_by_key(|seen| seen.flights());
    let rows: Vec<Vec<Cell>> = widest
        .into_iter()
        .flat_map(|widest| of(widest).iter().take(SHOWN))
        .map(|row| {
            let name = row.get(by);
            let shown = match name.and_then(Value::as_str) {
                Some(instant) if by != "dest" => Cell::text(instant.get(..10).unwrap_or(instant)),
                _ => Cell::of(name),
            };
            let count = |seen: &'a Seen<'b>| {
                let same = of(seen).iter().find(|other| other.get(by) == name);
                Cell::number(
                    same.and_then(|row| row.get("flights")?.as_u64())
                        .unwrap_or(0),
                )
            };
            std::iter::once(shown)
                .chain(seen.iter().map(count))
                .collect()
        })
        .collect();
    render(&headers, &rows, false)
}

fn newest(seen: &[Seen<'_>]) -> String {
    let columns = [
        ("departure", "scheduled_departure"),
        ("carrier", "carrier"),
        ("flight", "flight"),
        ("from", "origin"),
        ("to", "dest"),
        ("delay in minutes", "departure_delay_minutes"),
    ];
    let mut headers = vec!["key"];
    headers.extend(columns.iter().map(|(title, _)| *title));
    let rows: Vec<Vec<Cell>> = seen
        .iter()
        .flat_map(|seen| {
            seen.records.iter().map(|record| {
                let cells = columns.iter().map(|(_, field)| Cell::of(record.get(field)));
                std::iter::once(Cell::text(seen.reader.label))
                    .chain(cells)
                    .collect()
            })
        })
        .collect();
    render(&headers, &rows, false)
}

/// Commands to paste.
pub(super) fn commands(admin: &Client, seen: &[Seen<'_>]) -> String {
    let url = admin.url();
    let mut text = "\nAsk yourself; paste the tokens first:\n\n".to_owned();
    let mut add = |line: &str| {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(text, "{indent}{line}").expect("writing to memory does not fail");
    };
    for seen in seen {
        add(&format!("{}={}", seen.reader.variable, seen.reader.token));
    }
    add("");
    let names: Vec<&str> = seen.iter().map(|seen| seen.reader.variable).collect();
    for name in &names {
        add(&format!(
            "curl -s {url}/v1/views/{BY_DESTINATION}/data -H \"Authorization: Bearer ${name}\" \\"
        ));
        add("  -H 'Content-Type: application/json' \\");
        add("  -d '{\"order_by\":[{\"field\":\"flights\",\"direction\":\"desc\"}],\"limit\":3}'");
    }
    add("");
    add("# JetBlue's key asks for United's flights, and there are none:");
    add(&format!(
        "curl -s {url}/v1/views/{RECORDS}/data -H \"Authorization: Bearer $JETBLUE\" \\"
    ));
    add("  -H 'Content-Type: application/json' \\");
    add("  -d '{\"conditions\":[{\"field\":\"carrier\",\"operator\":\"eq\",\"value\":\"UA\"}]}'");
    add("");
    add("# The same with this program:");
    add(&format!(
        "TIDEGATE_URL={url} TIDEGATE_TOKEN=$UNITED tidegate query {BY_DAY} \\"
    ));
    add(
        "  --interval daily --timezone America/New_York --from 2013-01-01T00:00:00-05:00 --to 2013-01-08T00:00:00-05:00",
    );
    add("");
    add("# A question that no view was made for, drawn in the terminal:");
    add(&format!(
        "TIDEGATE_URL={url} TIDEGATE_TOKEN=$UNITED tidegate query --pool {POOL} median departure_delay_minutes \\"
    ));
    add("  --group-by origin --plot");
    text
}

/// Everything in one document, for programs.
pub(super) fn document(admin: &Client, loaded: &Loaded, seen: &[Seen<'_>]) -> Value {
    let keys: Vec<Value> = seen
        .iter()
        .map(|seen| {
            json!({
                "name": seen.reader.label,
                "carrier": seen.reader.carrier,
                "token": seen.reader.token,
                "flights": seen.flights(),
                "delays": seen.delays,
                "views": {
                    RECORDS: seen.records,
                    BY_DESTINATION: seen.by_destination,
                    BY_DAY: seen.by_day,
                },
            })
        })
        .collect();
    json!({
        "url": admin.url(),
        "pool": POOL,
        "airlines": loaded.airlines.len(),
        "flights": loaded.expected(None),
        "keys": keys,
    })
}
