//! Loads the flights through the public API, each airline by its own key.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::super::import::{Identity, Sender, Sleep};
use super::super::{CommandError, parse};
use crate::client::{Body, Client, Token};
use crate::output::progress;

/// The flights of January 2013; `demo/README.md` says where they come from.
const FLIGHTS: &[u8] = include_bytes!("../../../../../demo/flights-2013-01.csv.gz");

/// The pool.
pub(super) const POOL: &str = "flights";
/// The view of records.
pub(super) const RECORDS: &str = "flights";
/// The aggregated view.
pub(super) const BY_DESTINATION: &str = "flights_by_destination";
/// The time series.
pub(super) const BY_DAY: &str = "flights_by_day";

/// The columns that the airlines' keys inject, and no file part holds.
const INJECTED: [&str; 2] = ["carrier", "carrier_name"];

/// One airline's part of the file.
#[derive(Debug)]
pub(super) struct Airline {
    /// Its two characters.
    pub(super) carrier: String,
    /// Its name.
    pub(super) name: String,
    /// Its flights as CSV, without the columns that its key injects.
    pub(super) csv: Vec<u8>,
    /// How many flights.
    pub(super) flights: u64,
}

/// A key that reads.
#[derive(Debug)]
pub(super) struct Reader {
    /// The airline whose rows it sees; `None` sees all.
    pub(super) carrier: Option<&'static str>,
    /// What the key is called in what is printed.
    pub(super) label: &'static str,
    /// The variable that holds its token in the printed commands.
    pub(super) variable: &'static str,
    /// Its token.
    pub(super) token: String,
}

/// What was loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The airlines.
    pub(super) airlines: Vec<Airline>,
    /// The reading keys.
    pub(super) readers: Vec<Reader>,
}

impl Loaded {
    /// How many flights a reader is to see.
    pub(super) fn expected(&self, carrier: Option<&str>) -> u64 {
        let airlines = self.airlines.iter();
        airlines
            .filter(|airline| carrier.is_none_or(|carrier| airline.carrier == carrier))
            .map(|airline| airline.flights)
            .sum()
    }
}

/// Makes pool, views and keys, and sends every airline's flights by its own key.
///
/// # Errors
/// When a step fails or a record is rejected.
pub(super) fn load(admin: &Client) -> Result<Loaded, CommandError> {
    let airlines = airlines()?;
    admin.post("/v1/pools", Body::json(pool().to_string().as_bytes()))?;
    let total = airlines.iter().map(|airline| airline.flights).sum();
    let bar = progress::count(total, "flights");
    for airline in &airlines {
        bar.set_message(airline.name.clone());
        send(admin, airline)?;
        bar.inc(airline.flights);
    }
    bar.finish_and_clear();
    for view in views() {
        admin.post("/v1/views", Body::json(view.to_string().as_bytes()))?;
    }
    let readers = [
        (Some("UA"), "United (UA)", "UNITED"),
        (Some("B6"), "JetBlue (B6)", "JETBLUE"),
        (None, "all rows", "ALL_ROWS"),
    ];
    let readers: Result<Vec<_>, CommandError> = readers
        .into_iter()
        .map(|(carrier, label, variable)| {
            let token = make_key(admin, &reading_key(carrier, label))?;
            Ok(Reader {
                carrier,
                label,
                variable,
                token,
            })
        })
        .collect();
    Ok(Loaded {
        readers: readers?,
        airlines,
    })
}

fn send(admin: &Client, airline: &Airline) -> Result<(), CommandError> {
    let key = json!({
        "name": format!("{} writes", airline.name),
        "grants": [{
            "on": format!("pool:{POOL}"), "actions": ["ingest"],
            "injections": { "carrier": airline.carrier, "carrier_name": airline.name },
        }],
    });
    let token = Token::new(&make_key(admin, &key)?, "the new key")?;
    let client = admin.with_token(token);
    let identity = Identity::new(None, &[POOL, &airline.carrier]);
    let mut sender = Sender::new(&client, POOL, identity, &Sleep);
    let body = Body {
        media_type: "text/csv",
        bytes: &airline.csv,
    };
    let lines: Vec<u64> = (2..)
        .take(usize::try_from(airline.flights).unwrap_or(0))
        .collect();
    sender.post(body, &lines, &|_| {})?;
    match sender.into_outcome().rejected {
        0 => Ok(()),
        rejected => Err(CommandError::Rejected { rejected }),
    }
}

fn make_key(admin: &Client, key: &Value) -> Result<String, CommandError> {
    let answer = admin.post("/v1/keys", Body::json(key.to_string().as_bytes()))?;
    let key = parse(admin, &answer)?;
    let token = key.get("token").and_then(Value::as_str);
    Ok(token.unwrap_or_default().to_owned())
}

