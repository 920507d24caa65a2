use super::*;

/// The lines of a definition, each as `name: part | part`.
fn said(text: &str) -> Vec<String> {
    let value = model::json::parse(text.as_bytes()).expect("JSON");
    let definition = Definition::of(&value);
    let lines = definition.lines.into_iter();
    let lines = lines.map(|line| format!("{}: {}", line.name, line.parts.join(" | ")));
    lines.collect()
}

#[test]
fn a_view_is_said_field_by_field() {
    let lines = said(
        r#"{ "name": "revenue", "pool": "orders", "shape": "time_series", "fields": [
            { "field": "city", "as": "city", "group": true },
            { "field": "amount", "as": "revenue", "aggregate": "sum" },
            { "field": "amount", "as": "p95", "aggregate": "percentile", "percentile": 95 },
            { "as": "orders", "aggregate": "count" } ], "interval_field": "at",
            "filters": [{ "field": "customer", "operator": "eq", "value": "acme" },
                { "any": [{ "field": "n", "operator": "gt", "value": 5 },
                    { "field": "n", "operator": "exists", "value": false }] }],
            "order_by": [{ "field": "revenue", "direction": "desc" }],
            "tier": "premium", "public": true, "grouped_output": true }"#,
    );
    assert_eq!(
        lines,
        [
            "Pool: orders",
            "Shape: time series: a row for each interval and group",
            "Groups: city",
            "Measures: sum of amount, called revenue | percentile 95 of amount, called p95 \
             | number of records, called orders",
            "Time field: at",
            "Only records where: customer is acme | (n is more than 5 or n is missing)",
            "Order: revenue, falling",
            "Nesting: answers are nested by their groups",
        ]
    );
}

#[test]
fn saved_questions_are_said_with_how_they_are_kept() {
    let lines = said(
        r#"{ "name": "n", "query": { "analysis": "multi_analysis", "analyses": {
            "most": { "analysis": "maximum", "field": "price" },
            "who": { "analysis": "count_unique", "field": "user" } }, "pool": "orders",
            "timeframe": "this_30_days", "interval": "every_3_months", "group_by": ["city",
            { "field": "price", "as": "band", "bin_size": 10 }], "limit": 20000 },
            "metadata": {}, "refresh_rate": 300 }"#,
    );
    assert_eq!(
        lines,
        [
            "Finds: maximum of price, called most | number of distinct values of user, called who",
            "Pool: orders",
            "When: this 30 days",
            "Split by: every 3 months",
            "Groups: city | price in steps of 10, called band",
            "At most: 20\u{202f}000",
            "Answers are kept: for 5 minutes",
        ]
    );
    let dataset = said(
        r#"{ "name": "n", "display_name": "Days", "query": { "analysis": "count", "pool": "p" },
            "index_by": ["customer", "city"] }"#,
    );
    assert_eq!(
        dataset,
        [
            "Called: Days",
            "Finds: number of records",
            "Pool: p",
            "Kept for each: customer | city",
        ]
    );
}

#[test]
fn steps_are_said_one_by_one() {
    let lines = said(
        r#"{ "analysis": "funnel", "steps": [{ "pool": "visits", "actor": "user" },
            { "pool": "orders", "filters": [{ "field": "n", "operator": "gte", "value": 5 }],
            "actor": "buyer", "inverted": true }] }"#,
    );
    assert_eq!(
        lines,
        [
            "Finds: how many go on from step to step",
            "Step 1: Pool: visits | Who it was: user",
            "Step 2: Pool: orders | Only records where: n is at least 5 | Who it was: buyer \
             | Counts: those who did not",
        ]
    );
}
