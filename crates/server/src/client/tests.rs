use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

use super::*;

const SECRET: &str = "tg_sk_canary00canary";

/// A server that gives one answer and hands back what it was sent.
fn answer_once(answer: &'static str) -> (String, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let served = std::thread::spawn(move || answer_next(&listener, answer));
    (url, served)
}

/// Answers the next connection, and tells what it sent.
fn answer_next(listener: &TcpListener, answer: &str) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().expect("connection");
    let mut reader = BufReader::new(&stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("line");
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("length");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("body");
    (&stream).write_all(answer.as_bytes()).expect("answer");
    (head, body)
}

fn client(url: &str) -> Client {
    Client::new(&ClientSettings {
        url: url.to_owned(),
        token: Some(Token::new(SECRET, "the test").expect("token")),
        ca_file: None,
        sign: false,
    })
    .expect("client")
}

#[test]
fn requests_carry_token_and_key_and_to_this_machine_the_body_as_it_is() {
    let (url, served) = answer_once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    let text = "{\"name\":\"sales\"}".repeat(100);
    let answer = client(&url).post_once("/v1/x", Body::json(text.as_bytes()), "import-1");
    assert_eq!(answer.expect("answer"), b"{}");
    let (head, body) = served.join().expect("server");
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/x http/1.1\r\n"), "{head}");
    for header in [
        "authorization: bearer tg_sk_canary00canary",
        "idempotency-key: import-1",
        "content-type: application/json",
        "content-length: 1600",
        "user-agent: tidegate/",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("content-encoding"), "{head}");
    assert_eq!(body, text.as_bytes());
}

