use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::{SecondFactor, Shown};
use model::keys::AuthError;
use model::keys::KeyCopy;
use model::people::{Code, PersonRecord, RecoveryCode, SessionToken, Totp};
use model::secrets::SigningSecret;

/// Every byte of every file in the folder.
fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let files = files.map(|file| file.expect("a file").path());
    files
        .map(|file| (file.clone(), std::fs::read(&file).expect("can be read")))
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_token_is_in_the_answer_and_nowhere_else() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, first) = plane.key("Ada", "[]").await;
    let (_, copied) = control
        .copy_key(&by, key.id(), KeyCopy::default())
        .await
        .expect("copies");
    let recovered = control.recover_master().await.expect("recovers");
    control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("disables");
    control
        .delete_key(&by, key.id(), None)
        .await
        .expect("deletes");
    control.save_last_used().await.expect("saves");
    let entries = control.audit_entries(&by, 1_000).await.expect("reads");
    assert_eq!(entries.len(), 7);
    let shown = format!("{entries:?} {control:?} {} {first:?}", plane.picture());
    let tokens = [&plane.master, &first, &copied, &recovered];
    let open = bytes_of(plane.folder.path());
    assert!(
        open.iter()
            .any(|(file, _)| file.ends_with("control.db-wal"))
    );
    control.close().await.expect("closes");
    let closed = bytes_of(plane.folder.path());
    for token in tokens {
        let secret_part = &token.reveal()[token.reveal().len() - 49..];
        let hash = token.hash(control.pepper());
        for part in [token.reveal(), secret_part, &secret_part[..24]] {
            assert!(!holds(shown.as_bytes(), part));
            for (file, bytes) in open.iter().chain(&closed) {
                assert!(!holds(bytes, part), "{}", file.display());
            }
        }
        let hex: String = hash
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let audit = format!("{entries:?}");
        assert!(!holds(audit.as_bytes(), &hex) && !holds(audit.as_bytes(), &token.hint()));
    }
    // The scan would find it: the public part of a live token is there.
    let id = plane.master.id().to_string();
    assert!(closed.iter().any(|(_, bytes)| holds(bytes, &id)));
}

#[tokio::test]
async fn a_copied_database_lets_nobody_in_without_its_pepper() {
    let plane = Plane::new().await;
    let (_, secret) = plane.key("Ada", "[]").await;
    plane.control.close().await.expect("closes");
    let copy = plane.folder.path().join("copy.db");
    std::fs::copy(plane.file(), &copy).expect("copies");
    let stolen = ControlOptions {
        pepper: Pepper::from_bytes([8; 32]),
        ..options(&plane.clock, 3)
    };
    let control = Control::open(&copy, stolen).await.expect("opens");
    for secret in [&secret, &plane.master] {
        let outcome = control.authenticate(secret, &Circumstances::unknown());
        assert_eq!(outcome.map(drop), Err(AuthError::Unknown));
    }
    let rightful = plane.opened_again(4).await;
    assert!(
        rightful
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
}

#[tokio::test]
async fn what_is_told_outside_speaks_of_no_table() {
    let plane = Plane::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON pools BEGIN SELECT RAISE(ABORT, 'pools are shut'); END";
    let plane = plane.restarted_after(refuse).await;
    let error = plane
        .control
        .create_pool(&plane.admin(), pool("sales"))
        .await;
    let error = error.expect_err("the trigger refuses");
    assert_eq!(error.to_string(), "the control plane could not do this");
    let ControlError::Internal(inside) = error else {
        panic!("{error:?}");
    };
    assert!(inside.to_string().contains("pools are shut"), "{inside}");
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number of so many digits in base 62.
fn in_base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let step = rest << 8 | u32::from(*byte);
            *byte = u8::try_from(step / 62).expect("a byte");
            rest = step % 62;
        }
        *digit = BASE62[usize::try_from(rest).expect("small")];
    }
    String::from_utf8(text).expect("ASCII")
}

