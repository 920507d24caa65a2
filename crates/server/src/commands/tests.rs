use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::definitions::{PoolDefinition, parse_field};
use super::files::{NewSecret, Over, read_definition};
use super::filters::{parse_condition, parse_grant, parse_order};
use super::*;

#[test]
fn conditions_are_read_to_filters() {
    let cases = [
        ("dest = SFO", "dest", "eq", json!("SFO")),
        ("dest=SFO", "dest", "eq", json!("SFO")),
        ("delay>=60", "delay", "gte", json!(60)),
        ("delay != -5", "delay", "ne", json!(-5)),
        ("delay < 1.5", "delay", "lt", json!(1.5)),
        ("customer.id eq \"42\"", "customer.id", "eq", json!("42")),
        ("zip = 01234", "zip", "eq", json!("01234")),
        ("cancelled = true", "cancelled", "eq", json!(true)),
        (
            "name = United Air Lines",
            "name",
            "eq",
            json!("United Air Lines"),
        ),
        ("name = \"\"", "name", "eq", json!("")),
        ("name = a=b", "name", "eq", json!("a=b")),
        ("carrier in UA, B6", "carrier", "in", json!(["UA", "B6"])),
        (
            "carrier not_in [\"UA\"]",
            "carrier",
            "not_in",
            json!(["UA"]),
        ),
        ("n in 1,\"2\",\"a,b\"", "n", "in", json!([1, "2", "a,b"])),
        ("tailnum exists", "tailnum", "exists", json!(true)),
        ("tailnum exists false", "tailnum", "exists", json!(false)),
        ("name starts_with 42", "name", "starts_with", json!("42")),
        ("name regex \"^A \"", "name", "regex", json!("^A ")),
        ("tags contains 5", "tags", "contains", json!(5)),
        ("  \"two words\"  lte  3 ", "two words", "lte", json!(3)),
        (
            "at within {\"center\":[8.5,47.4],\"radius_meters\":10}",
            "at",
            "within",
            json!({ "center": [8.5, 47.4], "radius_meters": 10 }),
        ),
    ];
    for (text, field, operator, value) in cases {
        let expected = json!({ "field": field, "operator": operator, "value": value });
        assert_eq!(parse_condition(text).expect(text), expected, "{text}");
    }
}

#[test]
fn conditions_that_say_nothing_are_refused() {
    for bad in [
        "",
        "dest",
        "= SFO",
        "dest =",
        "dest like SFO",
        "dest in",
        "at within here",
        "tailnum exists perhaps",
        "\"open",
    ] {
        let result = parse_condition(bad);
        assert!(matches!(result, Err(CommandError::Usage(_))), "{bad}");
    }
    let told = parse_condition("dest like SFO")
        .expect_err("operator")
        .to_string();
    assert!(told.contains("starts_with"), "{told}");
}

#[test]
fn grants_have_a_short_form() {
    let cases = [
        (
            "view:sales read where customer.id = 93i and amount > 5",
            json!({ "on": "view:sales", "actions": ["read"], "constraints": [
                { "field": "customer.id", "operator": "eq", "value": "93i" },
                { "field": "amount", "operator": "gt", "value": 5 },
            ] }),
        ),
        (
            "view:* read all_rows",
            json!({ "on": "view:*", "actions": ["read"], "constraints": "all_rows" }),
        ),
        (
            "pool:sales ingest inject customer.id=93i,region=\"a, b\"",
            json!({ "on": "pool:sales", "actions": ["ingest"],
                "injections": { "customer.id": "93i", "region": "a, b" } }),
        ),
        (
            "\"pool:my sales\" ingest,query where id = 1 inject id=1",
            json!({ "on": "pool:my sales", "actions": ["ingest", "query"],
                "constraints": [{ "field": "id", "operator": "eq", "value": 1 }],
                "injections": { "id": 1 } }),
        ),
        (
            "pool:p query where name = \"rock and inject roll\"",
            json!({ "on": "pool:p", "actions": ["query"],
                "constraints": [{ "field": "name", "operator": "eq", "value": "rock and inject roll" }] }),
        ),
        (
            "project admin",
            json!({ "on": "project", "actions": ["admin"] }),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_grant(text).expect(text), expected, "{text}");
    }
    for bad in [
        "",
        "view:x",
        "view:x read where",
        "view:x read rows = all",
        "view:x read all_rows all_rows",
        "view:x read where a = 1 all_rows",
        "pool:x ingest inject",
        "pool:x ingest inject a",
        "pool:x ingest inject a=1,a=2",
        "view:x read where a = 1 and",
        "pool:x ingest inject a=two words",
        // Read loosely this would admit every row that is not `1 AND b = 2`.
        "view:x read where a != 1 AND b = 2",
        "view:x read where a in 1, 2 AND b = 2",
        "view:x read where a regex x AND b = 2",
    ] {
        let result = parse_grant(bad);
        assert!(
            matches!(result, Err(CommandError::Usage(_))),
            "{bad}: {result:?}"
        );
    }
}

