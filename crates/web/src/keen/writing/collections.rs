//! Where events go: a pool that is there, or one that their first write makes.

use model::grants::{Action, Target};
use model::limits::KEEN_FOUNDED_POOLS_MAX;
use model::names::Name;
use model::permit::{Denied, Ingest, On, Permit};
use model::pools::PoolDraft;
use model::records::Injections;

use crate::error::{ApiError, Code};
use crate::keen::events::fault::{EventFault, EventRule};
use crate::keen::events::rules;
use crate::keen::{Caller, failed};
use crate::state::AppState;
use crate::storage::check_project_room;

/// A collection that the caller may write to.
#[derive(Debug)]
pub(super) enum Collection {
    /// Its pool is there.
    There(Box<Permit<Ingest>>),
    /// There is no such pool yet, and the key may write to whatever is called so.
    Absent(Name, Injections),
}

impl Collection {
    /// The collection of this name, or why there can be none.
    ///
    /// # Errors
    /// The caller may not write there. A collection that is not there and one
    /// that is not for this key are refused alike.
    pub(super) fn find(caller: &Caller, text: &str) -> Result<Result<Self, EventFault>, ApiError> {
        let name = match rules::collection(text) {
            Ok(name) => name,
            Err(fault) => return Ok(Err(fault)),
        };
        let pool = caller.collection(text);
        match caller.access.permit(On::Pool(pool)) {
            Ok(permit) => Ok(Ok(Self::There(Box::new(permit)))),
            Err(Denied::NotFound) if pool.is_none() => match injections(caller, &name) {
                Some(injections) => Ok(Ok(Self::Absent(name.clone(), injections.clone()))),
                None => Err(not_granted()),
            },
            Err(_) => Err(not_granted()),
        }
    }

    /// What the key stamps on what it writes there.
    pub(super) fn injections(&self) -> &Injections {
        match self {
            Self::There(permit) => permit.injections(),
            Self::Absent(_, injections) => injections,
        }
    }

    /// The permit to write there; makes the pool when it is not there yet.
    pub(super) async fn open(
        self,
        caller: &Caller,
        state: &AppState,
    ) -> Result<Permit<Ingest>, ApiError> {
        match self {
            Self::There(permit) => Ok(*permit),
            Self::Absent(name, _) => found(caller, state, &name).await,
        }
    }
}

/// What a key stamps on what it writes to a pool that is not there yet.
fn injections<'c>(caller: &'c Caller, name: &Name) -> Option<&'c Injections> {
    let covers = |on: &Target| matches!(on, Target::Pool(pools) if pools.covers_name(name));
    let mut grants = caller.access.grants().iter();
    let grant = grants.find(|grant| grant.allows(Action::Ingest) && covers(&grant.on));
    grant.map(|grant| &grant.injections)
}

fn not_granted() -> ApiError {
    failed(
        Code::ActionNotGranted,
        "RequestForbiddenError",
        "this key may not write to this collection",
    )
}

/// Makes the pool of a collection, or finds the one that was made meanwhile.
async fn found(caller: &Caller, state: &AppState, name: &Name) -> Result<Permit<Ingest>, ApiError> {
    if caller.definitions.pools().len() >= KEEN_FOUNDED_POOLS_MAX {
        let detail = format!(
            "a project has at most {KEEN_FOUNDED_POOLS_MAX} collections that were made by writing to them; \
             delete some, or make a pool of this name by the native API"
        );
        let fault = EventFault::new(EventRule::CollectionName, detail);
        return Err(fault.into());
    }
    let by = caller
        .access
        .permit_founding(name)
        .map_err(|_| not_granted())?;
    check_project_room(state, &caller.access, &caller.definitions)?;
    let pool = state
        .control
        .found_pool(&by, PoolDraft::of_collection(name)?)
        .await?;
    let permit = caller.access.permit(On::Pool(Some(&pool)));
    permit.map_err(|_| not_granted())
}
