//! The lists that Keen answers, and when two of their items say the same.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::CommandError;
use super::members;
use crate::cli::KeenArgs;
use crate::output;

/// The largest list that is read.
const LIST_BYTES: u64 = 64 << 20;

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Saved queries, of which some are cached.
    SavedQueries,
    /// Cached datasets.
    Datasets,
    /// Access keys.
    Keys,
}

/// One item of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// What it is called.
    pub(super) name: String,
    /// The text of a key, as far as the list tells it.
    pub(super) key: Option<String>,
    /// Whether a key is in force.
    pub(super) is_active: bool,
    /// What is sent to make it.
    pub(super) sent: Map<String, Value>,
    /// What it says, in a form that is the same for all that say the same.
    pub(super) words: Value,
}

/// The lists that the arguments name, in the order in which they are carried
/// over: keys last, since they name what the others make.
///
/// # Errors
/// When a file cannot be read, or is no such list.
pub(super) fn read(args: &KeenArgs) -> Result<Vec<(Kind, Vec<Item>)>, CommandError> {
    let named = [
        (Kind::SavedQueries, &args.saved_queries),
        (Kind::Datasets, &args.datasets),
        (Kind::Keys, &args.keys),
    ];
    let named = named.into_iter();
    named
        .filter_map(|(kind, path)| Some((kind, path.as_deref()?)))
        .map(|(kind, path)| Ok((kind, read_list(kind, path)?)))
        .collect()
}

fn read_list(kind: Kind, path: &Path) -> Result<Vec<Item>, CommandError> {
    let name = path.display();
    let told = |error| CommandError::File(format!("{name} cannot be read: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(told)?;
    file.take(LIST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(told)?;
    if bytes.len() as u64 > LIST_BYTES {
        return Err(CommandError::Usage(format!(
            "{name}: a list has at most {LIST_BYTES} bytes"
        )));
    }
    let list: Value = serde_json::from_slice(&bytes)
        .map_err(|error| CommandError::Usage(format!("{name} is not JSON: {error}")))?;
    if list.get("next_page_url").is_some_and(Value::is_string) {
        output::note(&format!(
            "warning: {name} is one page of several; export and import the others as well"
        ));
    }
    kind.items(list)
        .map_err(|rule| CommandError::Usage(format!("{name}: {rule}")))
}

impl Kind {
    /// Every kind, in the order in which they are carried over.
    pub(super) const ALL: [Self; 3] = [Self::SavedQueries, Self::Datasets, Self::Keys];

    /// Where the dialect has them.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::SavedQueries => "queries/saved",
            Self::Datasets => "datasets",
            Self::Keys => "keys",
        }
    }

    /// What one is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::SavedQueries => "saved query",
            Self::Datasets => "dataset",
            Self::Keys => "key",
        }
    }

    /// The name of the list in what a program reads.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::SavedQueries => "saved_queries",
            Self::Datasets => "datasets",
            Self::Keys => "keys",
        }
    }

    fn name_member(self) -> &'static str {
        match self {
            Self::SavedQueries => "query_name",
            Self::Datasets => "dataset_name",
            Self::Keys => "name",
        }
    }

    /// The members that are sent to make one.
    fn sent_members(self) -> &'static [&'static str] {
        match self {
            Self::SavedQueries => &["query", "metadata", "refresh_rate"],
            Self::Datasets => &["query", "index_by", "display_name"],
            Self::Keys => &["name", "is_active", "permitted", "options"],
        }
    }

    /// The items of a list as Keen answers it: bare, or as the member
    /// `datasets` beside the address of the next page.
    ///
    /// # Errors
    /// What is wrong with the list, or with which of its items.
    pub(super) fn items(self, mut list: Value) -> Result<Vec<Item>, String> {
        if self == Self::Datasets && list.is_object() {
            list = list
                .get_mut("datasets")
                .map(Value::take)
                .unwrap_or_default();
        }
        let Value::Array(list) = list else {
            return Err(format!("this is no list of {}", self.plural()));
        };
        let items = list.into_iter().zip(1..);
        items
            .map(|(value, at)| {
                self.item(&value)
                    .map_err(|rule| format!("{} {at} {rule}", self.noun()))
            })
            .collect()
    }

    fn item(self, value: &Value) -> Result<Item, String> {
        let object = value.as_object().ok_or("is no object")?;
        let name = object.get(self.name_member()).and_then(Value::as_str);
        let name = name.ok_or_else(|| format!("has no text at {}", self.name_member()))?;
        let sent = self.sent_members().iter();
        let sent = sent.filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())));
        let mut sent: Map<String, Value> = sent.collect();
        if self == Self::Datasets
            && let Some(query) = sent.get_mut("query").and_then(Value::as_object_mut)
        {
            query.shift_remove("project_id");
        }
        Ok(Item {
            name: name.to_owned(),
            key: object.get("key").and_then(Value::as_str).map(str::to_owned),
            is_active: object.get("is_active") != Some(&Value::Bool(false)),
            words: self.words(&sent),
            sent,
        })
    }

    /// What is said, without what means nothing.
    fn words(self, sent: &Map<String, Value>) -> Value {
        let get = |name: &str| sent.get(name).cloned().unwrap_or_default();
        let words = match self {
            Self::SavedQueries => json!({
                "query": without_empty(&members(sent.get("query"))),
                "metadata": members(sent.get("metadata")),
                "refresh_rate": sent.get("refresh_rate").and_then(Value::as_u64).unwrap_or(0),
            }),
            Self::Datasets => json!({
                "query": without_empty(&members(sent.get("query"))),
                "index_by": match get("index_by") {
                    Value::Array(list) => Value::Array(list),
                    one => json!([one]),
                },
                "display_name": sent.get("display_name").and_then(Value::as_str).unwrap_or(""),
            }),
            Self::Keys => {
                let groups = members(sent.get("options")).into_iter();
                let groups = groups.map(|(name, group)| {
                    // Null in a filter means something, and stands deeper.
                    let mut group = members(Some(&group));
                    group.retain(|_, value| !value.is_null());
                    (name, group)
                });
                let groups = groups.filter(|(_, group)| !group.is_empty());
                let groups = groups.map(|(name, group)| (name, Value::Object(group)));
                let mut permitted = match get("permitted") {
                    Value::Array(list) => list,
                    _ => Vec::new(),
                };
                permitted.sort_by_key(Value::to_string);
                permitted.dedup();
                json!({ "permitted": permitted, "options": groups.collect::<Map<_, _>>() })
            }
        };
        plain(words)
    }
}

/// A query without the parameters that are not said.
fn without_empty(query: &Map<String, Value>) -> Map<String, Value> {
    let mut query = query.clone();
    query.retain(|_, value| !value.is_null() && *value != json!([]));
    query
}

/// The value with one form for each number: 1.0 is 1.
fn plain(value: Value) -> Value {
    match value {
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        Value::Object(object) => {
            let object = object.into_iter();
            Value::Object(object.map(|(name, value)| (name, plain(value))).collect())
        }
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            let whole = whole.and_then(|number| format!("{number}").parse::<i64>().ok());
            whole.map_or(Value::Number(number), Value::from)
        }
        other => other,
    }
}
