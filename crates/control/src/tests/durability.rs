use std::task::{Context, Waker};

use super::*;
use crate::InternalError;
use crate::store::Claim;
use crate::writer::Link;
use model::keys::AuthError;

#[tokio::test]
async fn k20_a_change_without_its_audit_entry_does_not_happen() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let kept = plane.pool("kept").await;
    let plane = plane
        .restarted_after(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let (by, control, picture) = (plane.admin(), &plane.control, plane.picture());
    let internal = |outcome: Result<(), ControlError>| {
        assert!(
            matches!(outcome, Err(ControlError::Internal(_))),
            "{outcome:?}"
        );
    };
    internal(control.create_pool(&by, pool("sales")).await.map(drop));
    internal(
        control
            .change_pool(&by, kept.id, None, pool("new"))
            .await
            .map(drop),
    );
    internal(control.delete_pool(&by, kept.id, None).await);
    internal(
        control
            .create_key(&by, plane.key_draft("x", "[]"))
            .await
            .map(drop),
    );
    internal(
        control
            .set_key_disabled(&by, key.id(), true)
            .await
            .map(drop),
    );
    internal(control.delete_key(&by, key.id(), None).await);
    internal(control.recover_master().await.map(drop));
    assert_eq!(plane.picture(), picture);
    assert!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    let plane = plane.restarted_after("DROP TRIGGER refuse").await;
    assert_eq!(plane.picture(), picture);
    plane.pool("sales").await;
    assert_eq!(plane.audit().await.len(), 5);
}

/// Lets every commit fail that names `odd`: a broken reference is only found
/// when the transaction ends.
const ODD_COMMITS_FAIL: &str = "
    CREATE TABLE odd (id TEXT REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER odd BEFORE INSERT ON audit WHEN NEW.subject_name = 'odd'
    BEGIN INSERT INTO odd VALUES ('nowhere'); END";

#[tokio::test]
async fn after_a_failed_commit_memory_is_what_the_database_says() {
    let plane = Plane::new().await.restarted_after(ODD_COMMITS_FAIL).await;
    let (by, control) = (plane.admin(), &plane.control);
    plane.pool("sales").await;
    let used = plane.clock.advance(std::time::Duration::from_secs(5));
    control
        .authenticate(&plane.master, &Circumstances::unknown())
        .expect("is let in");
    let picture = plane.picture();
    let failed = control.create_pool(&by, pool("odd")).await;
    assert!(
        matches!(failed, Err(ControlError::Internal(_))),
        "{failed:?}"
    );
    let master = (by.access().key(), plane.master.id());
    assert_eq!(
        control.last_used(master.0),
        Some(used),
        "a use not saved is kept"
    );
    assert_eq!(control.secret_last_used(master.1), Some(used));
    assert_eq!(plane.picture(), picture);
    plane.pool("more").await;
    let picture = plane.picture();
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn a_commit_that_succeeded_unheard_is_in_force() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let (by, control) = (plane.admin(), &plane.control);
    let lost = InternalError::new("the answer was lost");
    plane.loses_an_answer(lost.into()).await;
    let unheard = control.set_key_disabled(&by, key.id(), true).await;
    assert!(matches!(unheard, Err(ControlError::Internal(_))));
    let outcome = control.authenticate(&secret, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Disabled));
    plane.pool("sales").await;
    let picture = plane.picture();
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn a_commit_that_succeeded_unheard_is_not_repeated() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let (by, control) = (plane.admin(), &plane.control);
    let entries = plane.audit().await.len();
    plane.loses_an_answer(ControlError::Full).await;
    let disabled = control.set_key_disabled(&by, key.id(), true).await;
    disabled.expect("is in the database");
    assert_eq!(plane.audit().await.len(), entries + 1, "once");
    let outcome = control.authenticate(&secret, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Disabled));
    let picture = plane.picture();
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn a_lost_database_lets_nobody_in_until_it_is_back() {
    let plane = Plane::new().await.restarted_after(ODD_COMMITS_FAIL).await;
    let (by, control, picture) = (plane.admin(), &plane.control, plane.picture());
    let aside = plane.folder.path().join("aside");
    // The file is put away under the open database, and the commit fails.
    for name in ["control.db", "control.db-wal"] {
        let from = plane.folder.path().join(name);
        if from.exists() {
            std::fs::copy(&from, aside.with_extension(name)).expect("copies");
            std::fs::remove_file(&from).expect("removes");
        }
    }
    let failed = control.create_pool(&by, pool("odd")).await;
    assert!(
        matches!(failed, Err(ControlError::Internal(_))),
        "{failed:?}"
    );
    let outcome = control.authenticate(&plane.master, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Unknown));
    assert!(control.pools().is_empty());
    assert!(control.save_last_used().await.is_err());
    assert!(!plane.file().exists(), "no empty database takes its place");
    for name in ["control.db", "control.db-wal"] {
        let from = aside.with_extension(name);
        if from.exists() {
            std::fs::rename(&from, plane.folder.path().join(name)).expect("puts back");
        }
    }
    control
        .save_last_used()
        .await
        .expect("the timer finds it again");
    assert!(
        control
            .authenticate(&plane.master, &Circumstances::unknown())
            .is_ok()
    );
    assert_eq!(plane.picture(), picture);
}

