//! `tidegate import`.

mod content;
mod csv;
mod events;
mod idempotency;
mod lanes;
mod lines;
mod pool;
mod scanner;
mod send;
mod source;

use std::path::Path;

use indicatif::ProgressBar;
use model::names::Name;
use serde_json::{Value, json};

pub(super) use idempotency::Identity;
pub(super) use send::{Outcome, Sender, Sleep};

use super::{CommandError, connect, migrate};
use crate::cli::{FileFormat, ImportArgs, Origin};
use crate::client::{Client, ClientError};
use crate::output::{self, progress, table, table::Cell};
use source::{Amount, Batches, Source};

/// Rejected records that are listed; all are counted.
const LISTED: usize = 20;

/// Sends the records of a file, or carries over what the lists of Keen define.
///
/// # Errors
/// When the file cannot be read, the pool cannot be made, the server does not
/// take a batch, or records were rejected.
pub(super) fn run(args: &ImportArgs) -> Result<(), CommandError> {
    let Some(file) = args.file.as_deref() else {
        return migrate::run(args);
    };
    let pool = match &args.pool {
        Some(pool) => pool.clone(),
        None => pool_of(file)?,
    };
    let pool = Name::parse(&pool)
        .map_err(|rule| CommandError::Usage(format!("pool {pool}: {rule}; give --pool NAME")))?;
    let import = match args.keen.from {
        Some(Origin::Keen) => events_of(args, file, &pool)?,
        None => records_of(args, file, &pool)?,
    };
    send(args, file, pool.as_str(), import)
}

/// What is known of an import before it begins.
struct Import {
    client: Client,
    source: Source,
    made: pool::ReadyPool,
    /// The word for what the records are read as; part of their identity.
    kind: String,
    /// What the place of a record is called.
    place: &'static str,
}

fn records_of(args: &ImportArgs, file: &Path, pool: &Name) -> Result<Import, CommandError> {
    let format = match args.format {
        Some(format) => format,
        None => format_of(file)?,
    };
    let client = connect(&args.client)?;
    let mut source = Source::open(file, format, args.batch_size)?;
    let made = pool::ready(&client, pool.as_str(), args, format, &mut source)?;
    Ok(Import {
        client,
        source,
        made,
        kind: format!("{format:?}"),
        place: "line",
    })
}

/// Events that were exported from Keen.
fn events_of(args: &ImportArgs, file: &Path, pool: &Name) -> Result<Import, CommandError> {
    if pool::wants_new(args) {
        return Err(CommandError::Usage(
            "a collection of Keen is made as its first event makes it; for another definition make the pool first, with tidegate pools create"
                .to_owned(),
        ));
    }
    let are_lines = match args.format {
        None => false,
        Some(FileFormat::Ndjson) => true,
        Some(_) => {
            return Err(CommandError::Usage(
                "events of Keen are read from JSON: an extraction, a list, or ndjson".to_owned(),
            ));
        }
    };
    let client = connect(&args.client)?;
    let source = events::open(file, are_lines)?;
    let made = pool::ready_collection(&client, pool)?;
    Ok(Import {
        client,
        source,
        made,
        kind: "Keen".to_owned(),
        place: "event",
    })
}

fn send(args: &ImportArgs, file: &Path, pool: &str, import: Import) -> Result<(), CommandError> {
    let Import {
        client,
        source,
        made,
        kind,
        place,
    } = import;
    let identity = Identity::new(
        content::digest_of(file)?,
        &[
            &made.identity,
            &args.batch_size.to_string(),
            &kind,
            &args.label,
        ],
    );
    let bar = bar(source.amount());
    let mut sender = Sender::new(&client, pool, identity, &Sleep);
    let batches = Batches::new(source, args.batch_size as usize);
    let connections = connections(args, &made);
    let result = lanes::send_all(&mut sender, batches, connections, &bar);
    bar.finish_and_clear();
    let outcome = sender.into_outcome();
    if let Err(error) = result {
        report_stop(&outcome, place, &error);
        return Err(error);
    }
    report(&outcome, pool, place, made.created, args)
}

