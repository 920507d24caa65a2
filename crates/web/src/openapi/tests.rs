use std::path::Path;

use super::*;
use crate::testing::committed;

#[test]
fn the_committed_document_is_the_served_one() {
    let mut text = serde_json::to_string_pretty(&document()).expect("JSON");
    text.push('\n');
    committed(Path::new("openapi.json"), &text);
}

#[test]
fn each_operation_names_what_its_route_knows() {
    let mut ids = BTreeSet::new();
    for route in ROUTES {
        let operation = (route.operation)();
        assert!(ids.insert(operation.id), "{} stands twice", operation.id);
        let queried = operation.parameters.iter().filter(|p| p["in"] == "query");
        let described: BTreeSet<_> = queried.filter_map(|p| p["name"].as_str()).collect();
        let known: BTreeSet<_> = route.parameters.iter().copied().collect();
        assert_eq!(described, known, "{} {}", route.method, route.pattern);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Json, found: &mut Vec<&'a str>) {
        match value {
            Json::Object(members) => {
                found.extend(members.get("$ref").and_then(Json::as_str));
                members.values().for_each(|inner| references(inner, found));
            }
            Json::Array(elements) => elements.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn request_bodies_are_closed() {
    let document = document();
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    for (name, schema) in schemas {
        let request = ["Draft", "Patch", "Request"]
            .iter()
            .any(|end| name.ends_with(end));
        if request {
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
}
