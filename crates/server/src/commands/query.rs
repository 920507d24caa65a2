//! `tidegate query`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::definitions::print_answer;
use super::filters::{parse_condition, parse_order};
use super::{CommandError, connect, parse};
use crate::cli::{OutputFormat, QueryArgs};
use crate::client::{Body, Client, ClientError, segment};
use crate::output::{self, table};

/// Rows of one page when all pages are asked for.
const PAGE_ROWS: u64 = 1_000;

/// Asks the view and prints its answer.
///
/// # Errors
/// When an argument cannot be used, the server refuses, or output fails.
pub(super) fn run(args: &QueryArgs) -> Result<(), CommandError> {
    let format = match (args.format, args.client.json) {
        (Some(format), _) => format,
        (None, true) => OutputFormat::Json,
        (None, false) => OutputFormat::Table,
    };
    let body = body(args)?;
    let path = format!("/v1/views/{}/data", segment(&args.view));
    let binary = matches!(format, OutputFormat::Parquet | OutputFormat::Arrow);
    if binary && args.output.is_none() && output::is_terminal() {
        return Err(CommandError::Usage(
            "a terminal cannot show this format; give --output FILE".to_owned(),
        ));
    }
    let client = connect(&args.client)?;
    let mut out = Destination::new(args);
    match format.streamed() {
        Some(name) => {
            let path = format!("{path}?format={name}");
            let text = body.to_string();
            client.stream(&path, Body::json(text.as_bytes()), &mut out)?;
        }
        None if args.all => {
            let rows = all_pages(&client, &path, body, format)?;
            out.show(&json!({ "data": rows }), format)?;
        }
        None if format == OutputFormat::Json => {
            let answer = client.post(&path, Body::json(body.to_string().as_bytes()))?;
            if args.output.is_none() {
                return print_answer(&answer);
            }
            out.write_all(&answer)?;
        }
        None => {
            let answer = page(&client, &path, &body, format)?;
            out.show(&answer, format)?;
            if answer.get("after").is_some_and(Value::is_string) {
                output::note(
                    "there are more rows: --limit N, --all, or --format csv for all of them",
                );
            }
        }
    }
    out.finish()
}

/// The body of the request.
///
/// # Errors
/// When a condition cannot be read.
fn body(args: &QueryArgs) -> Result<Value, CommandError> {
    let mut body = Map::new();
    let texts = [
        ("interval", &args.interval),
        ("from", &args.from),
        ("to", &args.to),
        ("timeframe", &args.timeframe),
        ("timezone", &args.timezone),
        ("grant", &args.grant),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.as_str().into());
        }
    }
    if !args.conditions.is_empty() {
        let conditions: Result<Vec<_>, _> = args
            .conditions
            .iter()
            .map(|text| parse_condition(text))
            .collect();
        body.insert("conditions".to_owned(), conditions?.into());
    }
    if !args.order_by.is_empty() {
        let orders: Vec<_> = args.order_by.iter().map(|text| parse_order(text)).collect();
        body.insert("order_by".to_owned(), orders.into());
    }
    if let Some(limit) = args.limit {
        body.insert("limit".to_owned(), limit.into());
    }
    Ok(Value::Object(body))
}

/// One answer. For tables, wide integers come as text so that no digit is lost.
fn page(
    client: &Client,
    path: &str,
    body: &Value,
    format: OutputFormat,
) -> Result<Value, CommandError> {
    let integers = if format == OutputFormat::Table {
        "?integers=string"
    } else {
        ""
    };
    let answer = client.post(
        &format!("{path}{integers}"),
        Body::json(body.to_string().as_bytes()),
    )?;
    parse(client, &answer)
}

/// The rows of every page; the whole answer when the view has no pages.
fn all_pages(
    client: &Client,
    path: &str,
    mut body: Value,
    format: OutputFormat,
) -> Result<Vec<Value>, CommandError> {
    let mut rows = Vec::new();
    let first = page(client, path, &body, format)?;
    let is_paged = first.get("after").is_some();
    let mut answer = first;
    if is_paged {
        // Only a view with pages takes a page's limit.
        body["limit"] = PAGE_ROWS.into();
        answer = page(client, path, &body, format)?;
    }
    loop {
        match answer.get_mut("data").map(Value::take) {
            Some(Value::Array(more)) => rows.extend(more),
            Some(Value::Null) | None => {
                return Err(ClientError::Foreign {
                    url: client.url().to_owned(),
                    reason: "the answer has no data".to_owned(),
                }
                .into());
            }
            Some(nested) => return Ok(vec![nested]),
        }
        match answer.get("after").and_then(Value::as_str) {
            Some(after) => body["after"] = after.into(),
            None => return Ok(rows),
        }
        answer = page(client, path, &body, format)?;
    }
}

/// Where the answer goes. A file is made with the first byte of the answer, so
/// that a refusal leaves an older file as it is.
enum Destination {
    Standard,
    File {
        path: PathBuf,
        file: Option<BufWriter<File>>,
    },
}

impl Destination {
    fn new(args: &QueryArgs) -> Self {
        match &args.output {
            None => Self::Standard,
            Some(path) => Self::File {
                path: path.clone(),
                file: None,
            },
        }
    }

    fn show(&mut self, answer: &Value, format: OutputFormat) -> Result<(), CommandError> {
        let mut text = match (format, answer.get("data")) {
            (OutputFormat::Table, Some(Value::Array(rows))) => {
                let (headers, cells) = table::of_rows(rows);
                let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
                let fit = matches!(self, Self::Standard) && output::is_terminal();
                table::render(&headers, &cells, fit)
            }
            // Grouped output is a tree, and a tree is no table.
            (OutputFormat::Table, Some(tree)) => format!("{tree:#}"),
            _ => answer.to_string(),
        };
        text.push('\n');
        Ok(self.write_all(text.as_bytes())?)
    }

    fn finish(mut self) -> Result<(), CommandError> {
        // An empty answer makes an empty file; `write_all` would not even try.
        let _nothing = self.write(b"")?;
        self.flush()?;
        if let Self::File { path, .. } = &self {
            output::note(&format!("written to {}", path.display()));
        }
        Ok(())
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard => output::raw(bytes).map(|()| bytes.len()),
            Self::File {
                file: Some(file), ..
            } => file.write(bytes),
            Self::File { path, file } => {
                let made = file.insert(BufWriter::new(File::create(path)?));
                made.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard | Self::File { file: None, .. } => Ok(()),
            Self::File {
                file: Some(file), ..
            } => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests;
