mod limited;

use std::time::Duration;

use super::*;
use crate::Refusal;
use model::ids::KeyId;
use model::keys::{AuthError, KeyCopy, KeyKind, KeyStatus};
use model::limits::FILTER_DEPTH_MAX;
use model::permit::{AskPool, Ingest};

const OF_93I: &str = r#"[{"field":"customer.id","operator":"eq","value":"93i"}]"#;

fn last_admin<T: std::fmt::Debug>(outcome: Result<T, ControlError>) {
    let refused = matches!(outcome, Err(ControlError::Refused(Refusal::LastAdmin)));
    assert!(refused, "{outcome:?}");
}

#[tokio::test]
async fn a_key_opens_what_it_was_given_at_once_and_after_a_restart() {
    let plane = Plane::new().await;
    let pool = plane.pool("sales").await;
    let grants = format!(
        r#"[{{"on":"pool:sales","actions":["ingest"],"injections":{{"customer.id":"93i"}}}},
            {{"on":"pool:sales","actions":["query"],"constraints":{OF_93I},"fields":{{"deny":["amount"]}}}}]"#
    );
    let (key, secret) = plane.key("Ada", &grants).await;
    assert_eq!(
        key.created_by(),
        format!("key:{}", plane.admin().access().key())
    );
    assert_eq!(
        plane.definitions().key(key.id()).map(Arc::as_ptr),
        Some(Arc::as_ptr(&key))
    );
    let check = |plane: &Plane| {
        let access = plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .expect("is let in");
        assert_eq!((access.key(), access.key_name()), (key.id(), "Ada"));
        assert_eq!(access.grants(), &**key.grants());
        assert!(access.permit::<Ingest>(On::Pool(Some(&pool))).is_ok());
        assert!(access.permit::<AskPool>(On::Pool(Some(&pool))).is_ok());
        assert!(access.permit::<Admin>(On::Project).is_err());
    };
    check(&plane);
    let picture = plane.picture();
    let plane = plane.restarted().await;
    check(&plane);
    assert_eq!(plane.picture(), picture);
    let names: Vec<String> = plane
        .definitions()
        .keys()
        .map(|k| k.draft().name.clone())
        .collect();
    assert_eq!(names, ["master", "Ada"]);
}

#[tokio::test]
async fn who_has_no_secret_is_nobody() {
    let plane = Plane::new().await;
    let stranger = Secret::generate(KeyKind::Secret, &SeededRandom::new(99));
    let outcome = plane
        .control
        .authenticate(&stranger, &Circumstances::unknown());
    assert_eq!(outcome.map(drop), Err(AuthError::Unknown));
    // The right public part with another secret part.
    let forged = plane
        .master
        .reveal()
        .split('_')
        .nth(2)
        .expect("the id")
        .to_owned();
    let forged = forge(&forged, stranger.reveal());
    assert_eq!(forged.id(), plane.master.id());
    assert_eq!(
        plane
            .control
            .authenticate(&forged, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Unknown)
    );
    assert_eq!(plane.control.last_used(KeyId::from_bytes([1; 16])), None);
}

/// A well-formed token of this public part: secrets are drawn until the
/// checksum happens to need no repair, so the checksum is computed here.
fn forge(id: &str, other: &str) -> Secret {
    let body = format!(
        "tg_sk_{id}_{}",
        &other.split('_').nth(3).expect("a secret")[..43]
    );
    let mut rest = crc32(body.as_bytes());
    let mut checksum = [b'0'; 6];
    for place in checksum.iter_mut().rev() {
        let digit = u8::try_from(rest % 62).expect("a digit");
        *place =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[usize::from(digit)];
        rest /= 62;
    }
    let text = body + std::str::from_utf8(&checksum).expect("text");
    Secret::parse(&text).expect("a token")
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[tokio::test]
async fn a_changed_key_is_what_it_is_from_then_on() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    plane.pool("sales").await;
    let (key, secret) = plane.key("Ada", "[]").await;
    let grants = r#"[{"on":"pool:*","actions":["schema"],"constraints":"all_rows"}]"#;
    let draft = plane.key_draft("Ada L.", grants);
    let stale = control
        .change_key(&by, key.id(), Some(2), draft.clone())
        .await;
    assert!(matches!(stale, Err(ControlError::StaleRevision)));
    let changed = control
        .change_key(&by, key.id(), Some(1), draft.clone())
        .await
        .expect("changes");
    assert_eq!((changed.revision(), changed.draft()), (2, &draft));
    let access = control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    assert_eq!((access.key_name(), access.grants().len()), ("Ada L.", 1));
    let same = control
        .change_key(&by, key.id(), Some(2), draft.clone())
        .await;
    assert_eq!(same.expect("nothing to do").revision(), 2);
    let other_kind = KeyDraft {
        kind: KeyKind::Publishable,
        ..draft.clone()
    };
    let refused = fault(control.change_key(&by, key.id(), None, other_kind).await);
    assert_eq!(refused, (FaultCode::InvalidValue, "/kind".to_owned()));
    let expiring = KeyDraft {
        expires_at: plane.now().checked_add(Duration::from_secs(60)),
        ..draft
    };
    control
        .change_key(&by, key.id(), None, expiring)
        .await
        .expect("changes");
    assert!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    plane.clock.advance(Duration::from_secs(60));
    let late = control.authenticate(&secret, &Circumstances::unknown());
    assert_eq!(late.map(drop), Err(AuthError::Expired));
}

