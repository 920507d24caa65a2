use super::super::OF_NOBODY;
use super::*;
use crate::fixtures::{at, draft, parts};
use crate::ids::KeyId;
use crate::keys::{AuthError, Circumstances, KeyKind, KeyRecord, SigningRecord};
use crate::random::SeededRandom;
use crate::secrets::Pepper;

const SECRET: &str = "c2lnbmluZy1rZXk=";
const THEN: &str = "2023-11-14T22:13:20Z";
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
/// Of the body `{"uses": 1}`.
const DIGEST: &str = "SHA-512=IaNAdsSALBO+zsROZE6h5fM7LcRGmSCAgm7rQUkX0yaNV9RMDXW/c+HyYDdE2tVhpsB+sWSHAObgaivRvdMSIw==";
const OF_NOTHING: &str = "SHA-512=z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
const JSON: &str = "application/json";
const JSON_OF_JAVA: &str = "application/json; charset=UTF-8";

const PYTHON: &str = "(created) (request-target) content-length content-type date digest host";
const NODE: &str = "content-type date host (created) (request-target) digest";
const JAVA: &str = "(created) (request-target) content-type digest host";

/// The vector of the contract, and the same request in the lists of two other clients.
const OF_PYTHON: &str =
    "Bn4mYugPpsL5gLuT2ZwhoGD9FE/esEmhjOh7Frj7T2a8ZMt7vTuYpVvWLrzlwEWUb2dy2XQeeU48nKw+Uf7aNA==";
const OF_NODE: &str =
    "RMqwaVdVLTcVHDMdqYtiK4ZHt4Ycy0wu+Oi70R3GjwIFH2kf/xGiWNmFiEgOks2GtBowq3hsNTOZv3Tf7T3luw==";
const OF_JAVA: &str =
    "EUiY3ahOSpZE8K9aJeCQ2b1bKuNamZPjs1vfwV1ggjz9D2Moc4lpCJXUTp1axpWMSOpJeOCdhvBCuIFETc461w==";
/// That of Python's list without the line feed behind its last line.
const OF_THE_DRAFT: &str =
    "lo7TVuDb0h9gvKTjjL4XrO1INt452fNTgAXIXrcaaXtfTcN/iHoGiGive8clVP/M1/DTfcUv9hOnkpjOdlLn6g==";

/// A request as it is sent.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    signature: String,
}

impl Sent {
    fn vector(list: &str, signature: &str) -> Self {
        let media_type = if list == JAVA { JSON_OF_JAVA } else { JSON };
        Self {
            method: "POST",
            target: "/api/v0/encryption/key",
            headers: vec![
                ("content-length", "11"),
                ("content-type", media_type),
                ("date", DATE),
                ("digest", DIGEST),
                ("host", "127.0.0.1:8080"),
            ],
            signature: text("AAAAAAAAAAAA", "1700000000", list, signature),
        }
    }

    /// The same with another header of this name.
    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    fn read(&self, arrived: &str) -> Result<KeyedRequest<'_>, ListedFault> {
        let head = ListedHead {
            method: self.method,
            target: self.target,
            signature: &self.signature,
        };
        KeyedRequest::read_listed(head, |name| self.said(name), at(arrived))
    }

    fn said(&self, name: &str) -> Said<'static> {
        let values = self.headers.iter().filter(|(known, _)| *known == name);
        let values: Vec<&'static str> = values.map(|(_, value)| *value).collect();
        match values[..] {
            [] => Said::Nothing,
            [value] => Said::Text(value),
            _ => Said::Unclear,
        }
    }

    /// Whether it is let pass, signed with this secret.
    fn is_by(&self, secret: &str) -> bool {
        let request = self.read(THEN);
        request.is_ok_and(|request| request.scheme.is_by(secret))
    }

    /// Why it is no use, whatever the secret.
    fn fault(&self) -> Option<ListedFault> {
        self.read(THEN).err()
    }
}

fn text(id: &str, created: &str, list: &str, signature: &str) -> String {
    format!(
        "keyId=\"{id}\", algorithm=\"hmac-sha512\", created={created}, headers=\"{list}\", signature=\"{signature}\""
    )
}

