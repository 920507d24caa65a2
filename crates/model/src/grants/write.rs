//! From a grant back to the wire's tree of values.

use std::collections::BTreeSet;

use super::{Grant, Selector, Target, TimeWindow, VisibleFields};
use crate::filters::{Constraint, to_list};
use crate::names::{FieldPath, Name};
use crate::records::OnConflict;
use crate::value::{Object, Value};

impl Grant {
    /// The tree that [`super::parse_grants`] reads back, with the grant's id.
    pub fn to_value(&self) -> Value {
        let (on, only, except) = self.on.to_text();
        let actions = self
            .actions
            .iter()
            .map(|action| action.name())
            .collect::<Vec<_>>();
        let mut object = Object::new()
            .with("id", self.id.to_string())
            .with("on", on)
            .with("actions", actions);
        if let Some(only) = only {
            object = object.with("only", only);
        }
        if !except.is_empty() {
            object = object.with("except", except);
        }
        if let Some(rows) = &self.rows {
            object = object.with("constraints", rows.to_value());
        }
        match self.windows.as_slice() {
            [] => {}
            [window] => object = object.with("time", window.to_value()),
            windows => {
                let windows = windows.iter().map(TimeWindow::to_value);
                object = object.with("time", windows.collect::<Vec<_>>());
            }
        }
        if !self.injections.values.is_empty() {
            let values = self.injections.values.iter();
            let values = values
                .map(|(path, value)| (path.to_string(), value.clone()))
                .collect();
            let values = Object::from_members(values).expect("paths of injections are distinct");
            object = object.with("injections", values);
        }
        match self.injections.on_conflict {
            OnConflict::Reject => object = object.with("on_conflict", "reject"),
            OnConflict::Override if !self.injections.values.is_empty() => {
                object = object.with("on_conflict", "override");
            }
            OnConflict::Override => {}
        }
        if self.fields != VisibleFields::All {
            object = object.with("fields", self.fields.to_value());
        }
        Value::Object(object)
    }
}

impl Target {
    /// The resource as grants write it (`pool:sales`), the only names that
    /// are meant, and the names left out.
    pub fn to_text(&self) -> (String, Option<Vec<&str>>, Vec<&str>) {
        type Text<'a> = (String, Option<Vec<&'a str>>, Vec<&'a str>);
        fn names(names: &BTreeSet<Name>) -> Vec<&str> {
            names.iter().map(Name::as_str).collect()
        }
        fn selector<'a, Id>(kind: &str, selector: &'a Selector<Id>) -> Text<'a> {
            match selector {
                Selector::All { only, except } => {
                    (format!("{kind}:*"), only.as_ref().map(names), names(except))
                }
                Selector::One { name, .. } => (format!("{kind}:{name}"), None, Vec::new()),
            }
        }
        match self {
            Self::Project => ("project".to_owned(), None, Vec::new()),
            Self::Pool(pools) => selector("pool", pools),
            Self::View(views) => selector("view", views),
            Self::Saved(queries) => selector("saved", queries),
            Self::Cached(queries) => selector("cached", queries),
            Self::Dataset(datasets) => selector("dataset", datasets),
            Self::Tier(tier) => (format!("tier:{}", tier.name()), None, Vec::new()),
        }
    }
}

impl Constraint {
    /// The list of filters, or the word `all_rows`.
    pub fn to_value(&self) -> Value {
        match self {
            Self::AllRows => Value::from("all_rows"),
            Self::Rows(filter) => to_list(filter),
        }
    }
}

impl VisibleFields {
    fn to_value(&self) -> Value {
        fn list(paths: &BTreeSet<FieldPath>) -> Vec<&str> {
            paths.iter().map(FieldPath::as_str).collect()
        }
        Value::Object(match self {
            Self::All => Object::new(),
            Self::Allow(paths) => Object::new().with("allow", list(paths)),
            Self::Deny(paths) => Object::new().with("deny", list(paths)),
            Self::Both(a, b) => {
                Object::new().with("both", Value::Array(vec![a.to_value(), b.to_value()]))
            }
        })
    }
}
