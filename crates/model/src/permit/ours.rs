//! The permits that are no right of a key.

use std::marker::PhantomData;

use super::{Access, Found, Permit, Resource, Upkeep};

impl Permit<Found> {
    /// Who holds the permit.
    pub fn founder(&self) -> &Access {
        self.access.as_ref().expect("a founder has an access")
    }
}

impl Permit<Upkeep> {
    /// The permit of the server's own timers and of definitions that went away.
    pub fn ours() -> Self {
        Self {
            access: None,
            resource: Resource::Project,
            grants: Vec::new(),
            right: PhantomData,
        }
    }
}
