//! Another pool: typed field by field, or made of what a sample shows.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use model::fault::{Fault, FaultCode};
use model::people::Area;
use model::pools::PoolDraft;
use model::value::{Object, Value};

use super::editor::Editor;
use crate::api::records::{aside, room_for};
use crate::bodies::{self, TextFormat};
use crate::console::forms::{Fields, Form, Kept, KeptFile};
use crate::console::frame::{Frame, Section};
use crate::console::go_to;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

/// What is typed beside the fields.
const NAMES: &[&str] = &[
    "name",
    "description",
    "schema",
    "time_field",
    "isolation_field",
    "unique",
    "retention_days",
    "layout",
    "public",
];
/// What the server names beside them, and the page shows in its place.
const OTHERS: &[&str] = &["code", "fields"];

#[derive(Template)]
#[template(path = "console/new_pool.html")]
struct Page {
    frame: Frame,
    form: Fields,
    editor: Editor,
    action: String,
    sample: String,
    back: String,
    /// How many records the fields are made of.
    records: Option<u64>,
}

fn show(
    here: &InProject,
    form: Fields,
    editor: Editor,
    records: Option<u64>,
) -> Result<Response, ApiError> {
    let shown = Page {
        frame: Frame::of("New pool", here, Section::Pools),
        action: here.address("/new-pool"),
        sample: here.address("/new-pool/sample"),
        back: here.address("/pools"),
        records,
        editor,
        form,
    };
    shown.form.shown_in(&shown)
}

fn begun() -> Fields {
    Fields::blank().with("schema", "strict")
}

/// The page that makes a pool.
pub(in crate::console) async fn create_form(here: InProject) -> Result<Response, ApiError> {
    here.caller(Area::Definitions)?;
    show(&here, begun(), Editor::blank(), None)
}

/// A text that may be left empty, under its name.
pub(super) fn with_text(object: Object, form: &Form, name: &'static str) -> Object {
    match form.text(name).trim() {
        "" => object,
        text => object.with(name, text),
    }
}

/// A whole number that may be left empty.
pub(super) fn number(form: &Form, name: &'static str) -> Result<Option<i64>, Fault> {
    let text: String = form.text(name).split_whitespace().collect();
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse::<i64>();
    number.map(Some).map_err(|_| {
        Fault::new(FaultCode::WrongType, "this is a whole number").at(format!("/{name}"))
    })
}

fn definition(form: &Form, editor: &Editor) -> Result<Value, Fault> {
    let object = Object::new()
        .with("name", form.text("name").trim())
        .with("schema", form.text("schema"))
        .with("fields", editor.to_value());
    let texts = ["description", "time_field", "isolation_field", "layout"];
    let mut object = texts
        .into_iter()
        .fold(object, |object, name| with_text(object, form, name));
    let unique = form.text("unique").split(',').map(str::trim);
    let unique: Vec<&str> = unique.filter(|name| !name.is_empty()).collect();
    if !unique.is_empty() {
        object = object.with("unique", unique);
    }
    if let Some(days) = number(form, "retention_days")? {
        object = object.with("retention_days", days);
    }
    if form.text("public") == "yes" {
        object = object.with("public", true);
    }
    Ok(Value::Object(object))
}

/// Makes a pool.
pub(in crate::console) async fn create(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let caller = here.caller(Area::Definitions)?;
    let fields = Fields::typed(&form, NAMES, OTHERS);
    let editor = Editor::typed(&form);
    if let Err(error) = counts {
        return show(&here, fields.refused(error)?, editor, None);
    }
    if form.text("do") == "more" {
        return show(&here, fields, editor, None);
    }
    let read = definition(&form, &editor).and_then(|body| {
        let draft = PoolDraft::parse(&body)?;
        Ok((draft, form.proof()?))
    });
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => return show(&here, fields.refused(fault)?, editor, None),
    };
    let control = state.control.proving(proof);
    match control.create_pool(&caller.0, draft).await {
        Ok(pool) => {
            let made = super::below(&here, &pool, "?done=made");
            Ok(step_up::finish(&control, Ok(go_to(&made))))
        }
        Err(error) => show(&here, fields.refused(error)?, editor, None),
    }
}

