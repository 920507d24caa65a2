//! Events on their way in: one, many, or one in an address.
//!
//! Everything about a request that can be refused is refused before anything
//! of it is stored; then each event has its own outcome.

mod beacon;
mod collections;

pub(crate) use beacon::beacon;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use model::fault::{Fault, FaultCode};
use model::limits::{KEEN_BULK_BYTES_MAX, KEEN_COLLECTIONS_MAX, KEEN_EVENT_BYTES_MAX};
use model::permit::{AdmittedBatch, Ingest, Permit};
use model::records::{Injections, SentRecord};
use model::uniqueness::WithToken;
use model::value::{Object, Value};

use super::caller::{Caller, Segments};
use super::events::fault::EventFault;
use super::events::{self, Arrival};
use super::{failed, json};
use crate::api::records::{aside, room_for};
use crate::bodies;
use crate::error::{ApiError, Code};
use crate::input::receive;
use crate::proxies::ClientAddress;
use crate::state::AppState;
use collections::Collection;

/// What is kept of a request's head for its events.
#[derive(Clone, Debug)]
struct Head {
    from: Option<IpAddr>,
    agent: Option<String>,
}

impl Head {
    fn of(parts: &Parts) -> Self {
        let from = parts.extensions.get::<ClientAddress>();
        Self {
            from: from.and_then(|from| from.get()),
            agent: agent(&parts.headers),
        }
    }

    fn arrival<'s>(&self, state: &'s AppState) -> Arrival<'s> {
        Arrival {
            now: state.clock.now(),
            from: self.from,
            agent: self.agent.clone(),
            random: &*state.random,
            places: state.places.as_deref(),
        }
    }

    /// The events of one list, each as a record that may be admitted.
    fn records(
        &self,
        sent: Vec<SentRecord>,
        injections: &Injections,
        state: &AppState,
    ) -> Vec<Result<WithToken, EventFault>> {
        let arrival = self.arrival(state);
        let record = |sent: SentRecord| events::record(sent?, injections, &arrival);
        sent.into_iter().map(record).collect()
    }
}

fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?;
    Some(String::from_utf8_lossy(agent.as_bytes()).into_owned())
}

impl From<EventFault> for ApiError {
    fn from(fault: EventFault) -> Self {
        failed(Code::InvalidValue, fault.rule.name(), fault.message)
    }
}

/// Stores one event.
pub(crate) async fn one(
    caller: Caller,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.may::<Ingest>()?;
    let (mut parts, body) = request.into_parts();
    let sender = Some(caller.access.key());
    let received = receive(body, KEEN_EVENT_BYTES_MAX, sender, &state).await?;
    // The body may have taken long to come, and the key may be revoked by now.
    let caller = Caller::from_request_parts(&mut parts, &state).await?;
    let collection = Segments::from_request_parts(&mut parts, &state).await?;
    let collection = collection.get("collection");
    store_one(
        &caller,
        &state,
        collection,
        received.bytes.clone(),
        &Head::of(&parts),
    )
    .await?;
    Ok(json(StatusCode::CREATED, &created()))
}

fn created() -> Value {
    Value::Object(Object::new().with("created", true))
}

/// Stores the one event that a text holds.
async fn store_one(
    caller: &Caller,
    state: &AppState,
    collection: &str,
    text: Bytes,
    head: &Head,
) -> Result<(), ApiError> {
    let collection = Collection::find(caller, collection)??;
    let (injections, head, worker) = (collection.injections().clone(), head.clone(), state.clone());
    let record = aside(text.len(), state, move || {
        let sent = bodies::one(&text)?;
        let record = events::record(
            sent.map_err(EventFault::from)?,
            &injections,
            &head.arrival(&worker),
        );
        record.map_err(ApiError::from)
    });
    let record = record.await??;
    let permit = collection.open(caller, state).await?;
    let batch = permit.admit([record], None, state.clock.now(), &*state.random);
    if let Some(fault) = batch.faults().first() {
        return Err(EventFault::from(fault.clone()).into());
    }
    let stored = caller.let_in.store(state, &caller.access, batch).await;
    stored.map(|_| ())
}

/// Stores the events of many collections, each on its own.
pub(crate) async fn bulk(
    caller: Caller,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.may::<Ingest>()?;
    let (mut parts, body) = request.into_parts();
    let sender = Some(caller.access.key());
    let received = receive(body, KEEN_BULK_BYTES_MAX, sender, &state).await?;
    let caller = Caller::from_request_parts(&mut parts, &state).await?;
    let _room = room_for(received.bytes.len(), &state).await;
    let sent = received.bytes.clone();
    let lists = aside(sent.len(), &state, move || {
        bodies::lists(&sent, KEEN_EVENT_BYTES_MAX)
    });
    let lists = lists.await?.map_err(no_batch)?;
    if lists.len() > KEEN_COLLECTIONS_MAX {
        let detail = format!("a request writes to at most {KEEN_COLLECTIONS_MAX} collections");
        return Err(no_batch(Fault::new(FaultCode::LimitExceeded, detail)));
    }
    let head = Head::of(&parts);
    let mut batches = Vec::with_capacity(lists.len());
    for (name, sent) in lists {
        let collection = Collection::find(&caller, &name)?;
        batches.push(prepare(name, sent, collection, &head, received.bytes.len(), &state).await?);
    }
    let mut answer = Object::new();
    let mut is_untouched = true;
    for batch in batches {
        let name = batch.name.clone();
        let outcomes = match batch.store(&caller, &state).await {
            Ok((outcomes, stored)) => {
                is_untouched &= !stored;
                outcomes
            }
            // Nothing is stored, so that the whole request may be repeated.
            Err((error, _)) if is_untouched => return Err(error),
            Err((error, count)) => vec![not_now(&error); count],
        };
        answer = answer.with(name, outcomes);
    }
    Ok(json(StatusCode::OK, &Value::Object(answer)))
}

