//! Trees that no parser made: what they must keep to before they are asked.

use super::examples::{ALL_ROWS, access, constrain};
use super::*;
use crate::filters::{Comparison, Operator};
use crate::fixtures::{at, path, pool};
use crate::limits::*;
use crate::value::Number;

const ROWS: u64 = RESULT_ROWS_MAX as u64;

/// A way to break a tree, and what is said of it.
type Broken = (&'static str, fn(&mut Analysis), &'static str);

fn aggregation(analysis: &mut Analysis) -> &mut Aggregation {
    match analysis {
        Analysis::Aggregation(aggregation) => aggregation,
        other => panic!("{other:?}"),
    }
}

fn metrics(analysis: &mut Analysis) -> &mut Vec<(String, Metric)> {
    match &mut aggregation(analysis).metrics {
        Metrics::Labelled(metrics) => metrics,
        Metrics::One(one) => panic!("{one:?}"),
    }
}

fn extraction(analysis: &mut Analysis) -> &mut Extraction {
    match analysis {
        Analysis::Extraction(extraction) => extraction,
        other => panic!("{other:?}"),
    }
}

fn steps(analysis: &mut Analysis) -> &mut Vec<Step> {
    match analysis {
        Analysis::Funnel(funnel) => &mut funnel.steps,
        other => panic!("{other:?}"),
    }
}

fn source(analysis: &mut Analysis) -> &mut Source {
    match analysis {
        Analysis::Aggregation(aggregation) => &mut aggregation.source,
        Analysis::Extraction(extraction) => &mut extraction.source,
        Analysis::Funnel(funnel) => &mut funnel.steps[1].source,
    }
}

fn group(name: &str, bins: Option<Bins>) -> GroupBy {
    GroupBy {
        name: name.to_owned(),
        field: path("a"),
        bins,
    }
}

fn band(label: &str, from: Option<i64>, to: Option<i64>) -> Band {
    Band {
        label: label.to_owned(),
        from: from.map(Value::from),
        to: to.map(Value::from),
    }
}

fn bands(bands: Vec<Band>) -> Vec<GroupBy> {
    vec![group("g", Some(Bins::Ranges(bands)))]
}

fn ordered(name: &str) -> OrderBy<String> {
    OrderBy {
        field: name.to_owned(),
        direction: crate::queries::Direction::Ascending,
    }
}

fn compare(operator: Operator, value: impl Into<Value>) -> Filter {
    Filter::Compare(Comparison::restore(path("a"), operator, value.into()))
}

fn deep(levels: usize) -> Filter {
    let leaf = compare(Operator::Eq, 1);
    (0..levels).fold(leaf, |inner, _| Filter::Not(Box::new(inner)))
}

fn wide(parts: usize, operator: Operator, value: &str) -> Filter {
    Filter::All(vec![compare(operator, value); parts])
}

fn percentile(hundredths: u32) -> Metric {
    Metric {
        function: Function::Percentile(hundredths),
        field: Some(path("a")),
    }
}

const COUNT: &str = r#"{"analysis":"multi_analysis","pool":"p","analyses":{"n":{"analysis":"count"}},"group_by":["a"]}"#;
const ROWS_OF: &str = r#"{"analysis":"extraction","pool":"p","fields":["a"],"limit":5}"#;
const FUNNEL: &str =
    r#"{"analysis":"funnel","steps":[{"pool":"p","actor":"u"},{"pool":"p","actor":"u"}]}"#;

