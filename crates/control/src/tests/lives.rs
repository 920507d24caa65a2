//! What has ended stays ended (K5, K7).

use std::time::Duration;

use super::*;
use crate::Refusal;
use model::keys::{AuthError, Roll};
use model::limits::CLOCK_UNMARKED_SECONDS;
use model::time::Span;

const HOUR: Duration = Duration::from_secs(3_600);
const MS: Duration = Duration::from_millis(1);

fn back(plane: &Plane, by: Duration) {
    let now = plane.now().checked_sub(by).expect("a time");
    plane.clock.set(now);
}

#[tokio::test]
async fn k7_a_clock_that_steps_back_revives_nothing() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let draft = KeyDraft {
        expires_at: plane.now().checked_add(HOUR),
        ..plane.key_draft("Ada", "[]")
    };
    let (_, ended) = control.create_key(&by, draft).await.expect("a key");
    let (bob, old) = plane.key("Bob", "[]").await;
    let roll = Roll::with_grace(Span::parse("1h").expect("an hour"));
    control
        .roll_key(&by, bob.id(), roll, None)
        .await
        .expect("rolls");
    plane.clock.advance(HOUR - MS);
    assert!(
        control
            .authenticate(&ended, &Circumstances::unknown())
            .is_ok()
            && control
                .authenticate(&old, &Circumstances::unknown())
                .is_ok()
    );
    plane.clock.advance(MS);
    let expired = |control: &Control| {
        for secret in [&ended, &old] {
            let outcome = control
                .authenticate(secret, &Circumstances::unknown())
                .map(drop);
            assert_eq!(outcome, Err(AuthError::Expired));
        }
    };
    expired(control);
    back(&plane, HOUR);
    expired(control);
    // Neither in this run nor in the next one, however far it steps.
    control.save_last_used().await.expect("saves");
    back(&plane, 24 * HOUR);
    let copy = plane.folder.path().join("crashed.db");
    for part in ["", "-wal"] {
        let from = format!("{}{part}", plane.file().display());
        std::fs::copy(from, format!("{}{part}", copy.display())).expect("copies");
    }
    let after = Control::open(&copy, options(&plane.clock, 9)).await;
    expired(&after.expect("opens"));
    let plane = plane.restarted().await;
    expired(&plane.control);
    assert!(
        plane
            .control
            .authenticate(&plane.master, &Circumstances::unknown())
            .is_ok()
    );
    // A change of anything writes the time down, too; a start behind a kill begins
    // behind what may have been told since.
    plane.clock.advance(72 * HOUR);
    let late = plane.control.clock().now();
    plane.key("Cid", "[]").await;
    back(&plane, 72 * HOUR);
    let copy = plane.folder.path().join("again.db");
    for part in ["", "-wal"] {
        let from = format!("{}{part}", plane.file().display());
        std::fs::copy(from, format!("{}{part}", copy.display())).expect("copies");
    }
    let again = Control::open(&copy, options(&plane.clock, 9))
        .await
        .expect("opens");
    let unmarked = Duration::from_secs(CLOCK_UNMARKED_SECONDS);
    assert_eq!(Some(again.clock().now()), late.checked_add(unmarked));
}

#[tokio::test]
async fn whoever_has_a_token_may_end_it_for_good() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, token) = plane.key("Ada", "[]").await;
    let access = control
        .authenticate(&token, &Circumstances::unknown())
        .expect("is let in");
    control.revoke_presented(&access).await.expect("ends");
    assert_eq!(
        control
            .authenticate(&token, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Unknown)
    );
    let again = control.revoke_presented(&access).await;
    assert!(matches!(
        again,
        Err(ControlError::Refused(Refusal::CallerChanged))
    ));
    let entries = control.audit_entries(&by, 1).await.expect("can be read");
    assert_eq!(entries[0].action, "key.revoke_secret");
    assert_eq!(entries[0].actor, format!("key:{}", key.id()));
    let plane = plane.restarted().await;
    let control = &plane.control;
    assert!(
        control
            .authenticate(&token, &Circumstances::unknown())
            .is_err()
    );
    // The key is there, and a roll makes it a new secret.
    let roll = Roll::with_grace(Span::parse("1h").expect("an hour"));
    let made = control.roll_key(&plane.admin(), key.id(), roll, None).await;
    let crate::Made::Now(key, secret) = made.expect("rolls") else {
        panic!("nobody asked before");
    };
    assert_eq!(key.secrets().len(), 1);
    assert!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
}

#[tokio::test]
async fn in_a_grace_the_secret_that_is_presented_ends_and_the_other_goes_on() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    for ends_the_old_one in [true, false] {
        let (key, old) = plane.key("Ada", "[]").await;
        let roll = Roll::with_grace(Span::parse("1h").expect("an hour"));
        let made = control.roll_key(&by, key.id(), roll, None).await;
        let crate::Made::Now(_, new) = made.expect("rolls") else {
            panic!("nobody asked before");
        };
        let (ended, other) = match ends_the_old_one {
            true => (&old, &new),
            false => (&new, &old),
        };
        let access = control
            .authenticate(ended, &Circumstances::unknown())
            .expect("is let in");
        control.revoke_presented(&access).await.expect("ends");
        assert!(
            control
                .authenticate(ended, &Circumstances::unknown())
                .is_err()
        );
        assert!(
            control
                .authenticate(other, &Circumstances::unknown())
                .is_ok()
        );
    }
}

#[tokio::test]
async fn a_leaked_master_is_ended_and_what_is_left_cannot_be_locked_out() {
    let plane = Plane::new().await;
    let control = &plane.control;
    let (other, admin) = plane.key("other", &format!("[{ADMIN}]")).await;
    let access = control
        .authenticate(&plane.master, &Circumstances::unknown())
        .expect("is let in");
    control.revoke_presented(&access).await.expect("ends");
    // The master has no secret any more: the other one is the last.
    let by = plane.permit(&admin);
    let refused = control.delete_key(&by, other.id(), None).await;
    assert!(matches!(
        refused,
        Err(ControlError::Refused(Refusal::LastAdmin))
    ));
}

#[tokio::test]
async fn a_key_that_was_just_used_is_deleted_with_force_alone() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, token) = plane.key("Ada", "[]").await;
    control
        .authenticate(&token, &Circumstances::unknown())
        .expect("is let in");
    plane.clock.advance(Duration::from_secs(600) - MS);
    let refused = control.end_key(&by, key.id(), None, false).await;
    match refused {
        Err(ControlError::SeenRecently(by)) => {
            assert!(by.join(" ").contains(&token.id().to_string()), "{by:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(
        control
            .authenticate(&token, &Circumstances::unknown())
            .is_ok()
    );
    control
        .end_key(&by, key.id(), None, true)
        .await
        .expect("is forced");
    let (unused, _) = plane.key("Bob", "[]").await;
    control
        .end_key(&by, unused.id(), None, false)
        .await
        .expect("nobody used it");
}

#[tokio::test]
async fn that_a_secret_came_from_a_page_is_known_after_a_restart() {
    let plane = Plane::new().await;
    let (_, token) = plane.key("Ada", "[]").await;
    assert_eq!(plane.control.last_on_page(token.id()), None);
    plane.control.note_page(token.id(), None);
    let noted = Some(plane.now());
    assert_eq!(plane.control.last_on_page(token.id()), noted);
    let plane = plane.restarted().await;
    assert_eq!(plane.control.last_on_page(token.id()), noted);
}
