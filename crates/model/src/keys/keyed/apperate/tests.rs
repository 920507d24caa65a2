use super::super::OF_NOBODY;
use super::*;
use crate::fixtures::{at, draft, parts};
use crate::ids::KeyId;
use crate::keys::{AuthError, Circumstances, KeyRecord, SigningRecord};
use crate::random::SeededRandom;
use crate::secrets::Pepper;

const SECRET: &str = "sk_0123456789abcdef";
const DATE: &str = "20240102T030405Z";
const DAY: &str = "20240102";

fn body_of(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The request of the vectors, signed as is said.
fn vector<'r>(method: &'r str, body: &str, signature: &str) -> Signed<'r> {
    let signature = data_encoding::HEXLOWER.decode(signature.as_bytes());
    Signed {
        head: KeyedHead {
            method,
            host: "127.0.0.1:8080",
            path: "/v1/data/WS/CARS/TSLA",
            query: "token=pk_fedcba9876543210&last=2",
            authorization: "",
            date: Some(DATE),
            body: body_of(body),
        },
        date: DATE,
        signature: signature.expect("hex").try_into().expect("32 bytes"),
    }
}

/// The vectors of the contract: `signing_key`, a GET without a body, a POST.
const SIGNING_KEY: &str = "c610da9e49676f1dc59a32c690c341ba98048fba4292e82c3efabb6fbb369c9d";
const OF_GET: &str = "b7502a33918c8a16f6f8a000e6e5d4ff0f69f0067ba0dceea92f85457694cea4";
const OF_POST: &str = "514dade826eea6d4407b1755881e9fb4d054a7735c9cbc9253755b9b6e8cb296";

