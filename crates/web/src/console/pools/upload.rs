//! Records from a file, or pasted: what was stored, and what was refused and why.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::answers::AppendReceipt;
use model::ids::RequestId;
use model::people::Area;
use model::permit::{Idempotency, Ingest, On};
use model::pools::Pool;
use sha2::{Digest, Sha256};

use super::below;
use super::make::{format_of, sent};
use crate::api::records::{admit_text, aside, room_for};
use crate::bodies::TextFormat;
use crate::console::asking;
use crate::console::forms::{Fields, KeptFile, sentence};
use crate::console::frame::{Frame, Section, page};
use crate::console::shown::grouped;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::metering::LetIn;
use crate::state::AppState;

/// A record that was not stored.
struct Refused {
    /// Which one, counted from 1.
    number: String,
    field: String,
    why: String,
}

/// What became of a file.
struct Done {
    accepted: String,
    rejected: String,
    is_whole: bool,
    refused: Vec<Refused>,
    /// How many of the refused ones are not listed.
    more: String,
}

#[derive(Template)]
#[template(path = "console/upload.html")]
struct Page {
    frame: Frame,
    form: Fields,
    name: String,
    action: String,
    back: String,
    tail: String,
    /// What tells a form that is sent again.
    once: String,
    done: Option<Done>,
}

fn show(
    (here, state): (&InProject, &AppState),
    pool: &Pool,
    form: Fields,
    done: Option<Done>,
) -> Result<Response, ApiError> {
    let shown = Page {
        frame: Frame::of(
            format!("Upload to {}", pool.draft.name),
            here,
            Section::Pools,
        ),
        name: pool.draft.name.to_string(),
        action: below(here, pool, "/upload"),
        back: below(here, pool, ""),
        tail: below(here, pool, "/records"),
        once: RequestId::generate(state.clock.now(), &*state.random).to_string(),
        done,
        form,
    };
    match shown.done {
        Some(_) => page(StatusCode::OK, &shown),
        None => shown.form.shown_in(&shown),
    }
}

/// The page that takes records.
pub(in crate::console) async fn upload_form(
    here: InProject,
    State(state): State<AppState>,
) -> Result<Response, ApiError> {
    here.require(Area::WriteRecords)?;
    let pool = asking::pool_here(&here)?;
    here.access.permit::<Ingest>(On::Pool(Some(&pool)))?;
    show((&here, &state), &pool, Fields::blank(), None)
}

fn done(receipt: &AppendReceipt, format: TextFormat) -> Done {
    let word = match format {
        TextFormat::Json | TextFormat::Csv => "record",
        TextFormat::Ndjson => "line",
    };
    let refused = receipt.faults.iter().map(|fault| Refused {
        number: format!("{word} {}", grouped(fault.index as i128 + 1)),
        field: fault.field.clone().unwrap_or_default(),
        why: match fault.field.as_ref() {
            // Its name stays as it is written.
            Some(field) if fault.message.starts_with(field.as_str()) => {
                format!("{}.", fault.message)
            }
            _ => sentence(&fault.message),
        },
    });
    let refused: Vec<Refused> = refused.collect();
    let listed = u64::try_from(refused.len()).unwrap_or(u64::MAX);
    let more = receipt.rejected.saturating_sub(listed);
    Done {
        accepted: grouped(receipt.accepted.into()),
        rejected: grouped(receipt.rejected.into()),
        is_whole: receipt.rejected == 0,
        refused,
        more: match more {
            0 => String::new(),
            more => grouped(more.into()),
        },
    }
}

/// What makes the same records of the same form the same request: a page that
/// is loaded again sends its form again.
fn repeated(once: &str, bytes: &[u8]) -> Option<Idempotency> {
    let once = RequestId::parse(once).ok()?;
    let fingerprint: [u8; 32] = Sha256::digest(bytes).into();
    let known = fingerprint[..8].iter();
    let known: String = known.map(|byte| format!("{byte:02x}")).collect();
    Some(Idempotency {
        key: format!("console-{once}-{known}"),
        fingerprint,
    })
}

/// Stores the records that a form brought, as the call of the API does.
pub(in crate::console) async fn upload(
    State(state): State<AppState>,
    let_in: LetIn,
    KeptFile(here, form, counts): KeptFile<InProject>,
) -> Result<Response, ApiError> {
    here.require(Area::WriteRecords)?;
    let pool = asking::pool_here(&here)?;
    let permit = here.access.permit::<Ingest>(On::Pool(Some(&pool)))?;
    let fields = Fields::typed(&form, &["text"], &["file"]);
    if let Err(error) = counts {
        return show((&here, &state), &pool, fields.refused(error)?, None);
    }
    let (name, bytes) = match sent(&form) {
        Ok(sent) => sent,
        Err(rule) => return show((&here, &state), &pool, fields.broken("text", rule), None),
    };
    // Held until the records are stored: what is made of them takes many times their bytes.
    let _room = room_for(bytes.len(), &state).await;
    let (once, own) = (form.text("once").to_owned(), bytes.clone());
    let known = aside(bytes.len(), &state, move || {
        (format_of(&name, &own), repeated(&once, &own))
    });
    let (format, once) = known.await?;
    let admitted = admit_text((permit, pool.clone()), (format, bytes), once, &state).await;
    let batch = match admitted {
        Ok(batch) => batch,
        Err(error) => return show((&here, &state), &pool, fields.refused(error)?, None),
    };
    match let_in.store(&state, &here.access, batch).await {
        Ok(receipt) => {
            let done = done(&receipt, format);
            // What was refused is mended where it was typed.
            let fields = match done.is_whole {
                true => Fields::blank(),
                false => fields,
            };
            show((&here, &state), &pool, fields, Some(done))
        }
        Err(error) => show((&here, &state), &pool, fields.refused(error)?, None),
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let refused = Refused {
        number: text.to_owned(),
        field: text.to_owned(),
        why: text.to_owned(),
    };
    let page = Page {
        frame: frame(text),
        form: form(text, &["text", "file"]),
        name: text.to_owned(),
        action: place(),
        back: place(),
        tail: place(),
        once: text.to_owned(),
        done: Some(Done {
            accepted: text.to_owned(),
            rejected: text.to_owned(),
            is_whole: false,
            refused: vec![refused],
            more: text.to_owned(),
        }),
    };
    vec![sample("upload.html", &page)]
}
