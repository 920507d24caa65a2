//! `tidegate check`.

use std::path::Path;
use std::sync::Arc;

use control::Inspected;
use lake::{InspectedPool, Inspection, PoolLayout, Strays};
use model::isolation::Isolation;
use model::pools::Pool;
use serde_json::{Value, json};

use super::{CommandError, environment};
use crate::cli::{CheckArgs, DataDirArgs};
use crate::config::{FileSettings, Layers};
use crate::output::progress;
use crate::output::table::{self, Cell};
use crate::output::{self, printable};
use crate::serve::{ControlFound, Offline, ServeError};

/// What was found.
struct Report {
    control: ControlFound,
    inspection: Inspection,
    strays: Strays,
    /// What is wrong, each with what to do.
    problems: Vec<String>,
}

/// Looks at everything and prints what it finds.
///
/// # Errors
/// When something is not what was written, or cannot be looked at.
pub(super) fn run(args: &CheckArgs) -> Result<(), CommandError> {
    let offline = Offline::to_read(&data_dir(&args.data)?)?;
    let report = look(&offline)?;
    if args.json {
        output::line(&format!("{:#}", report.json()))?;
    } else {
        report.print()?;
    }
    match report.problems.len() {
        0 => Ok(()),
        1 => Err(CommandError::Failed(
            "1 problem was found; nothing was changed".to_owned(),
        )),
        count => Err(CommandError::Failed(format!(
            "{count} problems were found; nothing was changed"
        ))),
    }
}

/// The data directory that flags, environment or settings file name.
pub(super) fn data_dir(args: &DataDirArgs) -> Result<std::path::PathBuf, CommandError> {
    let file = FileSettings::load(args.config.as_deref())?;
    Ok(Layers::new(args.flags(), &environment, file).data_dir()?)
}

fn look(offline: &Offline) -> Result<Report, ServeError> {
    let control = offline.control()?;
    let inspection = offline.lake(control.inspected.as_ref())?;
    let strays = inspection.strays()?;
    let mut problems = control.problems.clone();
    problems.extend(offline.token_problems());
    audit_problems(&control, &mut problems);
    journal_problems(&control, &inspection, &mut problems);
    if inspection.journal_damage.is_none() {
        problems.extend(offline.identity_problem());
    }
    verify(&inspection, &mut problems);
    for path in &strays.unknown {
        problems.push(format!(
            "{}: a file of records that the journal does not know; if an older journal was put \
             back, put back the files of its time as well",
            path.display()
        ));
    }
    for path in &strays.aside_needed {
        problems.push(format!(
            "{}: set aside by a start that did not know the journal, and the journal names it; take \
             the ending .aside from its name and start the server, which reads it again",
            path.display()
        ));
    }
    Ok(Report {
        control,
        inspection,
        strays,
        problems,
    })
}

fn audit_problems(control: &ControlFound, problems: &mut Vec<String>) {
    let audits = control.inspected.iter().flat_map(|found| &found.audit);
    for audit in audits {
        let findings = audit.verified.findings.iter();
        problems.extend(findings.map(|f| format!("the audit of project {}: {f}", audit.project)));
    }
}

fn journal_problems(control: &ControlFound, inspection: &Inspection, problems: &mut Vec<String>) {
    if let Some(damage) = &inspection.journal_damage {
        problems.push(format!(
            "{damage}; what is said of files is what the rest of the journal tells"
        ));
    }
    if control.inspected.is_none() || inspection.journal_damage.is_some() {
        return;
    }
    if inspection.unknown_records > 0 {
        problems.push(format!(
            "the journal holds {} records of pools that the control database does not know; if an \
             older control database was put back, put back the one of the journal's time",
            inspection.unknown_records
        ));
    }
    let strangers = inspection.pools.iter();
    let strangers = strangers.filter(|pool| pool.name.is_none() && !pool.dropped);
    for pool in strangers.filter(|pool| !pool.files.is_empty()) {
        problems.push(format!(
            "there are {} records in files of the pool {}, which the control database does not \
             know; if an older one was put back, put back the one of the journal's time",
            pool.layout.rows, pool.id
        ));
    }
}

/// Reads every file, whatever is wrong with others.
fn verify(inspection: &Inspection, problems: &mut Vec<String>) {
    let bytes = inspection.pools.iter().flat_map(|pool| &pool.files);
    let bar = progress::bytes(bytes.map(|file| file.bytes()).sum());
    for pool in &inspection.pools {
        bar.set_message(label(pool));
        for file in &pool.files {
            if let Err(error) = inspection.verify(file, &mut |read| bar.inc(read)) {
                problems.push(error.to_string());
            }
        }
        if let (false, Err(error)) = (pool.dropped, inspection.verify_published(pool)) {
            problems.push(error);
        }
    }
    bar.finish_and_clear();
}

/// The pools that somebody made.
fn made(control: &Inspected) -> impl Iterator<Item = &Arc<Pool>> {
    control.pools.iter().filter(|pool| !pool.is_usage())
}

