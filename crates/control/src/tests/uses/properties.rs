//! Undeclared properties of open pools.

use super::*;

#[tokio::test]
async fn a_deleted_property_stays_deleted_and_what_pools_rest_on_is_kept() {
    let plane = Plane::new().await;
    let text = r#"{"name":"events","schema":"open","isolation_field":"tenant.id","time_field":"at","fields":[{"name":"at","type":"DateTime"},{"name":"a.b","type":"String"}]}"#;
    let draft = PoolDraft::parse(&value(text)).expect("a pool");
    let made = plane.control.create_pool(&plane.admin(), draft).await;
    let made = made.expect("a pool");
    let path = |text| FieldPath::parse(text).expect("a path");
    let delete = async |plane: &Plane, gone| {
        let by = plane.admin();
        plane
            .control
            .delete_property(&by, made.id, &path(gone))
            .await
    };
    for kept in ["at", "a", "a.b", "a.b.c", "tenant", "tenant.id"] {
        assert_eq!(
            fault(delete(&plane, kept).await).0,
            FaultCode::InUse,
            "{kept}"
        );
    }
    let after = delete(&plane, "note").await.expect("is deleted");
    assert_eq!(after.revision, made.revision + 1);
    assert_eq!(after.draft.to_value(), made.draft.to_value());
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    let pool = definitions.pool("events").expect("is there");
    assert_eq!(pool.draft, after.draft);
    assert_eq!(
        pool.draft.schema.column_path(&path("note.x")).as_str(),
        "note.x._2"
    );
    // No other change of the pool brings it back.
    let patched = pool
        .draft
        .patched(&value(r#"{"description":"d"}"#))
        .expect("a draft");
    let changed = plane
        .control
        .change_pool(&plane.admin(), made.id, None, patched)
        .await;
    let changed = changed.expect("changes").draft.schema.deleted().clone();
    assert_eq!(&changed, after.draft.schema.deleted());
    let audit = plane.audit().await;
    assert!(audit.contains(&("pool.property.delete".to_owned(), "events".to_owned())));

    let strict = plane.pool("strict").await;
    let by = plane.admin();
    let refused = plane
        .control
        .delete_property(&by, strict.id, &path("x"))
        .await;
    assert_eq!(fault(refused).0, FaultCode::NotAvailable);
    let other = plane.other_project().await;
    let elsewhere = plane
        .control
        .delete_property(&other, made.id, &path("x"))
        .await;
    assert!(matches!(elsewhere, Err(ControlError::NotFound)));
}

#[tokio::test]
async fn a_property_that_a_key_or_a_view_is_built_on_or_beneath_is_kept() {
    let plane = Plane::new().await;
    let draft = PoolDraft::parse(&value(r#"{"name":"events","schema":"open"}"#)).expect("a pool");
    let made = plane
        .control
        .create_pool(&plane.admin(), draft)
        .await
        .expect("a pool");
    let path = |text| FieldPath::parse(text).expect("a path");
    let grants = r#"[{"on":"pool:*","actions":["query"],"constraints":[{"not":{"field":"who.id","operator":"eq","value":"x"}}]},
        {"on":"pool:events","actions":["ingest"],"injections":{"tenant.id":"t"}}]"#;
    plane.key("Ada", grants).await;
    let view =
        r#"{"name":"list","pool":"events","shape":"records","fields":[{"field":"page.url"}]}"#;
    let definitions = plane.definitions();
    let schema = &definitions.pool("events").expect("a pool").draft.schema;
    let view = ViewDraft::parse(&value(view), schema).expect("a view");
    plane
        .control
        .create_view(&plane.admin(), view)
        .await
        .expect("a view");
    for (kept, user) in [
        ("who", "the key \"Ada\""),
        ("who.id", "the key \"Ada\""),
        ("tenant", "the key \"Ada\""),
        ("page", "the view \"list\""),
    ] {
        let refused = plane
            .control
            .delete_property(&plane.admin(), made.id, &path(kept))
            .await;
        assert!(refusal(refused).contains(user), "{kept}");
    }
    for free in ["who.name", "page.title", "tenan"] {
        let deleted = plane
            .control
            .delete_property(&plane.admin(), made.id, &path(free))
            .await;
        deleted.expect("is free");
    }
}
