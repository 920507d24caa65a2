//! Quarantine and notices: what survives a restart, what the clock changes,
//! and how much is kept.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::{Ended, LeakReport, Leaked, Notice, NoticeKind};
use model::ids::KeyId;
use model::keys::{AuthError, KeyStatus, Roll};
use model::limits::{NEWS_WAITING_MAX, NOTICE_DAYS, NOTICES_MAX};
use model::permit::Access;
use model::time::Span;

const HOUR: Duration = Duration::from_secs(3_600);
const HOME: &str = "192.0.2.7";
const THIEF: &str = "203.0.113.9";

fn at(address: &str) -> Circumstances<'static> {
    let address: IpAddr = address.parse().expect("an address");
    Circumstances::from_address(Some(address))
}

fn enter(plane: &Plane, token: &Secret, from: &str) -> Result<Access, AuthError> {
    plane.control.authenticate(token, &at(from))
}

async fn report(plane: &Plane, token: &Secret) -> bool {
    let report = LeakReport {
        token: Leaked::read(token.reveal()),
        found_at: None,
        address: None,
    };
    plane.control.report_leak(report).await.expect("is taken")
}

/// A key that is used from home for longer than a day.
async fn settled(plane: &Plane) -> (Arc<KeyRecord>, Secret) {
    let (key, token) = plane.key("Ada", "[]").await;
    enter(plane, &token, HOME).expect("is let in");
    plane.clock.advance(24 * HOUR);
    (key, token)
}

fn status(plane: &Plane, key: KeyId) -> KeyStatus {
    let definitions = plane.definitions();
    let key = definitions.key(key).expect("is there");
    key.status(plane.control.clock().now())
}

async fn notices(plane: &Plane) -> Vec<Notice> {
    plane.control.notices(&plane.admin()).await.expect("reads")
}

async fn kinds(plane: &Plane) -> Vec<(NoticeKind, u64)> {
    let notices = notices(plane).await.into_iter();
    notices.map(|notice| (notice.kind, notice.times)).collect()
}

#[tokio::test]
async fn k21_quarantine_survives_a_restart_and_ends_what_was_begun_before() {
    let plane = Plane::new().await;
    let (key, token) = settled(&plane).await;
    let before = enter(&plane, &token, THIEF).expect("is let in");
    assert!(report(&plane, &token).await);
    let ended = plane.control.check_still(&before);
    assert!(matches!(ended, Err(Ended::Changed)), "{ended:?}");
    let held = |plane: &Plane| {
        assert_eq!(status(plane, key.id()), KeyStatus::Quarantined);
        let refused = enter(plane, &token, THIEF).map(drop);
        assert_eq!(refused, Err(AuthError::Quarantined));
        let refused = plane
            .control
            .authenticate(&token, &Circumstances::unknown());
        assert_eq!(refused.map(drop), Err(AuthError::Quarantined));
        let home = enter(plane, &token, HOME).expect("is let in");
        assert!(home.quarantined_at().is_some());
        assert!(plane.control.check_still(&home).is_ok());
        home
    };
    let home = held(&plane);
    // What is used meanwhile makes nothing usual, however long it takes.
    plane.clock.advance(60 * 24 * HOUR);
    held(&plane);
    let plane = plane.restarted().await;
    held(&plane);
    assert_eq!(
        kinds(&plane).await,
        [(NoticeKind::Leaked, 1), (NoticeKind::NewNetwork, 1)]
    );
    // Nor does a clock that steps back let anybody out.
    let back = plane.now().checked_sub(200 * 24 * HOUR).expect("a time");
    plane.clock.set(back);
    held(&plane);
    let plane = plane.restarted().await;
    held(&plane);
    plane
        .control
        .release_key(&plane.admin(), key.id())
        .await
        .expect("releases");
    assert!(enter(&plane, &token, THIEF).is_ok());
    let ended = plane.control.check_still(&home);
    assert!(matches!(ended, Err(Ended::Changed)), "{ended:?}");
    let plane = plane.restarted().await;
    assert_eq!(status(&plane, key.id()), KeyStatus::Active);
    let actions = plane.audit().await;
    let of = |action: &str| actions.iter().filter(|(known, _)| known == action).count();
    assert_eq!((of("key.quarantine"), of("key.release")), (1, 1));
}

