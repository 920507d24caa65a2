use proptest::prelude::*;

use super::*;

#[test]
fn writes_the_examples_of_the_rfc() {
    let examples: [(&[u8], &str); 8] = [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (b"\xfb\xff\xbf", "-_-_"),
    ];
    for (bytes, text) in examples {
        assert_eq!(encode(bytes), text);
        assert_eq!(decode(text).as_deref(), Some(bytes));
    }
}

#[test]
fn refuses_every_other_spelling() {
    for text in [
        "Z", "Zh", "Zm9", "Zm9vY", "Zg==", "Zm8=", "Zm 9v", "+/+/", "Zé", "Zg\n",
    ] {
        assert_eq!(decode(text), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn bytes_survive_the_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn what_reads_is_written_the_same(text in "[A-Za-z0-9_=+/-]{0,12}") {
        if let Some(bytes) = decode(&text) {
            prop_assert_eq!(encode(&bytes), text);
        }
    }
}
