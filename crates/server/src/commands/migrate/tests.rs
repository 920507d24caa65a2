use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn arguments(line: &str) -> ImportArgs {
    let line = format!("tidegate import --from keen {line}");
    match Cli::try_parse_from(line.split_whitespace())
        .expect("arguments")
        .command
    {
        Command::Import(args) => args,
        _ => panic!("import"),
    }
}

fn words(kind: Kind, value: Value) -> Value {
    let items = kind.items(json!([value])).expect("a list");
    items[0].words.clone()
}

#[test]
fn what_says_the_same_has_the_same_words() {
    let groups = json!({ "writes": null, "queries": { "filters": [{ "property_name": "a", "operator": "eq", "property_value": null }], "other": null },
        "saved_queries": null, "cached_queries": {}, "datasets": null });
    let key = json!({ "key": "ABC", "name": "k", "project_id": "p", "is_active": true,
        "permitted": ["writes", "queries", "writes"], "options": groups });
    let filter = json!([{ "operator": "eq", "property_value": null, "property_name": "a" }]);
    let same = json!({ "name": "k", "is_active": false, "permitted": ["queries", "writes"], "options": { "queries": { "filters": filter } } });
    assert_eq!(words(Kind::Keys, key.clone()), words(Kind::Keys, same));
    for (pointer, value) in [
        ("/permitted", json!(["queries"])),
        ("/options/queries/filters/0/property_value", json!("c1")),
        ("/options/queries/filters", json!([])),
        ("/options/saved_queries", json!({ "allowed": [] })),
    ] {
        let mut other = key.clone();
        *other.pointer_mut(pointer).expect("there") = value;
        assert_ne!(
            words(Kind::Keys, key.clone()),
            words(Kind::Keys, other),
            "{pointer}"
        );
    }
    let said = json!({ "query_name": "s", "query": { "analysis_type": "percentile", "percentile": 50.0 } });
    let shown = json!({ "query_name": "s", "query": { "analysis_type": "percentile", "percentile": 50, "filters": [],
        "interval": null }, "metadata": {}, "refresh_rate": 0, "urls": {}, "created_date": "x" });
    assert_eq!(
        words(Kind::SavedQueries, said.clone()),
        words(Kind::SavedQueries, shown.clone())
    );
    let mut cached = shown;
    cached["refresh_rate"] = json!(14_400);
    assert_ne!(
        words(Kind::SavedQueries, said),
        words(Kind::SavedQueries, cached)
    );
    let said = json!({ "dataset_name": "d", "query": { "interval": "daily" }, "index_by": "a", "display_name": "D" });
    let shown = json!({ "dataset_name": "d", "query": { "interval": "daily", "project_id": "p", "filters": [] },
        "index_by": ["a"], "display_name": "D", "milliseconds_behind": 0 });
    assert_eq!(words(Kind::Datasets, said), words(Kind::Datasets, shown));
}

#[test]
fn lists_are_read_as_keen_answers_them_and_faults_are_numbered() {
    let page = json!({ "datasets": [{ "dataset_name": "d", "query": { "project_id": "p", "interval": "daily" } }], "next_page_url": null });
    let items = Kind::Datasets.items(page).expect("a page");
    assert_eq!(
        Value::Object(items[0].sent.clone()),
        json!({ "query": { "interval": "daily" } })
    );
    let key = json!({ "key": "AB", "name": "k", "is_active": false, "secret": 1 });
    let items = Kind::Keys.items(json!([key])).expect("a list");
    assert_eq!(
        Value::Object(items[0].sent.clone()),
        json!({ "name": "k", "is_active": false })
    );
    assert_eq!(
        (items[0].key.as_deref(), items[0].is_active),
        (Some("AB"), false)
    );
    for (kind, list, rule) in [
        (Kind::Keys, json!({ "keys": [] }), "no list of keys"),
        (
            Kind::Keys,
            json!({ "message": "no", "error_code": "InvalidApiKeyError" }),
            "no list of keys",
        ),
        (Kind::Datasets, json!({}), "no list of datasets"),
        (Kind::Keys, json!([key, 5]), "key 2 is no object"),
        (
            Kind::Keys,
            json!([{ "key": "AB" }]),
            "key 1 has no text at name",
        ),
        (
            Kind::SavedQueries,
            json!([{ "query_name": null }]),
            "saved query 1 has no text at query_name",
        ),
    ] {
        let told = kind.items(list).expect_err(rule);
        assert!(told.contains(rule), "{told}");
    }
}

#[test]
fn new_keys_need_a_place_before_anything_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    for (line, fits) in [
        ("--keys k.json".to_owned(), false),
        ("--switch-on".to_owned(), false),
        (format!("--keys k.json --out {out}"), true),
        (
            format!("--saved-queries s.json --switch-on --out {out}"),
            true,
        ),
        ("--saved-queries s.json".to_owned(), true),
        (format!("--saved-queries s.json --out {out}"), false),
    ] {
        // Tests write to no terminal, and with --json none would count.
        let opened = Tokens::open(&arguments(&line).keen, true);
        assert_eq!(opened.is_ok(), fits, "{line}");
        drop(opened);
        assert!(
            !std::path::Path::new(&out).exists(),
            "no key, no file: {line}"
        );
    }
}

#[test]
fn the_report_shows_no_text_of_a_key() {
    let (old, new) = (
        "ABCDEFGH0123".repeat(5),
        format!("{}{}", "0".repeat(24), "7".repeat(40)),
    );
    let keys = json!([{ "key": old, "name": "k" }, { "key": old, "name": "l" }]);
    let items = Kind::Keys.items(keys).expect("a list");
    let mut report = Report::default();
    report.add(
        Kind::Keys,
        Row::of(&items[0]).with_new(Some(&new)).ending(Fate::Made),
    );
    report.add(
        Kind::Keys,
        Row::of(&items[1]).ending(Fate::Refused("why".to_owned())),
    );
    assert_eq!(
        report.json(),
        json!({ "switched_on": false, "saved_queries": [], "datasets": [], "keys": [
            { "name": "k", "outcome": "made", "old_key": "ABCDEFGH…", "new_key": format!("{}…", "0".repeat(24)) },
            { "name": "l", "outcome": "refused", "old_key": "ABCDEFGH…", "new_key": null, "reason": "why" },
        ] })
    );
    let told = report.judge().expect_err("one is missing").to_string();
    assert!(told.ends_with("left out: 1 of 2"), "{told}");
}
