use super::*;

const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"_token\"\r\n\r\nabc\r\n\
    --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b=%22c.csv\"\r\n\
    Content-Type: text/csv\r\n\r\na,b\r\n1,\"--x\"\r\n\r\n\
    --x\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--x--\r\n";

fn parts(body: &str) -> Result<Vec<Part>, &'static str> {
    read("x", &Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn fields_and_files_come_out_as_they_went_in() {
    let read = parts(BODY).expect("a form");
    let told: Vec<(&str, Option<&str>, &[u8])> = read
        .iter()
        .map(|part| (part.name.as_str(), part.file.as_deref(), &part.bytes[..]))
        .collect();
    assert_eq!(
        told,
        [
            ("_token", None, &b"abc"[..]),
            ("file", Some("a;b=\"c.csv"), b"a,b\r\n1,\"--x\"\r\n"),
            ("empty", None, b""),
        ]
    );
}

#[test]
fn a_body_that_was_cut_anywhere_is_refused_and_never_a_panic() {
    let whole = BODY.len() - 2;
    for length in 0..whole {
        assert!(parts(&BODY[..length]).is_err(), "{length}");
    }
    assert!(parts(&BODY[..whole]).is_ok());
}

#[test]
fn the_boundary_is_read_from_the_content_type_alone() {
    let of = |text: &str| boundary(text);
    assert_eq!(
        of("multipart/form-data; boundary=x1"),
        Some("x1".to_owned())
    );
    assert_eq!(
        of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\""),
        Some("a b".to_owned())
    );
    for text in [
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=",
        "application/x-www-form-urlencoded",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
    assert_eq!(
        of(&format!("multipart/form-data; boundary={}", "a".repeat(71))),
        None
    );
}
