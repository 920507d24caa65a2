//! Derived tokens through restarts, crashes of the database and clocks that
//! step back.

use std::time::Duration;

use model::credits::{Allowance, Period, Tier};
use model::keys::{AuthError, DerivedId, Envelope, KeyLimits};
use model::limits::{DERIVED_OF_KEY_MAX, DERIVED_VERIFIED_MAX};
use model::permit::Access;

use super::*;
use crate::Spent;
use crate::store::DerivedRow;
use model::ids::KeyId;

fn seconds(plane: &Plane) -> i64 {
    plane.now().as_microsecond() / 1_000_000
}

impl Plane {
    async fn deriving(&self) -> (Arc<KeyRecord>, Secret) {
        let mut draft = self.key_draft("derives", "[]");
        draft.derived_tokens = true;
        let monthly = Allowance {
            amount: 1_000,
            period: Period::Month,
        };
        draft.limits = KeyLimits {
            core: Some(monthly),
            ..KeyLimits::NONE
        };
        let made = self.control.create_key(&self.admin(), draft).await;
        made.expect("a key")
    }

    /// A token of so many seconds, and its id.
    fn derive(&self, secret: &Secret, number: u32, life: i64, more: &str) -> (String, DerivedId) {
        let (now, project) = (seconds(self), self.project());
        let ends = now + life;
        let id = format!("{ends}-{number:0>16}");
        let claims = format!(
            r#"{{"aud":"{project}","iat":{now},"exp":{ends},"jti":"{id}","grants":"all_grants"{more}}}"#
        );
        let token = Envelope::sign(secret, &value(&claims));
        (token, DerivedId::parse(&id).expect("an id"))
    }

    fn let_in(&self, token: &str) -> Result<Access, AuthError> {
        let seen = Circumstances::unknown();
        self.control.authenticate_derived(token, &seen)
    }

    async fn revoke(&self, key: &KeyRecord, id: &DerivedId) {
        let by = self.admin();
        let revoked = self.control.revoke_derived(&by, key.id(), id).await;
        revoked.expect("revoked");
    }
}

const HELD: &str = r#","limits":{"credits":{"core":10}}"#;

#[tokio::test]
async fn revocations_uses_and_slices_survive_a_restart() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (used, used_id) = plane.derive(&secret, 1, 900, HELD);
    let (unused, unused_id) = plane.derive(&secret, 2, 900, "");
    let (live, _) = plane.derive(&secret, 3, 900, HELD);
    plane.let_in(&used).expect("let in");
    let access = plane.let_in(&live).expect("let in");
    let reserved = plane.control.reserve(&access, Tier::Core, 4);
    let reserved = reserved.expect("there are 10");
    plane.control.charge(reserved, 4).await.expect("charged");
    plane.revoke(&key, &used_id).await;
    plane.revoke(&key, &unused_id).await;
    let told = |plane: &Plane| plane.control.derived_tokens(key.id());
    let before = told(&plane);
    let plane = plane.restarted().await;
    assert_eq!(told(&plane), before);
    assert_eq!(before.len(), 3);
    assert_eq!(before[2].spent, [4, 0]);
    for token in [&used, &unused] {
        assert_eq!(plane.let_in(token).err(), Some(AuthError::Unknown));
    }
    let access = plane.let_in(&live).expect("let in");
    assert_eq!(plane.control.slices_left(&access), [Some(6), None]);
    let left = plane.control.reserve(&access, Tier::Core, 7);
    assert!(matches!(left, Err(Spent::Slice(spent)) if spent.left == 6));
    // Both count: what the token used up is its key's.
    let key = plane.definitions().key(key.id()).expect("a key").clone();
    assert_eq!(plane.control.credits_left(&key)[0].spent, 4);
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn a_revocation_is_written_before_it_is_acknowledged() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, id) = plane.derive(&secret, 1, 900, "");
    let (other, other_id) = plane.derive(&secret, 2, 900, "");
    plane.let_in(&token).expect("let in");
    plane.revoke(&key, &id).await;
    // The database took it, and its answer was lost: whoever asked is told that
    // it failed or that it did not, but the token is out.
    let lost = crate::InternalError::new("lost").into();
    plane.loses_an_answer(lost).await;
    let by = plane.admin();
    let told = plane.control.revoke_derived(&by, key.id(), &other_id);
    let _ = told.await;
    assert_eq!(plane.let_in(&other).err(), Some(AuthError::Unknown));
    // Ended without a word, as by a crash.
    let copy = plane.folder.path().join("copy.db");
    for end in ["", "-wal"] {
        let file = plane.folder.path().join(format!("control.db{end}"));
        let to = plane.folder.path().join(format!("copy.db{end}"));
        std::fs::copy(file, to).expect("a copy");
    }
    let again = Control::open(&copy, options(&plane.clock, 3)).await;
    let again = again.expect("opens");
    for token in [&token, &other] {
        let outcome = again.authenticate_derived(token, &Circumstances::unknown());
        assert_eq!(outcome.err(), Some(AuthError::Unknown));
    }
    again.close().await.expect("closes");
}

