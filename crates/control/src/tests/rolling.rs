//! Rolling with grace (K6): on a clock that is held, every edge ± 1 ms.

mod undoing;

use std::time::Duration;

use super::*;
use crate::{Made, Once, Refusal};
use model::document::Document;
use model::ids::KeyId;
use model::keys::{AuthError, Circumstances, Roll};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn roll(text: &str) -> Roll {
    let value = value(text);
    Roll::read(&mut Document::new(&value).expect("an object")).expect("a roll")
}

impl Plane {
    pub(super) async fn roll(&self, id: KeyId, text: &str) -> Result<Secret, ControlError> {
        let by = self.admin();
        match self.control.roll_key(&by, id, roll(text), None).await? {
            Made::Now(_, secret) => Ok(secret),
            Made::Before(_) => panic!("nobody asked before"),
        }
    }

    fn lets_in(&self, secret: &Secret) -> bool {
        match self.control.authenticate(secret, &Circumstances::unknown()) {
            Ok(_) => true,
            Err(AuthError::Expired | AuthError::Unknown) => false,
            Err(other) => panic!("{other}"),
        }
    }

    pub(super) fn stored(&self, id: KeyId) -> Arc<KeyRecord> {
        Arc::clone(self.definitions().key(id).expect("is there"))
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, ControlError>) -> Refusal {
    match outcome {
        Err(ControlError::Refused(refusal)) => refusal,
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn k6_both_secrets_work_for_the_whole_grace_and_the_old_one_for_no_longer() {
    for (grace, length) in [
        ("1s", Duration::from_secs(1)),
        ("24h", 24 * HOUR),
        ("7d", 168 * HOUR),
    ] {
        let plane = Plane::new().await;
        let (key, old) = plane.key("Ada", "[]").await;
        let start = plane.now();
        let asked = format!(r#"{{"grace":"{grace}"}}"#);
        let new = plane.roll(key.id(), &asked).await.expect("rolls");
        let end = start.checked_add(length).expect("a time");
        for at in [
            start,
            start.checked_add(MS).expect("a time"),
            end.checked_sub(MS).expect("a time"),
            end.checked_sub(Duration::from_micros(1)).expect("a time"),
        ] {
            plane.clock.set(at);
            assert!(plane.lets_in(&old) && plane.lets_in(&new), "{grace} {at}");
            assert_eq!(plane.control.grace_of(old.id()), Some(end));
        }
        for at in [end, end.checked_add(MS).expect("a time")] {
            plane.clock.set(at);
            assert!(!plane.lets_in(&old) && plane.lets_in(&new), "{grace} {at}");
        }
        assert_eq!(plane.control.grace_of(new.id()), None);
        let plane = plane.restarted().await;
        assert!(!plane.lets_in(&old) && plane.lets_in(&new), "{grace}");
        // Once it is tidied away, no clock revives it.
        plane.control.tidy_secrets().await.expect("tidies");
        plane.clock.set(start);
        assert!(!plane.lets_in(&old) && plane.lets_in(&new), "{grace}");
    }
}

#[tokio::test]
async fn k6_a_client_that_switches_anywhere_inside_the_grace_never_fails() {
    const STEPS: u32 = 200;
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    let start = plane.now();
    let new = plane.roll(key.id(), r#"{"grace":"24h"}"#).await;
    let new = new.expect("rolls");
    let at = |step: u32| start.checked_add(24 * HOUR * step / STEPS).expect("a time");
    let mut failures = 0;
    // Every moment for every client: those who have switched, and those who have not.
    for step in 0..STEPS {
        plane.clock.set(at(step));
        for switch in 0..STEPS {
            let used = if step < switch { &old } else { &new };
            failures += u32::from(!plane.lets_in(used));
        }
    }
    assert_eq!(failures, 0);
    plane.clock.set(at(STEPS));
    assert!(!plane.lets_in(&old));
}

#[tokio::test]
async fn k6_a_roll_changes_secrets_and_nothing_else() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let grants = r#"[{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}]"#;
    let (key, old) = plane.key("Ada", grants).await;
    plane.lets_in(&old);
    let used = plane.control.last_used(key.id());
    plane.clock.advance(HOUR);
    let new = plane.roll(key.id(), r#"{"grace":"0s","force":true}"#).await;
    let new = new.expect("rolls");
    // No grace is a revocation.
    assert!(!plane.lets_in(&old));
    assert_eq!(plane.control.last_used(key.id()), used);
    let rolled = plane.stored(key.id());
    assert_eq!(rolled.draft(), key.draft());
    assert_eq!(rolled.created_at(), key.created_at());
    assert_eq!(rolled.created_by(), key.created_by());
    assert_eq!(rolled.revision(), key.revision() + 1);
    assert_eq!(rolled.secrets().len(), 1);
    let access = plane
        .control
        .authenticate(&new, &Circumstances::unknown())
        .expect("is let in");
    assert_eq!(access.grants(), &**key.grants());
    let plane = plane.restarted().await;
    assert!(!plane.lets_in(&old) && plane.lets_in(&new));
    let last = plane.audit().await.pop();
    assert_eq!(last, Some(("key.roll".to_owned(), "Ada".to_owned())));
    let entries = plane.control.audit_entries(&plane.admin(), 1).await;
    let told = format!("{:?}", entries.expect("can be read"));
    assert!(told.contains(&old.id().to_string()) && told.contains(&new.id().to_string()));
    assert!(!told.contains(&new.reveal()[20..]), "{told}");
}

#[tokio::test]
async fn k6_a_key_has_two_secrets_at_most() {
    let plane = Plane::new().await;
    let (key, first) = plane.key("Ada", "[]").await;
    let second = plane.roll(key.id(), r#"{"grace":"1h"}"#).await;
    let second = second.expect("rolls");
    assert_eq!(
        refused(plane.roll(key.id(), r#"{"grace":"1h"}"#).await),
        Refusal::Rolling
    );
    assert_eq!(
        refused(plane.roll(key.id(), r#"{"grace":"0s"}"#).await),
        Refusal::Rolling
    );
    plane.clock.advance(HOUR - MS);
    assert_eq!(
        refused(plane.roll(key.id(), r#"{"grace":"1h"}"#).await),
        Refusal::Rolling
    );
    plane.clock.advance(MS);
    let third = plane.roll(key.id(), r#"{"grace":"1h"}"#).await;
    let third = third.expect("rolls");
    assert_eq!(plane.stored(key.id()).secrets().len(), 2);
    assert!(!plane.lets_in(&first) && plane.lets_in(&second) && plane.lets_in(&third));
    let plane = plane.restarted().await;
    assert!(!plane.lets_in(&first) && plane.lets_in(&second) && plane.lets_in(&third));
    assert_eq!(
        plane.stored(key.id()).current_secret().map(|s| s.id),
        Some(third.id())
    );
}

#[tokio::test]
async fn k6_grace_never_extends_the_life_of_a_key() {
    let plane = Plane::new().await;
    let end = plane.now().checked_add(2 * HOUR).expect("a time");
    let draft = KeyDraft {
        expires_at: Some(end),
        ..plane.key_draft("Ada", "[]")
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (key, old) = made.expect("a key");
    let new = plane.roll(key.id(), r#"{"grace":"7d"}"#).await;
    let new = new.expect("rolls");
    assert_eq!(plane.control.grace_of(old.id()), Some(end));
    plane.clock.set(end.checked_sub(MS).expect("a time"));
    assert!(plane.lets_in(&old) && plane.lets_in(&new));
    plane.clock.set(end);
    assert!(!plane.lets_in(&old) && !plane.lets_in(&new));
    // A key that lives longer afterwards gives its old secret nothing.
    let longer = KeyDraft {
        expires_at: None,
        ..key.draft().clone()
    };
    let by = plane.admin();
    let changed = plane.control.change_key(&by, key.id(), None, longer);
    changed.await.expect("changes");
    assert!(!plane.lets_in(&old) && plane.lets_in(&new));
}

#[tokio::test]
async fn k6_a_grace_ends_early_and_a_roll_is_undone_inside_it() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, old) = plane.key("Ada", "[]").await;
    let id = key.id();
    assert_eq!(
        refused(control.end_grace(&by, id, false).await),
        Refusal::NotRolling
    );
    assert_eq!(
        refused(control.undo_roll(&by, id, true).await),
        Refusal::NotRolling
    );

    let undone = plane
        .roll(id, r#"{"grace":"1h","end_after_silence":5}"#)
        .await;
    let undone = undone.expect("rolls");
    control
        .undo_roll(&by, id, false)
        .await
        .expect("nobody used the new one");
    assert!(plane.lets_in(&old) && !plane.lets_in(&undone));
    plane.clock.advance(2 * HOUR);
    assert!(plane.lets_in(&old), "it has no end any more");

    let new = plane.roll(id, r#"{"grace":"1h"}"#).await.expect("rolls");
    control.end_grace(&by, id, true).await.expect("ends");
    assert!(!plane.lets_in(&old) && plane.lets_in(&new));
    assert_eq!(
        refused(control.undo_roll(&by, id, true).await),
        Refusal::NotRolling
    );

    let newest = plane.roll(id, r#"{"grace":"1h"}"#).await.expect("rolls");
    plane.clock.advance(HOUR - MS);
    control
        .undo_roll(&by, id, true)
        .await
        .expect("one ms before the end");
    assert!(plane.lets_in(&new) && !plane.lets_in(&newest));
    let last = plane.roll(id, r#"{"grace":"1h"}"#).await.expect("rolls");
    // Whoever looked at another roll ends nothing of this one.
    let stale = crate::Ending {
        force: true,
        expected: Some(key.revision()),
    };
    for refused in [
        control.end_grace(&by, id, stale).await,
        control.undo_roll(&by, id, stale).await,
    ] {
        assert!(matches!(refused, Err(ControlError::StaleRevision)));
    }
    plane.clock.advance(HOUR);
    assert_eq!(
        refused(control.undo_roll(&by, id, true).await),
        Refusal::NotRolling
    );
    assert_eq!(
        refused(control.end_grace(&by, id, true).await),
        Refusal::NotRolling
    );
    let plane = plane.restarted().await;
    for (secret, expected) in [
        (&old, false),
        (&undone, false),
        (&new, false),
        (&newest, false),
        (&last, true),
    ] {
        assert_eq!(plane.lets_in(secret), expected, "{}", secret.id());
    }
}

#[tokio::test]
async fn a_secret_that_was_just_used_is_ended_with_force_alone() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, old) = plane.key("Ada", "[]").await;
    let new = plane
        .roll(key.id(), r#"{"grace":"1h"}"#)
        .await
        .expect("rolls");
    plane.lets_in(&old);
    plane.lets_in(&new);
    let named = |outcome: Result<Arc<KeyRecord>, ControlError>| match outcome {
        Err(ControlError::SeenRecently(by)) => by.join(" "),
        other => panic!("{other:?}"),
    };
    plane.clock.advance(Duration::from_secs(600) - MS);
    let refused = named(control.end_grace(&by, key.id(), false).await);
    assert!(refused.contains(&old.id().to_string()), "{refused}");
    let refused = named(control.undo_roll(&by, key.id(), false).await);
    assert!(refused.contains(&new.id().to_string()), "{refused}");
    plane.clock.advance(MS);
    control
        .end_grace(&by, key.id(), false)
        .await
        .expect("was silent for ten minutes");
}

#[tokio::test]
async fn k6_silence_ends_the_old_secret_exactly_also_after_a_crash() {
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    let text = r#"{"grace":"24h","end_after_silence":5}"#;
    let new = plane.roll(key.id(), text).await.expect("rolls");
    // Whoever keeps using it keeps it: 100 times just before the end.
    for _ in 0..100 {
        let last = plane
            .control
            .secret_ends_at(&plane.stored(key.id()).secrets()[0]);
        plane
            .clock
            .set(last.expect("an end").checked_sub(MS).expect("a time"));
        assert!(plane.lets_in(&old));
        plane
            .control
            .settle_use(old.id())
            .await
            .expect("is written down");
    }
    let ends = plane
        .control
        .secret_ends_at(&plane.stored(key.id()).secrets()[0]);
    let ends = ends.expect("an end");
    assert_eq!(ends.to_string(), "2026-06-01T20:25:10Z");
    // The process ends without a word: only what was written down counts.
    let after = async |name: &str, at: Timestamp| {
        let copy = plane.folder.path().join(name);
        for part in ["", "-wal"] {
            let from = format!("{}{part}", plane.file().display());
            let to = format!("{}{part}", copy.display());
            std::fs::copy(from, to).expect("copies");
        }
        let after = Control::open(&copy, options(&plane.clock, 9)).await;
        plane.clock.set(at);
        after
            .expect("opens")
            .authenticate(&old, &Circumstances::unknown())
            .is_ok()
    };
    let before = ends.checked_sub(MS).expect("a time");
    assert!(after("a.db", before).await, "it goes on until then");
    assert!(!after("b.db", ends).await, "it ended");
    plane.clock.set(ends);
    assert!(!plane.lets_in(&old) && plane.lets_in(&new));
    plane.control.tidy_secrets().await.expect("tidies");
    assert_eq!(plane.stored(key.id()).secrets().len(), 1);
    let last = plane.audit().await.pop();
    assert_eq!(last, Some(("key.grace_over".to_owned(), "Ada".to_owned())));
    // The hard end stands above.
    let (key, old) = plane.key("Bob", "[]").await;
    let text = r#"{"grace":"1h","end_after_silence":300}"#;
    plane.roll(key.id(), text).await.expect("rolls");
    plane.clock.advance(HOUR);
    assert!(!plane.lets_in(&old));
}

#[tokio::test]
async fn whoever_could_not_make_such_a_key_gets_no_secret_of_it() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let wide = r#"[{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}]"#;
    let (wide, token) = plane.key("wide", wide).await;
    let (_, admin) = plane.key("admin", &format!("[{ADMIN}]")).await;
    let (by, control) = (plane.permit(&admin), &plane.control);
    let refused = control
        .roll_key(&by, wide.id(), roll(r#"{"grace":"0s"}"#), None)
        .await;
    let (_, at) = fault(refused.map(drop));
    assert!(at.starts_with("/grants/0"), "{at}");
    assert!(plane.lets_in(&token));
    plane
        .roll(wide.id(), r#"{"grace":"1h"}"#)
        .await
        .expect("rolls");
    let (_, at) = fault(control.undo_roll(&by, wide.id(), true).await);
    assert!(at.starts_with("/grants/0"), "{at}");
    // Ending something gives nobody anything.
    control.end_grace(&by, wide.id(), true).await.expect("ends");
}

#[tokio::test]
async fn k4_a_repetition_makes_nothing_and_says_no_token() {
    let plane = Plane::new().await;
    let once = |path: &str, name: &str, print: u8| {
        Some(Once {
            path: path.to_owned(),
            name: name.to_owned(),
            fingerprint: [print; 32],
        })
    };
    let draft = plane.key_draft("Ada", "[]");
    let create = async |plane: &Plane, name: &str, print: u8| {
        let once = once("/v1/keys", name, print);
        let by = plane.admin();
        plane
            .control
            .create_key_once(&by, draft.clone(), once)
            .await
    };
    let made = create(&plane, "a", 1).await.expect("a key");
    let (id, token) = match &made {
        Made::Now(key, secret) => (key.id(), secret),
        Made::Before(_) => panic!("nobody asked before"),
    };
    // At once, 16 times at the same time, and after a restart.
    let again: Vec<_> = (0..16)
        .map(|_| {
            let (control, by) = (Arc::clone(&plane.control), plane.admin());
            let (draft, once) = (draft.clone(), once("/v1/keys", "a", 1));
            tokio::spawn(async move { control.create_key_once(&by, draft, once).await })
        })
        .collect();
    for again in again {
        let again = again.await.expect("does not panic");
        assert!(matches!(again, Ok(Made::Before(key)) if key.id() == id));
    }
    let other = create(&plane, "a", 2).await;
    assert!(
        matches!(other, Err(ControlError::OtherRequest)),
        "{other:?}"
    );
    let plane = plane.restarted().await;
    assert!(matches!(create(&plane, "a", 1).await, Ok(Made::Before(key)) if key.id() == id));
    assert_eq!(plane.definitions().keys().count(), 2);
    assert!(plane.lets_in(token));

    // A roll is not repeated, either, and another call may bear the same name.
    let rolled = roll(r#"{"grace":"1h"}"#);
    let roll = async |plane: &Plane| {
        let once = once("/v1/keys/x/roll", "a", 1);
        plane
            .control
            .roll_key(&plane.admin(), id, rolled, once)
            .await
    };
    assert!(matches!(roll(&plane).await, Ok(Made::Now(..))));
    assert!(matches!(roll(&plane).await, Ok(Made::Before(..))));
    assert_eq!(plane.stored(id).secrets().len(), 2);

    // What was deleted is not made again.
    plane
        .control
        .delete_key(&plane.admin(), id, None)
        .await
        .expect("deletes");
    let gone = create(&plane, "a", 1).await;
    assert!(matches!(gone, Err(ControlError::NotFound)), "{gone:?}");
    // It is remembered for a day.
    plane.clock.advance(24 * HOUR);
    assert!(matches!(
        create(&plane, "a", 2).await,
        Err(ControlError::OtherRequest)
    ));
    plane.clock.advance(MS);
    assert!(matches!(create(&plane, "a", 2).await, Ok(Made::Now(..))));
}

#[tokio::test]
async fn an_old_secret_says_since_when_it_should_be_rolled() {
    let plane = Plane::new().await;
    let draft = KeyDraft {
        rotate_after: model::time::Span::parse("90d"),
        ..plane.key_draft("Ada", "[]")
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (key, _) = made.expect("a key");
    let due = plane.now().checked_add(90 * 24 * HOUR).expect("a time");
    let plane = plane.restarted().await;
    assert_eq!(
        plane
            .stored(key.id())
            .rotation_due(due.checked_sub(MS).expect("a time")),
        None
    );
    assert_eq!(plane.stored(key.id()).rotation_due(due), Some(due));
    plane.clock.set(due);
    plane
        .roll(key.id(), r#"{"grace":"1h"}"#)
        .await
        .expect("rolls");
    assert_eq!(plane.stored(key.id()).rotation_due(due), None);
}

#[tokio::test]
async fn k6_a_key_whose_newer_secret_was_revoked_is_rolled_and_its_owner_is_told_at_once() {
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    let end = plane.now().checked_add(24 * HOUR).expect("a time");
    let new = plane.roll(key.id(), r#"{"grace":"24h","end_after_silence":600}"#);
    let new = new.await.expect("rolls");
    plane.clock.advance(HOUR);
    // Whoever found the new one does what a finder should.
    let found = plane
        .control
        .authenticate(&new, &Circumstances::unknown())
        .expect("is let in");
    plane.control.revoke_presented(&found).await.expect("ends");
    let told = async || {
        let notices = plane.control.notices(&plane.admin()).await.expect("reads");
        let ending = notices.into_iter();
        let ending = ending.filter(|one| one.kind == crate::NoticeKind::GraceEnding);
        ending.map(|one| one.detail).collect::<Vec<_>>()
    };
    let notices = told().await;
    let [detail] = &notices[..] else {
        panic!("one notice was expected, not {notices:?}");
    };
    assert!(detail.contains(&old.id().to_string()), "{detail}");
    assert!(detail.contains("only one left"), "{detail}");
    // The timer tells nothing twice.
    plane.control.note_what_is_due();
    assert_eq!(told().await.len(), 1);
    // There is no roll to take back, and the old one gets no other end by it.
    let by = plane.admin();
    let undone = plane.control.undo_roll(&by, key.id(), true).await;
    assert_eq!(refused(undone), Refusal::NewestGone);
    assert_eq!(plane.control.grace_of(old.id()), Some(end));
    // A roll makes the next one; the old one keeps its end, which no grace puts off.
    let next = plane.roll(key.id(), r#"{"grace":"7d"}"#).await;
    let next = next.expect("rolls");
    assert_eq!(plane.control.grace_of(old.id()), Some(end));
    assert_eq!(plane.stored(key.id()).secrets().len(), 2);
    assert!(plane.lets_in(&old) && plane.lets_in(&next) && !plane.lets_in(&new));
    assert_eq!(
        refused(plane.roll(key.id(), r#"{"grace":"1h"}"#).await),
        Refusal::Rolling
    );
    let plane = plane.restarted().await;
    assert!(plane.lets_in(&old) && plane.lets_in(&next) && !plane.lets_in(&new));
    plane.clock.set(end);
    assert!(!plane.lets_in(&old) && plane.lets_in(&next));
    // A shorter grace ends it sooner, and one of nothing at once.
    for (grace, goes_on) in [("1h", true), ("0s", false)] {
        let (key, old) = plane.key("Bob", "[]").await;
        let new = plane.roll(key.id(), r#"{"grace":"24h"}"#).await;
        let new = plane
            .control
            .authenticate(&new.expect("rolls"), &Circumstances::unknown());
        let new = new.expect("is let in");
        let revoked = plane.control.revoke_presented(&new);
        revoked.await.expect("ends");
        let asked = format!(r#"{{"grace":"{grace}"}}"#);
        plane.roll(key.id(), &asked).await.expect("rolls");
        assert_eq!(plane.lets_in(&old), goes_on, "{grace}");
        plane.clock.advance(HOUR);
        assert!(!plane.lets_in(&old), "{grace}");
    }
}

#[tokio::test]
async fn k6_a_roll_ends_a_secret_that_somebody_uses_by_force_alone() {
    let plane = Plane::new().await;
    let (key, old) = plane.key("Ada", "[]").await;
    assert!(plane.lets_in(&old));
    plane.clock.advance(Duration::from_secs(1));
    let recent = plane.roll(key.id(), r#"{"grace":"0s"}"#).await;
    let Err(ControlError::SeenRecently(seen)) = &recent else {
        panic!("it was used a second ago, and ended: {recent:?}");
    };
    assert!(seen[0].contains(&old.id().to_string()), "{seen:?}");
    assert!(plane.lets_in(&old));
    assert_eq!(plane.stored(key.id()).secrets().len(), 1);
    // With a grace nobody is shut out; when it is silent, nobody uses it.
    plane
        .roll(key.id(), r#"{"grace":"1s"}"#)
        .await
        .expect("rolls");
    plane.clock.advance(HOUR);
    let next = plane.roll(key.id(), r#"{"grace":"0s"}"#).await;
    let next = next.expect("rolls");
    assert!(plane.lets_in(&next));
    let last = plane.roll(key.id(), r#"{"grace":"0s","force":true}"#).await;
    let last = last.expect("rolls");
    assert!(!plane.lets_in(&next) && plane.lets_in(&last));
}
