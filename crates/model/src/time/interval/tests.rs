use super::*;

#[test]
fn texts_that_name_an_interval() {
    for (text, count, unit, shown) in [
        ("minutely", 1, Unit::Minute, "minutely"),
        ("hourly", 1, Unit::Hour, "hourly"),
        ("daily", 1, Unit::Day, "daily"),
        ("weekly", 1, Unit::Week, "weekly"),
        ("monthly", 1, Unit::Month, "monthly"),
        ("yearly", 1, Unit::Year, "yearly"),
        ("every_15_minutes", 15, Unit::Minute, "every_15_minutes"),
        ("every_6_hours", 6, Unit::Hour, "every_6_hours"),
        ("every_1000_years", 1_000, Unit::Year, "every_1000_years"),
        ("every_2_week", 2, Unit::Week, "every_2_weeks"),
        ("every_1_days", 1, Unit::Day, "daily"),
    ] {
        let interval = Interval::parse(text).unwrap();
        assert_eq!(Some(interval), Interval::new(count, unit), "{text}");
        assert_eq!((interval.count(), interval.unit()), (count, unit));
        assert_eq!(interval.to_string(), shown);
    }
}

#[test]
fn texts_that_name_no_interval() {
    for text in [
        "",
        "Daily",
        "day",
        "secondly",
        "every_0_days",
        "every_1001_days",
        "every_01_days",
        "every_+1_days",
        "every_-1_days",
        "every__days",
        "every_days",
        "every_2_",
        "every_2_s",
        "every_2_dayss",
        "every_2_days_",
        "every_99999999999999999999_days",
        " daily",
    ] {
        assert_eq!(
            Interval::parse(text),
            Err(TimeError::UnknownInterval(text.to_owned()))
        );
    }
}

#[test]
fn reading_what_is_shown_gives_the_same_interval() {
    for unit in Unit::ALL {
        assert_eq!(Interval::new(0, unit), None);
        assert_eq!(Interval::new(INTERVAL_COUNT_MAX + 1, unit), None);
        for count in 1..=INTERVAL_COUNT_MAX {
            let interval = Interval::new(count, unit).unwrap();
            assert_eq!(Interval::parse(&interval.to_string()), Ok(interval));
            let json = serde_json::to_string(&interval).unwrap();
            assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), interval);
        }
    }
}
