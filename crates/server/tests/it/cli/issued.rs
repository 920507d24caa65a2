//! Keys that a key issues, on the command line.

use serde_json::json;

use super::{Desk, command, ran};

#[test]
fn a_key_issues_rolls_and_ends_its_own_keys() {
    let desk = Desk::new();
    let pool = json!({ "name": "sales", "schema": "open" });
    let made = desk.server.post(&desk.master, "/v1/pools", &pool);
    made.expect(201);
    let maker = json!({ "name": "maker", "grants": [
        { "on": "project", "actions": ["issue"] },
        { "on": "pool:sales", "actions": ["query"], "constraints": "all_rows" }] });
    let maker = desk.server.post(&desk.master, "/v1/keys", &maker);
    let maker = maker.expect(201);
    let token = maker["token"].as_str().expect("a token");
    let run = |args: &[&str]| {
        let args = [&["keys", "issued"], args].concat();
        ran(&mut command(
            &desk.server.address,
            token,
            desk.home.path(),
            &args,
        ))
    };
    let grant = "pool:sales query where customer = ada";
    let made = run(&[
        "create",
        "--name",
        "Ada",
        "--grant",
        grant,
        "--to",
        "file:first",
    ]);
    made.expect(0);
    let read = |name: &str| {
        let text = std::fs::read_to_string(desk.home.path().join(name));
        text.expect("a token").trim().to_owned()
    };
    let first = read("first");
    let list = run(&["list", "--json"]).expect(0).json();
    let id = list["items"][0]["id"].as_str().expect("an id").to_owned();
    assert!(run(&["list"]).expect(0).out.contains("Ada"));
    let shown = run(&["get", &id]).expect(0).out;
    assert!(shown.contains("customer eq \"ada\""), "{shown}");
    desk.server.get(&first, "/v1/whoami").expect(200);
    // A roll whose token does not arrive is taken back.
    let lost = run(&["roll", &id, "--to", "command:false"]);
    let lost = lost.expect(1);
    assert!(lost.err.contains("roll"), "{}", lost.err);
    run(&["roll", &id, "--grace", "1h", "--to", "file:second"]).expect(0);
    let second = read("second");
    for token in [&first, &second] {
        desk.server.get(token, "/v1/whoami").expect(200);
    }
    run(&["end-grace", &id]).expect(1);
    run(&["end-grace", &id, "--force"]).expect(0);
    desk.server.get(&first, "/v1/whoami").expect(401);
    run(&["roll", &id, "--grace", "1h", "--to", "file:third"]).expect(0);
    run(&["undo-roll", &id, "--force"]).expect(0);
    desk.server.get(&read("third"), "/v1/whoami").expect(401);
    run(&["disable", &id]).expect(0);
    desk.server.get(&second, "/v1/whoami").expect(401);
    run(&["delete", &id, "--yes"]).expect(1);
    run(&["delete", &id, "--yes", "--force"]).expect(0);
    run(&["get", &id]).expect(1);
    // What is not its own is none.
    let own = maker["id"].as_str().expect("an id");
    run(&["roll", own]).expect(1);
}
