use super::*;
use model::permit::Read;

#[tokio::test]
async fn a_view_is_there_at_once_and_after_a_restart() {
    let plane = Plane::new().await;
    let (by, read) = (plane.admin(), plane.pool("sales").await);
    let made = plane.view("all", "sales").await;
    assert_eq!((made.pool, made.revision), (read.id, 1));
    assert_eq!(plane.definitions().view("all"), Some((&made, &read)));
    assert_eq!(
        plane.definitions().view_by_id(made.id),
        Some((&made, &read))
    );
    let taken = plane
        .control
        .create_view(&by, plane.view_draft("all", "sales"));
    assert!(matches!(taken.await, Err(ControlError::NameTaken)));
    plane.view("a later one", "sales").await;
    let picture = plane.picture();
    let plane = plane.restarted().await;
    assert_eq!(plane.picture(), picture);
    let definitions = plane.definitions();
    let names: Vec<_> = definitions
        .views()
        .map(|(v, _)| v.draft.name.as_str())
        .collect();
    assert_eq!(names, ["all", "a later one"]);
}

#[tokio::test]
async fn a_view_needs_its_pool_as_it_is_now() {
    let plane = Plane::new().await;
    let (by, gone) = (plane.admin(), plane.pool("sales").await);
    let draft = plane.view_draft("all", "sales");
    plane
        .control
        .delete_pool(&by, gone.id, None)
        .await
        .expect("deletes");
    let refused = plane.control.create_view(&by, draft.clone()).await;
    assert_eq!(
        fault(refused),
        (FaultCode::UnknownResource, "/pool".to_owned())
    );
    let fields = r#"[{"name":"customer.id","type":"String"}]"#;
    let other = plane.control.create_pool(&by, pool_of("sales", fields));
    other.await.expect("another pool of the name");
    let refused = fault(plane.control.create_view(&by, draft).await);
    assert_eq!(
        refused,
        (FaultCode::UnknownField, "/fields/0/field".to_owned())
    );
}

#[tokio::test]
async fn a_view_changes_but_for_its_pool_and_grants_follow_its_name() {
    let plane = Plane::new().await;
    let by = plane.admin();
    plane.pool("sales").await;
    plane.pool("other").await;
    let made = plane.view("all", "sales").await;
    plane.view("taken", "sales").await;
    let grants = r#"[{"on":"view:all","actions":["read"],"constraints":"all_rows"},
        {"on":"view:*","except":["all"],"actions":["read"],"constraints":"all_rows"}]"#;
    let (key, secret) = plane.key("reader", grants).await;
    let change = |expected, draft| plane.control.change_view(&by, made.id, expected, draft);
    let elsewhere = fault(change(None, plane.view_draft("all", "other")).await);
    assert_eq!(elsewhere, (FaultCode::InvalidValue, "/pool".to_owned()));
    let taken = change(None, plane.view_draft("taken", "sales")).await;
    assert!(matches!(taken, Err(ControlError::NameTaken)));
    let stale = change(Some(2), plane.view_draft("x", "sales")).await;
    assert!(matches!(stale, Err(ControlError::StaleRevision)));
    let same = change(Some(1), plane.view_draft("all", "sales")).await;
    assert_eq!(same.expect("nothing to do").revision, 1);
    let changed = change(Some(1), plane.view_draft("every", "sales")).await;
    let changed = changed.expect("renames");
    assert_eq!((changed.revision, changed.id), (2, made.id));
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    assert!(definitions.view("all").is_none());
    let key = definitions.key(key.id()).expect("is there");
    assert_eq!(key.grants()[0].on, changed.target());
    assert_eq!(key.grants()[1].on.to_text().2, ["all", "every"]);
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    assert!(
        access
            .permit::<Read>(On::View(definitions.view("every")))
            .is_ok()
    );
}

#[tokio::test]
async fn a_view_would_be_what_it_is_after_the_change_with_the_grants_that_follow() {
    let plane = Plane::new().await;
    let by = plane.admin();
    plane.pool("sales").await;
    plane.pool("other").await;
    let made = plane.view("all", "sales").await;
    plane.view("taken", "sales").await;
    let grants = r#"[{"on":"view:all","actions":["read"],"constraints":"all_rows"},
        {"on":"view:*","except":["all"],"actions":["read"],"constraints":"all_rows"}]"#;
    plane.key("reader", grants).await;
    let before = plane.definitions();
    let would_be = |draft| before.with_changed_view(&made, draft);
    let elsewhere = fault(would_be(plane.view_draft("all", "other")));
    assert_eq!(elsewhere, (FaultCode::InvalidValue, "/pool".to_owned()));
    let taken = would_be(plane.view_draft("taken", "sales"));
    assert!(matches!(taken, Err(ControlError::NameTaken)));
    let every = plane.view_draft("every", "sales");
    let would = would_be(every.clone()).expect("could be saved");
    assert!(plane.definitions().view("every").is_none());
    let changed = plane.control.change_view(&by, made.id, None, every).await;
    changed.expect("renames");
    let now = plane.definitions();
    let draft = |of: &crate::Definitions| {
        let view = of.view_by_id(made.id);
        view.map(|(view, _)| view.draft.clone())
    };
    assert_eq!(draft(&would), draft(&now));
    assert_eq!(would.keys().count(), now.keys().count());
    for key in now.keys() {
        let told = would.key(key.id()).expect("is there");
        assert_eq!(told.grants(), key.grants());
    }
}

#[tokio::test]
async fn a_deleted_view_is_gone_and_in_the_audit() {
    let plane = Plane::new().await;
    let by = plane.admin();
    plane.pool("sales").await;
    let made = plane.view("all", "sales").await;
    let delete = |expected| plane.control.delete_view(&by, made.id, expected);
    assert!(matches!(
        delete(Some(7)).await,
        Err(ControlError::StaleRevision)
    ));
    delete(Some(1)).await.expect("deletes");
    assert!(matches!(delete(None).await, Err(ControlError::NotFound)));
    assert!(plane.definitions().view("all").is_none());
    let audit = plane.audit().await;
    let seen: Vec<_> = audit
        .iter()
        .rev()
        .take(2)
        .map(|(a, n)| (a.as_str(), n.as_str()))
        .collect();
    assert_eq!(seen, [("view.delete", "all"), ("view.create", "all")]);
}
