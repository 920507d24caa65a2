//! The same for the console: somebody whose role is held to rows is shown the
//! same pages and pictures, whether rows of others exist or not.
//!
//! The person looks at pools, views, saved questions, records as they come,
//! questions, charts, and at what keys see: of all that they read, and of a view
//! as one of them. Everything that the pages draw is fetched, too. Of a page ids,
//! sealed texts and the times of today are random.

use model::people::Totp;
use model::random::SeededRandom;
use model::time::Timestamp;
use serde_json::{Value, json};

use super::requests::{CONSTRAINTS, constraint, records};
use super::{Worlds, stored, views};
use crate::support::clock::seconds;
use crate::support::{Reply, Server, cases};

const PASSWORD: &str = "violet harbour under glass";
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const ROOT: &str = "/console/projects/default";
/// The saved queries that keys read, kept and not; of the datasets they read the totals.
const STORED: [&str; 4] = ["now-1", "now-3", "now-4", "kept-0"];

/// Somebody who signed in to one of the two.
struct Person<'a> {
    server: &'a Server,
    cookie: String,
    /// Names of what there is, and their ids on this server.
    ids: Vec<(String, String)>,
}

impl<'a> Person<'a> {
    /// Whom an answer shows the secret and codes of, signed in.
    fn of(server: &'a Server, name: &str, shown: &Value) -> Self {
        let recovery = &shown["recovery_codes"][0];
        let body = json!({ "sign_in": name, "password": PASSWORD, "recovery_code": recovery });
        let entered = server.post("", "/v1/sessions", &body);
        assert_eq!(entered.status, 201, "{}", entered.text());
        let cookie = entered.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        let ids = Vec::new();
        Self {
            server,
            cookie,
            ids,
        }
    }

    /// The first owner.
    fn owner(server: &'a Server) -> (Self, Value) {
        let first = json!({ "sign_in": "ada@example.com", "name": "Ada", "password": PASSWORD });
        let shown = server.post(&server.master(), "/v1/people/first", &first);
        let shown = shown.expect(201);
        (Self::of(server, "ada@example.com", &shown), shown)
    }

    /// An admin of the project who is held to rows.
    fn held(server: &'a Server, constraints: &Value) -> Self {
        let (owner, shown) = Self::owner(server);
        let secret = shown["app"]["secret"].as_str().expect("a secret");
        let app = Totp::parse(secret).expect("a secret");
        let me = server.get(&server.master(), "/v1/whoami").expect(200);
        let role = json!({ "role": "admin", "project": me["project"], "constraints": constraints });
        let invitation = json!({ "sign_in": "eve@example.com", "roles": [role],
            "code": app.shown_at(now(0)).as_str() });
        let invited = owner.call("POST", "/v1/invitations", Some(&invitation));
        let token = &invited.expect(201)["token"];
        let join = json!({ "token": token, "name": "Eve", "password": PASSWORD });
        let shown = server.post("", "/v1/invitations/accept", &join).expect(201);
        Self::of(server, "eve@example.com", &shown)
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let by = [("cookie", self.cookie.as_str()), OWN];
        let body = body.map(|body| body.to_string().into_bytes());
        let reply = self.server.send("", method, path, &by, body.as_deref());
        reply.expect("an answer")
    }

    /// Learns the id of something.
    fn learn(&mut self, name: &str, path: &str) {
        let found = self.server.get(&self.server.master(), path).expect(200);
        let id = found["id"].as_str().expect("an id").to_owned();
        self.ids.push((format!("{{{name}}}"), id));
    }

    /// Makes a key over these grants.
    fn make_key(&mut self, name: &str, grants: &Value) {
        let body = json!({ "name": name, "grants": grants });
        let made = self.call("POST", "/v1/keys", Some(&body)).expect(201);
        let id = made["id"].as_str().expect("an id").to_owned();
        self.ids.push((format!("{{{name}}}"), id));
    }

    /// The page at an address with names of ids in braces.
    fn page(&self, path: &str) -> Reply {
        let of_ids = self.ids.iter();
        let path = of_ids.fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{path} names what nobody knows");
        self.call("GET", &path, None)
    }
}

