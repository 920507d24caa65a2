//! `tidegate audit verify`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use control::VerifiedProject;
use model::audit::{ChainedEntry, Checkpoint, Verifier, VerifierKey};
use serde_json::{Value, json};

use super::CommandError;
use crate::cli::VerifyArgs;
use crate::commands::check::data_dir;
use crate::output::{self, printable};
use crate::serve::Offline;

/// What a note of a checkpoint begins with.
const NOTE: &str = "tidegate/audit/";

/// A checkpoint as it stands in a file.
struct Kept {
    /// Where.
    place: String,
    note: String,
    /// The key that stands beside it.
    key: Option<VerifierKey>,
}

/// Verifies and prints what it finds.
///
/// # Errors
/// When something is not what was written, or cannot be looked at.
pub(super) fn run(args: &VerifyArgs) -> Result<(), CommandError> {
    let kept = kept(&args.checkpoints)?;
    let offline = match &args.export {
        Some(_) => None,
        None => Some(Offline::to_read(&data_dir(&args.data)?)?),
    };
    let key = key(args, offline.as_ref())?;
    let mut problems = Vec::new();
    let mut believed = BTreeSet::new();
    let checkpoints = opened(&kept, key.as_ref(), &mut problems, &mut believed);
    let verified = match (&args.export, &offline) {
        (Some(export), _) => vec![verify_export(export, &checkpoints)?],
        (None, Some(offline)) => offline.verify_audit(&checkpoints)?,
        (None, None) => Vec::new(),
    };
    for project in &verified {
        let findings = project.verified.findings.iter();
        problems.extend(findings.map(|f| format!("project {}: {f}", project.project)));
    }
    let is_compared = verified
        .iter()
        .any(|project| project.verified.checkpoints > 0);
    if !checkpoints.is_empty() && !is_compared {
        problems.push("none of the checkpoints is of what was looked at".to_owned());
    }
    if args.json {
        print_json(&verified, &problems)?;
    } else {
        print(&verified, &problems)?;
    }
    for key in believed {
        output::note(&format!(
            "the checkpoints' own key was believed; compare it with one that you noted before, or \
             give --verifier-key: {key}"
        ));
    }
    if checkpoints.is_empty() && problems.is_empty() {
        output::note(
            "without a checkpoint from elsewhere, an audit whose end was cut off, or that was \
             written anew with all its hashes, looks whole; give --checkpoint FILE",
        );
    }
    match problems.len() {
        0 => Ok(()),
        1 => Err(CommandError::Failed("1 problem was found".to_owned())),
        count => Err(CommandError::Failed(format!("{count} problems were found"))),
    }
}

/// The key that checkpoints must be signed by, where one is known.
fn key(args: &VerifyArgs, offline: Option<&Offline>) -> Result<Option<VerifierKey>, CommandError> {
    if let Some(text) = &args.verifier_key {
        let key = VerifierKey::parse(text.trim());
        return key.map(Some).ok_or_else(|| {
            let rule = "--verifier-key is what `audit checkpoint` names as verifier_key";
            CommandError::Usage(rule.to_owned())
        });
    }
    let Some(offline) = offline else {
        return Ok(None);
    };
    Ok(offline.audit_verifier(args.pepper_file.as_deref())?)
}

/// The checkpoints of the files. What is none is told of, and no reason to
/// look at the others no more: a crash may have cut a line off.
fn kept(paths: &[std::path::PathBuf]) -> Result<Vec<Kept>, CommandError> {
    let mut all = Vec::new();
    for path in paths {
        let shown = printable(&path.display().to_string());
        let text = std::fs::read_to_string(path)
            .map_err(|error| CommandError::File(format!("cannot read {shown}: {error}")))?;
        let before = all.len();
        if text.starts_with(NOTE) {
            all.push(Kept {
                place: shown.clone(),
                note: text,
                key: None,
            });
            continue;
        }
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.is_empty()) {
            let place = format!("{shown}, line {number}");
            match of_line(line) {
                Some((note, key)) => all.push(Kept { place, note, key }),
                None => output::note(&format!("{place} is no checkpoint and was passed over")),
            }
        }
        if all.len() == before {
            return Err(CommandError::Usage(format!("{shown} holds no checkpoint")));
        }
    }
    Ok(all)
}

