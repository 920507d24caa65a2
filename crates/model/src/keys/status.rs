//! Whether keys are in use.

/// Whether a key is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyStatus {
    /// In use.
    Active,
    /// Switched off by a person.
    Disabled,
    /// Past its expiry.
    Expired,
    /// Its current secret was reported as leaked.
    Quarantined,
}

impl KeyStatus {
    /// The status's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Quarantined => "quarantined",
        }
    }
}