#[tokio::test]
async fn k21_in_no_second_more_than_one_request_of_a_held_key_is_let_in() {
    let plane = Plane::new().await;
    let (key, token) = settled(&plane).await;
    report(&plane, &token).await;
    let access = enter(&plane, &token, HOME).expect("is let in");
    let mut let_in = Vec::new();
    for step in 0..4_000_u32 {
        if plane.control.meter(&access, false).is_ok() {
            let_in.push(step);
        }
        plane
            .clock
            .advance(Duration::from_millis(1 + u64::from(step % 3)));
    }
    // 4,000 steps of 2 ms on average are 8 seconds.
    assert_eq!(let_in.len(), 8, "{let_in:?}");
    plane.clock.advance(2 * HOUR);
    assert!(plane.control.meter(&access, false).is_ok());
    let over = plane.control.meter(&access, false).map(drop);
    let wait = match over {
        Err(crate::OverLimit::Rate { limit, retry_after }) if limit.get() == 1 => retry_after,
        other => panic!("the trickle was expected, not {other:?}"),
    };
    plane.clock.advance(wait - Duration::from_micros(1));
    assert!(plane.control.meter(&access, false).is_err());
    plane.clock.advance(Duration::from_micros(1));
    assert!(plane.control.meter(&access, false).is_ok());
    // The key's own limit is not used up by what the trickle refuses.
    plane
        .control
        .release_key(&plane.admin(), key.id())
        .await
        .expect("releases");
    let draft = KeyDraft {
        limits: model::keys::KeyLimits {
            requests_per_second: std::num::NonZeroU32::new(2),
            ..model::keys::KeyLimits::NONE
        },
        ..key.draft().clone()
    };
    let changed = plane
        .control
        .change_key(&plane.admin(), key.id(), None, draft)
        .await;
    changed.expect("changes");
    report(&plane, &token).await;
    plane.clock.advance(HOUR);
    let held = enter(&plane, &token, HOME).expect("is let in");
    assert!(plane.control.meter(&held, false).is_ok());
    for _ in 0..5 {
        assert!(plane.control.meter(&held, false).is_err());
    }
    let definitions = plane.definitions();
    let left = plane
        .control
        .limits_left(definitions.key(key.id()).expect("is there"));
    assert_eq!(left.requests_per_second, Some(1));
}

#[tokio::test]
async fn k21_the_report_of_a_wrong_secret_of_a_known_key_changes_nothing() {
    let plane = Plane::new().await;
    let (key, token) = settled(&plane).await;
    // The same public part with another secret, whose checksum is right.
    let other = Secret::generate(model::keys::KeyKind::Secret, &SeededRandom::new(77));
    let mixed = format!("{}{}", &token.reveal()[..19], &other.reveal()[19..]);
    assert!(Secret::parse(&mixed).is_none());
    let before = plane.picture();
    assert!(!report(&plane, &other).await);
    assert_eq!(plane.picture(), before);
    assert_eq!(status(&plane, key.id()), KeyStatus::Active);
    // One pepper is not another: the same text is no secret of this server then.
    assert!(key.has_secret(&token, plane.control.pepper()));
    assert!(!key.has_secret(&token, &Pepper::from_bytes([8; 32])));
    assert!(!key.has_secret(&other, plane.control.pepper()));
}

