//! Random questions over HTTP, against the plain interpreter of the model.

#[path = "../../../../../model/src/analyses/tests/dice.rs"]
mod dice;
#[path = "../../../../../model/src/analyses/tests/questions.rs"]
mod questions;

use model::analyses::Analysis;
use model::filters::Constraint;
use model::time::{Clock, TimeZone};
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use super::ASK;
use crate::testing::World;
use crate::testing::naive::{self, Seen};

const FIELDS: [&str; 6] = ["s", "n", "u", "v.w", "at", "f"];

fn record(dice: &mut dice::Dice<'_>) -> Json {
    let mut one = |of: &[Json]| of[dice(of.len())].clone();
    let mut record = json!({
        "s": one(&["x".into(), "y".into(), "z".into()]),
        "n": one(&[0.into(), 1.into(), 2.into(), 9.into()]),
        "f": one(&[0.1.into(), 0.2.into(), (-2.5).into(), 1e300.into()]),
        "at": one(&["2026-04-20T00:00:00Z".into(), "2026-04-27T05:30:00Z".into(),
            "2026-05-01T23:00:00Z".into()]),
    });
    if dice(3) > 0 {
        record["u"] = [json!(1), json!(2.5), json!("x"), json!([1, "x"])][dice(4)].clone();
    }
    if dice(3) > 0 {
        record["v"] = [json!({ "w": 1 }), json!({ "w": "x", "z": 7 })][dice(2)].clone();
    }
    record
}

async fn filled(dice: &mut dice::Dice<'_>) -> World {
    let world = World::new().await;
    for name in ["p", "q"] {
        let pool = json!({ "name": name, "schema": "open", "time_field": "at", "fields": [
            { "name": "at", "type": "DateTime" }, { "name": "n", "type": "Int64" },
            { "name": "f", "type": "Float64" }, { "name": "s", "type": "String" }] });
        world.post("/v1/pools", &pool).await.expect(201);
        let records: Vec<Json> = (0..20).map(|_| record(dice)).collect();
        let path = format!("/v1/pools/{name}/records");
        world.post(&path, &json!(records)).await.expect(200);
    }
    world
}

/// The answer of the plain interpreter, without what follows the results.
fn plainly(world: &World, question: &Value, rows: &Constraint) -> String {
    let analysis = Analysis::parse(question).expect("it was answered");
    let access = model::secrets::Secret::parse(&world.admin).expect("a token");
    let access = world
        .state
        .control
        .authenticate(&access, &model::keys::Circumstances::unknown())
        .expect("a key");
    let definitions = world.state.control.definitions(access.project());
    let pools = ["p", "q"].map(|name| definitions.pool(name).expect("a pool").clone());
    let records = pools.each_ref().map(|pool| world.plane.seen(pool, rows));
    let seen = pools.iter().zip(&records);
    let seen: Vec<Seen<'_>> = seen
        .map(|(pool, records)| Seen {
            pool,
            records: records.iter().collect(),
        })
        .collect();
    let sources = analysis.sources();
    let zone: TimeZone = sources[0].calendar.zone.clone();
    let members = naive::answer(&analysis, &seen, world.clock.now(), &zone).into_members();
    let members = members.into_iter().filter(|(name, _)| name != "steps");
    let members = Object::from_members(members.collect()).expect("distinct names");
    let mut text = model::json::to_text(&members.into());
    text.pop();
    text
}

#[tokio::test]
async fn what_is_answered_is_what_the_plain_interpreter_says() {
    let mut dice = dice::dice(17);
    let world = filled(&mut dice).await;
    let filter = json!([{ "field": "s", "operator": "in", "value": ["x", "y"] }]);
    let grants =
        json!([{ "on": "pool:*", "actions": ["query", "extract"], "constraints": filter }]);
    let (_, token) = world.key(grants).await;
    let filter = model::json::parse(filter.to_string().as_bytes()).expect("JSON");
    let filter = model::filters::parse_list(&filter).expect("a filter");
    let rows = Constraint::Rows(filter);
    let (mut answered, mut told_apart) = (0, 0);
    for _ in 0..400 {
        let question = questions::any(&mut dice, &FIELDS);
        let sent = serde_json::from_str(&model::json::to_text(&question)).expect("JSON");
        let reply = world.call(&token, ASK, &sent).await;
        if reply.status == 400 {
            continue;
        }
        let text = reply.expect(200).text();
        let plain = plainly(&world, &question, &rows);
        assert!(text.starts_with(&plain), "{sent}\n{text}\n{plain}");
        answered += 1;
        // A route that forgot the key's rows would be found out.
        let of_all = plainly(&world, &question, &Constraint::AllRows);
        told_apart += usize::from(!text.starts_with(&of_all));
    }
    assert!(answered > 200 && told_apart > 50, "{answered} {told_apart}");
}
