use super::load::{Airline, Loaded, airlines};
use super::*;

#[test]
fn the_data_are_split_by_airline_without_the_injected_columns() {
    let airlines = airlines().expect("data");
    assert_eq!(airlines.len(), 16);
    assert_eq!(
        airlines.iter().map(|airline| airline.flights).sum::<u64>(),
        27_004
    );
    for airline in &airlines {
        let text = std::str::from_utf8(&airline.csv).expect("text");
        let header = text.lines().next().expect("header");
        assert_eq!(
            header,
            "scheduled_departure,flight,tailnum,origin,dest,departure_delay_minutes,\
             arrival_delay_minutes,air_time_minutes,distance_miles,cancelled"
        );
        assert_eq!(
            text.lines().count() as u64,
            airline.flights + 1,
            "{}",
            airline.carrier
        );
        assert!(!text.contains(&airline.name), "{}", airline.name);
    }
    let united = airlines
        .iter()
        .find(|airline| airline.carrier == "UA")
        .expect("UA");
    assert_eq!(
        (united.name.as_str(), united.flights),
        ("United Air Lines Inc.", 4_637)
    );
}

#[test]
fn a_reader_is_to_see_its_airline_or_everything() {
    let airline = |carrier: &str, flights| Airline {
        carrier: carrier.to_owned(),
        name: String::new(),
        csv: Vec::new(),
        flights,
    };
    let loaded = Loaded {
        airlines: vec![airline("UA", 3), airline("B6", 4)],
        readers: Vec::new(),
    };
    assert_eq!(loaded.expected(Some("UA")), 3);
    assert_eq!(loaded.expected(Some("B6")), 4);
    assert_eq!(loaded.expected(None), 7);
}

#[test]
fn a_server_on_every_address_is_called_on_loopback() {
    let called = |text: &str| reachable(text.parse().expect("address")).to_string();
    assert_eq!(called("0.0.0.0:80"), "127.0.0.1:80");
    assert_eq!(called("127.0.0.1:81"), "127.0.0.1:81");
    assert_eq!(called("[::1]:82"), "[::1]:82");
}
