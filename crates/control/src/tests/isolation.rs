//! What keys carry is known for each pool, after every change and a restart.

use super::*;
use model::ids::PoolId;
use model::isolation::{Carried, Isolation};

use crate::Learning;

/// A pool that does not name its isolation field.
async fn unnamed(plane: &Plane, name: &str) -> Arc<Pool> {
    let draft = PoolDraft {
        isolation_field: None,
        ..pool(name)
    };
    let created = plane.control.create_pool(&plane.admin(), draft).await;
    created.expect("a pool")
}

/// What is learned of a pool from what was told of it.
fn learned(told: &[(PoolId, Carried)], pool: &Pool) -> Option<String> {
    let (_, carried) = told.iter().find(|(id, _)| *id == pool.id)?;
    let known = Isolation::of(&pool.draft).learning(carried);
    Some(known.column().map_or("nothing", |c| c.as_str()).to_owned())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const HELD: &str = r#""constraints":[{"field":"customer.id","operator":"eq","value":"a"}]"#;

#[tokio::test]
async fn keys_tell_of_the_pools_that_they_reach_directly_and_through_views() {
    let plane = Plane::new().await;
    let sales = unnamed(&plane, "sales").await;
    let other = unnamed(&plane, "other").await;
    let named = plane.pool("named").await;
    plane.view("of sales", "sales").await;
    let by = plane.admin();
    let carried = |pool: &Pool| plane.definitions().carried(pool);
    assert_eq!(
        carried(&sales),
        Carried::default(),
        "the master key is held to nothing"
    );
    for (grant, reaches) in [
        (
            format!(r#"{{"on":"pool:sales","actions":["query"],{HELD}}}"#),
            [true, false],
        ),
        (
            format!(r#"{{"on":"pool:*","actions":["delete"],{HELD}}}"#),
            [true, true],
        ),
        (
            format!(r#"{{"on":"pool:*","actions":["query"],{HELD},"except":["sales"]}}"#),
            [false, true],
        ),
        (
            format!(r#"{{"on":"view:of sales","actions":["read"],{HELD}}}"#),
            [true, false],
        ),
        (
            format!(r#"{{"on":"view:*","actions":["read"],{HELD}}}"#),
            [true, false],
        ),
        (
            r#"{"on":"pool:other","actions":["ingest"],"injections":{"customer.id":"a"}}"#
                .to_owned(),
            [false, true],
        ),
    ] {
        let (key, _) = plane.key("a key", &format!("[{grant}]")).await;
        let found = [&sales, &other].map(|pool| carried(pool) != Carried::default());
        assert_eq!(found, reaches, "{grant}");
        let disabled = plane.control.set_key_disabled(&by, key.id(), true);
        disabled.await.expect("disables");
        let found = [&sales, &other].map(|pool| carried(pool) != Carried::default());
        assert_eq!(found, reaches, "it may come back: {grant}");
        let deleted = plane.control.delete_key(&by, key.id(), None);
        deleted.await.expect("deletes");
        assert_eq!(
            [&sales, &other].map(|pool| carried(pool)),
            [(); 2].map(|()| Carried::default())
        );
    }
    let told = plane.control.learn(&mut Learning::default());
    assert_eq!(learned(&told, &sales), some("nothing"));
    assert_eq!(learned(&told, &named), None, "it needs not be learned");
}

#[tokio::test]
async fn only_what_was_changed_is_told_again() {
    let plane = Plane::new().await;
    let sales = unnamed(&plane, "sales").await;
    let mut learning = Learning::default();
    assert_eq!(
        learned(&plane.control.learn(&mut learning), &sales),
        some("nothing")
    );
    assert_eq!(plane.control.learn(&mut learning), Vec::new());
    let grant = format!(r#"[{{"on":"pool:sales","actions":["query"],{HELD}}}]"#);
    let (key, secret) = plane.key("a key", &grant).await;
    let told = plane.control.learn(&mut learning);
    assert_eq!(learned(&told, &sales), some("customer.id"));
    plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    plane.control.save_last_used().await.expect("saves");
    assert_eq!(
        plane.control.learn(&mut learning),
        Vec::new(),
        "a use is no change"
    );
    plane.other_project().await;
    assert_eq!(
        plane.control.learn(&mut learning),
        Vec::new(),
        "another project has no pools"
    );
    let by = plane.admin();
    plane
        .control
        .delete_key(&by, key.id(), None)
        .await
        .expect("deletes");
    let told = plane.control.learn(&mut learning);
    assert_eq!(learned(&told, &sales), some("nothing"));
    plane.key("again", &grant).await;
    let plane = plane.restarted().await;
    let told = plane.control.learn(&mut Learning::default());
    assert_eq!(learned(&told, &sales), some("customer.id"));
    // What a lost database makes of it is nothing that was learned.
    plane.control.close().await.expect("closes");
    assert_eq!(plane.control.learn(&mut learning), Vec::new());
    let inspected = crate::inspect(&plane.file()).await.expect("can be read");
    assert_eq!(learned(&inspected.carried, &sales), some("customer.id"));
}