/// The time that both servers go by, so many seconds ago.
fn now(before: u64) -> Timestamp {
    let seconds = i64::try_from(seconds() - before).expect("seconds");
    Timestamp::from_microsecond(seconds * 1_000_000).expect("a time")
}

/// A page without what is random of it.
fn normal(html: &str) -> String {
    // A night may fall between a write and the page that tells of it.
    let days = [0, 86_400].map(|before| now(before).to_string());
    let days = days.each_ref().map(|day| day.get(..10).expect("a day"));
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut plain = String::new();
    let mut rest = html;
    while let Some(first) = rest.chars().next() {
        let word: &str = &rest[..rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())];
        if let Some(later) = days.iter().find_map(|day| rest.strip_prefix(day)) {
            // The time of the day goes as well.
            rest = later.trim_start_matches(|c: char| {
                c.is_ascii_digit() || matches!(c, ':' | '.' | 'T' | 'Z' | '%' | 'A' | ' ')
            });
            plain.push_str("TODAY");
        } else if word.is_empty() {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let is_id = match word.len() {
                26 => word
                    .chars()
                    .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()),
                36 => word.chars().all(|c| c.is_ascii_hexdigit() || c == '-'),
                _ => false,
            };
            let is_sealed = word.len() >= 50;
            plain.push_str(match (is_id, is_sealed) {
                (true, _) => "ID",
                (_, true) => "SEALED",
                _ => word,
            });
            rest = &rest[word.len()..];
        }
    }
    plain
}

/// Loads all records here and the visible ones there, one after the other: what came first is told
/// of records, and those of one batch came at once, in the order of what is random of their ids.
fn load(worlds: &Worlds, pool: &str, all: &[(Value, bool)]) {
    let path = format!("/v1/pools/{pool}/records");
    for batch in all.chunks(1) {
        let whole: Vec<&Value> = batch.iter().map(|(record, _)| record).collect();
        let visible = batch.iter().filter(|(_, is_visible)| *is_visible);
        let visible: Vec<&Value> = visible.map(|(record, _)| record).collect();
        for (server, records) in [(&worlds.full, whole), (&worlds.seen, visible)] {
            if !records.is_empty() {
                let stored = server.post(&server.master(), &path, &json!(records));
                assert_eq!(stored.expect(200)["rejected"], 0);
            }
        }
    }
}

/// The pictures that a page draws, in order.
fn pictures(html: &str) -> Vec<String> {
    let parts = html.split(['"', ' ']);
    let found = parts.filter(|part| part.starts_with("/console/") && part.contains(".svg?"));
    found.map(|part| part.replace("&#38;", "&")).collect()
}

/// Compares a page and all that it draws; answers how many were compared.
fn compare(full: &Person, seen: &Person, path: &str, canary: &str) -> (usize, String) {
    let (on_full, on_seen) = (full.page(path), seen.page(path));
    assert!(on_full.status < 500, "{path}: {}", on_full.text());
    let texts = [on_full.text(), on_seen.text()];
    assert_eq!(on_full.status, on_seen.status, "{path}");
    assert_eq!(normal(&texts[0]), normal(&texts[1]), "{path}");
    assert!(!texts[0].contains(canary), "{path} shows a hidden row");
    let mut compared = 1;
    let drawn = texts.each_ref().map(|html| pictures(html));
    for (on_full, on_seen) in drawn[0].iter().zip(&drawn[1]) {
        let (one, other) = (full.page(on_full), seen.page(on_seen));
        assert_eq!(one.status, 200, "{on_full}: {}", one.text());
        assert_eq!(normal(&one.text()), normal(&other.text()), "{on_full}");
        assert!(!one.text().contains(canary), "{on_full} draws a hidden row");
        compared += 1;
    }
    let [html, _] = texts;
    (compared, html)
}

