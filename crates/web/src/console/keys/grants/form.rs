//! The part of a form that says what a key may do: with which views and pools,
//! which rows, and what is stamped.

use control::Definitions;
use model::grants::{Action, Grant, Target};
use model::permit::{Access, AskPool, Ingest, On, Read, ReadCached, RetrieveDataset, RunSaved};
use model::pools::Pool;

use super::filled::{keeps_fields, keeps_time};
use crate::console::forms::{Fields, Form};
use crate::console::rows::{self, CONDITIONS, Choice, STAMPS, Shown, choices};

/// What a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// Reading what others defined: views, saved queries, datasets.
    Read,
    /// Asking pools.
    Ask,
    /// Writing records.
    Write,
}

impl Purpose {
    pub(in super::super) const ALL: [Self; 3] = [Self::Read, Self::Ask, Self::Write];

    /// The word in addresses and forms.
    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ask => "ask",
            Self::Write => "write",
        }
    }

    /// The purpose of this word.
    pub(in super::super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// Names of fields that are no rows.
const OTHERS: [&str; 7] = [
    "rows",
    "filters",
    "only_fields",
    "hidden_fields",
    "time_field",
    "time_last",
    "conflict",
];

/// The names of all fields that stand once.
pub(in super::super) fn names() -> Vec<&'static str> {
    let mut names = rows::names();
    names.extend(OTHERS);
    names
}

/// An empty form that begins with the field that tells customers apart, where all
/// pools that name one name the same.
pub(in super::super) fn blank(definitions: &Definitions, purpose: Purpose) -> Fields {
    let own = definitions.pools().filter(|pool| !pool.is_usage());
    let mut fields = own.filter_map(|pool| pool.draft.isolation_field.as_ref());
    let first = fields.next();
    let first = first.filter(|first| fields.all(|other| other == *first));
    let row = match purpose {
        Purpose::Write => &STAMPS[0],
        Purpose::Read | Purpose::Ask => &CONDITIONS[0],
    };
    match first {
        Some(field) => Fields::blank().with(row.field, field.to_string()),
        None => Fields::blank(),
    }
}

/// Something that a grant may be on.
pub(in super::super) struct OnChoice {
    pub(in super::super) value: String,
    pub(in super::super) name: String,
    pub(in super::super) hint: String,
    pub(in super::super) is_chosen: bool,
}

/// What the template shows of it.
pub(in super::super) struct GrantFields {
    pub(in super::super) on: Vec<OnChoice>,
    pub(in super::super) actions: Vec<Choice>,
    pub(in super::super) has_rows: bool,
    pub(in super::super) has_stamps: bool,
    pub(in super::super) rows: &'static str,
    pub(in super::super) conditions: Vec<Shown>,
    pub(in super::super) stamps: Vec<Shown>,
    pub(in super::super) known: Vec<String>,
    pub(in super::super) rejects: bool,
    pub(in super::super) keeps_fields: bool,
    pub(in super::super) keeps_time: bool,
    pub(in super::super) is_more_open: bool,
}

/// What was chosen of what may be chosen several times.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Chosen {
    pub(in super::super) on: Vec<String>,
    pub(in super::super) actions: Vec<String>,
}

impl Chosen {
    /// What the form says.
    pub(in super::super) fn of(form: &Form) -> Self {
        let is_said = |text: &&str| !text.is_empty();
        let all = |name| form.all(name).filter(is_said).map(str::to_owned).collect();
        Self {
            on: all("on"),
            actions: all("action"),
        }
    }
}

/// The pools that are meant by what grants are on: all, where it is not said by name.
pub(in super::super) fn pools_of<'a>(definitions: &'a Definitions, on: &[String]) -> Vec<&'a Pool> {
    let named = on.iter().filter_map(|on| {
        let (kind, name) = on.split_once(':')?;
        let pool = match kind {
            "pool" => definitions.pool(name),
            "view" => definitions.view(name).map(|(_, pool)| pool),
            _ => None,
        };
        pool.map(|pool| &**pool)
    });
    let named: Vec<&Pool> = named.collect();
    match named.is_empty() {
        true => definitions.pools().map(|pool| &**pool).collect(),
        false => named,
    }
}

const ACTIONS: [(Action, &str); 5] = [
    (Action::Query, "asks questions: counts, sums, groups"),
    (Action::Extract, "takes records out as they are"),
    (Action::Schema, "sees which fields there are"),
    (Action::Delete, "deletes records"),
    (Action::Ingest, "writes records"),
];

