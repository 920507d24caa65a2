//! What an access key of the dialect may do, as grants of the house.
//!
//! The key keeps the vendor's words as they were said ([`KeyDraft::dialect`]);
//! its grants are made from them here and nowhere else. Where the vendor left
//! a hole, the grants are narrower: a saved query without filters of its own,
//! an answer that is kept, a dataset and a schema are held to the key's other
//! filters, unless the key names what it may read.
//!
//! [`KeyDraft::dialect`]: model::keys::KeyDraft::dialect

use model::fault::{Fault, FaultCode, shorten};
use model::filters::Constraint;
use model::value::{Object, Value};

use super::events::PLACEHOLDERS;
use super::filters::filters;

/// The classes of what a key may do, in the vendor's order.
pub(super) const CLASSES: [&str; 6] = [
    "writes",
    "queries",
    "saved_queries",
    "cached_queries",
    "datasets",
    "schema",
];
/// The groups of options; a key is shown with all of them.
pub(super) const GROUPS: [&str; 5] = [
    "writes",
    "queries",
    "saved_queries",
    "cached_queries",
    "datasets",
];
/// What may be done with datasets.
const OPERATIONS: [&str; 3] = ["read", "list", "retrieve"];

/// What a key is told: what it may do, and what narrows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Policy {
    permitted: Vec<Value>,
    options: Object,
}

fn invalid(detail: impl Into<String>, at: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidValue, detail).at(at)
}

