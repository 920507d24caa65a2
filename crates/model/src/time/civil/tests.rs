use super::*;

#[test]
fn every_date_of_the_house_agrees_with_another_calendar() {
    let mut date = jiff::civil::date(0, 1, 1);
    let first = days_from_civil(0, 1, 1);
    assert_eq!(days_from_civil(1970, 1, 1), 0);
    for days in first..=days_from_civil(9999, 12, 30) {
        let parts = (
            i64::from(date.year()),
            i64::from(date.month()),
            i64::from(date.day()),
        );
        assert_eq!(civil_from_days(days), parts);
        assert_eq!(days_from_civil(parts.0, parts.1, parts.2), days);
        if parts.2 == 1 {
            assert_eq!(
                days_in_month(parts.0, parts.1),
                i64::from(date.days_in_month())
            );
        }
        date = date.tomorrow().unwrap();
    }
    assert_eq!(date, jiff::civil::date(9999, 12, 31));
}
