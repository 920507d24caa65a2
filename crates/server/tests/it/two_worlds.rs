//! Two servers, one loaded with everything, one with only what a key sees:
//! the key gets the same bytes from both, through every door there is.
//!
//! Ids, cursors and request ids are random and taken out before comparing;
//! cursors are followed instead. What is kept was filled before by a key that
//! sees all rows. What is left of a rate at an instant depends on how fast the
//! test asks, and is taken out as well: `crates/web/src/metering/tests.rs`
//! compares it under a clock that stands still.

mod console;
mod replacing;
mod requests;
mod stored;

use std::collections::BTreeSet;
use std::path::Path;

use model::keys::Envelope;
use model::random::SeededRandom;
use model::secrets::Secret;
use model::time::Timestamp;
use serde_json::{Value, json};

use crate::support::launch::SMALL_LIMITS;
use crate::support::upkeep::Upkeep;
use crate::support::{Reply, Server, cases};
use requests::{Request, analyses, constraints, every_route, records, requests};

/// The fields of the draft of rate limits stand in every answer to a key that has such a limit.
const RATE_HEADERS: [&str; 2] = ["--rate-limit-headers", "on"];

/// Requests a second of a key that is held to a rate: more than a test comes to.
const RATE: u32 = 100_000;

/// What a key of a case is held to.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    credits: bool,
    rate: bool,
}

struct Worlds {
    full: Server,
    seen: Server,
}

/// A key of one case, with its token on either server.
struct Tokens {
    full: String,
    seen: String,
    /// Whether it has credits, of which the same must be left after each request.
    is_metered: bool,
}

impl Worlds {
    /// Two servers with these options.
    fn start([full, seen]: [&Path; 2], options: &[&str]) -> Self {
        let options: Vec<&str> = options.iter().chain(&RATE_HEADERS).copied().collect();
        Self {
            full: Server::start_with(full, &options),
            seen: Server::start_with(seen, &options),
        }
    }

    fn admin(&self, path: &str, body: &Value) {
        for server in [&self.full, &self.seen] {
            server.post(&server.master(), path, body).expect(201);
        }
    }

    /// Tokens derived from keys that see all rows, which leave of these grants
    /// what the grants' own constraints say.
    fn derived(&self, grants: &Value) -> Tokens {
        let made = [&self.full, &self.seen].map(|server| {
            let mut wide = grants.clone();
            for grant in wide.as_array_mut().expect("a list") {
                grant["constraints"] = json!("all_rows");
            }
            let body = json!({ "name": "derives", "grants": wide, "derived_tokens": true });
            let made = server.post(&server.master(), "/v1/keys", &body).expect(201);
            (server, made)
        });
        // Both servers go by the clock of one machine.
        let now = made[0].1["created_at"].as_str().expect("a time");
        let now = Timestamp::parse(now).expect("a time").as_microsecond() / 1_000_000;
        let [full, seen] = made.map(|(server, made)| {
            let token = made["token"].as_str().expect("a token");
            let me = server.get(token, "/v1/whoami").expect(200);
            let kept = me["grants"].as_array().expect("grants").iter();
            let narrower = grants.as_array().expect("grants").iter();
            let kept = kept.zip(narrower).map(|(held, narrower)| {
                json!({ "id": held["id"], "constraints": narrower["constraints"] })
            });
            let kept: Vec<Value> = kept.collect();
            derive((token, now), &me["project"], &json!(kept))
        });
        Tokens {
            full,
            seen,
            is_metered: false,
        }
    }

    /// Keys that asked for all rows, of makers that have these grants.
    fn issued(&self, grants: &Value) -> Tokens {
        let on = |server: &Server| {
            let mut held = grants.clone();
            let issue = json!({ "on": "project", "actions": ["issue"] });
            held.as_array_mut().expect("a list").push(issue);
            let maker = server.key("maker", &held);
            let mut wide = grants.clone();
            for grant in wide.as_array_mut().expect("a list") {
                grant["constraints"] = json!("all_rows");
            }
            let body = json!({ "name": "issued", "grants": wide });
            let made = server.post(&maker, "/v1/issued-keys", &body).expect(201);
            made["token"].as_str().expect("a token").to_owned()
        };
        Tokens {
            full: on(&self.full),
            seen: on(&self.seen),
            is_metered: false,
        }
    }

