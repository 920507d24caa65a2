//! `docs/analytics.md` is what a server answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Reply, Server};

const PAGE: &str = include_str!("../../../../../docs/analytics.md");

/// A fenced block: its language and its text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = PAGE.split("```");
    parts.next();
    let mut blocks = Vec::new();
    while let (Some(block), Some(_)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').expect("a language"));
    }
    blocks
}

/// A call of the page: where its token comes from, the path, the body.
struct Call {
    keeps: Option<&'static str>,
    token: &'static str,
    path: &'static str,
    body: &'static str,
}

/// The calls of a block, `call $TOKEN path 'body'` or `NAME=$(key 'body')`.
fn calls(block: &'static str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut rest = block;
    while let Some(at) = rest.find(['c', 'R']) {
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("call $") {
            let (token, after) = after.split_once(' ').expect("a path");
            let (path, after) = after.split_once(" '").expect("a body");
            let (body, after) = after.split_once('\'').expect("the body's end");
            calls.push(Call {
                keeps: None,
                token,
                path: path.trim_matches('\''),
                body,
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix("R=$(key '") {
            let (body, after) = after.split_once('\'').expect("the body's end");
            calls.push(Call {
                keeps: Some("R"),
                token: "ADMIN",
                path: "keys",
                body,
            });
            rest = after;
        } else {
            rest = &rest[1..];
        }
    }
    calls
}

/// Takes out what the page leaves out.
fn fits(answer: &Value, page: &Value) -> bool {
    match (answer, page) {
        (Value::String(_), Value::String(left_out)) if left_out == "…" => true,
        (Value::Object(a), Value::Object(b)) => {
            let same = a.keys().eq(b.keys());
            same && a.iter().all(|(name, value)| fits(value, &b[name]))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b))
        }
        (a, b) => a == b,
    }
}

#[test]
fn the_page_on_analytics_is_what_a_server_answers() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let mut tokens = BTreeMap::from([("ADMIN", server.master())]);
    let (mut last, mut compared): (Option<Reply>, usize) = (None, 0);
    for (language, text) in blocks() {
        match language {
            "sh" if !text.contains("curl") && !text.contains("tidegate ") => {
                for call in calls(text) {
                    let body: Value = serde_json::from_str(call.body).expect(call.body);
                    let path = format!("/v1/{}", call.path);
                    let reply = server.post(&tokens[call.token], &path, &body);
                    assert!(reply.status < 300, "{}: {}", call.body, reply.text());
                    if let Some(name) = call.keeps {
                        let token = reply.json()["token"].as_str().map(str::to_owned);
                        tokens.insert(name, token.expect("a token"));
                    }
                    last = Some(reply);
                }
            }
            "sh" => {}
            "json" => {
                let page: Value = serde_json::from_str(text).expect(text);
                let answer = last.take().expect("a call before it").json();
                assert!(fits(&answer, &page), "{answer}\n{text}");
                compared += 1;
            }
            "csv" => {
                let answer = last.take().expect("a call before it").text();
                assert_eq!(answer.replace("\r\n", "\n"), text);
                compared += 1;
            }
            other => panic!("a block of {other}"),
        }
    }
    assert!(compared >= 12, "{compared} answers were compared");
}
