//! K2 by the binary, over all files: whatever a thief finds in a data directory,
//! as it stands and in the forms in which secrets are sent, is sent to the server
//! that it was copied from, and to one on the copy.

use std::collections::BTreeSet;

use model::secrets::{Pepper, Secret};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::*;
use crate::faults::flips::{copy_home, files_below};
use crate::faults::sample;
use crate::support::cases;
use crate::support::launch::{Launch, SMALL_LIMITS};
use crate::support::upkeep::Upkeep;
use crate::wire::Connection;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of a text that may be a secret.
const TEXT_MIN: usize = 20;
const TEXT_MAX: usize = 400;
const PAGE: usize = 4 << 10;
/// Connections that send at once.
const CLIENTS: usize = 4;

/// A number in base 62.
fn in_base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let step = (rest << 8) | u32::from(*byte);
            *byte = u8::try_from(step / 62).expect("a byte");
            rest = step % 62;
        }
        *digit = BASE62[usize::try_from(rest).expect("small")];
    }
    String::from_utf8(text).expect("ASCII")
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn in_base64(bytes: &[u8]) -> [String; 2] {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    [STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]
}

/// What is sent to be let in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sent {
    /// As the token of a key, or what is derived from one.
    Bearer(String),
    /// As a person's browser sends it.
    Session(String),
}

impl Sent {
    fn request(&self) -> Vec<u8> {
        match self {
            Self::Bearer(text) => Connection::request(text, "GET", "/v1/whoami", None),
            Self::Session(text) => format!(
                "GET /v1/sessions HTTP/1.1\r\nhost: tidegate\r\ncookie: __Host-tidegate={text}\r\n\r\n"
            )
            .into_bytes(),
        }
    }
}

/// The public parts of what was given out; they are no secret.
#[derive(Debug)]
struct Publics {
    /// Of tokens and signing secrets, with all that comes before the secret.
    native: Vec<String>,
    /// Of keys of the Keen dialect.
    keen: Vec<String>,
}

impl Publics {
    fn of(given: &Given) -> Self {
        let tokens = given.0.iter().map(|(_, token)| token.as_str());
        let native = tokens.filter(|token| token.starts_with("tg_"));
        let native = native.map(|token| token[..token.len() - 49].to_owned());
        let keen = given.0.iter().filter(|(name, _)| name.starts_with("keen"));
        Self {
            native: native.collect(),
            keen: keen.map(|(_, token)| token[..24].to_owned()).collect(),
        }
    }

    /// The token with this public part and these 43 digits.
    fn token(public: &str, secret: &str) -> Sent {
        let body = format!("{public}{secret}");
        let checksum = in_base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), 6);
        Sent::Bearer(body + &checksum)
    }

    /// Whatever these bytes may be the secret of.
    fn forms_of(&self, bytes: &[u8]) -> Vec<Sent> {
        let digits = in_base62(bytes, 43);
        let native = self.native.iter();
        let mut forms: Vec<Sent> = native.map(|public| Self::token(public, &digits)).collect();
        let halves = [&bytes[..20], &bytes[bytes.len() - 20..]].map(in_hex);
        for public in &self.keen {
            forms.extend(
                halves
                    .iter()
                    .map(|half| Sent::Bearer(format!("{public}{half}"))),
            );
        }
        let [plain, for_addresses] = in_base64(bytes);
        forms.push(Sent::Session(for_addresses.clone()));
        forms.extend([digits, in_hex(bytes), plain, for_addresses].map(Sent::Bearer));
        forms
    }

    /// Whatever this text may be, or be the secret of.
    fn forms_of_text(&self, text: &str) -> Vec<Sent> {
        let mut forms = vec![Sent::Bearer(text.to_owned())];
        if text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            forms.extend(self.native.iter().map(|public| Self::token(public, text)));
        }
        if text.len() == 43 {
            forms.push(Sent::Session(text.to_owned()));
        }
        forms
    }
}

/// The words of a text as a file has them: runs of visible characters, whole and
/// in the parts that tokens can be made of.
fn words(bytes: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let may_be = |text: &&[u8]| (TEXT_MIN..=TEXT_MAX).contains(&text.len());
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+/=".contains(byte);
    for run in bytes.split(|byte| !byte.is_ascii_graphic()) {
        let parts = run.split(|byte| !is_of_token(byte));
        let narrow = run.split(|byte| !byte.is_ascii_alphanumeric());
        for text in std::iter::once(run)
            .chain(parts)
            .chain(narrow)
            .filter(may_be)
        {
            found.insert(String::from_utf8_lossy(text).into_owned());
        }
    }
    found
}

