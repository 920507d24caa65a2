use super::*;
use model::value::Value;

fn text(time: &str) -> Option<String> {
    parts(time).map(|parts| model::json::to_text(&Value::Object(parts)))
}

#[test]
fn the_parts_are_those_of_the_clock_that_wrote_the_text() {
    assert_eq!(
        text("2024-03-03T23:30:05.250-08:00").as_deref(),
        Some(
            "{\"second\":5,\"minute\":30,\"hour\":23,\"hour_of_day\":23,\"day\":3,\"day_of_month\":3,\
             \"day_of_week\":1,\"day_of_week_string\":\"Sunday\",\"month\":3,\"quarter\":1,\"year\":2024,\
             \"timezone\":\"-08:00\"}"
        )
    );
    assert_eq!(
        text("1969-12-31T00:00:00Z").as_deref(),
        Some(
            "{\"second\":0,\"minute\":0,\"hour\":0,\"hour_of_day\":0,\"day\":31,\"day_of_month\":31,\
             \"day_of_week\":4,\"day_of_week_string\":\"Wednesday\",\"month\":12,\"quarter\":4,\"year\":1969,\
             \"timezone\":\"+00:00\"}"
        )
    );
}

#[test]
fn offsets_are_read_however_they_are_written() {
    for (time, zone) in [
        ("2024-03-04T10:00:00+0530", "+05:30"),
        ("2024-03-04T10:00:00", "+00:00"),
        ("2024-03-04", "+00:00"),
    ] {
        let shown = text(time).expect(time);
        assert!(
            shown.contains(&format!("\"timezone\":\"{zone}\"")),
            "{time}: {shown}"
        );
        let hour = if time.len() == 10 {
            "\"hour\":0"
        } else {
            "\"hour\":10"
        };
        assert!(shown.contains(hour), "{time}: {shown}");
    }
    for none in ["", "yesterday", "2024-13-01", "1709560000000"] {
        assert_eq!(text(none), None, "{none}");
    }
}

#[test]
fn a_week_has_seven_days_and_begins_with_sunday() {
    let days = (3..10).map(|day| {
        let shown = parts(&format!("2024-03-{day:02}T12:00:00Z")).expect("a time");
        shown.get("day_of_week").cloned().expect("a day")
    });
    assert_eq!(
        days.collect::<Vec<_>>(),
        (1..8).map(Value::from).collect::<Vec<_>>()
    );
}
