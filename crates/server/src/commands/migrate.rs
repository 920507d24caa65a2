//! `tidegate import --from keen` of what is no event: access keys, saved
//! queries and datasets, from the lists that Keen answered.
//!
//! Everything goes through the dialect's own calls, so that the server judges
//! the words of Keen as it judges those of any client.

mod dialect;
mod lists;
mod report;
mod tokens;

use serde_json::{Map, Value, json};

use super::{CommandError, connect};
use crate::cli::ImportArgs;
use crate::client::ClientError;
use crate::output;
use dialect::Dialect;
use lists::{Item, Kind};
use report::{Fate, Report, Row};
use tokens::Tokens;

/// Carries over what the lists define. What is there already in the same
/// words is left alone, so that the command may be run again.
///
/// # Errors
/// When a list cannot be read, the dialect is not on, the server cannot be
/// reached, or not everything was carried over; what was is told first.
pub(super) fn run(args: &ImportArgs) -> Result<(), CommandError> {
    // Everything is read before anything is made.
    let lists = lists::read(&args.keen)?;
    let client = connect(&args.client)?;
    let mut tokens = Tokens::open(&args.keen, args.client.json)?;
    let mut report = Report::default();
    let result = carry_all(&client, args, &lists, &mut tokens, &mut report);
    if result.is_err() && report.is_empty() {
        return result;
    }
    tokens.finish();
    report.print(args.client.json)?;
    result?;
    report.judge()
}

fn carry_all(
    client: &crate::client::Client,
    args: &ImportArgs,
    lists: &[(Kind, Vec<Item>)],
    tokens: &mut Tokens,
    report: &mut Report,
) -> Result<(), CommandError> {
    let dialect = match Dialect::find(client)? {
        Some(dialect) => dialect,
        None if args.keen.switch_on => {
            let dialect = Dialect::switch_on(client, tokens)?;
            report.switched_on = true;
            dialect
        }
        None => {
            return Err(CommandError::Usage(
                "the Keen dialect is not on for this project; give --switch-on, which switches it on for good"
                    .to_owned(),
            ));
        }
    };
    for (kind, items) in lists {
        let mut there = dialect.list(*kind)?;
        for item in items {
            let row = match kind {
                Kind::Keys => carry_key(&dialect, item, &mut there, tokens),
                Kind::SavedQueries | Kind::Datasets => carry_named(&dialect, *kind, item, &there),
            };
            report.add(*kind, row?);
        }
    }
    Ok(())
}

/// Makes a key, unless there is one of its name with its words. Two equal keys
/// of Keen are two here, so each that is there stands for one alone.
fn carry_key(
    dialect: &Dialect<'_>,
    item: &Item,
    there: &mut Vec<Item>,
    tokens: &mut Tokens,
) -> Result<Row, CommandError> {
    let is_same = |other: &&Item| other.name == item.name && other.words == item.words;
    let place = |wanted: &dyn Fn(&Item) -> bool| {
        let mut places = there.iter().enumerate();
        places
            .find(|(_, other)| is_same(other) && wanted(other))
            .map(|(at, _)| at)
    };
    let found = place(&|other| other.is_active == item.is_active).or_else(|| place(&|_| true));
    let row = Row::of(item);
    if let Some(at) = found {
        let other = there.swap_remove(at);
        let fate = match (item.is_active, other.is_active) {
            (true, false) => Fate::There("it is revoked here"),
            (false, true) => Fate::There("it is active here, and revoked at Keen"),
            _ => Fate::There(""),
        };
        return Ok(row.with_new(other.key.as_deref()).ending(fate));
    }
    let made = match dialect.make_key(item) {
        Ok(made) => made,
        Err(CommandError::Client(ClientError::Refused(problem))) if problem.is_refusal() => {
            return Ok(row.ending(Fate::Refused(problem.main.to_string())));
        }
        Err(error) => {
            output::note(&format!(
                "whether key {} was made is not known, and nobody has its text; if tidegate keys list shows it, delete it before you go on",
                output::printable(&item.name)
            ));
            return Err(error);
        }
    };
    let text = made.get("key").and_then(Value::as_str).unwrap_or_default();
    let line = json!({ "name": item.name, "old_key": item.key, "key": text });
    tokens.keep(&line, &item.name)?;
    Ok(row.with_new(Some(text)).ending(Fate::Made))
}

/// Makes what is known by its name, unless it is there. One of other words is
/// never written over: somebody may have changed it here.
fn carry_named(
    dialect: &Dialect<'_>,
    kind: Kind,
    item: &Item,
    there: &[Item],
) -> Result<Row, CommandError> {
    let row = Row::of(item);
    match there.iter().find(|other| other.name == item.name) {
        Some(other) if other.words == item.words => return Ok(row.ending(Fate::There(""))),
        Some(_) => return Ok(row.ending(Fate::Differs)),
        None => {}
    }
    match dialect.put(kind, item) {
        Ok(()) => Ok(row.ending(Fate::Made)),
        Err(CommandError::Client(ClientError::Refused(problem))) if problem.is_refusal() => {
            Ok(row.ending(Fate::Refused(problem.main.to_string())))
        }
        Err(error) => Err(error),
    }
}

/// The members of an object; none of anything else.
fn members(value: Option<&Value>) -> Map<String, Value> {
    value
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
