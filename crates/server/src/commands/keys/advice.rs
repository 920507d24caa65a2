//! `tidegate keys review` and `tidegate keys simulate`.

use std::path::Path;

use serde_json::Value;

use super::address;
use crate::client::{Body, Client, segment};
use crate::commands::definitions::{joined, member, print_answer};
use crate::commands::{CommandError, files, parse};
use crate::output::{self, table, table::Cell};

/// Prints what good practice would change.
///
/// # Errors
/// When the server refuses, or output fails.
pub(super) fn review(client: &Client, rule: Option<&str>, json: bool) -> Result<(), CommandError> {
    let rule = rule.map_or_else(String::new, |rule| format!("&rule={}", segment(rule)));
    let answer = client.get(&format!("/v1/keys/review?limit=1000{rule}"))?;
    if json {
        return print_answer(&answer);
    }
    let review = parse(client, &answer)?;
    let items = review.get("items").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    let people = review.get("people").and_then(Value::as_array);
    let people = people.map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() && people.is_empty() {
        return Ok(output::line("nothing to advise")?);
    }
    let of_keys = items.iter().map(|item| (item, ["key", "name"]));
    let of_people = people.iter().map(|item| (item, ["person", "sign_in"]));
    for (item, [id, name]) in of_keys.chain(of_people) {
        let text = |name: &str| {
            let text = item.get(name).and_then(Value::as_str);
            output::printable(text.unwrap_or_default())
        };
        output::line(&format!(
            "{} {} ({}): {}\n    {}",
            text(id),
            text(name),
            text("rule"),
            text("why"),
            text("remedy")
        ))?;
    }
    let total = review.get("total").and_then(Value::as_u64).unwrap_or(0);
    let more = total.saturating_sub(items.len() as u64);
    if more > 0 {
        output::note(&format!(
            "{more} more are not shown; narrow it down with --rule"
        ));
    }
    Ok(())
}

/// Prints what a key sees, and what it would by a change.
///
/// # Errors
/// When the server refuses, or a file or output fails.
pub(super) fn simulate(
    client: &Client,
    id: &str,
    change: Option<&Path>,
    json: bool,
) -> Result<(), CommandError> {
    let body = files::read_change(change)?;
    let path = format!("{}/simulate", address(id));
    let answer = client.post(&path, Body::json(&body))?;
    if json {
        return print_answer(&answer);
    }
    let seen = parse(client, &answer)?;
    let changed = seen.get("changed").and_then(Value::as_bool) == Some(true);
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (kind, list) in [("pool", "pools"), ("view", "views")] {
        let list = seen.get(list).and_then(Value::as_array);
        for one in list.into_iter().flatten() {
            let mut row = vec![Cell::text(kind)];
            row.extend(["name", "among", "rows"].map(|name| member(one, name)));
            if changed {
                row.extend(["rows_after", "rows_gained", "rows_lost"].map(|n| member(one, n)));
            }
            row.extend([joined(one, "fields"), member(one, "reason")]);
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Ok(output::line("it sees no rows of any pool or view")?);
    }
    let mut headers = vec!["", "name", "of", "rows"];
    if changed {
        headers.extend(["after", "gained", "lost"]);
    }
    headers.extend(["fields", ""]);
    Ok(output::line(&table::shown(&headers, &rows))?)
}
