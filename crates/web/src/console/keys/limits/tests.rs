use model::document::merge_patch;
use serde_json::json;

use super::*;
use crate::testing::{World, text};

#[tokio::test]
async fn what_a_form_shows_and_leaves_alone_stays_as_it_is() {
    let world = World::new().await;
    let body = json!({ "name": "k", "kind": "publishable", "grants": [],
        "restrictions": { "ip_ranges": ["192.0.2.0/24", "2001:db8::7/128"],
            "allowed_domains": ["www.example.com"], "expires_at": "2027-01-31T12:30:45Z" },
        "limits": { "requests_per_second": 50, "concurrent_queries": 4,
            "credits": { "core": { "amount": 10000, "period": "week" } } },
        "rotate_after": "36h" });
    let made = world.post("/v1/keys", &body).await.expect(201).json();
    let id = model::ids::KeyId::parse(text(&made, "/id")).expect("an id");
    let definitions = crate::console::keys::definitions_of(&world).await;
    let draft = definitions.key(id).expect("a key").draft().clone();
    let shown = filled(Fields::blank(), &draft);
    let pairs: Vec<(&str, &str)> = NAMES
        .iter()
        .map(|name| (*name, shown.value(name)))
        .collect();
    let said = said(&Form::of(&pairs), Some(&draft));
    let before = draft.to_value();
    let after = merge_patch(&before, &Value::Object(said));
    let before_text = model::json::to_text(&before).replace(",\"premium\":null", "");
    assert_eq!(model::json::to_text(&after), before_text);
    // Emptied, nothing is left of it.
    let nothing = super::said(&Form::of(&[]), Some(&draft));
    let after = model::json::to_text(&merge_patch(&before, &Value::Object(nothing)));
    for gone in ["192.0.2.0", "www.example.com", "2027", "50", "10000", "36h"] {
        assert!(!after.contains(gone), "{gone} in {after}");
    }
}

#[test]
fn what_is_typed_is_read_as_people_write_it() {
    let typed = Form::of(&[
        ("ip_ranges", "192.0.2.7\r\n 2001:db8::/32, 198.51.100.0/24"),
        ("expires_at", "2027-01-31T12:30"),
        ("requests_per_second", "1 000"),
        ("core_amount", "ten"),
        ("rotate_days", "90"),
    ]);
    let told = model::json::to_text(&Value::Object(said(&typed, None)));
    for part in [
        r#""ip_ranges":["192.0.2.7","2001:db8::/32","198.51.100.0/24"]"#,
        r#""expires_at":"2027-01-31T12:30:00Z""#,
        r#""requests_per_second":1000"#,
        // Refused by the rule of the definition, and not read as something else.
        r#""amount":"ten""#,
        r#""rotate_after":"90d""#,
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
