//! `tidegate pools`.

use serde_json::Value;

use super::definitions::{
    PoolDefinition, field_rows, list, member, parse_field, print_answer, print_list,
    print_properties,
};
use super::{CommandError, confirm, connect, files, parse};
use crate::cli::{CreatePool, PoolCommand, PoolsArgs};
use crate::client::{Body, Client, segment};
use crate::output::{self, table, table::Cell};

/// Does what the arguments say.
///
/// # Errors
/// When the server refuses, or output fails.
pub(super) fn run(args: PoolsArgs) -> Result<(), CommandError> {
    let client = connect(&args.client)?;
    let json = args.client.json;
    match args.command {
        PoolCommand::List => {
            let items = list(&client, "/v1/pools")?;
            if json {
                print_list(items)
            } else {
                print_pools(&items)
            }
        }
        PoolCommand::Get { name } => {
            let answer = client.get(&address(&name))?;
            print_pool(&client, &answer, json)
        }
        PoolCommand::Create(args) => {
            let body = match &args.file {
                Some(path) => files::read_definition(path)?,
                None => from_flags(&args)?,
            };
            let answer = client.post("/v1/pools", Body::json(&body))?;
            print_pool(&client, &answer, json)
        }
        PoolCommand::Delete { name, yes } => {
            confirm(&format!("Delete pool {name} with all its records?"), yes)?;
            client.delete(&address(&name))?;
            output::note(&format!("pool {name} is deleted"));
            Ok(())
        }
        PoolCommand::Schema { name } => {
            let answer = client.get(&format!("{}/schema", address(&name)))?;
            if json {
                return print_answer(&answer);
            }
            print_seen(&parse(&client, &answer)?)
        }
    }
}

fn address(name: &str) -> String {
    format!("/v1/pools/{}", segment(name))
}

fn from_flags(args: &CreatePool) -> Result<Vec<u8>, CommandError> {
    let definition = PoolDefinition {
        name: args.name.as_deref().unwrap_or_default(),
        description: args.description.as_deref(),
        schema: args.schema.name(),
        fields: args
            .fields
            .iter()
            .map(|text| parse_field(text))
            .collect::<Result<_, _>>()?,
        isolation_field: args.isolation_field.as_deref(),
        time_field: args.time_field.as_deref(),
    };
    Ok(definition.body())
}

fn print_pools(items: &[Value]) -> Result<(), CommandError> {
    let rows: Vec<Vec<Cell>> = items
        .iter()
        .map(|pool| {
            let fields = pool.get("fields").and_then(Value::as_array);
            vec![
                member(pool, "name"),
                member(pool, "schema"),
                Cell::number(fields.map_or(0, Vec::len)),
                member(pool, "isolation_field"),
                member(pool, "time_field"),
                member(pool, "created_at"),
            ]
        })
        .collect();
    let headers = [
        "name",
        "schema",
        "fields",
        "isolation field",
        "time field",
        "created",
    ];
    Ok(output::line(&table::shown(&headers, &rows))?)
}

fn print_pool(client: &Client, answer: &[u8], json: bool) -> Result<(), CommandError> {
    if json {
        return print_answer(answer);
    }
    let pool = parse(client, answer)?;
    print_properties(&[
        ("name", member(&pool, "name")),
        ("id", member(&pool, "id")),
        ("description", member(&pool, "description")),
        ("schema", member(&pool, "schema")),
        ("isolation field", member(&pool, "isolation_field")),
        ("time field", member(&pool, "time_field")),
        ("created", member(&pool, "created_at")),
    ])?;
    let rows = field_rows(pool.get("fields"));
    Ok(output::line(&table::shown(&["field", "type", ""], &rows))?)
}

/// Prints the fields that a key sees; they come as a list, alone or in the
/// member `fields`.
fn print_seen(schema: &Value) -> Result<(), CommandError> {
    let fields = schema.get("fields").unwrap_or(schema);
    let rows = fields.as_array().cloned().unwrap_or_default();
    let (headers, cells) = table::of_rows(&rows);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    Ok(output::line(&table::shown(&headers, &cells))?)
}