/// The CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let rest = bytes.iter().fold(u32::MAX, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _| {
            (rest >> 1) ^ (0xedb8_8320 * (rest & 1))
        })
    });
    !rest
}

/// The token with this public part that has these 43 characters as its secret.
fn token_of(public: &str, secret: &str) -> Secret {
    let body = format!("{public}{secret}");
    let checksum = in_base62(&crc32(body.as_bytes()).to_be_bytes(), 6);
    Secret::parse(&format!("{body}{checksum}")).expect("a token by its form")
}

/// What may be a secret among these bytes: any 32 of them, and any 43 digits.
fn candidates(bytes: &[u8]) -> Vec<String> {
    let has_content = |window: &&[u8]| window.iter().filter(|byte| **byte != 0).count() > 16;
    let raw = bytes.windows(32).filter(has_content);
    let raw = raw.map(|window| in_base62(window, 43));
    let digits = bytes.windows(43).filter(|window| {
        let mut digits = window.iter();
        digits.all(u8::is_ascii_alphanumeric)
    });
    let digits = digits.map(|window| String::from_utf8_lossy(window).into_owned());
    raw.chain(digits).collect()
}

/// K2: whatever stands in the files, sent as the secret of a key, to the server
/// it was copied from and to one that runs on the copy.
#[tokio::test]
async fn k2_nothing_that_is_stored_is_a_secret() {
    let plane = Plane::new().await;
    let (_, secret) = plane.key("Ada", "[]").await;
    let text = secret.reveal().to_owned();
    let (public, own) = (
        &text[..text.len() - 49],
        &text[text.len() - 49..text.len() - 6],
    );
    assert_eq!(
        token_of(public, own).reveal(),
        text,
        "tokens are put together as they are made"
    );
    let mut publics = vec![public.to_owned()];
    for name in ["Bob", "Cy", "Dora", "Eve", "Fay", "Guy"] {
        let (_, other) = plane.key(name, "[]").await;
        let other = other.reveal();
        publics.push(other[..other.len() - 49].to_owned());
    }
    let (key, _) = plane.key("signs", "[]").await;
    let admin = plane.admin();
    let made = plane.control.make_signing_secret(&admin, key.id());
    let (signing, _) = made.await.expect("a signing secret");
    let (_, shown) = plane.owner().await;
    let session = plane.enter("ada@example.com", &shown).await;
    let session = session.expect("signs in").session;
    plane.control.close().await.expect("closes");
    let copy = plane.folder.path().join("copy.db");
    std::fs::copy(plane.file(), &copy).expect("copies");
    let stolen = ControlOptions {
        pepper: Pepper::from_bytes([8; 32]),
        ..options(&plane.clock, 3)
    };
    let thief = Control::open(&copy, stolen).await.expect("opens");
    let rightful = plane.opened_again(4).await;
    let stored = std::fs::read(&copy).expect("can be read");
    let hash = secret.hash(rightful.control.pepper());
    let holds_hash = stored.windows(32).any(|window| window == hash.as_bytes());
    assert!(
        holds_hash,
        "what is stored of the secret is among what is sent"
    );
    let candidates = candidates(&stored);
    let replays = candidates.len() * publics.len();
    assert!(replays >= 100_000, "only {replays}");
    let holds_session = stored
        .windows(32)
        .any(|window| window == session.hash.as_bytes());
    assert!(holds_session, "so is what is stored of the session");
    let nowhere = Circumstances::unknown();
    let mut cookies = 0;
    for candidate in &candidates {
        for public in &publics {
            let token = token_of(public, candidate);
            for control in [&thief, &rightful.control] {
                let outcome = control.authenticate(&token, &nowhere).map(drop);
                assert_eq!(outcome, Err(AuthError::Unknown));
            }
        }
        // Nor is it what a browser sends back, or what requests are signed with.
        let cookie = SessionToken::parse(candidate);
        cookies += usize::from(cookie.is_some());
        let text = format!("tg_hs_{}_{candidate}", signing.id);
        let checksum = in_base62(&crc32(text.as_bytes()).to_be_bytes(), 6);
        let signed = SigningSecret::parse(&format!("{text}{checksum}"));
        let signed = signed.expect("a signing secret by its form");
        for control in [&thief, &rightful.control] {
            if let Some(cookie) = &cookie {
                assert!(control.session(cookie).is_err());
            }
            let definitions = control.definitions(key.project());
            let key = definitions.key(key.id()).expect("the key");
            assert!(!key.has_signing_secret(&signed, control.pepper()));
        }
    }
    assert!(cookies > candidates.len() / 16, "{cookies} cookies");
    assert!(rightful.control.authenticate(&secret, &nowhere).is_ok());
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The longest wait between two wrong codes of a person.
const WAIT: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Bytes as people are shown them.
fn in_base32(bytes: &[u8]) -> String {
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        usize::from((byte >> (7 - at % 8)) & 1)
    };
    let digit = |at: usize| (0..5).fold(0, |digit, next| (digit << 1) | bit(5 * at + next));
    let digits = 0..(8 * bytes.len()).div_ceil(5);
    digits.map(|at| char::from(BASE32[digit(at)])).collect()
}

