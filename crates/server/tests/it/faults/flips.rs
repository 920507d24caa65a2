//! One bit of one file is not what it was. The answers are what they were,
//! or the server says which file is damaged; it never answers wrongly.
//!
//! [`KINDS`] says of every kind of file where its bits are flipped. The control
//! database is left out here: SQLite has no checksums of its own, and finds only
//! damage to its structure. Those of its rows that say who may do what are
//! flipped where they are made (`control/src/store/sealed.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use lake::simulation::Random;
use sqlx::{ConnectOptions as _, Connection as _};

use super::sample::{self, Asked};
use crate::support::launch::Launch;
use crate::support::needs::note;
use crate::support::{Server, cases};

/// Every file below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Copies a home, so that the copy can be damaged.
pub(crate) fn copy_home(from: &Path, to: &Path) {
    for file in files_below(from) {
        let relative = file.strip_prefix(from).expect("below");
        let target = to.join(relative);
        std::fs::create_dir_all(target.parent().expect("a parent")).expect("made");
        copy_sparsely(&file, &target).expect("copied");
    }
}

/// Copies a file and leaves holes where there are zeros: a segment of the
/// journal is mostly that.
fn copy_sparsely(from: &Path, to: &Path) -> std::io::Result<()> {
    const PART: usize = 16 << 10;
    let bytes = std::fs::read(from)?;
    let copy = std::fs::File::create(to)?;
    copy.set_permissions(std::fs::metadata(from)?.permissions())?;
    copy.set_len(bytes.len() as u64)?;
    for (at, part) in bytes.chunks(PART).enumerate() {
        if part.iter().any(|byte| *byte != 0) {
            copy.write_all_at(part, (at * PART) as u64)?;
        }
    }
    Ok(())
}

/// Where it is proven of a kind of file that no bit of it is silently wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proven {
    /// By the tests of this file, of bits that `tidegate check` names.
    Here,
    /// By the tests of this file: what it holds is made anew.
    Rebuilt,
    /// By the tests of this file, of bits that `tidegate check` names; a server
    /// that runs does not look for them.
    ByCheck,
    /// Of some of its rows, in `control/src/store`.
    OfRows,
    /// Nowhere: `docs/durability.md` says so.
    Unproven,
}

/// Every kind of file that a data directory can hold.
const KINDS: [(&str, Proven); 14] = [
    ("control.ballast", Proven::Rebuilt),
    ("control.sqlite", Proven::OfRows),
    ("control.sqlite-wal", Proven::OfRows),
    ("identity.json", Proven::Here),
    ("journal log", Proven::Here),
    ("nonces.sqlite", Proven::ByCheck),
    ("nonces.sqlite-wal", Proven::Unproven),
    ("published _last_checkpoint", Proven::Here),
    ("published checkpoint", Proven::Here),
    ("published commit", Proven::Here),
    ("scrub.json", Proven::Rebuilt),
    ("tables index", Proven::Here),
    ("tables parquet", Proven::Here),
    ("tokens.sqlite", Proven::ByCheck),
];

/// The kind of a file of a data directory; a new kind has no name here.
fn kind_of(relative: &Path) -> String {
    let name = relative.file_name().expect("a name").to_string_lossy();
    let ending = relative.extension().unwrap_or_default().to_string_lossy();
    let mut parts = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let first = parts.next().expect("a part").into_owned();
    let is_published = parts.any(|part| part == "_delta_log");
    match (first.as_str(), &*ending) {
        ("tables", "json") if is_published => "published commit".to_owned(),
        ("tables", "parquet") if is_published => "published checkpoint".to_owned(),
        ("tables", _) if is_published => format!("published {name}"),
        ("tables" | "journal", ending) => format!("{first} {ending}"),
        _ => name.into_owned(),
    }
}

/// The files of a data directory by kind, those that hold nothing left out:
/// locks, and what SQLite shares between processes while they run.
fn kinds(data: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files_below(data) {
        let relative = file.strip_prefix(data).expect("below").to_owned();
        let name = relative.to_string_lossy().into_owned();
        let is_empty = file.metadata().expect("a file").len() == 0;
        if !is_empty && !name.ends_with(".tmp") && !name.ends_with("-shm") {
            kinds.entry(kind_of(&relative)).or_default().push(relative);
        }
    }
    kinds
}

