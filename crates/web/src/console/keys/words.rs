//! Grants and what belongs to them, in the words that people read.

#[cfg(test)]
mod tests;

use model::filters::{Comparison, Constraint, Filter, Operator};
use model::grants::{Action, Grant, Selector, Target, VisibleFields};
use model::names::{FieldPath, Name};
use model::records::OnConflict;
use model::value::Value;

/// Names that a summary says; the others are counted.
const NAMED: usize = 3;

/// A grant, for people.
pub(super) struct GrantWords {
    /// What it lets its holder do.
    pub(super) does: String,
    /// To what, as a kind of thing.
    pub(super) on: String,
    /// The name of it, when it is one thing.
    pub(super) name: Option<String>,
    /// The conditions on rows; empty where it is about none.
    pub(super) rows: Vec<String>,
    /// Whether it is about every row.
    pub(super) is_all: bool,
    /// Windows of time.
    pub(super) times: Vec<String>,
    /// Which fields it shows, where it does not show all.
    pub(super) fields: Vec<String>,
    /// What it stamps: the field and the value.
    pub(super) stamps: Vec<(String, String)>,
    /// Whether a record that says something else is refused.
    pub(super) rejects: bool,
}

impl GrantWords {
    /// The words of a grant.
    pub(super) fn of(grant: &Grant) -> Self {
        let (on, name) = target(&grant.on);
        let actions: Vec<&str> = grant.actions.iter().map(|action| verb(*action)).collect();
        let (rows, is_all) = match &grant.rows {
            None => (Vec::new(), false),
            Some(Constraint::AllRows) => (Vec::new(), true),
            Some(Constraint::Rows(filter)) => (conditions(filter), false),
        };
        let stamps = grant.injections.values.iter();
        Self {
            does: capital(&listed(&actions, "and")),
            on,
            name,
            rows,
            is_all,
            times: times(grant),
            fields: fields(&grant.fields),
            stamps: stamps
                .map(|(field, value)| (field.to_string(), value_words(value)))
                .collect(),
            rejects: grant.injections.on_conflict == OnConflict::Reject
                && !grant.injections.values.is_empty(),
        }
    }
}

/// What an action does to what it is on.
fn verb(action: Action) -> &'static str {
    match action {
        Action::Ingest => "writes records to",
        Action::Query => "asks questions of",
        Action::Extract => "takes records out of",
        Action::Search => "searches",
        Action::Schema => "sees the fields of",
        Action::Update => "changes records of",
        Action::Delete => "deletes records of",
        Action::Drop => "drops",
        Action::Encrypt => "encrypts for",
        Action::Decrypt => "decrypts from",
        Action::Read => "reads",
        Action::Run => "runs",
        Action::List => "lists",
        Action::Retrieve => "retrieves results of",
        Action::Issue => "makes narrower keys in",
        Action::Admin => "administers",
    }
}

/// What a grant is on: the kind of it, and the name of one thing.
pub(super) fn target(on: &Target) -> (String, Option<String>) {
    match on {
        Target::Project => ("the project".to_owned(), None),
        Target::Pool(of) => selector(["the pool", "every pool"], of),
        Target::View(of) => selector(["the view", "every view"], of),
        Target::Saved(of) => selector(["the saved query", "every saved query"], of),
        Target::Cached(of) => selector(["the cached query", "every cached query"], of),
        Target::Dataset(of) => selector(["the dataset", "every dataset"], of),
        Target::Tier(tier) => (
            format!(
                "every pool and view of the tier {}, later ones too",
                tier.name()
            ),
            None,
        ),
    }
}

fn selector<Id>([one, every]: [&str; 2], of: &Selector<Id>) -> (String, Option<String>) {
    match of {
        Selector::One { name, .. } => (one.to_owned(), Some(name.to_string())),
        Selector::All { only, except } => {
            let names = |names: &mut dyn Iterator<Item = &Name>, last: &str| {
                let names: Vec<&str> = names.map(Name::as_str).collect();
                listed(&names, last)
            };
            let mut words = match only {
                None => format!("{every}, later ones too"),
                Some(only) => format!("{every} called {}", names(&mut only.iter(), "or")),
            };
            if !except.is_empty() {
                words += &format!(", but for {}", names(&mut except.iter(), "and"));
            }
            (words, None)
        }
    }
}

/// The parts of a filter that must all hold.
pub(in crate::console) fn conditions(filter: &Filter) -> Vec<String> {
    filter.conjuncts().into_iter().map(condition).collect()
}

fn condition(filter: &Filter) -> String {
    let each = |parts: &[Filter], word: &str| {
        let parts: Vec<String> = parts.iter().map(condition).collect();
        format!("({})", parts.join(word))
    };
    match filter {
        Filter::All(parts) => each(parts, " and "),
        Filter::Any(parts) if parts.is_empty() => "no row at all".to_owned(),
        Filter::Any(parts) => each(parts, " or "),
        Filter::Not(part) => format!("not {}", condition(part)),
        Filter::Compare(comparison) => compared(comparison),
    }
}

