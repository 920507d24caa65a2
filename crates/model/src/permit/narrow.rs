//! A key made by a key never reaches further than its maker.

use super::{Admin, Issue, Permit, Right};
use crate::fault::{Fault, FaultCode};
use crate::filters::{Constraint, parse_list, to_list};
use crate::grants::{Action, Grant, Target};
use crate::limits::{GRANT_INJECTIONS_MAX, GRANT_WINDOWS_MAX, VISIBLE_FIELDS_DEPTH_MAX};
use crate::records::Injections;

/// The rights by which keys are made.
pub trait Gives: Right {}
impl Gives for Admin {}
impl Gives for Issue {}

impl<A: Gives> Permit<A> {
    /// The grants as this maker may give them: its own constraints are ANDed
    /// in, its visible fields intersected, its injections kept. A grant that
    /// stands in `before` already stays as it is.
    ///
    /// # Errors
    /// A fault that points at the first grant that has an action on a resource that the maker
    /// does not have.
    pub fn narrow(&self, grants: Vec<Grant>, before: &[Grant]) -> Result<Vec<Grant>, Fault> {
        grants
            .into_iter()
            .enumerate()
            .map(|(index, grant)| {
                if before.contains(&grant) {
                    return Ok(grant);
                }
                self.narrow_one(grant)
                    .map_err(|f| f.under(&format!("/grants/{index}")))
            })
            .collect()
    }

    fn narrow_one(&self, grant: Grant) -> Result<Grant, Fault> {
        if grant.allows(Action::Admin) && self.access().within().is_some() {
            let detail =
                "whoever is held to some rows gives nobody the administration of the project";
            return Err(Fault::new(FaultCode::InvalidValue, detail).at("/actions"));
        }
        // As they are written: a window that moves goes on moving for the new key.
        let held = self.access().grants_of_key();
        // What whoever administers has without a grant, a key that issues has not.
        let is_implied = |action: &Action| {
            A::ACTION == Action::Admin && givers(held, &grant.on, *action).next().is_none()
        };
        let implied = grant.actions.iter().filter(|action| is_implied(action));
        let implied = implied.filter_map(|action| self.access().implied_for(&grant, *action));
        let makers: Vec<Grant> = held.iter().cloned().chain(implied).collect();
        lay_under(grant, &makers)
    }
}

/// The grants of a key as they are under those of the key that issued it: of
/// each what is left. An action that the other does not have on all that the
/// grant is on is left out, and so is a grant that cannot be held to the other's.
pub(crate) fn held_under(grants: &[Grant], makers: &[Grant]) -> Vec<Grant> {
    let held = grants.iter().filter_map(|grant| {
        let actions = grant.actions.iter().copied();
        let is_left = |action: &Action| {
            action.may_be_issued() && givers(makers, &grant.on, *action).next().is_some()
        };
        let left = Grant {
            actions: actions.filter(is_left).collect(),
            ..grant.clone()
        };
        (!left.actions.is_empty())
            .then(|| lay_under(left, makers).ok())
            .flatten()
    });
    held.collect()
}

/// The grants among these by which somebody may give the action there.
fn givers<'a>(makers: &'a [Grant], on: &Target, action: Action) -> impl Iterator<Item = &'a Grant> {
    // Whoever administers says who may make keys.
    let has = move |maker: &Grant| {
        maker.allows(action) || action == Action::Issue && maker.allows(Action::Admin)
    };
    makers
        .iter()
        .filter(move |maker| has(maker) && maker.on.covers_all_of(on, action))
}

/// Lays on a grant what those are held to by which it is given.
pub(crate) fn lay_under(mut grant: Grant, makers: &[Grant]) -> Result<Grant, Fault> {
    // Several actions mostly meet the same limits; each is laid on once, not once an action.
    let (mut rows, mut fields) = (Vec::new(), Vec::new());
    for action in grant.actions.clone() {
        let makers: Vec<&Grant> = givers(makers, &grant.on, action).collect();
        if makers.is_empty() {
            return Err(Fault::new(
                FaultCode::InvalidValue,
                format!(
                    "the calling key cannot give the action {} there, since it does not have it",
                    action.name()
                ),
            )
            .at("/actions"));
        }
        if action.touches_rows() {
            let held = makers.iter().filter_map(|maker| maker.rows.clone());
            rows.push(Constraint::union(held));
            fields.extend(makers.iter().map(|maker| maker.fields.clone()));
            hold_to_windows(&mut grant, &makers)?;
        }
        if action == Action::Ingest {
            for maker in &makers {
                grant.injections = stamped_by(&maker.injections, grant.injections)?;
            }
        }
    }
    for (index, held) in rows.iter().enumerate() {
        if !rows[..index].contains(held) {
            let asked = grant.rows.take().zip(held.as_ref());
            grant.rows = asked.map(|(asked, held)| match (&asked, held) {
                (Constraint::Rows(own), Constraint::Rows(held)) if own.says_all_of(held) => asked,
                _ => asked.and(held),
            });
        }
    }
    for (index, held) in fields.iter().enumerate() {
        if !fields[..index].contains(held) {
            grant.fields = grant.fields.and(held);
        }
    }
    refuse_unreadable(&grant)?;
    Ok(grant)
}

/// A grant that grew past the limits of grants could be stored and never read back.
fn refuse_unreadable(grant: &Grant) -> Result<(), Fault> {
    let too_much = |pointer: &str| {
        Fault::new(
            FaultCode::LimitExceeded,
            "together with what the calling key is held to, the grant is larger than a grant may be",
        )
        .at(pointer)
    };
    if let Some(Constraint::Rows(filter)) = &grant.rows
        && parse_list(&to_list(filter)).is_err()
    {
        return Err(too_much("/constraints"));
    }
    if grant.windows.len() > GRANT_WINDOWS_MAX {
        return Err(too_much("/time"));
    }
    if grant.fields.depth() > VISIBLE_FIELDS_DEPTH_MAX {
        return Err(too_much("/fields"));
    }
    if grant.injections.values.len() > GRANT_INJECTIONS_MAX {
        return Err(too_much("/injections"));
    }
    Ok(())
}

/// Lays the makers' windows of time on a grant besides its own.
fn hold_to_windows(grant: &mut Grant, makers: &[&Grant]) -> Result<(), Fault> {
    let [first, others @ ..] = makers else {
        return Ok(());
    };
    if others.iter().any(|other| other.windows != first.windows) {
        return Err(Fault::new(
            FaultCode::InvalidValue,
            "the calling key has this by several grants with different windows of time, so that it is unclear which holds for the new one",
        )
        .at("/time"));
    }
    for window in &first.windows {
        if !grant.windows.contains(window) {
            grant.windows.push(window.clone());
        }
    }
    Ok(())
}

/// The maker's injections, and those asked for that do not contradict them.
pub(crate) fn stamped_by(maker: &Injections, asked: Injections) -> Result<Injections, Fault> {
    let mut values = maker.values.clone();
    for (path, value) in asked.values {
        match maker.values.iter().find(|(held, _)| held.overlaps(&path)) {
            None => values.push((path, value)),
            Some((held, held_value)) if *held == path && *held_value == value => {}
            Some(_) => {
                return Err(Fault::new(
                    FaultCode::InvalidValue,
                    "the calling key injects another value here, which keys made by it cannot change",
                )
                .at("/injections")
                .on_field(path));
            }
        }
    }
    values.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Injections {
        values,
        on_conflict: asked.on_conflict,
    })
}