/// Every value of every row of a database, but for numbers.
fn values(file: &Path) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.expect("opens");
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let tables = sqlx::query(tables).fetch_all(&mut connection).await;
        let mut found = Vec::new();
        for table in tables.expect("tables") {
            let rows = format!("SELECT * FROM \"{}\"", table.get::<String, _>(0));
            let rows = sqlx::query(sqlx::AssertSqlSafe(rows));
            for row in rows.fetch_all(&mut connection).await.expect("rows") {
                let bytes = |at: usize| row.try_get::<Option<Vec<u8>>, _>(at).ok().flatten();
                let text = |at: usize| row.try_get::<Option<String>, _>(at).ok().flatten();
                let value = |at| bytes(at).or_else(|| text(at).map(String::into_bytes));
                found.extend((0..row.len()).filter_map(value));
            }
        }
        connection.close().await.expect("closes");
        found
    })
}

/// What a thief has of a data directory.
#[derive(Debug, Default)]
struct Stolen {
    /// Values of rows.
    values: Vec<Vec<u8>>,
    words: BTreeSet<String>,
    /// Any 32 bytes in a row, of which there are very many.
    windows: Vec<[u8; 32]>,
    files: usize,
}

impl Stolen {
    /// Reads every file below a directory, and the rows of databases in a copy of
    /// it: a log beside one is read into it by that.
    fn from(data: &Path) -> Self {
        let mut stolen = Self::default();
        let empty = [0_u8; PAGE];
        for file in files_below(data) {
            stolen.files += 1;
            let bytes = std::fs::read(&file).expect("a file");
            let pages = bytes.chunks(PAGE);
            let is_full = |page: &&[u8]| **page != empty[..page.len()];
            for page in pages.filter(is_full) {
                let windows = page.windows(32);
                let windows =
                    windows.filter(|window| window.iter().filter(|b| **b != 0).count() > 16);
                stolen
                    .windows
                    .extend(windows.filter_map(|window| <[u8; 32]>::try_from(window).ok()));
            }
            // A segment of the journal is zeros for the most part.
            let full: Vec<u8> = bytes
                .chunks(PAGE)
                .filter(is_full)
                .flatten()
                .copied()
                .collect();
            stolen.words.extend(words(&full));
        }
        let copy = tempfile::tempdir().expect("a directory");
        copy_home(data, copy.path());
        let databases = files_below(copy.path());
        let databases = databases
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "sqlite"));
        let values: Vec<Vec<u8>> = databases.flat_map(|file| values(file)).collect();
        // In a file one value of a row follows upon the other.
        for value in &values {
            stolen.words.extend(words(value));
        }
        stolen.values = values;
        stolen
    }

    /// What is sent: rows and words first, then so many windows from all over.
    fn replays(&self, publics: &Publics, words_max: usize, windows: usize) -> Vec<Sent> {
        let mut sent = BTreeSet::new();
        let values = self.values.iter();
        // Texts are among the words.
        for value in values.filter(|value| std::str::from_utf8(value).is_err()) {
            // Longer ones hold several things: any 32 bytes of them.
            if (32..=256).contains(&value.len()) {
                let step = if value.len() <= 64 { 1 } else { 8 };
                let parts = value.windows(32).step_by(step);
                sent.extend(parts.flat_map(|part| publics.forms_of(part)));
            }
            if (16..32).contains(&value.len()) {
                sent.extend([in_hex(value), in_base64(value)[1].clone()].map(Sent::Bearer));
            }
        }
        let every = (self.words.len() / words_max).max(1);
        let chosen = self.words.iter().step_by(every);
        // Those of the length of a secret are all sent.
        let short = self
            .words
            .iter()
            .filter(|word| word.len() == 43 || word.starts_with("tg_"));
        sent.extend(
            chosen
                .chain(short)
                .flat_map(|word| publics.forms_of_text(word)),
        );
        if let Some(every) = self.windows.len().checked_div(windows) {
            let every = every.max(1);
            let chosen = self.windows.iter().step_by(every).enumerate();
            sent.extend(chosen.map(|(at, window)| {
                let public = &publics.native[at % publics.native.len()];
                Publics::token(public, &in_base62(window, 43))
            }));
        }
        sent.into_iter().collect()
    }
}

/// Sends everything to a server over a few connections; what was let in.
fn let_in(server: &Server, sent: &[Sent]) -> Vec<Sent> {
    let share = sent.len().div_ceil(CLIENTS).max(1);
    std::thread::scope(|scope| {
        let clients: Vec<_> = sent
            .chunks(share)
            .map(|share| {
                scope.spawn(move || {
                    let mut connection = Connection::open(&server.address);
                    let is_let_in = |one: &&Sent| {
                        connection.send(&one.request()).expect("sent");
                        let status = connection.answer().expect("an answer").status;
                        // What is no token by its form may be no request either.
                        ![400, 401].contains(&status)
                    };
                    share.iter().filter(is_let_in).cloned().collect::<Vec<_>>()
                })
            })
            .collect();
        let found = clients
            .into_iter()
            .map(|client| client.join().expect("a client"));
        found.flatten().collect()
    })
}