#[tokio::test]
async fn a_charge_of_a_slice_that_nobody_heard_of_is_none_and_what_is_done_is_counted_once() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, _) = plane.derive(&secret, 1, 900, HELD);
    let access = plane.let_in(&token).expect("let in");
    let control = &plane.control;
    let reserve = |cost| control.reserve(&access, Tier::Core, cost).expect("is left");
    let lost = || crate::InternalError::new("the answer was lost").into();
    plane.loses_an_answer(lost()).await;
    let refused = control.charge(reserve(3), 3).await;
    assert!(
        matches!(refused, Err(ControlError::Internal(_))),
        "{refused:?}"
    );
    assert_eq!(control.slices_left(&access), [Some(10), None]);
    plane.loses_an_answer(lost()).await;
    let done = control.charge_done(reserve(3), 3, None).await;
    done.expect("it is stored and counted");
    assert_eq!(control.slices_left(&access), [Some(7), None]);
    // The next one writes what memory knows.
    control.charge(reserve(1), 1).await.expect("charged");
    let plane = plane.restarted().await;
    let access = plane.let_in(&token).expect("let in");
    assert_eq!(plane.control.slices_left(&access), [Some(6), None]);
    let key = plane.definitions().key(key.id()).expect("a key").clone();
    assert_eq!(plane.control.credits_left(&key)[0].spent, 4);
}

