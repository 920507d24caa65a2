//! Fields that views and keys are built on are neither dropped nor renamed;
//! what may change is there after a restart.

mod properties;
mod unseen;

use super::*;
use model::names::FieldPath;

/// The pool `sales` with the fields `customer.id`, `amount`, `a`, `b` and `at`.
async fn wide(plane: &Plane) -> Arc<Pool> {
    let fields = r#"[{"name":"customer.id","type":"String"},{"name":"amount","type":"Int64"},
        {"name":"a","type":"String"},{"name":"b","type":"String"},{"name":"at","type":"DateTime"}]"#;
    let by = plane.admin();
    let created = plane.control.create_pool(&by, pool_of("sales", fields));
    created.await.expect("a pool")
}

/// Changes the list of fields: without those named, and with those renamed.
async fn change(
    plane: &Plane,
    gone: &[&str],
    renamed: &[(&str, &str)],
) -> Result<Arc<Pool>, ControlError> {
    let definitions = plane.definitions();
    let pool = definitions.pools().next().expect("is there");
    let fields = pool.draft.schema.declared().iter();
    let fields = fields.filter(|field| !gone.contains(&field.path.as_str()));
    let entries = fields.map(|field| {
        let (path, of) = (field.path.as_str(), field.field_type);
        let to = renamed.iter().find(|(old, _)| *old == path);
        match to {
            Some((old, new)) => {
                format!(r#"{{"name":"{new}","type":"{of}","renamed_from":"{old}"}}"#)
            }
            None => format!(r#"{{"name":"{path}","type":"{of}"}}"#),
        }
    });
    let entries = entries.collect::<Vec<_>>().join(",");
    let patch = value(&format!(r#"{{"fields":[{entries}]}}"#));
    let draft = pool.draft.patched(&patch).map_err(ControlError::from)?;
    let by = plane.admin();
    let changed = plane.control.change_pool(&by, pool.id, None, draft);
    changed.await
}

/// The refusal of a change that something is built against.
fn refusal(outcome: Result<Arc<Pool>, ControlError>) -> String {
    match outcome {
        Err(ControlError::Fault(fault)) => {
            assert_eq!((fault.code, &*fault.pointer), (FaultCode::InUse, "/fields"));
            fault.detail
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_field_in_use_by_a_key_is_neither_dropped_nor_renamed() {
    let filter = |field: &str| {
        format!(r#""constraints":[{{"not":{{"field":"{field}","operator":"eq","value":"x"}}}}]"#)
    };
    let uses = [
        format!(
            r#"{{"on":"pool:sales","actions":["query"],{}}}"#,
            filter("a")
        ),
        format!(r#"{{"on":"pool:*","actions":["delete"],{}}}"#, filter("a")),
        format!(r#"{{"on":"view:sums","actions":["read"],{}}}"#, filter("a")),
        format!(r#"{{"on":"view:*","actions":["read"],{}}}"#, filter("a")),
        r#"{"on":"pool:sales","actions":["ingest"],"injections":{"a":"x"}}"#.to_owned(),
        r#"{"on":"pool:*","actions":["ingest"],"injections":{"a":"x"}}"#.to_owned(),
    ];
    let plane = Plane::new().await;
    wide(&plane).await;
    plane.view("sums", "sales").await;
    for grant in uses {
        let (key, _) = plane.key("a user", &format!("[{grant}]")).await;
        let by = plane.admin();
        // A key that is out of use may come back.
        let disabled = plane.control.set_key_disabled(&by, key.id(), true);
        disabled.await.expect("disables");
        for (gone, renamed) in [(&["a"][..], &[][..]), (&[], &[("a", "z")])] {
            let detail = refusal(change(&plane, gone, renamed).await);
            assert!(detail.contains("the key \"a user\""), "{grant}: {detail}");
        }
        let unused = change(&plane, &[], &[("b", "c")]).await;
        unused.expect("another field may change");
        change(&plane, &[], &[("c", "b")]).await.expect("and back");
        let deleted = plane.control.delete_key(&by, key.id(), None);
        deleted.await.expect("deletes");
    }
    change(&plane, &["a"], &[])
        .await
        .expect("nothing uses it now");
}

#[tokio::test]
async fn what_a_grant_does_not_reach_is_no_use() {
    let plane = Plane::new().await;
    wide(&plane).await;
    plane.pool("other").await;
    plane.view("of other", "other").await;
    let rows = r#""constraints":[{"field":"a","operator":"eq","value":"x"}]"#;
    let on_view = r#""constraints":[{"field":"customer.id","operator":"eq","value":"x"}]"#;
    for grant in [
        format!(r#"{{"on":"pool:*","except":["sales"],"actions":["query"],{rows}}}"#),
        format!(r#"{{"on":"view:of other","actions":["read"],{on_view}}}"#),
        r#"{"on":"pool:sales","actions":["query"],"constraints":"all_rows","fields":{"deny":["a"]}}"#
            .to_owned(),
    ] {
        plane.key("no user", &format!("[{grant}]")).await;
    }
    change(&plane, &["a"], &[]).await.expect("drops");
}

#[tokio::test]
async fn a_new_name_neither_shows_nor_hides_a_field() {
    let plane = Plane::new().await;
    wide(&plane).await;
    for (fields, old, new, is_used) in [
        (r#"{"deny":["a"]}"#, "a", "z", true),
        (r#"{"deny":["secret"]}"#, "a", "secret.a", true),
        (r#"{"deny":["secret"]}"#, "a", "z", false),
        (r#"{"allow":["a"]}"#, "a", "z", true),
        (r#"{"allow":["z"]}"#, "a", "z.a", true),
        (r#"{"allow":["b"]}"#, "a", "z", false),
        (r#"{"deny":["customer"]}"#, "a", "customer.name", true),
    ] {
        let grant = format!(
            r#"[{{"on":"pool:*","actions":["schema"],"constraints":"all_rows","fields":{fields}}}]"#
        );
        let (key, _) = plane.key("seer", &grant).await;
        let changed = change(&plane, &[], &[(old, new)]).await;
        if is_used {
            let detail = refusal(changed);
            assert!(detail.contains("the key \"seer\""), "{fields}: {detail}");
        } else {
            changed.expect("renames");
            change(&plane, &[], &[(new, old)]).await.expect("and back");
        }
        let by = plane.admin();
        let deleted = plane.control.delete_key(&by, key.id(), None);
        deleted.await.expect("deletes");
    }
}

#[tokio::test]
async fn a_field_in_use_by_a_view_is_neither_dropped_nor_renamed() {
    let plane = Plane::new().await;
    wide(&plane).await;
    let views = [
        r#""shape":"records","fields":[{"field":"a","as":"b"}]"#,
        r#""shape":"aggregated","fields":[{"field":"a","group":true},{"aggregate":"count"}]"#,
        r#""shape":"aggregated","fields":[{"field":"a","aggregate":"count_unique"}]"#,
        r#""shape":"records","fields":[{"field":"b"}],"filters":[{"any":[{"field":"a","operator":"exists","value":true}]}]"#,
    ];
    let series = r#""shape":"time_series","interval_field":"at","fields":[{"aggregate":"count"}]"#;
    let all = views.iter().map(|view| (*view, "a"));
    for (members, used) in all.chain([(series, "at")]) {
        let text = format!(r#"{{"name":"v","pool":"sales",{members}}}"#);
        let definitions = plane.definitions();
        let schema = &definitions.pool("sales").expect("is there").draft.schema;
        let draft = ViewDraft::parse(&value(&text), schema).expect("a view");
        let by = plane.admin();
        let view = plane.control.create_view(&by, draft).await.expect("a view");
        for (gone, renamed) in [(&[used][..], &[][..]), (&[], &[(used, "z")])] {
            let detail = refusal(change(&plane, gone, renamed).await);
            assert!(detail.contains("the view \"v\""), "{members}: {detail}");
        }
        let deleted = plane.control.delete_view(&by, view.id, None);
        deleted.await.expect("deletes");
    }
    change(&plane, &["a", "at"], &[]).await.expect("drops");
}

#[tokio::test]
async fn many_users_are_named_and_counted() {
    let plane = Plane::new().await;
    wide(&plane).await;
    let grant = r#"[{"on":"pool:sales","actions":["ingest"],"injections":{"a":"x"}}]"#;
    for n in 0..12 {
        plane.key(&format!("k{n}"), grant).await;
    }
    let detail = refusal(change(&plane, &["a"], &[]).await);
    assert!(detail.contains("\"k9\" and 2 more"), "{detail}");
    assert!(!detail.contains("k10"), "{detail}");
}

#[tokio::test]
async fn columns_outlive_changes_and_restarts() {
    let plane = Plane::new().await;
    wide(&plane).await;
    change(&plane, &["b"], &[("a", "b2")])
        .await
        .expect("changes");
    let definitions = plane.definitions();
    let before = definitions.pool("sales").expect("is there").clone();
    let patch = r#"{"fields":[{"name":"customer.id","type":"String"},{"name":"a","type":"Int8"},
        {"name":"b","type":"Int8"},{"name":"b2","type":"String"}]}"#;
    let draft = before.draft.patched(&value(patch)).expect("legal");
    let by = plane.admin();
    let changed = plane.control.change_pool(&by, before.id, Some(2), draft);
    let changed = changed.await.expect("changes");
    let check = |pool: &Pool| {
        let column = |path: &str| {
            let path = FieldPath::parse(path).expect("legal");
            let column = pool.draft.schema.column_name(&path);
            column.map(ToOwned::to_owned).unwrap_or_default()
        };
        let columns = ["a", "b", "b2"].map(column);
        assert_eq!(columns, ["a._2", "b._2", "a"]);
        let retired: Vec<_> = pool.draft.schema.retired().iter().collect();
        assert_eq!(retired.len(), 3, "{retired:?}");
    };
    check(&changed);
    let entries = plane.control.audit_entries(&by, 1).await.expect("reads");
    let after = entries[0].after.clone().expect("a text");
    assert!(
        !after.contains("column") && !after.contains("._2"),
        "{after}"
    );
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    let read = definitions.pool("sales").expect("is there");
    assert_eq!(read, &changed);
    check(read);
}

#[tokio::test]
async fn what_the_lake_will_enforce_is_kept() {
    let plane = Plane::new().await;
    let by = plane.admin();
    let id = FieldPath::parse("customer.id").expect("legal");
    let draft = PoolDraft {
        unique: vec![id, FieldPath::parse("amount").expect("legal")],
        retention_days: Some(30),
        layout: model::pools::FileLayout::FilePerCustomer,
        ..pool("sales")
    };
    let made = plane.control.create_pool(&by, draft.clone()).await;
    let made = made.expect("a pool");
    assert_eq!(made.draft, draft);
    let longer = PoolDraft {
        retention_days: Some(60),
        ..draft.clone()
    };
    let changed = plane.control.change_pool(&by, made.id, None, longer);
    assert_eq!(
        changed.await.expect("changes").draft.retention_days,
        Some(60)
    );
    let other = PoolDraft {
        unique: Vec::new(),
        ..draft
    };
    let refused = plane.control.change_pool(&by, made.id, None, other).await;
    assert_eq!(
        fault(refused),
        (FaultCode::NotAvailable, "/unique".to_owned())
    );
    let picture = plane.picture();
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn a_pool_of_before_has_columns_like_its_paths() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let plane = plane
        .restarted_after(
            r#"UPDATE pools SET definition = '{"name":"sales","description":"","schema":"strict",'
            || '"fields":[{"name":"amount","type":"Int64","required":false},'
            || '{"name":"customer.id","type":"String","required":false}],'
            || '"isolation_field":"customer.id","time_field":null}'"#,
        )
        .await;
    let definitions = plane.definitions();
    let read = definitions.pool("sales").expect("is there");
    assert_eq!(read.draft, pool("sales"));
}

#[tokio::test]
async fn a_field_in_use_by_a_stored_question_is_neither_dropped_nor_renamed() {
    let plane = Plane::new().await;
    wide(&plane).await;
    let by = plane.admin();
    let saved = r#"{"name":"s","query":{"analysis":"sum","field":"amount","pool":"sales",
        "filters":[{"field":"a","operator":"eq","value":"x"}]}}"#;
    let saved = model::saved_queries::SavedQueryDraft::parse(&value(saved)).expect("legal");
    plane
        .control
        .create_saved_query(&by, saved)
        .await
        .expect("a saved query");
    let dataset = r#"{"name":"d","index_by":"b","query":{"analysis":"count","pool":"sales",
        "interval":"daily","timeframe":"this_7_days"}}"#;
    let dataset = model::datasets::DatasetDraft::parse(&value(dataset)).expect("legal");
    plane
        .control
        .create_dataset(&by, dataset)
        .await
        .expect("a dataset");
    for (field, user) in [
        ("amount", "saved query"),
        ("a", "saved query"),
        ("b", "dataset"),
    ] {
        let refused = refusal(change(&plane, &[field], &[]).await);
        assert!(refused.contains(user), "{refused}");
        let refused = refusal(change(&plane, &[], &[(field, "other")]).await);
        assert!(refused.contains(user), "{refused}");
    }
}