#[test]
fn orders_name_a_field_and_a_direction() {
    assert_eq!(
        parse_order("delay"),
        json!({ "field": "delay", "direction": "asc" })
    );
    assert_eq!(
        parse_order("delay:desc"),
        json!({ "field": "delay", "direction": "desc" })
    );
    assert_eq!(
        parse_order("a:b"),
        json!({ "field": "a:b", "direction": "asc" })
    );
}

#[test]
fn fields_are_given_with_their_type() {
    let field = |text: &str| parse_field(text).expect(text);
    assert_eq!(
        field("a.b:Int64"),
        ("a.b".to_owned(), "Int64".to_owned(), false)
    );
    assert_eq!(
        field("at:DateTime!"),
        ("at".to_owned(), "DateTime".to_owned(), true)
    );
    assert_eq!(field("a:b:Array(String)").0, "a:b");
    for bad in [
        "a",
        "a:int",
        ":Int64",
        "_id:String",
        "a:Array(Array(Int8))",
        "a:",
    ] {
        assert!(
            matches!(parse_field(bad), Err(CommandError::Usage(_))),
            "{bad}"
        );
    }
}

#[test]
fn a_pool_from_flags_is_what_the_server_reads() {
    let definition = PoolDefinition {
        name: "sales",
        description: Some("All sales"),
        schema: "strict",
        fields: vec![
            ("at".to_owned(), "DateTime".to_owned(), true),
            ("customer.id".to_owned(), "String".to_owned(), false),
        ],
        isolation_field: Some("customer.id"),
        time_field: Some("at"),
    };
    let value = model::json::parse(&definition.body()).expect("json");
    let draft = model::pools::PoolDraft::parse(&value).expect("definition");
    assert_eq!(draft.name.as_str(), "sales");
    assert_eq!(draft.time_field.expect("time").as_str(), "at");
    assert_eq!(
        draft.isolation_field.expect("isolation").as_str(),
        "customer.id"
    );
    let required: Vec<bool> = draft.schema.declared().iter().map(|f| f.required).collect();
    assert_eq!(required, [true, false]);
}

#[test]
fn a_secret_is_kept_in_a_new_file_of_its_owner() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("token");
    let read = || std::fs::read_to_string(&path).expect("read");
    let keep = |over, secret: &str| {
        let place = NewSecret::reserve(&path, over).expect("place");
        place.keep(secret).expect("kept")
    };
    let kept = keep(Over::Nothing, "tg_x");
    assert_eq!((kept, read().as_str()), (path.clone(), "tg_x\n"));
    let mode = || {
        std::fs::metadata(&path)
            .expect("metadata")
            .permissions()
            .mode()
    };
    assert_eq!(mode() & 0o777, 0o600);
    let taken = NewSecret::reserve(&path, Over::Nothing).expect_err("there is one already");
    assert_eq!(taken.exit_code(), 4);
    assert_eq!(read(), "tg_x\n");
    // Replaced as a whole, whoever could read the one before.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
    keep(Over::AFile, "tg_y");
    assert_eq!((read().as_str(), mode() & 0o777), ("tg_y\n", 0o600));
    // What comes into the way meanwhile is left as it is.
    let other = folder.path().join("other");
    let place = NewSecret::reserve(&other, Over::Nothing).expect("place");
    std::fs::write(&other, "somebody's").expect("written");
    let lost = place.keep("tg_z").expect_err("in the way");
    assert!(!lost.may_be_there);
    assert_eq!(std::fs::read_to_string(&other).expect("read"), "somebody's");
    drop(NewSecret::reserve(&folder.path().join("unused"), Over::Nothing).expect("place"));
    let names = std::fs::read_dir(folder.path()).expect("a folder");
    assert_eq!(names.count(), 2, "nothing of what was not kept is left");
    NewSecret::reserve(folder.path(), Over::AFile).expect_err("a directory");
}

#[test]
fn definitions_are_read_as_they_are_and_checked_to_be_json() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("pool.json");
    let text = "{\"name\": \"sales\",\n \"wide\": 18446744073709551616}";
    std::fs::write(&path, text).expect("write");
    assert_eq!(read_definition(&path).expect("definition"), text.as_bytes());
    std::fs::write(&path, "{\"name\": }").expect("write");
    assert_eq!(read_definition(&path).expect_err("json").exit_code(), 2);
    std::fs::write(&path, vec![b' '; model::limits::DEFINITION_BYTES_MAX + 1]).expect("write");
    assert_eq!(read_definition(&path).expect_err("size").exit_code(), 2);
    let absent = read_definition(&folder.path().join("absent")).expect_err("absent");
    assert_eq!(absent.exit_code(), 4);
}

#[test]
fn a_reader_that_goes_away_is_no_error_to_tell() {
    let closed = CommandError::Output(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!((closed.text(), closed.exit_code()), (None, 0));
    let full = CommandError::Output(io::Error::from(io::ErrorKind::StorageFull));
    assert!(full.text().is_some());
    assert_eq!(full.exit_code(), 4);
    assert_eq!(CommandError::Rejected { rejected: 1 }.exit_code(), 1);
    let unreachable = ClientError::Unreachable {
        url: "http://a".to_owned(),
        reason: "r".to_owned(),
    };
    assert_eq!(CommandError::Client(unreachable).exit_code(), 3);
}
