//! From a form to grants as the wire has them.

use control::Definitions;
use model::fault::step;
use model::grants::{Action, Grant, Target};
use model::pools::Pool;
use model::value::{Object, Value};

use super::filled::{keeps_fields, keeps_time};
use super::form::{Chosen, Purpose, pools_of};
use crate::console::forms::{Fields, Form};
use crate::console::rows::{self, CONDITIONS, STAMPS, Wrong};

/// What a form says, as the wire would have it, and which fields errors are said at.
#[derive(Debug, Default)]
pub(in super::super) struct Said {
    pub(in super::super) grants: Vec<Value>,
    pub(in super::super) places: Vec<(String, &'static str)>,
}

impl Said {
    /// The form with errors where they belong.
    pub(in super::super) fn place(&self, form: Fields) -> Fields {
        let places = self.places.iter();
        let form = places.fold(form, |form, (at, field)| form.placed(at.clone(), field));
        form.placed("/grants", "on")
    }
}

/// The new grants that a form says; `first` is the place of the first one.
pub(in super::super) fn said(
    form: &Form,
    purpose: Purpose,
    definitions: &Definitions,
    first: usize,
) -> Result<Said, Wrong> {
    let chosen = Chosen::of(form);
    if chosen.on.is_empty() {
        let rule = match purpose {
            Purpose::Read => "choose what the key reads",
            Purpose::Ask => "choose the pools that the key asks",
            Purpose::Write => "choose the pools that the key writes to",
        };
        return Err(Wrong("on", rule.to_owned()));
    }
    let pools = pools_of(definitions, &chosen.on);
    let mut said = Said::default();
    for on in &chosen.on {
        let actions = match (purpose, on.split_once(':').map_or("", |(kind, _)| kind)) {
            (Purpose::Write, _) => vec!["ingest".to_owned()],
            (Purpose::Ask, _) => chosen.actions.clone(),
            (Purpose::Read, "saved") => vec!["run".to_owned()],
            (Purpose::Read, "dataset") => ["read", "list", "retrieve"].map(str::to_owned).to_vec(),
            (Purpose::Read, _) => vec!["read".to_owned()],
        };
        if actions.is_empty() {
            let rule = "choose what the key does with them";
            return Err(Wrong("action", rule.to_owned()));
        }
        let grant = Object::new().with("on", on.as_str());
        one(&mut said, (form, &pools), grant, (actions, first))?;
    }
    Ok(said)
}

/// What an existing grant becomes by a form; `place` is where it stands.
pub(in super::super) fn changed(
    form: &Form,
    grant: &Grant,
    definitions: &Definitions,
    place: usize,
) -> Result<Said, Wrong> {
    let on = vec![grant.on.to_text().0];
    let pools = pools_of(definitions, &on);
    let is_pool = matches!(grant.on, Target::Pool(_));
    let actions: Vec<String> = match is_pool {
        true => Chosen::of(form).actions,
        false => grant
            .actions
            .iter()
            .map(|action| action.name().to_owned())
            .collect(),
    };
    if actions.is_empty() {
        let rule = "choose at least one; to take all away, remove the grant";
        return Err(Wrong("action", rule.to_owned()));
    }
    let mut replaced = vec!["actions", "constraints", "injections", "on_conflict"];
    if !keeps_fields(grant) {
        replaced.push("fields");
    }
    if !keeps_time(grant) {
        replaced.push("time");
    }
    let Value::Object(definition) = grant.to_value() else {
        return Ok(Said::default());
    };
    let members = definition.into_members().into_iter();
    let kept = members.filter(|(name, _)| !replaced.contains(&name.as_str()));
    let kept = kept.fold(Object::new(), |object, (name, value)| {
        object.with(name, value)
    });
    let mut said = Said::default();
    one(&mut said, (form, &pools), kept, (actions, place))?;
    Ok(said)
}

/// Adds one grant to what is said.
fn one(
    said: &mut Said,
    (form, pools): (&Form, &[&Pool]),
    grant: Object,
    (actions, first): (Vec<String>, usize),
) -> Result<(), Wrong> {
    let at = format!("/grants/{}", first + said.grants.len());
    let has = |action: Action| actions.iter().any(|name| name == action.name());
    let touches_rows = actions.iter().any(|name| {
        let known = [
            &Action::POOL[..],
            &Action::VIEW,
            &Action::SAVED,
            &Action::DATASET,
        ];
        let mut known = known.into_iter().flatten();
        known.any(|known| known.name() == name && known.touches_rows())
    });
    let mut grant = grant.with("actions", actions.clone());
    let mut places: Vec<(String, &'static str)> = ["on", "action"]
        .map(|name| {
            let member = if name == "action" { "actions" } else { name };
            (format!("{at}/{member}"), name)
        })
        .to_vec();
    places.push((at.clone(), "on"));
    if touches_rows {
        let (rows, of_rows) = constraints(form, pools)?;
        grant = grant.with("constraints", rows);
        places.push((
            format!("{at}/constraints"),
            if form.text("rows") == "json" {
                "filters"
            } else {
                "rows"
            },
        ));
        let of_rows = of_rows.into_iter().enumerate();
        places.extend(of_rows.map(|(row, field)| (format!("{at}/constraints/{row}"), field)));
        grant = shown_fields(grant, form);
        grant = window(grant, form)?;
        places.push((format!("{at}/fields"), "hidden_fields"));
        places.push((format!("{at}/time"), "time_last"));
        places.push((format!("{at}/time/field"), "time_field"));
    }
    refuse_ignored(form, touches_rows, has(Action::Ingest))?;
    if has(Action::Ingest) {
        if form.text("conflict") == "reject" {
            grant = grant.with("on_conflict", "reject");
        }
        let stamps = rows::stamps(form, pools)?;
        places.push((format!("{at}/injections"), STAMPS[0].field));
        let mut values = Object::new();
        for (row, field, value) in stamps {
            places.push((format!("{at}/injections{}", step(&field)), row));
            values = values.with(field, value);
        }
        if !values.is_empty() {
            grant = grant.with("injections", values);
        }
    }
    said.grants.push(Value::Object(grant));
    said.places.extend(places);
    Ok(())
}

/// Refuses a form in which something is filled in that would not count.
fn refuse_ignored(form: &Form, touches_rows: bool, writes: bool) -> Result<(), Wrong> {
    let rows = form.text("rows");
    let has_conditions = touches_rows && !["all", "json"].contains(&rows);
    if let Some(row) = rows::filled_in(form, &CONDITIONS).filter(|_| !has_conditions) {
        let rule =
            "this would not count as you chose: empty the value, or choose only rows that fit";
        return Err(Wrong(row, rule.to_owned()));
    }
    if let Some(row) = rows::filled_in(form, &STAMPS).filter(|_| !writes) {
        let rule = "nothing is stamped unless the key writes records: let it, or empty the value";
        return Err(Wrong(row, rule.to_owned()));
    }
    let has_filters = touches_rows && rows == "json";
    if !has_filters && !form.text("filters").trim().is_empty() {
        let rule = "these would not count as you chose: empty them, or choose the rows that fit these filters";
        return Err(Wrong("filters", rule.to_owned()));
    }
    Ok(())
}

/// Which rows, and the rows of the form that conditions stand in.
fn constraints(form: &Form, pools: &[&Pool]) -> Result<(Value, Vec<&'static str>), Wrong> {
    match form.text("rows") {
        "all" => Ok((Value::from("all_rows"), Vec::new())),
        "json" => {
            let read = model::json::parse(form.text("filters").trim().as_bytes());
            let read = read.map_err(|fault| Wrong("filters", fault.detail))?;
            Ok((read, Vec::new()))
        }
        _ => {
            let conditions = rows::conditions(form, pools)?;
            if conditions.is_empty() {
                let rule = "fill in a condition, or choose every row";
                return Err(Wrong("rows", rule.to_owned()));
            }
            let (of, values): (Vec<_>, Vec<_>) = conditions.into_iter().unzip();
            Ok((Value::Array(values), of))
        }
    }
}

fn listed(text: &str) -> Option<Vec<&str>> {
    let names = text.split([',', '\n']).map(str::trim);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then_some(names)
}

fn shown_fields(grant: Object, form: &Form) -> Object {
    let only = listed(form.text("only_fields"));
    let hidden = listed(form.text("hidden_fields"));
    if only.is_none() && hidden.is_none() {
        return grant;
    }
    let mut fields = Object::new();
    for (name, names) in [("allow", only), ("deny", hidden)] {
        if let Some(names) = names {
            fields = fields.with(name, names);
        }
    }
    grant.with("fields", fields)
}

fn window(grant: Object, form: &Form) -> Result<Object, Wrong> {
    let (field, last) = (
        form.text("time_field").trim(),
        form.text("time_last").trim(),
    );
    match (field.is_empty(), last.is_empty()) {
        (true, true) => Ok(grant),
        (true, false) => Err(Wrong(
            "time_field",
            "say which field has the time".to_owned(),
        )),
        (false, true) => Err(Wrong(
            "time_last",
            "say how far back, such as 90d".to_owned(),
        )),
        (false, false) => {
            let window = Object::new().with("field", field).with("last", last);
            Ok(grant.with("time", window))
        }
    }
}
