use super::*;

fn object(json: &str) -> Object {
    let value = model::json::parse(json.as_bytes()).expect("JSON");
    value.as_object().expect("an object").clone()
}

fn text(object: Object) -> String {
    model::json::to_text(&Value::Object(object))
}

#[test]
fn a_path_leads_through_objects_alone() {
    let event = object("{\"a\":{\"b\":{\"c\":1}},\"d\":[{\"e\":1}]}");
    assert_eq!(at(&event, "a.b.c"), Some(&Value::from(1)));
    assert_eq!(
        at(&event, "d").and_then(Value::as_array).map(<[_]>::len),
        Some(1)
    );
    for nothing in ["", "a.x", "a.b.c.d", "d.e", "x.y"] {
        assert_eq!(at(&event, nothing), None, "{nothing}");
    }
}

#[test]
fn what_is_removed_takes_what_is_empty_above_it_along() {
    let left = |path| text(without(object("{\"a\":{\"b\":{\"c\":1}},\"d\":2}"), path));
    assert_eq!(left("a.b.c"), "{\"d\":2}");
    assert_eq!(left("d"), "{\"a\":{\"b\":{\"c\":1}}}");
    for nothing in ["x", "d.e", "a.b.c.d", "a.x"] {
        assert_eq!(
            left(nothing),
            "{\"a\":{\"b\":{\"c\":1}},\"d\":2}",
            "{nothing}"
        );
    }
}

#[test]
fn what_is_set_wins_over_whatever_is_in_its_way() {
    let set = |json, path| text(with(object(json), path, Value::from(9)));
    assert_eq!(set("{}", "a.b"), "{\"a\":{\"b\":9}}");
    assert_eq!(set("{\"a\":5}", "a.b"), "{\"a\":{\"b\":9}}");
    assert_eq!(
        set("{\"a\":{\"b\":{\"c\":1},\"d\":2}}", "a.b"),
        "{\"a\":{\"b\":9,\"d\":2}}"
    );
    assert_eq!(set("{\"a\":[1]}", "a"), "{\"a\":9}");
}

#[test]
fn what_is_merged_gives_way_to_what_is_no_object() {
    let merge = |json, path: &str| {
        let addition = object("{\"x\":9,\"y\":{\"z\":9},\"_no\":9,\"a.b\":9,\"\":9}");
        text(merged(object(json), path, addition))
    };
    assert_eq!(
        merge("{}", "a.b"),
        "{\"a\":{\"b\":{\"x\":9,\"y\":{\"z\":9}}}}"
    );
    assert_eq!(
        merge("{\"a\":{\"x\":1,\"y\":{\"k\":1},\"m\":1}}", "a"),
        "{\"a\":{\"x\":9,\"y\":{\"k\":1,\"z\":9},\"m\":1}}"
    );
    assert_eq!(
        merge("{\"a\":null}", "a"),
        "{\"a\":{\"x\":9,\"y\":{\"z\":9}}}"
    );
    for kept in ["{\"a\":5}", "{\"a\":[1]}"] {
        assert_eq!(merge(kept, "a"), kept);
        assert_eq!(merge(kept, "a.b"), kept);
    }
}