#[tokio::test]
async fn disabled_and_deleted_are_in_force_for_the_next_caller() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, secret) = plane.key("Ada", "[]").await;
    let off = control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("disables");
    assert_eq!(
        (off.revision(), off.status(plane.now())),
        (2, KeyStatus::Disabled)
    );
    assert_eq!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Disabled)
    );
    let again = control.set_key_disabled(&by, key.id(), true).await;
    assert_eq!(again.expect("nothing to do").revision(), 2);
    let plane = plane.restarted().await;
    let (by, control) = (plane.admin(), &plane.control);
    assert_eq!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Disabled)
    );
    control
        .set_key_disabled(&by, key.id(), false)
        .await
        .expect("enables");
    assert!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    let stale = control.delete_key(&by, key.id(), Some(2)).await;
    assert!(matches!(stale, Err(ControlError::StaleRevision)));
    control
        .delete_key(&by, key.id(), Some(3))
        .await
        .expect("deletes");
    assert_eq!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Unknown)
    );
    assert!(plane.definitions().key(key.id()).is_none());
    let gone = control.set_key_disabled(&by, key.id(), true).await;
    assert!(matches!(gone, Err(ControlError::NotFound)));
    let plane = plane.restarted().await;
    assert_eq!(
        plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .map(drop),
        Err(AuthError::Unknown)
    );
    let actions: Vec<_> = plane
        .audit()
        .await
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    let expected = ["key.create", "key.disable", "key.enable", "key.delete"];
    assert_eq!(actions[2..], expected);
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let master = by.access().key();
    plane.key("no admin", "[]").await;
    let (second, second_secret) = plane.key("second", &format!("[{ADMIN}]")).await;
    control
        .set_key_disabled(&by, second.id(), true)
        .await
        .expect("disables");
    let stripped = plane.key_draft("x", "[]");
    let expired = KeyDraft {
        expires_at: Some(plane.now()),
        ..plane.key_draft("x", &format!("[{ADMIN}]"))
    };
    let picture = plane.picture();
    let audited = plane.audit().await.len();
    last_admin(control.delete_key(&by, master, None).await);
    last_admin(control.set_key_disabled(&by, master, true).await);
    last_admin(control.change_key(&by, master, None, stripped).await);
    last_admin(control.change_key(&by, master, None, expired).await);
    assert_eq!(plane.picture(), picture);
    assert_eq!(plane.audit().await.len(), audited);
    // With another one in use, a key may end itself.
    control
        .set_key_disabled(&by, second.id(), false)
        .await
        .expect("enables");
    control
        .delete_key(&by, master, None)
        .await
        .expect("a key may end itself");
    let gone = control.authenticate(&plane.master, &Circumstances::unknown());
    assert_eq!(gone.map(drop), Err(AuthError::Unknown));
    last_admin(
        control
            .delete_key(&plane.permit(&second_secret), second.id(), None)
            .await,
    );
}

