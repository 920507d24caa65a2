//! `tidegate clock`.

use control::{AcceptedKey, ClockAccepted};

use super::{CommandError, confirm, environment};
use crate::cli::{ClockArgs, ClockCommand};
use crate::config::{FileSettings, Layers};
use crate::output;
use crate::serve::FalseTime;

/// Names that one line shows; the others are counted.
const NAMED_MAX: usize = 20;

/// Takes a false time back, once a person has seen what that ends.
///
/// # Errors
/// When a server uses the data directory, nobody agrees, or the database fails.
pub(super) fn run(args: ClockArgs) -> Result<(), CommandError> {
    let ClockCommand::Accept {
        data,
        pepper_file,
        yes,
    } = args.command;
    let file = FileSettings::load(data.config.as_deref())?;
    let mut flags = data.flags();
    flags.push(("pepper_file", pepper_file.into_iter().collect()));
    let layers = Layers::new(flags, &environment, file);
    let (data_dir, pepper) = (layers.data_dir()?, layers.pepper_file()?);
    let Some(found) = FalseTime::find(&data_dir, pepper)? else {
        output::note("the latest known time is not far ahead of the clock; nothing was changed");
        return Ok(());
    };
    let (known, wall) = found.times();
    output::note(&format!(
        "the latest known time is {known}, and the clock says {wall}"
    ));
    tell(&found.plan());
    output::note("everybody signs in anew; invitations, tickets and requests signed before end");
    let question = format!("Is {wall} the true time? It is taken back for good.");
    if let Err(error) = confirm(&question, yes) {
        found.leave();
        return Err(error);
    }
    found.accept()?;
    output::note("the time is taken back; start the server");
    Ok(())
}

fn tell(plan: &ClockAccepted) {
    for (keys, what) in [
        (&plan.expired, "have expired, for good"),
        (
            &plan.graces,
            "were rolled by the wrong time; what was left of the grace counts from now",
        ),
    ] {
        if !keys.is_empty() {
            let named = keys
                .iter()
                .map(|AcceptedKey { id, name }| format!("{id} ({name})"));
            output::note(&format!("{} keys {what}: {}", keys.len(), listed(named)));
        }
    }
    if !plan.people.is_empty() {
        let names = listed(plan.people.iter().cloned());
        output::note(&format!(
            "{} people used a one-time code of a time to come, and sign in by a recovery code: {names}",
            plan.people.len()
        ));
    }
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let named: Vec<String> = names
        .take(NAMED_MAX)
        .map(|name| output::printable(&name))
        .collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