fn pool() -> Value {
    let field = |name: &str, type_name: &str, required: bool| json!({ "name": name, "type": type_name, "required": required });
    json!({
        "name": POOL,
        "description": "Flights that left New York in January 2013",
        "schema": "strict",
        "fields": [
            field("scheduled_departure", "DateTime", true),
            field("carrier", "String", true),
            field("carrier_name", "String", false),
            field("flight", "Int32", true),
            field("tailnum", "String", false),
            field("origin", "String", true),
            field("dest", "String", true),
            field("departure_delay_minutes", "Int32", false),
            field("arrival_delay_minutes", "Int32", false),
            field("air_time_minutes", "Int32", false),
            field("distance_miles", "Int32", true),
            field("cancelled", "Boolean", true),
        ],
        "isolation_field": "carrier",
        "time_field": "scheduled_departure",
    })
}

fn views() -> [Value; 3] {
    let plain = |name: &str| json!({ "field": name });
    let count = || json!({ "aggregate": "count", "as": "flights" });
    let delay = || json!({ "field": "departure_delay_minutes", "aggregate": "average", "as": "average_departure_delay" });
    [
        json!({
            "name": RECORDS, "pool": POOL, "shape": "records",
            "fields": [
                plain("scheduled_departure"), plain("carrier"), plain("flight"), plain("tailnum"),
                plain("origin"), plain("dest"), plain("departure_delay_minutes"),
                plain("arrival_delay_minutes"), plain("air_time_minutes"),
                plain("distance_miles"), plain("cancelled"),
            ],
        }),
        json!({
            "name": BY_DESTINATION, "pool": POOL, "shape": "aggregated",
            "fields": [{ "field": "dest", "group": true }, count(), delay()],
        }),
        json!({
            "name": BY_DAY, "pool": POOL, "shape": "time_series",
            "interval_field": "scheduled_departure",
            "fields": [count(), delay()],
        }),
    ]
}

fn reading_key(carrier: Option<&str>, label: &str) -> Value {
    let constraints = match carrier {
        Some(carrier) => json!([{ "field": "carrier", "operator": "eq", "value": carrier }]),
        None => json!("all_rows"),
    };
    let views = [RECORDS, BY_DESTINATION, BY_DAY];
    let views = views.map(|view| (format!("view:{view}"), "read"));
    let asks = (format!("pool:{POOL}"), "query");
    let grants = views
        .into_iter()
        .chain([asks])
        .map(|(on, action)| json!({ "on": on, "actions": [action], "constraints": constraints }));
    let grants: Vec<Value> = grants.collect();
    json!({ "name": format!("{label} reads"), "grants": grants })
}

/// The parts of the file, in the order of their airlines' codes.
///
/// # Errors
/// When the file in the binary is not what it should be.
pub(super) fn airlines() -> Result<Vec<Airline>, CommandError> {
    let told = |error: String| CommandError::Failed(format!("the demo's data: {error}"));
    let mut text = Vec::new();
    GzDecoder::new(FLIGHTS)
        .read_to_end(&mut text)
        .map_err(|error| told(error.to_string()))?;
    split(&text).map_err(|error| told(error.to_string()))
}

fn split(text: &[u8]) -> Result<Vec<Airline>, csv::Error> {
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers()?.clone();
    let at = |name: &str| header.iter().position(|column| column == name);
    let (carrier, name) = (at(INJECTED[0]), at(INJECTED[1]));
    let is_kept = |index: usize| Some(index) != carrier && Some(index) != name;
    let kept = |record: &csv::StringRecord| {
        let cells = record.iter().enumerate();
        cells
            .filter(|(index, _)| is_kept(*index))
            .map(|(_, cell)| cell)
            .collect::<csv::StringRecord>()
    };
    let mut parts = std::collections::BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        let (_, writer, flights) = match parts.entry(cell(carrier).to_owned()) {
            std::collections::btree_map::Entry::Occupied(part) => part.into_mut(),
            std::collections::btree_map::Entry::Vacant(part) => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record(&kept(&header))?;
                part.insert((cell(name).to_owned(), writer, 0_u64))
            }
        };
        writer.write_record(&kept(&record))?;
        *flights += 1;
    }
    parts
        .into_iter()
        .map(|(carrier, (name, writer, flights))| {
            let csv = writer.into_inner().map_err(|error| error.into_error())?;
            Ok(Airline {
                carrier,
                name,
                csv,
                flights,
            })
        })
        .collect()
}