fn label(pool: &InspectedPool) -> String {
    match &pool.name {
        Some(name) => printable(name),
        None => pool.id.to_string(),
    }
}

impl Report {
    fn print(&self) -> Result<(), CommandError> {
        let headers = [
            "pool",
            "records",
            "files",
            "bytes",
            "files per customer",
            "rewrites",
            "deletes waiting",
            "lies by",
        ];
        let rows: Vec<Vec<Cell>> = self.inspection.pools.iter().map(row).collect();
        if !rows.is_empty() {
            output::line(&table::shown(&headers, &rows))?;
        }
        if let Some(control) = &self.control.inspected {
            output::line(&format!(
                "control database: {} pools, {} keys, {} audit entries; journal: {} operations",
                made(control).count(),
                control.keys,
                audit_entries(control),
                self.inspection.operations
            ))?;
        }
        for path in &self.strays.foreign {
            output::line(&format!("foreign, not read: {}", shown(path)))?;
        }
        for path in &self.strays.aside {
            output::line(&format!(
                "set aside by a start that did not know the journal, not read: {}; this journal does \
                 not need it; it may hold records that were deleted since, so remove it once the \
                 journal is known to be the right one",
                shown(path)
            ))?;
        }
        let leftovers = self.strays.leftovers.len();
        if leftovers > 0 {
            output::line(&format!(
                "{leftovers} files are left over from ended work; a running server takes them away"
            ))?;
        }
        for problem in &self.problems {
            output::line(&format!("PROBLEM: {}", printable(problem)))?;
        }
        if self.problems.is_empty() {
            output::line("everything is as it was written")?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let control = self.control.inspected.as_ref();
        let paths = |paths: &[std::path::PathBuf]| -> Value {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        json!({
            "sound": self.problems.is_empty(),
            "problems": self.problems,
            "control": control.map(|control| json!({
                "pools": made(control).count(), "keys": control.keys,
                "audit_entries": audit_entries(control)})),
            "journal": {"operations": self.inspection.operations,
                "unknown_records": self.inspection.unknown_records},
            "pools": self.inspection.pools.iter().map(pool_json).collect::<Value>(),
            "foreign": paths(&self.strays.foreign),
            "unknown": paths(&self.strays.unknown),
            "aside": paths(&self.strays.aside),
            "aside_needed": paths(&self.strays.aside_needed),
            "leftovers": paths(&self.strays.leftovers),
        })
    }
}

fn audit_entries(control: &Inspected) -> u64 {
    let audits = control.audit.iter();
    audits.map(|audit| audit.verified.entries).sum()
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn row(pool: &InspectedPool) -> Vec<Cell> {
    let name = match (&pool.name, pool.dropped) {
        (_, true) => format!("{} (dropped)", pool.id),
        (Some(name), false) => name.clone(),
        (None, false) => format!("{} (unknown)", pool.id),
    };
    let records = match (pool.layout.rows, pool.records_in_journal) {
        (files, 0) => files.to_string(),
        (files, journal) => format!("{files} + {journal}"),
    };
    vec![
        Cell::text(name),
        Cell::Number(records),
        Cell::number(pool.files.len()),
        Cell::number(pool.bytes()),
        Cell::number(pool.layout.files_per_customer),
        Cell::Number(format!("{:.1}", pool.layout.rewrites_per_record)),
        Cell::number(pool.removals_waiting),
        Cell::text(lies_by(&pool.layout)),
    ]
}

/// The field by which files lie, whether it was learned, and how many files
/// lie otherwise.
fn lies_by(layout: &PoolLayout) -> String {
    let by = match &layout.isolation {
        Isolation::Named(field) => field.to_string(),
        Isolation::Learned(field) => format!("{field} (learned)"),
        Isolation::Nothing => "time".to_owned(),
    };
    match layout.files_otherwise {
        0 => by,
        1 => format!("{by}, 1 file not yet"),
        files => format!("{by}, {files} files not yet"),
    }
}

fn isolation_json(isolation: &Isolation) -> Value {
    let is_learned = matches!(isolation, Isolation::Learned(_));
    let field = isolation.column();
    field.map_or(
        Value::Null,
        |field| json!({"field": field.as_str(), "learned": is_learned}),
    )
}

fn pool_json(pool: &InspectedPool) -> Value {
    json!({
        "id": pool.id.to_string(), "name": pool.name, "dropped": pool.dropped,
        "records_in_files": pool.layout.rows, "records_in_journal": pool.records_in_journal,
        "files": pool.files.len(), "bytes": pool.bytes(),
        "isolation": isolation_json(&pool.layout.isolation),
        "files_otherwise": pool.layout.files_otherwise,
        "files_per_customer": pool.layout.files_per_customer,
        "runs_per_customer": pool.layout.runs_per_customer,
        "rewrites_per_record": pool.layout.rewrites_per_record,
        "removals_waiting": pool.removals_waiting, "obsolete_files": pool.obsolete,
    })
}