    fn key(&self, kind: &str, grants: &Value, limits: Limits) -> Tokens {
        let mut body = json!({"name": "reader", "kind": kind, "grants": grants});
        if limits.credits {
            let credits = json!({ "amount": 1_000_000_000, "period": "month" });
            body["limits"]["credits"] = json!({ "core": credits, "premium": credits });
        }
        if limits.rate {
            body["limits"]["requests_per_second"] = json!(RATE);
        }
        let key = |server: &Server| {
            let made = server.post(&server.master(), "/v1/keys", &body).expect(201);
            made["token"].as_str().expect("a token").to_owned()
        };
        Tokens {
            full: key(&self.full),
            seen: key(&self.seen),
            is_metered: limits.credits,
        }
    }

    /// Changes a pool with its views, one after the other.
    fn change(&self, pool: &str, change: &Value) {
        let views = ["records", "aggregated", "time_series"];
        let views = views.map(|shape| format!("/v1/views/{pool}-{shape}"));
        for path in std::iter::once(format!("/v1/pools/{pool}")).chain(views) {
            for server in [&self.full, &self.seen] {
                let reply = server.call(&server.master(), "PATCH", &path, Some(change));
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
        }
    }

    /// Loads the records: all of them here, the visible ones there, in
    /// differently cut batches.
    fn load(&self, pool: &str, records: &[(Value, bool)], random: &SeededRandom) {
        let path = format!("/v1/pools/{pool}/records");
        let mut rest = records;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(rest.len().min(1 + requests::pick(random, 40)));
            let all: Vec<&Value> = batch.iter().map(|(record, _)| record).collect();
            let stored = self
                .full
                .post(&self.full.master(), &path, &json!(all))
                .expect(200);
            assert_eq!(stored["rejected"], 0, "{stored}");
            rest = later;
        }
        let visible: Vec<&Value> = records.iter().filter(|(_, v)| *v).map(|(r, _)| r).collect();
        if !visible.is_empty() {
            self.seen
                .post(&self.seen.master(), &path, &json!(visible))
                .expect(200);
        }
    }

    /// Sends one request to both and compares; answers the reply of either.
    fn compare(&self, tokens: &Tokens, request: &Request, canary: &str) -> (Reply, Reply) {
        let ask = |server: &Server, token: &str| {
            let body = request
                .body
                .as_ref()
                .map(|body| body.to_string().into_bytes());
            let accept = [("accept", request.accept)];
            server
                .send(
                    token,
                    request.method,
                    &request.path,
                    &accept,
                    body.as_deref(),
                )
                .expect("an answer")
        };
        let (full, seen) = (ask(&self.full, &tokens.full), ask(&self.seen, &tokens.seen));
        let case = format!("{request:?}");
        assert!(full.status < 500, "{case}: {}", full.text());
        assert_eq!(normal(&full), normal(&seen), "{case}");
        for reply in [&full, &seen] {
            let leaks = reply
                .body
                .windows(canary.len())
                .any(|w| w == canary.as_bytes());
            assert!(!leaks, "{case} shows a hidden row");
        }
        if tokens.is_metered {
            let left = self.left(tokens);
            assert_eq!(left[0], left[1], "{case} cost more by hidden rows");
        }
        (full, seen)
    }

    /// What is left of a key's credits here and there.
    fn left(&self, tokens: &Tokens) -> [Value; 2] {
        let sides = [(&self.full, &tokens.full), (&self.seen, &tokens.seen)];
        sides.map(|(server, token)| {
            let who = server.get(token, "/v1/whoami").expect(200);
            let left = who["left"]["credits"].clone();
            assert!(left.is_object(), "{who}");
            left
        })
    }