/// A bit of a file.
#[derive(Clone, Debug)]
struct Bit {
    file: PathBuf,
    byte: u64,
    bit: u8,
}

impl Bit {
    /// Some bit of some file of a kind: mostly where something is written,
    /// sometimes in the zeros behind it.
    fn choose(data: &Path, files: &[PathBuf], random: &mut Random) -> Self {
        let file = files[random.below(files.len() as u64) as usize].clone();
        let bytes = std::fs::read(data.join(&file)).expect("a file");
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
        let bound = match random.below(8) {
            0 => bytes.len(),
            1 => (written + 4_096).min(bytes.len()),
            _ => written,
        };
        Self {
            file,
            byte: random.below(bound as u64),
            bit: random.below(8) as u8,
        }
    }

    fn flip(&self, data: &Path) {
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).open(data.join(&self.file));
        let file = file.expect("a file");
        let mut byte = [0];
        file.read_exact_at(&mut byte, self.byte).expect("a byte");
        byte[0] ^= 1 << self.bit;
        file.write_all_at(&byte, self.byte).expect("written");
    }
}

impl Bit {
    /// Whether `tidegate check` names the file. It does, or the bit is one of a
    /// Delta log that no reader looks at (`lake/src/published/tests/rot.rs`).
    fn is_named_by_check(&self, home: &Path) -> bool {
        let (code, told) = tidegate(home, &["check"]);
        let name = self.file.file_name().expect("a name").to_string_lossy();
        if code == Some(0) && kind_of(&self.file).starts_with("published ") {
            return false;
        }
        assert_eq!(code, Some(1), "{self:?}: {told}");
        assert!(told.contains(&*name), "{self:?}: {told}");
        true
    }
}

/// What a damaged directory does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Everything is answered as before.
    Harmless,
    /// The server does not start, or does not answer, and names the file.
    Named,
}

/// A stopped server's home, and what it answered.
struct Original {
    home: tempfile::TempDir,
    asked: Vec<Asked>,
}

impl Original {
    /// All records are in the journal.
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let server = start(home.path()).expect("a start");
        let asked = sample::fill(&server);
        assert_eq!(server.terminate(), Some(0));
        Self { home, asked }
    }

    /// Records are in several files, and in the journal.
    fn kept_up() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let (server, asked) = sample::kept_up(home.path());
        assert_eq!(server.terminate(), Some(0));
        Self { home, asked }
    }

    /// Each pool's records are in files, and the Delta log of one has checkpoints.
    fn published() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let (server, asked) = sample::published(home.path());
        assert_eq!(server.terminate(), Some(0));
        Self { home, asked }
    }

    /// Each pool's records are in one file.
    fn in_files() -> Self {
        let original = Self::new();
        let (code, told) = tidegate(original.home.path(), &["compact", "--flush"]);
        assert_eq!(code, Some(0), "{told}");
        original
    }

    /// Looks at a directory that had these files damaged.
    fn judge(&self, home: &Path, damaged: &Path) -> Result<Verdict, String> {
        let name = damaged.file_name().expect("a name").to_string_lossy();
        let names_it = |log: &str| log.contains(&*name);
        let server = match start(home) {
            Ok(server) => server,
            Err(log) if names_it(&log) => return Ok(Verdict::Named),
            Err(log) => return Err(format!("no start, and {name} is not named: {log}")),
        };
        let answers: Vec<Asked> = self
            .asked
            .iter()
            .map(|asked| asked.again(&server))
            .collect();
        server.kill();
        let log = std::fs::read_to_string(home.join("log")).expect("a log");
        if damaged.starts_with("tables") && !is_of_one_pool(&self.asked, &answers) {
            return Err(format!("{name} is of one pool, and others are refused"));
        }
        let mut verdict = Verdict::Harmless;
        for (before, now) in self.asked.iter().zip(&answers) {
            if before == now {
                continue;
            }
            if !now.is_refused() {
                return Err(format!("wrong: {now:?} instead of {before:?}"));
            }
            if !names_it(&log) {
                return Err(format!("{now:?}, and {name} is not named: {log}"));
            }
            verdict = Verdict::Named;
        }
        Ok(verdict)
    }
}

