//! The way over from Keen: what one server answers by the dialect, another is
//! given by `tidegate import --from keen`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Speaking;
use super::questions::{asked, cases};
use super::writing::events;
use crate::cli::{Ran, command, ran, with_input};
use crate::support::Server;

/// A folder with exported files, and the server that they are imported into.
struct Move<'s> {
    folder: tempfile::TempDir,
    to: &'s Server,
}

impl<'s> Move<'s> {
    fn to(to: &'s Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, to }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Runs `tidegate import --from keen` with the master key.
    fn import(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let args = [&["import", "--from", "keen"], args].concat();
        command(
            &self.to.address,
            &self.to.master(),
            self.folder.path(),
            &args,
        )
    }

    /// The lines of a file of new keys, which nobody else can read.
    fn keys(&self, name: &str) -> Vec<Value> {
        let path = self.path(name);
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        let text = std::fs::read_to_string(path).expect("text");
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// What the dialect answers to a call of the master key.
fn told(speaking: &Speaking, method: &str, path: &str, body: Option<&Value>) -> Value {
    let reply = speaking.send(&speaking.master, method, path, body);
    assert!(reply.status < 300, "{path}: {}", reply.text());
    reply.json()
}

fn write(speaking: &Speaking, collection: &str, events: &[Value]) {
    let body = json!({ collection: events });
    let outcomes = speaking.send(&speaking.write, "POST", "events", Some(&body));
    let outcomes = outcomes.expect(200);
    let outcomes = outcomes[collection].as_array().expect("outcomes");
    assert!(
        outcomes.iter().all(|one| one["success"] == true),
        "{outcomes:?}"
    );
}

/// The answer to an extraction of everything, as it came.
fn extraction(speaking: &Speaking, collection: &str) -> String {
    let body = json!({ "event_collection": collection,
        "timeframe": { "start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z" } });
    let (status, text) = asked(speaking, &speaking.read, "extraction", &body, false);
    assert_eq!(status, 200, "{text}");
    text
}

/// A server of the dialect with the events of the contract's examples.
fn filled() -> Speaking {
    let speaking = Speaking::start();
    for (collection, events) in cases::collections() {
        write(&speaking, collection, &events);
    }
    speaking
}

/// What a pool is, apart from when and under which id it was made.
fn definition(server: &Server, pool: &str) -> Value {
    let mut pool = server
        .get(&server.master(), &format!("/v1/pools/{pool}"))
        .expect(200);
    let members = pool.as_object_mut().expect("an object");
    for name in ["id", "created_at"] {
        members.remove(name).expect(name);
    }
    pool
}

/// All events of a collection by their ids: events of one instant come in the
/// order of the ids that a server gave them itself.
fn by_id(speaking: &Speaking, collection: &str) -> Vec<Value> {
    let mut events = events(speaking, collection);
    events.sort_by_key(|event| event["keen"]["id"].as_str().map(str::to_owned));
    events
}

#[test]
fn events_that_were_moved_answer_the_same_questions() {
    let (from, to) = (filled(), Speaking::start());
    let odd = json!({ "name": "an odd \"one\" ] }", "nested": { "list": [{ "a": [1, 2.5, "x"] }], "none": null },
        "wide": 9_007_199_254_740_993_i64, "keen": { "timestamp": "2024-03-04T23:59:59.999+05:30",
        "location": { "coordinates": [13.4, 52.5] } } });
    write(&from, "orders", &[odd]);
    let moving = Move::to(&to.server);
    for (collection, _) in cases::collections() {
        let file = format!("{collection}.json");
        moving.write(&file, extraction(&from, collection));
        let done = moving.import(&[&file, "--json"]).expect(0).json();
        assert_eq!(done["created"], true, "{done}");
        assert_eq!(
            (&done["pool"], &done["rejected"]),
            (&json!(collection), &json!(0))
        );
        assert_eq!(
            definition(&from.server, collection),
            definition(&to.server, collection)
        );
        // Every event as it was, its id and the time of its arrival included.
        assert_eq!(by_id(&from, collection), by_id(&to, collection));
        // The same file again is the same events.
        moving.import(&[&file]).expect(0);
        assert_eq!(by_id(&from, collection), by_id(&to, collection));
    }
    assert_eq!(events(&to, "orders").len(), 6);
    for (kind, rest, _) in cases::cases() {
        let body = cases::orders(&rest);
        let one = asked(&from, &from.read, kind, &body, false);
        let other = asked(&to, &to.read, kind, &body, false);
        assert_eq!(one, other, "{kind} {rest}");
        assert_eq!(one.0, 200, "{}", one.1);
    }
}

#[test]
fn lists_and_lines_are_the_same_events_and_faults_are_listed_by_number() {
    let (from, to) = (filled(), Speaking::start());
    let moving = Move::to(&to.server);
    let sent = events(&from, "orders");
    moving.write(
        "list.json",
        serde_json::to_string_pretty(&json!(sent)).expect("text"),
    );
    let lines: Vec<String> = sent.iter().map(Value::to_string).collect();
    moving.write("lines.jsonl", lines.join("\n"));
    moving.import(&["list.json", "--batch-size", "2"]).expect(0);
    moving.import(&["lines.jsonl"]).expect(0);
    let stdin = with_input(
        &mut moving.command(&["-", "--pool", "stdin"]),
        &json!(sent).to_string(),
    );
    stdin.expect(0);
    for pool in ["list", "lines", "stdin"] {
        assert_eq!(events(&to, pool), sent, "{pool}");
    }
    // One without its time, and one whose time is none.
    let bad = json!([sent[0], { "a": 1 }, { "keen": { "timestamp": "yesterday" } }, sent[1]]);
    moving.write("bad.json", bad.to_string());
    let told = moving.import(&["bad.json", "--json"]).expect(1).json();
    assert_eq!(
        (&told["accepted"], &told["rejected"]),
        (&json!(2), &json!(2))
    );
    let faults = told["errors"].as_array().expect("faults");
    assert_eq!(
        (&faults[0]["event"], &faults[1]["event"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(faults[1]["field"], "keen.timestamp", "{told}");
    assert_eq!(events(&to, "bad").len(), 2);
    // Of a file that was cut off nothing is stored, not even its collection.
    let whole = extraction(&from, "orders");
    moving.write("cut.json", &whole[..whole.len() / 2]);
    let told = moving.import(&["cut.json"]).expect(4);
    assert!(
        told.err.contains("cut.json cannot be read: "),
        "{}",
        told.err
    );
    to.server
        .get(&to.server.master(), "/v1/pools/cut")
        .expect(404);
    for (args, rule) in [
        (
            &["list.json", "--time-field", "at"][..],
            "make the pool first",
        ),
        (&["list.json", "--format", "csv"], "read from JSON"),
        (&["list.json", "--pool", "a/b"], "give --pool NAME"),
    ] {
        let told = moving.import(args).expect(2);
        assert!(told.err.contains(rule), "{}", told.err);
    }
}

/// Keys of Keen as it lists them: two of customers, one revoked, one that
/// nobody can make.
fn keys() -> Value {
    let key = |digit: &str, name: &str, is_active: bool, permitted: Value, options: Value| {
        json!({ "key": digit.repeat(64), "project_id": "5011efa95f546f2ce2000000", "name": name,
            "is_active": is_active, "permitted": permitted, "options": options })
    };
    let own = json!([{ "property_name": "customer.id", "operator": "eq", "property_value": "c1" }]);
    let groups = |queries: Value, writes: Value| {
        json!({ "writes": writes, "queries": queries, "saved_queries": null,
        "cached_queries": null, "datasets": null })
    };
    json!([
        key(
            "A",
            "c1 reads",
            true,
            json!(["queries"]),
            groups(json!({ "filters": own }), Value::Null)
        ),
        key(
            "B",
            "c1 writes",
            true,
            json!(["writes"]),
            groups(
                Value::Null,
                json!({ "autofill": { "customer": { "id": "c1" } } })
            )
        ),
        key("C", "gone", false, json!(["queries"]), json!({})),
        key("D", "two of a kind", true, json!(["schema"]), json!({})),
        key("E", "two of a kind", true, json!(["schema"]), json!({})),
        key(
            "F",
            "not known here",
            true,
            json!(["queries", "teleport"]),
            json!({})
        ),
    ])
}

#[test]
fn keys_are_made_anew_once_and_hold_what_they_held() {
    let home = tempfile::tempdir().expect("a folder");
    let server = Server::start(home.path());
    let moving = Move::to(&server);
    moving.write("keys.json", keys().to_string());
    let list = || {
        let keys = server.get(&server.master(), "/v1/keys").expect(200);
        let keys = keys["items"].as_array().expect("keys").iter();
        keys.map(|key| json!([key["id"], key["name"], key["status"]]))
            .collect::<Vec<_>>()
    };
    let before = list();
    // No place for their text, or no dialect: then no key, and no file.
    for (args, rule) in [
        (&["--keys", "keys.json"][..], "give --out FILE"),
        (&["--keys", "keys.json", "--out", "new"], "give --switch-on"),
        (&["--keys", "keys.json", "--out", "keys.json"], ""),
    ] {
        let told = moving.import(args);
        assert!(
            told.err.contains(rule) && told.out.is_empty(),
            "{}",
            told.err
        );
        assert_eq!(
            (list(), moving.path("new").exists()),
            (before.clone(), false)
        );
    }
    let args = [
        "--keys",
        "keys.json",
        "--switch-on",
        "--out",
        "new",
        "--json",
    ];
    let done = moving.import(&args).expect(1);
    let outcomes = |told: &Value| -> Vec<String> {
        let rows = told["keys"].as_array().expect("keys");
        let rows = rows
            .iter()
            .map(|row| row["outcome"].as_str().expect("text").to_owned());
        rows.collect()
    };
    let told = done.json();
    assert_eq!(
        outcomes(&told),
        ["made", "made", "made", "made", "made", "refused"]
    );
    assert_eq!(told["switched_on"], true);
    assert_eq!(told["keys"][0]["old_key"], "AAAAAAAA…");
    assert!(
        told["keys"][5]["reason"]
            .as_str()
            .expect("why")
            .contains("permitted has of"),
        "{told}"
    );
    let new = moving.keys("new");
    let key = |name: &str| {
        let line = new.iter().find(|line| line["name"] == name).expect(name);
        line["key"].as_str().expect("a key").to_owned()
    };
    assert_eq!(new.len(), 8, "three of the dialect, five of the list");
    assert_eq!(new[3]["old_key"], "A".repeat(64));
    for line in &new {
        let text = line["key"].as_str().expect("a key");
        assert!(
            !done.out.contains(text) && !done.err.contains(text),
            "{line}"
        );
    }
    // The keys hold what Keen's held.
    let base = format!(
        "/3.0/projects/{}",
        new[0]["project_id"].as_str().expect("an id")
    );
    let send = |key: &str, path: &str, body: Value| {
        let path = format!("{base}/{path}");
        let headers = [("authorization", key)];
        let body = body.to_string().into_bytes();
        server
            .send("", "POST", &path, &headers, Some(&body))
            .expect("an answer")
    };
    let other = json!({ "customer": { "id": "c2" } });
    send(&key("write_key"), "events/orders", other.clone()).expect(201);
    send(&key("c1 writes"), "events/orders", other).expect(201);
    let count = json!({ "event_collection": "orders", "timeframe": "this_2_days" });
    assert_eq!(
        send(&key("c1 reads"), "queries/count", count.clone()).expect(200)["result"],
        1
    );
    assert_eq!(
        send(&key("read_key"), "queries/count", count.clone()).expect(200)["result"],
        2
    );
    assert_eq!(send(&key("gone"), "queries/count", count).status, 401);
    // A second run makes none, and says where one is in force that was not.
    let made = list();
    let again = moving
        .import(&["--keys", "keys.json", "--switch-on", "--out", "again"])
        .expect(1);
    assert_eq!(
        (list(), moving.path("again").exists()),
        (made.clone(), false)
    );
    assert!(
        again.out.contains("there already") && again.err.contains("left out: 1 of 6"),
        "{}{}",
        again.out,
        again.err
    );
    let gone = made.iter().find(|key| key[1] == "gone").expect("it");
    let gone = format!("/v1/keys/{}/enable", gone[0].as_str().expect("an id"));
    server.post(&server.master(), &gone, &json!({})).expect(200);
    let told = moving
        .import(&["--keys", "keys.json", "--out", "again", "--json"])
        .expect(1)
        .json();
    assert_eq!(
        told["keys"][2]["reason"],
        "it is active here, and revoked at Keen"
    );
    // Words that differ are another key.
    let mut keys = keys();
    keys[0]["options"]["queries"]["filters"][0]["property_value"] = json!("c3");
    moving.write("keys.json", keys.to_string());
    let told = moving
        .import(&["--keys", "keys.json", "--out", "again", "--json"])
        .expect(1)
        .json();
    assert_eq!(outcomes(&told)[..2], ["made", "there_already"]);
    assert_eq!(moving.keys("again").len(), 1);
}

#[test]
fn saved_queries_and_datasets_answer_as_they_did() {
    let (from, to) = (filled(), filled());
    let query = json!({ "analysis_type": "sum", "event_collection": "orders", "target_property": "amount",
        "timeframe": cases::tf(), "group_by": "customer.id", "filters": [] });
    let saved = json!({ "query": query, "metadata": { "display_name": "Sums", "visualization": { "chart_type": "bar" } } });
    told(&from, "PUT", "queries/saved/sums", Some(&saved));
    let cached = json!({ "query": { "analysis_type": "count", "event_collection": "visits", "timeframe": cases::tf() },
        "refresh_rate": 14_400 });
    told(&from, "PUT", "queries/saved/visits", Some(&cached));
    let dataset = json!({ "display_name": "Orders by customer", "index_by": "customer.id", "query": {
        "analysis_type": "count", "event_collection": "orders", "timeframe": "this_10_years", "interval": "yearly" } });
    told(&from, "PUT", "datasets/by-customer", Some(&dataset));
    let moving = Move::to(&to.server);
    moving.write(
        "saved.json",
        told(&from, "GET", "queries/saved", None).to_string(),
    );
    moving.write(
        "sets.json",
        told(&from, "GET", "datasets", None).to_string(),
    );
    let args = [
        "--saved-queries",
        "saved.json",
        "--datasets",
        "sets.json",
        "--json",
    ];
    let done = moving.import(&args).expect(0).json();
    let all = |done: &Value, word: &str| {
        let rows = [&done["saved_queries"], &done["datasets"]];
        let rows: Vec<&Value> = rows
            .iter()
            .flat_map(|rows| rows.as_array().expect("rows"))
            .collect();
        assert_eq!(rows.len(), 3, "{done}");
        rows.iter().all(|row| row["outcome"] == word)
    };
    assert!(all(&done, "made"), "{done}");
    for name in ["sums", "visits"] {
        let path = format!("queries/saved/{name}");
        let (one, other) = (
            told(&from, "GET", &path, None),
            told(&to, "GET", &path, None),
        );
        for member in ["query", "metadata", "refresh_rate"] {
            assert_eq!(one[member], other[member], "{name}");
        }
        let path = format!("{path}/result");
        let (one, other) = (
            told(&from, "GET", &path, None),
            told(&to, "GET", &path, None),
        );
        assert_eq!(one["result"], other["result"], "{name}");
        assert_ne!(one["result"], json!([]), "{name}");
    }
    let results = "datasets/by-customer/results?index_by=c1&timeframe=this_10_years";
    assert_eq!(
        told(&from, "GET", results, None)["result"],
        told(&to, "GET", results, None)["result"]
    );
    // Again nothing is done, and what was changed here stays as it is.
    assert!(all(&moving.import(&args).expect(0).json(), "there_already"));
    let mut changed = saved;
    changed["query"]["target_property"] = json!("tax");
    told(&to, "PUT", "queries/saved/sums", Some(&changed));
    let kept = moving.import(&args).expect(1).json();
    let sums = kept["saved_queries"]
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["name"] == "sums");
    assert_eq!(sums.expect("it")["outcome"], "differs");
    let here = told(&to, "GET", "queries/saved/sums", None);
    assert_eq!(here["query"]["target_property"], "tax");
    // A list that is none makes nothing, and says what is wrong with it.
    moving.write("saved.json", "[{\"query_name\": \"a\",}]");
    let told = moving.import(&args).expect(2);
    assert!(
        told.err.contains("saved.json is not JSON: ") && told.err.contains("line 1"),
        "{}",
        told.err
    );
}
