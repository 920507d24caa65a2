//! `tidegate scan`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

mod reporting;

use ignore::{DirEntry, WalkBuilder};
use model::secrets::{DerivedScanner, SecretId, TokenScanner};
use serde_json::{Value, json};

use super::CommandError;
use crate::cli::ScanArgs;
use crate::output::{self, printable};
use reporting::Reporter;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// The kind of tokens that were signed by the holder of a key.
const DERIVED: &str = "derived";
/// What standard input is called.
const STANDARD_INPUT: &str = "-";

/// What was found so far.
#[derive(Debug, Default)]
struct Report {
    tokens: Vec<Found>,
    files: u64,
    unreadable: Vec<String>,
    /// Where tokens are sent.
    reporter: Option<Reporter>,
    /// The first report that was not taken; none is sent after it.
    not_taken: Option<CommandError>,
}

/// A token, and where it is.
#[derive(Debug)]
struct Found {
    place: String,
    line: u64,
    /// Of which kind its key is, or that it is derived from one.
    kind: &'static str,
    /// The secret that it is, or is signed under.
    id: SecretId,
    /// Of one that was reported: whether it is one of the server.
    valid: Option<bool>,
}

/// Looks through files or standard input.
///
/// # Errors
/// When a token was found, or something cannot be read.
pub(super) fn run(args: &ScanArgs) -> Result<(), CommandError> {
    let standard = vec![PathBuf::from(STANDARD_INPUT)];
    let paths = match args.paths.as_slice() {
        [] if io::stdin().is_terminal() => {
            return Err(CommandError::Usage(
                "nothing to look through: name files or directories, such as .".to_owned(),
            ));
        }
        [] => &standard,
        paths => paths,
    };
    let mut report = Report {
        reporter: Reporter::new(args)?,
        ..Report::default()
    };
    for path in paths {
        report.path(path, args.no_ignore);
    }
    if args.json {
        output::line(&format!("{:#}", report.json()))?;
    } else {
        report.print()?;
    }
    report.end()
}

impl Report {
    fn path(&mut self, path: &Path, no_ignore: bool) {
        if path == Path::new(STANDARD_INPUT) {
            return self.read(STANDARD_INPUT, &mut io::stdin().lock());
        }
        let mut walk = WalkBuilder::new(path);
        walk.standard_filters(!no_ignore)
            // What is ignored is so outside of a repository, too.
            .require_git(false)
            .hidden(false)
            .filter_entry(|entry: &DirEntry| entry.file_name() != ".git")
            .sort_by_file_path(Path::cmp);
        for entry in walk.build() {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    self.file(entry.path());
                }
                Ok(_) => {}
                Err(error) => self.unreadable.push(error.to_string()),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        match File::open(path) {
            Ok(mut file) => self.read(&shown, &mut file),
            Err(error) => self.unreadable.push(format!("{shown}: {error}")),
        }
    }

    fn read(&mut self, place: &str, bytes: &mut dyn Read) {
        let (mut scanner, mut derived) = (TokenScanner::default(), DerivedScanner::default());
        let mut piece = vec![0; PIECE];
        self.files += 1;
        loop {
            match bytes.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    for (found, secret) in scanner.feed_whole(&piece[..read]) {
                        let kind = (found.kind.name(), found.id);
                        self.found(place, found.line, kind, secret.reveal());
                    }
                    for (found, token) in derived.feed(&piece[..read]) {
                        let kind = (DERIVED, found.secret);
                        self.found(place, found.line, kind, token.reveal());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.unreadable.push(format!("{place}: {error}"));
                    return;
                }
            }
        }
    }

    fn found(&mut self, place: &str, line: u64, of: (&'static str, SecretId), token: &str) {
        let valid = self.send(&format!("{place}:{line}"), token);
        self.tokens.push(Found {
            place: place.to_owned(),
            line,
            kind: of.0,
            id: of.1,
            valid,
        });
    }

    /// Reports a token, as long as the server takes reports.
    fn send(&mut self, place: &str, token: &str) -> Option<bool> {
        let reporter = self.reporter.as_mut()?;
        if self.not_taken.is_some() {
            return None;
        }
        match reporter.report(token, place) {
            Ok(valid) => Some(valid),
            Err(error) => {
                self.not_taken = Some(error);
                None
            }
        }
    }

    fn print(&self) -> Result<(), CommandError> {
        for found in &self.tokens {
            let place = printable(&found.place);
            let Found { line, kind, id, .. } = found;
            let reported = match found.valid {
                None => "",
                Some(true) => ", reported",
                Some(false) => ", not of that server",
            };
            output::line(&format!(
                "{place}:{line}: {kind} token, secret {id}{reported}"
            ))?;
        }
        for what in &self.unreadable {
            output::note(&format!("cannot be read: {}", printable(what)));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let tokens = self.tokens.iter().map(|found| {
            let mut shown = json!({
                "file": found.place, "line": found.line, "kind": found.kind,
                "secret": found.id.to_string(),
            });
            if self.reporter.is_some() {
                shown["valid"] = json!(found.valid);
            }
            shown
        });
        json!({
            "tokens": tokens.collect::<Value>(),
            "files": self.files,
            "unreadable": self.unreadable,
        })
    }

    fn end(self) -> Result<(), CommandError> {
        if let Some(error) = self.not_taken {
            return Err(error);
        }
        match (self.tokens.len(), self.unreadable.len()) {
            (0, 0) => Ok(()),
            (0, _) => Err(CommandError::File("not everything was read".to_owned())),
            (1, _) => Err(CommandError::Failed("1 token was found".to_owned())),
            (count, _) => Err(CommandError::Failed(format!("{count} tokens were found"))),
        }
    }
}
