//! A false time that is taken back revives nothing (K7).

use std::time::Duration;

use super::people::{PASSWORD, named, refusal, role, sign_in};
use super::*;
use crate::{Proof, Refusal, SecondFactor};
use model::keys::{AuthError, Roll};
use model::people::Role;
use model::time::Span;

const OWNER: &str = "ada@example.com";
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn outcome(control: &Control, secret: &Secret) -> Result<(), AuthError> {
    let seen = Circumstances::unknown();
    control.authenticate(secret, &seen).map(drop)
}

async fn roll(plane: &Plane, key: &KeyRecord, grace: &str, proof: Option<Proof>) {
    let roll = Roll::with_grace(Span::parse(grace).expect("a span"));
    let by = plane.admin();
    let control = plane.control.proving(proof);
    let made = control.roll_key(&by, key.id(), roll, None).await;
    made.expect("rolls");
}

#[tokio::test]
async fn k7_a_false_time_is_taken_back_and_what_had_ended_by_it_stays_ended() {
    let plane = Plane::new().await;
    let truth = plane.now();
    let expiring = |name: &str, after: Duration| KeyDraft {
        expires_at: truth.checked_add(after),
        ..plane.key_draft(name, "[]")
    };
    let (by, control) = (plane.admin(), &plane.control);
    let made = control.create_key(&by, expiring("soon", HOUR)).await;
    let (soon, soon_token) = made.expect("a key");
    let made = control.create_key(&by, expiring("late", 90 * DAY)).await;
    let (_, late) = made.expect("a key");
    let (before, old) = plane.key("rolled before", "[]").await;
    roll(&plane, &before, "2h", None).await;
    let (during, of_then) = plane.key("rolled by the false time", "[]").await;
    let (_, shown) = plane.owner().await;
    let session = plane.enter(OWNER, &shown).await.expect("enters");
    let by_ada = plane.permit_of(&session);
    plane
        .invited(&by_ada, "bob@example.com", role(Role::Viewer))
        .await;
    // The clock is 30 days ahead, and things go on by it.
    plane.clock.advance(30 * DAY);
    assert_eq!(outcome(control, &soon_token), Err(AuthError::Expired));
    assert_eq!(outcome(control, &old), Err(AuthError::Expired));
    assert!(control.enter(&session.token, None).is_err());
    let of_a_time_to_come = plane.code(&shown);
    let SecondFactor::Code(code) = plane.code(&shown) else {
        panic!("a code")
    };
    let person = Some(named(OWNER));
    roll(&plane, &during, "24h", Some(Proof { person, code })).await;
    let false_time = plane.now();
    // It is set right while the server does not run.
    let now = truth.checked_add(10 * HOUR / 60).expect("a time");
    plane.clock.set(now);
    let plane = plane.restarted().await;
    let control = &plane.control;
    assert_eq!(control.known_at_start(), (false_time, now));
    assert!(
        control.clock().now() >= false_time,
        "as long as nobody says that it was false"
    );
    let plan = control.clock_plan(now);
    let names =
        |keys: &[crate::AcceptedKey]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&plan.expired), ["soon"]);
    assert_eq!(names(&plan.graces), ["rolled by the false time"]);
    assert_eq!(plan.people, [OWNER]);
    let accepted = control.accept_clock(now).await.expect("is taken back");
    assert_eq!(accepted, plan);

    for table in ["sessions", "invitations"] {
        assert_eq!(count(&plane.file(), table).await, 0, "{table}");
    }
    let plane = plane.opened_again(7).await;
    let control = &plane.control;
    assert_eq!(control.known_at_start(), (now, now));
    assert_eq!(control.clock().now(), now);
    assert_eq!(control.clock_accepted(), now);
    assert_eq!(control.clock_plan(now).expired, []);
    // What had ended by the false time.
    assert_eq!(outcome(control, &soon_token), Err(AuthError::Expired));
    assert_eq!(outcome(control, &old), Err(AuthError::Unknown));
    assert!(control.enter(&session.token, None).is_err());
    // What had not, by neither.
    assert_eq!(outcome(control, &late), Ok(()));
    assert_eq!(outcome(control, &plane.master), Ok(()));
    // A grace of the false time does not last for a month.
    assert_eq!(outcome(control, &of_then), Ok(()));
    let key = plane
        .definitions()
        .key(soon.id())
        .cloned()
        .expect("the key");
    assert_eq!(key.draft().expires_at, Some(now));
    plane.clock.advance(DAY);
    assert_eq!(outcome(control, &of_then), Err(AuthError::Expired));
    // No code counts until the time of the one that was used is over.
    let refused = plane.enter(OWNER, &shown).await;
    assert_eq!(refusal(refused), Refusal::SignIn);
    plane.clock.set(false_time);
    let again = plane
        .control
        .sign_in(sign_in(OWNER, PASSWORD, of_a_time_to_come))
        .await;
    assert_eq!(refusal(again), Refusal::SignIn, "it was used once");
    let audit = plane.audit().await;
    assert!(
        audit.iter().any(|(action, _)| action == "clock.accept"),
        "{audit:?}"
    );
    plane.control.close().await.expect("closes");
    let verified = crate::verify_audit(&plane.file(), &[])
        .await
        .expect("is read");
    assert!(
        verified
            .iter()
            .all(|project| project.verified.findings.is_empty())
    );
}

