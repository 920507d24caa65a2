use model::audit::{ChainedEntry, Checkpoint, Verifier, VerifierKey};
use serde_json::{Value as Json, json};

use crate::testing::{Reply, World, text};

async fn export(world: &World, token: &str) -> Vec<ChainedEntry> {
    let call = "GET /v1/audit/export?format=ndjson";
    let reply = world.call(token, call, &Json::Null).await.expect(200);
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let text = reply.text();
    let entries = text
        .lines()
        .map(|line| ChainedEntry::parse(line).expect("an entry"));
    entries.collect()
}

fn opened(reply: &Reply) -> Checkpoint {
    let json = reply.json();
    let key = VerifierKey::parse(text(&json, "/verifier_key")).expect("a key");
    let signed = Checkpoint::open(text(&json, "/note"), &key).expect("signed");
    assert_eq!(signed.project.to_string(), text(&json, "/project"));
    assert_eq!(signed.head.size, json["size"].as_u64().expect("a number"));
    assert_eq!(signed.head.root.to_string(), text(&json, "/root"));
    signed
}

#[tokio::test]
async fn an_export_is_verified_alone_by_a_checkpoint() {
    let world = World::with_sales().await;
    for _ in 0..300 {
        world.key(json!([])).await;
    }
    let reply = world.get("/v1/audit/checkpoint").await.expect(200);
    let checkpoints = [opened(&reply)];
    world.key(json!([])).await;
    let entries = export(&world, &world.admin).await;
    assert_eq!(entries.len(), 305, "in two parts");
    let mut verifier = Verifier::new(&checkpoints);
    entries.iter().for_each(|entry| verifier.entry(entry));
    let verified = verifier.finish(None);
    assert_eq!((verified.findings, verified.checkpoints), (vec![], 1));
    // And found, when something was left out of it.
    let mut verifier = Verifier::new(&checkpoints);
    entries[1..].iter().for_each(|entry| verifier.entry(entry));
    assert_ne!(verifier.finish(None).findings, []);
}

#[tokio::test]
async fn entries_are_shown_newest_first_and_searched() {
    let world = World::with_sales().await;
    let (id, _) = world.key(json!([])).await;
    let path = format!("/v1/keys/{id}/disable");
    world.post(&path, &Json::Null).await.expect(200);
    let all = world.get("/v1/audit").await.expect(200).json();
    let shown: Vec<_> = all["items"].as_array().expect("items").iter().collect();
    let actions: Vec<_> = shown.iter().map(|entry| text(entry, "/action")).collect();
    let expected = [
        "key.disable",
        "key.create",
        "view.create",
        "pool.create",
        "key.create",
        "project.create",
    ];
    assert_eq!(actions, expected);
    assert_eq!(all["next"], Json::Null);
    assert_eq!(shown[0]["after"]["name"], "k", "{}", shown[0]);
    assert_eq!(shown[5]["secret"], Json::Null);
    assert!(world.admin.contains(text(shown[0], "/secret")));
    let page = world.get("/v1/audit?limit=4").await.expect(200).json();
    assert_eq!(
        page["items"].as_array().expect("items")[..],
        all["items"].as_array().expect("items")[..4]
    );
    let rest = format!("/v1/audit?limit=4&after={}", text(&page, "/next"));
    let rest = world.get(&rest).await.expect(200).json();
    assert_eq!(rest["items"].as_array().expect("items").len(), 2);
    for (query, count) in [
        (format!("subject={id}"), 2),
        ("subject=sales".to_owned(), 1),
        ("actor=server".to_owned(), 2),
        ("action=key.create&actor=server".to_owned(), 1),
        ("from=2026-05-01T12:00:00Z".to_owned(), 6),
        ("from=2026-05-01T12:00:01Z".to_owned(), 0),
        ("to=2026-05-01T12:00:00Z".to_owned(), 0),
    ] {
        let found = world
            .get(&format!("/v1/audit?{query}"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            found["items"].as_array().expect("items").len(),
            count,
            "{query}"
        );
    }
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("after=x", "/after"),
        ("from=noon", "/from"),
        ("to=", "/to"),
        ("who=me", "/who"),
    ] {
        let refused = world.get(&format!("/v1/audit?{query}")).await.expect(400);
        assert_eq!(refused.json()["pointer"], pointer);
    }
}

#[tokio::test]
async fn an_export_as_csv_has_the_same_texts() {
    let world = World::with_sales().await;
    let entries = export(&world, &world.admin).await;
    let reply = world.get("/v1/audit/export?format=csv").await.expect(200);
    let mut table = csv::Reader::from_reader(reply.body.as_slice());
    let headers: Vec<String> = table
        .headers()
        .expect("a head")
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(headers, super::COLUMNS);
    let records: Result<Vec<_>, _> = table.records().collect();
    let records = records.expect("CSV");
    assert_eq!(records.len(), entries.len());
    for (record, entry) in records.iter().zip(&entries) {
        assert_eq!(&record[0], entry.sequence.to_string());
        assert_eq!(&record[10], entry.entry.before.clone().unwrap_or_default());
        assert_eq!(&record[11], entry.entry.after.clone().unwrap_or_default());
        assert_eq!(&record[12], entry.link.to_string());
    }
    let refused = world.get("/v1/audit/export?format=xml").await.expect(400);
    assert_eq!(refused.json()["pointer"], "/format");
}
