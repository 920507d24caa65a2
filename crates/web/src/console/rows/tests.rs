use model::fields::FieldType;
use model::filters::parse_list;
use model::names::Name;
use model::pools::{Field, Schema, SchemaMode};

use super::*;
use crate::testing::World;

fn form(pairs: &[(&str, &str)]) -> Form {
    Form::of(pairs)
}

/// The pool of the tests' world, as far as rows of forms look at it.
async fn pool() -> std::sync::Arc<Pool> {
    let world = World::with_sales().await;
    let definitions = crate::console::keys::definitions_of(&world).await;
    definitions.pool("sales").expect("a pool").clone()
}

#[tokio::test]
async fn values_are_of_the_type_that_the_pool_declares() {
    let pool = pool().await;
    let pools = [&*pool];
    let typed = form(&[
        ("field_1", "amount"),
        ("operator_1", "gte"),
        ("value_1", "3"),
        ("field_3", "customer"),
        ("operator_3", "in"),
        ("value_3", "a, b,"),
        ("field_4", "email"),
        ("operator_4", "missing"),
        ("field_5", "other"),
        ("operator_5", "eq"),
        ("value_5", "4"),
        ("field_6", "other"),
        ("operator_6", "eq"),
        ("value_6", "4"),
        ("kind_6", "number"),
    ]);
    let read = conditions(&typed, &pools);
    let Ok(read) = read else { panic!("is read") };
    let texts: Vec<String> = read
        .iter()
        .map(|(_, value)| model::json::to_text(value))
        .collect();
    assert_eq!(
        texts,
        [
            r#"{"field":"amount","operator":"gte","value":3}"#,
            r#"{"field":"customer","operator":"in","value":["a","b"]}"#,
            r#"{"field":"email","operator":"exists","value":false}"#,
            r#"{"field":"other","operator":"eq","value":"4"}"#,
            r#"{"field":"other","operator":"eq","value":4}"#,
        ]
    );
    let places: Vec<&str> = read.iter().map(|(field, _)| *field).collect();
    assert_eq!(
        places,
        ["field_1", "field_3", "field_4", "field_5", "field_6"]
    );
}

#[tokio::test]
async fn a_row_that_says_half_of_it_is_wrong_and_says_where() {
    let pool = pool().await;
    for (typed, marked) in [
        (&[("value_2", "x")][..], "field_2"),
        (&[("field_2", "customer")], "field_2"),
        (&[("field_1", "amount"), ("value_1", "many")], "field_1"),
        (
            &[
                ("field_1", "x"),
                ("value_1", "perhaps"),
                ("kind_1", "boolean"),
            ],
            "field_1",
        ),
    ] {
        let Err(Wrong(field, _)) = conditions(&form(typed), &[&*pool]) else {
            panic!("{typed:?} is wrong");
        };
        assert_eq!(field, marked, "{typed:?}");
    }
    let twice = form(&[
        ("stamp_1", "a"),
        ("with_1", "x"),
        ("stamp_2", "a"),
        ("with_2", "y"),
    ]);
    assert!(matches!(stamps(&twice, &[]), Err(Wrong("stamp_2", _))));
}

#[tokio::test]
async fn what_rows_say_is_what_they_were_filled_with() {
    let field = |name: &str, of: &str| {
        let path = FieldPath::parse(name).expect("a path");
        Field::new(path, FieldType::parse(of).expect("a type"), false)
    };
    let schema = Schema::new(
        SchemaMode::Open,
        vec![
            field("n", "Int64"),
            field("t", "String"),
            field("b", "Boolean"),
        ],
    );
    let mut pool = (*pool().await).clone();
    pool.draft.schema = schema;
    pool.draft.name = Name::parse("other").expect("a name");
    for filters in [
        r#"[{"field":"n","operator":"eq","value":3},{"field":"t","operator":"ne","value":"3"}]"#,
        r#"[{"field":"t","operator":"in","value":["a","b c"]}]"#,
        r#"[{"field":"u","operator":"lt","value":2.5},{"field":"u","operator":"eq","value":"2"}]"#,
        r#"[{"field":"b","operator":"eq","value":true},{"field":"n","operator":"exists","value":true}]"#,
        r#"[{"field":"t","operator":"eq","value":"4"},{"field":"t","operator":"contains","value":"x, y"}]"#,
    ] {
        let value = model::json::parse(filters.as_bytes()).expect("JSON");
        let filter = parse_list(&value).expect("filters");
        let filled = with_conditions(Fields::blank(), &filter, &[&pool]).expect("rows say it");
        let pairs: Vec<(&str, &str)> = names()
            .into_iter()
            .map(|name| (name, filled.value(name)))
            .collect();
        let Ok(read) = conditions(&form(&pairs), &[&pool]) else {
            panic!("{filters} is read");
        };
        let read: Vec<Value> = read.into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            parse_list(&Value::Array(read)).expect("filters"),
            filter,
            "{filters}"
        );
    }
    // What rows cannot say is not said half.
    for filters in [
        r#"[{"any":[{"field":"a","operator":"eq","value":1},{"field":"b","operator":"eq","value":1}]}]"#,
        r#"[{"field":"a","operator":"eq","value":" x"}]"#,
        r#"[{"field":"a","operator":"in","value":["a,b"]}]"#,
        r#"[{"field":"a","operator":"in","value":["a",1]}]"#,
        r#"[{"field":"a","operator":"regex","value":"x"}]"#,
    ] {
        let value = model::json::parse(filters.as_bytes()).expect("JSON");
        let filter = parse_list(&value).expect("filters");
        let filled = with_conditions(Fields::blank(), &filter, &[&pool]);
        assert!(filled.is_none(), "{filters}");
    }
}