impl Policy {
    /// Reads the members `permitted` and `options`.
    ///
    /// # Errors
    /// A fault that names what is not understood: a key must not be made of
    /// words that are not enforced.
    pub(super) fn read(sent: &Object) -> Result<Self, Fault> {
        let permitted = match sent.get("permitted") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(classes)) => classes.clone(),
            Some(_) => return Err(invalid("permitted is a list", "/permitted")),
        };
        for class in &permitted {
            if !class.as_str().is_some_and(|class| CLASSES.contains(&class)) {
                let detail = format!("permitted has of {} alone", CLASSES.join(", "));
                return Err(invalid(detail, "/permitted"));
            }
        }
        let options = match sent.get("options") {
            None | Some(Value::Null) => Object::new(),
            Some(Value::Object(options)) => options.clone(),
            Some(_) => return Err(invalid("options is an object", "/options")),
        };
        for (name, group) in options.iter() {
            if !GROUPS.contains(&name) {
                let detail = format!("{} is no group of options", shorten(name));
                return Err(invalid(detail, format!("/options/{name}")));
            }
            if !group.is_null() && group.as_object().is_none() {
                return Err(invalid("a group is an object", format!("/options/{name}")));
            }
        }
        Ok(Self { permitted, options })
    }

    /// What a scoped key of these operations and filters may do: as the
    /// default keys may, held to the filters in all that it reads.
    pub(super) fn scoped(reads: bool, writes: bool, filters: Option<&Value>) -> Self {
        let may = |class: &&str| if *class == "writes" { writes } else { reads };
        let classes = CLASSES.into_iter().filter(may).map(Value::from);
        // Definitions of datasets name what the filters hide.
        let results = || Object::new().with("operations", vec![Value::from("retrieve")]);
        let options = filters.map(|filters| {
            Object::new()
                .with("queries", Object::new().with("filters", filters.clone()))
                .with("datasets", results())
        });
        Self {
            permitted: classes.collect(),
            options: options.unwrap_or_default(),
        }
    }

    /// The members as the key keeps them.
    pub(super) fn told(&self) -> Object {
        Object::new()
            .with("permitted", Value::Array(self.permitted.clone()))
            .with("options", self.options.clone())
    }

    /// The members as a key is shown with them: every group is there.
    pub(super) fn shown(told: &Object) -> Object {
        let options = told.get("options").and_then(Value::as_object);
        let groups = GROUPS.iter().fold(Object::new(), |groups, name| {
            let group = options.and_then(|options| options.get(name));
            groups.with(*name, group.cloned().unwrap_or(Value::Null))
        });
        let permitted = told.get("permitted").cloned();
        Object::new()
            .with("permitted", permitted.unwrap_or(Value::Array(Vec::new())))
            .with("options", groups)
    }

    fn permits(&self, class: &str) -> bool {
        self.permitted
            .iter()
            .any(|named| named.as_str() == Some(class))
    }

    /// A member of a group; null is as good as nothing.
    fn option(&self, group: &str, member: &str) -> Option<&Value> {
        let group = self.options.get(group)?.as_object()?;
        group.get(member).filter(|value| !value.is_null())
    }

    /// The rows that the filters of a group admit.
    fn rows(&self, group: &str) -> Result<Option<Value>, Fault> {
        let Some(sent) = self.option(group, "filters") else {
            return Ok(None);
        };
        let read = filters(sent).map_err(|f| f.under(&format!("/options/{group}/filters")))?;
        Ok(read.map(|filter| Constraint::Rows(filter).to_value()))
    }

    /// The names of a list.
    fn names(&self, group: &str, member: &str) -> Result<Option<Vec<Value>>, Fault> {
        let at = || format!("/options/{group}/{member}");
        match self.option(group, member) {
            None => Ok(None),
            Some(Value::Array(names)) => match names.iter().all(|name| name.as_str().is_some()) {
                true => Ok(Some(names.clone())),
                false => Err(invalid("names are texts", at())),
            },
            // The vendor's words say that it is an object, its example a list.
            Some(Value::Object(names)) => Ok(Some(
                names.iter().map(|(name, _)| Value::from(name)).collect(),
            )),
            Some(_) => Err(invalid(format!("{member} is a list of names"), at())),
        }
    }

    /// The grants in the native form.
    ///
    /// # Errors
    /// A fault of an option that is not understood, whether or not its class
    /// is permitted.
    pub(super) fn grants(&self) -> Result<Vec<Value>, Fault> {
        let queried = self.rows("queries")?;
        let run = self.rows("saved_queries")?;
        let injections = self.injections()?;
        // A key with filters anywhere is one of a customer.
        let own = both(queried.as_ref(), run.as_ref());
        let mut grants = Vec::new();
        if self.permits("writes") {
            let grant = on("pool:*", &["ingest"]);
            grants.push(match injections.is_empty() {
                true => grant,
                false => grant.with("injections", injections),
            });
        }
        if self.permits("queries") {
            grants.push(held(on("pool:*", &["query", "extract"]), queried.as_ref()));
        }
        if self.permits("schema") {
            grants.push(held(on("pool:*", &["schema"]), own.as_ref()));
        }
        let names = self.names("saved_queries", "allowed")?;
        let saved = self.selected("saved_queries", on("saved:*", &["run"]))?;
        if self.permits("saved_queries") {
            let queried = queried.as_ref().filter(|_| names.is_none());
            grants.push(held(saved, run.as_ref().or(queried)));
        }
        let names = self.names("cached_queries", "allowed")?;
        let cached = self.selected("cached_queries", on("cached:*", &["read"]))?;
        if self.permits("cached_queries") {
            grants.push(held(cached, own.as_ref().filter(|_| names.is_none())));
        }
        let datasets = self.datasets(own.as_ref())?;
        if self.permits("datasets") {
            grants.extend(datasets);
        }
        Ok(grants.into_iter().map(Value::Object).collect())
    }

    /// A grant narrowed to the names that are allowed and not blocked.
    fn selected(&self, group: &str, grant: Object) -> Result<Object, Fault> {
        let mut grant = grant;
        if let Some(allowed) = self.names(group, "allowed")? {
            grant = grant.with("only", allowed);
        }
        if let Some(blocked) = self.names(group, "blocked")? {
            grant = grant.with("except", blocked);
        }
        Ok(grant)
    }

    fn datasets(&self, own: Option<&Value>) -> Result<Vec<Object>, Fault> {
        let mut operations = OPERATIONS.to_vec();
        if let Some(named) = self.names("datasets", "operations")? {
            let is_named = |operation: &&str| named.contains(&Value::from(*operation));
            operations.retain(is_named);
            if operations.len() < named.len() {
                let detail = format!("operations has of {} alone", OPERATIONS.join(", "));
                return Err(invalid(detail, "/options/datasets/operations"));
            }
        }
        let blocked = self.names("datasets", "blocked")?.unwrap_or_default();
        let grant = || on("dataset:*", &operations).with("except", blocked.clone());
        // To be told of a dataset touches no rows.
        let shows_rows = operations.iter().any(|operation| *operation != "list");
        let allowed = self.option("datasets", "allowed");
        let grants = match allowed {
            None if !shows_rows => vec![grant()],
            None => vec![held(grant(), own)],
            Some(Value::Object(allowed)) => {
                let grants = allowed.iter().map(|(name, limits)| {
                    let grant = grant().with("only", vec![Value::from(name)]);
                    limited(grant, limits, shows_rows)
                        .map_err(|f| f.under(&format!("/options/datasets/allowed/{name}")))
                });
                grants.collect::<Result<_, _>>()?
            }
            Some(_) => {
                let detail = "allowed is an object of datasets";
                return Err(invalid(detail, "/options/datasets/allowed"));
            }
        };
        Ok(match operations.is_empty() {
            true => Vec::new(),
            false => grants,
        })
    }

    /// What is stamped on every event, by dotted paths.
    fn injections(&self) -> Result<Object, Fault> {
        let Some(sent) = self.option("writes", "autofill") else {
            return Ok(Object::new());
        };
        let at = "/options/writes/autofill";
        let object = sent
            .as_object()
            .ok_or_else(|| invalid("autofill is an object", at))?;
        if object.get("keen").is_some() {
            let detail = "autofill cannot stamp what lies in keen; send it with the events";
            return Err(invalid(detail, format!("{at}/keen")));
        }
        let mut flat = Object::new();
        flatten("", object, &mut flat).map_err(|f| f.under(at))?;
        // What a key stamps is the same on every event.
        let is_placeholder =
            |value: &Value| PLACEHOLDERS.iter().any(|text| value.as_str() == Some(text));
        if let Some((path, _)) = flat.iter().find(|(_, value)| is_placeholder(value)) {
            let detail =
                format!("autofill cannot stamp a placeholder at {path}; send it with the events");
            return Err(invalid(detail, at));
        }
        Ok(flat)
    }
}

