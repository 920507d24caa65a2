use model::keys::KeyKind;
use model::random::SeededRandom;
use model::secrets::{Pepper, Secret};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(second * 1_000_000).expect("a time")
}

fn silence(since: i64) -> Silence {
    Silence {
        since: at(since),
        minutes: 1,
    }
}

#[test]
fn k6_a_use_that_comes_late_moves_no_end_that_was_told() {
    let usage = Usage::new(None);
    usage.note(at(1_000));
    let end = silence(990).ends_at(usage.last());
    assert_eq!(end, at(1_070));
    assert!(!usage.is_over(silence(990), at(1_069)));
    assert!(usage.is_over(silence(990), end));
    // It read the clock before that, and is noted now.
    usage.note(at(1_069));
    assert_eq!(usage.last(), Some(at(1_000)));
    assert!(usage.is_over(silence(990), end));
    // So it is also for one that is noted between a look at the end and the note of it.
    usage.used.fetch_max(1_069_000_000, Ordering::Relaxed);
    assert!(usage.is_over(silence(990), end));
    // Also for whoever comes when it would have been over by that use.
    assert!(usage.is_over(silence(990), at(2_000)));
    // It is shown as it was told, and taken away by that.
    let mut secret = {
        let fresh = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
        SecretRecord::fresh(&fresh, &Pepper::from_bytes([8; 32]), at(900))
    };
    secret.silence = Some(silence(990));
    assert_eq!(usage.ends_at(&secret), Some(end));
    // After a change of all that is in memory, too.
    let again = Usage::new(Some(at(1_000)));
    again.go_on_from(&usage);
    assert!(again.is_over(silence(990), end));
    // The silence of a later roll begins anew.
    assert!(!again.is_over(silence(1_070), end));
    again.note(at(1_080));
    assert_eq!(again.last(), Some(at(1_080)));
}
