//! `tidegate audit`.

mod verify;

use serde_json::Value;

use super::definitions::{member, print_answer, print_list};
use super::{CommandError, connect, parse};
use crate::cli::{AuditArgs, AuditCommand};
use crate::client::{Client, segment};
use crate::output::{self, table, table::Cell};

/// Entries that are asked for at once.
const PAGE_ITEMS: usize = 1_000;

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, a file or output fails, or an audit is not what
/// was written.
pub(super) fn run(args: AuditArgs) -> Result<(), CommandError> {
    match args.command {
        AuditCommand::Verify(args) => verify::run(&args),
        AuditCommand::Checkpoint { client } => {
            print_answer(&connect(&client)?.get("/v1/audit/checkpoint")?)
        }
        AuditCommand::Export { client, format } => {
            let path = format!("/v1/audit/export?format={}", format.word());
            let mut out = std::io::stdout().lock();
            Ok(connect(&client)?.download(&path, &mut out)?)
        }
        AuditCommand::List {
            client,
            actor,
            subject,
            action,
            from,
            to,
            limit,
        } => {
            let search = [
                ("actor", actor),
                ("subject", subject),
                ("action", action),
                ("from", from),
                ("to", to),
            ];
            let search: String = search
                .iter()
                .filter_map(|(name, value)| {
                    let value = value.as_deref()?;
                    Some(format!("&{name}={}", segment(value)))
                })
                .collect();
            let items = entries(&connect(&client)?, &search, limit)?;
            if client.json {
                print_list(items)
            } else {
                print_entries(&items)
            }
        }
    }
}

/// The newest entries that fit, `limit` at most.
fn entries(client: &Client, search: &str, limit: usize) -> Result<Vec<Value>, CommandError> {
    let mut items = Vec::new();
    let mut after = String::new();
    while items.len() < limit {
        let count = PAGE_ITEMS.min(limit - items.len());
        let page = client.get(&format!("/v1/audit?limit={count}{after}{search}"))?;
        let mut page = parse(client, &page)?;
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={}", segment(next)),
            None => break,
        }
    }
    Ok(items)
}

fn print_entries(items: &[Value]) -> Result<(), CommandError> {
    let members = [
        "sequence",
        "at",
        "actor",
        "address",
        "action",
        "subject_name",
        "subject_id",
    ];
    let rows: Vec<Vec<Cell>> = items
        .iter()
        .map(|entry| members.map(|name| member(entry, name)).to_vec())
        .collect();
    let headers = ["no.", "at", "by", "from", "what", "of", "id"];
    Ok(output::line(&table::shown(&headers, &rows))?)
}