/// The pages that are about rows of a pool.
fn pages(pool: &str) -> Vec<String> {
    let explore = |question: &str| format!("/explore?pool={pool}&{question}");
    let mut all: Vec<String> = [
        "",
        "?range=365",
        "/pools",
        "/pools/{pool}",
        "/pools/{pool}?filled=yes",
        "/pools/{pool}/records",
        "/pools/{pool}/records?live=no",
        "/pools/{pool}/records?turn=7&seen=01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/pools/{pool}/remove?f1=tag&o1=eq&v1=red",
        "/pools/{pool}/remove?f1=note&o1=ne&v1=x",
        "/pools/{pool}/remove?which=all",
        "/views",
        "/views/{records}",
        "/views/{aggregated}",
        "/views/{time_series}?timeframe=this_365_days&interval=weekly",
        "/saved",
        "/saved/{now}",
        "/saved/{kept}",
        "/saved/{series}",
        "/datasets/{totals}",
        "/datasets/{totals}?value_1=a",
        "/datasets/{totals}?value_1=d",
        "/keys",
        "/keys/review",
        "/keys/{all}/preview",
        "/keys/{some}/preview",
        "/keys/{nothing}/preview",
        "/keys/{all-stored}/preview",
        "/keys/{some-stored}/preview",
        "/keys/{nothing-stored}/preview",
        "/views/{records}?as={all}",
        "/views/{records}?as={some}",
        "/views/{records}?as={nothing}",
        "/views/{aggregated}?as={all}",
        "/views/{aggregated}?as={some}",
        "/views/{time_series}?as={all}&timeframe=this_5_years&interval=monthly",
        "/views/{time_series}?as={some}&timeframe=this_5_years&interval=monthly",
    ]
    .map(str::to_owned)
    .into();
    all.extend(
        [
            "analysis=count",
            "analysis=count&by1=tag",
            "analysis=count&by1=customer&order=desc&limit=3",
            "analysis=sum&field=amount&by1=tag&interval=monthly&timeframe=this_12_months",
            "analysis=average&field=n",
            "analysis=percentile&field=amount&percentile=90&by1=owner",
            "analysis=select_unique&field=note",
            "analysis=select_unique&field=extra.deep",
            "analysis=count_unique&field=tag&f1=tag&o1=ne&v1=red",
            "analysis=minimum&field=n&by1=note",
            "analysis=extraction",
            "analysis=extraction&f1=tag&o1=eq&v1=red",
            "analysis=sum&field=tag",
            "ask=several&functions=2&k1=count&k2=maximum&c2=n&by1=tag",
        ]
        .map(explore),
    );
    all.push(format!(
        "/explore?ask=funnel&steps=2&s1={pool}&u1=owner&s2={pool}&u2=owner&s2f1=tag&s2o1=eq&s2v1=red"
    ));
    all.into_iter()
        .map(|page| format!("{ROOT}{page}"))
        .collect()
}

/// Whether the key's own page of what it sees shows rows.
fn shows_rows(html: &str) -> bool {
    html.contains("What the key gets of ")
}

/// Of how many saved queries and datasets the key's own page tells.
fn stored_seen(html: &str) -> usize {
    let kinds = ["saved query", "dataset"];
    let kinds = kinds.map(|kind| format!("<span class=\"kind\">{kind}</span>"));
    let told = kinds.iter().map(|kind| html.matches(kind.as_str()).count());
    told.sum()
}

/// Whether a view's page shows rows as a key.
fn shows_as_key(html: &str) -> bool {
    html.contains("What it answers the key ") && html.contains("What the view answers")
}

