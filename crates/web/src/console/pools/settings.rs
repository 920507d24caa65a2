//! How a pool is kept: its name, its fields, for how long and how much.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use control::ControlError;
use model::fault::Fault;
use model::people::Area;
use model::pools::{FileLayout, Pool};
use model::value::{Object, Value};

use super::editor::Editor;
use super::loss::{Loss, Told};
use super::make::number;
use super::{below, defined};
use crate::console::forms::{Fields, Form, Kept};
use crate::console::frame::{Frame, Section};
use crate::console::go_to;
use crate::console::shown::Now;
use crate::console::visitor::InProject;
use crate::error::ApiError;
use crate::state::AppState;
use crate::step_up;

/// What is typed beside the fields.
const NAMES: &[&str] = &[
    "name",
    "description",
    "time_field",
    "retention_days",
    "storage_bytes",
    "layout",
    "tier",
    "public",
    "revision",
];
/// What the server names beside them, and the page shows in its place.
const OTHERS: &[&str] = &["code", "fields"];

/// What they are called.
const LABELS: [(&str, &str); 8] = [
    ("name", "Name"),
    ("description", "Description"),
    ("time_field", "Time field"),
    ("retention_days", "Days to keep"),
    ("storage_bytes", "Bytes to store at most"),
    ("layout", "Files"),
    ("tier", "Credits"),
    ("public", "Keys in pages may read it"),
];