/// How many batches may be on their way at once. Where a record replaces an
/// earlier one, the order of the file decides, and it is kept.
fn connections(args: &ImportArgs, pool: &pool::ReadyPool) -> usize {
    const USUAL: u32 = 6;
    let usual = if pool.order_matters { 1 } else { USUAL };
    args.connections.unwrap_or(usual) as usize
}

fn bar(amount: Amount) -> ProgressBar {
    match amount {
        Amount::Bytes(total) => progress::bytes(total),
        Amount::Records(total) => progress::count(total, "records"),
        Amount::Unknown => progress::open_ended(),
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The file's name without `.gz`, and its ending in lower case.
fn endings(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = match name.to_ascii_lowercase().strip_suffix(".gz") {
        Some(plain) => name[..plain.len()].to_owned(),
        None => name.into_owned(),
    };
    match plain.rsplit_once('.') {
        Some((stem, ending)) => (stem.to_owned(), ending.to_ascii_lowercase()),
        None => (plain, String::new()),
    }
}

fn format_of(path: &Path) -> Result<FileFormat, CommandError> {
    if is_stdin(path) {
        return Ok(FileFormat::Ndjson);
    }
    match endings(path).1.as_str() {
        "ndjson" | "jsonl" => Ok(FileFormat::Ndjson),
        "csv" => Ok(FileFormat::Csv),
        "parquet" => Ok(FileFormat::Parquet),
        _ => Err(CommandError::Usage(format!(
            "{}: the name does not tell the format; give --format ndjson, csv or parquet",
            path.display()
        ))),
    }
}

fn pool_of(path: &Path) -> Result<String, CommandError> {
    if is_stdin(path) {
        return Err(CommandError::Usage(
            "standard input has no name; give --pool NAME".to_owned(),
        ));
    }
    Ok(endings(path).0)
}

/// Says how far the import came and how it goes on.
fn report_stop(outcome: &Outcome, place: &str, error: &CommandError) {
    list_faults(outcome, place);
    output::note(&format!(
        "stopped; stored: {}; rejected: {}",
        outcome.accepted, outcome.rejected
    ));
    match error {
        CommandError::Client(ClientError::Refused(problem)) if problem.status == 422 => {
            output::note(
                "this file was sent before with other content in the same place; --label TEXT sends it as a new one",
            );
        }
        CommandError::Client(ClientError::Refused(problem)) if problem.status == 413 => {
            output::note("send fewer records at once with --batch-size");
        }
        _ => output::note(
            "run the same command again within 24 hours to go on; what is stored is not stored twice",
        ),
    }
}

fn report(
    outcome: &Outcome,
    pool: &str,
    place: &str,
    created: bool,
    args: &ImportArgs,
) -> Result<(), CommandError> {
    if args.client.json {
        let errors: Vec<Value> = outcome
            .faults
            .iter()
            .take(LISTED)
            .map(|fault| fault.json(place))
            .collect();
        let summary = json!({
            "pool": pool, "created": created, "accepted": outcome.accepted,
            "rejected": outcome.rejected, "requests": outcome.requests, "errors": errors,
        });
        output::line(&summary.to_string())?;
    } else {
        list_faults(outcome, place);
        output::line(&format!(
            "stored in pool {pool}: {}; rejected: {}",
            outcome.accepted, outcome.rejected
        ))?;
    }
    if outcome.rejected > 0 {
        return Err(CommandError::Rejected {
            rejected: outcome.rejected,
        });
    }
    Ok(())
}

fn list_faults(outcome: &Outcome, place: &str) {
    if outcome.faults.is_empty() {
        return;
    }
    let rows: Vec<Vec<Cell>> = outcome
        .faults
        .iter()
        .take(LISTED)
        .map(|fault| {
            vec![
                Cell::number(fault.line),
                Cell::text(&*fault.code),
                fault.field.as_ref().map_or(Cell::Empty, Cell::text),
                Cell::text(&*fault.message),
            ]
        })
        .collect();
    let listed = rows.len() as u64;
    output::note(&table::render(
        &[place, "code", "field", "rejected because"],
        &rows,
        false,
    ));
    if outcome.rejected > listed {
        output::note(&format!("and {} more", outcome.rejected - listed));
    }
}

#[cfg(test)]
mod tests;
