//! `tidegate keys signing-secrets`: what requests of a key are signed with by
//! HMAC. One that does not arrive where it should go is shown nowhere else, and
//! is deleted again.

use serde_json::{Value, json};

use super::making::{is_unheard, told};
use super::{address, proven};
use crate::cli::{Proof, SigningCommand, TokenTo};
use crate::client::{Body, Client, ClientError, segment};
use crate::commands::definitions::{member, print_answer, print_properties};
use crate::commands::delivery::{Delivery, Undelivered};
use crate::commands::{CommandError, confirm, parse};
use crate::output::{self, table, table::Cell};

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, the secret did not arrive, or output fails.
pub(super) fn run(
    client: &Client,
    command: SigningCommand,
    json: bool,
) -> Result<(), CommandError> {
    match command {
        SigningCommand::List { id } => list(client, &id, json),
        SigningCommand::Create {
            id,
            proof,
            token_to,
        } => create(client, (&id, &proof), &token_to, json),
        SigningCommand::Delete {
            id,
            secret_id,
            yes,
            force,
        } => {
            confirm(
                &format!("End the signing secret {secret_id} for ever?"),
                yes,
            )?;
            let force = if force { "?force=true" } else { "" };
            client.delete(&format!("{}{force}", one_of(&id, &secret_id)))?;
            output::note(&format!("the signing secret {secret_id} has ended"));
            Ok(())
        }
    }
}

fn all_of(key: &str) -> String {
    format!("{}/signing-secrets", address(key))
}

fn one_of(key: &str, secret: &str) -> String {
    format!("{}/{}", all_of(key), segment(secret))
}

fn list(client: &Client, id: &str, json: bool) -> Result<(), CommandError> {
    let answer = client.get(&all_of(id))?;
    if json {
        return print_answer(&answer);
    }
    let list = parse(client, &answer)?;
    let items = list.get("items").and_then(Value::as_array);
    let members = ["id", "hint", "created_at", "last_used_at"];
    let row = |item: &Value| members.map(|name| member(item, name)).to_vec();
    let rows: Vec<Vec<Cell>> = items.into_iter().flatten().map(row).collect();
    if rows.is_empty() {
        return Ok(output::line("no signing secrets")?);
    }
    let headers = ["id", "hint", "created", "last used"];
    Ok(output::line(&table::shown(&headers, &rows))?)
}

/// Makes a signing secret and hands it over. The place is made ready before, so
/// that none is lost for want of one.
fn create(
    client: &Client,
    (id, proof): (&str, &Proof),
    token_to: &TokenTo,
    json: bool,
) -> Result<(), CommandError> {
    let delivery = Delivery::prepare(token_to)?;
    let body = proven(json!({}), proof).to_string();
    let made = obtain(client, &all_of(id), body.as_bytes());
    let (made, secret) = made.map_err(|error| match is_unheard(&error) {
        // It is not asked for again, which would make a second one.
        true => CommandError::Unreached(format!(
            "{error}; whether a signing secret was made is not known, and it is lost: look with `tidegate keys signing-secrets list {id}`, and delete the one that nobody has"
        )),
        false => error.into(),
    })?;
    if !delivery.is_screen() {
        let delivered = delivery.deliver("the signing secret", &secret);
        delivered.map_err(|undelivered| delete(client, id, &made, &undelivered))?;
        return show(&made, json);
    }
    if json {
        let mut made = made;
        made["signing_secret"] = secret.into();
        return show(&made, json);
    }
    show(&made, json)?;
    output::note("the signing secret, shown this once; keep it secret:");
    Ok(output::line(&secret)?)
}

/// Asks the server once: what is told of the secret, and the secret.
fn obtain(client: &Client, path: &str, body: &[u8]) -> Result<(Value, String), ClientError> {
    let foreign = |reason: String| ClientError::Foreign {
        url: client.url().to_owned(),
        reason,
    };
    let answer = client.post(path, Body::json(body))?;
    let mut made: Value =
        serde_json::from_slice(&answer).map_err(|error| foreign(error.to_string()))?;
    let members = made.as_object_mut();
    match members.and_then(|made| made.shift_remove("signing_secret")) {
        Some(Value::String(secret)) => Ok((made, secret)),
        _ => Err(foreign("the answer holds no signing secret".to_owned())),
    }
}

fn show(made: &Value, json: bool) -> Result<(), CommandError> {
    if json {
        return Ok(output::line(&made.to_string())?);
    }
    print_properties(&[
        ("id", member(made, "id")),
        ("hint", member(made, "hint")),
        ("created", member(made, "created_at")),
    ])
}

/// Deletes a signing secret that did not arrive, and says so. If it is there all
/// the same, it is of no use: nobody has had it before.
fn delete(client: &Client, id: &str, made: &Value, why: &Undelivered) -> CommandError {
    let secret = made.get("id").and_then(Value::as_str).unwrap_or_default();
    let error = &*why.error;
    told(
        error,
        match client.delete(&one_of(id, secret)) {
            Ok(_) => format!("{error}; the signing secret {secret} was deleted again"),
            Err(second) => format!(
                "{error}; the signing secret {secret} is there and is lost, delete it (tidegate keys signing-secrets delete {id} {secret}): {second}"
            ),
        },
    )
}