#[test]
fn k12_the_vector_of_the_contract_and_each_clients_list() {
    for (list, signature) in [(PYTHON, OF_PYTHON), (NODE, OF_NODE), (JAVA, OF_JAVA)] {
        let sent = Sent::vector(list, signature);
        assert!(sent.is_by(SECRET), "{list}");
        assert!(!sent.is_by("c2lnbmluZy1rZXj="), "{list}");
        let request = sent.read(THEN).expect("of the one form");
        assert_eq!(request.named().to_string(), "AAAAAAAAAAAA");
        assert_eq!(request.created(), at(THEN));
    }
    assert_eq!(listed_digest(DIGEST), Some(digest_of(b"{\"uses\": 1}")));
    assert_eq!(listed_digest(OF_NOTHING), Some(digest_of(b"")));
    // Neither is another's, and the last line has its line feed.
    for (list, signature) in [
        (PYTHON, OF_NODE),
        (NODE, OF_PYTHON),
        (JAVA, OF_PYTHON),
        (PYTHON, OF_THE_DRAFT),
    ] {
        assert!(!Sent::vector(list, signature).is_by(SECRET));
    }
}

fn digest_of(body: &[u8]) -> [u8; 64] {
    Sha512::digest(body).into()
}

#[test]
fn k12_every_part_that_is_listed_is_signed() {
    let sent = Sent::vector(PYTHON, OF_PYTHON);
    let altered = [
        Sent {
            method: "PUT",
            ..sent.clone()
        },
        Sent {
            target: "/api/v0/encryption/key?",
            ..sent.clone()
        },
        Sent {
            target: "/api/v0/encryption/Key",
            ..sent.clone()
        },
        sent.clone().with("content-length", "12"),
        sent.clone().with("content-type", "application/xml"),
        sent.clone().with("date", "Tue, 14 Nov 2023 22:13:21 GMT"),
        sent.clone().with("digest", OF_NOTHING),
        sent.clone().with("host", "127.0.0.1"),
    ];
    for (case, sent) in altered.into_iter().enumerate() {
        assert_eq!(sent.fault(), None, "{case}");
        assert!(!sent.is_by(SECRET), "{case}");
    }
    for (from, to) in [
        ("1700000000", "1700000001"),
        ("(created) (request-target)", "(request-target) (created)"),
        (" date", ""),
        ("content-length ", ""),
    ] {
        let signature = sent.signature.replacen(from, to, 1);
        assert_ne!(signature, sent.signature);
        let altered = Sent {
            signature,
            ..sent.clone()
        };
        assert_eq!(altered.fault(), None, "{from}");
        assert!(!altered.is_by(SECRET), "{from}");
    }
}

#[test]
fn k12_a_list_covers_what_it_must_and_names_nothing_twice() {
    let listed = |list: &str| Sent::vector(list, OF_PYTHON);
    let fault = |list: &str| listed(list).fault();
    let needed = [
        "(created)",
        "(request-target)",
        "digest",
        "host",
        "content-type",
    ];
    assert_eq!(fault(&needed.join(" ")), None);
    for left_out in needed {
        let list: Vec<&str> = needed
            .into_iter()
            .filter(|name| *name != left_out)
            .collect();
        let list = list.join(" ");
        assert_eq!(fault(&list), Some(ListedFault::Uncovered), "{left_out}");
    }
    for bad in [
        "",
        " (created) (request-target) digest host content-type",
        "(created)  (request-target) digest host content-type",
        "(created) (request-target) digest host content-type ",
        "(created) (created) (request-target) digest host content-type",
        "(created) (request-target) digest host content-type digest",
        "(created) (request-target) digest host content-type date date",
        "(created) (request-target) Digest host content-type",
        "(created) (request-target) digest host content-type (expires)",
        "(created) (request-target) digest host content-type date:",
        "(created) (request-target) digest host content-type, date",
        "(created)\t(request-target) digest host content-type",
    ] {
        assert_eq!(fault(bad), Some(ListedFault::List), "{bad}");
    }
    let many: Vec<String> = (0..30).map(|number| format!("x-{number}")).collect();
    let many = format!("{} {}", needed.join(" "), many.join(" "));
    assert_eq!(fault(&many), Some(ListedFault::List));
    // What is listed is there, and once.
    let list = format!("{} x-more", needed.join(" "));
    let more = listed(&list);
    assert_eq!(more.fault(), Some(ListedFault::Header));
    let mut once = more.with("x-more", "a");
    assert_eq!(once.fault(), None);
    once.headers.push(("x-more", "a"));
    assert_eq!(once.fault(), Some(ListedFault::Header));
    for (name, fault) in [
        ("host", ListedFault::Header),
        ("content-type", ListedFault::Header),
        ("digest", ListedFault::Digest),
    ] {
        let sent = listed(&needed.join(" "));
        assert_eq!(sent.clone().without(name).fault(), Some(fault), "{name}");
        let value = sent.said(name);
        let Said::Text(value) = value else {
            panic!("{value:?}");
        };
        let mut twice = sent;
        twice.headers.push((name, value));
        assert_eq!(twice.fault(), Some(fault), "{name}");
    }
    // What changes what is done is covered, or nobody may put it in or take it away.
    for name in ["content-encoding", "idempotency-key"] {
        let list = needed.join(" ");
        let told = listed(&list).with(name, "a");
        assert_eq!(told.fault(), Some(ListedFault::Uncovered), "{name}");
        let list = format!("{list} {name}");
        assert_eq!(listed(&list).with(name, "a").fault(), None, "{name}");
        assert_eq!(listed(&list).fault(), Some(ListedFault::Header), "{name}");
    }
    // Without a body and without a media type there is none to cover.
    let bare = listed("(created) (request-target) digest host").without("content-type");
    assert_eq!(bare.fault(), Some(ListedFault::Uncovered));
    let empty = bare.with("digest", OF_NOTHING);
    assert_eq!(empty.fault(), None);
    let typed = empty.with("content-type", JSON);
    assert_eq!(typed.fault(), Some(ListedFault::Uncovered));
}

