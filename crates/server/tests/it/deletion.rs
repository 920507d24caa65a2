//! Random tokens that are deleted in each of the ways that there are: at once
//! no door gives one of them away.

use model::random::{RandomSource, SeededRandom};
use serde_json::{Value, json};

use crate::support::Server;

struct World {
    server: Server,
    master: String,
}

/// A text that is nowhere else.
fn token(random: &SeededRandom, kind: &str, n: usize) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{n}-{hex}")
}

impl World {
    fn start(home: &std::path::Path) -> Self {
        let server = Server::start(home);
        let master = server.master();
        let world = Self { server, master };
        for name in ["p", "q"] {
            let pool = json!({"name": name, "schema": "open", "isolation_field": "c", "unique": ["id"],
                "time_field": "at", "fields": [{"name": "c", "type": "String"},
                {"name": "id", "type": "String"}, {"name": "at", "type": "DateTime"}]});
            world.post("/v1/pools", &pool, 201);
        }
        let records = json!({"name": "records", "pool": "p", "shape": "records", "fields": [
            {"field": "id"}, {"field": "text"}]});
        let groups = json!({"name": "groups", "pool": "p", "shape": "aggregated", "fields": [
            {"field": "text", "group": true}, {"aggregate": "count", "as": "records"},
            {"field": "text", "aggregate": "first", "as": "first"},
            {"field": "id", "aggregate": "maximum", "as": "last"}]});
        for view in [records, groups] {
            world.post("/v1/views", &view, 201);
        }
        world
    }

    fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.server.post(&self.master, path, body).expect(status)
    }

    fn write(&self, pool: &str, records: Vec<Value>) {
        let count = records.len();
        let answer = self.post(&format!("/v1/pools/{pool}/records"), &records.into(), 200);
        assert_eq!(answer["accepted"], count);
    }

    /// The bytes of every answer that may hold something of a record.
    fn answers(&self) -> String {
        let mut all = String::new();
        for view in ["records", "groups"] {
            for format in ["json", "ndjson", "csv"] {
                let path = format!("/v1/views/{view}/data?format={format}");
                let reply = self.server.get(&self.master, &path);
                assert_eq!(reply.status, 200, "{}", reply.text());
                all += &reply.text();
            }
        }
        for path in ["/v1/pools/p/schema", "/v1/whoami", "/v1/pools"] {
            all += &self.server.get(&self.master, path).text();
        }
        all
    }
}

/// A record with its token as a value and as the name of a field.
fn record(id: &str, token: &str, at: &str) -> Value {
    json!({"c": "a", "id": id, "at": at, "text": token, format!("f{token}"): token})
}

#[test]
fn d13_no_door_gives_away_what_was_deleted() {
    let home = tempfile::tempdir().expect("a directory");
    let mut world = World::start(home.path());
    let (now, old) = ("2100-01-01T00:00:00Z", "2001-01-01T00:00:00Z");
    let random = SeededRandom::new(13);
    let tokens = |kind: &str| -> Vec<String> { (0..5).map(|n| token(&random, kind, n)).collect() };
    let write = |world: &World, pool: &str, tokens: &[String], at| {
        let records = tokens.iter().map(|token| record(&token[..6], token, at));
        world.write(pool, records.collect());
    };
    let (kept, deleted, replaced, aged) = (
        tokens("kept"),
        tokens("dele"),
        tokens("repl"),
        tokens("aged"),
    );
    for (tokens, at) in [
        (&kept, now),
        (&deleted, now),
        (&replaced, now),
        (&aged, old),
    ] {
        write(&world, "p", tokens, at);
    }
    let dropped = tokens("drop");
    write(&world, "q", &dropped, now);
    let all = world.answers();
    let there = |tokens: &[String], answers: &str| tokens.iter().all(|t| answers.contains(t));
    let gone = |tokens: &[String], answers: &str| !tokens.iter().any(|t| answers.contains(t));
    for tokens in [&kept, &deleted, &replaced, &aged] {
        assert!(
            there(tokens, &all),
            "what is looked for can be found: {tokens:?}"
        );
    }

    let some = json!({"filters": [{"field": "text", "operator": "starts_with", "value": "dele"}]});
    assert_eq!(
        world.post("/v1/pools/p/delete", &some, 200),
        json!({"deleted": 5})
    );
    let newer = tokens("newer");
    let records = replaced.iter().zip(&newer);
    let records = records.map(|(old, new)| record(&old[..6], new, now));
    world.write("p", records.collect());
    world
        .server
        .call(&world.master, "DELETE", "/v1/pools/q", None)
        .expect(204);
    let all = world.answers();
    for tokens in [&deleted, &replaced, &dropped] {
        assert!(gone(tokens, &all), "{tokens:?}");
    }

    let days = json!({"retention_days": 30});
    let patched = world
        .server
        .call(&world.master, "PATCH", "/v1/pools/p", Some(&days));
    assert_eq!(patched.expect(200)["retention_days"], 30);
    let mut looks = 0;
    while !gone(&aged, &world.answers()) {
        looks += 1;
        assert!(looks < 5_000, "upkeep takes them away soon");
    }
    for is_restarted in [false, true] {
        if is_restarted {
            world.server.kill();
            world.server = Server::start(home.path());
        }
        let all = world.answers();
        assert!(there(&kept, &all) && there(&newer, &all));
        for tokens in [&deleted, &replaced, &dropped, &aged] {
            assert!(gone(tokens, &all), "{tokens:?}");
        }
    }
}