    /// Compares a page and, by each server's own cursors, the pages after it and back again.
    fn walk(&self, tokens: &Tokens, request: &Request, canary: &str) -> usize {
        let mut asked = 1;
        let (mut full, mut seen) = self.compare(tokens, request, canary);
        for member in ["after", "after", "before", "before"] {
            let cursor = |reply: &Reply| {
                let body: Value = serde_json::from_slice(&reply.body).ok()?;
                body[member].as_str().map(str::to_owned)
            };
            let (Some(on_full), Some(on_seen)) = (cursor(&full), cursor(&seen)) else {
                break;
            };
            let Some(Value::Object(body)) = &request.body else {
                break;
            };
            let with = |cursor: String| {
                let mut body = body.clone();
                body.insert(member.to_owned(), Value::String(cursor));
                Value::Object(body).to_string().into_bytes()
            };
            let next = |server: &Server, token: &str, body: Vec<u8>| {
                server
                    .send(token, "POST", &request.path, &[], Some(&body))
                    .expect("an answer")
            };
            full = next(&self.full, &tokens.full, with(on_full));
            seen = next(&self.seen, &tokens.seen, with(on_seen));
            assert_eq!(full.status, 200, "{}", full.text());
            assert_eq!(normal(&full), normal(&seen), "{request:?} {member}");
            asked += 1;
        }
        asked
    }
}

/// A token of a day that keeps these grants.
fn derive((token, now): (&str, i64), project: &Value, grants: &Value) -> String {
    let ends = now + 86_400;
    let claims = json!({ "aud": project, "iat": now, "exp": ends,
        "jti": format!("{ends}-0123456789abcdef"), "grants": grants });
    let claims = model::json::parse(claims.to_string().as_bytes()).expect("JSON");
    let secret = Secret::parse(token).expect("a token");
    Envelope::derive(&secret, &claims).expect("claims")
}

/// What must be equal of a reply: status, headers, body, without what is random and without
/// whether the connection ends, which depends on when a refused body arrived. A time that is
/// random has its own length.
fn normal(reply: &Reply) -> (u16, BTreeSet<(String, String)>, String) {
    let mut text = format!("{:?}", String::from_utf8_lossy(&reply.body));
    let mut left_out = vec!["date", "x-request-id", "connection", "etag"];
    if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) {
        let sent = body.clone();
        take_out_random(&mut body);
        if body != sent {
            left_out.push("content-length");
        }
        text = body.to_string();
    }
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()))
        .map(|(name, value)| match name.as_str() {
            "ratelimit" => (name.to_string(), timeless_rate(value)),
            _ => (name.to_string(), format!("{value:?}")),
        })
        .collect();
    (reply.status, headers, text)
}

/// The field `RateLimit` without how many requests are left.
fn timeless_rate(value: &ureq::http::HeaderValue) -> String {
    let text = value.to_str().expect("ASCII");
    let (before, left) = text.split_once(";r=").expect("what is left");
    let after = left.trim_start_matches(|c: char| c.is_ascii_digit());
    assert!(after.len() < left.len(), "{text}");
    format!("{before};r={after}")
}

