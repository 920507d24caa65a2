//! `tidegate keys`.

mod advice;

use serde_json::{Value, json};

use super::definitions::{joined, list, member, print_answer, print_list, print_properties};
use super::delivery::Delivery;
use super::filters::parse_grant;
use super::{CommandError, confirm, connect, files, parse, recover};
use crate::cli::{CreateKey, KeyCommand, KeysArgs, TokenTo};
use crate::client::{Body, Client, segment};
use crate::output::{self, table, table::Cell};

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, or a file or output fails.
pub(super) fn run(args: KeysArgs) -> Result<(), CommandError> {
    if let KeyCommand::Recover(args) = &args.command {
        return recover(args);
    }
    let client = connect(&args.client)?;
    let json = args.client.json;
    match args.command {
        KeyCommand::List => {
            let items = list(&client, "/v1/keys")?;
            if json {
                print_list(items)
            } else {
                print_keys(&items)
            }
        }
        KeyCommand::Get { id } => {
            let answer = client.get(&address(&id))?;
            print_key(&client, &answer, json)
        }
        KeyCommand::Create(args) => {
            let body = match &args.file {
                Some(path) => files::read_definition(path)?,
                None => from_flags(&args)?,
            };
            make(&client, "/v1/keys", &body, &args.token_to, json)
        }
        KeyCommand::Disable { id } => switch(&client, &id, "disable", json),
        KeyCommand::Enable { id } => switch(&client, &id, "enable", json),
        KeyCommand::Delete { id, yes, force } => {
            confirm(&format!("Delete key {id} for ever?"), yes)?;
            let force = if force { "?force=true" } else { "" };
            client.delete(&format!("{}{force}", address(&id)))?;
            output::note(&format!("key {id} is deleted"));
            Ok(())
        }
        KeyCommand::Copy { id, name, token_to } => {
            let body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
            let body = body.to_string().into_bytes();
            let path = format!("{}/copy", address(&id));
            make(&client, &path, &body, &token_to, json)
        }
        KeyCommand::Review { rule } => advice::review(&client, rule.as_deref(), json),
        KeyCommand::Simulate { id, change } => {
            advice::simulate(&client, &id, change.as_deref(), json)
        }
        KeyCommand::Recover(_) => unreachable!("handled before a server is looked for"),
    }
}

fn address(id: &str) -> String {
    format!("/v1/keys/{}", segment(id))
}

fn from_flags(args: &CreateKey) -> Result<Vec<u8>, CommandError> {
    let grants: Result<Vec<_>, _> = args.grants.iter().map(|text| parse_grant(text)).collect();
    let mut body = json!({ "name": args.name, "grants": grants? });
    if let Some(description) = &args.description {
        body["description"] = description.as_str().into();
    }
    if let Some(expires_at) = &args.expires_at {
        body["restrictions"] = json!({ "expires_at": expires_at });
    }
    Ok(body.to_string().into_bytes())
}

fn switch(client: &Client, id: &str, verb: &str, json: bool) -> Result<(), CommandError> {
    let answer = client.post(&format!("{}/{verb}", address(id)), Body::json(b"{}"))?;
    if answer.is_empty() {
        output::note(&format!("key {id} is {verb}d"));
        return Ok(());
    }
    print_key(client, &answer, json)
}

/// Makes a key and gives its token to the person, to a new file or to a
/// command. The file is made before the key, so that a token is never lost for
/// want of a place; a key whose token did not arrive is deleted again.
fn make(
    client: &Client,
    path: &str,
    body: &[u8],
    token_to: &TokenTo,
    json: bool,
) -> Result<(), CommandError> {
    let delivery = Delivery::prepare(token_to)?;
    let answer = client.post(path, Body::json(body))?;
    let mut key = parse(client, &answer)?;
    let token = key
        .as_object_mut()
        .and_then(|key| key.shift_remove("token"));
    let token = token.as_ref().and_then(Value::as_str).unwrap_or_default();
    if delivery.is_screen() {
        print_key(client, &answer, json)?;
        if json {
            return Ok(());
        }
        output::note("the token, shown this once; keep it secret:");
        return Ok(output::line(token)?);
    }
    if let Err(error) = delivery.deliver(token) {
        return Err(take_back(client, &key, &error));
    }
    print_key(client, key.to_string().as_bytes(), json)
}

/// Deletes a key whose token did not arrive, and says so.
fn take_back(client: &Client, key: &Value, error: &CommandError) -> CommandError {
    let id = key.get("id").and_then(Value::as_str).unwrap_or_default();
    let text = match client.delete(&address(id)) {
        Ok(_) => format!("{error}; the key {id} was deleted again"),
        Err(second) => {
            format!("{error}; the key {id} is there and its token is lost, delete it: {second}")
        }
    };
    match error {
        CommandError::File(_) => CommandError::File(text),
        _ => CommandError::Failed(text),
    }
}

fn print_keys(items: &[Value]) -> Result<(), CommandError> {
    let rows: Vec<Vec<Cell>> = items
        .iter()
        .map(|key| {
            let grants = key.get("grants").and_then(Value::as_array);
            vec![
                member(key, "id"),
                member(key, "name"),
                member(key, "kind"),
                member(key, "status"),
                Cell::number(grants.map_or(0, Vec::len)),
                member(key, "created_at"),
                member(key, "last_used_at"),
            ]
        })
        .collect();
    let headers = [
        "id",
        "name",
        "kind",
        "status",
        "grants",
        "created",
        "last used",
    ];
    Ok(output::line(&table::shown(&headers, &rows))?)
}

fn print_key(client: &Client, answer: &[u8], json: bool) -> Result<(), CommandError> {
    if json {
        return print_answer(answer);
    }
    let key = parse(client, answer)?;
    let expires = key.get("restrictions").map(|r| member(r, "expires_at"));
    print_properties(&[
        ("name", member(&key, "name")),
        ("id", member(&key, "id")),
        ("description", member(&key, "description")),
        ("kind", member(&key, "kind")),
        ("status", member(&key, "status")),
        ("expires", expires.unwrap_or(Cell::Empty)),
        ("created", member(&key, "created_at")),
        ("last used", member(&key, "last_used_at")),
    ])?;
    print_grants(&key)
}

/// Prints the grants of a key as a table.
///
/// # Errors
/// When standard output cannot be written.
pub(super) fn print_grants(key: &Value) -> Result<(), CommandError> {
    let grants = key.get("grants").and_then(Value::as_array);
    let rows: Vec<Vec<Cell>> = grants
        .into_iter()
        .flatten()
        .map(|grant| {
            vec![
                member(grant, "on"),
                joined(grant, "actions"),
                rows_cell(grant.get("constraints")),
                member(grant, "injections"),
                member(grant, "fields"),
            ]
        })
        .collect();
    if rows.is_empty() {
        return Ok(output::line("no grants")?);
    }
    let headers = ["grant on", "actions", "rows", "injects", "fields"];
    Ok(output::line(&table::shown(&headers, &rows))?)
}

/// Constraints as a person writes them, where they are simple.
fn rows_cell(constraints: Option<&Value>) -> Cell {
    let Some(Value::Array(filters)) = constraints else {
        return Cell::of(constraints);
    };
    let shown: Vec<String> = filters
        .iter()
        .map(|filter| {
            let part = |name: &str| filter.get(name);
            match (part("field"), part("operator"), part("value")) {
                (Some(Value::String(field)), Some(Value::String(operator)), Some(value)) => {
                    format!("{field} {operator} {value}")
                }
                _ => filter.to_string(),
            }
        })
        .collect();
    Cell::Text(shown.join(" and "))
}
