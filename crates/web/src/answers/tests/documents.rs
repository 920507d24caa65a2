use model::queries::{Direction, OrderBy, RecordQuery, Seek, Side};

use super::*;
use crate::plane::Page;

fn record_query(limit: Option<u64>, side: Option<Side>) -> RecordQuery {
    let by = |field: &str| OrderBy {
        field: path(field),
        direction: Direction::Descending,
    };
    RecordQuery {
        columns: Vec::new(),
        rest: None,
        filter: None,
        range: None,
        order: vec![by("at"), by("_id")],
        seek: side.map(|side| Seek {
            values: vec![Value::Null, Value::Null],
            side,
        }),
        limit,
        with_order_values: true,
    }
}

/// A page of two over these rows, which came from this side.
async fn paged(rows: &[i32], side: Option<Side>) -> String {
    let row = |n: &i32| {
        vec![
            Value::from(*n),
            Value::from(n * 10),
            Value::from(format!("id{n}")),
        ]
    };
    let rows = rows.iter().map(row).collect();
    let seal = |seek: &Seek| {
        let values: Vec<_> = seek.values.iter().map(model::json::to_text).collect();
        Ok(Some(format!("{:?} {}", seek.side, values.join(" "))))
    };
    let query = record_query(Some(3), side);
    let layout = flat(&["n"], plain());
    let found = Page::of(answer(&["n"], vec![Ok(rows)])).await;
    let bytes = page(&found.expect("rows"), "data", &layout, &query, seal);
    text(&bytes.expect("a page")).to_owned()
}