#[tokio::test]
async fn what_is_due_is_told_of_once_also_across_restarts() {
    let plane = Plane::new().await;
    let draft = KeyDraft {
        rotate_after: Some(Span::parse("1d").expect("a day")),
        ..plane.key_draft("Ada", "[]")
    };
    let made = plane.control.create_key(&plane.admin(), draft).await;
    let (key, token) = made.expect("a key");
    let look = |plane: &Plane| {
        plane.control.log_due_rotations(Timestamp::MIN, plane.now());
        plane.control.note_what_is_due();
    };
    look(&plane);
    assert_eq!(kinds(&plane).await, []);
    plane.clock.advance(25 * HOUR);
    for _ in 0..3 {
        look(&plane);
    }
    let due = [(NoticeKind::RotationDue, 1)];
    assert_eq!(kinds(&plane).await, due);
    let plane = plane.restarted().await;
    look(&plane);
    assert_eq!(kinds(&plane).await, due);
    // A grace of two days: told of in its last day alone, while the old secret is used.
    let roll = Roll::with_grace(Span::parse("48h").expect("two days"));
    let rolled = plane
        .control
        .roll_key(&plane.admin(), key.id(), roll, None)
        .await;
    rolled.expect("rolls");
    plane.clock.advance(23 * HOUR);
    enter(&plane, &token, HOME).expect("is let in");
    look(&plane);
    assert_eq!(kinds(&plane).await.len(), 1);
    plane.clock.advance(HOUR);
    look(&plane);
    look(&plane);
    let told = notices(&plane).await;
    let of = |kind| told.iter().filter(move |notice| notice.kind == kind);
    let mut ending = of(NoticeKind::GraceEnding);
    let first = ending.next().expect("is told of");
    assert_eq!((first.times, ending.count()), (1, 0));
    assert!(first.detail.contains(&token.id().to_string()));
    // The new secret has become as old as its owner wants, too.
    assert_eq!((of(NoticeKind::RotationDue).count(), told.len()), (2, 3));
}

#[tokio::test]
async fn a_silent_grace_ends_untold_of() {
    let plane = Plane::new().await;
    let (key, token) = plane.key("Ada", "[]").await;
    enter(&plane, &token, HOME).expect("is let in");
    let roll = Roll::with_grace(Span::parse("2h").expect("two hours"));
    let rolled = plane
        .control
        .roll_key(&plane.admin(), key.id(), roll, None)
        .await;
    rolled.expect("rolls");
    plane.clock.advance(HOUR);
    plane.control.note_what_is_due();
    assert_eq!(kinds(&plane).await, []);
}

#[tokio::test]
async fn notices_are_bounded_and_go_in_time_and_with_their_project() {
    let plane = Plane::new().await;
    let (_, token) = plane.key("Ada", "[]").await;
    for day in 0..NOTICES_MAX + 5 {
        plane.control.note_page(token.id(), None);
        plane.clock.advance(2 * HOUR);
        if day % 12 == 11 {
            assert!(kinds(&plane).await.len() <= NOTICES_MAX);
        }
    }
    let days = u64::try_from(kinds(&plane).await.len()).expect("few");
    // Two hours each, from noon on, and the day that has begun.
    assert_eq!(days, (12 + 2 * (NOTICES_MAX as u64 + 4)) / 24 + 1);
    plane
        .clock
        .advance(Duration::from_secs(NOTICE_DAYS * 24 * 3_600));
    plane.control.note_page(token.id(), None);
    assert_eq!(kinds(&plane).await.len(), 1);
    // More than fit, at once: the youngest stay.
    let of = |about: usize| crate::notices::NewsOf {
        project: plane.project(),
        key: KeyId::generate(plane.now(), &SeededRandom::new(about as u64)),
        kind: NoticeKind::NewNetwork,
        about: about.to_string(),
    };
    for about in 0..NOTICES_MAX + 5 {
        plane.clock.advance(Duration::from_millis(1));
        let (of, now) = (of(about), plane.now());
        plane
            .control
            .0
            .callers
            .news
            .note(of, now, || about.to_string());
    }
    let kept = notices(&plane).await;
    assert_eq!(kept.len(), NOTICES_MAX);
    let gone = |about: &str| kept.iter().all(|notice| notice.detail != about);
    assert!(gone("0") && gone("4") && !gone("5") && !gone("1004"));
    let other = plane.other_project().await;
    assert_eq!(plane.control.notices(&other).await.expect("reads"), []);
    let foreign = plane.control.dismiss_notice(&other, kept[0].id).await;
    assert!(
        matches!(foreign, Err(ControlError::NotFound)),
        "{foreign:?}"
    );
}

