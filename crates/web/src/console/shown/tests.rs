use super::*;

fn parse(text: &str) -> Value {
    model::json::parse(text.as_bytes()).expect("JSON")
}

#[test]
fn numbers_are_written_for_people() {
    assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    assert_eq!(grouped(-10_000), "−10\u{202f}000");
    // As a number in a table: a year stays whole.
    assert_eq!(grouped(2_026), "2026");
    assert_eq!(grouped(999), "999");
    for (number, shown) in [(391_204.5, "391\u{202f}204.5"), (1_999.0, "1999")] {
        assert_eq!(in_groups(&Value::Float(number)), shown);
    }
    let told: Vec<String> = [0, 999, 1_000, 1_234, 999_999, 1_500_000, 123_456_789_012]
        .into_iter()
        .map(bytes)
        .collect();
    assert_eq!(
        told,
        [
            "0 B", "999 B", "1.0 kB", "1.2 kB", "999 kB", "1.5 MB", "123 GB"
        ]
    );
    assert_eq!(bytes(u64::MAX), "18\u{202f}446 PB");
    assert_eq!(counted(1, "record", "records"), "1 record");
    assert_eq!(counted(2, "record", "records"), "2 records");
    assert_eq!(rows_of(1, 1), "1 row");
    assert_eq!(rows_of(2, 2), "2 rows");
    assert_eq!(rows_of(201, 200), "201 rows, the first 200 below");
}

#[test]
fn values_are_shown_as_they_are() {
    for (sent, shown) in [
        ("null", "–"),
        ("true", "true"),
        ("12", "12"),
        ("0.1", "0.1"),
        ("1.5", "1.5"),
        ("100.0", "100"),
        ("2.5e30", "2.5e+30"),
        ("\"a \\\"b\\\"\"", "a \"b\""),
        ("[1,\"x\"]", "[1,\"x\"]"),
        ("{}", "{}"),
    ] {
        assert_eq!(text_of(&parse(sent)), shown, "{sent}");
    }
    let long = Cell::of(&Value::from("ä".repeat(500)));
    assert_eq!(long.text.chars().count(), CELL_CHARS_MAX + 1);
}

#[test]
fn digits_stand_in_groups_that_are_the_number_together() {
    for (sent, parts) in [
        ("1234567", &["1", "234", "567"][..]),
        ("-1234567", &["-1", "234", "567"]),
        ("123456", &["123", "456"]),
        ("12345.25", &["12", "345.25"]),
        ("0.1234567", &["0.123457"]),
        ("2026", &["2026"]),
        ("1e30", &["1e+30"]),
        ("\"1234567\"", &["1234567"]),
    ] {
        let cell = Cell::of(&parse(sent));
        assert_eq!(cell.parts(), parts, "{sent}");
        assert_eq!(cell.parts().concat(), cell.text, "{sent}");
    }
}

#[test]
fn moments_are_told_to_the_script_as_they_are() {
    let at = "2026-04-01T00:00:00.123456Z";
    let moment = model::time::Timestamp::parse(at).expect("a moment");
    let cell = Cell::of(&Value::DateTime(moment));
    assert_eq!((cell.at.as_deref(), cell.text.as_str()), (Some(at), at));
    assert_eq!(Cell::of(&Value::from(at)).at, None);
}

#[test]
fn trees_become_columns_and_what_is_missing_stays_empty() {
    let trees = [
        parse("{\"_id\": \"1\", \"a\": {\"b\": 1}, \"c\": \"x\"}"),
        parse("{\"c\": \"y\", \"d\": [1]}"),
    ];
    let table = Table::of_trees(&trees);
    let columns: Vec<(&str, bool)> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.is_number))
        .collect();
    assert_eq!(
        columns,
        [("a.b", true), ("c", false), ("d", false), ("_id", false)]
    );
    let second: Vec<(&str, bool)> = table.rows[1]
        .cells
        .iter()
        .map(|cell| (cell.text.as_str(), cell.is_missing))
        .collect();
    assert_eq!(
        second,
        [("–", true), ("y", false), ("[1]", false), ("–", true)]
    );
}

#[test]
fn what_the_server_adds_is_left_out_of_records_that_have_something_else() {
    let columns = |record: &str| {
        let table = Table::of_records(&[parse(record)]);
        let names = table.columns.into_iter().map(|column| column.name);
        names.collect::<Vec<String>>()
    };
    assert_eq!(columns(r#"{"_id": "1", "a": 1, "_key": "2"}"#), ["a"]);
    assert_eq!(columns(r#"{"_id": "1"}"#), ["_id"]);
}

#[test]
fn a_table_has_no_more_columns_than_anybody_reads() {
    let members = (0..60).map(|at| format!("\"f{at:02}\": {at}"));
    let members: Vec<String> = members.collect();
    let table = Table::of_trees(&[parse(&format!("{{{}}}", members.join(",")))]);
    assert_eq!((table.columns.len(), table.left_out), (COLUMNS_MAX, 20));
    assert_eq!(table.rows[0].cells.len(), COLUMNS_MAX);
}