#[test]
fn whoever_is_held_to_rows_is_shown_the_same_pages_whether_others_exist_or_not() {
    let (mut compared, mut drawn, mut rows, mut pools) = (0, 0, 0, 0);
    let (mut rows_of_stored, mut stored, mut as_key) = (0, 0, 0);
    for which in 0..CONSTRAINTS {
        let homes = [0, 1].map(|_| tempfile::tempdir().expect("a directory"));
        let worlds = Worlds {
            full: Server::start(homes[0].path()),
            seen: Server::start(homes[1].path()),
        };
        let (held, sees) = constraint(which);
        let mut full = Person::held(&worlds.full, &held);
        let mut seen = Person::held(&worlds.seen, &held);
        for case in 0..cases(1, 12) {
            let random = SeededRandom::new((100 * which + case) as u64);
            let pool = format!("pool{case}");
            let canary = format!("canary{:016x}", random.next_u64());
            let fields = json!([{"name": "at", "type": "DateTime"},
                {"name": "customer", "type": "String"},
                {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int64"}]);
            let defined = json!({"name": pool, "schema": "open", "time_field": "at",
                "isolation_field": "customer", "fields": fields});
            worlds.admin("/v1/pools", &defined);
            for view in views(&pool, &Value::Null) {
                worlds.admin("/v1/views", &view);
            }
            stored::define(&worlds, &pool);
            load(&worlds, &pool, &records(&random, &canary, sees));
            // What is kept was filled by who sees all rows.
            stored::fill(&worlds, &pool, &canary);
            for person in [&mut full, &mut seen] {
                person.ids.clear();
                person.learn("pool", &format!("/v1/pools/{pool}"));
                for shape in ["records", "aggregated", "time_series"] {
                    person.learn(shape, &format!("/v1/views/{pool}-{shape}"));
                }
                for (name, saved) in [("now", "now-2"), ("kept", "kept-0"), ("series", "now-3")] {
                    person.learn(name, &format!("/v1/saved-queries/{pool}-{saved}"));
                }
                person.learn("totals", &format!("/v1/datasets/{pool}-totals"));
                keys(person, &pool, &held);
            }
            for path in pages(&pool) {
                let (here, html) = compare(&full, &seen, &path, &canary);
                compared += here;
                drawn += here - 1;
                match path.contains("-stored}") {
                    true => rows_of_stored += usize::from(shows_rows(&html)),
                    false => rows += usize::from(shows_rows(&html)),
                }
                stored += stored_seen(&html);
                as_key += usize::from(shows_as_key(&html));
            }
            pools += 1;
        }
    }
    assert!(compared >= pools * 85, "{compared} pages and pictures");
    assert!(drawn >= pools * 36, "{drawn} pictures");
    assert!(rows >= pools, "{rows} keys were seen to see rows");
    assert!(rows_of_stored >= pools, "{rows_of_stored} keys of stored");
    let told = pools * 3 * (STORED.len() + 1);
    assert_eq!(stored, told, "each key was seen to read what is stored");
    assert!(as_key >= pools * 3, "{as_key} views showed rows as a key");
    println!("{compared} pages and pictures of {pools} pools, no difference");
}

/// The keys that a person looks through: over all of the own rows, over some,
/// and over none. Each has one beside it that reads what is stored: a page
/// shows the rows of a few things only.
fn keys(person: &mut Person, pool: &str, held: &Value) {
    let is = |field: &str, value: &str| json!([{"field": field, "operator": "eq", "value": value}]);
    for (name, more) in [
        ("all", json!([])),
        ("some", is("tag", "red")),
        ("nothing", is("tag", "nobody")),
    ] {
        let mut rows = held.as_array().expect("a list").clone();
        rows.extend(more.as_array().expect("a list").iter().cloned());
        let grant = |on: String, actions: &[&str]| {
            let rows = &rows;
            json!({ "on": on, "actions": actions, "constraints": rows })
        };
        let of_pool = ["query", "extract", "schema"];
        let mut reads = vec![grant(format!("pool:{pool}"), &of_pool)];
        for shape in ["records", "aggregated", "time_series"] {
            reads.push(grant(format!("view:{pool}-{shape}"), &["read"]));
        }
        person.make_key(name, &json!(reads));
        let mut reads = vec![grant(format!("dataset:{pool}-totals"), &["retrieve"])];
        for saved in STORED {
            reads.push(match saved.starts_with("kept") {
                true => grant(format!("cached:{pool}-{saved}"), &["read"]),
                false => grant(format!("saved:{pool}-{saved}"), &["run"]),
            });
        }
        person.make_key(&format!("{name}-stored"), &json!(reads));
    }
}