fn compared(comparison: &Comparison) -> String {
    let (field, value) = (comparison.field(), comparison.value());
    let words = match comparison.operator() {
        Operator::Exists => {
            let is_there = *value != Value::Boolean(false);
            let words = if is_there { "is there" } else { "is missing" };
            return format!("{field} {words}");
        }
        Operator::Eq => "is",
        Operator::Ne => "is not",
        Operator::Lt => "is less than",
        Operator::Lte => "is at most",
        Operator::Gt => "is more than",
        Operator::Gte => "is at least",
        Operator::In => "is one of",
        Operator::NotIn => "is none of",
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::StartsWith => "begins with",
        Operator::EndsWith => "ends with",
        Operator::Regex => "matches",
        Operator::Within => "lies within",
    };
    format!("{field} {words} {}", value_words(value))
}

/// A value, with quotes around what is text.
pub(super) fn value_words(value: &Value) -> String {
    match value {
        Value::String(text) => format!("“{text}”"),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(value_words).collect();
            values.join(", ")
        }
        other => model::json::to_text(other).trim_matches('"').to_owned(),
    }
}

fn times(grant: &Grant) -> Vec<String> {
    let definition = grant.to_value();
    let time = definition.as_object().and_then(|grant| grant.get("time"));
    let windows: Vec<&Value> = match time {
        None => Vec::new(),
        Some(Value::Array(windows)) => windows.iter().collect(),
        Some(window) => vec![window],
    };
    let words = windows.into_iter().filter_map(|window| {
        let window = window.as_object()?;
        let text = |name: &str| window.get(name).and_then(Value::as_str);
        let field = text("field")?;
        let from = text("from").map(|from| format!("from {from} on"));
        let to = text("to").map(|to| format!("before {to}"));
        let last = text("last").map(|last| format!("of the last {last}"));
        let parts: Vec<String> = [last, from, to].into_iter().flatten().collect();
        Some(format!("{field} {}", parts.join(", ")))
    });
    words.collect()
}

fn fields(shown: &VisibleFields) -> Vec<String> {
    let names = |paths: &mut dyn Iterator<Item = &FieldPath>| {
        let names: Vec<&str> = paths.map(FieldPath::as_str).collect();
        listed(&names, "and")
    };
    match shown {
        VisibleFields::All => Vec::new(),
        VisibleFields::Allow(paths) => vec![format!("only {}", names(&mut paths.iter()))],
        VisibleFields::Deny(paths) => vec![format!("all but {}", names(&mut paths.iter()))],
        VisibleFields::Both(a, b) => [fields(a), fields(b)].concat(),
    }
}

/// `a, b and c`.
pub(super) fn listed(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// A line of a summary: what a key does, to what, and held to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) verb: &'static str,
    pub(super) what: String,
    pub(super) how: String,
}

/// What a key does, in few lines.
pub(super) fn summary(grants: &[Grant]) -> Vec<Summary> {
    let mut lines: Vec<(&'static str, String, Vec<String>)> = Vec::new();
    for grant in grants {
        let (on, name) = target(&grant.on);
        let name = name.unwrap_or_else(|| on.replace(", later ones too", ""));
        let mut add = |verb: &'static str, how: String| {
            let mut known = lines.iter_mut();
            match known.find(|(other, held, _)| *other == verb && *held == how) {
                Some((.., names)) if names.contains(&name) => {}
                Some((.., names)) => names.push(name.clone()),
                None => lines.push((verb, how, vec![name.clone()])),
            }
        };
        if grant.allows(Action::Admin) {
            add("Administers", String::new());
        }
        if grant.allows(Action::Issue) {
            add("Makes narrower keys in", String::new());
        }
        if grant.allows(Action::Ingest) {
            let stamps = grant.injections.values.iter();
            let stamps = stamps.map(|(field, value)| format!("{field} = {}", value_words(value)));
            let stamps: Vec<String> = stamps.collect();
            add(
                "Writes",
                match stamps.is_empty() {
                    true => String::new(),
                    false => format!("stamps {}", stamps.join(", ")),
                },
            );
        }
        if grant.allows(Action::Delete) {
            add("Deletes from", held(grant));
        }
        let rest = [Action::Ingest, Action::Delete, Action::Admin, Action::Issue];
        if grant.actions.iter().any(|action| !rest.contains(action)) {
            add("Reads", held(grant));
        }
    }
    let lines = lines.into_iter().map(|(verb, how, names)| {
        let more = names.len().saturating_sub(NAMED);
        let mut named: Vec<String> = names.into_iter().take(NAMED).collect();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        Summary {
            verb,
            what: listed(&named, "and"),
            how,
        }
    });
    lines.collect()
}

/// The rows that a grant is held to, in few words.
fn held(grant: &Grant) -> String {
    match &grant.rows {
        None => String::new(),
        Some(Constraint::AllRows) if grant.windows.is_empty() => "every row".to_owned(),
        Some(Constraint::AllRows) => "rows of some time".to_owned(),
        Some(Constraint::Rows(filter)) => format!("where {}", conditions(filter).join(" and ")),
    }
}

#[cfg(test)]
impl GrantWords {
    pub(super) fn sample(text: &str, is_full: bool) -> Self {
        let texts = || match is_full {
            true => vec![text.to_owned()],
            false => Vec::new(),
        };
        Self {
            does: text.to_owned(),
            on: text.to_owned(),
            name: is_full.then(|| text.to_owned()),
            rows: texts(),
            is_all: !is_full,
            times: texts(),
            fields: texts(),
            stamps: texts()
                .into_iter()
                .map(|text| (text.clone(), text))
                .collect(),
            rejects: is_full,
        }
    }
}
