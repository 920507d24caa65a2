//! `tidegate keys`.

mod advice;
mod derive;
mod issued;
mod making;
mod signing;

use serde_json::{Value, json};

use super::definitions::{joined, list, member, print_answer, print_list, print_properties};
use super::filters::parse_grant;
use super::{CommandError, confirm, connect, files, parse, recover};
use crate::cli::{CreateKey, KeyCommand, KeysArgs, NewKey, Proof};
use crate::client::{Body, Client, ClientError, segment};
use crate::output::{self, table, table::Cell};

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, or a file or output fails.
pub(super) fn run(args: KeysArgs) -> Result<(), CommandError> {
    if let KeyCommand::Recover(args) = &args.command {
        return recover(args);
    }
    if let KeyCommand::Derive(derive) = &args.command {
        return derive::run(derive, &args.client);
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
        KeyCommand::Create(CreateKey { new, proof }) => {
            let body = match &new.file {
                // As it is: numbers that are too wide for this program stay what they are.
                Some(path) if proof.code.is_none() => files::read_definition(path)?,
                Some(path) => {
                    let body = parse(&client, &files::read_definition(path)?)?;
                    proven(body, &proof).to_string().into_bytes()
                }
                None => proven(from_flags(&new)?, &proof).to_string().into_bytes(),
            };
            making::make(&client, (KEYS, KEYS), &body, &new.token_to, json)
        }
        KeyCommand::Disable { id } => {
            let told = format!("key {id} is disabled");
            change(&client, &id, ("disable", &told), &json!({}), json)
        }
        KeyCommand::Enable { id, proof } => {
            let told = format!("key {id} is enabled");
            let body = proven(json!({}), &proof);
            change(&client, &id, ("enable", &told), &body, json)
        }
        KeyCommand::Roll {
            id,
            grace,
            end_after_silence,
            force,
            proof,
            token_to,
        } => {
            let mut body = json!({ "grace": grace, "force": force });
            if let Some(minutes) = end_after_silence {
                body["end_after_silence"] = minutes.into();
            }
            let body = proven(body, &proof);
            making::roll(&client, (KEYS, &id), body, &token_to, json)
        }
        KeyCommand::EndGrace { id, force } => {
            let told = format!("the old token of key {id} has ended");
            let body = json!({ "force": force });
            change(&client, &id, ("end-grace", &told), &body, json)
        }
        KeyCommand::UndoRoll { id, force, proof } => {
            let told = format!("the roll of key {id} is taken back");
            let body = proven(json!({ "force": force }), &proof);
            change(&client, &id, ("undo-roll", &told), &body, json)
        }
        KeyCommand::Delete { id, yes, force } => {
            confirm(&format!("Delete key {id} for ever?"), yes)?;
            let force = if force { "?force=true" } else { "" };
            client.delete(&format!("{}{force}", address(&id)))?;
            output::note(&format!("key {id} is deleted"));
            Ok(())
        }
        KeyCommand::Copy {
            id,
            name,
            expires_at,
            rotate_after,
            proof,
            token_to,
        } => {
            let mut body = name.map_or_else(|| json!({}), |name| json!({ "name": name }));
            let life = [("expires_at", expires_at), ("rotate_after", rotate_after)];
            for (member, said) in life {
                if let Some(said) = said {
                    body[member] = match said.as_str() {
                        "never" => Value::Null,
                        _ => said.into(),
                    };
                }
            }
            let path = format!("{}/copy", address(&id));
            let body = proven(body, &proof).to_string();
            making::make(&client, (KEYS, &path), body.as_bytes(), &token_to, json)
        }
        KeyCommand::Issued(command) => issued::run(&client, command, json),
        KeyCommand::SigningSecrets(command) => signing::run(&client, command, json),
        KeyCommand::Review { rule } => advice::review(&client, rule.as_deref(), json),
        KeyCommand::Simulate { id, change } => {
            advice::simulate(&client, &id, change.as_deref(), json)
        }
        KeyCommand::Recover(_) | KeyCommand::Derive(_) => {
            unreachable!("handled before a server is looked for")
        }
    }
}

/// The keys of the project.
const KEYS: &str = "/v1/keys";

fn address(id: &str) -> String {
    of(KEYS, id)
}

/// The address of one of these keys.
fn of(keys: &str, id: &str) -> String {
    format!("{keys}/{}", segment(id))
}

/// The body of a change with the proof of a person, if one is given.
fn proven(mut body: Value, proof: &Proof) -> Value {
    if let (Some(person), Some(code)) = (&proof.person, &proof.code) {
        body["person"] = person.as_str().into();
        body["code"] = code.as_str().into();
    }
    body
}

fn from_flags(args: &NewKey) -> Result<Value, CommandError> {
    let grants: Result<Vec<_>, _> = args.grants.iter().map(|text| parse_grant(text)).collect();
    let mut body = json!({ "name": args.name, "grants": grants? });
    if let Some(description) = &args.description {
        body["description"] = description.as_str().into();
    }
    if let Some(expires_at) = &args.expires_at {
        body["restrictions"] = json!({ "expires_at": expires_at });
    }
    Ok(body)
}

/// Changes a key by the call of this name, and prints the key, or says what is
/// so now where the answer has none.
fn change(
    client: &Client,
    id: &str,
    (call, told): (&str, &str),
    body: &Value,
    json: bool,
) -> Result<(), CommandError> {
    let answer = send_change(client, &address(id), call, body)?;
    show_change(client, &answer, told, json)
}

/// Prints what a change answered.
fn show_change(client: &Client, answer: &[u8], told: &str, json: bool) -> Result<(), CommandError> {
    if answer.is_empty() {
        output::note(told);
        return Ok(());
    }
    print_key(client, answer, json)
}

/// Changes a key without a word.
fn change_quietly(client: &Client, key: &str, call: &str, body: &Value) -> Result<(), ClientError> {
    send_change(client, key, call, body).map(drop)
}

fn send_change(
    client: &Client,
    key: &str,
    call: &str,
    body: &Value,
) -> Result<Vec<u8>, ClientError> {
    let body = body.to_string();
    let path = format!("{key}/{call}");
    client.post(&path, Body::json(body.as_bytes()))
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
