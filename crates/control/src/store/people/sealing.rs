//! What the checksums of people, invitations and sessions are over.

use std::fmt::{self, Display};

use model::json;
use model::people::{
    InvitationRecord, PasswordHash, PersonParts, RecoveryHash, SealedTotp, SessionRecord,
};

use super::super::sealed::seal;

pub(super) const PERSON: &str = "person";
pub(super) const INVITATION: &str = "invitation";
pub(super) const SESSION: &str = "session";

/// By what somebody proves who it is, and what is used up of that. The times of
/// wrong attempts are not among it: whoever takes a false time back sets them back.
pub(super) struct Proofs<'p> {
    pub(super) password: &'p PasswordHash,
    pub(super) totp: &'p SealedTotp,
    pub(super) last_step: u64,
    pub(super) failures: [u32; 2],
    pub(super) recovery: &'p [RecoveryHash],
}

impl<'p> Proofs<'p> {
    fn of(parts: &'p PersonParts) -> Self {
        Self {
            password: &parts.password,
            totp: &parts.totp,
            last_step: parts.last_step,
            failures: [parts.attempts.failures(), parts.by_keys.failures()],
            recovery: &parts.recovery,
        }
    }
}

impl Display for Proofs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [own, by_keys] = self.failures;
        write!(
            f,
            "{} {} {own} {by_keys} ",
            self.totp.as_str(),
            self.last_step
        )?;
        let password = self.password.to_bytes();
        let mut proofs: Vec<&[u8]> = self
            .recovery
            .iter()
            .map(|code| &code.as_bytes()[..])
            .collect();
        proofs.sort_unstable();
        proofs.push(&password);
        for proof in proofs {
            f.write_str(" ")?;
            proof.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

pub(super) fn sealed(parts: &PersonParts) -> String {
    let proofs = Proofs::of(parts);
    let about: [&dyn Display; 4] = [
        &parts.organization,
        &parts.sign_in.as_str(),
        &parts.revision,
        &proofs,
    ];
    seal(
        PERSON,
        &parts.id,
        &about,
        &json::to_text(&parts.draft.to_value()),
    )
}

pub(super) fn sealed_invitation(invitation: &InvitationRecord) -> String {
    let about: [&dyn Display; 2] = [&invitation.organization, &invitation.sign_in.as_str()];
    let draft = json::to_text(&invitation.draft.to_value());
    seal(INVITATION, &invitation.id, &about, &draft)
}

/// What a client calls itself is one line of a request, and has no second.
pub(super) fn sealed_session(session: &SessionRecord) -> String {
    let (created, ends) = (session.created_at, session.ends_at);
    let (created, ends) = (created.as_microsecond(), ends.as_microsecond());
    let hash = session.hash.as_bytes();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let about: [&dyn Display; 4] = [&session.person, &hash, &created, &ends];
    seal(SESSION, &session.id, &about, &session.agent)
}
