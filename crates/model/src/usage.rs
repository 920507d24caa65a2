//! Usage, and the pool `_usage` that it is asked from like any other records.
//!
//! Every project has the pool. Nobody makes it: it follows from the project's
//! id. The server alone writes to it.

use std::ops::AddAssign;
use std::sync::{Arc, LazyLock};

use crate::grants::Action;
use crate::ids::{KeyId, PoolId, ProjectId, RawId, ViewId};
use crate::keys::WHEREABOUTS_KEPT;
use crate::names::Name;
use crate::pools::{Pool, PoolDraft};
use crate::secrets::SecretId;
use crate::time::Date;
use crate::value::{Object, Value};

/// What usage is told of apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsageOf {
    /// The project of the key.
    pub project: ProjectId,
    /// Whose it is.
    pub key: KeyId,
    /// By which of its secrets.
    pub secret: SecretId,
    /// Of which pool, when it was of one.
    pub pool: Option<PoolId>,
    /// Through which view.
    pub view: Option<ViewId>,
    /// Days since 1970-01-01.
    pub day: i32,
}

/// How much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Requests that were let in.
    pub requests: u64,
    /// Those of them that were refused or failed.
    pub refused: u64,
    /// Records that were stored.
    pub records: u64,
}

impl AddAssign for UsageCounts {
    fn add_assign(&mut self, more: Self) {
        self.requests += more.requests;
        self.refused += more.refused;
        self.records += more.records;
    }
}

/// Days of usage that are kept beside the present one, and told of.
pub const USAGE_DAYS: u16 = 400;

/// Days of usage by network that are kept, the present one among them: no longer
/// than [`WHEREABOUTS_KEPT`], like all that says where a key was used from.
pub const USAGE_NETWORK_DAYS: u16 = 90;
const _: () = assert!(USAGE_NETWORK_DAYS as u64 * 86_400 <= WHEREABOUTS_KEPT.as_secs());

/// What may be granted on the pool: to look at it, and nothing else.
pub const USAGE_ACTIONS: [Action; 3] = [Action::Query, Action::Extract, Action::Schema];

/// The pool `_usage` of a project: always the same one.
pub fn usage_pool(project: ProjectId) -> Arc<Pool> {
    Arc::new(Pool {
        id: usage_pool_id(project),
        draft: DRAFT.clone(),
        created_at: RawId::from_bytes(project.to_bytes()).made_at(),
        revision: 1,
    })
}

/// The id of a project's pool `_usage`. Ids of other pools are drawn at random,
/// so that none is the same.
pub fn usage_pool_id(project: ProjectId) -> PoolId {
    let mut bytes = project.to_bytes();
    // The time stays: pools sort by it.
    let random = bytes.iter_mut().skip(6);
    random.zip(Name::USAGE.bytes()).for_each(|(a, b)| *a ^= b);
    PoolId::from_bytes(bytes)
}

impl Pool {
    /// Whether it is a project's pool `_usage`, which no grant on `*` or on a
    /// tier means and which the server alone writes to.
    pub fn is_usage(&self) -> bool {
        self.draft.name.is_reserved()
    }
}

/// A record of the pool, as a client would send one. What is about no pool or
/// no view has an empty text there: records are told apart by it.
pub(crate) fn record_of(of: &UsageOf, counts: UsageCounts) -> Value {
    let date = Date::from_days(of.day);
    let id = |id: Option<String>| id.unwrap_or_default();
    let record = Object::new()
        .with("day", date.map(|date| date.to_string()))
        .with("at", date.map(|date| date.midnight().to_string()))
        .with("key", of.key.to_string())
        .with("secret", of.secret.to_string())
        .with("pool", id(of.pool.map(|id| id.to_string())))
        .with("view", id(of.view.map(|id| id.to_string())))
        .with("requests", counts.requests)
        .with("refused", counts.refused)
        .with("records", counts.records);
    Value::Object(record)
}

/// What every such pool is, but for its id.
static DRAFT: LazyLock<PoolDraft> = LazyLock::new(|| {
    let field = |(name, kind): (&str, &str)| {
        let field = Object::new().with("name", name).with("type", kind);
        field.with("required", true)
    };
    let fields = [
        ("day", "Date"),
        ("at", "DateTime"),
        ("key", "String"),
        ("secret", "String"),
        ("pool", "String"),
        ("view", "String"),
        ("requests", "Int64"),
        ("refused", "Int64"),
        ("records", "Int64"),
    ];
    let unique = ["key", "day", "secret", "pool", "view"];
    let description = "What each secret of each key did with each pool and view on each day of \
                       UTC. The server writes it.";
    let definition = Object::new()
        .with("name", "usage")
        .with("description", description)
        .with("schema", "strict")
        .with("fields", fields.map(field).to_vec())
        .with("isolation_field", "key")
        .with("time_field", "at")
        .with("unique", unique.to_vec())
        // A day begins a whole day before it ends.
        .with("retention_days", i64::from(USAGE_DAYS) + 1);
    let draft = PoolDraft::parse(&Value::Object(definition));
    PoolDraft {
        name: Name::of_usage(),
        ..draft.expect("the definition is a legal one")
    }
});

#[cfg(test)]
mod tests;
