//! What is built on the fields of a pool.

use model::fault::{Fault, FaultCode};
use model::filters::Constraint;
use model::grants::{Grant, Target};
use model::names::FieldPath;
use model::pools::{FieldChanges, Pool, Schema};
use model::views::{Shape, View, ViewDraft};

use crate::definitions::Definitions;

/// Users of a field that one refusal names; the others are counted.
const USERS_NAMED_MAX: usize = 10;

/// Refuses to drop or rename a field that a view, or the grant of any key, is
/// built on, and to rename one into or out of what a grant shows. The refusal
/// names the users. Disabled and expired keys count: they may come back.
pub(crate) fn check_unused(
    definitions: &Definitions,
    pool: &Pool,
    changes: &FieldChanges<'_>,
) -> Result<(), Fault> {
    let dropped = changes.dropped.iter().map(|field| (&field.path, None));
    let renamed = changes.renamed.iter();
    let renamed = renamed.map(|(old, new)| (&old.path, Some(&new.path)));
    for (path, becomes) in dropped.chain(renamed) {
        let users = users(definitions, pool, path, becomes);
        if !users.is_empty() {
            return Err(in_use(path, becomes.is_some(), &users));
        }
    }
    Ok(())
}

/// Refuses a schema that some view of the pool could not be read with, so that
/// no change of a pool keeps the server from starting again.
pub(crate) fn check_views(
    definitions: &Definitions,
    pool: &Pool,
    schema: &Schema,
) -> Result<(), Fault> {
    for view in views_of(definitions, pool) {
        if let Err(fault) = ViewDraft::parse(&view.draft.to_value(), schema) {
            let detail = format!(
                "the view \"{}\" does not fit these fields: {}; change the view first",
                view.draft.name, fault.detail
            );
            return Err(Fault::new(FaultCode::InUse, detail).at("/fields"));
        }
    }
    Ok(())
}

pub(crate) fn views_of<'a>(
    definitions: &'a Definitions,
    pool: &'a Pool,
) -> impl Iterator<Item = &'a View> + 'a {
    let views = definitions.views();
    let views = views.filter(|(_, read)| read.id == pool.id);
    views.map(|(view, _)| view.as_ref())
}

fn users(
    definitions: &Definitions,
    pool: &Pool,
    path: &FieldPath,
    becomes: Option<&FieldPath>,
) -> Vec<String> {
    let views: Vec<&View> = views_of(definitions, pool).collect();
    let built = views.iter().filter(|view| view_uses(&view.draft, path));
    let built = built.map(|view| format!("the view \"{}\"", view.draft.name));
    let keys = definitions.keys().filter(|key| {
        let grants = key.grants().iter();
        let mut reaching = grants.filter(|grant| reaches(grant, pool, &views));
        reaching.any(|grant| grant_uses(grant, path, becomes))
    });
    let keys = keys.map(|key| format!("the key \"{}\"", key.draft().name));
    built.chain(keys).collect()
}

fn view_uses(view: &ViewDraft, path: &FieldPath) -> bool {
    let exposed = view.fields.iter().any(|field| field.source() == Some(path));
    let filtered = view
        .filters
        .as_ref()
        .is_some_and(|filter| filter.fields().contains(path));
    let interval =
        matches!(&view.shape, Shape::TimeSeries { interval_field } if interval_field == path);
    exposed || filtered || interval
}

/// Whether a grant is about records of the pool, directly or through a view.
pub(crate) fn reaches(grant: &Grant, pool: &Pool, views: &[&View]) -> bool {
    match &grant.on {
        Target::Project => false,
        Target::Pool(pools) => pools.covers(pool.id, &pool.draft.name),
        Target::View(of) => views
            .iter()
            .any(|view| of.covers(view.id, &view.draft.name)),
    }
}

fn grant_uses(grant: &Grant, path: &FieldPath, becomes: Option<&FieldPath>) -> bool {
    let constrains = match &grant.rows {
        Some(Constraint::Rows(filter)) => filter.fields().contains(path),
        Some(Constraint::AllRows) | None => false,
    };
    let injects = grant.injections.values.iter().any(|(at, _)| at == path);
    // What a grant shows goes by names. A field must not come to be seen, nor
    // cease to be, because it is called something else.
    let shows_otherwise =
        becomes.is_some_and(|new| grant.fields.shows(path) != grant.fields.shows(new));
    constrains || injects || shows_otherwise
}

fn in_use(path: &FieldPath, is_renamed: bool, users: &[String]) -> Fault {
    let named = &users[..users.len().min(USERS_NAMED_MAX)];
    let more = match users.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = if is_renamed { "renamed" } else { "dropped" };
    let detail = format!(
        "the field cannot be {what} while it is in use by {}{more}; change or delete those first",
        named.join(", ")
    );
    Fault::new(FaultCode::InUse, detail)
        .at("/fields")
        .on_field(path)
}
