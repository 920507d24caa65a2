use super::*;
use crate::fixtures::json;

const QUERY: &str = r#"{"analysis":"sum","field":"amount","pool":"orders","filters":[{"field":"shop","operator":"eq","value":"a"}],
    "timeframe":"this_7_days","group_by":["sku"]}"#;

fn draft(more: &str) -> Result<SavedQueryDraft, Fault> {
    SavedQueryDraft::parse(&json(&format!(
        r#"{{"name":"sales","query":{QUERY}{more}}}"#
    )))
}

#[test]
fn a_definition_reads_back_to_the_same() {
    for more in [
        "",
        r#","metadata":{"title":"Sales","tags":[1,null]}"#,
        r#","refresh_rate":60"#,
        r#","refresh_rate":604800,"metadata":{}"#,
        r#","refresh_rate":0"#,
        r#","refresh_rate":null,"metadata":null"#,
    ] {
        let read = draft(more).expect(more);
        assert_eq!(SavedQueryDraft::parse(&read.to_value()), Ok(read.clone()));
        assert_eq!(SavedQueryDraft::restore(&read.to_stored()), Ok(read));
    }
    let mut of_dialect = draft("").expect("legal");
    of_dialect.dialect = Some(Object::new().with("analysis_type", "sum"));
    let stored = of_dialect.to_stored();
    assert_eq!(SavedQueryDraft::restore(&stored), Ok(of_dialect));
    let refused = SavedQueryDraft::parse(&stored).expect_err("is not the caller's");
    assert_eq!(&*refused.pointer, "/dialect");
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (r#","refresh_rate":59"#, "/refresh_rate"),
        (r#","refresh_rate":604801"#, "/refresh_rate"),
        (r#","refresh_rate":-1"#, "/refresh_rate"),
        (r#","refresh_rate":"60""#, "/refresh_rate"),
        (r#","metadata":[]"#, "/metadata"),
        (r#","more":1"#, "/more"),
    ];
    for (more, pointer) in cases {
        let fault = draft(more).expect_err(more);
        assert_eq!(&*fault.pointer, pointer, "{more}");
    }
    let cases = [
        (r#"{"name":"x"}"#, "/query"),
        (
            r#"{"name":"x","query":{"analysis":"sum","pool":"p"}}"#,
            "/query/field",
        ),
        (
            r#"{"name":"x","query":{"analysis":"count","pool":"p","grant":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}"#,
            "/query/grant",
        ),
        (
            r#"{"name":"_x","query":{"analysis":"count","pool":"p"}}"#,
            "/name",
        ),
    ];
    for (text, pointer) in cases {
        let fault = SavedQueryDraft::parse(&json(text)).expect_err(text);
        assert_eq!(&*fault.pointer, pointer, "{text}");
    }
}

#[test]
fn a_question_tells_the_fields_that_it_reads() {
    let query = draft("").expect("legal").query;
    let path = |text: &str| FieldPath::parse(text).expect("a path");
    for used in ["amount", "shop", "sku"] {
        assert!(query.uses(&path(used)), "{used}");
    }
    assert!(!query.uses(&path("orders")) && !query.uses(&path("amount.net")));
    let name = |text: &str| Name::parse(text).expect("a name");
    let renamed = query.with_pool_renamed(&name("orders"), &name("deals"));
    assert_eq!(renamed.sources()[0].pool, name("deals"));
}