fn no_batch(fault: Fault) -> ApiError {
    match fault.code {
        FaultCode::LimitExceeded => ApiError::from(fault).of_body(),
        _ => failed(Code::MalformedBody, "InvalidBatchError", fault.detail),
    }
}

/// The events of one collection, as they will be admitted.
struct Batch {
    name: String,
    /// Where they go; `None` when the name means no collection, or there are none.
    collection: Option<Collection>,
    records: Vec<Result<WithToken, EventFault>>,
    /// How many bytes the whole request has.
    bytes: usize,
}

async fn prepare(
    name: String,
    sent: Vec<SentRecord>,
    collection: Result<Collection, EventFault>,
    head: &Head,
    bytes: usize,
    state: &AppState,
) -> Result<Batch, ApiError> {
    let collection = match collection {
        Ok(collection) => collection,
        Err(fault) => {
            let records = sent.iter().map(|_| Err(fault.clone())).collect();
            return Ok(Batch {
                name,
                collection: None,
                records,
                bytes,
            });
        }
    };
    let (injections, head, worker) = (collection.injections().clone(), head.clone(), state.clone());
    let work = move || head.records(sent, &injections, &worker);
    let records = aside(bytes, state, work).await?;
    let holds_some = records.iter().any(Result::is_ok);
    Ok(Batch {
        name,
        collection: Some(collection).filter(|_| holds_some),
        records,
        bytes,
    })
}

impl Batch {
    /// Stores what can be stored: the outcome of each event, and whether any
    /// was stored; or why none could, and how many there are.
    async fn store(
        self,
        caller: &Caller,
        state: &AppState,
    ) -> Result<(Vec<Value>, bool), (ApiError, usize)> {
        let count = self.records.len();
        let failed = |error| (error, count);
        let Some(collection) = self.collection else {
            return Ok((outcomes(&self.records, None), false));
        };
        let permit = collection.open(caller, state).await.map_err(failed)?;
        let (records, batch) = admit(permit, self.records, self.bytes, state)
            .await
            .map_err(failed)?;
        let outcomes = outcomes(&records, Some(&batch));
        let stores = !batch.records().is_empty();
        if stores {
            let stored = caller.let_in.store(state, &caller.access, batch).await;
            stored.map_err(failed)?;
        }
        Ok((outcomes, stores))
    }
}

/// Admits the good events of a list; answers the list with nothing in their places.
async fn admit(
    permit: Permit<Ingest>,
    records: Vec<Result<WithToken, EventFault>>,
    bytes: usize,
    state: &AppState,
) -> Result<(Vec<Result<(), EventFault>>, AdmittedBatch), ApiError> {
    let (now, random) = (state.clock.now(), Arc::clone(&state.random));
    aside(bytes, state, move || {
        let mut good = Vec::with_capacity(records.len());
        let records = records
            .into_iter()
            .map(|record| record.map(|record| good.push(record)));
        let records: Vec<_> = records.collect();
        let batch = permit.admit(good, None, now, &*random);
        (records, batch)
    })
    .await
}

/// What became of each event, in the order they were sent.
fn outcomes<T>(records: &[Result<T, EventFault>], batch: Option<&AdmittedBatch>) -> Vec<Value> {
    let mut faults = batch
        .map_or(&[][..], AdmittedBatch::faults)
        .iter()
        .peekable();
    let mut good = 0;
    let outcome = |record: &Result<T, EventFault>| match record {
        Err(fault) => refused(fault),
        Ok(_) => {
            let index = good;
            good += 1;
            match faults.next_if(|fault| fault.index == index) {
                None => Value::Object(Object::new().with("success", true)),
                Some(fault) => refused(&fault.clone().into()),
            }
        }
    };
    records.iter().map(outcome).collect()
}

fn refused(fault: &EventFault) -> Value {
    outcome_of(fault.rule.name_in_bulk(), &fault.message)
}

/// The outcome of an event that may be sent again.
fn not_now(error: &ApiError) -> Value {
    tracing::warn!(inside = ?error, "events of a bulk request were not stored");
    let name = super::error::name_of(error);
    outcome_of(name, "the event was not stored; send it again")
}

fn outcome_of(name: &str, description: &str) -> Value {
    let error = Object::new()
        .with("name", name)
        .with("description", description);
    Value::Object(Object::new().with("success", false).with("error", error))
}

#[cfg(test)]
mod tests;
