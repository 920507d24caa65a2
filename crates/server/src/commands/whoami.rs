//! `tidegate whoami`.

use serde_json::Value;

use super::definitions::{member, print_answer, print_properties};
use super::keys::print_grants;
use super::{CommandError, connect, parse};
use crate::cli::ClientArgs;
use crate::output::{self, table};

/// Members that have a place of their own in what is printed.
const PRINTED: [&str; 6] = ["id", "name", "kind", "status", "expires_at", "grants"];

/// Shows the calling key.
///
/// # Errors
/// When the server refuses, or output fails.
pub(super) fn run(args: &ClientArgs) -> Result<(), CommandError> {
    let client = connect(args)?;
    let answer = client.get("/v1/whoami")?;
    if args.json {
        return print_answer(&answer);
    }
    let key = parse(&client, &answer)?;
    print_properties(&[
        ("name", member(&key, "name")),
        ("id", member(&key, "id")),
        ("kind", member(&key, "kind")),
        ("status", member(&key, "status")),
        ("expires", member(&key, "expires_at")),
    ])?;
    print_grants(&key)?;
    let others = key.as_object().into_iter().flatten();
    for (name, value) in others.filter(|(name, _)| !PRINTED.contains(&name.as_str())) {
        print_other(name, value)?;
    }
    Ok(())
}

/// Prints a list of objects as a table under its name; the rest as it is.
fn print_other(name: &str, value: &Value) -> Result<(), CommandError> {
    match value {
        Value::Array(rows) if !rows.is_empty() && rows.iter().all(Value::is_object) => {
            let (headers, cells) = table::of_rows(rows);
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            output::line(&format!("{name}:\n{}", table::shown(&headers, &cells)))?;
        }
        nothing if says_nothing(nothing) => {}
        other => output::line(&format!(
            "{name}: {}",
            output::printable(&other.to_string())
        ))?,
    }
    Ok(())
}

/// Whether a member restricts and tells nothing: null, false, empty, or an
/// object of such members.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(says_nothing),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