#[test]
fn k12_the_vectors_of_the_contract() {
    assert_eq!(*signing_key(SECRET, DAY), SIGNING_KEY);
    assert!(vector("GET", "", OF_GET).is_by(SECRET));
    assert!(vector("POST", r#"[{"vin":"A"}]"#, OF_POST).is_by(SECRET));
    // Neither is the other's, nor of another body or secret.
    assert!(!vector("POST", "", OF_GET).is_by(SECRET));
    assert!(!vector("POST", r#"[{"vin":"B"}]"#, OF_POST).is_by(SECRET));
    assert!(!vector("GET", "", OF_GET).is_by("sk_0123456789abcdee"));
}

#[test]
fn k12_every_part_of_the_head_is_signed() {
    let altered: [&dyn Fn(&mut Signed<'_>); 7] = [
        &|request| request.head.method = "HEAD",
        &|request| request.head.host = "127.0.0.1:8081",
        &|request| request.head.path = "/v1/data/WS/CARS/TSLB",
        &|request| request.head.query = "token=pk_fedcba9876543210&last=3",
        &|request| request.head.body = body_of(" "),
        &|request| request.date = "20240102T030406Z",
        &|request| request.date = "20240103T030405Z",
    ];
    for (case, alter) in altered.into_iter().enumerate() {
        let mut request = vector("GET", "", OF_GET);
        alter(&mut request);
        assert!(!request.is_by(SECRET), "{case}");
    }
}

#[test]
fn k12_one_request_has_one_form() {
    let good = format!(
        "{KEYED_SCHEME} Credential=AAAAAAAAAAAA/{DAY}/iex_request, SignedHeaders=host;x-iex-date, Signature={OF_GET}"
    );
    let read = |authorization: &str, date: Option<&str>, host: &str, arrived: &str| {
        let head = KeyedHead {
            method: "GET",
            host,
            path: "/",
            query: "",
            authorization,
            date,
            body: body_of(""),
        };
        KeyedRequest::read(head, at(arrived)).map(|request| request.named().to_string())
    };
    let then = "2024-01-02T03:04:05Z";
    let (date, host) = (Some(DATE), "a.example");
    assert_eq!(read(&good, date, host, then).as_deref(), Ok("AAAAAAAAAAAA"));
    for (from, to) in [
        ("IEX-HMAC-SHA256", "iex-hmac-sha256"),
        ("IEX-HMAC-SHA256 ", "IEX-HMAC-SHA256  "),
        ("Credential=", "credential="),
        ("AAAAAAAAAAAA", ""),
        ("AAAAAAAAAAAA", "AAAAAAAAAAA-"),
        ("/iex_request", ""),
        ("/iex_request", "/aws4_request"),
        ("/iex_request", "/iex_request/"),
        (", ", ","),
        (", ", ";"),
        ("host;x-iex-date", "host"),
        ("host;x-iex-date", "x-iex-date;host"),
        ("host;x-iex-date", "host;x-iex-date;range"),
        ("b7502a33", "B7502A33"),
        ("b7502a33", "b7502a3"),
        ("cea4", "cea4, Signature=00"),
        ("cea4", "cea4 "),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        let refused = read(&bad, date, host, then);
        assert_eq!(refused, Err(KeyedFault::Authorization), "{bad}");
    }
    for bad in [
        None,
        Some(""),
        Some("20240102T030405"),
        Some("20240102 030405Z"),
        Some("20240102T030405z"),
        Some("20240102T246000Z"),
        Some("20240230T030405Z"),
        Some("2024010203040506"),
        Some("+0240102T030405Z"),
        // Of another day than the credential says.
        Some("20240103T000000Z"),
    ] {
        assert_eq!(
            read(&good, bad, host, then),
            Err(KeyedFault::Date),
            "{bad:?}"
        );
    }
    assert_eq!(read(&good, date, "", then), Err(KeyedFault::Host));
    for (arrived, counts) in [
        ("2024-01-02T03:09:05Z", true),
        ("2024-01-02T03:09:05.000001Z", false),
        ("2024-01-02T03:03:35Z", true),
        ("2024-01-02T03:03:34.999999Z", false),
    ] {
        let found = read(&good, date, host, arrived);
        let expected = counts.then(|| "AAAAAAAAAAAA".to_owned());
        assert_eq!(found, expected.ok_or(KeyedFault::Time), "{arrived}");
    }
    let random = SeededRandom::new(1);
    let named = |token: &str| read(&good.replace("AAAAAAAAAAAA", token), date, host, then);
    let token = |kind| Secret::generate(kind, &random);
    let (public, secret) = (token(KeyKind::Publishable), token(KeyKind::Secret));
    assert_eq!(named(public.reveal()), Ok(public.id().to_string()));
    assert_eq!(named(secret.reveal()), Err(KeyedFault::Exposed));
    let signing = SigningSecret::generate(&random);
    assert_eq!(named(signing.reveal()), Err(KeyedFault::Exposed));
}

/// A request of now that is signed with this secret and says this credential.
fn signed<'r>(authorization: &'r mut String, credential: &str, secret: &str) -> KeyedRequest<'r> {
    let mut request = vector("GET", "", OF_GET);
    request.date = "20260301T120000Z";
    request.head.date = Some(request.date);
    let day = "20260301";
    let key = signing_key(secret, day);
    let signature = hex(&mac(key.as_bytes(), request.string_to_sign(day).as_bytes()));
    *authorization = format!(
        "{KEYED_SCHEME} Credential={credential}/{day}/iex_request, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"
    );
    let head = KeyedHead {
        authorization,
        ..request.head
    };
    KeyedRequest::read(head, at("2026-03-01T12:00:00Z")).expect("of the one form")
}

#[test]
fn k12_the_signature_lets_in_and_the_credential_names_alone() {
    let random = SeededRandom::new(2);
    let pepper = Pepper::generate(&random);
    let now = at("2026-03-01T12:00:00Z");
    let token = Secret::generate(KeyKind::Publishable, &random);
    let made = |_| SigningSecret::generate(&random);
    let [first, second, foreign] = [0, 1, 2].map(made);
    let made_of = || {
        let mut parts = parts(draft(Vec::new()), &token);
        parts.draft.kind = KeyKind::Publishable;
        parts.secrets[0].hash = token.hash(&pepper);
        parts
    };
    let parts = made_of();
    let id = parts.id;
    let record = |secret: &SigningSecret, key: KeyId| SigningRecord {
        id: secret.id(),
        sealed: secret.seal(key, &pepper, &random),
        hint: secret.hint(),
        created_at: now,
    };
    let both = vec![record(&first, id), record(&second, id)];
    let key = KeyRecord::restore(parts).with_signing_secrets(both);
    let enters = |key: &KeyRecord, credential: &str, secret: &str| {
        let mut text = String::new();
        let request = signed(&mut text, credential, secret);
        let entered = key.verify_keyed(&request, &pepper, &Circumstances::unknown(), now);
        entered.map(|unspent| unspent.access().secret())
    };
    let unknown = Err(AuthError::Unknown);
    let ids = [first.id().to_string(), second.id().to_string()];
    assert_eq!(enters(&key, &ids[0], first.reveal()), Ok(first.id()));
    assert_eq!(enters(&key, &ids[1], second.reveal()), Ok(second.id()));
    // Each name is for its own secret, and a key's for both.
    assert_eq!(enters(&key, &ids[0], second.reveal()), unknown);
    for named in [token.reveal().to_owned(), token.id().to_string()] {
        assert_eq!(enters(&key, &named, first.reveal()), Ok(first.id()));
        assert_eq!(enters(&key, &named, second.reveal()), Ok(second.id()));
        assert_eq!(enters(&key, &named, foreign.reveal()), unknown);
        // The token is public, and signs nothing.
        assert_eq!(enters(&key, &named, token.reveal()), unknown);
        assert_eq!(enters(&key, &named, OF_NOBODY), unknown);
    }
    // Another token with the same public part.
    let other = Secret::generate(KeyKind::Publishable, &random);
    assert_eq!(enters(&key, other.reveal(), first.reveal()), unknown);
    // Nor the token's public part with another secret behind it.
    let mut parts = made_of();
    parts.secrets[0].hash = other.hash(&pepper);
    let both = key.signing_secrets().to_vec();
    let renewed = KeyRecord::restore(parts).with_signing_secrets(both);
    assert_eq!(enters(&renewed, token.reveal(), first.reveal()), unknown);
    // Secrets that were sealed for another key open nothing here.
    let of_another = KeyId::from_bytes([9; 16]);
    let stolen = [&first, &second].map(|secret| record(secret, of_another));
    let key = key.with_signing_secrets(stolen.to_vec());
    for (id, secret) in ids.iter().zip([&first, &second]) {
        assert_eq!(enters(&key, id, secret.reveal()), unknown);
        assert_eq!(enters(&key, id, OF_NOBODY), unknown);
    }
}