#[derive(Template)]
#[template(path = "console/sample.html")]
struct Sample {
    frame: Frame,
    form: Fields,
    action: String,
    back: String,
}

fn show_sample(here: &InProject, form: Fields) -> Result<Response, ApiError> {
    let shown = Sample {
        frame: Frame::of("A pool from a sample", here, Section::Pools),
        action: here.address("/new-pool/sample"),
        back: here.address("/new-pool"),
        form,
    };
    shown.form.shown_in(&shown)
}

/// The page that takes a sample.
pub(in crate::console) async fn infer_form(here: InProject) -> Result<Response, ApiError> {
    here.caller(Area::Definitions)?;
    show_sample(&here, Fields::blank())
}

/// The format that a text is in, by what it is called and how it begins.
pub(super) fn format_of(name: &str, bytes: &[u8]) -> TextFormat {
    let name = name.to_ascii_lowercase();
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match begins {
        _ if name.ends_with(".csv") => TextFormat::Csv,
        Some(b'[') => TextFormat::Json,
        // One object over many lines is one record.
        Some(b'{') if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => {
            TextFormat::Json
        }
        Some(b'{') => TextFormat::Ndjson,
        _ => TextFormat::Csv,
    }
}

/// What a form brought as records: the file, or what was typed.
///
/// # Errors
/// The rule that it breaks: it brought neither, or both.
pub(super) fn sent(form: &Form) -> Result<(String, Bytes), &'static str> {
    let text = form.text("text");
    let typed = (!text.trim().is_empty()).then_some(text);
    let (name, bytes) = match (form.file("file"), typed) {
        (Some(_), Some(_)) => return Err("choose a file or paste records, not both"),
        (None, None) => return Err("choose a file, or paste a few records"),
        (Some(file), None) => (file.name.clone(), file.bytes.clone()),
        (None, Some(text)) => (String::new(), Bytes::from(text.to_owned())),
    };
    // Some programs put a mark before UTF-8.
    let marked = bytes.starts_with(b"\xef\xbb\xbf");
    Ok((name, if marked { bytes.slice(3..) } else { bytes }))
}

/// Shows the fields of a sample, to be corrected before anything is made.
pub(in crate::console) async fn infer(
    State(state): State<AppState>,
    KeptFile(here, form, counts): KeptFile<InProject>,
) -> Result<Response, ApiError> {
    here.caller(Area::Definitions)?;
    let fields = Fields::typed(&form, &["text"], &["file"]);
    if let Err(error) = counts {
        return show_sample(&here, fields.refused(error)?);
    }
    let (name, bytes) = match sent(&form) {
        Ok(sent) => sent,
        Err(rule) => return show_sample(&here, fields.broken("text", rule)),
    };
    // What is made of records takes many times their bytes.
    let _room = room_for(bytes.len(), &state).await;
    let called = name.clone();
    let found = aside(bytes.len(), &state, move || {
        bodies::infer(format_of(&called, &bytes), &bytes)
    });
    match found.await? {
        Ok((found, records)) => {
            let mixed = found.iter().any(|field| field.field_type.is_none());
            let times = found.iter().filter(|field| {
                let name = field.field_type.map(|t| t.to_string());
                name.as_deref() == Some("DateTime")
            });
            let times: Vec<&str> = times.map(|field| field.name.as_str()).collect();
            let time = match times[..] {
                [only] => only,
                _ => "",
            };
            let called = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(stem, _)| stem);
            let form = Fields::blank()
                .with("name", called)
                .with("schema", if mixed { "open" } else { "strict" })
                .with("time_field", time);
            let editor = Editor::inferred(&found, records);
            show(&here, form, editor, Some(records))
        }
        Err(fault) => show_sample(&here, fields.broken("text", &fault.detail)),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let page = Page {
        frame: frame(text),
        form: form(text, &[NAMES, OTHERS].concat()),
        editor: super::editor::sample(text),
        action: place(),
        sample: place(),
        back: place(),
        records: Some(2),
    };
    let taken = Sample {
        frame: frame(text),
        form: form(text, &["text", "file"]),
        action: place(),
        back: place(),
    };
    vec![
        sample("new_pool.html", &page),
        sample("sample.html", &taken),
    ]
}