#[test]
fn k12_one_listed_request_has_one_form() {
    let good = Sent::vector(PYTHON, OF_PYTHON);
    assert!(good.is_by(SECRET));
    for (from, to) in [
        ("keyId", "keyid"),
        ("keyId", " keyId"),
        ("keyId=", "keyId ="),
        ("AAAAAAAAAAAA", ""),
        ("AAAAAAAAAAAA", "AAAAAAAAAAA-"),
        ("hmac-sha512", "HMAC-SHA512"),
        ("hmac-sha512", "hmac-sha256"),
        ("hmac-sha512", "hs2019"),
        (", algorithm=\"hmac-sha512\"", ""),
        (", ", ","),
        (", ", "; "),
        ("created=1700000000", "created=\"1700000000\""),
        ("1700000000", "+1700000000"),
        ("1700000000", "01700000000"),
        ("1700000000", "-1700000000"),
        ("1700000000", "1700000000.0"),
        ("1700000000", "1700000000, created=1700000000"),
        ("1700000000", "1700000000, expires=1700000300"),
        (", created=1700000000", ""),
        // The last four bits of the last digit mean nothing, and are none.
        ("aNA==", "aNB=="),
        ("aNA==", "aNA="),
        ("aNA==", "aNA"),
        ("aNA==", "aNA==="),
        ("aNA==", "aNAA"),
        ("FE/es", "FE_es"),
        ("Bn4m", "Bn4m\u{a0}"),
        ("aNA==\"", "aNA==\" "),
        ("aNA==\"", "aNA=="),
        ("aNA==\"", "aNA==\", expires=1"),
    ] {
        let signature = good.signature.replacen(from, to, 1);
        assert_ne!(signature, good.signature, "{from}");
        let bad = Sent {
            signature,
            ..good.clone()
        };
        assert_eq!(
            bad.fault(),
            Some(ListedFault::Signature),
            "{}",
            bad.signature
        );
    }
    for digest in [
        "",
        "SHA-512=",
        "sha-512=IaNAdsSALBO+zsROZE6h5fM7LcRGmSCAgm7rQUkX0yaNV9RMDXW/c+HyYDdE2tVhpsB+sWSHAObgaivRvdMSIw==",
        "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "SHA-512=IaNAdsSALBO+zsROZE6h5fM7LcRGmSCAgm7rQUkX0yaNV9RMDXW/c+HyYDdE2tVhpsB+sWSHAObgaivRvdMSIx==",
        "SHA-512=IaNAdsSALBO+zsROZE6h5fM7LcRGmSCAgm7rQUkX0yaNV9RMDXW/c+HyYDdE2tVhpsB+sWSHAObgaivRvdMSIw",
        "SHA-512=IaNAdsSALBO+zsROZE6h5fM7LcRGmSCAgm7rQUkX0yaNV9RMDXW/c+HyYDdE2tVhpsB+sWSHAObgaivRvdMSIw==,SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ] {
        let sent = good.clone().with("digest", digest);
        assert_eq!(sent.fault(), Some(ListedFault::Digest), "{digest}");
    }
    for (arrived, counts) in [
        ("2023-11-14T22:18:20Z", true),
        ("2023-11-14T22:18:20.000001Z", false),
        ("2023-11-14T22:12:50Z", true),
        ("2023-11-14T22:12:49.999999Z", false),
    ] {
        let fault = good.read(arrived).err();
        assert_eq!(fault, (!counts).then_some(ListedFault::Time), "{arrived}");
    }
    for created in ["0", "9223372036854775807"] {
        let signature = text("AAAAAAAAAAAA", created, PYTHON, OF_PYTHON);
        let sent = Sent {
            signature,
            ..good.clone()
        };
        assert_eq!(sent.fault(), Some(ListedFault::Time), "{created}");
    }
    let random = SeededRandom::new(1);
    let token = |kind| Secret::generate(kind, &random).reveal().to_owned();
    let signing = SigningSecret::generate(&random).reveal().to_owned();
    for secret in [token(KeyKind::Publishable), token(KeyKind::Secret), signing] {
        let sent = Sent {
            signature: text(&secret, "1700000000", PYTHON, OF_PYTHON),
            ..good.clone()
        };
        assert_eq!(sent.fault(), Some(ListedFault::Exposed));
    }
}