#[tokio::test]
async fn a_page_shows_its_rows_and_where_to_go_on() {
    let cases = [
        (&[][..], None, r#"{"data":[],"before":null,"after":null}"#),
        (
            &[1, 2],
            None,
            r#"{"data":[{"n":1},{"n":2}],"before":null,"after":null}"#,
        ),
        (
            &[1, 2, 3],
            None,
            r#"{"data":[{"n":1},{"n":2}],"before":null,"after":"After 20 \"id2\""}"#,
        ),
        (
            &[3, 4, 5],
            Some(Side::After),
            r#"{"data":[{"n":3},{"n":4}],"before":"Before 30 \"id3\"","after":"After 40 \"id4\""}"#,
        ),
        (
            &[5],
            Some(Side::After),
            r#"{"data":[{"n":5}],"before":"Before 50 \"id5\"","after":null}"#,
        ),
        (
            &[2, 3, 4],
            Some(Side::Before),
            r#"{"data":[{"n":3},{"n":4}],"before":"Before 30 \"id3\"","after":"After 40 \"id4\""}"#,
        ),
        (
            &[1, 2],
            Some(Side::Before),
            r#"{"data":[{"n":1},{"n":2}],"before":null,"after":"After 20 \"id2\""}"#,
        ),
        (
            &[],
            Some(Side::After),
            r#"{"data":[],"before":null,"after":null}"#,
        ),
    ];
    for (rows, side, expected) in cases {
        let shown = paged(rows, side).await;
        assert_eq!(shown.replace("\\\\", "\\"), expected, "{rows:?} {side:?}");
    }
}

#[tokio::test]
async fn a_row_of_a_page_is_written_as_one_of_lines() {
    let (names, row) = every_kind();
    let fields: Vec<_> = names.iter().map(|name| (*name, 'p')).collect();
    let view = view(Shape::Records, &fields, false);
    // The columns come in another order than they are shown in.
    let turned = |names: &[&'static str]| names.iter().rev().copied().collect::<Vec<_>>();
    let columns_of_rows = turned(&names);
    let row: Row = row.into_iter().rev().collect();
    let query = record_query(None, None);
    for style in [plain(), style("Europe/Berlin", WideIntegers::Strings)] {
        let layout = Layout::new(&view, &columns(&columns_of_rows), style);
        let answer = || answer(&columns_of_rows, vec![Ok(vec![row.clone(), row.clone()])]);
        let rows = Page::of(answer()).await.expect("rows");
        let lines = all(ndjson(answer(), layout.clone())).await.0;
        let lines: Vec<&str> = lines.lines().collect();
        let found = page(&rows, "data", &layout, &query, |_| Ok(None));
        let expected = format!(
            r#"{{"data":[{}],"before":null,"after":null}}"#,
            lines.join(",")
        );
        assert_eq!(text(&found.expect("a page")), expected);
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_whole_is_an_error() {
    let layout = flat(&["n"], plain());
    let query = record_query(Some(2), None);
    let rows = || vec![vec![Value::from(1), Value::Null, Value::Null]; 2];
    let seal = |_: &Seek| Ok(Some("c".to_owned()));
    let broken = answer(&["n"], vec![Ok(rows()), Err(failure())]);
    assert_eq!(Page::of(broken).await.err(), Some(failure()));
    let ragged = answer(&["n"], vec![Ok(rows()), Ok(vec![vec![Value::from(1)]])]);
    assert!(Page::of(ragged).await.is_err());
    let refused = Page::of(answer(&["n"], vec![Ok(rows())]))
        .await
        .expect("rows");
    assert_eq!(
        page(&refused, "data", &layout, &query, |_| Err(failure())),
        Err(failure())
    );
    for width in [0, 1] {
        let short = answer(&["n"], vec![Ok(vec![vec![Value::from(1); width]; 2])]);
        let short = Page::of(short).await.expect("rows");
        assert!(page(&short, "data", &layout, &query, seal).is_err());
    }
    let broken = answer(&["n"], vec![Ok(rows()), Err(failure())]);
    assert_eq!(summary(broken, &layout).await, Err(failure()));
}

const SERIES: [(&str, char); 3] = [("sales", 'm'), ("item", 'g'), ("shop", 'g')];

fn series() -> Shape {
    Shape::TimeSeries {
        interval_field: path("at"),
    }
}

/// Rows of a time series as the plane gives them: interval, groups, measures.
fn series_rows() -> Vec<Row> {
    let at = |text: &str| Value::DateTime(Timestamp::parse(text).expect("a time"));
    let (one, two) = (at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"));
    let row = |at: &Value, item: Value, shop: &str, sales: i32| {
        vec![at.clone(), item, Value::from(shop), Value::from(sales)]
    };
    vec![
        row(&one, Value::from("pear"), "x", 1),
        row(&one, Value::Null, "x", 2),
        row(&two, Value::from("pear"), "y", 3),
        row(&two, Value::from("pear"), "x", 4),
        row(&one, Value::from("pear"), "x", 5),
    ]
}

const SERIES_COLUMNS: [&str; 4] = ["at", "item", "shop", "sales"];

async fn summarised(fields: &[(&str, char)], grouped: bool, rows: Vec<Row>) -> String {
    let layout = Layout::new(
        &view(series(), fields, grouped),
        &columns(&SERIES_COLUMNS),
        style("Europe/Berlin", WideIntegers::Numbers),
    );
    // One chunk for each row: nothing may depend on the pieces.
    let chunks = rows.into_iter().map(|row| Ok(vec![row])).collect();
    let bytes = summary(answer(&SERIES_COLUMNS, chunks), &layout).await;
    text(&bytes.expect("a summary")).to_owned()
}

#[tokio::test]
async fn members_stand_in_the_views_order_behind_the_interval() {
    assert_eq!(
        summarised(&SERIES, false, series_rows()[..2].to_vec()).await,
        concat!(
            r#"{"data":[{"at":"2026-03-29T00:00:00+01:00","sales":1,"item":"pear","shop":"x"},"#,
            r#"{"at":"2026-03-29T00:00:00+01:00","sales":2,"item":null,"shop":"x"}]}"#
        )
    );
    assert_eq!(summarised(&SERIES, false, vec![]).await, r#"{"data":[]}"#);
    // A field that the key may not see has no column.
    let visible = columns(&["at", "item", "sales"]);
    let layout = Layout::new(&view(series(), &SERIES, false), &visible, plain());
    let rows = vec![vec![Value::Null, Value::from(1), Value::from(2)]];
    let bytes = summary(answer(&["at", "item", "sales"], vec![Ok(rows)]), &layout).await;
    assert_eq!(
        text(&bytes.expect("a summary")),
        r#"{"data":[{"at":null,"sales":2,"item":1}]}"#
    );
}

#[tokio::test]
async fn grouped_output_nests_by_interval_and_groups() {
    assert_eq!(
        summarised(&SERIES, true, series_rows()).await,
        concat!(
            r#"{"2026-03-29T00:00:00+01:00":{"pear":{"x":[{"sales":1},{"sales":5}]},"#,
            r#""null":{"x":[{"sales":2}]}},"#,
            r#""2026-03-30T00:00:00+02:00":{"pear":{"y":[{"sales":3}],"x":[{"sales":4}]}}}"#
        )
    );
    let turned = [("shop", 'g'), ("sales", 'm'), ("item", 'g')];
    assert_eq!(
        summarised(&turned, true, series_rows()[..1].to_vec()).await,
        r#"{"2026-03-29T00:00:00+01:00":{"x":{"pear":[{"sales":1}]}}}"#
    );
    assert_eq!(summarised(&SERIES, true, vec![]).await, "{}");
}

#[tokio::test]
async fn groups_of_one_text_share_a_member_and_keep_all_rows() {
    let fields = [("item", 'g'), ("n", 'm')];
    let names = ["item", "n"];
    let layout = |names: &[&str]| {
        let view = view(Shape::Aggregated, &fields, true);
        Layout::new(&view, &columns(names), plain())
    };
    let row = |item: Value, n: i32| vec![item, Value::from(n)];
    let rows = vec![
        row(Value::from("null"), 1),
        row(Value::Null, 2),
        row(Value::from(1), 3),
        row(Value::from("1"), 4),
        row(Value::from("\"\n"), 5),
        row(Value::from(vec!["a"]), 6),
    ];
    let bytes = summary(answer(&names, vec![Ok(rows)]), &layout(&names)).await;
    assert_eq!(
        text(&bytes.expect("a summary")),
        r#"{"null":[{"n":1},{"n":2}],"1":[{"n":3},{"n":4}],"\"\n":[{"n":5}],"[\"a\"]":[{"n":6}]}"#
    );
    // Nothing is left to nest by for a key that sees no group.
    let hidden = answer(&["n"], vec![Ok(vec![vec![Value::from(1)]])]);
    let bytes = summary(hidden, &layout(&["n"])).await;
    assert_eq!(text(&bytes.expect("a summary")), r#"{"data":[{"n":1}]}"#);
}
