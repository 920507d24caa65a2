//! Questions: the contract's worked examples, and two servers of which one
//! holds no more than a key sees.

#[path = "../../../../web/src/keen/queries/tests/cases.rs"]
pub(super) mod cases;
#[path = "../../../../web/src/keen/queries/tests/questions.rs"]
pub(super) mod random;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::Speaking;
use cases::{collection, collections, orders, parameters, tf};

/// The server with these collections.
pub(super) fn filled(collections: &[(&str, Vec<Value>)]) -> Speaking {
    let speaking = Speaking::start();
    let (server, master) = (&speaking.server, speaking.server.master());
    for (name, events) in collections {
        server
            .post(&master, "/v1/pools", &collection(name))
            .expect(201);
        let path = format!("/v1/pools/{name}/records");
        server.post(&master, &path, &json!(events)).expect(200);
    }
    speaking
}

/// The status and the text of the answer, by GET or by POST.
pub(super) fn asked(
    speaking: &Speaking,
    key: &str,
    kind: &str,
    body: &Value,
    by_get: bool,
) -> (u16, String) {
    let reply = match by_get {
        true => {
            let path = format!("queries/{kind}?{}", parameters(body));
            speaking.send(key, "GET", &path, None)
        }
        false => speaking.send(key, "POST", &format!("queries/{kind}"), Some(body)),
    };
    assert!(reply.status < 500, "{kind} {body}: {}", reply.text());
    (reply.status, reply.text())
}

/// The answer without the question that it repeats.
fn answer(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).expect("JSON");
    let members = answer.as_object_mut().expect("an object");
    members.remove("query").expect("the question");
    answer.to_string()
}

#[test]
fn worked_examples_are_answered_word_for_word() {
    let speaking = filled(&collections());
    for (kind, rest, expected) in cases::cases() {
        for by_get in [true, false] {
            let (status, text) = asked(&speaking, &speaking.read, kind, &orders(&rest), by_get);
            assert_eq!(status, 200, "{text}");
            let expected: Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(answer(&text), expected.to_string(), "{kind} {rest}");
        }
    }
    let step = |name: &str, rest: bool| json!({ "event_collection": name, "actor_property": "user", "inverted": rest, "with_actors": rest });
    let body = json!({ "timeframe": tf(), "steps": [step("visits", false), step("signups", false), step("refunds", true)] });
    let (_, text) = asked(&speaking, &speaking.read, "funnel", &body, false);
    let funnel: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(funnel["result"], json!([4, 2, 1]));
    assert_eq!(funnel["actors"], json!([null, null, ["u1"]]));
    assert_eq!(
        asked(
            &speaking,
            &speaking.write,
            "count",
            &orders(&json!({})),
            false
        )
        .0,
        403
    );
    assert_eq!(
        asked(
            &speaking,
            &speaking.master,
            "count",
            &orders(&json!({})),
            false
        )
        .0,
        200
    );
}

#[test]
fn a_key_is_answered_alike_with_and_without_hidden_events() {
    const QUESTIONS: usize = 250;
    let own = json!([{ "field": "customer.id", "operator": "eq", "value": "c1" }]);
    let random = SeededRandom::new(11);
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for name in ["orders", "visits"] {
        let events = random::events(&random);
        seen.push((name, random::visible(&events)));
        all.push((name, events.into_iter().map(|(event, _)| event).collect()));
    }
    let (full, seen) = (filled(&all), filled(&seen));
    let key = |speaking: &Speaking| speaking.server.key("reader", &random::grants(&own));
    let keys = [key(&full), key(&seen)];
    let mut answered = 0;
    for at in 0..QUESTIONS {
        let (kind, body) = random::question(&random);
        let one = asked(&full, &keys[0], kind, &body, at % 2 == 0);
        let other = asked(&seen, &keys[1], kind, &body, at % 2 == 0);
        let timed = body["include_metadata"] == json!(true);
        assert_eq!(
            without_time(&one.1, timed),
            without_time(&other.1, timed),
            "{kind} {body}"
        );
        assert_eq!(one.0, other.0, "{kind} {body}");
        answered += usize::from(one.0 == 200);
        let result = one.1.split("\"query\":").next().unwrap_or_default();
        let sends = body.to_string().contains(random::CANARY);
        assert!(
            sends || !result.contains(random::CANARY),
            "{kind} {body}: {result}"
        );
    }
    assert!(answered > QUESTIONS / 2, "{answered} answered");
}

/// The text without how long the answer took, which is rounded and still no
/// property of the events.
fn without_time(text: &str, is_timed: bool) -> String {
    const NAME: &str = "\"total_processing_time\":";
    match text.split_once(NAME) {
        Some((before, after)) if is_timed => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}{NAME}{after}")
        }
        _ => text.to_owned(),
    }
}
