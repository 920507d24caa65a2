//! What is refused, and where.

use super::*;

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let cases = [
        (r#"[]"#, "WrongType "),
        (r#"{"pool":"p"}"#, "MissingMember /analysis"),
        (
            r#"{"analysis":"cuont","pool":"p"}"#,
            "InvalidValue /analysis",
        ),
        (r#"{"analysis":"count"}"#, "MissingMember /pool"),
        (r#"{"analysis":"count","pool":"a/b"}"#, "InvalidName /pool"),
        (
            r#"{"analysis":"count","pool":"p","colour":1}"#,
            "UnknownMember /colour",
        ),
        (
            r#"{"analysis":"count","pool":"p","latest":1}"#,
            "UnknownMember /latest",
        ),
        (
            r#"{"analysis":"count","pool":"p","percentile":5}"#,
            "UnknownMember /percentile",
        ),
        (
            r#"{"analysis":"count","pool":"p","grant":"x"}"#,
            "InvalidValue /grant",
        ),
        (r#"{"analysis":"sum","pool":"p"}"#, "MissingMember /field"),
        (
            r#"{"analysis":"sum","pool":"p","field":"a..b"}"#,
            "InvalidName /field",
        ),
        (
            r#"{"analysis":"sum","pool":"p","field":["a"]}"#,
            "WrongType /field",
        ),
        (
            r#"{"analysis":"percentile","pool":"p","field":"a"}"#,
            "MissingMember /percentile",
        ),
        (
            r#"{"analysis":"percentile","pool":"p","field":"a","percentile":0}"#,
            "InvalidValue /percentile",
        ),
        (
            r#"{"analysis":"percentile","pool":"p","field":"a","percentile":99.995}"#,
            "InvalidValue /percentile",
        ),
        (
            r#"{"analysis":"percentile","pool":"p","field":"a","percentile":"95"}"#,
            "InvalidValue /percentile",
        ),
        (
            r#"{"analysis":"count","pool":"p","filters":[]}"#,
            "InvalidFilter /filters",
        ),
        (
            r#"{"analysis":"count","pool":"p","filters":[{"field":"a","operator":"regex","value":"("}]}"#,
            "InvalidFilter /filters/0/value",
        ),
        (
            r#"{"analysis":"count","pool":"p","filters":[{"any":[{"field":"a","operator":"like","value":1}]}]}"#,
            "InvalidFilter /filters/0/any/0/operator",
        ),
        (
            r#"{"analysis":"count","pool":"p","timeframe":"this_0_days"}"#,
            "InvalidValue /timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"p","timeframe":{"start":"x"}}"#,
            "WrongType /timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"p","timeframe":"today","from":"2026-01-01"}"#,
            "InvalidValue /timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"p","from":"2026-01-02","to":"2026-01-02"}"#,
            "InvalidValue /to",
        ),
        (
            r#"{"analysis":"count","pool":"p","from":"soon"}"#,
            "InvalidValue /from",
        ),
        (
            r#"{"analysis":"count","pool":"p","timezone":"Mars"}"#,
            "UnknownTimezone /timezone",
        ),
        (
            r#"{"analysis":"count","pool":"p","week_start":"friday"}"#,
            "InvalidValue /week_start",
        ),
        (
            r#"{"analysis":"count","pool":"p","interval":"daily"}"#,
            "MissingMember /timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"p","interval":"daily","from":"2026-01-02"}"#,
            "MissingMember /timeframe",
        ),
        (
            r#"{"analysis":"count","pool":"p","interval":"every_0_days","timeframe":"today"}"#,
            "InvalidValue /interval",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":"a"}"#,
            "WrongType /group_by",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[]}"#,
            "InvalidValue /group_by",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[1]}"#,
            "WrongType /group_by/0",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":["a","a"]}"#,
            "InvalidValue /group_by/1",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":["result"]}"#,
            "InvalidValue /group_by/0",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","as":""}]}"#,
            "InvalidValue /group_by/0/as",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","bins":3}]}"#,
            "UnknownMember /group_by/0/bins",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","bin_size":0}]}"#,
            "InvalidValue /group_by/0/bin_size",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","bin_size":0.0000001}]}"#,
            "InvalidValue /group_by/0/bin_size",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","bin_size":"1"}]}"#,
            "WrongType /group_by/0/bin_size",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","bin_size":1,"ranges":[{"to":1}]}]}"#,
            "InvalidValue /group_by/0/ranges",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[]}]}"#,
            "InvalidValue /group_by/0/ranges",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{}]}]}"#,
            "MissingMember /group_by/0/ranges/0/from",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{"from":2,"to":2}]}]}"#,
            "InvalidValue /group_by/0/ranges/0/to",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{"to":2},{"from":1}]}]}"#,
            "InvalidValue /group_by/0/ranges/1",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{"from":2},{"from":3}]}]}"#,
            "InvalidValue /group_by/0/ranges/1",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":[{"field":"a","ranges":[{"to":2,"as":"x"},{"from":3,"as":"x"}]}]}"#,
            "InvalidValue /group_by/0/ranges/1/as",
        ),
        (
            r#"{"analysis":"count","pool":"p","order_by":[{"field":"result"}]}"#,
            "InvalidValue /order_by",
        ),
        (
            r#"{"analysis":"count","pool":"p","limit":3}"#,
            "InvalidValue /limit",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":["a"],"limit":0}"#,
            "InvalidValue /limit",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":["a"],"order_by":[{"field":"b"}]}"#,
            "InvalidValue /order_by/0/field",
        ),
        (
            r#"{"analysis":"count","pool":"p","group_by":["a"],"order_by":[{"field":"a","direction":"DESC"}]}"#,
            "InvalidValue /order_by/0/direction",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p"}"#,
            "MissingMember /analyses",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","field":"a","analyses":{"x":{"analysis":"count"}}}"#,
            "UnknownMember /field",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":[]}"#,
            "WrongType /analyses",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{}}"#,
            "InvalidValue /analyses",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{"":{"analysis":"count"}}}"#,
            "InvalidValue /analyses/",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{"a/b":{"analysis":"funnel"}}}"#,
            "InvalidValue /analyses/a~1b/analysis",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{"x":{"analysis":"count","group_by":["a"]}}}"#,
            "UnknownMember /analyses/x/group_by",
        ),
        (
            r#"{"analysis":"multi_analysis","pool":"p","analyses":{"a":{"analysis":"count"}},"group_by":["a"]}"#,
            "InvalidValue /group_by/0",
        ),
        (
            r#"{"analysis":"extraction","pool":"p","interval":"daily"}"#,
            "UnknownMember /interval",
        ),
        (
            r#"{"analysis":"extraction","pool":"p","fields":[]}"#,
            "InvalidValue /fields",
        ),
        (
            r#"{"analysis":"extraction","pool":"p","fields":["a","a.b"]}"#,
            "InvalidValue /fields/1",
        ),
        (
            r#"{"analysis":"extraction","pool":"p","latest":1,"limit":2}"#,
            "InvalidValue /latest",
        ),
        (
            r#"{"analysis":"extraction","pool":"p","after":"x","before":"y"}"#,
            "InvalidValue /before",
        ),
        (r#"{"analysis":"funnel"}"#, "MissingMember /steps"),
        (r#"{"analysis":"funnel","steps":[]}"#, "InvalidValue /steps"),
        (r#"{"analysis":"funnel","steps":[1]}"#, "WrongType /steps/0"),
        (
            r#"{"analysis":"funnel","steps":[{"actor":"u"}]}"#,
            "MissingMember /steps/0/pool",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"p"}]}"#,
            "MissingMember /steps/0/actor",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u","inverted":true}]}"#,
            "InvalidValue /steps/0/inverted",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u","optional":true}]}"#,
            "InvalidValue /steps/0/optional",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u"},{"pool":"p","actor":"u","timeframe":"x"}]}"#,
            "InvalidValue /steps/1/timeframe",
        ),
        (
            r#"{"analysis":"funnel","pool":"p","steps":[{"pool":"p","actor":"u"}]}"#,
            "UnknownMember /pool",
        ),
        (
            r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u","with_actors":1}]}"#,
            "WrongType /steps/0/with_actors",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(Analysis::parse(&json(text))), expected, "{text}");
    }
}