/// Runs a command on the data directory of a home; its exit code and all that it said.
pub(super) fn tidegate(home: &Path, command: &[&str]) -> (Option<i32>, String) {
    let mut tidegate = std::process::Command::new(crate::support::BINARY);
    let tidegate = tidegate.args(command).args(["--data-dir", "data"]);
    let output = tidegate
        .env_clear()
        .env("TIDEGATE_JOURNAL_SEGMENT_BYTES", "32MiB")
        .current_dir(home)
        .output();
    let output = output.expect("it runs");
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&told).into_owned(),
    )
}

/// Whether answers of one pool alone are other than they were.
fn is_of_one_pool(before: &[Asked], now: &[Asked]) -> bool {
    let changed = before.iter().zip(now).filter(|(before, now)| before != now);
    let pools: BTreeSet<&str> = changed.map(|(asked, _)| asked.pool()).collect();
    pools.len() <= 1
}

fn start(home: &Path) -> Result<Server, String> {
    let started = Launch::at(home).start();
    started.map_err(|ended| {
        assert!(ended.code.is_some(), "ended by a signal: {}", ended.log);
        assert!(!ended.log.contains("panicked"), "{}", ended.log);
        ended.log
    })
}

#[test]
fn d6_a_flipped_bit_is_harmless_or_named() {
    let short = 40;
    flip_each(&Original::new(), (6, short), |kind| kind == "journal log");
}

/// The journal says where the files are, what was deleted of them, and how far they reach.
#[test]
fn d6_a_flipped_bit_of_a_journal_that_names_files_is_harmless_or_named() {
    let short = 25;
    flip_each(&Original::kept_up(), (8, short), |kind| {
        kind == "journal log"
    });
}

/// Bar D6: every bit of a file of records and of its index is watched, by
/// `tidegate check` without exception, and by questions before they use it.
#[test]
fn d6_a_flipped_bit_of_files_is_harmless_or_named_and_fails_its_own_pool_alone() {
    let original = Original::in_files();
    flip_each(&original, (7, 12), |kind| {
        ["tables index", "tables parquet"].contains(&kind)
    });
}

/// Other programs read the Delta log, and older versions of it: `tidegate check`
/// names a bit of each. The server itself answers as before.
#[test]
fn a_flipped_bit_of_a_delta_log_is_named_and_touches_no_answer() {
    let original = Original::published();
    flip_each(&original, (9, 12), |kind| kind.starts_with("published "));
}

/// How far reading all files again has come, and room that is kept for bad
/// times: what is damaged is made anew.
#[test]
fn a_flipped_bit_of_what_is_made_anew_is_harmless() {
    let original = Original::published();
    flip_each(&original, (10, 8), |kind| {
        KINDS.contains(&(kind, Proven::Rebuilt))
    });
}

/// A bit of what says which journal belongs to a directory is no other journal.
#[test]
fn d6_a_flipped_bit_of_the_identity_is_named() {
    flip_each(&Original::new(), (12, 12), |kind| kind == "identity.json");
}

/// Every tag of a file of tokens or nonces, and until when it is known; nothing
/// when it cannot be read.
fn tags(file: &Path) -> Option<Vec<(Vec<u8>, i64)>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.ok()?;
        let tags = "SELECT tag, ends FROM tokens ORDER BY tag";
        let rows = sqlx::query_as(tags).fetch_all(&mut connection).await;
        let _closed = connection.close().await;
        rows.ok()
    })
}

