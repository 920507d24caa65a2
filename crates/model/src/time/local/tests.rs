use super::super::Timestamp;
use super::*;

fn micros(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().as_microsecond()
}

fn date(text: &str) -> i64 {
    micros(text) / civil::DAY
}

#[test]
fn a_date_begins_at_the_first_instant_that_shows_it() {
    for (zone, day, instant) in [
        ("UTC", "2026-03-29", "2026-03-29T00:00:00Z"),
        ("Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00"),
        (
            "America/Sao_Paulo",
            "2018-11-04",
            "2018-11-04T01:00:00-02:00",
        ),
        ("Asia/Beirut", "2022-03-27", "2022-03-27T01:00:00+03:00"),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"),
        // 00:01 became 23:01 of the day before: midnight struck twice.
        (
            "America/St_Johns",
            "2010-11-07",
            "2010-11-07T00:00:00-02:30",
        ),
        // Cuba repeats the hour from midnight.
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"),
    ] {
        let zone = TimeZone::parse(zone).unwrap();
        assert_eq!(
            Calendar::new(&zone).first_instant(date(day)),
            micros(instant),
            "{zone} {day}"
        );
    }
}

#[test]
fn the_answers_do_not_depend_on_the_order_of_the_questions() {
    let zone = TimeZone::parse("Europe/Berlin").unwrap();
    let days = [
        date("2026-03-29"),
        date("1700-01-01"),
        date("2026-10-26"),
        date("9998-01-01"),
    ];
    let mut shared = Calendar::new(&zone);
    for day in days.into_iter().chain(days.into_iter().rev()) {
        assert_eq!(
            shared.first_instant(day),
            Calendar::new(&zone).first_instant(day)
        );
    }
}

#[test]
fn the_date_of_a_repeated_evening_is_the_day_that_had_begun() {
    let zone = TimeZone::parse("America/St_Johns").unwrap();
    let mut calendar = Calendar::new(&zone);
    for (instant, day) in [
        ("2010-11-06T23:30:00-02:30", "2010-11-06"),
        ("2010-11-07T00:00:30-02:30", "2010-11-07"),
        ("2010-11-06T23:30:00-03:30", "2010-11-07"),
        ("2010-11-07T00:00:00-03:30", "2010-11-07"),
    ] {
        assert_eq!(calendar.date_at(micros(instant)), date(day), "{instant}");
    }
}
