use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn asked(line: &[&str]) -> Value {
    let cli = Cli::try_parse_from(["tidegate", "query"].iter().chain(line)).expect("arguments");
    let Command::Query(args) = cli.command else {
        panic!("query")
    };
    body(&args).expect("body")
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
fn a_file_is_made_by_an_answer_and_not_before() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("out.csv");
    std::fs::write(&path, "older").expect("write");
    let destination = || Destination::File {
        path: path.clone(),
        file: None,
    };
    drop(destination());
    assert_eq!(std::fs::read(&path).expect("read"), b"older");
    let mut out = destination();
    out.write_all(b"a,b\n").expect("write");
    out.finish().expect("finish");
    assert_eq!(std::fs::read(&path).expect("read"), b"a,b\n");
    destination().finish().expect("an empty answer");
    assert_eq!(std::fs::read(&path).expect("read"), b"");
}
