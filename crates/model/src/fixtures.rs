//! What the tests of this crate share: a small project with pools and views,
//! and callers made the one way there is.

use std::cell::Cell;
use std::sync::Arc;

use crate::fault::Fault;
use crate::grants::{Grant, GrantLookup, parse_grants};
use crate::ids::{DatasetId, GrantId, KeyId, PoolId, ProjectId, SavedQueryId, ViewId};
use crate::keys::{
    Circumstances, KeyDraft, KeyKind, KeyLimits, KeyParts, KeyRecord, Restrictions, SecretRecord,
};
use crate::names::{FieldPath, Name};
use crate::permit::Access;
use crate::pools::{Pool, PoolDraft, Schema};
use crate::random::SeededRandom;
use crate::secrets::{Pepper, Secret};
use crate::time::Timestamp;
use crate::value::Value;
use crate::views::{View, ViewDraft};

pub(crate) fn json(text: &str) -> Value {
    crate::json::parse(text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a date-time")
}

pub(crate) fn noon() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

pub(crate) fn path(text: &str) -> FieldPath {
    FieldPath::parse_readable(text).expect("a legal path")
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a legal name")
}

fn sixteen(kind: u8, number: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    (bytes[0], bytes[15]) = (kind, number);
    bytes
}

pub(crate) fn pool_id(number: u8) -> PoolId {
    PoolId::from_bytes(sixteen(1, number))
}

pub(crate) fn view_id(number: u8) -> ViewId {
    ViewId::from_bytes(sixteen(2, number))
}

pub(crate) fn grant_id(number: u8) -> GrantId {
    GrantId::from_bytes(sixteen(3, number))
}

pub(crate) fn pool(number: u8, definition: &str) -> Arc<Pool> {
    Arc::new(Pool {
        id: pool_id(number),
        draft: PoolDraft::parse(&json(definition)).expect("a legal pool"),
        created_at: noon(),
        revision: 1,
    })
}

pub(crate) fn view(number: u8, pool: &Pool, definition: &str) -> Arc<View> {
    Arc::new(View {
        id: view_id(number),
        pool: pool.id,
        draft: ViewDraft::parse(&json(definition), &pool.draft.schema).expect("a legal view"),
        created_at: noon(),
        revision: 1,
    })
}

/// A project: the pools `open` and `strict`, and one view of each shape on `strict`.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) pools: Vec<Arc<Pool>>,
    pub(crate) views: Vec<Arc<View>>,
    pub(crate) existing: Vec<Grant>,
    fresh: Cell<u8>,
}

pub(crate) const STRICT: &str = r#"{"name":"strict","schema":"strict","fields":[
    {"name":"customer.id","type":"String","required":true},{"name":"region","type":"String"},
    {"name":"amount","type":"Float64"},{"name":"n","type":"Int64"},{"name":"at","type":"DateTime"},
    {"name":"tags","type":"Array(String)"},{"name":"secret.cost","type":"Float64"}],
    "isolation_field":"customer.id","time_field":"at"}"#;

impl Project {
    pub(crate) fn new() -> Self {
        let open = pool(1, r#"{"name":"open","schema":"open"}"#);
        let strict = pool(2, STRICT);
        let records = view(
            1,
            &strict,
            r#"{"name":"records","pool":"strict","shape":"records","fields":[
            {"field":"customer.id"},{"field":"amount","as":"price"},{"field":"tags"},{"field":"at"},
            {"field":"secret.cost","as":"cost"}],"filters":[{"field":"region","operator":"eq","value":"eu"}]}"#,
        );
        let sums = view(
            2,
            &strict,
            r#"{"name":"sums","pool":"strict","shape":"aggregated","fields":[
            {"field":"region","group":true},{"aggregate":"count"},{"field":"amount","as":"total","aggregate":"sum"},
            {"field":"secret.cost","as":"cost","aggregate":"maximum"}]}"#,
        );
        let days = view(
            3,
            &strict,
            r#"{"name":"days","pool":"strict","shape":"time_series","interval_field":"at","fields":[
            {"field":"region","group":true},{"aggregate":"count"}]}"#,
        );
        Self {
            pools: vec![open, strict],
            views: vec![records, sums, days],
            existing: Vec::new(),
            fresh: Cell::new(0),
        }
    }

    pub(crate) fn open(&self) -> &Arc<Pool> {
        &self.pools[0]
    }

    pub(crate) fn strict(&self) -> &Arc<Pool> {
        &self.pools[1]
    }

    pub(crate) fn grants(&self, text: &str) -> Result<Vec<Grant>, Fault> {
        parse_grants(&json(text), self)
    }

    pub(crate) fn access(&self, grants: &str) -> Access {
        access_of(self.grants(grants).expect("legal grants"))
    }
}

impl GrantLookup for Project {
    fn pool(&self, name: &Name) -> Option<(PoolId, Schema)> {
        let found = self.pools.iter().find(|pool| pool.draft.name == *name)?;
        Some((found.id, found.draft.schema.clone()))
    }

    fn view(&self, name: &Name) -> Option<(ViewId, Schema)> {
        let found = self.views.iter().find(|view| view.draft.name == *name)?;
        let pool = self.pools.iter().find(|pool| pool.id == found.pool)?;
        Some((found.id, pool.draft.schema.clone()))
    }

    fn saved_query(&self, _: &Name) -> Option<(SavedQueryId, Option<Schema>)> {
        None
    }

    fn dataset(&self, _: &Name) -> Option<(DatasetId, Option<Schema>)> {
        None
    }

    fn is_public_pool(&self, id: PoolId) -> bool {
        let mut pools = self.pools.iter();
        pools.any(|pool| pool.id == id && pool.draft.public)
    }

    fn is_public_view(&self, id: ViewId) -> bool {
        let mut views = self.views.iter();
        views.any(|view| view.id == id && view.draft.public)
    }

    fn existing(&self, id: GrantId) -> Option<Grant> {
        self.existing.iter().find(|grant| grant.id == id).cloned()
    }

    fn fresh_id(&self) -> GrantId {
        self.fresh.set(self.fresh.get().wrapping_add(1));
        grant_id(self.fresh.get())
    }
}

pub(crate) fn pepper() -> Pepper {
    Pepper::from_bytes([7; 32])
}

pub(crate) fn draft(grants: Vec<Grant>) -> KeyDraft {
    KeyDraft {
        name: "a key".to_owned(),
        description: String::new(),
        kind: KeyKind::Secret,
        grants,
        expires_at: None,
        restrictions: Restrictions::NONE,
        limits: KeyLimits::NONE,
        rotate_after: None,
        derived_tokens: false,
        issued_by: None,
        dialect: None,
    }
}

pub(crate) fn parts(draft: KeyDraft, secret: &Secret) -> KeyParts {
    KeyParts {
        id: KeyId::from_bytes(sixteen(4, 1)),
        project: ProjectId::from_bytes(sixteen(5, 1)),
        draft,
        disabled: false,
        secrets: vec![SecretRecord::fresh(secret, &pepper(), noon())],
        within: None,
        created_by: "server".to_owned(),
        created_at: noon(),
        revision: 1,
    }
}

pub(crate) fn access_of(grants: Vec<Grant>) -> Access {
    let secret = Secret::generate(KeyKind::Secret, &SeededRandom::new(1));
    KeyRecord::restore(parts(draft(grants), &secret))
        .verify(&secret, &pepper(), &Circumstances::unknown(), noon())
        .expect("the right secret")
}

/// What a table of refusals shows of a fault.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(fault) => format!("{:?} {}", fault.code, fault.pointer),
    }
}