#[tokio::test]
async fn k7_a_clock_that_steps_back_revives_no_derived_token() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (ends, _) = plane.derive(&secret, 1, 60, "");
    let (revoked, id) = plane.derive(&secret, 2, 60, "");
    plane.let_in(&ends).expect("let in");
    plane.revoke(&key, &id).await;
    plane.clock.advance(Duration::from_secs(60));
    assert_eq!(plane.let_in(&ends).err(), Some(AuthError::Expired));
    // What has ended is forgotten, and the revocation with it.
    plane.control.save_last_used().await.expect("saved");
    let start = plane
        .now()
        .checked_sub(Duration::from_secs(60))
        .expect("a time");
    plane.clock.set(start);
    for token in [&ends, &revoked] {
        assert_eq!(plane.let_in(token).err(), Some(AuthError::Expired));
    }
    let plane = plane.restarted().await;
    plane.clock.set(start);
    for token in [&ends, &revoked] {
        assert_eq!(plane.let_in(token).err(), Some(AuthError::Expired));
    }
    assert_eq!(plane.control.derived_tokens(key.id()), []);
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn n_clients_take_no_more_than_the_slice_and_charges_come_back() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, _) = plane.derive(&secret, 1, 900, HELD);
    let access = plane.let_in(&token).expect("let in");
    let calls = (0..64).map(|_| {
        let (control, access) = (Arc::clone(&plane.control), access.clone());
        tokio::spawn(async move {
            let reserved = control.reserve(&access, Tier::Core, 1).ok()?;
            control.charge(reserved, 1).await.ok()
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut admitted = 0;
    for call in calls {
        admitted += usize::from(call.await.expect("ends").is_some());
    }
    assert_eq!(admitted, 10);
    let (fresh, _) = plane.derive(&secret, 2, 900, HELD);
    let access = plane.let_in(&fresh).expect("let in");
    let held = plane.control.reserve(&access, Tier::Core, 10).expect("10");
    assert!(plane.control.reserve(&access, Tier::Core, 1).is_err());
    drop(held);
    assert_eq!(plane.control.slices_left(&access), [Some(10), None]);
    // Too much for its key gives the slice back, too.
    let narrow = KeyDraft {
        limits: KeyLimits {
            core: Some(Allowance {
                amount: 12,
                period: Period::Month,
            }),
            ..KeyLimits::NONE
        },
        ..key.draft().clone()
    };
    let by = plane.admin();
    let changed = plane.control.change_key(&by, key.id(), None, narrow);
    changed.await.expect("changed");
    let access = plane.let_in(&fresh).expect("let in");
    let refused = plane.control.reserve(&access, Tier::Core, 3);
    // What the others have left of the key's is not said.
    let refused = refused.expect_err("the key has too few");
    assert!(
        matches!(refused, Spent::Deriver { cost: 3, .. }),
        "{refused}"
    );
    assert_eq!(plane.control.slices_left(&access), [Some(10), None]);
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn what_is_found_good_is_bounded_and_says_nothing_of_who_is_let_in() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, id) = plane.derive(&secret, 0, 900, "");
    let verified = || plane.control.0.derived.verified.len();
    for _ in 0..3 {
        plane.let_in(&token).expect("let in");
    }
    assert_eq!(verified(), 1);
    // A text with another signature is another text.
    let (signed, signature) = token.rsplit_once('.').expect("parts");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{first}{}", &signature[1..]);
    assert_eq!(plane.let_in(&forged).err(), Some(AuthError::Unknown));
    assert_eq!(verified(), 1, "what is refused takes no place");
    plane.revoke(&key, &id).await;
    assert_eq!(plane.let_in(&token).err(), Some(AuthError::Unknown));
    for number in 1..=u32::try_from(DERIVED_VERIFIED_MAX).expect("few") {
        let (token, _) = plane.derive(&secret, number, 900, "");
        plane.let_in(&token).expect("let in");
        assert!(verified() <= DERIVED_VERIFIED_MAX);
    }
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn what_must_not_be_forgotten_stays_when_there_is_no_room() {
    use model::keys::Derived;

    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let now = plane.control.clock().now();
    let terms = |number, more: &str| -> Arc<Derived> {
        let (token, _) = plane.derive(&secret, number, 900, more);
        let access = plane.let_in(&token).expect("let in");
        Arc::clone(access.derived_token().expect("by a derived token"))
    };
    let (plain, held) = (terms(1, ""), terms(2, HELD));
    let known = &plane.control.0.derived;
    let revoked = terms(3, "");
    plane.revoke(&key, revoked.id()).await;
    let ends = seconds(&plane) + 900;
    let id = |kind: &str, number: usize| {
        DerivedId::parse(&format!("{ends}-{kind}{number:0>16}")).expect("an id")
    };
    // Revoked ones take no places of those that are used.
    for number in 0..DERIVED_OF_KEY_MAX {
        known.revoke(key.id(), id("filled", number), now);
    }
    let other = plane.derive(&secret, 4, 900, "");
    plane.let_in(&other.0).expect("there is room");
    // Far more than there is room for, none of which may be forgotten.
    let spent = (0..DERIVED_OF_KEY_MAX).map(|number| DerivedRow {
        spent: [1, 0],
        ..DerivedRow::of(key.id(), id("spent", number))
    });
    known.take_in(spent, now);
    plane.clock.advance(Duration::from_secs(2));
    let further = plane.derive(&secret, 7, 900, "");
    let refused = plane.let_in(&further.0).err();
    assert_eq!(refused, Some(AuthError::TooManyDerived));
    assert!(known.find(key.id(), plain.id()).is_none(), "it made room");
    assert!(known.find(key.id(), held.id()).is_some());
    let still = known.find(key.id(), revoked.id());
    assert!(still.is_some_and(|seen| seen.is_revoked()));
    // Nor is there room for one more revocation.
    let one_more = plane.derive(&secret, 6, 900, "");
    let by = plane.admin();
    let refused = plane
        .control
        .revoke_derived(&by, key.id(), &one_more.1)
        .await;
    assert!(
        matches!(refused, Err(ControlError::Fault(fault)) if fault.code == FaultCode::LimitExceeded)
    );
    // With time there is room again.
    plane.clock.advance(Duration::from_secs(900));
    let later = plane.derive(&secret, 5, 900, "");
    plane.let_in(&later.0).expect("let in");
    assert_eq!(plane.control.derived_tokens(key.id()).len(), 1);
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn k7_a_false_time_that_is_taken_back_revives_no_derived_token() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let truth = plane.now();
    let (token, _) = plane.derive(&secret, 1, 3_600, "");
    plane.let_in(&token).expect("is used");
    plane.clock.advance(Duration::from_secs(30 * 86_400));
    let late = plane.let_in(&token).map(drop);
    assert_eq!(late, Err(AuthError::Expired));
    // Made, used and revoked by the false time.
    let (of_then, id) = plane.derive(&secret, 3, 3_600, "");
    plane.let_in(&of_then).expect("is used");
    plane.revoke(&key, &id).await;
    let false_time = plane.now();
    let now = truth.checked_add(Duration::from_secs(60)).expect("a time");
    plane.clock.set(now);
    let plane = plane.restarted().await;
    let accepted = plane.control.accept_clock(now).await;
    accepted.expect("is taken back");
    let plane = plane.opened_again(8).await;
    let again = plane.let_in(&token).map(drop);
    assert_eq!(again, Err(AuthError::Expired), "made before that");
    plane.clock.advance(Duration::from_secs(1));
    let (fresh, _) = plane.derive(&secret, 2, 3_600, "");
    plane.let_in(&fresh).expect("made after it");
    plane.clock.set(false_time);
    plane
        .control
        .save_last_used()
        .await
        .expect("forgets what it may");
    let revived = plane.let_in(&of_then).map(drop);
    assert!(revived.is_err(), "it was revoked once");
    let (signed, _) = plane.derive(&secret, 4, 3_600, "");
    let again = plane.let_in(&signed).map(drop);
    assert_eq!(
        again,
        Err(AuthError::Expired),
        "signed by a time that was false"
    );
    plane.clock.advance(Duration::from_secs(660));
    let (fresh, _) = plane.derive(&secret, 5, 3_600, "");
    plane.let_in(&fresh).expect("made after that");
}

/// Of derived tokens with credits, which are not forgotten, one key takes no
/// more than it leaves to all others.
#[tokio::test]
async fn no_key_takes_the_last_places_of_derived_tokens() {
    let plane = Plane::new().await;
    let (greedy, secret) = plane.deriving().await;
    let (_, modest) = plane.deriving().await;
    let now = plane.control.clock().now();
    let ends = seconds(&plane) + 900;
    let known = &plane.control.0.derived;
    let fill = |key, from: usize, count: usize| {
        let rows = (from..from + count).map(|number| DerivedRow {
            spent: [1, 0],
            ..DerivedRow::of(
                key,
                DerivedId::parse(&format!("{ends}-{number:0>16}")).expect("an id"),
            )
        });
        known.take_in(rows, now);
    };
    // All but 10,000 places are taken, by others.
    for other in 0..19 {
        let key = KeyId::generate(now, &model::random::SeededRandom::new(other));
        fill(key, 0, 10_000);
    }
    fill(greedy.id(), 0, 4_999);
    let next = plane.derive(&secret, 90_001, 900, HELD);
    plane.let_in(&next.0).expect("as many are left as it has");
    let further = plane.derive(&secret, 90_002, 900, HELD);
    let refused = plane.let_in(&further.0).err();
    assert_eq!(refused, Some(AuthError::TooManyDerived));
    // Nor does one that came without credits first, and then with them.
    let twice = plane.derive(&secret, 90_005, 900, "");
    plane.let_in(&twice.0).expect("may be forgotten");
    let twice = plane.derive(&secret, 90_005, 900, HELD);
    let refused = plane.let_in(&twice.0).err();
    assert_eq!(refused, Some(AuthError::TooManyDerived));
    // What may be forgotten finds a place, and whoever has fewer.
    let plain = plane.derive(&secret, 90_003, 900, "");
    plane.let_in(&plain.0).expect("may be forgotten");
    let other = plane.derive(&modest, 90_004, 900, HELD);
    plane
        .let_in(&other.0)
        .expect("there is room for the next one");
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn rows_of_derived_tokens_are_bounded_and_what_must_be_remembered_stays() {
    let plane = Plane::new().await;
    let (key, _) = plane.deriving().await;
    let (key, ends) = (key.id(), plane.now().as_microsecond() / 1_000_000 + 900);
    // Used later and later; the first ten are revoked or have used up credits.
    let rows = format!(
        "INSERT INTO derived_tokens (key_id, id, ends_at, last_used_at, requests, core_spent, revoked_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         SELECT '{key}', '{ends}-' || printf('%016d', i), {ends} * 1000000, i, 1, \
         CASE WHEN i <= 5 THEN 1 ELSE 0 END, CASE WHEN i BETWEEN 6 AND 10 THEN 1 END FROM n",
        model::limits::DERIVED_MAX + 30
    );
    let plane = plane
        .restarted_after(Box::leak(rows.into_boxed_str()))
        .await;
    plane.control.save_last_used().await.expect("trims");
    plane.control.close().await.expect("closes");
    let left =
        |from: u32, to: u32| format!("derived_tokens WHERE last_used_at BETWEEN {from} AND {to}");
    let file = plane.file();
    assert_eq!(count(&file, &left(1, 10)).await, 10, "remembered");
    assert_eq!(
        count(&file, &left(11, 30)).await,
        0,
        "the oldest of the others"
    );
    let rest = i64::try_from(model::limits::DERIVED_MAX).expect("few");
    assert_eq!(count(&file, &left(31, u32::MAX)).await, rest);
}

async fn report(plane: &Plane, token: &str) {
    assert!(is_taken(plane, token).await, "it is ours");
}

async fn is_taken(plane: &Plane, token: &str) -> bool {
    let report = crate::LeakReport {
        token: crate::Leaked::read(token),
        found_at: None,
        address: None,
    };
    let valid = plane.control.report_leak(report).await;
    plane.clock.advance(Duration::from_secs(1));
    valid.expect("an answer")
}

async fn revocations(plane: &Plane) -> usize {
    let audit = plane.audit().await.into_iter();
    audit
        .filter(|(action, _)| action == "key.revoke_derived")
        .count()
}

/// Whoever has a secret makes tokens at will, and must not fill by reports what
/// is kept of those that are used.
#[tokio::test]
async fn k21_a_report_revokes_what_could_be_used_and_nothing_else() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (used, used_id) = plane.derive(&secret, 1, 900, "");
    let access = plane.let_in(&used).expect("let in");
    drop(plane.control.meter(&access, false).expect("no limit"));
    let (other, other_id) = plane.derive(&secret, 2, 900, "");
    let sign = |ends: i64, iat: i64, aud: &str| {
        let claims = format!(
            r#"{{"aud":"{aud}","iat":{iat},"exp":{ends},"jti":"{ends}-0000000000000009","grants":"all_grants"}}"#
        );
        Envelope::sign(&secret, &value(&claims))
    };
    let (now, project) = (seconds(&plane), plane.project().to_string());
    for no_token in [
        sign(253_402_000_000, now, &project),
        sign(now + 86_401 + 900, now, &project),
    ] {
        assert!(!is_taken(&plane, &no_token).await, "it lives for too long");
    }
    for made_up in [
        sign(now + 2_000, now + 1_000, &project),
        sign(now + 900, now, "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        sign(now - 1, now - 900, &project),
    ] {
        report(&plane, &made_up).await;
    }
    assert_eq!(revocations(&plane).await, 0);
    report(&plane, &other).await;
    assert_eq!(revocations(&plane).await, 1);
    // Its secret is reported, too: what was in use is ended, and nothing that
    // is made from now on.
    report(&plane, secret.reveal()).await;
    let (thiefs, thiefs_id) = plane.derive(&secret, 3, 900, "");
    report(&plane, &thiefs).await;
    report(&plane, &used).await;
    assert_eq!(revocations(&plane).await, 2);
    let is_revoked = |id: &DerivedId| {
        let known = plane.control.0.derived.find(key.id(), id);
        known.is_some_and(|known| known.is_revoked())
    };
    assert!(is_revoked(&used_id) && is_revoked(&other_id) && !is_revoked(&thiefs_id));
    let notices = plane.control.notices(&plane.admin()).await.expect("reads");
    assert_eq!(
        notices.len(),
        2,
        "of the secret, and of the day: {notices:?}"
    );
    plane.control.close().await.expect("closes");
}

#[tokio::test]
async fn k21_where_no_revocation_can_be_kept_the_secret_goes_into_quarantine() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, _) = plane.derive(&secret, 1, 900, "");
    let ends = seconds(&plane) + 900;
    for number in 0..DERIVED_OF_KEY_MAX {
        let id = DerivedId::parse(&format!("{ends}-filled{number:0>16}")).expect("an id");
        plane.control.0.derived.revoke(key.id(), id, plane.now());
    }
    for _ in 0..2 {
        report(&plane, &token).await;
    }
    assert_eq!(plane.let_in(&token).map(drop), Err(AuthError::Quarantined));
    let actions = plane.audit().await.into_iter().map(|(action, _)| action);
    assert_eq!(
        actions.filter(|action| action == "key.quarantine").count(),
        1
    );
    plane.control.close().await.expect("closes");
}

/// K7: a clock that is ahead for a minute takes no revocation away.
#[tokio::test]
async fn k7_a_revocation_is_kept_until_time_has_gone_on_for_a_month() {
    let plane = Plane::new().await;
    let (key, secret) = plane.deriving().await;
    let (token, id) = plane.derive(&secret, 1, 3_600, "");
    plane.let_in(&token).expect("let in");
    plane.revoke(&key, &id).await;
    let day = Duration::from_secs(86_400);
    plane.clock.advance(40 * day);
    plane.control.save_last_used().await.expect("marks");
    let plane = plane.restarted().await;
    plane.control.save_last_used().await.expect("marks");
    plane.control.close().await.expect("closes");
    assert_eq!(count(&plane.file(), "derived_tokens").await, 1);
    // It goes when the time has really come: so many days without a leap.
    let went_on = "UPDATE clock_stretches SET began_at = 0";
    sql(&plane.file(), went_on).await;
    let plane = plane.opened_again(3).await;
    plane.control.save_last_used().await.expect("forgets");
    plane.control.close().await.expect("closes");
    assert_eq!(count(&plane.file(), "derived_tokens").await, 0);
}