#[test]
fn a_problem_document_becomes_a_sentence() {
    let (url, served) = answer_once(concat!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: 187\r\n\r\n",
        r#"{"type":"about:blank","title":"t","status":400,"detail":"the pool declares no such field","#,
        r#""code":"unknown_field","field":"a\u001b[2J","pointer":"/fields/0/name","request_id":"01JD","x":1}"#
    ));
    let error = client(&url).get("/v1/pools").expect_err("refused");
    served.join().expect("server");
    insta::assert_snapshot!(error, @r"
the pool declares no such field (field a\u{1b}[2J, at /fields/0/name, code unknown_field)
  request 01JD
");
    assert_eq!(error.retry(), None);
    let ClientError::Refused(problem) = error else {
        panic!("refused")
    };
    assert!(problem.is_refusal());
}

#[test]
fn a_busy_server_says_when_to_come_back() {
    let (url, served) = answer_once(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
    );
    let error = client(&url).get("/v1/pools").expect_err("busy");
    served.join().expect("server");
    assert_eq!(error.retry(), Some(Some(Duration::from_secs(7))));
    let text = error.to_string();
    assert!(
        text.contains("status 503 and no problem document"),
        "{text}"
    );
    assert!(text.contains("try again in 7 s"), "{text}");
}

#[test]
fn what_came_too_soon_is_sent_again_a_moment_later() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let served = std::thread::spawn(move || {
        let too_soon = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let later = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let good = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
        [too_soon, good, later].map(|answer| answer_next(&listener, answer).1)
    });
    let body = Body::json(br#"{"n":1}"#);
    let answer = client(&url)
        .post("/v1/pools", body)
        .expect("the second time");
    assert_eq!(answer, b"{}");
    // A long wait is for a person to decide.
    let error = client(&url).post("/v1/pools", body).expect_err("too soon");
    assert_eq!(error.retry(), Some(Some(Duration::from_secs(60))));
    let sent = served.join().expect("server");
    assert!(sent.iter().all(|sent| sent == br#"{"n":1}"#));
}

#[test]
fn redirects_are_not_followed() {
    let (url, served) = answer_once(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/stolen\r\nContent-Length: 0\r\n\r\n",
    );
    let error = client(&url).get("/v1/pools").expect_err("redirect");
    served.join().expect("server");
    assert!(matches!(error, ClientError::Refused(problem) if problem.status == 302));
}

#[test]
fn an_answer_that_breaks_off_is_tried_again() {
    let (url, served) = answer_once("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}");
    let error = client(&url).get("/v1/pools").expect_err("broken");
    served.join().expect("server");
    assert_eq!(error.retry(), Some(None), "{error}");
}

#[test]
fn no_text_of_an_error_holds_the_token() {
    let unused = TcpListener::bind("127.0.0.1:0").expect("port");
    let url = format!("http://{}", unused.local_addr().expect("address"));
    drop(unused);
    let client = client(&url);
    let error = client.get("/v1/pools").expect_err("nobody there");
    assert!(matches!(error, ClientError::Unreachable { .. }));
    assert_eq!(
        error.to_string(),
        format!("{url} cannot be reached: nothing listens there")
    );
    let token = Token::new(SECRET, "x").expect("token");
    for text in [
        format!("{error:?}"),
        format!("{client:?}"),
        format!("{token:?}"),
    ] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn urls_are_checked_before_anything_is_sent() {
    let good = [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://data.example.org/", "https://data.example.org"),
        (
            "https://example.org/tidegate/",
            "https://example.org/tidegate",
        ),
    ];
    for (sent, kept) in good {
        assert_eq!(check_url(sent).expect(sent).0, kept);
    }
    for bad in [
        "127.0.0.1:8080",
        "localhost",
        "ftp://example.org",
        "https://user:pass@example.org",
        "http://example.org?key=1",
        "http:// a",
        "",
    ] {
        let told = check_url(bad).expect_err(bad).to_string();
        assert!(!told.contains("pass@"), "{told}");
    }
}

#[test]
fn tokens_in_the_clear_are_noticed() {
    for (url, exposed) in [
        ("http://127.0.0.1:1", false),
        ("http://[::1]:1", false),
        ("http://localhost:1", false),
        ("https://example.org", false),
        ("http://example.org", true),
        ("http://10.0.0.1", true),
    ] {
        assert_eq!(client(url).is_exposed(), exposed, "{url}");
    }
}

#[test]
fn bodies_are_compressed_only_as_far_as_servers_let_them_grow() {
    let small = [b'x'; 100];
    assert!(!pack(&small).1);
    let dense = vec![b'x'; DECOMPRESSION_FREE_BYTES * 4];
    let (bytes, compressed) = pack(&dense);
    assert!(!compressed, "a ratio that the server refuses");
    assert_eq!(bytes.len(), dense.len());
    let dense_but_short = vec![b'x'; DECOMPRESSION_FREE_BYTES];
    assert!(
        pack(&dense_but_short).1,
        "below the size that is asked for a ratio"
    );
    let text: String = (0..50_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let (packed, compressed) = pack(text.as_bytes());
    assert!(compressed);
    assert_eq!(packed, pack(text.as_bytes()).0, "the same bytes each time");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut plain)
        .expect("gzip");
    assert_eq!(plain, text);
}

#[test]
fn digests_are_sha_256() {
    let mut hasher = Hasher::new();
    hasher.update(b"a");
    hasher.update(b"bc");
    assert_eq!(
        hasher.digest().hex(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let parts = |parts: &[&[u8]]| {
        let mut hasher = Hasher::new();
        parts.iter().for_each(|part| hasher.part(part));
        hasher.digest()
    };
    assert_ne!(parts(&[b"ab", b"c"]), parts(&[b"a", b"bc"]));
}

#[test]
fn path_segments_are_encoded() {
    assert_eq!(segment("flights_by-day.v2~"), "flights_by-day.v2~");
    assert_eq!(segment("a b?#%&"), "a%20b%3F%23%25%26");
}

#[test]
fn the_token_comes_from_the_first_place_that_is_named() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "tg_from_file\n").expect("write");
    let environment = |name: &str| match name {
        "TIDEGATE_TOKEN" => Some("tg_from_variable".to_owned()),
        "TIDEGATE_TOKEN_COMMAND" => Some("echo tg_from_command; echo second".to_owned()),
        _ => None,
    };
    let only_command = |name: &str| environment(name).filter(|_| name == "TIDEGATE_TOKEN_COMMAND");
    let find = |file: Option<&Path>, environment: &dyn Fn(&str) -> Option<String>| {
        let file = file.map(|path| Place::File(path.to_owned()));
        let places = TokenPlaces::gather(file, environment).expect("places");
        let found = places.find(environment).expect("token");
        found.map(|found| found.token.bearer().to_str().expect("text").to_owned())
    };
    assert_eq!(
        find(Some(&path), &environment).as_deref(),
        Some("Bearer tg_from_file")
    );
    assert_eq!(
        find(None, &environment).as_deref(),
        Some("Bearer tg_from_variable")
    );
    assert_eq!(
        find(None, &only_command).as_deref(),
        Some("Bearer tg_from_command")
    );
    let also_from = |name: &str| match name {
        "TIDEGATE_TOKEN_FROM" => Some(format!("file:{}", path.display())),
        _ => only_command(name),
    };
    assert_eq!(
        find(None, &also_from).as_deref(),
        Some("Bearer tg_from_file")
    );
    assert_eq!(find(None, &|_| None), None);
    let no_place = |name: &str| (name == "TIDEGATE_TOKEN_FROM").then(|| "tg_secret".to_owned());
    let told = TokenPlaces::gather(None, &no_place).expect_err("no place");
    assert!(!told.to_string().contains("tg_secret"), "{told}");
}

#[test]
fn a_token_file_that_others_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "tg_x\n").expect("write");
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        let file = Some(Place::File(path.clone()));
        let places = TokenPlaces::gather(file, &|_| None).expect("places");
        let found = places.find(&|_| None).expect("token").expect("token");
        assert_eq!(found.warning.is_some(), warned, "{mode:o}");
    }
}

#[test]
fn what_is_no_token_is_refused_without_being_repeated() {
    for bad in ["", "  ", "two words", "line\nbreak", "caf\u{e9}"] {
        let error = Token::new(bad, "TIDEGATE_TOKEN")
            .expect_err(bad)
            .to_string();
        assert!(
            error.starts_with("TIDEGATE_TOKEN does not hold a token"),
            "{error}"
        );
        assert!(bad.trim().is_empty() || !error.contains(bad), "{error}");
    }
    let commands = [
        ("exit 3", "failed (exit status: 3)"),
        ("true", "first line"),
    ];
    for (command, expected) in commands {
        let places = TokenPlaces {
            named: Some(Place::Command(command.to_owned())),
            ..TokenPlaces::default()
        };
        let error = places.find(&|_| None).expect_err(command).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn certificate_files_must_hold_certificates() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ca.pem");
    let with_ca = |path: &Path| {
        Client::new(&ClientSettings {
            url: "https://example.org".to_owned(),
            token: None,
            ca_file: Some(path.to_owned()),
            sign: false,
        })
    };
    std::fs::write(&path, "no certificate").expect("write");
    let told = with_ca(&path).expect_err("empty").to_string();
    assert!(told.contains("no certificate in PEM form"), "{told}");
    let made = rcgen::generate_simple_self_signed(vec!["example.org".to_owned()]).expect("made");
    std::fs::write(&path, made.cert.pem()).expect("write");
    assert!(with_ca(&path).is_ok());
}
