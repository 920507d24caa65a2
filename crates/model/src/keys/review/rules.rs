//! The rules of advice.

/// What an advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AdviceRule {
    /// The key was not used for [`super::UNUSED_AFTER`].
    Unused,
    /// A secret of the key is older than [`super::ROLL_AFTER`].
    NeverRolled,
    /// An older secret is still used although there is a newer one.
    OldSecretInUse,
    /// The key both writes and reads.
    WritesAndReads,
    /// Its rows are chosen by a field whose value others, or its own holders, may choose.
    FieldWritableByOthers,
    /// More keys administer the project than are needed.
    ManyAdmins,
    /// A secret of the key came from a page, where it must not be.
    UsedFromPage,
    /// A secret is older than the key's own `rotate_after`.
    RotationDue,
    /// It has grants that it did not use.
    WiderThanUsed,
    /// The key that issued it is gone or not in use, so that it lets nobody in.
    IssuerEnded,
    /// Of a person, not of a key: the sessions are used from two places at once.
    SharedAccount,
}

impl AdviceRule {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::Unused,
        Self::NeverRolled,
        Self::OldSecretInUse,
        Self::WritesAndReads,
        Self::FieldWritableByOthers,
        Self::ManyAdmins,
        Self::UsedFromPage,
        Self::RotationDue,
        Self::WiderThanUsed,
        Self::IssuerEnded,
        Self::SharedAccount,
    ];

    /// The rule's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::NeverRolled => "never_rolled",
            Self::OldSecretInUse => "old_secret_in_use",
            Self::WritesAndReads => "writes_and_reads",
            Self::FieldWritableByOthers => "field_writable_by_others",
            Self::ManyAdmins => "many_admins",
            Self::UsedFromPage => "used_from_page",
            Self::RotationDue => "rotation_due",
            Self::WiderThanUsed => "wider_than_used",
            Self::IssuerEnded => "issuer_ended",
            Self::SharedAccount => "shared_account",
        }
    }

    /// What to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unused => "disable it; when nobody has missed it for some weeks, delete it",
            Self::NeverRolled => "give it a new secret, or make a copy and retire this one",
            Self::OldSecretInUse => {
                "find who still has the older secret, and give them the newer one before the older one ends"
            }
            Self::WritesAndReads => {
                "make one key that writes and one that reads: whoever finds one of them has half"
            }
            Self::FieldWritableByOthers => {
                "let every key that writes there stamp the field, by injections, so that no client chooses it"
            }
            Self::ManyAdmins => "disable those that are used least",
            Self::UsedFromPage => {
                "roll it and take the old secret out of the page: whoever opened it has it; a page needs a publishable key"
            }
            Self::RotationDue => "roll it, as its owner wanted",
            Self::WiderThanUsed => "take the grants away that nobody uses",
            Self::IssuerEnded => "delete it, or make a key of its own for whoever still needs it",
            Self::SharedAccount => {
                "ask the person: one with two devices is fine; for two people invite the second one, and if neither \
                 knows of it, end the sessions and change the password"
            }
        }
    }
}
