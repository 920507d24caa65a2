//! Definitions, keys, tokens and exit codes.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{Desk, command, ran, with_input};
use crate::support::Address;

/// Without the times of last use, which every request moves.
fn still(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.retain(|name, _| name != "last_used_at" && name != "last_used_from");
            for (_, member) in members.iter_mut() {
                *member = still(member.take());
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| *value = still(value.take())),
        _ => {}
    }
    value
}

/// A token that is derived on the spot, from the token in the environment.
fn derived_without_the_server(desk: &Desk, id: &str, token: &str) {
    let me = desk.server.get(token, "/v1/whoami").expect(200);
    let project = me["project"].as_str().expect("an id");
    // No server answers at this address.
    let nowhere = ["--url", "http://127.0.0.1:1"];
    let derive = |more: &[&str]| {
        let mut args = vec!["keys", "derive", "--project", project];
        args.extend(nowhere.iter().chain(more));
        let mut command = command(&desk.server.address, token, desk.home.path(), &args);
        ran(&mut command)
    };
    let made = derive(&["--core-credits", "10", "--requests-per-second", "5"]).expect(0);
    let derived = made.out.trim();
    let refused = desk.server.get(derived, "/v1/whoami").expect(401);
    assert_eq!(refused["code"], "derived_token_refused");
    let key = format!("/v1/keys/{id}");
    let on = json!({ "derived_tokens": true });
    let on = desk
        .server
        .call(&desk.server.master(), "PATCH", &key, Some(&on));
    on.expect(200);
    let shown = desk.server.get(derived, "/v1/whoami").expect(200);
    assert_eq!(shown["grants"], me["grants"]);
    assert_eq!(shown["derived"]["requests_per_second"], 5);
    let grant = me["grants"][0]["id"].as_str().expect("an id");
    let none = derive(&[
        "--grant",
        grant,
        "--ip-range",
        "192.0.2.0/24",
        "--for",
        "1m",
    ])
    .expect(0);
    let refused = desk.server.get(none.out.trim(), "/v1/whoami").expect(403);
    assert_eq!(refused["code"], "address_not_allowed");
    for wrong in [
        &["--for", "25h"][..],
        &["--for", "soon"],
        &["--constraint", "region"],
        &["--grant", "x"],
        &["--ip-range", "x"],
        &["--requests-per-second", "0"],
    ] {
        let refused = derive(wrong);
        assert_eq!(refused.code, Some(2), "{wrong:?}: {}", refused.err);
        assert!(refused.out.is_empty(), "{wrong:?}");
    }
}