/// A directory of everything that a server stores, as a kill leaves it; what was
/// given out meanwhile.
fn filled(home: &Path) -> Given {
    let server = Launch::at(home).options(SMALL_LIMITS).start();
    let server = server.unwrap_or_else(|ended| panic!("{}", ended.log));
    let master = server.master();
    sample::fill(&server);
    sample::with_nonces(&server, 3);
    let (mut given, _) = every_token(&server, &master);
    let write = given.0.iter().find(|(name, _)| *name == "keen write");
    let write = write.expect("a key").1.clone();
    let project = server.get(&master, "/v1/whoami").expect(200);
    let events = format!("/3.0/projects/{}/events/once", text(&project["project"]));
    let event = json!({"n": 1, "keen": {"uniqueness_token": "t"}});
    server.post(&write, &events, &event).expect(201);
    every_other_secret(&server, &master, &mut given);
    given.0.push(("master", master));
    Upkeep::wait_for(&server, |done| done.publishes > 0 && done.waiting == 0);
    server.kill();
    given
}

#[test]
fn k2_no_byte_string_of_any_stored_file_lets_anybody_in() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let given = filled(home.path());
    let token = |of: &str| {
        let found = given.0.iter().find(|(name, _)| *name == of);
        found.expect("a token").1.clone()
    };
    let (key, session) = (token("key"), token("session"));
    // A running server has its last changes in a log beside the database.
    for file in ["control.sqlite", "control.sqlite-wal", "nonces.sqlite"] {
        assert!(data.join(file).exists(), "{file}");
    }
    let stolen = Stolen::from(&data);
    assert!(stolen.files > 10, "{} files", stolen.files);
    let pepper = std::fs::read_to_string(home.path().join("data.pepper")).expect("a pepper");
    let pepper = pepper.trim().as_bytes().chunks(2).map(|digits| {
        let digits = std::str::from_utf8(digits).expect("digits");
        u8::from_str_radix(digits, 16).expect("a byte")
    });
    let pepper: Vec<u8> = pepper.collect();
    let pepper = Pepper::from_bytes(pepper.try_into().expect("32 bytes"));
    let hash = Secret::parse(&key).expect("a token").hash(&pepper);
    let is_stored = stolen.values.iter().any(|value| value == hash.as_bytes());
    assert!(is_stored, "what is stored of a key is among what is sent");
    let publics = Publics::of(&given);
    assert!(publics.native.len() >= 8 && publics.keen.len() == 2);
    let sent = stolen.replays(&publics, cases(1_000, 20_000), cases(0, 150_000));
    let least = cases(2_000, 100_000);
    assert!(sent.len() >= least, "only {} replays", sent.len());

    // The copy without its pepper, and with another one.
    let thief = tempfile::tempdir().expect("a directory");
    copy_home(&data, &thief.path().join("data"));
    let ended = Launch::at(thief.path())
        .start()
        .expect_err("does not start");
    assert_eq!(ended.code, Some(2));
    assert!(ended.log.contains("pepper"), "{}", ended.log);
    let another = thief.path().join("data.pepper");
    std::fs::write(&another, "00".repeat(32)).expect("another pepper");
    let mut mode = std::fs::metadata(&another).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o600);
    std::fs::set_permissions(&another, mode).expect("mode");
    let server = Server::start(thief.path());
    let nobody: Vec<Sent> = Vec::new();
    assert_eq!(let_in(&server, &sent), nobody);
    // Not even what is good elsewhere.
    let good = [Sent::Bearer(key.clone()), Sent::Session(session)];
    assert_eq!(let_in(&server, &good), nobody);
    drop(server);

    // And the server that all of it was copied from.
    let server = Server::start(home.path());
    assert_eq!(let_in(&server, &sent), nobody);
    assert_eq!(let_in(&server, &good), good);
    finds_what_would_be_stored(&server, &data, &publics, &key);
}

/// What would be found, if a server stored a token, or its secret part alone.
fn finds_what_would_be_stored(server: &Server, data: &Path, publics: &Publics, key: &str) {
    for careless in [key, secret_part(key)] {
        let copy = tempfile::tempdir().expect("a directory");
        let copy = copy.path().join("data");
        copy_home(data, &copy);
        std::fs::write(copy.join("debug.log"), format!("\0made {careless}\0")).expect("written");
        let sent = Stolen::from(&copy).replays(publics, 1, 0);
        assert_eq!(let_in(server, &sent), [Sent::Bearer(key.to_owned())]);
    }
}
