use super::*;

#[test]
fn texts_that_name_a_date() {
    for (text, days) in [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2000-02-29", 11_016),
        ("0001-01-01", -719_162),
        ("9999-12-31", 2_932_896),
    ] {
        let date = Date::parse(text).unwrap();
        assert_eq!(date.as_days(), days);
        assert_eq!(Date::from_days(days), Some(date));
        assert_eq!(date.to_string(), text);
        assert_eq!(date.midnight().date(), date);
        assert_eq!(date.midnight().to_string(), format!("{text}T00:00:00Z"));
    }
    assert_eq!(Timestamp::MAX.date(), Date::MAX);
    assert_eq!(
        Timestamp::from_microsecond(-1).unwrap().date().to_string(),
        "1969-12-31"
    );
}

#[test]
fn texts_that_name_no_date() {
    for text in [
        "",
        "2026-02-29",
        "2026-1-1",
        "2026-01-01T00:00:00Z",
        "2026-01-01 ",
        "1900-02-29",
    ] {
        assert_eq!(
            Date::parse(text),
            Err(TimeError::NotADate(text.to_owned())),
            "{text}"
        );
    }
    assert_eq!(Date::parse("0000-12-31"), Err(TimeError::OutOfRange));
    assert_eq!(Date::from_days(Date::MIN.as_days() - 1), None);
    assert_eq!(Date::from_days(Date::MAX.as_days() + 1), None);
    assert_eq!(Date::from_days(i32::MIN), None);
}

#[test]
fn serde_uses_the_text() {
    let date = Date::parse("2026-01-31").unwrap();
    assert_eq!(serde_json::to_string(&date).unwrap(), "\"2026-01-31\"");
    assert_eq!(
        serde_json::from_str::<Date>("\"2026-01-31\"").unwrap(),
        date
    );
    assert!(serde_json::from_str::<Date>("20484").is_err());
}

#[test]
fn reading_what_is_shown_gives_the_same_date() {
    for days in (Date::MIN.as_days()..=Date::MAX.as_days()).step_by(97) {
        let date = Date::from_days(days).unwrap();
        assert_eq!(Date::parse(&date.to_string()).unwrap(), date);
    }
}
