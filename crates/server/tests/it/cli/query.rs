//! `tidegate query`.

use serde_json::{Value, json};

use super::Desk;

const ROWS: u64 = 1_500;

fn desk() -> Desk {
    let desk = Desk::new();
    let pool = json!({"name": "p", "schema": "strict", "time_field": "at", "fields": [
        {"name": "at", "type": "DateTime"}, {"name": "n", "type": "Int64"},
        {"name": "word", "type": "String"}]});
    desk.server
        .post(&desk.master, "/v1/pools", &pool)
        .expect(201);
    let rows = json!({"name": "rows", "pool": "p", "shape": "records", "fields": [
        {"field": "at"}, {"field": "n"}, {"field": "word"}]});
    let days = json!({"name": "days", "pool": "p", "shape": "time_series", "interval_field": "at",
        "fields": [{"aggregate": "count", "as": "records"}]});
    for view in [rows, days] {
        desk.server
            .post(&desk.master, "/v1/views", &view)
            .expect(201);
    }
    let records: Vec<_> = (0..ROWS)
        .map(|n| {
            let word = if n % 100 == 7 { Value::Null } else { json!(format!("w\"{},x", n % 3)) };
            json!({"at": format!("2026-01-{:02}T{:02}:30:00Z", 1 + n % 10, n % 24), "n": n, "word": word})
        })
        .collect();
    desk.server
        .post(&desk.master, "/v1/pools/p/records", &json!(records))
        .expect(200);
    desk
}

#[test]
fn conditions_orders_and_formats_are_those_of_the_api() {
    let desk = desk();
    let asked = desk
        .run(&[
            "query",
            "rows",
            "--json",
            "--where",
            "n >= 3",
            "--where",
            "n in 2,3,4,5",
            "--where",
            "word exists",
            "--order-by",
            "n:desc",
            "--limit",
            "2",
        ])
        .expect(0)
        .json();
    let rows: Vec<_> = asked["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["n"].clone())
        .collect();
    assert_eq!(rows, [5, 4]);
    let body = json!({"conditions": [{"field": "n", "operator": "lt", "value": 3}],
        "order_by": [{"field": "n"}], "timezone": "Europe/Zurich"});
    let api = desk
        .server
        .post(&desk.master, "/v1/views/rows/data", &body)
        .expect(200);
    let asked = desk
        .run(&[
            "query",
            "rows",
            "--json",
            "--where",
            "n < 3",
            "--order-by",
            "n",
            "--timezone",
            "Europe/Zurich",
        ])
        .expect(0)
        .json();
    assert_eq!(asked["data"], api["data"]);
    let csv = desk
        .run(&["query", "rows", "--format", "csv", "--where", "n <= 6"])
        .expect(0);
    let mut reader = csv::Reader::from_reader(csv.out.as_bytes());
    assert_eq!(reader.headers().expect("a header"), vec!["at", "n", "word"]);
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 7);
    assert!(
        rows.iter()
            .all(|row| row[2].starts_with("w\"") && row[2].ends_with(",x")),
        "{rows:?}"
    );
    let lines = desk
        .run(&[
            "query",
            "rows",
            "--format",
            "ndjson",
            "--output",
            "rows.ndjson",
        ])
        .expect(0);
    assert_eq!(lines.out, "");
    let lines = std::fs::read_to_string(desk.home.path().join("rows.ndjson")).expect("a file");
    assert_eq!(lines.lines().count() as u64, ROWS);
    let all = desk
        .run(&["query", "rows", "--all", "--json"])
        .expect(0)
        .json();
    let mut seen: Vec<_> = all["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["n"].as_u64().expect("a number"))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..ROWS).collect::<Vec<_>>(), "every row once");
    let table = desk.run(&["query", "rows", "--where", "n = 7"]).expect(0);
    assert!(
        table.out.contains("word") && table.out.contains("2026-01-08"),
        "{}",
        table.out
    );
    let more = desk.run(&["query", "rows"]).expect(0);
    assert!(more.err.contains("there are more rows"), "{}", more.err);
    let unknown = desk
        .run(&["query", "rows", "--where", "absent = 1"])
        .expect(1);
    assert!(unknown.err.contains("absent"), "{}", unknown.err);
}

#[test]
fn a_time_series_has_every_interval_of_its_range() {
    let desk = desk();
    let series = desk
        .run(&[
            "query",
            "days",
            "--interval",
            "daily",
            "--from",
            "2025-12-31",
            "--to",
            "2026-01-13",
            "--json",
        ])
        .expect(0)
        .json();
    let rows = series["data"].as_array().expect("rows");
    let counts: Vec<_> = rows
        .iter()
        .map(|row| row["records"].as_u64().expect("a count"))
        .collect();
    let mut expected = vec![0];
    expected.extend([ROWS / 10; 10]);
    expected.extend([0, 0]);
    assert_eq!(counts, expected);
    let zoned = desk.run(&[
        "query",
        "days",
        "--interval",
        "daily",
        "--timezone",
        "America/New_York",
        "--from",
        "2026-01-01T00:00:00-05:00",
        "--to",
        "2026-01-03T00:00:00-05:00",
        "--format",
        "csv",
    ]);
    let zoned = zoned.expect(0);
    assert_eq!(zoned.out.lines().count(), 3);
    assert!(
        zoned.out.contains("2026-01-01T00:00:00-05:00"),
        "{}",
        zoned.out
    );
    desk.run(&["query", "days", "--interval", "daily"])
        .expect(1);
}

#[test]
fn analyses_are_asked_in_words_and_in_json() {
    let desk = desk();
    let value = desk.run(&["query", "--pool", "p", "count"]).expect(0);
    assert_eq!(value.out, "1500\n");
    let sum = desk.run(&["query", "--pool", "p", "sum", "n", "--where", "n < 4"]);
    assert_eq!(sum.expect(0).out, "6\n");
    let groups = [
        "query",
        "--pool",
        "p",
        "count",
        "--group-by",
        "n:500",
        "--order-by",
        "n:desc",
    ];
    let table = desk.run(&groups).expect(0);
    let cells: Vec<String> = table
        .out
        .lines()
        .skip(3)
        .map(|line| line.replace(['│', '┆', ' '], ","))
        .collect();
    let cells = cells.iter().map(|line| {
        let cells = line.split(',').filter(|cell| !cell.is_empty());
        cells.collect::<Vec<_>>().join(" ")
    });
    assert_eq!(
        cells.take(3).collect::<Vec<_>>(),
        ["1000 500", "500 500", "0 500"]
    );
    let series = [
        "query",
        "--pool",
        "p",
        "count",
        "--interval",
        "daily",
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-03",
    ];
    let json = desk
        .run(&[&series[..], &["--json"]].concat())
        .expect(0)
        .json();
    assert_eq!(json["result"][1]["value"], 150);
    let drawn = desk.run(&[&series[..], &["--plot"]].concat()).expect(0);
    assert!(
        drawn.out.contains("150 ▕█") && drawn.out.contains("2026-01-02"),
        "{}",
        drawn.out
    );
    desk.write(
        "funnel.json",
        r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"word"},
           {"pool":"p","actor":"word","filters":[{"field":"n","operator":"eq","value":3}]}]}"#,
    );
    let funnel = desk.run(&["query", "--file", "funnel.json"]).expect(0);
    assert!(
        funnel.out.contains("100.0 %") && funnel.out.contains("33.3 %"),
        "{}",
        funnel.out
    );
    let mut command = desk.command(&["query", "-", "--json"]);
    let question = r#"{"analysis":"count","pool":"p"}"#;
    let asked = super::with_input(&mut command, question).expect(0).json();
    assert_eq!(asked, json!({"result": 1_500}));
}