/// What may be chosen for a purpose: what the person reaches, who gives no more than that.
fn offered(definitions: &Definitions, access: &Access, purpose: Purpose) -> Vec<[String; 3]> {
    let text = |text: &str| text.to_owned();
    let mut all = Vec::new();
    if purpose == Purpose::Read {
        let views = definitions.views().filter(|(view, pool)| {
            let on = On::View(Some((view, pool)));
            access.permit::<Read>(on).is_ok()
        });
        all.extend(views.map(|(view, pool)| {
            [
                text("view"),
                view.draft.name.to_string(),
                format!("of {}", pool.draft.name),
            ]
        }));
        for saved in definitions.saved_queries() {
            let (kind, may) = match saved.item.is_cached() {
                true => (
                    "cached",
                    access
                        .permit::<ReadCached>(On::Cached(Some(&saved)))
                        .is_ok(),
                ),
                false => (
                    "saved",
                    access.permit::<RunSaved>(On::Saved(Some(&saved))).is_ok(),
                ),
            };
            if may {
                let hint = format!("{kind} query");
                all.push([text(kind), saved.item.draft.name.to_string(), hint]);
            }
        }
        for dataset in definitions.datasets() {
            let on = On::Dataset(Some(&dataset));
            if access.permit::<RetrieveDataset>(on).is_ok() {
                let name = dataset.item.draft.name.to_string();
                all.push([text("dataset"), name, text("dataset")]);
            }
        }
        return all;
    }
    let pools = definitions.pools().filter(|pool| match purpose {
        Purpose::Write => !pool.is_usage() && access.permit::<Ingest>(On::Pool(Some(pool))).is_ok(),
        _ => access.permit::<AskPool>(On::Pool(Some(pool))).is_ok(),
    });
    all.extend(pools.map(|pool| {
        let hint = pool.draft.description.chars().take(80).collect();
        [text("pool"), pool.draft.name.to_string(), hint]
    }));
    all
}

impl GrantFields {
    /// What a new grant may be.
    pub(in super::super) fn of(
        (definitions, access): (&Definitions, &Access),
        purpose: Purpose,
        (form, chosen): (&Fields, &Chosen),
    ) -> Self {
        let is_chosen = |value: &str| chosen.on.iter().any(|on| on == value);
        let offered = offered(definitions, access, purpose);
        let (every, word) = match purpose {
            Purpose::Read => ("view:*", "Every view"),
            Purpose::Ask | Purpose::Write => ("pool:*", "Every pool"),
        };
        let mut on = vec![OnChoice {
            value: every.to_owned(),
            name: word.to_owned(),
            hint: "later ones too".to_owned(),
            is_chosen: is_chosen(every),
        }];
        on.extend(offered.into_iter().map(|[kind, name, hint]| {
            let value = format!("{kind}:{name}");
            OnChoice {
                is_chosen: is_chosen(&value),
                value,
                name,
                hint,
            }
        }));
        if on.len() == 1 {
            on.clear();
        }
        let pools = pools_of(definitions, &chosen.on);
        let mut fields = Self::shared(form, &pools);
        fields.on = on;
        fields.has_rows = purpose != Purpose::Write;
        fields.has_stamps = purpose == Purpose::Write;
        if purpose == Purpose::Ask {
            fields.actions = actions(&ACTIONS[..4], &chosen.actions);
        }
        fields
    }

    /// What an existing grant may become.
    pub(in super::super) fn of_grant(
        definitions: &Definitions,
        grant: &Grant,
        (form, chosen): (&Fields, &Chosen),
    ) -> Self {
        let on = vec![grant.on.to_text().0];
        let pools = pools_of(definitions, &on);
        let mut fields = Self::shared(form, &pools);
        let is_pool = matches!(grant.on, Target::Pool(_));
        fields.has_rows = true;
        fields.has_stamps = is_pool;
        if is_pool {
            fields.actions = actions(&ACTIONS, &chosen.actions);
        }
        fields.keeps_fields = keeps_fields(grant);
        fields.keeps_time = keeps_time(grant);
        fields
    }

    fn shared(form: &Fields, pools: &[&Pool]) -> Self {
        let more = ["only_fields", "hidden_fields", "time_field", "time_last"];
        let is_used = |name: &&str| !form.value(name).is_empty() || form.error(name).is_some();
        Self {
            on: Vec::new(),
            actions: Vec::new(),
            has_rows: true,
            has_stamps: true,
            rows: match form.value("rows") {
                "all" => "all",
                "json" => "json",
                _ => "some",
            },
            conditions: rows::shown(form, &CONDITIONS, 2),
            stamps: rows::shown(form, &STAMPS, 2),
            known: rows::known(pools),
            rejects: form.value("conflict") == "reject",
            keeps_fields: false,
            keeps_time: false,
            is_more_open: more.iter().any(is_used),
        }
    }
}

fn actions(of: &[(Action, &'static str)], chosen: &[String]) -> Vec<Choice> {
    let named: Vec<(&'static str, &'static str)> = of
        .iter()
        .map(|(action, label)| (action.name(), *label))
        .collect();
    let mut all = choices(&named, "");
    for choice in &mut all {
        choice.is_chosen = chosen.iter().any(|chosen| chosen == choice.value);
    }
    all
}

/// Whether somebody may change a grant by a form.
pub(in super::super) fn is_editable(grant: &Grant) -> bool {
    let stamps = &grant.injections.values;
    grant.on != Target::Project && rows::with_stamps(Fields::blank(), stamps, &[]).is_some()
}

#[cfg(test)]
impl GrantFields {
    pub(in super::super) fn sample(text: &str, is_full: bool) -> Self {
        let form = crate::console::samples::form(
            text,
            &[
                "field_1",
                "value_1",
                "operator_1",
                "kind_1",
                "stamp_1",
                "with_1",
                "as_1",
            ],
        );
        let on = || OnChoice {
            value: text.to_owned(),
            name: text.to_owned(),
            hint: text.to_owned(),
            is_chosen: true,
        };
        Self {
            on: is_full.then(on).into_iter().collect(),
            actions: actions(&ACTIONS, &[]),
            known: vec![text.to_owned()],
            keeps_fields: is_full,
            keeps_time: is_full,
            is_more_open: true,
            ..Self::shared(&form, &[])
        }
    }
}
