//! Projects.

pub(crate) mod manage;

use axum::extract::State;
use axum::response::Response;
use control::Control;
use http::{HeaderValue, StatusCode, header};
use model::document::Document;
use model::fault::{Fault, FaultCode};
use model::permit::{Admin, Permit};
use model::secrets::Secret;
use model::value::{Object, Value};
use serde_json::{Value as Json, json};

use crate::caller::{Caller, Named, Seen};
use crate::error::ApiError;
use crate::input::OptionalJsonBody;
use crate::openapi::{Operation, refer};
use crate::state::AppState;
use crate::step_up;

/// The schemas of this file.
pub(crate) fn schemas() -> Json {
    let key = || json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let mut schemas = json!({
        "KeenSwitch": {
            "type": "object", "additionalProperties": false,
            "properties": {
                "scoped_keys": {
                    "type": ["boolean", "null"],
                    "description": "Whether scoped keys, which clients make out of the master key, are let in. They are not unless that is said.",
                },
                "master_key": {
                    "type": ["string", "null"],
                    "description": "The dialect's master key, to let scoped keys in later on: the server has only a digest of it.",
                },
            },
        },
        "KeenProject": {
            "type": "object",
            "required": ["project_id", "master_key", "write_key", "read_key", "scoped_keys"],
            "properties": {
                "project_id": refer("Id"),
                "master_key": key(),
                "write_key": key(),
                "read_key": key(),
                "scoped_keys": { "type": "boolean" },
            },
        },
        "KeenState": {
            "type": "object", "required": ["project_id", "scoped_keys"],
            "properties": { "project_id": refer("Id"), "scoped_keys": { "type": "boolean" } },
        },
    });
    step_up::describe(&mut schemas["KeenSwitch"]);
    if let (Json::Object(all), Json::Object(more)) = (&mut schemas, manage::schemas()) {
        all.extend(more);
    }
    schemas
}

/// Describes [`keen`].
pub(crate) fn keen_operation() -> Operation {
    let body = json!({ "application/json": { "schema": refer("KeenSwitch") } });
    Operation::new(
        "switchKeenOn",
        "Switches the Keen dialect on, or scoped keys of a project that speaks it on and off. No other answer holds the dialect's three keys.",
    )
    .takes_content(false, body)
    .answers(200, "Whether scoped keys are let in now.", "KeenState")
    .answers(
        201,
        "The keys that clients of Keen are given.",
        "KeenProject",
    )
    .problems([409, 507])
}

/// What is asked of the dialect.
struct Switch {
    scoped_keys: Option<bool>,
    master: Option<Secret>,
}

impl Switch {
    fn read(body: &Value) -> Result<Self, Fault> {
        let mut document = Document::new(body)?;
        let scoped_keys = document.optional_boolean("scoped_keys")?;
        let master = document.optional_text("master_key")?;
        document.finish()?;
        let at = |code, detail| Fault::new(code, detail).at("/master_key");
        if master.is_some() && scoped_keys != Some(true) {
            let detail = "master_key is sent to switch scoped_keys on";
            return Err(at(FaultCode::InvalidValue, detail));
        }
        let master = master.map(|text| {
            let detail = "master_key is the 64 hex digits that the Keen dialect showed as master_key when it was switched on";
            Secret::parse(text).ok_or_else(|| at(FaultCode::InvalidValue, detail))
        });
        Ok(Self {
            scoped_keys,
            master: master.transpose()?,
        })
    }
}

/// Switches the Keen dialect on; of a project that speaks it, scoped keys on or off.
pub(crate) async fn keen(
    caller: Caller<Admin>,
    Named(project): Named,
    seen: Seen,
    State(state): State<AppState>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, ApiError> {
    let by = &caller.0;
    let id = by.access().project().to_string();
    let definitions = caller.definitions(&state);
    let known = definitions.project();
    if project != id && project != known.name {
        return Err(ApiError::not_found());
    }
    let (body, proof) = step_up::split(body)?;
    let switch = Switch::read(&body)?;
    let control = state.control.proving(proof);
    let (status, answer) = match switch.scoped_keys {
        Some(on) if known.keen => {
            switch_scoped(
                (by, &seen),
                &control,
                on,
                switch.master,
                known.scoping.is_some(),
            )
            .await?;
            let answer = Object::new().with("project_id", id);
            (StatusCode::OK, answer.with("scoped_keys", on))
        }
        on => {
            if switch.master.is_some() {
                let detail = "the Keen dialect is not switched on, and its master key is made when it is; leave this out";
                return Err(Fault::new(FaultCode::InvalidValue, detail)
                    .at("/master_key")
                    .into());
            }
            let scoped_keys = on.unwrap_or(false);
            let keys = control.switch_keen_on(by, scoped_keys).await?;
            let answer = Object::new()
                .with("project_id", id)
                .with("master_key", keys.master.reveal())
                .with("write_key", keys.write.reveal())
                .with("read_key", keys.read.reveal())
                .with("scoped_keys", scoped_keys);
            (StatusCode::CREATED, answer)
        }
    };
    let mut response = super::json(status, &Value::Object(answer));
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(step_up::finish(&control, Ok(response)))
}

async fn switch_scoped(
    (by, seen): (&Permit<Admin>, &Seen),
    control: &Control,
    on: bool,
    master: Option<Secret>,
    is_on: bool,
) -> Result<(), ApiError> {
    match (on, master) {
        (false, _) => control.switch_scoped_off(by).await?,
        (true, Some(master)) => {
            control
                .switch_scoped_on(by, &master, &seen.circumstances())
                .await?
        }
        (true, None) if is_on => {}
        (true, None) => {
            let detail = "master_key is needed, the one that the Keen dialect showed when it was switched on: the server has only a digest of it";
            return Err(Fault::new(FaultCode::MissingMember, detail)
                .at("/master_key")
                .into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
