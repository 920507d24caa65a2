//! The pool of an import: found, or made from what the file shows.

use model::fields::{FieldType, ScalarType};
use model::names::{FieldPath, Name};
use model::pools::PoolDraft;
use serde_json::Value;
use web::inference::{Inference, InferredField};

use super::super::definitions::{PoolDefinition, parse_field};
use super::super::{CommandError, parse};
use super::{csv, source::Source};
use crate::cli::{FileFormat, ImportArgs, SchemaMode};
use crate::client::{Body, Client, ClientError, segment};
use crate::output::{self, table, table::Cell};

/// Records that the fields are guessed from.
const SAMPLE: usize = 10_000;

/// A pool that takes records.
#[derive(Debug)]
pub(super) struct ReadyPool {
    /// Its id, or its name where the key may not see more.
    pub(super) identity: String,
    /// Whether it was made just now.
    pub(super) created: bool,
    /// Whether a record may replace an earlier one, or nobody may know.
    pub(super) order_matters: bool,
}

/// Finds the pool, or makes it once a person or `--yes` agrees.
///
/// # Errors
/// When the file shows no usable fields, nobody agrees, or the server refuses.
pub(super) fn ready(
    client: &Client,
    pool: &str,
    args: &ImportArgs,
    format: FileFormat,
    source: &mut Source,
) -> Result<ReadyPool, CommandError> {
    match find(client, pool)? {
        Some((ready, is_known)) => {
            if is_known && wants_new(args) {
                output::note(&format!(
                    "pool {pool} exists; its own definition holds, and the options for a new pool are not used"
                ));
            }
            Ok(ready)
        }
        None => create(client, pool, args, format, source),
    }
}

/// Finds the pool of a collection of Keen, or makes it as the first event
/// that is written to the dialect makes it.
///
/// # Errors
/// When the server refuses.
pub(super) fn ready_collection(client: &Client, pool: &Name) -> Result<ReadyPool, CommandError> {
    if let Some((ready, _)) = find(client, pool.as_str())? {
        return Ok(ready);
    }
    let draft = PoolDraft::of_collection(pool);
    let draft = draft.map_err(|fault| CommandError::Usage(fault.to_string()))?;
    let body = model::json::to_text(&draft.to_value());
    let answer = client.post("/v1/pools", Body::json(body.as_bytes()))?;
    output::note(&format!("collection {pool} is made"));
    Ok(ReadyPool {
        identity: id_of(&parse(client, &answer)?, pool.as_str()),
        created: true,
        order_matters: false,
    })
}