#[test]
fn k12_a_listed_signature_lets_in_by_the_secret_that_is_named_alone() {
    let random = SeededRandom::new(2);
    let pepper = Pepper::generate(&random);
    let now = at("2026-03-01T12:00:00Z");
    let token = Secret::generate(KeyKind::Secret, &random);
    let made = |_| SigningSecret::generate(&random);
    let [first, second, foreign] = [0, 1, 2].map(made);
    let mut parts = parts(draft(Vec::new()), &token);
    parts.secrets[0].hash = token.hash(&pepper);
    let id = parts.id;
    let record = |secret: &SigningSecret, key: KeyId| SigningRecord {
        id: secret.id(),
        sealed: secret.seal(key, &pepper, &random),
        hint: secret.hint(),
        created_at: now,
    };
    let both = vec![record(&first, id), record(&second, id)];
    let key = KeyRecord::restore(parts).with_signing_secrets(both);
    let signed = |named: &str, secret: &str| {
        let mut sent = Sent::vector(JAVA, OF_JAVA);
        sent.signature = text(named, "1772366400", JAVA, OF_JAVA);
        let request = sent.read("2026-03-01T12:00:00Z").expect("of the one form");
        let Scheme::Listed(signed) = &request.scheme else {
            panic!("{request:?}");
        };
        let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(signed.message.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        sent.signature = text(named, "1772366400", JAVA, &signature);
        sent
    };
    let enters = |key: &KeyRecord, named: &str, secret: &str| {
        let sent = signed(named, secret);
        let request = sent.read("2026-03-01T12:00:00Z").expect("of the one form");
        let entered = key.verify_keyed(&request, &pepper, &Circumstances::unknown(), now);
        entered.map(|unspent| (unspent.access().secret(), unspent.nonce()))
    };
    let by = |named: &str, secret: &str| enters(&key, named, secret).map(|(secret, _)| secret);
    let unknown = Err(AuthError::Unknown);
    let ids = [first.id().to_string(), second.id().to_string()];
    assert_eq!(by(&ids[0], first.reveal()), Ok(first.id()));
    assert_eq!(by(&ids[1], second.reveal()), Ok(second.id()));
    assert_eq!(by(&ids[0], second.reveal()), unknown);
    let of_token = token.id().to_string();
    assert_eq!(by(&of_token, first.reveal()), Ok(first.id()));
    assert_eq!(by(&of_token, second.reveal()), Ok(second.id()));
    for secret in [foreign.reveal(), token.reveal(), OF_NOBODY, ""] {
        assert_eq!(by(&of_token, secret), unknown);
        assert_eq!(by(&ids[0], secret), unknown);
    }
    // What is remembered is the signature, whatever it is named after.
    let nonce = |named: &str, secret: &str| enters(&key, named, secret).map(|(_, nonce)| nonce);
    assert_eq!(
        nonce(&ids[0], first.reveal()),
        nonce(&of_token, first.reveal())
    );
    assert_ne!(
        nonce(&ids[0], first.reveal()),
        nonce(&ids[1], second.reveal())
    );
    // Secrets that were sealed for another key open nothing here.
    let of_another = KeyId::from_bytes([9; 16]);
    let stolen = [&first, &second].map(|secret| record(secret, of_another));
    let key = key.with_signing_secrets(stolen.to_vec());
    for (id, secret) in ids.iter().zip([&first, &second]) {
        let entered = enters(&key, id, secret.reveal());
        assert_eq!(entered.err(), Some(AuthError::Unknown));
    }
}