fn take_out_random(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if value.is_string()
                    && [
                        "after",
                        "before",
                        "next",
                        "request_id",
                        "id",
                        "_id",
                        "_ingested_at",
                        "_key",
                        "created_at",
                        "last_used_at",
                        "first_used_at",
                        "first_at",
                        "last_at",
                        "hint",
                        "project",
                        "issued_by",
                        "created_by",
                    ]
                    .contains(&name.as_str())
                {
                    *value = json!("random");
                } else if name == "run" && value["at"].is_string() {
                    value["at"] = json!("random");
                } else {
                    if name == "left" && value["requests_per_second"].is_number() {
                        value["requests_per_second"] = json!("random");
                    }
                    take_out_random(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(take_out_random),
        _ => {}
    }
}

fn views(pool: &str, filters: &Value) -> [Value; 3] {
    let view = |shape: &str, fields: Value| {
        json!({"name": format!("{pool}-{shape}"), "pool": pool, "shape": shape, "fields": fields,
               "filters": filters})
    };
    let mut series = view(
        "time_series",
        json!([
        {"field": "tag", "group": true}, {"aggregate": "count"},
        {"field": "amount", "aggregate": "average"}, {"field": "n", "aggregate": "maximum", "as": "top"}]),
    );
    series["interval_field"] = json!("at");
    [
        view(
            "records",
            json!([{"field": "at"}, {"field": "amount"}, {"field": "n"}, {"field": "tag"},
            {"field": "note"}, {"field": "extra.deep", "as": "deep"}]),
        ),
        view(
            "aggregated",
            json!([
            {"field": "tag", "group": true}, {"aggregate": "count"},
            {"field": "amount", "aggregate": "sum"}, {"field": "n", "aggregate": "sum", "as": "total"},
            {"field": "n", "aggregate": "standard_deviation", "as": "spread"},
            {"field": "note", "aggregate": "count_unique", "as": "notes"},
            {"field": "amount", "aggregate": "percentile", "percentile": 90, "as": "p90"},
            {"field": "note", "aggregate": "last", "as": "latest"}]),
        ),
        series,
    ]
}

#[test]
fn a_key_gets_the_same_bytes_whether_hidden_rows_exist_or_not() {
    let homes = [(); 4].map(|()| tempfile::tempdir().expect("a directory"));
    let [full, seen, full_in_files, seen_in_files] = &homes;
    let in_memory = Worlds::start([full.path(), seen.path()], &[]);
    let in_files = Worlds::start([full_in_files.path(), seen_in_files.path()], SMALL_LIMITS);
    let (mut asked, mut answered, mut shown, mut drawn, mut same) = (0, 0, 0, 0, 0);
    let (mut charged, mut rated) = (0, 0);
    let cases = cases(25, 400);
    for case in 0..cases {
        let random = SeededRandom::new(case as u64);
        // In half of the cases all records are in files, which are merged meanwhile.
        let is_in_files = case / 4 % 2 == 1;
        let worlds = if is_in_files { &in_files } else { &in_memory };
        let layout = ["shared", "file_per_customer"][case / 8 % 2];
        let pool = format!("pool{case}");
        let canary = format!("canary{:016x}{:016x}", random.next_u64(), random.next_u64());
        let (constraint, sees) = constraints(&random);
        let (side, (other, sees_other)) = (format!("{pool}-side"), constraints(&random));
        let filters = if case % 3 == 0 {
            json!([{"field": "n", "operator": "exists", "value": true}])
        } else {
            Value::Null
        };
        let needs_n = !filters.is_null();
        for name in [&pool, &side] {
            worlds.admin(
                "/v1/pools",
                &json!({"name": name, "schema": "open", "time_field": "at",
                "isolation_field": "customer", "layout": layout,
                "fields": [{"name": "at", "type": "DateTime"}, {"name": "customer", "type": "String"},
                           {"name": "amount", "type": "Float64"}, {"name": "n", "type": "Int64"}]}),
            );
        }
        for view in views(&pool, &filters) {
            worlds.admin("/v1/views", &view);
        }
        stored::define(worlds, &pool);
        let mut grants = json!([
            {"on": format!("view:{pool}-records"), "actions": ["read"], "constraints": constraint},
            {"on": format!("view:{pool}-aggregated"), "actions": ["read"], "constraints": constraint},
            {"on": format!("view:{pool}-time_series"), "actions": ["read"], "constraints": constraint},
            {"on": format!("pool:{pool}"), "actions": ["query", "extract", "schema", "delete"], "constraints": constraint},
            {"on": format!("pool:{side}"), "actions": ["query"], "constraints": other}]);
        let all = grants.as_array_mut().expect("a list");
        let kind = match case % 4 {
            // The same by the tier, which no other pool is of at this time.
            1 => {
                worlds.change(&pool, &json!({"tier": "premium"}));
                all.drain(..3);
                all[0]["actions"] = json!(["delete"]);
                all.push(json!({"on": "tier:premium", "constraints": constraint,
                    "actions": ["query", "extract", "schema", "read"]}));
                "secret"
            }
            // In a page, with grants on what was public that see nothing now.
            2 => {
                worlds.change(&pool, &json!({"public": true}));
                let opened = json!([
                    {"on": format!("view:{pool}-records"), "actions": ["read"], "constraints": "all_rows"},
                    {"on": format!("pool:{pool}"), "actions": ["query", "extract", "schema"], "constraints": "all_rows"}]);
                all.splice(..1, opened.as_array().expect("a list").iter().cloned());
                all[4]["actions"] = json!(["query", "extract", "schema"]);
                "publishable"
            }
            _ => "secret",
        };
        all.extend(stored::grants(&constraint));
        // A key in a page is told nothing of what is left.
        let is_metered = case % 3 == 0 && case % 5 != 0 && kind == "secret";
        // Keys that are issued, and derived tokens, have none of their own to be compared with.
        let is_rated = matches!(case % 5, 1 | 3);
        let limits = Limits {
            credits: is_metered,
            rate: is_rated,
        };
        let tokens = worlds.key(kind, &grants, limits);
        let before = is_metered.then(|| worlds.left(&tokens)[0].clone());
        if kind == "publishable" {
            worlds.change(&pool, &json!({"public": false}));
        }
        let records: Vec<(Value, bool)> = records(&random, &canary, sees);
        worlds.load(&pool, &records, &random);
        let beside = self::records(&random, &canary, sees_other);
        worlds.load(&side, &beside, &random);
        if is_in_files {
            for server in [&worlds.full, &worlds.seen] {
                Upkeep::wait_for(server, |upkeep| upkeep.waiting == 0);
            }
        }
        shown += usize::from(stored::fill(worlds, &pool, &canary) > 0);
        for request in every_route(&pool) {
            worlds.compare(&tokens, &request, &canary);
            asked += 1;
        }
        for request in analyses(&random, &pool, &side) {
            if request
                .body
                .as_ref()
                .is_some_and(|body| body["analysis"] == "extraction")
            {
                asked += worlds.walk(&tokens, &request, &canary);
                continue;
            }
            let (reply, _) = worlds.compare(&tokens, &request, &canary);
            answered += usize::from(reply.status == 200);
            asked += 1;
        }
        for request in stored::requests(&pool) {
            worlds.compare(&tokens, &request, &canary);
            asked += 1;
        }
        if kind == "secret" && case % 5 == 0 && constraint.is_array() && other.is_array() {
            // Of each case one of the two, in turn.
            let other = match case % 10 {
                0 => worlds.issued(&grants),
                _ => worlds.derived(&grants),
            };
            for request in every_route(&pool) {
                worlds.compare(&other, &request, &canary);
                asked += 1;
            }
            for request in analyses(&random, &pool, &side) {
                // The same bytes as for a key that has just that.
                let (by_other, _) = worlds.compare(&other, &request, &canary);
                let (by_key, _) = worlds.compare(&tokens, &request, &canary);
                assert_eq!(normal(&by_other), normal(&by_key), "{request:?}");
                same += usize::from(by_other.status == 200);
            }
            for request in stored::requests(&pool) {
                let (by_other, _) = worlds.compare(&other, &request, &canary);
                let (by_key, _) = worlds.compare(&tokens, &request, &canary);
                assert_eq!(normal(&by_other), normal(&by_key), "{request:?}");
            }
        }
        drawn += stored::by_tickets(worlds, &tokens, &pool, &canary);
        for request in requests(&random, &pool, needs_n) {
            let deletes = request.path.ends_with("/delete");
            asked += worlds.walk(&tokens, &request, &canary);
            if deletes {
                for request in stored::results(&pool) {
                    worlds.compare(&tokens, &request, &canary);
                    asked += 1;
                }
            }
        }
        if is_rated {
            let request = Request {
                method: "GET",
                path: "/v1/whoami".to_owned(),
                accept: "*/*",
                body: None,
            };
            let (full, seen) = worlds.compare(&tokens, &request, &canary);
            for reply in [full, seen] {
                let policy = format!("\"second\";q={RATE};w=1");
                assert_eq!(reply.header("ratelimit-policy"), Some(&*policy));
                assert!(reply.header("ratelimit").is_some());
            }
            rated += 1;
        }
        charged += usize::from(before.is_some_and(|before| worlds.left(&tokens)[0] != before));
        if case % 4 == 1 {
            worlds.change(&pool, &json!({"tier": null}));
        }
    }
    for server in [&in_files.full, &in_files.seen] {
        let Upkeep {
            flushes, merges, ..
        } = Upkeep::of(server);
        assert!(
            flushes > cases as u64 / 2 && merges > 0,
            "{flushes} flushes, {merges} merges"
        );
    }
    assert!(asked >= cases * 70, "{asked} comparisons were made");
    assert!(
        answered > cases * 6,
        "{answered} questions of analytics were answered"
    );
    assert!(
        shown > cases / 2,
        "{shown} pools were filled by a key that sees all"
    );
    assert!(
        same > cases,
        "{same} questions were answered to derived tokens and issued keys"
    );
    assert_eq!(drawn, cases * 16, "pictures were compared");
    assert!(charged > cases / 12, "{charged} keys used credits up");
    assert!(rated > cases / 4, "{rated} keys were told of their rate");
    println!("{asked} requests over {cases} pools, no difference");
}
