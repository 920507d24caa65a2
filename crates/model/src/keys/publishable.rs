//! Keys that may live in a page, where everybody who opens it has them.

use super::KeyKind;
use crate::fault::{Fault, FaultCode};
use crate::filters::Constraint;
use crate::grants::{Action, Grant, GrantLookup, Selector, Target};

impl KeyKind {
    /// Whether a key of this kind may have the action at all, whatever its
    /// grants say. Of a key in a page the list is closed: an action that comes
    /// later is not in it.
    pub fn may_ever(self, action: Action) -> bool {
        const IN_A_PAGE: [Action; 8] = [
            Action::Ingest,
            Action::Query,
            Action::Extract,
            Action::Schema,
            Action::Read,
            Action::Run,
            Action::List,
            Action::Retrieve,
        ];
        match self {
            Self::Secret | Self::Legacy => true,
            Self::Publishable => IN_A_PAGE.contains(&action),
        }
    }

    /// Whether the grant, as it is written, shows a key of this kind rows of a
    /// resource that it covers. Of a key in a page a grant without a constraint
    /// shows what is public at this moment, and nothing else.
    pub fn may_show(self, grant: &Grant, is_public: bool) -> bool {
        let constrained = !matches!(grant.rows, Some(Constraint::AllRows));
        self != Self::Publishable || is_public || constrained
    }
}

/// Refuses grants that must not be in a page: all that is neither reading under
/// a constraint or from one public resource, nor writing alone, and both in one key.
///
/// # Errors
/// A fault that points at the grant.
pub(super) fn check(grants: &[Grant], lookup: &dyn GrantLookup) -> Result<(), Fault> {
    let refuse = |detail: String, at: String| {
        Err(Fault::new(FaultCode::InvalidValue, detail).at(format!("/grants{at}")))
    };
    for (index, grant) in grants.iter().enumerate() {
        let mut actions = grant.actions.iter();
        if let Some(never) = actions.find(|action| !KeyKind::Publishable.may_ever(**action)) {
            let detail = format!(
                "everybody who opens a page has its keys, so a publishable key never has the action {}; make a secret key",
                never.name()
            );
            return refuse(detail, format!("/{index}/actions"));
        }
        let is_constrained = matches!(grant.rows, Some(Constraint::Rows(_)));
        if !writes(grant) && !is_constrained && !is_kept(grant, lookup) && !is_public(grant, lookup)
        {
            let detail = "a publishable key reads under a constraint, or one pool or view that is public; name \
                filters that hold for all that every visitor of the page may see, or mark the resource public first";
            return refuse(detail.to_owned(), format!("/{index}/constraints"));
        }
    }
    let reads = |grant: &Grant| grant.actions.iter().any(|action| *action != Action::Ingest);
    if grants.iter().any(writes) && grants.iter().any(reads) {
        let detail = "a publishable key either reads or writes; make two keys";
        return refuse(detail.to_owned(), String::new());
    }
    Ok(())
}

/// Whether the key has just this already: it shows what is public now, be it nothing.
fn is_kept(grant: &Grant, lookup: &dyn GrantLookup) -> bool {
    lookup.existing(grant.id).as_ref() == Some(grant)
}

/// Whether all that the grant is on is one resource that is public.
fn is_public(grant: &Grant, lookup: &dyn GrantLookup) -> bool {
    match &grant.on {
        Target::Pool(Selector::One { id, .. }) => lookup.is_public_pool(*id),
        Target::View(Selector::One { id, .. }) => lookup.is_public_view(*id),
        _ => false,
    }
}

fn writes(grant: &Grant) -> bool {
    grant.allows(Action::Ingest)
}

#[cfg(test)]
mod tests;
