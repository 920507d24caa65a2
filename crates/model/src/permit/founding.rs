//! Making a pool by writing to it.

use std::marker::PhantomData;

use super::{Access, Denied, Found, Permit, Resource};
use crate::grants::{Action, Grant, Target};
use crate::names::Name;

impl Access {
    /// The permit to make a pool of this name by writing to it.
    ///
    /// # Errors
    /// [`Denied`] as for writing to a pool that does not exist.
    pub fn permit_founding(&self, name: &Name) -> Result<Permit<Found>, Denied> {
        let writes = |grant: &&Grant| grant.allows(Action::Ingest);
        let pools = |grant: &Grant| match &grant.on {
            Target::Pool(pools) => Some(pools.covers_name(name)),
            _ => None,
        };
        let mut covered = self
            .grants
            .iter()
            .filter(writes)
            .filter_map(pools)
            .peekable();
        if covered.peek().is_none() {
            return Err(Denied::NoGrant(Action::Ingest));
        }
        // A pool is a definition, which would outlast the quarantine.
        if self.quarantined_at.is_some() {
            return Err(Denied::Quarantined(Action::Admin));
        }
        // Who is held to some rows of a project defines nothing in it.
        let is_held = self.within.is_some();
        if !covered.any(|covers| covers) || self.is_by_ticket() || is_held {
            return Err(Denied::NotFound);
        }
        Ok(Permit {
            access: Some(self.clone()),
            resource: Resource::Project,
            grants: Vec::new(),
            right: PhantomData,
        })
    }
}