fn of_line(line: &str) -> Option<(String, Option<VerifierKey>)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let note = value.get("note")?.as_str()?.to_owned();
    let key = value.get("verifier_key").and_then(Value::as_str);
    Some((note, key.and_then(VerifierKey::parse)))
}

/// The checkpoints whose signatures hold.
fn opened(
    kept: &[Kept],
    key: Option<&VerifierKey>,
    problems: &mut Vec<String>,
    believed: &mut BTreeSet<String>,
) -> Vec<Checkpoint> {
    let mut all = Vec::new();
    for kept in kept {
        let Some(with) = key.or(kept.key.as_ref()) else {
            let place = &kept.place;
            problems.push(format!(
                "{place}: nothing says by which key it was signed; give --verifier-key or --pepper-file"
            ));
            continue;
        };
        match Checkpoint::open(&kept.note, with) {
            Ok(checkpoint) => {
                if key.is_none() {
                    believed.insert(with.to_string());
                }
                all.push(checkpoint);
            }
            Err(error) => problems.push(format!("{}: {error}", kept.place)),
        }
    }
    all
}

/// Verifies the export of one project.
fn verify_export(path: &Path, checkpoints: &[Checkpoint]) -> Result<VerifiedProject, CommandError> {
    let shown = printable(&path.display().to_string());
    let failed =
        |error: std::io::Error| CommandError::File(format!("cannot read {shown}: {error}"));
    let mut lines = BufReader::new(File::open(path).map_err(failed)?).lines();
    let empty = || CommandError::Usage(format!("{shown} holds no entry"));
    let first = lines.next().ok_or_else(empty)?.map_err(failed)?;
    let unreadable = |error| CommandError::Failed(format!("{shown}, line 1: {error}"));
    let first = ChainedEntry::parse(&first).map_err(unreadable)?;
    let project = first.entry.project;
    let mut verifier = Verifier::new(checkpoints.iter().filter(|c| c.project == project));
    verifier.entry(&first);
    for line in lines {
        match ChainedEntry::parse(&line.map_err(failed)?) {
            Ok(entry) => verifier.entry(&entry),
            Err(_) => verifier.unreadable(None),
        }
    }
    Ok(VerifiedProject {
        project: project.to_string(),
        verified: verifier.finish(None),
    })
}

fn print(verified: &[VerifiedProject], problems: &[String]) -> Result<(), CommandError> {
    for project in verified {
        let found = &project.verified;
        let state = match found.findings.len() {
            0 => "as they were written",
            _ => "NOT as they were written",
        };
        output::line(&format!(
            "project {}: {} entries, {state}; compared with {} checkpoints; root {}",
            printable(&project.project),
            found.entries,
            found.checkpoints,
            found.head.root
        ))?;
    }
    for problem in problems {
        output::line(&format!("PROBLEM: {}", printable(problem)))?;
    }
    Ok(())
}

fn print_json(verified: &[VerifiedProject], problems: &[String]) -> Result<(), CommandError> {
    let projects: Value = verified
        .iter()
        .map(|project| {
            let found = &project.verified;
            let findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
            json!({
                "project": project.project,
                "entries": found.entries,
                "checkpoints": found.checkpoints,
                "root": found.head.root.to_string(),
                "link": found.head.link.to_string(),
                "findings": findings,
            })
        })
        .collect();
    let sound = problems.is_empty();
    let report = json!({ "sound": sound, "problems": problems, "projects": projects });
    Ok(output::line(&format!("{report:#}"))?)
}
