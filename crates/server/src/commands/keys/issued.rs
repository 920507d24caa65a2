//! `tidegate keys issued`: the keys that the calling key issued.

use serde_json::json;

use super::{
    CommandError, from_flags, making, of, print_key, print_keys, send_change, show_change,
};
use crate::cli::IssuedCommand;
use crate::client::Client;
use crate::commands::definitions::{list, print_list};
use crate::commands::{confirm, files};
use crate::output;

/// The keys that the calling key issued.
const ISSUED: &str = "/v1/issued-keys";

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, or a file or output fails.
pub(super) fn run(client: &Client, command: IssuedCommand, json: bool) -> Result<(), CommandError> {
    let change = |id: &str, call: &str, body, told: &str| {
        let answer = send_change(client, &of(ISSUED, id), call, &body)?;
        show_change(client, &answer, told, json)
    };
    match command {
        IssuedCommand::List => {
            let items = list(client, ISSUED)?;
            if json {
                print_list(items)
            } else {
                print_keys(&items)
            }
        }
        IssuedCommand::Get { id } => {
            let answer = client.get(&of(ISSUED, &id))?;
            print_key(client, &answer, json)
        }
        IssuedCommand::Create(new) => {
            let body = match &new.file {
                Some(path) => files::read_definition(path)?,
                None => from_flags(&new)?.to_string().into_bytes(),
            };
            making::make(client, (ISSUED, ISSUED), &body, &new.token_to, json)
        }
        IssuedCommand::Roll {
            id,
            grace,
            end_after_silence,
            force,
            token_to,
        } => {
            let mut body = json!({ "grace": grace, "force": force });
            if let Some(minutes) = end_after_silence {
                body["end_after_silence"] = minutes.into();
            }
            making::roll(client, (ISSUED, &id), body, &token_to, json)
        }
        IssuedCommand::EndGrace { id, force } => {
            let told = format!("the old token of key {id} has ended");
            change(&id, "end-grace", json!({ "force": force }), &told)
        }
        IssuedCommand::UndoRoll { id, force } => {
            let told = format!("the roll of key {id} is taken back");
            change(&id, "undo-roll", json!({ "force": force }), &told)
        }
        IssuedCommand::Disable { id } => {
            let told = format!("key {id} is disabled");
            change(&id, "disable", json!({}), &told)
        }
        IssuedCommand::Delete { id, yes, force } => {
            confirm(&format!("Delete key {id} for ever?"), yes)?;
            let force = if force { "?force=true" } else { "" };
            client.delete(&format!("{}{force}", of(ISSUED, &id)))?;
            output::note(&format!("key {id} is deleted"));
            Ok(())
        }
    }
}