#[test]
fn limits_are_said_with_their_numbers() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        (0..count).map(one).collect::<Vec<_>>().join(",")
    };
    let groups = |count| {
        format!(
            r#"{{"analysis":"count","pool":"p","group_by":[{}]}}"#,
            many(count, &|i| format!("\"f{i}\""))
        )
    };
    let steps = |count| {
        format!(
            r#"{{"analysis":"funnel","steps":[{}]}}"#,
            many(count, &|_| r#"{"pool":"p","actor":"u"}"#.to_owned())
        )
    };
    let labels = |count| {
        format!(
            r#"{{"analysis":"multi_analysis","pool":"p","analyses":{{{}}}}}"#,
            many(count, &|i| format!(r#""l{i}":{{"analysis":"count"}}"#))
        )
    };
    let ranges = |count| {
        format!(
            r#"{{"analysis":"count","pool":"p","group_by":[{{"field":"a","ranges":[{}]}}]}}"#,
            many(count, &|i| format!(r#"{{"from":{i},"to":{}}}"#, i + 1))
        )
    };
    let fields = |count| {
        format!(
            r#"{{"analysis":"extraction","pool":"p","fields":[{}]}}"#,
            many(count, &|i| format!("\"f{i}\""))
        )
    };
    let rows = |count| format!(r#"{{"analysis":"extraction","pool":"p","latest":{count}}}"#);
    let cases: [(&dyn Fn(usize) -> String, usize); 6] = [
        (&groups, crate::limits::GROUP_FIELDS_MAX),
        (&steps, crate::limits::FUNNEL_STEPS_MAX),
        (&labels, crate::limits::ANALYSES_MAX),
        (&ranges, crate::limits::GROUP_RANGES_MAX),
        (&fields, crate::limits::EXTRACTION_FIELDS_MAX),
        (&rows, crate::limits::RESULT_ROWS_MAX),
    ];
    for (text, most) in cases {
        analysis(&text(most));
        let fault = Analysis::parse(&json(&text(most + 1))).expect_err("too many");
        assert!(fault.detail.contains(&most.to_string()), "{fault}");
    }
}

#[test]
fn the_filters_of_a_funnel_share_the_limits_of_one() {
    let funnel = |steps: &[usize], filter: &str| {
        let steps = steps.iter().map(|count| {
            let filters = vec![filter; *count].join(",");
            format!(r#"{{"pool":"p","actor":"u","filters":[{filters}]}}"#)
        });
        let steps: Vec<String> = steps.collect();
        refusal(Analysis::parse(&json(&format!(
            r#"{{"analysis":"funnel","steps":[{}]}}"#,
            steps.join(",")
        ))))
    };
    let regex = r#"{"field":"a","operator":"regex","value":"x"}"#;
    let most = crate::limits::FILTER_REGEXES_MAX;
    assert_eq!(funnel(&[most - 1, 1], regex), "accepted");
    let refused = "LimitExceeded /steps/1/filters";
    assert_eq!(funnel(&[most - 1, 2], regex), refused);
    let plain = r#"{"field":"a","operator":"eq","value":"x"}"#;
    // A list of several is a part too.
    let most = crate::limits::FILTER_NODES_MAX;
    assert_eq!(funnel(&[most - 2, 1], plain), "accepted");
    assert_eq!(funnel(&[most - 2, 2], plain), refused);
}