/// Every text of so many letters and digits.
fn texts(bytes: &[u8], length: usize) -> impl Iterator<Item = String> {
    let windows = bytes.windows(length);
    let texts = windows.filter(|window| window.iter().all(u8::is_ascii_alphanumeric));
    texts.map(|text| String::from_utf8_lossy(text).into_owned())
}

/// What may be a secret of so many bytes that a person was shown: any as many of
/// these, and any text as long as it is shown.
fn shown_of(bytes: &[u8], length: usize) -> BTreeSet<String> {
    let has_content =
        |window: &&[u8]| window.iter().filter(|byte| **byte != 0).count() > length / 2;
    let raw = bytes.windows(length).filter(has_content).map(in_base32);
    raw.chain(texts(bytes, (8 * length).div_ceil(5))).collect()
}

/// What may be recovery codes, and what may be secrets of apps.
fn factors_of(bytes: &[u8]) -> [BTreeSet<String>; 2] {
    let [mut codes, mut apps] = [shown_of(bytes, 16), shown_of(bytes, 20)];
    codes.retain(|text| RecoveryCode::parse(text).is_some());
    apps.retain(|text| Totp::parse(text).is_some());
    [codes, apps]
}

fn somebody(control: &Control) -> Arc<PersonRecord> {
    let everybody = control.0.people.everybody();
    everybody.first().cloned().expect("somebody")
}

/// Which of these are recovery codes of the person, or the secret of the app. One
/// code of another app is good by chance; those of three hours are not.
fn good_ones(
    control: &Control,
    now: Timestamp,
    [codes, apps]: &[BTreeSet<String>; 2],
) -> Vec<String> {
    let person = somebody(control);
    let is_code = |text: &&String| {
        let code = RecoveryCode::parse(text).expect("a code by its form");
        person
            .parts()
            .recovery
            .contains(&code.hash(control.pepper()))
    };
    let app = person.parts().totp.open(person.id(), control.pepper());
    let is_app = |text: &&String| {
        let stolen = Totp::parse(text).expect("a secret by its form");
        let counts = |app: &Totp, hours: u32| {
            let at = now.checked_add(HOUR * hours).expect("a time");
            let code = Code::parse(&stolen.shown_at(at)).expect("a code");
            app.step_of(&code, at, 0).is_some()
        };
        app.as_ref()
            .is_some_and(|app| (0..3).all(|hours| counts(app, hours)))
    };
    let codes = codes.iter().filter(is_code);
    codes.chain(apps.iter().filter(is_app)).cloned().collect()
}