#[test]
fn rows_of_a_pool_are_extracted() {
    let desk = desk();
    let rows = ["query", "--pool", "p", "extraction", "--fields", "n,word"];
    let latest = desk
        .run(&[&rows[..], &["--latest", "1", "--json"]].concat())
        .expect(0)
        .json();
    assert_eq!(latest["result"].as_array().map(Vec::len), Some(1));
    let table = desk.run(&rows).expect(0);
    assert!(
        table.out.contains("word") && table.err.contains("there are more rows"),
        "{}",
        table.err
    );
    let all = desk
        .run(&[&rows[..], &["--all", "--json"]].concat())
        .expect(0)
        .json();
    assert_eq!(
        all["result"].as_array().map(|rows| rows.len() as u64),
        Some(ROWS)
    );
    let csv = desk
        .run(&[&rows[..], &["--format", "csv", "--where", "n <= 6"]].concat())
        .expect(0);
    assert_eq!(csv.out.lines().next(), Some("n,word"));
    assert_eq!(csv.out.lines().count(), 8);
    let none = desk
        .run(&[&rows[..], &["--where", "n < 0"]].concat())
        .expect(0);
    assert!(
        none.err.contains("no row that the key sees"),
        "{}",
        none.err
    );
    let unknown = desk.run(&["query", "--pool", "p", "guess"]).expect(1);
    assert!(
        unknown.err.contains("is not an analysis"),
        "{}",
        unknown.err
    );
    let absent = desk.run(&["query", "--pool", "nothing", "count"]).expect(1);
    assert!(
        absent.err.contains("there is no such resource"),
        "{}",
        absent.err
    );
}