#[rustfmt::skip]
const BROKEN: &[Broken] = &[
    (COUNT, |a| metrics(a).clear(), "InvalidValue /analyses"),
    (COUNT, |a| metrics(a)[0].0 = "x".repeat(LABEL_CHARS_MAX), "accepted"),
    (COUNT, |a| metrics(a)[0].0 = "x".repeat(LABEL_CHARS_MAX + 1), "InvalidValue /analyses/"),
    (COUNT, |a| metrics(a)[0].0 = "a\nb".to_owned(), "InvalidValue /analyses/"),
    (COUNT, |a| { let one = metrics(a)[0].clone(); metrics(a).push(one) }, "InvalidValue /analyses/n"),
    (COUNT, |a| *metrics(a) = (0..ANALYSES_MAX).map(|at| (at.to_string(), percentile(1))).collect(), "accepted"),
    (COUNT, |a| *metrics(a) = (0..=ANALYSES_MAX).map(|at| (at.to_string(), percentile(1))).collect(), "InvalidValue /analyses"),
    (COUNT, |a| metrics(a)[0].1 = percentile(10_000), "accepted"),
    (COUNT, |a| metrics(a)[0].1 = percentile(10_001), "InvalidValue /analyses/n/percentile"),
    (COUNT, |a| metrics(a)[0].1 = percentile(0), "InvalidValue /analyses/n/percentile"),
    (COUNT, |a| metrics(a)[0].1.function = Function::Sum, "MissingMember /analyses/n/field"),
    (COUNT, |a| metrics(a)[0].1.field = Some(FieldPath::rest()), "InvalidName /analyses/n/field"),
    (COUNT, |a| aggregation(a).group_by = (0..GROUP_FIELDS_MAX).map(|at| group(&at.to_string(), None)).collect(), "accepted"),
    (COUNT, |a| aggregation(a).group_by = (0..=GROUP_FIELDS_MAX).map(|at| group(&at.to_string(), None)).collect(), "InvalidValue /group_by"),
    (COUNT, |a| aggregation(a).group_by[0].name = "n".to_owned(), "InvalidValue /group_by/0"),
    (COUNT, |a| aggregation(a).group_by.push(group("a", None)), "InvalidValue /group_by/1"),
    (COUNT, |a| aggregation(a).group_by.push(group("", None)), "InvalidValue /group_by/1/as"),
    (COUNT, |a| aggregation(a).group_by[0].field = FieldPath::rest(), "InvalidName /group_by/0/field"),
    (COUNT, |a| aggregation(a).group_by = bands(Vec::new()), "InvalidValue /group_by/0/ranges"),
    (COUNT, |a| aggregation(a).group_by = bands((0..GROUP_RANGES_MAX as i64).map(|at| band(&at.to_string(), Some(at), Some(at + 1))).collect()), "accepted"),
    (COUNT, |a| aggregation(a).group_by = bands((0..=GROUP_RANGES_MAX as i64).map(|at| band(&at.to_string(), Some(at), Some(at + 1))).collect()), "InvalidValue /group_by/0/ranges"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![band("x", None, None)]), "MissingMember /group_by/0/ranges/0/from"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![band("x", Some(2), Some(2))]), "InvalidValue /group_by/0/ranges/0/to"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![band("x", None, Some(2)), band("y", Some(1), None)]), "InvalidValue /group_by/0/ranges/1"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![band("x", None, Some(2)), band("x", Some(2), None)]), "InvalidValue /group_by/0/ranges/1/as"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![band("", None, Some(2))]), "InvalidValue /group_by/0/ranges/0/as"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![Band { from: Some("x".into()), ..band("x", None, None) }]), "WrongType /group_by/0/ranges/0/from"),
    (COUNT, |a| aggregation(a).group_by = bands(vec![Band { to: Some(Value::Float(f64::NAN)), ..band("x", None, None) }]), "WrongType /group_by/0/ranges/0/to"),
    (COUNT, |a| aggregation(a).order_by = vec![ordered("a"); ORDER_FIELDS_MAX], "accepted"),
    (COUNT, |a| aggregation(a).order_by = vec![ordered("a"); ORDER_FIELDS_MAX + 1], "LimitExceeded /order_by"),
    (COUNT, |a| aggregation(a).order_by = vec![ordered("a"), ordered("b")], "InvalidValue /order_by/1/field"),
    (COUNT, |a| { aggregation(a).group_by.clear(); aggregation(a).order_by = vec![ordered("n")] }, "InvalidValue /order_by"),
    (COUNT, |a| { aggregation(a).group_by.clear(); aggregation(a).limit = Some(1) }, "InvalidValue /limit"),
    (COUNT, |a| aggregation(a).limit = Some(ROWS), "accepted"),
    (COUNT, |a| aggregation(a).limit = Some(ROWS + 1), "InvalidValue /limit"),
    (COUNT, |a| aggregation(a).limit = Some(0), "InvalidValue /limit"),
    (COUNT, |a| aggregation(a).interval = Interval::new(1, crate::time::Unit::Hour), "MissingMember /timeframe"),
    (COUNT, |a| source(a).period = Some(Period::Absolute { from: None, to: None }), "MissingMember /from"),
    (ROWS_OF, |a| source(a).period = Some(Period::Absolute { from: None, to: None }), "MissingMember /from"),
    (FUNNEL, |a| source(a).period = Some(Period::Absolute { from: None, to: None }), "MissingMember /steps/1/from"),
    (COUNT, |a| { let now = at("2026-03-01T12:00:00Z"); source(a).period = Some(Period::Absolute { from: Some(now), to: Some(now) }) }, "InvalidValue /to"),
    (COUNT, |a| source(a).filters = Some(deep(FILTER_DEPTH_MAX - 1)), "accepted"),
    (COUNT, |a| source(a).filters = Some(deep(FILTER_DEPTH_MAX)), "LimitExceeded /filters"),
    (ROWS_OF, |a| source(a).filters = Some(deep(FILTER_DEPTH_MAX)), "LimitExceeded /filters"),
    (FUNNEL, |a| source(a).filters = Some(deep(FILTER_DEPTH_MAX)), "LimitExceeded /steps/1/filters"),
    (COUNT, |a| source(a).filters = Some(wide(FILTER_NODES_MAX, Operator::Eq, "x")), "accepted"),
    (COUNT, |a| source(a).filters = Some(wide(FILTER_NODES_MAX + 1, Operator::Eq, "x")), "LimitExceeded /filters"),
    (COUNT, |a| source(a).filters = Some(wide(FILTER_REGEXES_MAX, Operator::Regex, "x")), "accepted"),
    (COUNT, |a| source(a).filters = Some(wide(FILTER_REGEXES_MAX + 1, Operator::Regex, "x")), "LimitExceeded /filters"),
    (COUNT, |a| source(a).filters = Some(Filter::Any(Vec::new())), "InvalidFilter /filters"),
    (COUNT, |a| source(a).filters = Some(Filter::Not(Box::new(Filter::All(Vec::new())))), "InvalidFilter /filters"),
    (COUNT, |a| source(a).filters = Some(compare(Operator::Eq, Value::Null)), "InvalidFilter /filters"),
    (COUNT, |a| source(a).filters = Some(compare(Operator::In, vec![1_i64; FILTER_LIST_MAX])), "accepted"),
    (COUNT, |a| source(a).filters = Some(compare(Operator::In, vec![1_i64; FILTER_LIST_MAX + 1])), "LimitExceeded /filters"),
    (COUNT, |a| source(a).filters = Some(compare(Operator::Regex, "x".repeat(REGEX_BYTES_MAX + 1))), "InvalidFilter /filters"),
    (COUNT, |a| source(a).filters = Some(Filter::equals(FieldPath::rest(), 1.into())), "InvalidName /filters"),
    (ROWS_OF, |a| extraction(a).fields = Some(Vec::new()), "InvalidValue /fields"),
    (ROWS_OF, |a| extraction(a).fields = Some((0..EXTRACTION_FIELDS_MAX).map(|at| path(&format!("f{at}"))).collect()), "accepted"),
    (ROWS_OF, |a| extraction(a).fields = Some((0..=EXTRACTION_FIELDS_MAX).map(|at| path(&format!("f{at}"))).collect()), "InvalidValue /fields"),
    (ROWS_OF, |a| extraction(a).fields = Some(vec![path("a.b"), path("a.c"), path("a.b.d")]), "InvalidValue /fields/2"),
    (ROWS_OF, |a| extraction(a).fields = Some(vec![path("a.b"), path("a-"), path("a")]), "InvalidValue /fields/2"),
    (ROWS_OF, |a| extraction(a).fields = Some(vec![path("a.b"), path("a-"), path("a.bc"), path("a.a")]), "accepted"),
    (ROWS_OF, |a| extraction(a).fields = Some(vec![FieldPath::rest()]), "InvalidName /fields/0"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Latest(ROWS), "accepted"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Latest(ROWS + 1), "InvalidValue /latest"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Latest(0), "InvalidValue /latest"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Ordered { order_by: Vec::new(), limit: Some(u64::MAX), cursor: None }, "InvalidValue /limit"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Ordered { order_by: vec![OrderBy { field: path("a"), direction: crate::queries::Direction::Ascending }; ORDER_FIELDS_MAX + 1], limit: None, cursor: None }, "LimitExceeded /order_by"),
    (ROWS_OF, |a| extraction(a).selection = Selection::Ordered { order_by: vec![OrderBy { field: FieldPath::rest(), direction: crate::queries::Direction::Ascending }], limit: None, cursor: None }, "InvalidName /order_by/0/field"),
    (FUNNEL, |a| steps(a).clear(), "InvalidValue /steps"),
    (FUNNEL, |a| *steps(a) = vec![steps(a)[0].clone(); FUNNEL_STEPS_MAX], "accepted"),
    (FUNNEL, |a| *steps(a) = vec![steps(a)[0].clone(); FUNNEL_STEPS_MAX + 1], "InvalidValue /steps"),
    (FUNNEL, |a| steps(a)[0].inverted = true, "InvalidValue /steps/0/inverted"),
    (FUNNEL, |a| steps(a)[0].optional = true, "InvalidValue /steps/0/optional"),
    (FUNNEL, |a| steps(a)[1].actor = FieldPath::rest(), "InvalidName /steps/1/actor"),
    (FUNNEL, |a| steps(a).iter_mut().for_each(|step| step.source.filters = Some(wide(FILTER_NODES_MAX / 2, Operator::Eq, "x"))), "LimitExceeded /steps/1/filters"),
];

