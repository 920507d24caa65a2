//! `tidegate query`.

mod question;
mod results;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::definitions::print_answer;
use super::{CommandError, connect, parse};
use crate::cli::{OutputFormat, QueryArgs};
use crate::client::{Body, Client, ClientError};
use crate::output::{self, progress, table};
use question::{About, Question};
use results::Answered;

/// Rows of one page when all pages are asked for.
const PAGE_ROWS: u64 = 1_000;

/// Asks the question and prints its answer.
///
/// # Errors
/// When an argument cannot be used, the server refuses, or output fails.
pub(super) fn run(args: &QueryArgs) -> Result<(), CommandError> {
    let format = match (args.format, args.client.json) {
        (Some(format), _) => format,
        (None, true) => OutputFormat::Json,
        (None, false) => OutputFormat::Table,
    };
    let question = Question::of(args)?;
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
            let path = format!("{}?format={name}", question.path);
            let text = question.body.to_string();
            client.stream(&path, Body::json(text.as_bytes()), &mut out)?;
        }
        None if args.all => {
            let rows = all_pages(&client, &question, format)?;
            let answer = json!({ question.about.member(): rows });
            out.show(&question, &answer, format)?;
        }
        None if format == OutputFormat::Json => {
            let text = question.body.to_string();
            let answer = client.post(&question.path, Body::json(text.as_bytes()))?;
            if args.output.is_none() {
                return print_answer(&answer);
            }
            out.write_all(&answer)?;
        }
        None => {
            let answer = page(&client, &question, &question.body, format)?;
            match args.plot {
                true => out.plot(&question, &answer)?,
                false => out.show(&question, &answer, format)?,
            }
            remark(&question, &answer);
        }
    }
    out.finish()
}

/// Says what a table does not: that there are more rows, or why there are none.
fn remark(question: &Question, answer: &Value) {
    if answer.get("after").is_some_and(Value::is_string) {
        output::note("there are more rows: --limit N, --all, or --format csv for all of them");
    }
    let answered = Answered {
        question: &question.body,
        answer,
    };
    if question.about != About::View
        && let Some(remark) = answered.remark()
    {
        output::note(remark);
    }
}

/// One answer. For tables, wide integers come as text so that no digit is lost.
fn page(
    client: &Client,
    question: &Question,
    body: &Value,
    format: OutputFormat,
) -> Result<Value, CommandError> {
    let integers = if format == OutputFormat::Table {
        "?integers=string"
    } else {
        ""
    };
    let answer = client.post(
        &format!("{}{integers}", question.path),
        Body::json(body.to_string().as_bytes()),
    )?;
    parse(client, &answer)
}

/// The rows of every page; the whole answer when the view has no pages.
fn all_pages(
    client: &Client,
    question: &Question,
    format: OutputFormat,
) -> Result<Vec<Value>, CommandError> {
    let mut body = question.body.clone();
    let mut rows = Vec::new();
    let first = page(client, question, &body, format)?;
    let is_paged = first.get("after").is_some();
    let mut answer = first;
    if is_paged {
        // Only an answer with pages takes a page's limit.
        body["limit"] = PAGE_ROWS.into();
        answer = page(client, question, &body, format)?;
    }
    let progress = progress::rows();
    loop {
        match answer.get_mut(question.about.member()).map(Value::take) {
            Some(Value::Array(more)) => rows.extend(more),
            Some(Value::Null) | None => {
                return Err(ClientError::Foreign {
                    url: client.url().to_owned(),
                    reason: "the answer has no rows".to_owned(),
                }
                .into());
            }
            Some(nested) => {
                rows = vec![nested];
                break;
            }
        }
        progress.set_position(rows.len() as u64);
        match answer.get("after").and_then(Value::as_str) {
            Some(after) => body["after"] = after.into(),
            None => break,
        }
        answer = page(client, question, &body, format)?;
    }
    progress.finish_and_clear();
    Ok(rows)
}

/// An answer for people.
fn as_table(question: &Question, answer: &Value, fit: bool) -> String {
    let rendered = |headers: &[String], cells: &[Vec<table::Cell>]| {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        table::render(&headers, cells, fit)
    };
    let answered = Answered {
        question: &question.body,
        answer,
    };
    match (question.about, &answer[question.about.member()]) {
        (About::View, Value::Array(rows)) => {
            let (headers, cells) = table::of_rows(rows);
            rendered(&headers, &cells)
        }
        (About::Rows, Value::Array(rows)) => {
            let (headers, cells) = table::of_rows(&results::flattened(rows));
            rendered(&headers, &cells)
        }
        // Grouped output is a tree, and a tree is no table.
        (About::View | About::Rows, tree) => format!("{tree:#}"),
        (About::Results, value) => match answered.grid() {
            Some(grid) => rendered(&grid.headers, &grid.rows),
            None => match value {
                Value::String(text) => output::printable(text),
                value => value.to_string(),
            },
        },
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

    fn show(
        &mut self,
        question: &Question,
        answer: &Value,
        format: OutputFormat,
    ) -> Result<(), CommandError> {
        let fit = matches!(self, Self::Standard) && output::is_terminal();
        let mut text = match format {
            OutputFormat::Table => as_table(question, answer, fit),
            _ => answer.to_string(),
        };
        text.push('\n');
        Ok(self.write_all(text.as_bytes())?)
    }

    fn plot(&mut self, question: &Question, answer: &Value) -> Result<(), CommandError> {
        let answered = Answered {
            question: &question.body,
            answer,
        };
        let text = answered.plot(output::width())? + "\n";
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