/// Every project's graces are bounded by the transaction that takes the time
/// back, or none.
#[tokio::test]
async fn k7_a_time_that_is_not_taken_back_to_the_end_is_not_taken_back_at_all() {
    let plane = Plane::new().await;
    let truth = plane.now();
    plane.clock.advance(30 * DAY);
    let (key, old) = plane.key("rolled by the false time", "[]").await;
    roll(&plane, &key, "24h", None).await;
    let mark = plane.now();
    let now = truth.checked_add(HOUR).expect("a time");
    plane.clock.set(now);
    // The last of it fails, as it does for a process that is killed before.
    let fails = "CREATE TRIGGER fails BEFORE INSERT ON false_times BEGIN SELECT RAISE(ABORT, 'killed'); END";
    let plane = plane.restarted_after(fails).await;
    let failed = plane.control.accept_clock(now).await;
    assert!(
        matches!(failed, Err(ControlError::Internal(_))),
        "{failed:?}"
    );
    let plane = plane.restarted_after("DROP TRIGGER fails").await;
    let known = plane.control.known_at_start();
    assert_eq!(known, (mark, now), "the false time is in force");
    let ends = |plane: &Plane| {
        let definitions = plane.definitions();
        let key = definitions.key(key.id()).expect("the key");
        let ends = key.secrets().iter().filter_map(|secret| secret.expires_at);
        ends.collect::<Vec<_>>()
    };
    assert_eq!(ends(&plane), [mark.checked_add(DAY).expect("a time")]);
    assert_eq!(outcome(&plane.control, &old), Ok(()));
    let accepted = plane.control.accept_clock(now).await;
    assert_eq!(accepted.expect("is taken back").graces.len(), 1);
    let plane = plane.opened_again(7).await;
    assert_eq!(ends(&plane), [now.checked_add(DAY).expect("a time")]);
    assert_eq!(outcome(&plane.control, &old), Ok(()), "the grace goes on");
}

/// Time is marked once a minute by a running server.
async fn live(plane: &Plane, minutes: u32) {
    for _ in 0..minutes {
        plane.clock.advance(Duration::from_secs(60));
        plane.control.save_last_used().await.expect("is marked");
    }
}

#[tokio::test]
async fn k7_what_was_signed_by_a_false_time_does_not_count_when_that_time_comes() {
    let plane = Plane::new().await;
    let truth = plane.now();
    live(&plane, 3).await;
    // Twice ahead: for some minutes by 30 days, then by 40.
    plane.clock.advance(30 * DAY);
    live(&plane, 3).await;
    let first = plane.now();
    plane.clock.advance(10 * DAY);
    live(&plane, 3).await;
    let second = plane.now();
    let now = truth.checked_add(HOUR).expect("a time");
    plane.clock.set(now);
    let plane = plane.restarted().await;
    assert!(
        !plane.control.was_false(second),
        "as long as nobody says so"
    );
    plane
        .control
        .accept_clock(now)
        .await
        .expect("is taken back");
    let plane = plane.opened_again(9).await;
    let at = |time: Timestamp, minutes: i64| {
        let moved = time.as_microsecond() + minutes * 60_000_000;
        Timestamp::from_microsecond(moved).expect("a time")
    };
    let is_false = |time| plane.control.was_false(time);
    for time in [first, second] {
        for inside in [-10, -2, 0, 9] {
            assert!(is_false(at(time, inside)), "{time} {inside}");
        }
        for outside in [-14, 11] {
            assert!(!is_false(at(time, outside)), "{time} {outside}");
        }
    }
    assert!(!is_false(now) && !is_false(at(now, 3)));
    // The true time that comes is not false a second time, and what was is kept.
    live(&plane, 2).await;
    let plane = plane.restarted().await;
    assert!(plane.control.was_false(first) && !plane.control.was_false(plane.now()));
}

#[tokio::test]
async fn stretches_of_time_are_few() {
    let plane = Plane::new().await;
    let mark = async |after| {
        plane.clock.advance(after);
        plane.control.save_last_used().await.expect("is marked");
    };
    for _ in 0..3 {
        mark(2 * HOUR).await;
    }
    // Far ahead, and then as many stops as there may be.
    mark(30 * DAY).await;
    let ahead = plane.now().as_microsecond();
    for _ in 0..80 {
        mark(2 * HOUR).await;
    }
    plane.control.close().await.expect("closes");
    assert_eq!(count(&plane.file(), "clock_stretches").await, 64);
    // The gap to what was far ahead is in none of them.
    let over = format!(
        "clock_stretches WHERE began_at < {} AND ended_at >= {ahead}",
        ahead - 1_000_000
    );
    assert_eq!(count(&plane.file(), &over).await, 0);
}

/// A file of before stretches were noted, whose latest time is false already:
/// nothing is known of when that began, and the true time does not become false.
#[tokio::test]
async fn k7_an_older_file_with_a_false_time_loses_no_signatures_of_the_true_one() {
    let plane = Plane::new().await;
    let truth = plane.now();
    plane.clock.advance(30 * DAY);
    plane.control.save_last_used().await.expect("is marked");
    let (mark, now) = (plane.now(), truth.checked_add(HOUR).expect("a time"));
    plane.clock.set(now);
    let older = "DROP TABLE clock_stretches; DROP TABLE false_times; \
        DELETE FROM _sqlx_migrations WHERE description = 'false_times'";
    let plane = plane.restarted_after(older).await;
    plane
        .control
        .accept_clock(now)
        .await
        .expect("is taken back");
    let plane = plane.opened_again(7).await;
    for days in [0, 1, 15, 29] {
        let at = now.checked_add(days * DAY).expect("a time");
        assert!(!plane.control.was_false(at), "{at}");
    }
    assert!(plane.control.was_false(mark));
}
