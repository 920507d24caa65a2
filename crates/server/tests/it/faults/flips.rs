//! One bit of one file is not what it was. The answers are what they were,
//! or the server says which file is damaged; it never answers wrongly.
//!
//! The control database is left out: SQLite has no checksums of its own, and
//! finds only damage to its structure. Those of its rows that say who may do
//! what are flipped where they are made (`control/src/store/sealed.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use lake::simulation::Random;

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

/// The files of a data directory by kind: those of the journal, and those of
/// the tables by what their names end with. A new kind is found by itself.
fn kinds(data: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for directory in ["journal", "tables"] {
        if !data.join(directory).is_dir() {
            continue;
        }
        for file in files_below(&data.join(directory)) {
            let relative = file.strip_prefix(data).expect("below").to_owned();
            let ending = file.extension().unwrap_or_default().to_string_lossy();
            let is_empty = file.metadata().expect("a file").len() == 0;
            if !is_empty && ending != "tmp" {
                let kind = kinds.entry(format!("{directory} {ending}")).or_default();
                kind.push(relative);
            }
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
fn a_flipped_bit_is_harmless_or_named() {
    let short = 40;
    flip_each(&Original::new(), (6, short), |kind| kind == "journal log");
}

/// The journal says where the files are, what was deleted of them, and how far they reach.
#[test]
fn a_flipped_bit_of_a_journal_that_names_files_is_harmless_or_named() {
    let short = 25;
    flip_each(&Original::kept_up(), (8, short), |kind| {
        kind == "journal log"
    });
}

/// Bar D6: every bit of a file of records and of its index is watched, by
/// `tidegate check` without exception, and by questions before they use it.
#[test]
fn a_flipped_bit_of_files_is_harmless_or_named_and_fails_its_own_pool_alone() {
    let original = Original::in_files();
    flip_each(&original, (7, 12), |kind| {
        ["tables index", "tables parquet"].contains(&kind)
    });
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
            if bit.file.starts_with("tables") {
                let (code, told) = tidegate(home.path(), &["check"]);
                let name = bit.file.file_name().expect("a name").to_string_lossy();
                assert_eq!(code, Some(1), "{bit:?}: {told}");
                assert!(told.contains(&*name), "{bit:?}: {told}");
            }
            match original.judge(home.path(), &bit.file) {
                Ok(Verdict::Harmless) => harmless += 1,
                Ok(Verdict::Named) => named += 1,
                Err(fault) => panic!("{kind}: {bit:?}: {fault}"),
            }
        }
        note(&format!("{kind}: {named} named, {harmless} harmless"));
        assert!(
            named > 0,
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
