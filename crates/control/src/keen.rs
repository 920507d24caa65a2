//! Switching the Keen dialect on, with the keys that its clients begin with.

use model::grants::{Action, parse_grants};
use model::keys::{KeyDraft, KeyKind, KeyLimits, Restrictions};
use model::permit::{Admin, Permit};
use model::secrets::Secret;
use model::value::{Object, Value};

use crate::audit::Subject;
use crate::change::Change;
use crate::control::Control;
use crate::definitions::ProjectRecord;
use crate::error::{ControlError, Refusal};
use crate::grants::ProjectGrants;
use crate::store::Write;

/// The keys that a project of the Keen dialect begins with.
#[derive(Debug)]
pub struct KeenKeys {
    /// May do everything, by the dialect alone.
    pub master: Secret,
    /// Writes events.
    pub write: Secret,
    /// Asks everything.
    pub read: Secret,
}

/// What the read key may do with pools.
const READS: [Action; 3] = [Action::Query, Action::Extract, Action::Schema];

impl Control {
    /// Switches the Keen dialect on and makes its three keys, which can be had
    /// this time alone. The dialect stays on for good. Scoped keys made out of
    /// the master key are let in when that is said.
    ///
    /// # Errors
    /// [`Refusal::KeenIsOn`]; a fault when the caller may not give what the keys hold.
    pub async fn switch_keen_on(
        &self,
        by: &Permit<Admin>,
        scoped_keys: bool,
    ) -> Result<KeenKeys, ControlError> {
        self.change(by, |change| {
            let before = change.definitions.project().clone();
            if before.keen {
                return Err(Refusal::KeenIsOn.into());
            }
            let name = before.name.clone();
            change.writes.push(Write::SwitchKeen(change.project, true));
            change.definitions.put_project(ProjectRecord {
                keen: true,
                ..before
            });
            let subject = Subject::new(change.project, &name);
            change.audit("project.keen", subject, None, None);
            let mut key = |name: &str, grants: Vec<Object>| {
                let draft = draft(change, by, name, grants)?;
                change.create_key(self.pepper(), &draft)
            };
            let (master, master_secret) = key("Keen master key", master_grants())?;
            let (_, write) = key("Keen write key", vec![grant("pool:*", &[Action::Ingest])])?;
            let (_, read) = key("Keen read key", read_grants())?;
            if scoped_keys {
                change.read_scoped_of(self, &master, &master_secret)?;
            }
            Ok(KeenKeys {
                master: master_secret,
                write,
                read,
            })
        })
        .await
    }
}

fn grant(on: &str, actions: &[Action]) -> Object {
    let names: Vec<&str> = actions.iter().map(|action| action.name()).collect();
    let grant = Object::new().with("on", on).with("actions", names);
    match actions.iter().any(|action| action.touches_rows()) {
        true => grant.with("constraints", "all_rows"),
        false => grant,
    }
}

fn master_grants() -> Vec<Object> {
    vec![
        grant("project", &[Action::Admin]),
        grant("pool:*", &Action::POOL),
        grant("saved:*", &Action::SAVED),
        grant("cached:*", &Action::CACHED),
        grant("dataset:*", &Action::DATASET),
    ]
}

fn read_grants() -> Vec<Object> {
    let reads = Action::POOL.into_iter();
    let reads: Vec<Action> = reads.filter(|action| READS.contains(action)).collect();
    vec![
        grant("pool:*", &reads),
        grant("saved:*", &Action::SAVED),
        grant("cached:*", &Action::CACHED),
        grant("dataset:*", &Action::DATASET),
    ]
}

fn draft(
    change: &Change,
    by: &Permit<Admin>,
    name: &str,
    grants: Vec<Object>,
) -> Result<KeyDraft, ControlError> {
    let lookup = ProjectGrants {
        definitions: change.definitions.clone().into(),
        existing: Vec::new(),
        now: change.now,
        random: change.random.clone(),
    };
    let grants = parse_grants(&Value::from(grants), &lookup)?;
    Ok(KeyDraft {
        name: name.to_owned(),
        description: String::new(),
        kind: KeyKind::Legacy,
        grants: by.narrow(grants, &[])?,
        expires_at: None,
        restrictions: Restrictions::NONE,
        limits: KeyLimits::NONE,
        rotate_after: None,
        derived_tokens: false,
        issued_by: None,
        dialect: None,
    })
}