/// The pool, and whether its definition is known; `None` when there is none.
fn find(client: &Client, pool: &str) -> Result<Option<(ReadyPool, bool)>, CommandError> {
    match client.get(&format!("/v1/pools/{}", segment(pool))) {
        Ok(answer) => {
            let definition = parse(client, &answer)?;
            let ready = ReadyPool {
                identity: id_of(&definition, pool),
                created: false,
                order_matters: !definition.get("unique").is_none_or(Value::is_null),
            };
            Ok(Some((ready, true)))
        }
        // The key may write without being allowed to look: then the pool exists
        // or the first batch says that it does not.
        Err(ClientError::Refused(problem)) if problem.status == 403 => {
            let ready = ReadyPool {
                identity: format!("name {pool}"),
                created: false,
                order_matters: true,
            };
            Ok(Some((ready, false)))
        }
        Err(ClientError::Refused(problem)) if problem.status == 404 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether options say what a new pool is to be.
pub(super) fn wants_new(args: &ImportArgs) -> bool {
    args.time_field.is_some()
        || args.isolation_field.is_some()
        || args.schema.is_some()
        || !args.fields.is_empty()
}

fn id_of(pool: &Value, name: &str) -> String {
    match pool.get("id").and_then(Value::as_str) {
        Some(id) => format!("id {id}"),
        None => format!("name {name}"),
    }
}

fn create(
    client: &Client,
    pool: &str,
    args: &ImportArgs,
    format: FileFormat,
    source: &mut Source,
) -> Result<ReadyPool, CommandError> {
    let (inferred, records) = infer(source)?;
    let mode = args.schema.unwrap_or(match format {
        FileFormat::Ndjson => SchemaMode::Open,
        FileFormat::Csv | FileFormat::Parquet => SchemaMode::Strict,
    });
    let draft = Draft::new(inferred, args, mode)?;
    let shown_by = match format {
        FileFormat::Parquet => "the file's own schema".to_owned(),
        FileFormat::Ndjson | FileFormat::Csv => format!("the first {records} records"),
    };
    output::note(&format!(
        "there is no pool {pool}; from {shown_by} it would be made so:"
    ));
    output::note(&draft.table(records));
    output::note(&draft.summary());
    if !args.yes {
        match output::ask(&format!("Make pool {pool} and import?"))? {
            Some(true) => {}
            Some(false) => {
                return Err(CommandError::Failed("nothing was made or sent".to_owned()));
            }
            None => {
                return Err(CommandError::Usage(
                    "nobody is there to agree to this; give --yes, or make the pool first"
                        .to_owned(),
                ));
            }
        }
    }
    let body = draft.definition(pool).body();
    let answer = client.post("/v1/pools", Body::json(&body))?;
    Ok(ReadyPool {
        identity: id_of(&parse(client, &answer)?, pool),
        created: true,
        order_matters: false,
    })
}

/// The guessed fields, and from how many records.
fn infer(source: &mut Source) -> Result<(Vec<InferredField>, u64), CommandError> {
    if let Some(file) = source.parquet() {
        let fields = file
            .fields()
            .iter()
            .map(|(name, field_type)| InferredField {
                name: name.clone(),
                field_type: *field_type,
                filled: None,
                note: "",
            });
        return Ok((fields.collect(), file.rows()));
    }
    let columns = source.header().map(|header| {
        let names = csv::cells(header).into_iter();
        names.map(Option::unwrap_or_default).collect::<Vec<_>>()
    });
    let mut inference = match &columns {
        Some(columns) => Inference::csv(columns),
        None => Inference::json(),
    };
    for record in source.peek(SAMPLE)? {
        let Ok(text) = &record.text else { continue };
        match columns {
            Some(_) => inference.see_cells(&csv::cells(text)),
            None => inference.see_json(text),
        }
    }
    Ok((inference.fields(), inference.records()))
}

/// A pool that is proposed.
#[derive(Debug)]
pub(super) struct Draft {
    fields: Vec<InferredField>,
    required: Vec<String>,
    schema: SchemaMode,
    isolation_field: Option<String>,
    time_field: Option<String>,
}

impl Draft {
    /// The proposal for these fields, as far as flags do not say otherwise.
    ///
    /// # Errors
    /// When a field's name is not allowed, or a strict pool would have a
    /// field without a type.
    pub(super) fn new(
        mut fields: Vec<InferredField>,
        args: &ImportArgs,
        schema: SchemaMode,
    ) -> Result<Self, CommandError> {
        let mut required = Vec::new();
        for text in &args.fields {
            let (name, type_name, is_required) = parse_field(text)?;
            let field_type = FieldType::parse(&type_name);
            if is_required {
                required.push(name.clone());
            }
            match fields.iter_mut().find(|field| field.name == name) {
                Some(field) => {
                    field.field_type = field_type;
                    field.note = "as told";
                }
                None => fields.push(InferredField {
                    name,
                    field_type,
                    filled: Some(0),
                    note: "as told",
                }),
            }
        }
        for field in &fields {
            FieldPath::parse(&field.name).map_err(|rule| {
                CommandError::Usage(format!(
                    "the file has a field {}, and {rule}; rename it in the file",
                    output::printable(&field.name)
                ))
            })?;
            if field.field_type.is_none() && schema == SchemaMode::Strict {
                return Err(CommandError::Usage(format!(
                    "field {}: {}; a strict pool needs one type: give --field {}:TYPE, or --schema open",
                    field.name, field.note, field.name
                )));
            }
        }
        let times = |field: &&InferredField| {
            field.field_type == Some(FieldType::Scalar(ScalarType::DateTime))
        };
        let only_time = match fields.iter().filter(times).collect::<Vec<_>>()[..] {
            [only] => Some(only.name.clone()),
            _ => None,
        };
        Ok(Self {
            required,
            schema,
            isolation_field: args.isolation_field.clone(),
            time_field: args.time_field.clone().or(only_time),
            fields,
        })
    }

    /// The definition to send.
    pub(super) fn definition<'a>(&'a self, name: &'a str) -> PoolDefinition<'a> {
        let declared = self.fields.iter().filter_map(|field| {
            let type_name = field.field_type?.to_string();
            Some((
                field.name.clone(),
                type_name,
                self.required.contains(&field.name),
            ))
        });
        PoolDefinition {
            name,
            description: None,
            schema: self.schema.name(),
            fields: declared.collect(),
            isolation_field: self.isolation_field.as_deref(),
            time_field: self.time_field.as_deref(),
        }
    }

    /// The fields, for a person to judge.
    pub(super) fn table(&self, records: u64) -> String {
        let rows: Vec<Vec<Cell>> = self
            .fields
            .iter()
            .map(|field| {
                let type_name = field.field_type.map_or_else(
                    || "not declared".to_owned(),
                    |field_type| field_type.to_string(),
                );
                let required = self.required.contains(&field.name);
                vec![
                    Cell::text(&*field.name),
                    Cell::text(type_name),
                    Cell::text(if required { "required" } else { "" }),
                    field.filled.map_or(Cell::Empty, |filled| {
                        Cell::number(records.saturating_sub(filled))
                    }),
                    Cell::text(field.note),
                ]
            })
            .collect();
        table::render(&["field", "type", "", "missing", "note"], &rows, false)
    }

    /// The rest of the proposal.
    pub(super) fn summary(&self) -> String {
        let or_none = |field: &Option<String>| field.clone().unwrap_or_else(|| "none".to_owned());
        format!(
            "schema {}, time field {}, isolation field {}",
            self.schema.name(),
            or_none(&self.time_field),
            or_none(&self.isolation_field)
        )
    }
}
