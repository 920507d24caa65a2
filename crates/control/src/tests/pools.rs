use super::*;
use crate::Refusal;
use model::ids::PoolId;
use model::keys::KeyCopy;
use model::permit::{AskPool, Denied, SeeSchema};

#[tokio::test]
async fn a_pool_is_there_at_once_and_after_a_restart() {
    let plane = Plane::new().await;
    let made = plane.pool("sales").await;
    assert_eq!((made.revision, made.created_at), (1, plane.now()));
    assert_eq!(plane.definitions().pool("sales"), Some(&made));
    assert_eq!(plane.definitions().pool_by_id(made.id), Some(&made));
    assert_eq!(plane.control.pools(), std::slice::from_ref(&made));
    for name in ["b", "a", "c"] {
        plane.pool(name).await;
    }
    let names = |plane: &Plane| -> Vec<String> {
        let definitions = plane.definitions();
        let pools = definitions.pools();
        pools.map(|pool| pool.draft.name.to_string()).collect()
    };
    assert_eq!(names(&plane), ["sales", "b", "a", "c"]);
    let picture = plane.picture();
    let plane = plane.restarted().await;
    assert_eq!(plane.picture(), picture);
    assert_eq!(names(&plane), ["sales", "b", "a", "c"]);
}

#[tokio::test]
async fn a_snapshot_does_not_change() {
    let plane = Plane::new().await;
    let before = plane.definitions();
    plane.pool("sales").await;
    assert_eq!(before.pools().len(), 0);
    assert_eq!(plane.definitions().pools().len(), 1);
}

