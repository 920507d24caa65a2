use std::sync::Arc;

use super::*;

#[test]
fn a_manual_clock_moves_only_when_told() {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let seen: &dyn Clock = &clock;
    assert_eq!(seen.now(), Timestamp::EPOCH);
    assert_eq!(seen.now(), Timestamp::EPOCH);

    let later = clock.advance(Duration::from_millis(1_500));
    assert_eq!(later.to_string(), "1970-01-01T00:00:01.500Z");
    assert_eq!(seen.now(), later);

    clock.set(Timestamp::MIN);
    assert_eq!(seen.now(), Timestamp::MIN);
}

#[test]
fn a_manual_clock_stops_at_the_end_of_time() {
    let clock = ManualClock::new(Timestamp::EPOCH);
    assert_eq!(clock.advance(Duration::MAX), Timestamp::MAX);
    assert_eq!(clock.now(), Timestamp::MAX);
}
