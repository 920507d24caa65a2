use std::time::Duration;

use super::*;
use crate::{Did, Unpublished, UsageAsked, UsageBy, UsageCounts, UsagePart};

const ONE: UsageCounts = UsageCounts {
    requests: 1,
    refused: 0,
    records: 5,
};

async fn counted(plane: &Plane) -> Vec<(i32, UsageCounts)> {
    let asked = UsageAsked {
        from: 0,
        to: i32::MAX,
        key: None,
        limit: 100,
    };
    let usage = plane.control.usage(&plane.admin(), asked).await;
    let usage = usage.expect("reads").into_iter();
    usage.map(|(of, counts)| (of.day, counts)).collect()
}

#[tokio::test]
async fn usage_adds_up_across_restarts_and_a_crash_loses_what_was_not_saved() {
    let plane = Plane::new().await;
    let pool = plane.pool("sales").await;
    let did = Did {
        pool: Some(pool.id),
        view: None,
        from: None,
        counts: ONE,
    };
    let access = plane.admin().access().clone();
    let today = plane.now().date().as_days();
    let times = |count: u64| UsageCounts {
        requests: count,
        refused: 0,
        records: 5 * count,
    };
    plane.control.note_usage(&access, did);
    plane.control.note_usage(&access, did);
    assert_eq!(counted(&plane).await, [(today, times(2))]);
    plane.control.note_usage(&access, did);
    let plane = plane.restarted().await;
    assert_eq!(counted(&plane).await, [(today, times(3))]);
    plane.control.note_usage(&access, did);
    // Another project is told nothing of it.
    let other = plane.other_project().await;
    let asked = UsageAsked {
        from: 0,
        to: i32::MAX,
        key: None,
        limit: 100,
    };
    let told = plane.control.usage(&other, asked).await.expect("reads");
    assert!(told.is_empty());
    assert_eq!(counted(&plane).await, [(today, times(4))]);
}

#[tokio::test]
async fn what_keys_did_is_summed_up_by_key_of_the_own_project_alone() {
    let plane = Plane::new().await;
    let (pool, other) = (plane.pool("sales").await, plane.pool("visits").await);
    let access = plane.admin().access().clone();
    for pool in [&pool, &other, &other] {
        let did = Did {
            pool: Some(pool.id),
            view: None,
            from: None,
            counts: ONE,
        };
        plane.control.note_usage(&access, did);
    }
    let today = plane.now().date().as_days();
    let totals = async |by, from, parts| {
        let asked = UsageAsked {
            from,
            to: i32::MAX,
            key: None,
            limit: 10,
        };
        let totals = plane.control.usage_sums(by, asked, parts).await;
        totals.expect("reads")
    };
    let two = UsageCounts {
        requests: 2,
        refused: 0,
        records: 10,
    };
    let three = UsageCounts {
        requests: 3,
        refused: 0,
        records: 15,
    };
    let (admin, elsewhere) = (plane.admin(), plane.other_project().await);
    for (parts, first) in [
        (UsageBy::Day, (UsagePart::Day(today), three)),
        (UsageBy::Key, (UsagePart::Key(access.key()), three)),
        (UsageBy::Secret, (UsagePart::Secret(access.secret()), three)),
        (UsageBy::Pool, (UsagePart::Pool(Some(other.id)), two)),
    ] {
        let told = totals(&admin, today, parts).await;
        assert_eq!(told[0], first);
        assert_eq!(told.len(), 1 + usize::from(parts == UsageBy::Pool));
        assert!(totals(&admin, today + 1, parts).await.is_empty());
        assert!(totals(&elsewhere, 0, parts).await.is_empty());
    }
}

