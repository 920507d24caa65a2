use serde_json::{Value as Json, json};

use super::super::form::is_editable;
use super::super::said::changed;
use super::*;
use crate::console::forms::Form;
use crate::console::keys::definitions_of;
use crate::testing::{World, text};

/// What a browser sends of a form that nobody touched.
fn untouched(fields: &Fields, chosen: &Chosen) -> Form {
    let names = super::super::form::names();
    let mut pairs: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (*name, fields.value(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    pairs.extend(
        chosen
            .actions
            .iter()
            .map(|action| ("action", action.as_str())),
    );
    Form::of(&pairs)
}

#[tokio::test]
async fn a_form_that_nobody_touched_leaves_a_grant_as_it_is() {
    let world = World::with_sales().await;
    let pool = json!({ "name": "open", "schema": "open" });
    world.post("/v1/pools", &pool).await.expect(201);
    let eq =
        |field: &str, value: Json| json!([{ "field": field, "operator": "eq", "value": value }]);
    let grants = [
        json!({ "on": "pool:sales", "actions": ["query", "extract"], "constraints": eq("customer", json!("a")) }),
        json!({ "on": "pool:sales", "actions": ["query"], "constraints": eq("amount", json!(3)), "fields": { "deny": ["email"] } }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": eq("n", json!(1.5)) }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": eq("n", json!("")) }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": eq("n", json!(" edge ")) }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": eq("n", json!("two\nlines")) }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": eq("a,b", json!("x")) }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": "all_rows", "fields": { "allow": ["a,b", "c"] } }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": "all_rows", "fields": { "allow": ["c", "d e"] } }),
        json!({ "on": "pool:open", "actions": ["query", "ingest"], "constraints": "all_rows", "injections": { "n": 7, "t": "7" }, "on_conflict": "reject" }),
        json!({ "on": "pool:open", "actions": ["ingest"], "on_conflict": "reject" }),
        json!({ "on": "pool:open", "actions": ["ingest"], "injections": { "t": "two\nlines" } }),
        json!({ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows", "time": { "field": "at", "last": "90d" } }),
        json!({ "on": "pool:sales", "actions": ["query"], "constraints": "all_rows", "time": { "field": "at", "from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z" } }),
        json!({ "on": "view:*", "actions": ["read"], "except": ["secret"], "constraints": [
            { "any": [{ "field": "a", "operator": "eq", "value": 1 }, { "field": "b", "operator": "exists", "value": false }] }] }),
        json!({ "on": "pool:open", "actions": ["query"], "constraints": [
            { "field": "a", "operator": "in", "value": ["x", "y z"] }, { "field": "b", "operator": "not_in", "value": ["a,b"] }] }),
    ];
    let mut edited = 0;
    for grant in grants {
        let body = json!({ "name": "k", "grants": [grant] });
        let made = world.post("/v1/keys", &body).await.expect(201).json();
        let id = model::ids::KeyId::parse(text(&made, "/id")).expect("an id");
        let definitions = definitions_of(&world).await;
        let key = definitions.key(id).expect("a key").clone();
        let stored = &key.grants()[0];
        if !is_editable(stored) {
            continue;
        }
        edited += 1;
        let (fields, chosen) = filled(stored, &definitions);
        let form = untouched(&fields, &chosen);
        let said = changed(&form, stored, &definitions, 0);
        let Ok(said) = said else {
            panic!("{grant} is refused");
        };
        let patch = json!({ "grants": [serde_json::from_str::<Json>(&model::json::to_text(&said.grants[0])).expect("JSON")] });
        let call = format!("PATCH /v1/keys/{id}");
        let patched = world.call(&world.admin, &call, &patch).await.expect(200);
        assert_eq!(patched.json()["grants"], made["grants"], "{grant}");
    }
    assert_eq!(edited, 15, "all but the stamp of two lines");
}
