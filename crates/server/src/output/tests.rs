use super::table::{Cell, of_rows, render};
use super::*;

#[test]
fn control_characters_are_made_visible() {
    assert_eq!(printable("Zürich ✓"), "Zürich ✓");
    assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    assert_eq!(printable("x\u{202e}y"), "x\\u{202e}y");
}

#[test]
fn only_yes_and_nothing_mean_yes() {
    for yes in ["\n", "y\n", "YES\n", " y "] {
        assert!(is_yes(yes), "{yes:?}");
    }
    for no in ["n\n", "no", "nope", "yeah", "0"] {
        assert!(!is_yes(no), "{no:?}");
    }
}

#[test]
fn numbers_stand_below_each_other() {
    let rows = serde_json::json!([
        {"dest": "ORD", "flights": 1012, "delay": 9.25},
        {"dest": "SFO", "flights": 7, "delay": -10},
        {"dest": "a\u{7}b", "flights": 58, "delay": null, "late": true},
    ]);
    let (headers, cells) = of_rows(rows.as_array().expect("array"));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    insta::assert_snapshot!(render(&headers, &cells, false), @r"
┌─────────┬─────────┬────────┬──────┐
│ dest    ┆ flights ┆  delay ┆ late │
╞═════════╪═════════╪════════╪══════╡
│ ORD     ┆    1012 ┆   9.25 ┆      │
│ SFO     ┆       7 ┆ -10    ┆      │
│ a\u{7}b ┆      58 ┆        ┆ true │
└─────────┴─────────┴────────┴──────┘
");
}

#[test]
fn wide_integers_count_as_numbers_and_codes_do_not() {
    let rows = vec![
        vec![
            Cell::text("170141183460469231731687303715884105727"),
            Cell::text("0042"),
        ],
        vec![Cell::number(5), Cell::number(7)],
        vec![Cell::Empty, Cell::Empty],
    ];
    insta::assert_snapshot!(render(&["sum", "code"], &rows, false), @"
┌─────────────────────────────────────────┬──────┐
│                                     sum ┆ code │
╞═════════════════════════════════════════╪══════╡
│ 170141183460469231731687303715884105727 ┆ 0042 │
│                                       5 ┆ 7    │
│                                         ┆      │
└─────────────────────────────────────────┴──────┘
");
}

#[test]
fn a_table_without_rows_is_its_header() {
    insta::assert_snapshot!(render(&["name", "pool"], &[], false), @"
┌──────┬──────┐
│ name ┆ pool │
╞══════╪══════╡
└──────┴──────┘
");
}
