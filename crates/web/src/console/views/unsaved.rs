//! Views that are chosen and not made yet.

use std::sync::Arc;

use model::ids::ViewId;
use model::pools::Pool;
use model::value::{Object, Value};
use model::views::{View, ViewDraft};

use super::Readable;
use super::builder::Builder;
use crate::console::asking;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::input::Parameters;
use crate::state::AppState;

/// What a view is called while it has no name.
pub(super) const NAMELESS: &str = "preview";

/// The pool that is chosen, or else the first one.
pub(super) fn chosen_pool<'a>(pools: &'a [Arc<Pool>], name: Option<&str>) -> Option<&'a Arc<Pool>> {
    match name.filter(|name| !name.is_empty()) {
        None => pools.first(),
        Some(name) => pools.iter().find(|pool| pool.draft.name.as_str() == name),
    }
}

/// The view that a definition would be, for who may define one.
pub(super) fn readable_of(
    here: &InProject,
    definition: &Object,
    pool: &Arc<Pool>,
    state: &AppState,
) -> Result<Readable, ApiError> {
    let named = definition.clone().with("name", NAMELESS);
    let draft = ViewDraft::parse(&without_nothing(named), &pool.draft.schema)?;
    let now = state.clock.now();
    let view = View {
        id: ViewId::generate(now, &*state.random),
        pool: pool.id,
        draft,
        created_at: now,
        revision: 0,
    };
    Readable::of(here, &Arc::new(view), pool)
}

/// The view that parameters choose.
///
/// # Errors
/// A fault of what was chosen.
pub(super) fn unsaved(
    here: &InProject,
    parameters: &Parameters,
    state: &AppState,
) -> Result<Readable, ApiError> {
    let pools = asking::pools(here);
    let pool = chosen_pool(&pools, parameters.get("pool")).ok_or_else(ApiError::not_found)?;
    let builder = Builder::typed([], |name| parameters.get(name));
    readable_of(here, &builder.to_value(pool)?, pool, state)
}

/// A definition without the members that say nothing.
pub(super) fn without_nothing(definition: Object) -> Value {
    let members = definition.into_members().into_iter();
    let members = members.filter(|(_, value)| !value.is_null());
    let kept = members.fold(Object::new(), |all, (name, value)| all.with(name, value));
    Value::Object(kept)
}
