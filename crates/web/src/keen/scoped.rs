//! Scoped keys: what a client says under its master key, as grants.
//!
//! The vendor's format proves nothing of what it carries, so a text is a key
//! only when all of it is understood, to the last member, and every fault is
//! answered alike. What remains possible for one who alters texts is in
//! `docs/adr/022-scoped-keys.md`.

use control::Control;
use model::document::Document;
use model::grants::{Grant, parse_grants};
use model::ids::ProjectId;
use model::json;
use model::keys::{AuthError, Circumstances};
use model::permit::Access;
use model::secrets::ScopedText;
use model::value::{Object, Value};

use super::policy::Policy;

/// The members of a filter; the last is a hint that is not needed.
const FILTER_MEMBERS: [&str; 5] = [
    "property_name",
    "operator",
    "property_value",
    "operands",
    "coercion_type",
];
/// The operator over other filters.
const OR: &str = "or";

/// Lets the holder of a scoped key of the project in.
///
/// # Errors
/// [`AuthError`], of which the wire says one sentence.
pub(super) fn let_in(
    control: &Control,
    project: ProjectId,
    text: &ScopedText,
    seen: &Circumstances<'_>,
) -> Result<Access, AuthError> {
    let scoped = control.read_scoped(project, text, seen)?;
    let grants = policy(scoped.said()).and_then(|policy| grants(control, project, &policy));
    let grants = grants.ok_or(AuthError::NotUnderstood)?;
    control.let_scoped_in(scoped, grants)
}

fn grants(control: &Control, project: ProjectId, policy: &Policy) -> Option<Vec<Grant>> {
    let grants = Value::Array(policy.grants().ok()?);
    parse_grants(&grants, &control.grant_lookup(project, &[])).ok()
}

/// What the text of a key says it may do; `None` when some of it is not understood.
fn policy(said: &[u8]) -> Option<Policy> {
    // Noise where a block was altered is then text twenty times less often.
    if !said.is_ascii() {
        return None;
    }
    let said = json::parse(said).ok()?;
    let mut document = Document::new(&said).ok()?;
    let operations = document.list("allowed_operations").ok()?;
    let filters = document.optional_list("filters").ok()?;
    document.finish().ok()?;
    let is = |word: &str| operations.iter().any(|named| named.as_str() == Some(word));
    let are_known = operations
        .iter()
        .all(|named| matches!(named.as_str(), Some("read" | "write")));
    let (reads, writes) = (is("read"), is("write"));
    let is_key = !operations.is_empty()
        && are_known
        && filters.unwrap_or_default().iter().all(is_whole)
        && (!reads || keeps_its_filters(said.as_object()?, filters?.len()));
    let filters = filters.filter(|filters| !filters.is_empty());
    let filters = filters.map(|filters| Value::Array(filters.to_vec()));
    is_key.then(|| Policy::scoped(reads, writes, filters.as_ref()))
}

/// Whether the filters, which must be said, are all that were said: nobody can
/// have cut one off the front of the text. Its holder may leave blocks out
/// there and say what the first 16 bytes shall be, which is room enough for
/// `{"filters":[],` and for `{"filters":[{"pr`, when the operations follow;
/// where they stand in front there is not enough.
fn keeps_its_filters(said: &Object, filters: usize) -> bool {
    let first = said.iter().next().map(|(name, _)| name);
    first == Some("allowed_operations") || filters == 1
}

/// Whether a filter has all its members, and none that means nothing: in a
/// question such a one is ignored, here it may be what became of another.
fn is_whole(filter: &Value) -> bool {
    let Some(filter) = filter.as_object() else {
        return false;
    };
    let are_known = filter
        .iter()
        .all(|(name, _)| FILTER_MEMBERS.contains(&name));
    let operands = filter.get("operands").map(Value::as_array);
    let is_complete = match filter.get("operator").and_then(Value::as_str) {
        Some(OR) => operands
            .flatten()
            .is_some_and(|operands| operands.iter().all(is_whole)),
        _ => operands.is_none() && filter.get("property_value").is_some(),
    };
    are_known && is_complete
}

#[cfg(test)]
pub(crate) mod tests;
