//! Why a caller may not do what it asks.

use crate::grants::Action;

/// Why a caller may not do what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No grant of the key has the action on any resource of the type.
    #[error("no grant of this key has the action {}", .0.name())]
    NoGrant(Action),
    /// The secret was reported as leaked, and what would outlast that is not
    /// for its holder, whatever the grants say.
    #[error("the secret was reported as leaked: until the key is rolled or released, nobody does {} by it", .0.name())]
    Quarantined(Action),
    /// The server alone writes there.
    #[error(
        "the pool _usage is the server's own: it is asked like any other, and nobody writes to it or deletes of it"
    )]
    KeptByServer,
    /// The resource does not exist, or no grant covers it: the same for the caller.
    #[error("there is no such resource for this key")]
    NotFound,
}