/// Lets the open database grow no further; one that is opened anew may.
async fn is_full(control: &Control) {
    let mut writer = control.0.writer.lock().await;
    let Link::Open(store) = &mut writer.link else {
        panic!("the database is open");
    };
    store.run("PRAGMA max_page_count = 1").await;
}

/// Gives up ballast until only `left` bytes are there, and keeps it so.
async fn ballast_is_used_up(plane: &Plane, left: u64, claim: Claim) {
    let mut writer = plane.control.0.writer.lock().await;
    while writer.ballast.release(claim).await {}
    assert_eq!(ballast(plane), left);
}

fn ballast(plane: &Plane) -> u64 {
    let file = plane.folder.path().join("control.ballast");
    file.metadata().expect("a ballast").len()
}

/// A pool that takes pages of its own.
fn wide_pool() -> PoolDraft {
    let fields: Vec<String> = (0..400)
        .map(|n| format!(r#"{{"name":"field_number_{n}","type":"String"}}"#))
        .chain([r#"{"name":"customer.id","type":"String"}"#.to_owned()])
        .collect();
    pool_of("wide", &format!("[{}]", fields.join(",")))
}

#[tokio::test]
async fn a_full_disk_is_said_and_changes_nothing() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let whole = ballast(&plane);
    ballast_is_used_up(&plane, whole / 4, Claim::Shared).await;
    is_full(control).await;
    let picture = plane.picture();
    let full = control.create_pool(&by, wide_pool()).await.map(drop);
    assert!(matches!(full, Err(ControlError::Full)), "{full:?}");
    assert_eq!(plane.picture(), picture);
    assert_eq!(ballast(&plane), whole / 4, "the last piece is for keys");
    assert!(
        control
            .authenticate(&plane.master, &Circumstances::unknown())
            .is_ok()
    );
    let made = control.create_pool(&by, wide_pool()).await;
    made.expect("there is room again");
    assert_eq!(ballast(&plane), whole);
}

#[tokio::test]
async fn on_a_full_disk_the_ballast_makes_room() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let whole = ballast(&plane);
    is_full(control).await;
    let made = control.create_pool(&by, wide_pool()).await;
    made.expect("the ballast is there");
    assert_eq!(plane.definitions().pools().count(), 1);
    assert_eq!(plane.audit().await.len(), 3, "once");
    assert_eq!(ballast(&plane), whole, "taken back");
    let picture = plane.picture();
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn the_last_piece_of_the_ballast_is_for_changes_of_keys() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let (by, control) = (plane.admin(), &plane.control);
    let whole = ballast(&plane);
    ballast_is_used_up(&plane, whole / 4, Claim::Shared).await;
    is_full(control).await;
    for round in 0_u32.. {
        assert!(round < 1_000, "the database grows");
        let disabled = control.set_key_disabled(&by, key.id(), round % 2 == 0);
        disabled.await.expect("the last piece is there");
        if ballast(&plane) == whole {
            break;
        }
    }
    let disabled = control.set_key_disabled(&by, key.id(), true).await;
    disabled.expect("disables");
    let outcome = control.authenticate(&secret, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Disabled));
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    plane.pool("sales").await;
    plane
        .control
        .set_key_disabled(&plane.admin(), key.id(), true)
        .await
        .expect("disables");
    let picture = plane.picture();
    // What a killed process leaves: the files as they are now.
    let left = tempfile::tempdir().expect("a folder");
    for name in ["control.db", "control.db-wal"] {
        let from = plane.folder.path().join(name);
        std::fs::copy(from, left.path().join(name)).expect("copies");
    }
    let found = Plane {
        folder: left,
        ..plane
    };
    let found = found.opened_again(5).await;
    assert_eq!(found.picture(), picture);
    let outcome = found
        .control
        .authenticate(&secret, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Disabled));
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_memory_and_database_alike() {
    let plane = Plane::new().await;
    let by = plane.admin();
    for polls in 0..12 {
        let name = format!("pool {polls}");
        let mut asked = Box::pin(plane.control.create_pool(&by, pool(&name)));
        for _ in 0..polls {
            let mut context = Context::from_waker(Waker::noop());
            if asked.as_mut().poll(&mut context).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(asked);
    }
    // One that waits for its turn; every change before it has ended then.
    plane.pool("last").await;
    let picture = plane.picture();
    assert!(
        plane.definitions().pools().len() > 1,
        "some were carried out"
    );
    assert_eq!(plane.restarted().await.picture(), picture);
}

#[tokio::test]
async fn a_closed_plane_does_nothing_more() {
    let plane = Plane::new().await;
    let by = plane.admin();
    plane.control.close().await.expect("closes");
    let outcome = plane
        .control
        .authenticate(&plane.master, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Unknown));
    let refused = plane.control.create_pool(&by, pool("sales")).await;
    assert!(matches!(refused, Err(ControlError::Internal(_))));
    assert!(plane.control.audit_entries(&by, 1).await.is_err());
}