#[tokio::test]
async fn a_copy_has_the_same_grants_and_a_life_of_its_own() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    plane.pool("sales").await;
    let grants = format!(r#"[{{"on":"pool:sales","actions":["query"],"constraints":{OF_93I}}}]"#);
    let (first, first_secret) = plane.key("Ada", &grants).await;
    control
        .set_key_disabled(&by, first.id(), true)
        .await
        .expect("disables");
    let (copy, secret) = control
        .copy_key(&by, first.id(), KeyCopy::default())
        .await
        .expect("copies");
    assert_eq!(
        (copy.draft().name.as_str(), copy.is_disabled()),
        ("Ada (copy)", false)
    );
    assert_ne!((copy.id(), secret.id()), (first.id(), first_secret.id()));
    assert_ne!(copy.grants()[0].id, first.grants()[0].id);
    let alike = model::grants::Grant {
        id: first.grants()[0].id,
        ..copy.grants()[0].clone()
    };
    assert_eq!(alike, first.grants()[0]);
    control
        .delete_key(&by, first.id(), None)
        .await
        .expect("deletes");
    assert!(
        control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
    let named = control
        .copy_key(&by, copy.id(), KeyCopy::named("Bob"))
        .await
        .expect("copies");
    assert_eq!(named.0.draft().name, "Bob");
    let nameless = control.copy_key(&by, copy.id(), KeyCopy::named("")).await;
    assert_eq!(
        fault(nameless.map(drop)),
        (FaultCode::InvalidName, "/name".to_owned())
    );
    let long = plane.key(&"é".repeat(256), "[]").await.0;
    let copy = control
        .copy_key(&by, long.id(), KeyCopy::default())
        .await
        .expect("copies")
        .0;
    assert_eq!(copy.draft().name.chars().count(), 256);
}

#[tokio::test]
async fn the_last_use_is_known_and_survives() {
    let plane = Plane::new().await;
    let (key, secret) = plane.key("Ada", "[]").await;
    assert_eq!(plane.control.last_used(key.id()), None);
    assert_eq!(plane.control.secret_last_used(secret.id()), None);
    let first = plane.clock.advance(Duration::from_secs(5));
    plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    assert_eq!(plane.control.last_used(key.id()), Some(first));
    plane.control.save_last_used().await.expect("saves");
    let last = plane.clock.advance(Duration::from_secs(5));
    plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    // A refused caller is no use.
    let draft = plane.key_draft("Ada L.", "[]");
    let by = plane.admin();
    plane
        .control
        .change_key(&by, key.id(), None, draft)
        .await
        .expect("changes");
    plane
        .control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("disables");
    plane.clock.advance(Duration::from_secs(5));
    assert!(
        plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .is_err()
    );
    let plane = plane.restarted().await;
    assert_eq!(plane.control.last_used(key.id()), Some(last));
    assert_eq!(plane.control.secret_last_used(secret.id()), Some(last));
}

#[tokio::test]
async fn a_key_that_could_not_be_read_back_is_refused() {
    let plane = Plane::new().await;
    let mut filter = r#"{"field":"amount","operator":"eq","value":7}"#.to_owned();
    for _ in 0..FILTER_DEPTH_MAX - 2 {
        filter = format!(r#"{{"not":{filter}}}"#);
    }
    let grants = format!(r#"[{{"on":"pool:*","actions":["query"],"constraints":[{filter}]}}]"#);
    let mut draft = plane.key_draft("deep", &grants);
    let rows = draft.grants[0].rows.clone().expect("rows");
    let model::filters::Constraint::Rows(mut rows) = rows else {
        panic!("a filter was sent");
    };
    for _ in 0..8 {
        rows = model::filters::Filter::Not(Box::new(rows));
    }
    draft.grants[0].rows = Some(model::filters::Constraint::Rows(rows));
    let picture = plane.picture();
    let by = plane.admin();
    let made = plane.control.create_key(&by, draft).await;
    assert_eq!(fault(made.map(drop)).0, FaultCode::LimitExceeded);
    assert_eq!(plane.picture(), picture);
}

fn copy(text: &str) -> Result<KeyCopy, model::fault::Fault> {
    let body = value(text);
    let mut document = model::document::Document::new(&body).expect("an object");
    KeyCopy::read(&mut document)
}

#[tokio::test]
async fn k6_a_copy_has_a_life_of_its_own_and_is_never_over_when_it_is_made() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let hour = std::time::Duration::from_secs(3_600);
    let end = plane.now().checked_add(hour).expect("a time");
    let later = end.checked_add(hour).expect("a time");
    let draft = KeyDraft {
        expires_at: Some(end),
        rotate_after: model::time::Span::parse("90d"),
        ..plane.key_draft("Ada", "[]")
    };
    let (first, _) = control.create_key(&by, draft).await.expect("a key");
    let copied = async |text: &str| {
        let copied = control.copy_key(&by, first.id(), copy(text).expect("legal"));
        copied.await.map(|(key, secret)| {
            let lets_in = control.authenticate(&secret, &Circumstances::unknown());
            let (draft, is_in) = (key.draft(), lets_in.is_ok());
            (draft.expires_at, draft.rotate_after, is_in)
        })
    };
    let of_first = (Some(end), model::time::Span::parse("90d"), true);
    assert_eq!(copied("{}").await.expect("copies"), of_first);
    let own = format!(r#"{{"expires_at":"{later}","rotate_after":"7d"}}"#);
    let of_own = (Some(later), model::time::Span::parse("7d"), true);
    assert_eq!(copied(&own).await.expect("copies"), of_own);
    let none = r#"{"expires_at":null,"rotate_after":null}"#;
    assert_eq!(copied(none).await.expect("copies"), (None, None, true));
    let past = plane.now().to_string();
    let past = copied(&format!(r#"{{"expires_at":"{past}"}}"#)).await;
    let at_end = (FaultCode::InvalidValue, "/expires_at".to_owned());
    assert_eq!(fault(past.map(drop)), at_end);
    // Of one that is over nothing is made that is over, too.
    plane.clock.set(end);
    assert_eq!(fault(copied("{}").await.map(drop)), at_end);
    assert_eq!(copied(&own).await.expect("copies"), of_own);
    assert_eq!(copied(none).await.expect("copies"), (None, None, true));
    for bad in [
        r#"{"expires_at":"soon"}"#,
        r#"{"expires_at":5}"#,
        r#"{"rotate_after":"1h"}"#,
    ] {
        copy(bad).expect_err(bad);
    }
}