fn on(target: &str, actions: &[&str]) -> Object {
    Object::new()
        .with("on", target)
        .with("actions", actions.to_vec())
}

/// A grant over these rows, or over all of them.
fn held(grant: Object, rows: Option<&Value>) -> Object {
    grant.with(
        "constraints",
        rows.cloned().unwrap_or_else(|| Value::from("all_rows")),
    )
}

/// The rows that both lists of filters admit.
fn both(one: Option<&Value>, other: Option<&Value>) -> Option<Value> {
    let filters = [one, other].into_iter().flatten();
    let filters = filters.filter_map(Value::as_array).flatten().cloned();
    let filters: Vec<Value> = filters.collect();
    (!filters.is_empty()).then_some(Value::Array(filters))
}

/// A grant on one dataset, with the values that it may be read by.
fn limited(grant: Object, limits: &Value, shows_rows: bool) -> Result<Object, Fault> {
    let limits = limits
        .as_object()
        .ok_or_else(|| invalid("what is allowed of a dataset is an object", ""))?;
    match limits.get("index_by") {
        None | Some(Value::Null) if !shows_rows => Ok(grant),
        None | Some(Value::Null) => Ok(held(grant, None)),
        Some(index) => {
            let fields = index
                .as_object()
                .ok_or_else(|| invalid("index_by is an object of fields", "/index_by"))?;
            let listed = fields
                .iter()
                .fold(Object::new(), |listed, (field, values)| {
                    let values = match values {
                        Value::Array(_) => values.clone(),
                        one => Value::Array(vec![one.clone()]),
                    };
                    listed.with(field, values)
                });
            Ok(grant.with("index_by", listed))
        }
    }
}

fn flatten(front: &str, object: &Object, flat: &mut Object) -> Result<(), Fault> {
    for (name, value) in object.iter() {
        let path = match front {
            "" => name.to_owned(),
            front => format!("{front}.{name}"),
        };
        match value {
            Value::Object(inner) => flatten(&path, inner, flat)?,
            Value::Null | Value::Array(_) => {
                let detail = "autofill stamps texts, numbers and booleans";
                return Err(invalid(detail, format!("/{name}")));
            }
            value => {
                flat.insert(path, value.clone());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