#[tokio::test]
async fn usage_that_cannot_be_written_stays_counted() {
    let plane = Plane::new().await;
    let plane = plane
        .restarted_after(
            "CREATE TRIGGER refuse BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let access = plane.admin().access().clone();
    let did = Did {
        pool: None,
        view: None,
        from: None,
        counts: ONE,
    };
    plane.control.note_usage(&access, did);
    assert!(plane.control.save_last_used().await.is_err());
    plane.control.note_usage(&access, did);
    let control = plane.control.clone();
    {
        let mut writer = control.0.writer.lock().await;
        let crate::writer::Link::Open(store) = &mut writer.link else {
            panic!("open")
        };
        store.run("DROP TRIGGER refuse").await;
    }
    let counts = counted(&plane).await;
    assert_eq!(counts.first().map(|(_, counts)| counts.requests), Some(2));
}

#[tokio::test]
async fn usage_is_kept_for_four_hundred_days_and_charges_for_two_periods() {
    let plane = Plane::new().await;
    let did = Did {
        pool: None,
        view: None,
        from: None,
        counts: ONE,
    };
    let access = plane.admin().access().clone();
    let first = plane.now().date().as_days();
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    plane.control.note_usage(&access, did);
    plane.clock.advance(days(1));
    plane.control.note_usage(&access, did);
    plane.control.save_last_used().await.expect("saved");
    // On the last day it is kept, a day later it is gone, and the next one stays.
    plane.clock.advance(days(399));
    plane.control.save_last_used().await.expect("saved");
    let kept = counted(&plane).await;
    assert_eq!(kept, [(first, ONE), (first + 1, ONE)]);
    let file = plane.file();
    // Of one account a hundred later days are known; of the other none, as
    // after an hour in which the clock was years ahead.
    let charge = "INSERT INTO credits (key_id, tier, day, spent) \
        WITH RECURSIVE later(day) AS (SELECT 100000 UNION ALL SELECT day + 1 FROM later WHERE day < 100099) \
        SELECT '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'core', day, 1 FROM later \
        UNION ALL SELECT '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'core', 1, 1 \
        UNION ALL SELECT '01ARZ3NDEKTSV4RRFFQ69G5FAW', 'core', 1, 1";
    let plane = plane.restarted_after(charge).await;
    plane.clock.advance(days(1));
    plane.control.save_last_used().await.expect("saved");
    assert_eq!(counted(&plane).await, [(first + 1, ONE)]);
    plane.control.close().await.expect("closes");
    assert_eq!(count(&file, "credits").await, 101);
}

/// Memory that knows no project is memory that failed, and no word that it is gone.
#[tokio::test]
async fn usage_of_a_project_that_memory_lost_for_a_moment_stays() {
    let plane = Plane::new().await;
    let did = Did {
        pool: None,
        view: None,
        from: None,
        counts: ONE,
    };
    plane.control.note_usage(plane.admin().access(), did);
    let before = counted(&plane).await;
    assert_eq!(before.len(), 1);
    let project = plane.project();
    plane.control.0.projects.store(Arc::default());
    let forget = vec![crate::store::Write::ForgetUsageOf(project)];
    let writer = plane.control.0.writer().await.expect("a writer");
    let ordinal = writer.ordinal;
    let done = plane.control.0.carry_out(
        writer,
        forget,
        ordinal,
        crate::store::Claim::Nothing,
        |_| {},
    );
    done.await.expect("it is carried out");
    let plane = plane.restarted().await;
    assert_eq!(counted(&plane).await, before);
}

#[tokio::test]
async fn unpublished_totals_are_told_by_project_in_their_order() {
    let plane = Plane::new().await;
    let other = plane.other_project().await;
    let did = Did {
        pool: None,
        view: None,
        from: None,
        counts: ONE,
    };
    for by in [&plane.admin(), &other] {
        plane.control.note_usage(by.access(), did);
    }
    plane.control.save_last_used().await.expect("saved");
    let told = async |which| {
        let told = plane.control.unpublished_usage(which).await;
        let told = told.expect("read").into_iter();
        told.map(|(of, _)| of.project).collect::<Vec<_>>()
    };
    let mut projects = [plane.project(), other.access().project()];
    projects.sort();
    let [first, second] = projects;
    assert_eq!(told(Unpublished::All).await, projects);
    assert_eq!(told(Unpublished::Of(first)).await, [first]);
    assert_eq!(told(Unpublished::After(first)).await, [second]);
    assert_eq!(told(Unpublished::After(second)).await, []);
}

#[tokio::test]
async fn usage_whose_writing_nobody_heard_of_is_not_counted_twice() {
    let plane = Plane::new().await;
    let access = plane.admin().access().clone();
    let did = Did {
        pool: None,
        view: None,
        from: None,
        counts: ONE,
    };
    let today = plane.now().date().as_days();
    plane.control.note_usage(&access, did);
    let lost = crate::error::InternalError::new("lost").into();
    plane.loses_an_answer(lost).await;
    assert!(plane.control.save_last_used().await.is_err());
    assert_eq!(counted(&plane).await, [(today, ONE)]);
}