fn short(fault: &crate::fault::Fault) -> String {
    let pointer: String = fault.pointer.chars().take_while(|c| *c != 'x').collect();
    let pointer = pointer.split("a\nb").next().unwrap_or_default();
    format!("{:?} {pointer}", fault.code)
}

#[test]
fn a_tree_that_breaks_a_limit_is_refused_by_the_check_and_by_the_permit() {
    let open = r#"{"name":"p","schema":"open"}"#;
    let pools = vec![(pool(1, open), Vec::new())];
    let now = at("2026-03-01T12:00:00Z");
    for (index, (text, break_it, expected)) in BROKEN.iter().enumerate() {
        let mut asked = analysis(text);
        assert_eq!(asked.check(), Ok(()), "{text}");
        break_it(&mut asked);
        let said = |done: Result<(), crate::fault::Fault>| match done {
            Ok(()) => "accepted".to_owned(),
            Err(fault) => short(&fault),
        };
        assert_eq!(said(asked.check()), *expected, "case {index}");
        let constrained = constrain(&asked, &access(ALL_ROWS), &pools, now);
        assert_eq!(
            said(constrained.map(|_| ())),
            *expected,
            "case {index}, by the permit"
        );
        // What is accepted can be saved; what is refused cannot be read back as it is.
        let read = Analysis::parse(&asked.to_value());
        assert_eq!(
            read.as_ref() == Ok(&asked),
            *expected == "accepted",
            "case {index}: {read:?}"
        );
    }
}

#[test]
fn a_bin_size_cannot_be_made_without_its_rule() {
    let sizes = [
        Number::Integer(0),
        Number::Float(f64::NAN),
        Number::Float(f64::INFINITY),
    ];
    assert!(sizes.into_iter().all(|size| BinSize::new(size).is_none()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_a_client_sends_and_is_read_passes_the_check(sent in any_question()) {
        prop_assert_eq!(Analysis::parse(&sent).and_then(|asked| asked.check()), Ok(()));
    }
}
