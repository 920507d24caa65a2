//! Why nobody is let in.

use super::DerivedFault;

/// Why a presented token is not let in. Of the first five the wire says one
/// sentence for all; the others are told to holders of a secret in use alone,
/// or follow from the text that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No key has this secret.
    #[error("no key has this secret")]
    Unknown,
    /// The key is switched off.
    #[error("the key is disabled")]
    Disabled,
    /// The key or the secret is past its end.
    #[error("the key or its secret has expired")]
    Expired,
    /// The key that issued this one is gone, or not in use.
    #[error("the key that issued it is not in use")]
    IssuerEnded,
    /// A scoped key does not say what a key may say.
    #[error("a scoped key says what no key can be made of")]
    NotUnderstood,
    /// The key is not for requests from this address, or the address is not known.
    #[error("the key is not for requests from this address")]
    AddressNotAllowed,
    /// The key is not for this page, or the request does not say of which page it is.
    #[error("the key is not for requests from this page")]
    PageNotAllowed,
    /// The key takes signed requests alone.
    #[error("the key takes signed requests alone")]
    Unsigned,
    /// The secret was reported as leaked, and the request comes from no usual network.
    #[error("the secret is in quarantine, and this is no usual network of the key")]
    Quarantined,
    /// A derived token is no use, whatever its key.
    #[error("{0}")]
    Derived(DerivedFault),
    /// As many derived tokens of the key are known as may be.
    #[error("as many derived tokens of the key are in use as may be")]
    TooManyDerived,
}
