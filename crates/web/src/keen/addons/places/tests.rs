use super::*;

/// A value as the format writes it.
enum Data {
    Text(&'static str),
    Double(f64),
    Short(u16),
    Long(u32),
    Wide(u64),
    Map(Vec<(&'static str, Data)>),
    List(Vec<Data>),
}

impl Data {
    fn write(&self, out: &mut Vec<u8>) {
        let size = |length: usize| {
            u8::try_from(length)
                .ok()
                .filter(|length| *length < 29)
                .expect("small")
        };
        match self {
            Self::Text(text) => {
                out.push(2 << 5 | size(text.len()));
                out.extend(text.as_bytes());
            }
            Self::Double(number) => {
                out.push(3 << 5 | 8);
                out.extend(number.to_be_bytes());
            }
            Self::Short(number) => {
                out.push(5 << 5 | 2);
                out.extend(number.to_be_bytes());
            }
            Self::Long(number) => {
                out.push(6 << 5 | 4);
                out.extend(number.to_be_bytes());
            }
            Self::Wide(number) => {
                out.extend([8, 9 - 7]);
                out.extend(number.to_be_bytes());
            }
            Self::Map(members) => {
                out.push(7 << 5 | size(members.len()));
                for (name, value) in members {
                    Self::Text(name).write(out);
                    value.write(out);
                }
            }
            Self::List(values) => {
                out.extend([size(values.len()), 11 - 7]);
                values.iter().for_each(|value| value.write(out));
            }
        }
    }
}

fn names(english: &'static str) -> Data {
    Data::Map(vec![(
        "names",
        Data::Map(vec![("de", Data::Text("?")), ("en", Data::Text(english))]),
    )])
}

/// A database that knows the place of 192.0.0.0/16 and of nothing else.
pub(crate) fn database() -> Vec<u8> {
    const DEPTH: u32 = 16;
    let network = u32::from_be_bytes([192, 0, 0, 0]);
    let mut out = Vec::new();
    for node in 0..DEPTH {
        let next = match node + 1 {
            // Behind the tree, a number counts from its end; the first byte of data is at 16.
            DEPTH => DEPTH + 16,
            next => next,
        };
        let (left, right) = match network >> (31 - node) & 1 {
            0 => (next, DEPTH),
            _ => (DEPTH, next),
        };
        out.extend(&left.to_be_bytes()[1..]);
        out.extend(&right.to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    let place = Data::Map(vec![
        ("city", names("Berlin")),
        ("continent", names("Europe")),
        ("country", names("Germany")),
        (
            "location",
            Data::Map(vec![
                ("latitude", Data::Double(52.5)),
                ("longitude", Data::Double(13.4)),
            ]),
        ),
        ("postal", Data::Map(vec![("code", Data::Text("10115"))])),
        ("subdivisions", Data::List(vec![names("Land Berlin")])),
    ]);
    place.write(&mut out);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Data::Map(vec![
        ("binary_format_major_version", Data::Short(2)),
        ("binary_format_minor_version", Data::Short(0)),
        ("build_epoch", Data::Wide(1)),
        ("database_type", Data::Text("Test-City")),
        ("description", Data::Map(vec![])),
        ("ip_version", Data::Short(4)),
        ("languages", Data::List(vec![])),
        ("node_count", Data::Long(DEPTH)),
        ("record_size", Data::Short(24)),
    ]);
    metadata.write(&mut out);
    out
}

#[test]
fn a_known_address_has_a_place_and_an_unknown_one_none() {
    let places = Places::read(database()).expect("a database");
    let of = |text: &str| places.of(text.parse().expect("an address"));
    let known = of("192.0.2.7").expect("known");
    assert_eq!(
        model::json::to_text(&Value::Object(known.clone())),
        "{\"city\":\"Berlin\",\"province\":\"Land Berlin\",\"country\":\"Germany\",\"continent\":\"Europe\",\
         \"postal_code\":\"10115\",\"coordinates\":[13.4,52.5]}"
    );
    assert_eq!(
        of("::ffff:192.0.2.7"),
        Some(known),
        "the same address, written longer"
    );
    for unknown in ["192.1.0.1", "10.0.0.1", "2001:db8::1"] {
        assert_eq!(of(unknown), None, "{unknown}");
    }
}

#[test]
fn the_file_of_the_tests_from_outside_is_this_database() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("../server/tests/it/files/places.mmdb");
    if std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
        std::fs::write(&file, database()).expect("a writable checkout");
    }
    assert_eq!(std::fs::read(file).expect("a file"), database());
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [Vec::new(), vec![0; 100], database()[..200].to_vec()] {
        let refused = Places::read(bytes).expect_err("no database");
        assert!(refused.to_string().contains("MaxMind"), "{refused}");
    }
}