/// A choice of a few words.
struct Choice {
    value: &'static str,
    label: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/pool_settings.html")]
struct Page {
    frame: Frame,
    form: Fields,
    editor: Editor,
    name: String,
    layouts: Vec<Choice>,
    tiers: Vec<Choice>,
    is_public: bool,
    action: String,
    back: String,
    drop: String,
    now: Option<Now>,
    /// What the change would destroy, where it is not agreed to yet.
    loss: Option<Told>,
}

/// What the pool is now, where the form says something else.
fn now(pool: &Pool, form: &Fields, editor: &Editor) -> Now {
    let own = as_it_is(pool);
    let other = LABELS
        .iter()
        .filter(|(name, _)| own.value(name) != form.value(name).trim());
    let mut lines: Vec<(&'static str, String)> = other
        .map(|(name, label)| (*label, own.value(name).to_owned()))
        .collect();
    let fields = Editor::declared(&pool.draft.schema).in_words();
    if fields != editor.in_words() {
        lines.push(("Fields", fields));
    }
    Now {
        lines,
        definition: None,
    }
}

fn show(here: &InProject, pool: &Pool, form: Fields, editor: Editor) -> Result<Response, ApiError> {
    show_with(here, pool, (form, editor), None)
}

fn show_with(
    here: &InProject,
    pool: &Pool,
    (form, editor): (Fields, Editor),
    loss: Option<Told>,
) -> Result<Response, ApiError> {
    let now = form.is_stale().then(|| now(pool, &form, &editor));
    let form = form.renewed(pool.revision);
    let layouts = FileLayout::ALL.into_iter().map(|layout| Choice {
        value: layout.name(),
        label: match layout {
            FileLayout::Shared => "Customers share files",
            FileLayout::FilePerCustomer => "No file holds records of two customers",
        },
        is_chosen: form.value("layout") == layout.name(),
    });
    let tiers = [("core", "Core"), ("premium", "Premium")];
    let tiers = tiers.into_iter().map(|(value, label)| Choice {
        value,
        label,
        is_chosen: form.value("tier") == value,
    });
    let shown = Page {
        frame: Frame::of(
            format!("Settings of {}", pool.draft.name),
            here,
            Section::Pools,
        ),
        name: pool.draft.name.to_string(),
        layouts: layouts.collect(),
        tiers: tiers.collect(),
        is_public: form.value("public") == "yes",
        action: below(here, pool, "/settings"),
        back: below(here, pool, ""),
        drop: below(here, pool, "/drop"),
        now,
        loss,
        editor,
        form,
    };
    shown.form.shown_in(&shown)
}

fn as_it_is(pool: &Pool) -> Fields {
    let draft = &pool.draft;
    let number = |number: Option<u64>| number.map_or_else(String::new, |n| n.to_string());
    let time = draft.time_field.as_ref().map_or("", |path| path.as_str());
    Fields::blank()
        .with("name", draft.name.as_str())
        .with("description", draft.description.as_str())
        .with("time_field", time)
        .with(
            "retention_days",
            number(draft.retention_days.map(u64::from)),
        )
        .with("storage_bytes", number(draft.storage_bytes))
        .with("layout", draft.layout.name())
        .with("tier", draft.tier.name())
        .with("public", if draft.public { "yes" } else { "" })
        .with("revision", pool.revision.to_string())
}

/// The settings of a pool.
pub(in crate::console) async fn change_form(here: InProject) -> Result<Response, ApiError> {
    let pool = defined(&here)?;
    let editor = Editor::declared(&pool.draft.schema);
    show(&here, &pool, as_it_is(&pool), editor)
}

/// What the form says the pool is from now on, as the API takes it.
fn patch(form: &Form, editor: &Editor) -> Result<Value, Fault> {
    let text = |name: &str| match form.text(name).trim() {
        "" => Value::Null,
        text => Value::from(text),
    };
    let whole = |name: &'static str| -> Result<Value, Fault> {
        Ok(number(form, name)?.map_or(Value::Null, Value::from))
    };
    let patch = Object::new()
        .with("name", form.text("name").trim())
        .with("description", form.text("description").trim())
        .with("fields", editor.to_value())
        .with("time_field", text("time_field"))
        .with("retention_days", whole("retention_days")?)
        .with("storage_bytes", whole("storage_bytes")?)
        .with("layout", text("layout"))
        .with("tier", text("tier"))
        .with("public", form.text("public") == "yes");
    Ok(Value::Object(patch))
}

/// Changes a pool; one that destroys something after a look at how much.
pub(in crate::console) async fn change(
    State(state): State<AppState>,
    Kept(here, form, counts): Kept<InProject>,
) -> Result<Response, ApiError> {
    let pool = defined(&here)?;
    let caller = here.caller(Area::Definitions)?;
    let fields = Fields::typed(&form, NAMES, OTHERS);
    let editor = Editor::typed(&form);
    if let Err(error) = counts {
        return show(&here, &pool, fields.refused(error)?, editor);
    }
    if form.text("do") == "more" {
        return show(&here, &pool, fields, editor);
    }
    let read = patch(&form, &editor).and_then(|patch| {
        let draft = pool.draft.patched(&patch)?;
        Ok((draft, form.proof()?))
    });
    let (draft, proof) = match read {
        Ok(read) => read,
        Err(fault) => return show(&here, &pool, fields.refused(fault)?, editor),
    };
    let loss = Loss::of(&pool, &draft);
    let is_agreed = loss.as_ref().is_none_or(|loss| loss.is_agreed(&form));
    let known: Option<i64> = form.text("revision").parse().ok();
    if let Some(loss) = loss.as_ref().filter(|_| !is_agreed)
        && known == Some(pool.revision)
    {
        let told = loss.told(&here, &pool, &state).await;
        return show_with(&here, &pool, (fields, editor), Some(told));
    }
    let control = state.control.proving(proof);
    let changed = match known.filter(|_| is_agreed) {
        Some(known) => {
            control
                .change_pool(&caller.0, pool.id, Some(known), draft)
                .await
        }
        // What nobody was told of is not done either.
        None => Err(ControlError::StaleRevision),
    };
    match changed {
        Ok(_) => {
            let own = below(&here, &pool, "?done=changed");
            Ok(step_up::finish(&control, Ok(go_to(&own))))
        }
        Err(error) => {
            let fields = fields.refused(error)?;
            let told = match loss.filter(|_| !fields.is_stale()) {
                Some(loss) => Some(loss.told(&here, &pool, &state).await),
                None => None,
            };
            show_with(&here, &pool, (fields, editor), told)
        }
    }
}

#[cfg(test)]
pub(super) fn sample(text: &str) -> Vec<crate::console::samples::Sample> {
    use crate::console::frame::address;
    use crate::console::samples::{form, frame, sample};
    let place = || address(text, "/x");
    let choice = || Choice {
        value: "shared",
        label: "",
        is_chosen: true,
    };
    let page = Page {
        frame: frame(text),
        form: form(text, &[NAMES, OTHERS].concat()),
        editor: super::editor::sample(text),
        name: text.to_owned(),
        layouts: vec![choice()],
        tiers: vec![choice()],
        is_public: true,
        action: place(),
        back: place(),
        drop: place(),
        now: Some(Now {
            lines: vec![("", text.to_owned())],
            definition: None,
        }),
        loss: Some(Told::sample(text)),
    };
    vec![sample("pool_settings.html", &page)]
}
