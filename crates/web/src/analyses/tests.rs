use model::analyses::Measured;
use model::fault::FaultCode;
use model::secrets::Secret;
use model::time::Clock;
use serde_json::{Value as Json, json};

use super::*;
use crate::testing::World;

/// What a key with these grants hears of a question, by a word and a pointer.
async fn heard(world: &World, grants: Json, question: Json) -> String {
    let (_, token) = world.key(grants).await;
    let secret = Secret::parse(&token).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&secret, &model::keys::Circumstances::unknown())
        .expect("a key");
    let definitions = world.state.control.definitions(access.project());
    let question = model::json::parse(question.to_string().as_bytes()).expect("JSON");
    let analysis = Analysis::parse(&question).expect("a question");
    let now = world.clock.now();
    match constrain(&access, &definitions, &analysis, Delivery::Pages, now) {
        Ok(constrained) => format!("{} parts", constrained.parts().len()),
        Err(Refusal::NoGrant(action)) => format!("no {}", action.name()),
        Err(Refusal::NoPool { pointer }) => format!("nothing at {pointer}"),
        Err(Refusal::Fault(fault)) => format!("{:?} {}", fault.code, fault.pointer),
    }
}

fn on(pool: &str, action: &str) -> Json {
    json!([{ "on": pool, "actions": [action], "constraints": "all_rows" }])
}

fn funnel(pools: [&str; 2], actor: &str) -> Json {
    let steps = pools.map(|pool| json!({ "pool": pool, "actor": actor }));
    json!({ "analysis": "funnel", "steps": steps })
}

#[tokio::test]
async fn the_right_comes_first_then_the_pools_then_the_question() {
    let world = World::with_sales().await;
    let other = json!({ "name": "other", "schema": "open" });
    world.post("/v1/pools", &other).await.expect(201);
    let count = |pool: &str| json!({ "analysis": "count", "pool": pool, "field": "nowhere" });
    let rows =
        |pool: &str| json!({ "analysis": "extraction", "pool": pool, "fields": ["nowhere"] });
    let (sales, others) = ("pool:sales", "pool:other");
    for (grants, question, expected) in [
        (on(sales, "extract"), count("sales"), "no query"),
        (on(sales, "extract"), count("absent"), "no query"),
        (on(sales, "query"), rows("sales"), "no extract"),
        (on("view:all", "read"), count("sales"), "no query"),
        (on(others, "query"), count("sales"), "nothing at /pool"),
        (on(others, "query"), count("absent"), "nothing at /pool"),
        (on(others, "extract"), rows("sales"), "nothing at /pool"),
        (on(sales, "query"), count("sales"), "UnknownField /field"),
        (
            on(sales, "extract"),
            rows("sales"),
            "UnknownField /fields/0",
        ),
        (on(others, "extract"), rows("other"), "1 parts"),
        (on("pool:*", "query"), count("other"), "1 parts"),
        (
            on(sales, "extract"),
            funnel(["sales", "other"], "customer"),
            "no query",
        ),
        (
            on(sales, "query"),
            funnel(["sales", "other"], "customer"),
            "nothing at /steps/1/pool",
        ),
        (
            on(sales, "query"),
            funnel(["sales", "absent"], "customer"),
            "nothing at /steps/1/pool",
        ),
        // A later pool is looked up before anything is said of an earlier step.
        (
            on(sales, "query"),
            funnel(["sales", "absent"], "nowhere"),
            "nothing at /steps/1/pool",
        ),
        (
            on("pool:*", "query"),
            funnel(["sales", "other"], "nowhere"),
            "UnknownField /steps/0/actor",
        ),
        (
            on("pool:*", "query"),
            funnel(["other", "sales"], "customer"),
            "2 parts",
        ),
    ] {
        let told = format!("{grants} {question}");
        assert_eq!(heard(&world, grants, question).await, expected, "{told}");
    }
}