/// Notes so many news of a kind, each of another key.
fn note_many(plane: &Plane, kind: NoticeKind, count: usize) {
    for about in 0..count {
        let of = crate::notices::NewsOf {
            project: plane.project(),
            key: KeyId::generate(plane.now(), &SeededRandom::new(about as u64)),
            kind,
            about: about.to_string(),
        };
        let news = &plane.control.0.callers.news;
        news.note(of, plane.now(), || about.to_string());
    }
}

#[tokio::test]
async fn a_wave_of_other_news_drives_no_leak_away_that_nobody_looked_into() {
    let plane = Plane::new().await;
    note_many(&plane, NoticeKind::Leaked, 2);
    plane.clock.advance(HOUR);
    note_many(&plane, NoticeKind::Credits, 3);
    plane.clock.advance(HOUR);
    note_many(&plane, NoticeKind::NewNetwork, NOTICES_MAX);
    let count = |told: &[Notice], kind| told.iter().filter(|one| one.kind == kind).count();
    let told = notices(&plane).await;
    assert_eq!(told.len(), NOTICES_MAX);
    let kept = [NoticeKind::Leaked, NoticeKind::Credits].map(|kind| count(&told, kind));
    assert_eq!(kept, [2, 3]);
    // One that somebody dealt with makes room.
    let leaks = told.iter().filter(|one| one.kind == NoticeKind::Leaked);
    let dealt = leaks.map(|one| one.id).next().expect("a leak");
    let admin = plane.admin();
    let dismissed = plane.control.dismiss_notice(&admin, dealt).await;
    dismissed.expect("dismisses");
    plane.clock.advance(HOUR);
    note_many(&plane, NoticeKind::RotationDue, NOTICES_MAX);
    let told = notices(&plane).await;
    let kinds = [NoticeKind::Leaked, NoticeKind::RotationDue];
    assert_eq!(kinds.map(|kind| count(&told, kind)), [1, NOTICES_MAX - 1]);
}

#[tokio::test]
async fn a_state_that_found_no_room_is_told_of_later() {
    let plane = Plane::new().await;
    note_many(&plane, NoticeKind::NewNetwork, NEWS_WAITING_MAX);
    note_many(&plane, NoticeKind::Credits, 1);
    assert_eq!(count_of(&plane, NoticeKind::Credits).await, 0);
    // The timer sees it again.
    note_many(&plane, NoticeKind::Credits, 1);
    note_many(&plane, NoticeKind::Credits, 1);
    assert_eq!(count_of(&plane, NoticeKind::Credits).await, 1);
}

async fn count_of(plane: &Plane, kind: NoticeKind) -> usize {
    let told = notices(plane).await;
    told.iter().filter(|notice| notice.kind == kind).count()
}

#[tokio::test]
async fn news_that_cannot_be_written_wait_and_too_many_are_left_out() {
    let plane = Plane::new().await;
    let (_, token) = plane.key("Ada", "[]").await;
    plane
        .control
        .note_page(token.id(), Some("https://first.example"));
    let lost = crate::error::InternalError::new("lost").into();
    plane.loses_an_answer(lost).await;
    let failed = plane.control.save_last_used().await;
    assert!(failed.is_err());
    plane
        .control
        .note_page(token.id(), Some("https://second.example"));
    let told = notices(&plane).await;
    // Whether the first one was written nobody knew: it may be counted twice, never lost.
    assert_eq!(told.len(), 1);
    assert!(
        told[0].times >= 2 && told[0].detail.contains("first"),
        "{told:?}"
    );
}
