//! `tidegate scan`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use model::secrets::{FoundToken, TokenScanner};
use serde_json::{Value, json};

use super::CommandError;
use crate::cli::ScanArgs;
use crate::output::{self, printable};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// What standard input is called.
const STANDARD_INPUT: &str = "-";

/// What was found so far.
#[derive(Debug, Default)]
struct Report {
    tokens: Vec<(String, FoundToken)>,
    files: u64,
    unreadable: Vec<String>,
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
    let mut report = Report::default();
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
        let mut scanner = TokenScanner::default();
        let mut piece = vec![0; PIECE];
        self.files += 1;
        loop {
            match bytes.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    let found = scanner.feed(&piece[..read]).into_iter();
                    self.tokens
                        .extend(found.map(|token| (place.to_owned(), token)));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.unreadable.push(format!("{place}: {error}"));
                    return;
                }
            }
        }
    }

    fn print(&self) -> Result<(), CommandError> {
        for (place, token) in &self.tokens {
            let place = printable(place);
            let FoundToken { line, kind, id } = token;
            let kind = kind.name();
            output::line(&format!("{place}:{line}: {kind} token, secret {id}"))?;
        }
        for what in &self.unreadable {
            output::note(&format!("cannot be read: {}", printable(what)));
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let tokens = self.tokens.iter().map(|(place, token)| {
            json!({
                "file": place, "line": token.line, "kind": token.kind.name(),
                "secret": token.id.to_string(),
            })
        });
        json!({
            "tokens": tokens.collect::<Value>(),
            "files": self.files,
            "unreadable": self.unreadable,
        })
    }

    fn end(&self) -> Result<(), CommandError> {
        match (self.tokens.len(), self.unreadable.len()) {
            (0, 0) => Ok(()),
            (0, _) => Err(CommandError::File("not everything was read".to_owned())),
            (1, _) => Err(CommandError::Failed("1 token was found".to_owned())),
            (count, _) => Err(CommandError::Failed(format!("{count} tokens were found"))),
        }
    }
}