#[tokio::test]
async fn a_loose_step_may_name_a_pool_that_is_not_there() {
    let world = World::with_sales().await;
    let secret = Secret::parse(&world.admin).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&secret, &model::keys::Circumstances::unknown())
        .expect("a key");
    let definitions = world.state.control.definitions(access.project());
    let question = funnel(["sales", "absent"], "customer").to_string();
    let question = model::json::parse(question.as_bytes()).expect("JSON");
    let mut analysis = Analysis::parse(&question).expect("a question");
    let constrain = |analysis: &Analysis| {
        let now = world.clock.now();
        constrain(&access, &definitions, analysis, Delivery::Pages, now)
    };
    let pointer = "/steps/1/pool".to_owned();
    let refused = constrain(&analysis).expect_err("a strict step");
    assert_eq!(refused, Refusal::NoPool { pointer });
    if let Analysis::Funnel(funnel) = &mut analysis {
        funnel.steps[1].source.typing = Typing::Loose;
    }
    assert_eq!(constrain(&analysis).expect("asked").parts().len(), 1);
}

#[tokio::test]
async fn a_hidden_field_reads_as_an_absent_one() {
    let world = World::with_sales().await;
    let grants = json!([{ "on": "pool:sales", "actions": ["query", "extract"],
        "constraints": "all_rows", "fields": { "deny": ["email"] } }]);
    for question in [
        json!({ "analysis": "count", "pool": "sales", "field": "FIELD" }),
        json!({ "analysis": "count", "pool": "sales", "group_by": ["FIELD"] }),
        json!({ "analysis": "extraction", "pool": "sales", "order_by": [{ "field": "FIELD" }] }),
        json!({ "analysis": "funnel", "steps": [{ "pool": "sales", "actor": "FIELD" }] }),
    ] {
        let mut told = Vec::new();
        for field in ["email", "nowhere"] {
            let question = question.to_string().replace("FIELD", field);
            let question = serde_json::from_str(&question).expect("JSON");
            told.push(heard(&world, grants.clone(), question).await);
        }
        assert_eq!(told[0], told[1], "{question}");
        assert!(told[0].starts_with(&format!("{:?}", FaultCode::UnknownField)));
    }
}

fn groups(many: i64) -> Answer {
    let group = |at: i64| GroupResult {
        keys: vec![at.into()],
        results: vec![Value::Integer((1 << 60) + i128::from(at))],
    };
    Answer::Measured(Measured {
        groups: vec!["g".to_owned()],
        labels: None,
        results: Results::Groups((0..many).map(group).collect()),
    })
}

#[tokio::test]
async fn a_large_answer_is_written_like_a_small_one() {
    let world = World::new().await;
    let text = || AnswerText::in_zone(model::time::TimeZone::utc());
    let most = i64::try_from(VALUES_AT_HAND).expect("small") / 2;
    for (many, is_at_hand) in [(0, true), (most, true), (most + 1, false)] {
        let answer = groups(many);
        assert_eq!(values(&answer) <= VALUES_AT_HAND, is_at_hand);
        let plain = model::json::to_text(&answer.to_members(&text()).into());
        let bytes = written(answer.clone(), text(), WideIntegers::Numbers, &world.state).await;
        assert_eq!(String::from_utf8(bytes.expect("text")), Ok(plain));
        let strings = written(answer, text(), WideIntegers::Strings, &world.state).await;
        let strings = String::from_utf8(strings.expect("text")).expect("UTF-8");
        let wide = strings.matches(r#""result":"1152921504606"#).count();
        assert_eq!(wide, usize::try_from(many).expect("small"));
    }
}

#[test]
fn lists_within_results_count_as_what_they_hold() {
    let list = Value::Array(vec![Value::from(1); VALUES_AT_HAND]);
    for results in [
        Results::Whole(vec![list.clone()]),
        Results::Groups(vec![GroupResult {
            keys: Vec::new(),
            results: vec![list.clone()],
        }]),
    ] {
        let answer = Answer::Measured(Measured {
            groups: Vec::new(),
            labels: None,
            results,
        });
        assert!(values(&answer) > VALUES_AT_HAND, "{answer:?}");
    }
}
