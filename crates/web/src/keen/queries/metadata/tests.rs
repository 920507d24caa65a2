use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

#[test]
fn time_is_rounded_up_to_whole_steps() {
    let tally = Tally {
        events: Some(4),
        properties: Some(3),
    };
    let effort = Effort::new(Some(tally), at("2026-05-01T12:00:00Z"));
    for (now, milliseconds) in [
        ("2026-05-01T12:00:00Z", 50),
        ("2026-05-01T12:00:00.000001Z", 50),
        ("2026-05-01T12:00:00.050Z", 50),
        ("2026-05-01T12:00:00.050001Z", 100),
        ("2026-05-01T12:00:02Z", 2_000),
        // A clock that was set back.
        ("2026-05-01T11:59:59Z", 50),
    ] {
        let text = model::json::to_text(&effort.took(at(now), None).into());
        assert_eq!(
            text,
            format!(
                r#"{{"execution_metadata":{{"events_scanned":4,"properties_per_event":3,"total_properties_scanned":12,"total_processing_time":{milliseconds}}}}}"#
            )
        );
    }
}

#[test]
fn nothing_is_told_that_was_not_asked_for() {
    let since = at("2026-05-01T12:00:00Z");
    assert_eq!(Effort::new(None, since).took(since, None), Object::new());
}