/// A token that is known no more lets an event in twice, a nonce a request.
#[test]
fn a_flipped_bit_of_tokens_and_nonces_is_named_by_the_check() {
    let home = tempfile::tempdir().expect("a directory");
    let (server, _) = sample::published(home.path());
    sample::with_tokens(&server);
    sample::with_nonces(&server, 200);
    assert_eq!(server.terminate(), Some(0));
    let (code, told) = tidegate(home.path(), &["compact", "--flush"]);
    assert_eq!(code, Some(0), "{told}");
    let data = home.path().join("data");
    let mut random = Random::new(11);
    for kind in ["tokens.sqlite", "nonces.sqlite"] {
        assert!(KINDS.contains(&(kind, Proven::ByCheck)));
        let truth = tags(&data.join(kind)).expect("tags");
        assert!(!truth.is_empty(), "{kind} holds something");
        let (mut harmless, mut named) = (0, 0);
        let bytes = std::fs::read(data.join(kind)).expect("a file");
        let tag = &truth[0].0;
        let within_a_tag = bytes.windows(tag.len()).position(|part| part == tag);
        let mut within_a_tag = within_a_tag.map(|at| Bit {
            file: kind.into(),
            byte: at as u64,
            bit: 0,
        });
        for _ in 0..cases(30, 1_000) {
            let damaged = tempfile::tempdir().expect("a directory");
            copy_home(home.path(), damaged.path());
            // One is of a tag in any case; most of a file that holds few says nothing.
            let bit = within_a_tag.take();
            let bit = bit.unwrap_or_else(|| Bit::choose(&data, &[kind.into()], &mut random));
            bit.flip(&damaged.path().join("data"));
            let (code, told) = tidegate(damaged.path(), &["check"]);
            if code != Some(0) {
                assert!(told.contains(kind), "{bit:?}: {told}");
                named += 1;
            } else if let Some(found) = tags(&damaged.path().join("data").join(kind)) {
                assert_eq!(found, truth, "{bit:?}");
                harmless += 1;
            } else {
                // A server that asks for a tag is told, and lets nobody in.
                named += 1;
            }
        }
        note(&format!("{kind}: {named} named, {harmless} harmless"));
        assert!(named > 0, "{kind}: nothing was noticed");
    }
}

/// A kind of file that nobody thought of has no name in [`KINDS`].
#[test]
fn every_kind_of_file_is_known() {
    let home = tempfile::tempdir().expect("a directory");
    let (server, _) = sample::published(home.path());
    sample::with_tokens(&server);
    sample::with_nonces(&server, 1);
    // Stopped, so that everything is where it belongs; then used and killed, so
    // that what is under way is there, too.
    assert_eq!(server.terminate(), Some(0));
    let (code, told) = tidegate(home.path(), &["compact", "--flush"]);
    assert_eq!(code, Some(0), "{told}");
    let server = start(home.path()).expect("a start");
    sample::with_nonces(&server, 1);
    server.kill();
    let found: Vec<String> = kinds(&home.path().join("data")).into_keys().collect();
    let known: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(found, known);
}

/// Flips bits of each kind of files, one at a time: so many in the short form.
fn flip_each(original: &Original, (seed, short): (u64, usize), is_meant: impl Fn(&str) -> bool) {
    let data = original.home.path().join("data");
    let mut kinds = kinds(&data);
    kinds.retain(|kind, _| is_meant(kind));
    assert!(!kinds.is_empty(), "no files of this kind");
    let mut random = Random::new(seed);
    for (kind, files) in kinds {
        let (mut harmless, mut named) = (0, 0);
        for _ in 0..cases(short, 1_000) {
            let home = tempfile::tempdir().expect("a directory");
            copy_home(original.home.path(), home.path());
            std::fs::remove_file(home.path().join("log")).expect("a log");
            let bit = Bit::choose(&data, &files, &mut random);
            bit.flip(&home.path().join("data"));
            let is_checked = bit.file.starts_with("tables") && bit.is_named_by_check(home.path());
            match original.judge(home.path(), &bit.file) {
                Ok(Verdict::Harmless) if is_checked && kind.starts_with("published ") => named += 1,
                Ok(Verdict::Harmless) => harmless += 1,
                Ok(Verdict::Named) => named += 1,
                Err(fault) => panic!("{kind}: {bit:?}: {fault}"),
            }
        }
        note(&format!("{kind}: {named} named, {harmless} harmless"));
        assert!(
            named > 0 || KINDS.contains(&(kind.as_str(), Proven::Rebuilt)),
            "{kind}: nothing was noticed, {harmless} harmless"
        );
    }
}

#[test]
fn answers_that_are_silently_wrong_are_found_out() {
    let original = Original::new();
    let home = tempfile::tempdir().expect("a directory");
    copy_home(original.home.path(), home.path());
    let server = start(home.path()).expect("a start");
    let more = serde_json::json!({"customer": {"id": "c1"}});
    let sent = server.post(&server.master(), "/v1/pools/notes/records", &more);
    sent.expect(200);
    assert_eq!(server.terminate(), Some(0));
    let wrong = original.judge(home.path(), Path::new("journal"));
    assert!(wrong.expect_err("one record more").starts_with("wrong"));
}
