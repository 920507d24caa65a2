//! `tidegate views`.

use serde_json::Value;

use super::definitions::{joined, list, member, print_answer, print_list, print_properties};
use super::{CommandError, confirm, connect, files, parse};
use crate::cli::{ViewCommand, ViewsArgs};
use crate::client::{Body, Client, segment};
use crate::output::{self, table, table::Cell};

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, or output fails.
pub(super) fn run(args: ViewsArgs) -> Result<(), CommandError> {
    let client = connect(&args.client)?;
    let json = args.client.json;
    match args.command {
        ViewCommand::List => {
            let items = list(&client, "/v1/views")?;
            if json {
                print_list(items)
            } else {
                print_views(&items)
            }
        }
        ViewCommand::Get { name } => {
            let answer = client.get(&address(&name))?;
            print_view(&client, &answer, json)
        }
        ViewCommand::Create { file } => {
            let body = files::read_definition(&file)?;
            let answer = client.post("/v1/views", Body::json(&body))?;
            print_view(&client, &answer, json)
        }
        ViewCommand::Simulate { name, change } => {
            let body = files::read_change(change.as_deref())?;
            let path = format!("{}/simulate", address(&name));
            let answer = client.post(&path, Body::json(&body))?;
            print_simulation(&client, &answer, json)
        }
        ViewCommand::Delete { name, yes } => {
            confirm(&format!("Delete view {name}?"), yes)?;
            client.delete(&address(&name))?;
            output::note(&format!("view {name} is deleted"));
            Ok(())
        }
    }
}

fn address(name: &str) -> String {
    format!("/v1/views/{}", segment(name))
}

fn print_views(items: &[Value]) -> Result<(), CommandError> {
    let rows: Vec<Vec<Cell>> = items
        .iter()
        .map(|view| {
            let fields = view.get("fields").and_then(Value::as_array);
            vec![
                member(view, "name"),
                member(view, "pool"),
                member(view, "shape"),
                Cell::number(fields.map_or(0, Vec::len)),
                member(view, "created_at"),
            ]
        })
        .collect();
    let headers = ["name", "pool", "shape", "fields", "created"];
    Ok(output::line(&table::shown(&headers, &rows))?)
}

fn print_view(client: &Client, answer: &[u8], json: bool) -> Result<(), CommandError> {
    if json {
        return print_answer(answer);
    }
    let view = parse(client, answer)?;
    print_properties(&[
        ("name", member(&view, "name")),
        ("id", member(&view, "id")),
        ("pool", member(&view, "pool")),
        ("shape", member(&view, "shape")),
        ("interval field", member(&view, "interval_field")),
        ("filters", member(&view, "filters")),
        ("order by", member(&view, "order_by")),
        ("created", member(&view, "created_at")),
    ])?;
    let fields = view.get("fields").and_then(Value::as_array);
    let rows: Vec<Vec<Cell>> = fields
        .map(|fields| fields.iter().map(field_row).collect())
        .unwrap_or_default();
    Ok(output::line(&table::shown(&["name", "is", "of"], &rows))?)
}

/// What the view is and what keys see of it, and after a change.
fn print_simulation(client: &Client, answer: &[u8], json: bool) -> Result<(), CommandError> {
    if json {
        return print_answer(answer);
    }
    let seen = parse(client, answer)?;
    let changed = seen.get("changed").and_then(Value::as_bool) == Some(true);
    print_properties(&[
        ("tier", member(&seen, "tier")),
        ("tier after", member(&seen, "tier_after")),
        ("public", member(&seen, "public")),
        ("public after", member(&seen, "public_after")),
        ("of rows", member(&seen, "among")),
    ])?;
    let mut headers = vec!["", "name", "rows"];
    let mut numbers = vec!["rows"];
    let mut lists = vec!["fields"];
    if changed {
        headers.extend([
            "after",
            "gained",
            "lost",
            "fields gained",
            "fields lost",
            "",
        ]);
        numbers.extend(["rows_after", "rows_gained", "rows_lost"]);
        lists = vec!["fields_gained", "fields_lost"];
    } else {
        headers.extend(["fields", ""]);
    }
    let row = |what: &str, name: Cell, one: &Value| -> Vec<Cell> {
        let mut row = vec![Cell::text(what), name];
        row.extend(numbers.iter().map(|name| member(one, name)));
        row.extend(lists.iter().map(|name| joined(one, name)));
        row.push(member(one, "reason"));
        row
    };
    let keys = seen.get("keys").and_then(Value::as_array);
    let keys = keys.map(Vec::as_slice).unwrap_or_default();
    let mut rows = vec![row("view", Cell::Empty, &seen)];
    rows.extend(keys.iter().map(|key| row("key", member(key, "name"), key)));
    output::line(&table::shown(&headers, &rows))?;
    let left = seen.get("keys_left").and_then(Value::as_u64).unwrap_or(0);
    if left > 0 {
        output::note(&format!("{left} more keys read it and were not counted"));
    }
    Ok(())
}

fn field_row(field: &Value) -> Vec<Cell> {
    let grouped = field.get("group").and_then(Value::as_bool) == Some(true);
    let role = match (field.get("aggregate").and_then(Value::as_str), grouped) {
        (Some("percentile"), _) => Cell::Text(format!(
            "percentile {}",
            field.get("percentile").unwrap_or(&Value::Null)
        )),
        (Some(aggregate), _) => Cell::text(aggregate),
        (None, true) => Cell::text("group"),
        (None, false) => Cell::text("field"),
    };
    let name = if field.get("as").is_some_and(Value::is_string) {
        member(field, "as")
    } else {
        member(field, "field")
    };
    vec![name, role, member(field, "field")]
}
