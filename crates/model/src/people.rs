//! People: who signs in, with what, and what their role opens.
//!
//! A person has a password and an app that shows one-time codes; one of ten
//! recovery codes stands in for the app, never for both. What a person may do
//! follows from the [`Role`], and is an ordinary [`Access`](crate::permit::Access)
//! while a session lasts.

mod attempts;
mod codes;
mod password;
mod record;
mod roles;
mod sessions;
mod shown_once;
mod sign_in_name;
mod stretches;
mod totp;

pub use attempts::{Attempts, Wait};
pub use codes::{RecoveryCode, RecoveryHash};
pub use password::{Password, PasswordHash};
pub use record::{
    InvitationHash, InvitationRecord, InvitationToken, PersonDraft, PersonParts, PersonRecord,
};
pub use roles::{Area, Role, RoleGrant};
pub use sessions::{SessionHash, SessionRecord, SessionToken};
pub use sign_in_name::SignInName;
pub use stretches::{STRETCH_GAP, STRETCH_OVERLAP, Stretch, Stretches, used_by_two};
pub use totp::{Code, SealedTotp, Totp, step_at};

#[cfg(test)]
mod tests;
