use std::time::Duration;

use super::*;
use crate::lake::tests::fixtures::noon;

fn tag(number: u8) -> TokenTag {
    TokenTag::from_bytes([number; 16])
}

fn later(seconds: u64) -> Timestamp {
    noon().checked_add(Duration::from_secs(seconds)).unwrap()
}

fn judged(recent: &RecentTokens, tags: &[u8], now: Timestamp, looked: u64) -> Judgement {
    let tags = tags.iter().map(|number| tag(*number)).enumerate();
    let tokens = NewTokens {
        tags: tags.collect(),
        ends: later(1_000),
        looked,
    };
    recent.judge(&tokens, now, 0)
}

#[test]
fn a_tag_is_known_until_it_ends_or_was_moved() {
    let recent = RecentTokens::new(10);
    recent.add([1, 2].map(tag), later(10));
    assert_eq!(
        judged(&recent, &[3, 2, 1], later(9), 0),
        Judgement::Repeated(vec![1, 2])
    );
    assert_eq!(judged(&recent, &[1, 2], later(10), 0), Judgement::New);
    let part = recent.part(0, 1);
    assert_eq!(part, [(tag(1), later(10))]);
    recent.moved(&part);
    // Whoever asked the store before does not know of it.
    assert_eq!(judged(&recent, &[1], noon(), 0), Judgement::LookAgain);
    assert_eq!(judged(&recent, &[1], noon(), 1), Judgement::New);
    assert_eq!(
        judged(&recent, &[2], noon(), 1),
        Judgement::Repeated(vec![0])
    );
}

#[test]
fn what_is_used_anew_while_it_is_moved_stays() {
    let recent = RecentTokens::new(10);
    recent.add([1, 2].map(tag), later(10));
    let part = recent.part(0, 2);
    recent.add([tag(1)], later(50));
    recent.moved(&part);
    assert_eq!(recent.part(0, 9), [(tag(1), later(50))]);
    recent.add([tag(1)], later(40));
    assert_eq!(
        recent.part(0, 9),
        [(tag(1), later(50))],
        "the later end holds"
    );
    assert_eq!(recent.len(), 1);
}

#[test]
fn there_is_room_for_so_many_and_what_is_known_needs_none() {
    let recent = RecentTokens::new(3);
    assert_eq!(judged(&recent, &[1, 2, 3], noon(), 0), Judgement::New);
    recent.add([1, 2].map(tag), later(10));
    assert_eq!(judged(&recent, &[3, 4], noon(), 0), Judgement::NoRoom(2));
    assert_eq!(
        judged(&recent, &[1, 3, 4], noon(), 0),
        Judgement::Repeated(vec![0])
    );
    let tokens = NewTokens {
        tags: vec![(0, tag(3))],
        ends: later(10),
        looked: 0,
    };
    assert_eq!(recent.judge(&tokens, noon(), 0), Judgement::New);
    assert_eq!(recent.judge(&tokens, noon(), 1), Judgement::NoRoom(2));
}

/// A long journal brings more tags than there is room for, most of them of
/// records whose tags are in the store already.
#[test]
fn replayed_tags_take_no_room_from_new_ones_and_it_sinks_again() {
    let recent = RecentTokens::new(3);
    recent.add((10..17).map(tag), later(10));
    recent.replayed();
    assert_eq!(recent.room(), 10);
    assert_eq!(judged(&recent, &[1, 2, 3], noon(), 0), Judgement::New);
    assert_eq!(
        judged(&recent, &[1, 2, 3, 4], noon(), 0),
        Judgement::NoRoom(7)
    );
    recent.add([1, 2, 3].map(tag), later(10));
    recent.moved(&recent.part(0, 5));
    assert_eq!((recent.len(), recent.room()), (5, 5));
    assert_eq!(judged(&recent, &[4], noon(), 1), Judgement::NoRoom(5));
    recent.moved(&recent.part(0, 3));
    assert_eq!((recent.len(), recent.room()), (2, 3));
    assert_eq!(judged(&recent, &[4], noon(), 2), Judgement::New);
    assert_eq!(judged(&recent, &[4, 5], noon(), 2), Judgement::NoRoom(2));
}
