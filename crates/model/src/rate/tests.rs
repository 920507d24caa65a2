use proptest::prelude::*;

use super::*;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(1_750_000_000_000_000 + micros).expect("a time")
}

fn limit(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

/// The most that any half-open stretch of one second holds.
fn worst(let_in: &[i64]) -> usize {
    let from = |(index, first): (usize, &i64)| {
        let rest = let_in.get(index..).unwrap_or_default();
        rest.iter().filter(|at| *at - first < WINDOW_MICROS).count()
    };
    let_in.iter().enumerate().map(from).max().unwrap_or(0)
}

/// A limiter to be judged: given the limit and the instants of requests, which are let in.
type Limiter = fn(u32, &[i64]) -> Vec<i64>;

fn the_log(number: u32, requests: &[i64]) -> Vec<i64> {
    let mut log = RateLog::default();
    let is_let_in = |micros: &&i64| log.take(limit(number), at(**micros)).is_ok();
    requests.iter().filter(is_let_in).copied().collect()
}

/// GCRA with a burst of the whole rate (ITU-T I.371), which the promise rules out.
fn gcra(number: u32, requests: &[i64]) -> Vec<i64> {
    let spacing = WINDOW_MICROS / i64::from(number);
    let mut due = i64::MIN / 2;
    let is_let_in = |now: &&i64| {
        let lets_in = due - **now <= WINDOW_MICROS - spacing;
        if lets_in {
            due = due.max(**now) + spacing;
        }
        lets_in
    };
    requests.iter().filter(is_let_in).copied().collect()
}

/// A counter that starts anew at each full second.
fn fixed_windows(number: u32, requests: &[i64]) -> Vec<i64> {
    let mut counted = (i64::MIN, 0);
    let is_let_in = |now: &&i64| {
        let window = now.div_euclid(WINDOW_MICROS);
        if counted.0 != window {
            counted = (window, 0);
        }
        counted.1 += 1;
        counted.1 <= number
    };
    requests.iter().filter(is_let_in).copied().collect()
}

fn requests() -> impl Strategy<Value = (u32, Vec<i64>)> {
    let step = prop_oneof![0..20_i64, 0..400_000_i64, 999_990..1_000_010_i64];
    let steps = prop::collection::vec(step, 1..80);
    (1..12_u32, steps).prop_map(|(number, steps)| {
        let mut now = 0;
        let instants = steps.into_iter().map(|step| {
            now += step;
            now
        });
        (number, instants.collect())
    })
}

fn keeps_the_promise(limiter: Limiter, number: u32, instants: &[i64]) -> bool {
    worst(&limiter(number, instants)) <= usize::try_from(number).expect("small")
}

proptest! {
    /// K17: in no second are more than N let in, and nobody is refused without need.
    #[test]
    fn k17_no_second_holds_more_than_the_limit((number, instants) in requests()) {
        prop_assert!(keeps_the_promise(the_log, number, &instants));
        let let_in = the_log(number, &instants);
        // What was refused would have broken the promise.
        let mut kept: Vec<i64> = Vec::new();
        for now in &instants {
            kept.push(*now);
            if worst(&kept) > usize::try_from(number).expect("small") {
                kept.pop();
            }
        }
        prop_assert_eq!(let_in, kept);
    }

    /// K17: who waits as long as it is told is let in, and not who comes a microsecond earlier.
    #[test]
    fn k17_who_waits_is_let_in((number, instants) in requests()) {
        let mut log = RateLog::default();
        for micros in instants {
            let now = at(micros);
            if let Err(wait) = log.take(limit(number), now) {
                prop_assert!(wait > Duration::ZERO && wait <= RATE_WINDOW);
                let then = now.checked_add(wait).expect("a time");
                let before = then.as_microsecond() - 1;
                let before = Timestamp::from_microsecond(before).expect("a time");
                prop_assert_eq!(log.look(limit(number), before).remaining, 0);
                prop_assert!(log.take(limit(number), then).is_ok());
                break;
            }
        }
    }

    /// A clock that is set back revives nothing: counted in real time, no
    /// second holds more than N, and nobody is shut out for more than one.
    #[test]
    fn k17_a_clock_set_back_lets_in_no_more(
        number in 1..6_u32,
        steps in prop::collection::vec((0..300_000_i64, prop_oneof![9 => Just(0), 1 => 1..5_000_000_i64]), 1..80),
    ) {
        let mut log = RateLog::default();
        let (mut real, mut behind) = (0, 0);
        let mut let_in = Vec::new();
        for (step, back) in steps {
            real += step;
            behind += back;
            match log.take(limit(number), at(real - behind)) {
                Ok(_) => let_in.push(real),
                Err(wait) => prop_assert!(wait <= RATE_WINDOW),
            }
        }
        prop_assert!(worst(&let_in) <= usize::try_from(number).expect("small"));
    }
}

#[test]
fn limiters_that_promise_less_are_found_out() {
    // A full burst, a pause that refills a part, and the same again within a second.
    let burst = |start: i64, count: i64| (0..count).map(move |nth| start + nth);
    let requests: Vec<i64> = burst(900_000, 10).chain(burst(1_850_000, 10)).collect();
    assert!(keeps_the_promise(the_log, 10, &requests));
    assert!(!keeps_the_promise(gcra, 10, &requests));
    assert!(!keeps_the_promise(fixed_windows, 10, &requests));
}

#[test]
fn a_limit_of_one_succeeds_each_second() {
    let mut log = RateLog::default();
    for second in 0..10 {
        let now = at(second * WINDOW_MICROS);
        let standing = log.take(limit(1), now).expect("let in");
        assert_eq!(standing.remaining, 0);
        assert_eq!(log.take(limit(1), now), Err(RATE_WINDOW));
    }
}

#[test]
fn a_lower_limit_counts_what_was_let_in_before() {
    let mut log = RateLog::default();
    for nth in 0..5 {
        assert!(log.take(limit(5), at(nth)).is_ok());
    }
    // The fourth of five must leave before one more fits under two.
    assert_eq!(
        log.take(limit(2), at(10)),
        Err(Duration::from_micros(1_000_000 + 3 - 10))
    );
    assert_eq!(log.look(limit(8), at(10)).remaining, 3);
}

#[test]
fn room_is_given_back() {
    let mut log = RateLog::default();
    for nth in 0..10_000 {
        assert!(log.take(limit(100_000), at(nth)).is_ok());
    }
    assert_eq!(log.look(limit(9), at(5_000_000)).remaining, 9);
    assert!(log.let_in.capacity() <= 2 * KEPT_ROOM);
}
