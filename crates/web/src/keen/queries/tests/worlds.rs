//! Two servers, one with all events, one with those alone that a key sees and
//! without the properties that it does not: it gets the same bytes from both.

use model::random::SeededRandom;
use serde_json::{Value as Json, json};

use super::super::super::scoped::tests::{key, scoping};
use super::super::super::tests::{base, send};
use super::cases::parameters;
use super::fill;
use super::questions::{CANARY, events, grants, question, visible};
use crate::testing::World;

const QUESTIONS: usize = 400;

/// The key that asks.
enum Asker<'a> {
    /// A native one with these grants.
    Grants(&'a Json),
    /// A scoped one that says this.
    Scoped(&'a Json),
}

/// A server with these collections, and the token of the key.
async fn server(collections: &[(&str, Vec<Json>)], asker: &Asker<'_>) -> (World, String) {
    let (world, master) = scoping(World::new().await).await;
    for (name, events) in collections {
        fill(&world, name, events.clone()).await;
    }
    let token = match asker {
        Asker::Grants(grants) => world.key((*grants).clone()).await.1,
        Asker::Scoped(said) => key(&master, said),
    };
    (world, token)
}

/// Both servers with the key's token on either. What the key sees is what
/// it says, which admits events of `c1`, a native one without `secret`.
async fn worlds(random: &SeededRandom, asker: &Asker<'_>) -> [(World, String); 2] {
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for name in ["orders", "visits"] {
        let events = events(random);
        seen.push((
            name,
            match asker {
                Asker::Grants(_) => visible(&events),
                Asker::Scoped(_) => own(&events),
            },
        ));
        all.push((name, events.into_iter().map(|(event, _)| event).collect()));
    }
    [server(&all, asker).await, server(&seen, asker).await]
}

/// The events of `c1`, whole.
fn own(events: &[(Json, bool)]) -> Vec<Json> {
    let own = events.iter().filter(|(_, is_own)| *is_own);
    own.map(|(event, _)| event.clone()).collect()
}

/// The status and the body of the answer, without the project and the request.
async fn asked(
    (world, token): &(World, String),
    kind: &str,
    body: &Json,
    by_get: bool,
) -> (u16, String) {
    let path = format!("{}/queries/{kind}", base(world));
    let (call, sent) = match by_get {
        true => (format!("GET {path}?{}", parameters(body)), Json::Null),
        false => (format!("POST {path}"), body.clone()),
    };
    let reply = send(world, token, &call, &sent).await;
    assert!(reply.status < 500, "{kind} {body}: {}", reply.text());
    (reply.status, reply.text())
}

/// What came of some questions.
struct Compared {
    alike: usize,
    answered: usize,
    /// Those whose results show a hidden event.
    shows: usize,
    /// The first that are not alike.
    differences: Vec<String>,
}

/// Asks the same of both.
async fn compared(seed: u64, asker: &Asker<'_>) -> Compared {
    let random = SeededRandom::new(seed);
    let [full, seen] = worlds(&random, asker).await;
    let (mut alike, mut answered, mut shows, mut differences) = (0, 0, 0, Vec::new());
    for at in 0..QUESTIONS {
        let (kind, body) = question(&random);
        let by_get = at % 2 == 0;
        let one = asked(&full, kind, &body, by_get).await;
        let other = asked(&seen, kind, &body, by_get).await;
        alike += usize::from(one == other);
        answered += usize::from(one.0 == 200);
        // What the caller sent himself is no leak.
        let result = one
            .1
            .split("\"query\":")
            .next()
            .unwrap_or_default()
            .to_owned();
        let sends = body.to_string().contains(CANARY);
        shows += usize::from(!sends && result.contains(CANARY));
        if one != other && differences.len() < 3 {
            differences.push(format!("{kind} {body}\n{one:?}\n{other:?}"));
        }
    }
    Compared {
        alike,
        answered,
        shows,
        differences,
    }
}

#[tokio::test]
async fn a_key_is_answered_alike_with_and_without_hidden_events() {
    let own = json!([{ "field": "customer.id", "operator": "eq", "value": "c1" }]);
    let grants = grants(&own);
    let scoped = json!({ "allowed_operations": ["read"], "filters": [
        { "property_name": "customer.id", "operator": "eq", "property_value": "c1" }] });
    let askers = [
        Asker::Grants(&grants),
        Asker::Grants(&grants),
        Asker::Scoped(&scoped),
    ];
    for (seed, asker) in (0..).zip(&askers) {
        let found = compared(seed, asker).await;
        let differences = found.differences.join("\n");
        assert_eq!(found.alike, QUESTIONS, "seed {seed}: {differences}");
        assert_eq!(found.shows, 0, "seed {seed}");
        assert!(
            found.answered > QUESTIONS / 2,
            "{} answered",
            found.answered
        );
    }
}

#[tokio::test]
async fn a_key_that_sees_all_is_found_out() {
    let grants = grants(&json!("all_rows"));
    let scoped = json!({ "allowed_operations": ["read"], "filters": [] });
    for asker in [Asker::Grants(&grants), Asker::Scoped(&scoped)] {
        let found = compared(0, &asker).await;
        assert!(found.alike < QUESTIONS - 50, "{} alike", found.alike);
        assert!(found.shows > 10, "{} show", found.shows);
    }
}
