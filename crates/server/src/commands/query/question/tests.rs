use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn question(line: &[&str]) -> Result<Question, String> {
    let cli = Cli::try_parse_from(["tidegate", "query"].iter().chain(line));
    let Command::Query(args) = cli.map_err(|error| error.kind().to_string())?.command else {
        panic!("query")
    };
    Question::of(&args).map_err(|error| error.to_string())
}

fn asked(line: &[&str]) -> Value {
    question(line).expect("a question").body
}

#[test]
fn a_question_holds_what_was_said_and_nothing_else() {
    assert_eq!(asked(&["v"]), json!({}));
    let all = asked(&[
        "v",
        "--where",
        "dest = SFO",
        "--where",
        "delay > 60",
        "--interval",
        "daily",
        "--from",
        "2013-01-01",
        "--to",
        "2013-02-01",
        "--timezone",
        "Europe/Zurich",
        "--limit",
        "7",
        "--order-by",
        "delay:desc",
        "--order-by",
        "dest",
        "--grant",
        "g",
    ]);
    assert_eq!(
        all,
        json!({
            "interval": "daily", "from": "2013-01-01", "to": "2013-02-01",
            "timezone": "Europe/Zurich", "grant": "g",
            "conditions": [
                { "field": "dest", "operator": "eq", "value": "SFO" },
                { "field": "delay", "operator": "gt", "value": 60 },
            ],
            "order_by": [
                { "field": "delay", "direction": "desc" },
                { "field": "dest", "direction": "asc" },
            ],
            "limit": 7,
        })
    );
    assert_eq!(
        asked(&["v", "--timeframe", "this_14_days"]),
        json!({ "timeframe": "this_14_days" })
    );
}

#[test]
fn an_analysis_is_what_the_native_route_takes() {
    let whole = question(&["--pool", "orders", "count"]).expect("a question");
    assert_eq!(
        (whole.path.as_str(), whole.about),
        ("/v1/query", About::Results)
    );
    assert_eq!(whole.body, json!({ "analysis": "count", "pool": "orders" }));
    let all = asked(&[
        "--pool",
        "orders",
        "percentile",
        "total",
        "--percentile",
        "99.5",
        "--where",
        "sku exists",
        "--timeframe",
        "this_14_days",
        "--interval",
        "weekly",
        "--week-start",
        "sunday",
        "--timezone",
        "Europe/Zurich",
        "--group-by",
        "sku",
        "--group-by",
        "total:12.5",
        "--order-by",
        "result:desc",
        "--limit",
        "3",
        "--grant",
        "g",
        "--plot",
    ]);
    assert_eq!(
        all,
        json!({
            "analysis": "percentile", "pool": "orders", "field": "total", "percentile": 99.5,
            "filters": [{ "field": "sku", "operator": "exists", "value": true }],
            "timeframe": "this_14_days", "interval": "weekly", "week_start": "sunday",
            "timezone": "Europe/Zurich",
            "group_by": ["sku", { "field": "total", "bin_size": 12.5 }],
            "order_by": [{ "field": "result", "direction": "desc" }],
            "limit": 3, "grant": "g",
        })
    );
    let text = model::json::parse(all.to_string().as_bytes()).expect("JSON");
    let refused = model::analyses::Analysis::parse(&text).expect_err("no such grant");
    assert_eq!(refused.pointer, "/grant", "the server reads all the rest");
    let rows = question(&[
        "--pool",
        "o",
        "extraction",
        "--fields",
        "at,total",
        "--latest",
        "5",
    ]);
    let rows = rows.expect("a question");
    assert_eq!(rows.about, About::Rows);
    assert_eq!(
        rows.body,
        json!({ "analysis": "extraction", "pool": "o", "fields": ["at", "total"], "latest": 5 })
    );
}

#[test]
fn a_question_in_a_file_says_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("q.json");
    let body = json!({ "analysis": "funnel", "steps": [] });
    std::fs::write(&path, body.to_string()).expect("written");
    let path = path.to_str().expect("UTF-8");
    assert_eq!(asked(&["--file", path]), body);
    assert_eq!(asked(&["--file", path, "--plot"]), body);
    for more in [
        &["--where", "a = 1"][..],
        &["--limit", "3"],
        &["--pool", "p"],
    ] {
        let line = [&["--file", path], more].concat();
        let refused = question(&line).expect_err("says more");
        assert!(
            refused.starts_with("a question in JSON says all of it"),
            "{refused}"
        );
    }
    std::fs::write(path, "{").expect("written");
    assert!(
        question(&["--file", path])
            .expect_err("no JSON")
            .contains("is not JSON")
    );
}

#[test]
fn what_does_not_go_together_is_told() {
    for (line, told) in [
        (&["v", "--plot"][..], "--plot draws"),
        (
            &["--pool", "p", "extraction", "--plot"],
            "rows are not drawn",
        ),
        (&["--pool", "p", "count", "--all"], "--all is for rows"),
        (
            &["--pool", "p", "count", "--group-by", "a:b"],
            "has the form FIELD",
        ),
        (
            &["--pool", "p", "count", "--where", "a"],
            "has the form FIELD OPERATOR VALUE",
        ),
        (&["v", "--group-by", "a"], "required"),
        (&["v", "field"], "required"),
        (&["v", "--latest", "3"], "required"),
        (&["--pool", "p"], "required"),
        (
            &["--pool", "p", "extraction", "--latest", "3", "--limit", "4"],
            "cannot be used",
        ),
        (
            &["--pool", "p", "count", "--plot", "--json"],
            "cannot be used",
        ),
    ] {
        let refused = question(line).expect_err(told);
        assert!(refused.contains(told), "{line:?}: {refused}");
    }
}
