//! Readers of the database take turns, and changes come between them.

use std::sync::atomic::Ordering;

use super::*;
use crate::audit::{Author, Subject};
use crate::{AuditSearch, UsageAsked, UsageBy, UsagePart};

const READERS: usize = 8;

/// A hundred days of 300 rows, each of one key and of another pool.
const USAGE: &str = "INSERT INTO usage (project_id, day, key_id, secret_id, pool_id, view_id, \
     requests, refused, records, published) \
     WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 29999) \
     SELECT (SELECT id FROM projects ORDER BY id LIMIT 1), 20000 + n / 300, \
     (SELECT id FROM keys ORDER BY ordinal LIMIT 1), 'AAAAAAAAAAAA', \
     printf('01M7Y10V0GS6DQE8G7HER%05d', n), '', 1, 0, 2, TRUE FROM numbers";

async fn filled() -> Plane {
    let plane = Plane::new().await;
    let mut turn = plane.control.0.turn().await.expect("a turn");
    turn.store().expect("a database").run(USAGE).await;
    drop(turn);
    let control = &plane.control;
    let made = control.change_as(Author::server(), plane.project(), |change| {
        for _ in 0..5_000 {
            change.audit("made.up", Subject::new("x", "x"), None, None);
        }
        Ok(())
    });
    made.await.expect("entries enough for five turns");
    plane
}

fn everything() -> UsageAsked {
    UsageAsked {
        from: 0,
        to: i32::MAX,
        key: None,
        limit: 100,
    }
}

#[tokio::test]
async fn k5_a_change_waits_for_one_turn_of_reading_whoever_reads_whatever() {
    let plane = filled().await;
    let by = plane.admin();
    let before = plane.control.0.readers.turns.load(Ordering::Relaxed);
    // A turn is being read; behind it readers of all kinds come, and then a change.
    let held = plane.control.0.turn().await.expect("a turn");
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..READERS {
        let (control, by) = (Arc::clone(&plane.control), by.clone());
        readers.spawn(async move {
            if number % 2 == 0 {
                let search = AuditSearch {
                    action: Some("none".to_owned()),
                    ..AuditSearch::default()
                };
                let read = control.audit_page(&by, &search, None, 100).await;
                read.expect("a page");
            } else {
                let read = control.usage_sums(&by, everything(), UsageBy::Pool).await;
                read.expect("sums");
            }
        });
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let changing = {
        let (control, by) = (Arc::clone(&plane.control), by.clone());
        tokio::spawn(async move {
            let made = control.create_pool(&by, super::pool("made")).await;
            made.expect("a pool");
            control.0.readers.turns.load(Ordering::Relaxed)
        })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(held);
    let turns = changing.await.expect("a change") - before;
    // The one that was held, one that stood before the change, and one that may have
    // begun since; nobody is through with five, or thirty.
    assert!(turns < READERS, "{turns} turns of reading before a change");
    assert!(readers.try_join_next().is_none());
    let done = readers.join_all().await;
    assert_eq!(done.len(), READERS);
}

#[tokio::test]
async fn what_is_read_in_turns_is_what_is_there() {
    let plane = filled().await;
    let (control, by) = (&plane.control, plane.admin());
    let sums = control.usage_sums(&by, everything(), UsageBy::Key).await;
    let sums = sums.expect("sums");
    let [(UsagePart::Key(_), counts)] = sums[..] else {
        panic!("one key was expected, not {sums:?}");
    };
    assert_eq!((counts.requests, counts.records), (30_000, 60_000));
    let days = control.usage_sums(&by, everything(), UsageBy::Day).await;
    let days = days.expect("sums");
    assert_eq!(days.len(), 100);
    assert!(days.iter().all(|(_, counts)| counts.requests == 300));
    let first = days.first().map(|(part, _)| *part);
    assert_eq!(first, Some(UsagePart::Day(20_000)));
    let some = UsageAsked {
        from: 20_050,
        to: 20_060,
        limit: 2_500,
        ..everything()
    };
    let rows = control.usage(&by, some).await.expect("rows");
    assert_eq!(rows.len(), 2_500);
    assert!(rows.is_sorted_by_key(|(of, _)| (of.day, of.pool)));
    assert_eq!(rows.first().map(|(of, _)| of.day), Some(20_050));
    // The audit: a page of what is rare goes through all turns to the oldest.
    let search = AuditSearch {
        action: Some("made.up".to_owned()),
        ..AuditSearch::default()
    };
    let page = control.audit_page(&by, &search, None, 4_500).await;
    let page = page.expect("a page");
    assert_eq!(page.entries.len(), 4_500);
    let last = page.entries.last().expect("entries").sequence;
    assert_eq!(page.next, Some(last));
    let numbers = page.entries.iter().map(|entry| entry.sequence).rev();
    assert!(numbers.eq(last..last + 4_500));
    let from = control.audit_from(&by, last, 4_200).await;
    let from = from.expect("entries");
    let numbers = from.iter().map(|entry| entry.sequence);
    assert!(numbers.eq(last..last + 4_200));
    let all = control.audit_from(&by, 0, usize::MAX).await;
    let all = all.expect("entries");
    let numbers = all.iter().map(|entry| entry.sequence);
    assert!(numbers.eq(0..last + 4_500));
}
