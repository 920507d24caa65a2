use super::*;
use crate::testing::World;

async fn definitions() -> std::sync::Arc<Definitions> {
    let world = World::with_sales().await;
    crate::console::keys::definitions_of(&world).await
}

#[tokio::test]
async fn a_form_without_rows_says_nothing_and_an_empty_one_says_all() {
    let definitions = definitions().await;
    let said = |pairs: &[(&str, &str)]| super::said(&Form::of(pairs), &definitions).ok();
    assert_eq!(
        said(&[("field_1", "customer"), ("value_1", "a")]),
        Some(Rows::Same)
    );
    assert_eq!(
        said(&[(SHOWN, "shown"), ("field_1", ""), ("value_1", " ")]),
        Some(Rows::All)
    );
    let some = said(&[(SHOWN, "shown"), ("field_1", "customer"), ("value_1", "a")]);
    let list = r#"[{"field":"customer","operator":"eq","value":"a"}]"#;
    let list = model::json::parse(list.as_bytes()).expect("JSON");
    assert_eq!(some, Some(Rows::Only(parse_list(&list).expect("a filter"))));
}

#[tokio::test]
async fn what_is_no_condition_is_said_at_its_row() {
    let definitions = definitions().await;
    let form = [
        (SHOWN, "shown"),
        ("field_1", "customer"),
        ("value_1", "a"),
        ("field_2", "no field at all\u{0}"),
        ("value_2", "b"),
    ];
    let Err(Wrong(field, _)) = said(&Form::of(&form), &definitions) else {
        panic!("it was taken");
    };
    assert_eq!(field, "field_2");
    let half = [(SHOWN, "shown"), ("field_1", "customer")];
    let Err(Wrong(field, rule)) = said(&Form::of(&half), &definitions) else {
        panic!("it was taken");
    };
    assert_eq!(field, "field_1");
    assert!(rule.contains("say the value"), "{rule}");
}

#[tokio::test]
async fn what_is_filled_in_says_the_same_again() {
    let definitions = definitions().await;
    let list = r#"[{"field":"customer","operator":"in","value":["a","b"]},
                   {"field":"amount","operator":"gte","value":3}]"#;
    let list = model::json::parse(list.as_bytes()).expect("JSON");
    let filter = parse_list(&list).expect("a filter");
    let fields = filled(Fields::blank(), &definitions, Some(&filter)).expect("rows say it");
    let pairs: Vec<(&str, &str)> = names().map(|name| (name, fields.value(name))).collect();
    assert_eq!(
        said(&Form::of(&pairs), &definitions).ok(),
        Some(Rows::Only(filter))
    );
    let any = r#"[{"any":[{"field":"customer","operator":"eq","value":"a"},
                          {"field":"customer","operator":"eq","value":"b"}]}]"#;
    let any = model::json::parse(any.as_bytes()).expect("JSON");
    let any = parse_list(&any).expect("a filter");
    assert!(filled(Fields::blank(), &definitions, Some(&any)).is_none());
}