#[tokio::test]
async fn of_many_that_ask_for_one_name_exactly_one_gets_it() {
    let plane = Plane::new().await;
    let by = plane.admin();
    let asked = (0..16).map(|_| {
        let (control, by) = (Arc::clone(&plane.control), by.clone());
        tokio::spawn(async move { control.create_pool(&by, pool("sales")).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut won = 0;
    for one in asked {
        match one.await.expect("runs") {
            Ok(_) => won += 1,
            Err(error) => assert!(matches!(error, ControlError::NameTaken)),
        }
    }
    assert_eq!((won, plane.definitions().pools().len()), (1, 1));
    let file = plane.file();
    plane.control.close().await.expect("closes");
    assert_eq!(count(&file, "pools").await, 1);
}

#[tokio::test]
async fn name_and_description_change_and_what_records_rest_on_does_not() {
    let plane = Plane::new().await;
    let (by, made) = (plane.admin(), plane.pool("sales").await);
    plane.pool("taken").await;
    let change = |expected, draft| plane.control.change_pool(&by, made.id, expected, draft);
    let described = PoolDraft {
        description: "all of them".to_owned(),
        ..pool("sales")
    };
    let changed = change(Some(1), described.clone()).await.expect("changes");
    assert_eq!((changed.revision, &changed.draft), (2, &described));
    let again = change(Some(2), described).await.expect("nothing to do");
    assert_eq!(again.revision, 2, "what changes nothing is no revision");
    assert!(matches!(
        change(Some(1), pool("sales")).await,
        Err(ControlError::StaleRevision)
    ));
    assert!(matches!(
        change(None, pool("taken")).await,
        Err(ControlError::NameTaken)
    ));
    let fields = r#"[{"name":"customer.id","type":"String"}]"#;
    let open = PoolDraft {
        schema: model::pools::Schema::new(
            model::pools::SchemaMode::Open,
            pool("x").schema.declared().to_vec(),
        ),
        ..pool("sales")
    };
    let unisolated = PoolDraft {
        isolation_field: None,
        ..pool("sales")
    };
    let timed = PoolDraft {
        time_field: Some(model::names::FieldPath::ingested_at()),
        ..pool("sales")
    };
    let forgetful = fault(change(None, pool_of("sales", fields)).await);
    assert_eq!(forgetful, (FaultCode::InvalidValue, "/fields".to_owned()));
    for (draft, pointer) in [
        (open, "/schema"),
        (unisolated, "/isolation_field"),
        (timed, "/time_field"),
    ] {
        let refused = fault(change(None, draft).await);
        assert_eq!(refused, (FaultCode::NotAvailable, pointer.to_owned()));
    }
    assert_eq!(plane.definitions().pool("sales"), Some(&changed));
    let unknown = PoolId::from_bytes([9; 16]);
    assert!(matches!(
        plane
            .control
            .change_pool(&by, unknown, None, pool("x"))
            .await,
        Err(ControlError::NotFound)
    ));
}

#[tokio::test]
async fn a_new_name_is_followed_by_views_and_grants() {
    let plane = Plane::new().await;
    let made = plane.pool("sales").await;
    let view = plane.view("all", "sales").await;
    let grants = r#"[{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}]"#;
    let (key, secret) = plane.key("reader", grants).await;
    let unrelated = plane.key("other", "[]").await.0;
    let by = plane.admin();
    let changed = plane.control.change_pool(&by, made.id, None, pool("deals"));
    let changed = changed.await.expect("renames");
    let check = |plane: &Plane| {
        let definitions = plane.definitions();
        assert!(definitions.pool("sales").is_none());
        assert_eq!(definitions.pool("deals"), Some(&changed));
        let (follows, read) = definitions.view("all").expect("is there");
        assert_eq!(follows.draft.pool.as_str(), "deals");
        assert_eq!((follows.revision, follows.id, read), (2, view.id, &changed));
        let follows = definitions.key(key.id()).expect("is there");
        assert_eq!(follows.grants()[0].on.to_text().0, "pool:deals");
        assert_eq!(follows.grants()[0].id, key.grants()[0].id);
        assert_eq!(follows.revision(), 2);
        assert_eq!(
            definitions
                .key(unrelated.id())
                .expect("is there")
                .revision(),
            1
        );
        let access = plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .expect("is let in");
        assert_eq!(access.grants()[0].on.to_text().0, "pool:deals");
        assert!(access.permit::<AskPool>(On::Pool(Some(&changed))).is_ok());
    };
    check(&plane);
    check(&plane.restarted().await);
}

#[tokio::test]
async fn a_new_name_never_opens_what_was_excepted() {
    let plane = Plane::new().await;
    let made = plane.pool("hidden").await;
    let grants =
        r#"[{"on":"pool:*","except":["hidden"],"actions":["schema"],"constraints":"all_rows"}]"#;
    let (_, secret) = plane.key("reader", grants).await;
    let by = plane.admin();
    let changed = plane.control.change_pool(&by, made.id, None, pool("open"));
    let changed = changed.await.expect("renames");
    let taken = plane.pool("hidden").await;
    let plane = plane.restarted().await;
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    for pool in [&changed, &taken] {
        let asked = access.permit::<SeeSchema>(On::Pool(Some(pool)));
        assert_eq!(asked.map(drop), Err(Denied::NotFound));
    }
    let other = plane.pool("other").await;
    assert!(access.permit::<SeeSchema>(On::Pool(Some(&other))).is_ok());
}

#[tokio::test]
async fn a_pool_goes_when_no_view_reads_it_and_its_grants_stay_behind() {
    let plane = Plane::new().await;
    let (by, made) = (plane.admin(), plane.pool("sales").await);
    let view = plane.view("all", "sales").await;
    let grants = r#"[{"on":"pool:sales","actions":["query"],"constraints":
        [{"field":"customer.id","operator":"eq","value":"93i"}]}]"#;
    let (key, secret) = plane.key("reader", grants).await;
    let delete = |expected| plane.control.delete_pool(&by, made.id, expected);
    match delete(None).await {
        Err(ControlError::InUse(views)) => assert_eq!(views, ["all"]),
        other => panic!("{other:?}"),
    }
    plane
        .control
        .delete_view(&by, view.id, None)
        .await
        .expect("deletes");
    assert!(matches!(
        delete(Some(2)).await,
        Err(ControlError::StaleRevision)
    ));
    delete(Some(1)).await.expect("deletes");
    assert!(matches!(delete(None).await, Err(ControlError::NotFound)));
    assert!(plane.definitions().pool("sales").is_none());

    let again = plane.pool("sales").await;
    assert_ne!(again.id, made.id);
    let plane = plane.restarted().await;
    let kept = plane
        .definitions()
        .key(key.id())
        .cloned()
        .expect("is there");
    assert_eq!(kept.draft(), key.draft(), "the grant can still be read");
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    let asked = access.permit::<AskPool>(On::Pool(Some(&again)));
    assert_eq!(
        asked.map(drop),
        Err(Denied::NotFound),
        "another pool of the name"
    );
    // Sent back by a client that read it, the grant stays what it is.
    let sent = format!("[{}]", json::to_text(&kept.grants()[0].to_value()));
    let draft = plane.key_draft_over("renamed", &sent, Some(&kept));
    let by = plane.admin();
    let changed = plane.control.change_key(&by, key.id(), None, draft);
    assert_eq!(
        changed.await.expect("changes").grants()[0],
        kept.grants()[0]
    );
}

#[tokio::test]
async fn every_change_of_a_pool_is_in_the_audit() {
    let plane = Plane::new().await;
    let (by, made) = (plane.admin(), plane.pool("sales").await);
    let renamed = plane.control.change_pool(&by, made.id, None, pool("deals"));
    renamed.await.expect("renames");
    plane
        .control
        .delete_pool(&by, made.id, None)
        .await
        .expect("deletes");
    let entries = plane.control.audit_entries(&by, 3).await.expect("reads");
    let seen: Vec<_> = entries.iter().rev().map(|e| e.action.as_str()).collect();
    assert_eq!(seen, ["pool.create", "pool.change", "pool.delete"]);
    let text = |name| Some(json::to_text(&pool(name).to_value()));
    assert_eq!(
        (&entries[1].before, &entries[1].after),
        (&text("sales"), &text("deals"))
    );
    assert_eq!(
        (&entries[0].before, &entries[0].after),
        (&text("deals"), &None)
    );
    assert_eq!(
        (&entries[2].before, &entries[2].after),
        (&None, &text("sales"))
    );
    for entry in &entries {
        assert_eq!(entry.actor, format!("key:{}", by.access().key()));
        assert_eq!(entry.subject_id, made.id.to_string());
        assert_eq!((entry.at, entry.project), (plane.now(), plane.project()));
    }
}

#[tokio::test]
async fn what_belongs_to_another_project_is_not_there() {
    let plane = Plane::new().await;
    let (by, control) = (plane.other_project().await, &plane.control);
    let pool_ = plane.pool("sales").await;
    let view = plane.view("all", "sales").await;
    let (key, _) = plane.key("reader", "[]").await;
    let picture = plane.picture();
    let not_found = |outcome: Result<(), ControlError>| {
        assert!(
            matches!(outcome, Err(ControlError::NotFound)),
            "{outcome:?}"
        );
    };
    let draft = plane.view_draft("x", "sales");
    let key_draft = plane.key_draft("x", "[]");
    not_found(
        control
            .change_pool(&by, pool_.id, None, pool("x"))
            .await
            .map(drop),
    );
    not_found(control.delete_pool(&by, pool_.id, None).await);
    not_found(
        control
            .change_view(&by, view.id, None, draft.clone())
            .await
            .map(drop),
    );
    not_found(control.delete_view(&by, view.id, None).await);
    not_found(
        control
            .change_key(&by, key.id(), None, key_draft)
            .await
            .map(drop),
    );
    not_found(control.delete_key(&by, key.id(), None).await);
    not_found(
        control
            .set_key_disabled(&by, key.id(), true)
            .await
            .map(drop),
    );
    not_found(
        control
            .copy_key(&by, key.id(), KeyCopy::default())
            .await
            .map(drop),
    );
    let foreign = control.create_view(&by, draft).await;
    assert_eq!(
        fault(foreign),
        (FaultCode::UnknownResource, "/pool".to_owned())
    );
    assert_eq!(plane.picture(), picture);
    // The same names are free there, and its audit speaks of nothing else.
    control
        .create_pool(&by, pool("sales"))
        .await
        .expect("another world");
    let entries = control.audit_entries(&by, 100).await.expect("reads");
    let seen: Vec<_> = entries.iter().rev().map(|e| e.action.as_str()).collect();
    assert_eq!(seen, ["project.create", "key.create", "pool.create"]);
    assert_eq!(control.pools().len(), 2);
}

#[tokio::test]
async fn a_permit_does_not_outlive_its_key() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("second", &format!("[{ADMIN}]")).await;
    let held = plane.permit(&secret);
    let refused = |outcome: Result<Arc<Pool>, ControlError>| {
        let refused = matches!(outcome, Err(ControlError::Refused(Refusal::CallerChanged)));
        assert!(refused, "{outcome:?}");
    };
    let ask = |name: &'static str| plane.control.create_pool(&held, pool(name));
    ask("a").await.expect("is still a key");
    let (by, control) = (plane.admin(), &plane.control);
    control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("disables");
    refused(ask("b").await);
    control
        .set_key_disabled(&by, key.id(), false)
        .await
        .expect("enables");
    ask("b").await.expect("is a key again");
    let stripped = plane.key_draft("second", "[]");
    control
        .change_key(&by, key.id(), None, stripped)
        .await
        .expect("strips");
    refused(ask("c").await);
    control
        .delete_key(&by, key.id(), None)
        .await
        .expect("deletes");
    refused(ask("c").await);
}
