//! The rule by which a field is learned.

use super::*;
use crate::fixtures::{Project, json, path, pool};

const REGION: &str = r#"{"field":"region","operator":"eq","value":"eu"}"#;

fn customer(name: &str) -> String {
    format!(r#"{{"field":"customer.id","operator":"eq","value":"{name}"}}"#)
}

/// The grants of a key on the strict pool of the tests' project, which are
/// read without looking at the pool's own isolation field.
fn reading(filters: &[String]) -> Vec<Grant> {
    let filters = filters.join(",");
    let text = format!(r#"[{{"on":"pool:strict","actions":["query"],"constraints":[{filters}]}}]"#);
    Project::new().grants(&text).expect("legal grants")
}

fn writing(injections: &str) -> Vec<Grant> {
    let text =
        format!(r#"[{{"on":"pool:strict","actions":["ingest"],"injections":{injections}}}]"#);
    Project::new().grants(&text).expect("legal grants")
}

fn carried(keys: &[Vec<Grant>]) -> Carried {
    let project = Project::new();
    Carried::of(&project.strict().draft.schema, keys)
}

fn unnamed() -> PoolDraft {
    let project = Project::new();
    PoolDraft {
        isolation_field: None,
        ..project.strict().draft.clone()
    }
}

fn learned(column: &str) -> Isolation {
    Isolation::Learned(path(column))
}

/// What is learned from these keys when it was `known`.
fn learns(known: &Isolation, keys: &[Vec<Grant>]) -> Isolation {
    known.learning(&carried(keys))
}

#[test]
fn what_keys_stamp_or_are_held_to_is_learned() {
    let nothing = Isolation::of(&unnamed());
    assert_eq!(nothing, Isolation::Nothing);
    assert_eq!(learns(&nothing, &[]), Isolation::Nothing);
    let stamped = writing(r#"{"customer.id":"a"}"#);
    assert_eq!(learns(&nothing, &[stamped]), learned("customer.id"));
    let held = reading(&[customer("a")]);
    assert_eq!(learns(&nothing, &[held]), learned("customer.id"));
    let listed = r#"{"all":[{"field":"n","operator":"in","value":[1,2]}]}"#;
    let listed = reading(&[listed.to_owned()]);
    assert_eq!(learns(&nothing, &[listed]), learned("n"));
}

#[test]
fn what_no_row_has_to_have_is_not_learned() {
    let any = format!(r#"{{"any":[{},{}]}}"#, customer("a"), customer("b"));
    let not = format!(r#"{{"not":{}}}"#, customer("a"));
    for filter in [
        any.as_str(),
        &not,
        r#"{"field":"customer.id","operator":"ne","value":"a"}"#,
        r#"{"field":"n","operator":"gt","value":1}"#,
        r#"{"field":"region","operator":"exists","value":true}"#,
        r#"{"field":"region","operator":"starts_with","value":"e"}"#,
    ] {
        let keys = [reading(&[filter.to_owned()])];
        assert_eq!(carried(&keys), Carried::default(), "{filter}");
    }
    let all = r#"[{"on":"pool:*","actions":["query","delete"],"constraints":"all_rows"}]"#;
    let all = Project::new().grants(all).expect("legal grants");
    assert_eq!(carried(&[all]), Carried::default());
}

#[test]
fn a_field_that_tells_keys_apart_goes_before_one_that_all_have_alike() {
    let key = |name: &str| reading(&[REGION.to_owned(), customer(name)]);
    let nothing = Isolation::Nothing;
    // More keys carry the region, and it is the same for all of them.
    let keys = [key("a"), key("b"), reading(&[REGION.to_owned()])];
    assert_eq!(learns(&nothing, &keys), learned("customer.id"));
    // Two keys of one customer are one customer; then the number of keys tells.
    let keys = [key("a"), writing(r#"{"customer.id":"a"}"#)];
    assert_eq!(learns(&nothing, &keys), learned("customer.id"));
    let keys = [key("a"), reading(&[REGION.to_owned()])];
    assert_eq!(learns(&nothing, &keys), learned("region"));
    // The first by name when nothing else tells.
    assert_eq!(learns(&nothing, &[key("a")]), learned("customer.id"));
}

#[test]
fn it_does_not_depend_on_the_order_of_keys_grants_and_values() {
    let list = |values: &str| {
        let filter = format!(r#"{{"field":"n","operator":"in","value":{values}}}"#);
        reading(&[filter])
    };
    let one = carried(&[list("[1,2]"), list("[3]"), reading(&[customer("a")])]);
    let other = carried(&[reading(&[customer("a")]), list("[3]"), list("[2,1,1]")]);
    assert_eq!(one, other);
    let weight = one.0.get(&path("n")).copied();
    assert_eq!(weight, Some(Weight { groups: 2, keys: 2 }));
    let twice = [list("[1]"), list("[2]")].concat();
    assert_eq!(carried(&[twice]), carried(&[list("[1,2]")]));
}

#[test]
fn what_was_learned_stays_until_another_tells_more_than_twice_as_many_apart() {
    let by_customer = |count: usize| (0..count).map(|n| reading(&[customer(&n.to_string())]));
    let by_number = |count: usize| {
        let filter = |n: usize| format!(r#"{{"field":"n","operator":"eq","value":{n}}}"#);
        (0..count).map(move |n| reading(&[filter(n)]))
    };
    let keys = |numbers, customers| -> Vec<_> {
        by_number(numbers).chain(by_customer(customers)).collect()
    };
    let known = learned("n");
    assert_eq!(learns(&known, &keys(3, 6)), known);
    assert_eq!(learns(&known, &keys(3, 7)), learned("customer.id"));
    // And back only for as much more.
    let known = learned("customer.id");
    assert_eq!(learns(&known, &keys(14, 7)), known);
    assert_eq!(learns(&known, &keys(15, 7)), learned("n"));
    assert_eq!(learns(&known, &keys(1, 0)), learned("n"));
    assert_eq!(learns(&known, &[]), Isolation::Nothing);
}

#[test]
fn fields_that_no_pool_could_name_are_left_out() {
    let schema = &Project::new().strict().draft.schema.clone();
    let open = pool(
        3,
        r#"{"name":"x","schema":"open","fields":[{"name":"tags","type":"Array(String)"}]}"#,
    );
    let grant = |field: &str| {
        let mut grants = writing(r#"{"customer.id":"a"}"#);
        grants[0].injections.values[0].0 = path(field);
        grants
    };
    for (field, strict, undeclared) in [
        ("customer.id", true, true),
        ("tags", false, false),
        ("colour", false, true),
        ("_key", false, false),
        ("_id", false, false),
    ] {
        let is_carried =
            |schema: &Schema| Carried::of(schema, [&grant(field)]) != Carried::default();
        assert_eq!(is_carried(schema), strict, "{field}");
        assert_eq!(is_carried(&open.draft.schema), undeclared, "{field}");
        for (mode, schema, fits) in [
            ("strict", schema, strict),
            ("open", &open.draft.schema, undeclared),
        ] {
            let definition = PoolDraft {
                schema: schema.clone(),
                isolation_field: None,
                time_field: None,
                unique: Vec::new(),
                ..unnamed()
            };
            let text = crate::json::to_text(&definition.to_value());
            let named = text.replace(
                r#""isolation_field":null"#,
                &format!(r#""isolation_field":"{field}""#),
            );
            assert_eq!(
                PoolDraft::parse(&json(&named)).is_ok(),
                fits,
                "{mode} {field}"
            );
        }
    }
}

#[test]
fn what_a_pool_names_is_never_learned_over() {
    let project = Project::new();
    let named = Isolation::of(&project.strict().draft);
    assert_eq!(named, Isolation::Named(path("customer.id")));
    let keys: Vec<_> = (0..9)
        .map(|n| writing(&format!(r#"{{"region":"{n}"}}"#)))
        .collect();
    assert_eq!(learns(&named, &keys), named);
    let draft = &project.strict().draft;
    assert_eq!(Isolation::lying_by(draft, &path("region")), named);
    assert_eq!(learned("region").following(draft), named);
}

#[test]
fn a_learned_field_follows_its_new_name_and_goes_with_its_column() {
    let before = unnamed();
    let known = learned("region");
    let fields = |from: &str| {
        let shown = before.to_value();
        let fields = shown.as_object().and_then(|o| o.get("fields")).cloned();
        let mut text = crate::json::to_text(&fields.expect("fields"));
        text = text.replace(
            r#"{"name":"region","type":"String","required":false},"#,
            from,
        );
        json(&format!(r#"{{"fields":{text}}}"#))
    };
    let renamed = r#"{"name":"area","type":"String","renamed_from":"region"},"#;
    let renamed = before.patched(&fields(renamed)).expect("a legal change");
    assert_eq!(known.following(&renamed), known);
    assert_eq!(
        renamed.schema.path_of_column(&path("region")).as_ref(),
        Some(&path("area"))
    );
    let mut keys = writing(r#"{"region":"x"}"#);
    keys[0].injections.values[0].0 = path("area");
    let carried = Carried::of(&renamed.schema, [&keys]);
    assert_eq!(Isolation::Nothing.learning(&carried), known);
    let dropped = before.patched(&fields("")).expect("a legal change");
    assert_eq!(known.following(&dropped), Isolation::Nothing);
    assert_eq!(
        Isolation::lying_by(&dropped, &path("region")),
        Isolation::Nothing
    );
    assert_eq!(Isolation::lying_by(&before, &path("region")), known);
}
