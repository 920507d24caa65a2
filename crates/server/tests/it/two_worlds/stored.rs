//! Stored questions and datasets, kept and not.

use serde_json::{Value, json};

use super::requests::Request;
use super::{Limits, Tokens, Worlds, normal};

/// The questions that are saved of a pool, each kept and not.
fn questions(pool: &str) -> Vec<Value> {
    let of = |analysis: &str, rest: Value| {
        let mut question = json!({ "analysis": analysis, "pool": pool });
        for (name, value) in rest.as_object().expect("an object") {
            question[name] = value.clone();
        }
        question
    };
    let step = |filters: Value| json!({ "pool": pool, "actor": "owner", "filters": filters, "with_actors": true });
    let red = json!([{ "field": "tag", "operator": "eq", "value": "red" }]);
    vec![
        of("sum", json!({ "field": "amount" })),
        of("select_unique", json!({ "field": "note" })),
        of("count", json!({ "group_by": ["tag"] })),
        of(
            "average",
            json!({ "field": "n", "interval": "weekly", "group_by": ["tag"],
                "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z" }),
        ),
        of("extraction", json!({ "latest": 7 })),
        json!({ "analysis": "funnel", "steps": [step(json!(null)), step(red)] }),
    ]
}

/// The datasets of a pool. Their range reaches as far back as the records.
fn datasets(pool: &str) -> [Value; 2] {
    let dataset = |name: &str, index: Value, metric: Value| {
        let mut query =
            json!({ "pool": pool, "interval": "monthly", "timeframe": "this_120_months" });
        for (name, value) in metric.as_object().expect("an object") {
            query[name] = value.clone();
        }
        json!({ "name": format!("{pool}-{name}"), "query": query, "index_by": index })
    };
    [
        dataset(
            "totals",
            json!("customer"),
            json!({ "analysis": "sum", "field": "amount", "group_by": ["tag"] }),
        ),
        dataset(
            "notes",
            json!(["customer", "owner"]),
            json!({ "analysis": "select_unique", "field": "note" }),
        ),
    ]
}

/// Defines them on both servers.
pub(crate) fn define(worlds: &Worlds, pool: &str) {
    for (at, question) in questions(pool).iter().enumerate() {
        for (kind, rate) in [("now", 0), ("kept", 604_800)] {
            let saved = json!({ "name": format!("{pool}-{kind}-{at}"), "query": question,
                "refresh_rate": rate });
            worlds.admin("/v1/saved-queries", &saved);
        }
    }
    for dataset in datasets(pool) {
        worlds.admin("/v1/datasets", &dataset);
    }
}

fn get(path: String) -> Request {
    Request {
        method: "GET",
        path,
        accept: "*/*",
        body: None,
    }
}

/// Every question's answer and every index of the datasets; each twice, so
/// that what is kept is told.
pub(crate) fn results(pool: &str) -> Vec<Request> {
    let mut all = Vec::new();
    for _ in 0..2 {
        for at in 0..questions(pool).len() {
            for kind in ["now", "kept"] {
                all.push(get(format!("/v1/saved-queries/{pool}-{kind}-{at}/result")));
            }
        }
        for customer in ["a", "b", "nobody"] {
            let path = format!("/v1/datasets/{pool}-totals/results?index_by={customer}");
            all.push(get(path));
            let index = format!("%5B%22{customer}%22,%22alice%22%5D");
            let path = format!("/v1/datasets/{pool}-notes/results?index_by={index}");
            all.push(get(path));
        }
    }
    all
}

/// The same and the definitions, refused ones included, and questions that
/// nobody stored.
pub(crate) fn requests(pool: &str) -> Vec<Request> {
    let mut all = results(pool);
    all.push(get("/v1/datasets?limit=1000".to_owned()));
    all.push(get(format!("/v1/datasets/{pool}-totals")));
    all.push(get(format!("/v1/datasets/{pool}-totals/results")));
    all.push(get("/v1/datasets/none/results?index_by=a".to_owned()));
    all.push(get(format!("/v1/saved-queries/{pool}-kept-0")));
    all.push(get("/v1/saved-queries/none/result".to_owned()));
    for question in questions(pool) {
        all.push(Request {
            method: "POST",
            path: "/v1/query".to_owned(),
            accept: "application/json",
            body: Some(question),
        });
    }
    all
}

/// Shows a page what tickets of the key open, as it is and as a picture;
/// answers how many pictures were compared.
pub(crate) fn by_tickets(worlds: &Worlds, tokens: &Tokens, pool: &str, canary: &str) -> usize {
    const PAGE: &str = "https://shop.example";
    let servers = [(&worlds.full, &tokens.full), (&worlds.seen, &tokens.seen)];
    let mut drawn = 0;
    for at in 0..questions(pool).len() {
        for kind in ["now", "kept"] {
            let saved = format!("{pool}-{kind}-{at}");
            let body = json!({ "saved_query": saved, "origin": PAGE, "expires_in": 3_600 });
            let given = servers.map(|(server, token)| {
                let made = server.post(token, "/v1/tickets", &body).expect(201);
                let ticket = made["ticket"].as_str().expect("a ticket").to_owned();
                (server, ticket)
            });
            for what in [
                "result",
                "chart.svg",
                "chart.svg?width=300&theme=dark&title=x",
            ] {
                let [full, seen] = given.each_ref().map(|(server, ticket)| {
                    let path = format!("/v1/tickets/{ticket}/{what}");
                    let page = [("origin", PAGE)];
                    server
                        .send("", "GET", &path, &page, None)
                        .expect("an answer")
                });
                let case = format!("{saved} {what}");
                assert!(matches!(full.status, 200 | 422), "{case}: {}", full.text());
                assert_eq!(normal(&full), normal(&seen), "{case}");
                assert!(!full.text().contains(canary), "{case} shows a hidden row");
                drawn += usize::from(full.text().starts_with("<svg"));
            }
        }
    }
    drawn
}

/// What a reading key may do with them, over these rows.
pub(crate) fn grants(constraint: &Value) -> [Value; 3] {
    [
        ("saved:*", json!(["run"])),
        ("cached:*", json!(["read"])),
        ("dataset:*", json!(["read", "list", "retrieve"])),
    ]
    .map(|(on, actions)| json!({ "on": on, "actions": actions, "constraints": constraint }))
}

/// Lets a key that sees all ask first; answers how many of its answers show a
/// hidden row.
pub(crate) fn fill(worlds: &Worlds, pool: &str, canary: &str) -> usize {
    let all = worlds.key(
        "secret",
        &json!(grants(&json!("all_rows"))),
        Limits::default(),
    );
    let mut shows = 0;
    for request in results(pool) {
        for (server, token) in [(&worlds.full, &all.full), (&worlds.seen, &all.seen)] {
            let reply = server.call(token, "GET", &request.path, None);
            assert_eq!(reply.status, 200, "{}: {}", request.path, reply.text());
            shows += usize::from(reply.text().contains(canary));
        }
    }
    shows
}