#[test]
fn pools_and_views_are_made_listed_and_deleted() {
    let desk = Desk::new();
    let made = desk.run(&[
        "pools",
        "create",
        "--name",
        "sales",
        "--field",
        "at:DateTime!",
        "--field",
        "customer.id:String!",
        "--field",
        "amount:Float64",
        "--isolation-field",
        "customer.id",
        "--time-field",
        "at",
    ]);
    let made = made.expect(0);
    for shown in ["sales", "customer.id", "DateTime", "required"] {
        assert!(made.out.contains(shown), "{shown} in {}", made.out);
    }
    let sales = desk.get("/v1/pools/sales");
    assert_eq!(sales["isolation_field"], "customer.id");
    assert_eq!(
        sales["fields"][1],
        json!({"name": "customer.id", "type": "String", "required": true})
    );
    desk.write("pool.json", r#"{"name": "from a file", "schema": "open"}"#);
    let made = desk
        .run(&["pools", "create", "pool.json", "--json"])
        .expect(0);
    assert_eq!(made.json(), desk.get("/v1/pools/from%20a%20file"));
    let typed = with_input(
        &mut desk.command(&["pools", "create", "-"]),
        r#"{"name": "typed", "schema": "open"}"#,
    );
    typed.expect(0);
    let list = desk.run(&["pools", "list", "--json"]).expect(0);
    assert_eq!(list.json(), desk.get("/v1/pools"));
    let table = desk.run(&["pools", "list"]).expect(0);
    for name in ["sales", "from a file", "typed"] {
        assert!(table.out.contains(name), "{}", table.out);
    }
    let one = desk.run(&["pools", "get", "sales", "--json"]).expect(0);
    assert_eq!(one.json(), sales);
    let schema = desk.run(&["pools", "schema", "sales", "--json"]).expect(0);
    assert_eq!(schema.json(), desk.get("/v1/pools/sales/schema"));
    desk.write(
        "view.json",
        json!({"name": "by_customer", "pool": "sales", "shape": "aggregated",
        "fields": [{"field": "customer.id", "group": true}, {"aggregate": "count"}]})
        .to_string(),
    );
    desk.run(&["views", "create", "view.json"]).expect(0);
    let list = desk.run(&["views", "--json", "list"]).expect(0);
    assert_eq!(list.json(), desk.get("/v1/views"));
    let one = desk
        .run(&["views", "get", "by_customer", "--json"])
        .expect(0);
    assert_eq!(one.json(), desk.get("/v1/views/by_customer"));
    desk.write("change.json", r#"{"tier":"premium"}"#);
    let simulate = ["views", "simulate", "by_customer"];
    let shown = desk.run(&simulate).expect(0);
    assert!(!shown.out.contains("gained"), "{}", shown.out);
    let simulate = [&simulate[..], &["--change", "change.json"]].concat();
    let shown = desk.run(&simulate).expect(0);
    assert!(shown.out.contains("gained"), "{}", shown.out);
    let told = desk.run(&[&simulate[..], &["--json"]].concat());
    let told = told.expect(0).json();
    assert_eq!(
        (told["tier"].as_str(), told["tier_after"].as_str()),
        (Some("core"), Some("premium")),
        "{told}"
    );
    // Nobody is there to ask, so nothing is deleted without --yes.
    let unasked = desk.run(&["views", "delete", "by_customer"]).expect(2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    desk.get("/v1/views/by_customer");
    let in_use = desk.run(&["pools", "delete", "sales", "--yes"]).expect(1);
    assert!(in_use.err.contains("by_customer"), "{}", in_use.err);
    desk.run(&["views", "delete", "by_customer", "--yes"])
        .expect(0);
    desk.run(&["pools", "delete", "sales", "--yes"]).expect(0);
    desk.run(&["pools", "get", "sales"]).expect(1);
}

#[test]
fn keys_are_made_switched_and_deleted_and_their_tokens_shown_once() {
    let desk = Desk::new();
    desk.write("pool.json", r#"{"name": "p", "schema": "open"}"#);
    desk.run(&["pools", "create", "pool.json"]).expect(0);
    let made = desk
        .run(&[
            "keys",
            "create",
            "--name",
            "Ada writer",
            "--json",
            "--grant",
            "pool:p ingest inject customer.id=93i",
            "--grant",
            "pool:p query,schema where customer.id = 93i and n >= 3",
            "--expires-at",
            "2099-01-31T00:00:00Z",
        ])
        .expect(0)
        .json();
    let token = made["token"].as_str().expect("a token");
    assert_eq!(
        made["grants"][0]["injections"],
        json!({"customer.id": "93i"})
    );
    assert_eq!(
        made["grants"][1]["constraints"],
        json!([
        {"field": "customer.id", "operator": "eq", "value": "93i"},
        {"field": "n", "operator": "gte", "value": 3}])
    );
    assert_eq!(made["restrictions"]["expires_at"], "2099-01-31T00:00:00Z");
    let id = made["id"].as_str().expect("an id");
    let me = command(
        &desk.server.address,
        token,
        desk.home.path(),
        &["whoami", "--json"],
    );
    let me = ran(&mut { me }).expect(0);
    assert_eq!(me.json(), desk.server.get(token, "/v1/whoami").expect(200));
    let told = ran(&mut command(
        &desk.server.address,
        token,
        desk.home.path(),
        &["whoami"],
    ))
    .expect(0);
    for shown in ["Ada writer", "pool:p", "customer.id", "93i"] {
        assert!(told.out.contains(shown), "{shown} in {}", told.out);
    }
    let list = desk.run(&["keys", "list", "--json"]).expect(0);
    assert_eq!(still(list.json()), still(desk.get("/v1/keys")));
    for listing in [
        &["keys", "list"][..],
        &["keys", "get", id],
        &["keys", "get", id, "--json"],
    ] {
        let shown = desk.run(listing).expect(0);
        assert!(shown.out.contains("Ada writer"), "{}", shown.out);
        assert!(!shown.out.contains(token) && !shown.err.contains(token));
    }
    let saved = desk
        .run(&[
            "keys",
            "copy",
            id,
            "--name",
            "Ada twin",
            "--save-token",
            "twin",
        ])
        .expect(0);
    let path = desk.home.path().join("twin");
    let twin = std::fs::read_to_string(&path).expect("a token");
    assert!(
        !saved.out.contains(twin.trim()),
        "the file has it instead of the terminal"
    );
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    desk.server.get(twin.trim(), "/v1/whoami").expect(200);
    // A file that is there already is not written over, and no key is made for it.
    let keys = desk.get("/v1/keys")["items"]
        .as_array()
        .expect("items")
        .len();
    let refused = desk.run(&["keys", "create", "--name", "x", "--save-token", "twin"]);
    assert_ne!(refused.code, Some(0));
    assert_eq!(std::fs::read_to_string(&path).expect("a token"), twin);
    assert_eq!(
        desk.get("/v1/keys")["items"]
            .as_array()
            .expect("items")
            .len(),
        keys
    );
    derived_without_the_server(&desk, id, token);
    desk.run(&["keys", "disable", id]).expect(0);
    desk.server.get(token, "/v1/whoami").expect(401);
    desk.run(&["keys", "enable", id]).expect(0);
    desk.server.get(token, "/v1/whoami").expect(200);
    desk.run(&["keys", "delete", id]).expect(2);
    desk.run(&["keys", "delete", id, "--yes"]).expect(1);
    desk.run(&["keys", "delete", id, "--yes", "--force"])
        .expect(0);
    desk.server.get(token, "/v1/whoami").expect(401);
    let foreign = desk.run(&[
        "keys",
        "create",
        "--name",
        "x",
        "--grant",
        "pool:absent query all_rows",
    ]);
    assert!(foreign.expect(1).err.contains("absent"));
    for grant in ["pool:p", "pool:p query where", "pool:p ingest inject x"] {
        desk.run(&["keys", "create", "--name", "x", "--grant", grant])
            .expect(2);
    }
}

#[test]
fn a_token_comes_from_a_file_the_environment_or_a_command() {
    let desk = Desk::new();
    let without = |args: &[&str]| command(&desk.server.address, "", desk.home.path(), args);
    let path = desk.home.path().join("mine");
    let mode = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
    };
    desk.write("mine", format!("{}\n", desk.master));
    mode(0o600);
    let quiet = ran(&mut without(&["whoami", "--token-file", "mine"])).expect(0);
    assert_eq!(quiet.err, "");
    mode(0o644);
    let warned = ran(&mut without(&["whoami", "--token-file", "mine", "--json"])).expect(0);
    assert!(
        warned.err.contains("warning") && warned.err.contains("chmod 600"),
        "{}",
        warned.err
    );
    warned.json();
    ran(without(&["whoami"]).env("TIDEGATE_TOKEN", &desk.master)).expect(0);
    let by_command = |line: &str| {
        let mut command = without(&["whoami"]);
        command
            .env("TIDEGATE_TOKEN_COMMAND", line)
            .env("PATH", "/usr/bin:/bin");
        ran(&mut command)
    };
    by_command("cat mine; echo a second line").expect(0);
    by_command("exit 7").expect(2);
    by_command("true").expect(2);
    // The file that was named is the one that counts.
    let file_first =
        ran(without(&["whoami", "--token-file", "mine"]).env("TIDEGATE_TOKEN", "other"));
    file_first.expect(0);
    for wrong in ["two words", "tg_sk_nope"] {
        let told = ran(without(&["whoami"]).env("TIDEGATE_TOKEN", wrong));
        assert!([Some(1), Some(2)].contains(&told.code), "{told:?}");
        assert!(!told.err.contains(wrong), "{}", told.err);
    }
    ran(&mut without(&["whoami", "--token-file", "absent"])).expect(4);
    assert!(ran(&mut without(&["whoami"])).expect(1).err.contains("key"));
}

#[test]
fn exit_codes_tell_usage_refusal_and_silence_apart() {
    let desk = Desk::new();
    for usage in [
        &["pools"][..],
        &["nonsense"],
        &["query", "v", "--limit", "x"],
        &["query", "v", "--where", "n ~ 3"],
        &["pools", "create", "--name", "x", "--field", "a"],
        &["pools", "create", "--name", "x", "--field", "a:Text"],
        &["import", "table.xlsx"],
        &["whoami", "--url", "ftp://127.0.0.1"],
        &["whoami", "--url", "http://user:word@127.0.0.1"],
        &["completions", "nosuchshell"],
    ] {
        let told = desk.run(usage).expect(2);
        assert!(!told.err.is_empty() && told.out.is_empty(), "{usage:?}");
    }
    for refused in [
        &["pools", "get", "absent"][..],
        &["query", "absent"],
        &["keys", "delete", "absent", "--yes"],
        &["pools", "create", "--name", "a/b"],
    ] {
        let told = desk.run(refused).expect(1);
        assert!(told.err.starts_with("tidegate: "), "{}", told.err);
    }
    desk.run(&["import", "absent.csv"]).expect(4);
    // An address of this machine where nothing listens.
    let silent = Address("http://127.0.0.1:1".to_owned());
    for args in [&["whoami"][..], &["pools", "list"], &["query", "v"]] {
        let told = ran(&mut command(&silent, &desk.master, desk.home.path(), args)).expect(3);
        assert!(told.err.contains("127.0.0.1:1"), "{}", told.err);
        assert!(!told.err.contains(&desk.master));
    }
}

#[test]
fn completions_need_no_server() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let silent = Address("http://127.0.0.1:1".to_owned());
        let script = ran(&mut command(
            &silent,
            "",
            desk.home.path(),
            &["completions", shell],
        ))
        .expect(0);
        for word in ["tidegate", "import", "whoami", "isolation-field"] {
            assert!(script.out.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn keys_are_simulated_and_advised_on() {
    let desk = Desk::new();
    let pool = ["pools", "create", "--name", "sales", "--field", "n:Int64!"];
    desk.run(&pool).expect(0);
    let grant = "pool:sales query where n = 1";
    let make = [
        "keys", "create", "--name", "Ada", "--grant", grant, "--json",
    ];
    let made = desk.run(&make).expect(0).json();
    let id = made["id"].as_str().expect("an id");
    let shown = desk.run(&["keys", "simulate", id]).expect(0);
    assert!(shown.out.contains("sales"), "{}", shown.out);
    desk.write(
        "change.json",
        r#"{"grants":[{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}]}"#,
    );
    let simulate = ["keys", "simulate", id, "--change", "change.json"];
    let shown = desk.run(&simulate).expect(0);
    assert!(shown.out.contains("gained"), "{}", shown.out);
    let told = desk
        .run(&[&simulate[..], &["--json"]].concat())
        .expect(0)
        .json();
    assert_eq!(told["pools"][0]["rows_gained"], 0, "{told}");
    let advice = desk.run(&["keys", "review"]).expect(0);
    assert_eq!(advice.out, "nothing to advise\n");
    let unknown = desk.run(&["keys", "review", "--rule", "none"]).expect(1);
    assert!(unknown.err.contains("writes_and_reads"), "{}", unknown.err);
}

#[test]
fn a_new_token_goes_to_a_command_or_there_is_no_key() {
    let desk = Desk::new();
    let make = |command: &str| {
        let args = [
            "keys",
            "create",
            "--name",
            "Ada",
            "--pipe-token",
            command,
            "--json",
        ];
        desk.run(&args)
    };
    let keys = || {
        let list = desk.run(&["keys", "list", "--json"]).expect(0).json();
        list["items"].as_array().expect("a list").len()
    };
    let before = keys();
    let taken =
        make("read token; echo \"own: $TIDEGATE_TOKEN\"; printf %s \"$token\" > taken").expect(0);
    let token = std::fs::read_to_string(desk.home.path().join("taken")).expect("taken");
    let key = taken.json();
    assert!(token.contains(key["secrets"][0]["id"].as_str().expect("an id")));
    assert!(!taken.out.contains(&token[20..40]) && !taken.err.contains(&token[20..40]));
    assert!(taken.err.contains("own: \n"), "{}", taken.err);
    let used = ran(&mut command(
        &desk.server.address,
        &token,
        desk.home.path(),
        &["whoami"],
    ));
    used.expect(0);
    assert_eq!(keys(), before + 1);
    for failing in ["cat > /dev/null; exit 7", "no-such-command-at-all"] {
        let refused = make(failing).expect(1);
        assert!(refused.err.contains("was deleted again"), "{}", refused.err);
        assert!(!refused.err.contains("tg_"), "{}", refused.err);
    }
    assert_eq!(keys(), before + 1);
    desk.run(&[
        "keys",
        "create",
        "--name",
        "x",
        "--pipe-token",
        "cat",
        "--save-token",
        "f",
    ])
    .expect(2);
}