/// Whether what is brought beside the right password lets in; it is looked at.
async fn enters(control: &Control, text: &str) -> bool {
    let person = somebody(control);
    let recovery = RecoveryCode::parse(text).map(SecondFactor::Recovery);
    let second = recovery.or_else(|| Code::parse(text).map(SecondFactor::Code));
    let second = second.expect("a code by its form");
    let password = person.parts().password.clone();
    let agent = String::new();
    let entered = control.second_step((&person, None), &password, &second, agent);
    entered.await.expect("is looked at").is_some()
}

/// Which of these let in. The clock passes as long as somebody may have to wait, and a
/// good code comes in between, since behind a hundred wrong ones none is looked at.
async fn entering(plane: &Plane, shown: &Shown, tried: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, text) in tried.iter().enumerate() {
        plane.clock.advance(WAIT);
        if at % 50 == 0 {
            let good = shown.totp.shown_at(plane.now());
            assert!(enters(&plane.control, &good).await, "the app lets in");
        }
        if enters(&plane.control, text).await {
            found.push(text.clone());
        }
    }
    found
}

/// K2 at a sign-in: whatever stands in the files, brought beside the right password
/// as a recovery code and as a code of an app.
#[tokio::test]
async fn k2_nothing_that_is_stored_is_a_second_factor() {
    let plane = Plane::new().await;
    let (_, shown) = plane.owner().await;
    let used = [
        shown.recovery[0].reveal().to_owned(),
        shown.totp.shown_at(plane.now()).to_string(),
    ];
    for code in &used {
        assert!(enters(&plane.control, code).await);
    }
    plane.control.close().await.expect("closes");
    let copy = plane.folder.path().join("copy.db");
    std::fs::copy(plane.file(), &copy).expect("copies");
    let stolen = ControlOptions {
        pepper: Pepper::from_bytes([8; 32]),
        ..options(&plane.clock, 3)
    };
    let thief = Control::open(&copy, stolen).await.expect("opens");
    let rightful = plane.opened_again(4).await;
    let stored = std::fs::read(&copy).expect("can be read");
    let ada = somebody(&rightful.control);
    let hashes = &ada.parts().recovery;
    assert_eq!(hashes.len(), 9);
    for hash in hashes {
        assert!(stored.windows(32).any(|window| window == hash.as_bytes()));
    }
    let factors = factors_of(&stored);
    for found in &factors {
        assert!(found.len() > 4_000, "only {}", found.len());
    }
    let now = rightful.now();
    for control in [&thief, &*rightful.control] {
        assert_eq!(good_ones(control, now, &factors), [""; 0]);
    }
    // At the sign-in itself: what is stored of each code, used codes, every number
    // that is one by its form, and some of all else.
    let parts = hashes.iter().flat_map(|hash| hash.as_bytes().windows(16));
    let mut tried: Vec<String> = parts.map(in_base32).chain(used).collect();
    let numbers: BTreeSet<String> = texts(&stored, 6).collect();
    let numbers = numbers
        .into_iter()
        .filter(|text| Code::parse(text).is_some());
    tried.extend(numbers.take(300));
    let codes = &factors[0];
    tried.extend(codes.iter().step_by(codes.len().div_ceil(300)).cloned());
    assert!(tried.len() > 9 * 17 + 200, "only {}", tried.len());
    assert_eq!(entering(&rightful, &shown, &tried).await, [""; 0]);
    // The thief, who knows the password, too, gets in by nothing that is good elsewhere.
    let unused = shown.recovery[1].reveal();
    let app = shown.totp.shown_at(rightful.now()).to_string();
    for text in [unused, app.as_str()]
        .into_iter()
        .chain(tried.iter().map(String::as_str).take(90))
    {
        assert!(!enters(&thief, text).await, "{text}");
        rightful.clock.advance(WAIT);
    }
    // What a server stored would be found, and lets in.
    let careless = format!("\0made {} for {unused}\0", shown.totp.reveal().as_str());
    let careless = factors_of(careless.as_bytes());
    let found = good_ones(&rightful.control, rightful.now(), &careless);
    assert_eq!(found, [unused, shown.totp.reveal().as_str()]);
    assert_eq!(entering(&rightful, &shown, &found[..1]).await, [unused]);
}
