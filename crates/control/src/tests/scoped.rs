//! Scoped keys: on and off, across restarts, and their end with the master key.

#[path = "../../../model/src/secrets/scoped/made.rs"]
mod made;

use model::grants::{Grant, parse_grants};
use model::keys::AuthError;
use model::names::FieldPath;
use model::permit::{Access, AskPool, Ingest};
use model::secrets::ScopedText;

use super::*;
use crate::KeenKeys;
use model::keys::KeyCopy;

const VECTOR: [u8; 16] = [3; 16];
const SAID: &str = r#"{"allowed_operations": ["read"]}"#;

impl Plane {
    pub(super) async fn speaking(&self, scoped_keys: bool) -> KeenKeys {
        let by = self.admin();
        let keys = self.control.switch_keen_on(&by, scoped_keys).await;
        keys.expect("is off")
    }

    fn grants(&self, text: &str) -> Vec<Grant> {
        let lookup = self.control.grant_lookup(self.project(), &[]);
        parse_grants(&value(text), &lookup).expect("grants")
    }

    /// Lets a scoped key of this master key in that asks every pool.
    fn scoped(&self, master: &Secret) -> Result<Access, AuthError> {
        let grants = r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#;
        self.scoped_as(master, grants)
    }

    fn scoped_as(&self, master: &Secret, grants: &str) -> Result<Access, AuthError> {
        let text = made::scoped(master.reveal(), SAID, VECTOR);
        let text = ScopedText::parse(&text).expect("of the form");
        let scoped = self
            .control
            .read_scoped(self.project(), &text, &Circumstances::unknown())?;
        if scoped.said() != SAID.as_bytes() {
            return Err(AuthError::NotUnderstood);
        }
        self.control.let_scoped_in(scoped, self.grants(grants))
    }

    async fn on(&self, master: &Secret) -> Result<(), ControlError> {
        self.control
            .switch_scoped_on(&self.admin(), master, &Circumstances::unknown())
            .await
    }

    pub(super) async fn off(&self) {
        let off = self.control.switch_scoped_off(&self.admin()).await;
        off.expect("speaks the dialect");
    }
}

#[tokio::test]
async fn they_are_off_until_they_are_switched_on_and_off_again_at_once() {
    let plane = Plane::new().await;
    let off = plane.control.switch_scoped_off(&plane.admin()).await;
    assert!(matches!(
        off,
        Err(ControlError::Refused(crate::Refusal::KeenIsOff))
    ));
    let keys = plane.speaking(false).await;
    plane.pool("orders").await;
    let out = |plane: &Plane| plane.scoped(&keys.master).map(drop);
    assert_eq!(out(&plane), Err(AuthError::Unknown));
    let plane = plane.restarted().await;
    assert_eq!(out(&plane), Err(AuthError::Unknown));
    plane.on(&keys.master).await.expect("the master key");
    plane.on(&keys.master).await.expect("is on already");
    let access = plane.scoped(&keys.master).expect("is let in");
    let definitions = plane.definitions();
    let orders = On::Pool(definitions.pool("orders"));
    assert!(access.is_scoped() && access.permit::<AskPool>(orders).is_ok());
    assert!(access.permit::<Ingest>(orders).is_err());
    assert!(access.permit::<Admin>(On::Project).is_err());
    assert!(plane.control.is_current(&access));

    let plane = plane.restarted().await;
    let access = plane.scoped(&keys.master).expect("is let in");
    plane.off().await;
    assert_eq!(out(&plane), Err(AuthError::Unknown));
    assert!(!plane.control.is_current(&access));
    assert_eq!(count_closed(plane, "scoping").await, 0);
}

async fn count_closed(plane: Plane, table: &str) -> i64 {
    plane.control.close().await.expect("closes");
    count(&plane.file(), table).await
}

#[tokio::test]
async fn they_begin_with_the_dialect_when_that_is_said() {
    let plane = Plane::new().await;
    let keys = plane.speaking(true).await;
    let plane = plane.restarted().await;
    assert!(plane.scoped(&keys.master).is_ok());
    for other in [&keys.read, &keys.write, &plane.master] {
        if other.kind() == model::keys::KeyKind::Legacy {
            let read = plane.scoped(other).map(drop);
            assert_eq!(read, Err(AuthError::NotUnderstood));
        }
        let refused = fault(plane.on(other).await);
        assert_eq!(refused, (FaultCode::InvalidValue, "/master_key".to_owned()));
    }
}

#[tokio::test]
async fn they_end_with_their_master_key() {
    let plane = Plane::new().await;
    let keys = plane.speaking(true).await;
    let (by, control) = (plane.admin(), &plane.control);
    let access = plane.scoped(&keys.master).expect("is let in");
    let id = access.key();
    let disable = async |off| {
        control
            .set_key_disabled(&by, id, off)
            .await
            .expect("changes")
    };
    disable(true).await;
    let out = plane.scoped(&keys.master).map(drop);
    assert_eq!(out, Err(AuthError::Disabled));
    assert!(!control.is_current(&access));
    let refused = fault(plane.on(&keys.master).await);
    assert_eq!(refused.1, "/master_key");
    disable(false).await;
    assert!(plane.scoped(&keys.master).is_ok());
    // A copy has a secret of its own, and takes the place of the first when that is said.
    let (copy, copied) = control
        .copy_key(&by, id, KeyCopy::default())
        .await
        .expect("copies");
    assert_eq!(
        plane.scoped(&copied).map(drop),
        Err(AuthError::NotUnderstood)
    );
    plane.on(&copied).await.expect("a master key");
    assert!(plane.scoped(&copied).is_ok());
    assert_eq!(
        plane.scoped(&keys.master).map(drop),
        Err(AuthError::NotUnderstood)
    );
    assert!(!control.is_current(&access));
    control
        .delete_key(&by, copy.id(), None)
        .await
        .expect("deletes");
    for master in [&copied, &keys.master] {
        assert_eq!(plane.scoped(master).map(drop), Err(AuthError::Unknown));
    }
    let audit = plane.audit().await;
    let of_scoping = audit.iter().filter(|(action, _)| action.contains("scoped"));
    let words: Vec<&str> = of_scoping.map(|(action, _)| action.as_str()).collect();
    let (on, off) = ("project.scoped_keys_on", "project.scoped_keys_off");
    assert_eq!(words, [on, off, on, off]);
    assert_eq!(count_closed(plane, "scoping").await, 0);
}

#[tokio::test]
async fn they_reach_no_further_than_their_master_key_and_administer_nothing() {
    let plane = Plane::new().await;
    let keys = plane.speaking(true).await;
    for refused in [
        ADMIN.to_owned(),
        r#"{"on":"pool:*","actions":["delete"],"constraints":"all_rows"}"#.to_owned(),
        // The dialect's master key has no views.
        r#"{"on":"view:*","actions":["read"],"constraints":"all_rows"}"#.to_owned(),
    ] {
        let read = plane.scoped_as(&keys.master, &format!("[{refused}]"));
        assert_eq!(read.map(drop), Err(AuthError::NotUnderstood), "{refused}");
    }
    // Nor when it administers no more.
    let access = plane.scoped(&keys.master).expect("is let in");
    let definitions = plane.definitions();
    let key = definitions.key(access.key()).expect("a key");
    let mut draft = key.draft().clone();
    draft
        .grants
        .retain(|grant| !grant.allows(model::grants::Action::Admin));
    let by = plane.admin();
    let changed = plane.control.change_key(&by, key.id(), None, draft).await;
    changed.expect("changes");
    assert_eq!(
        plane.scoped(&keys.master).map(drop),
        Err(AuthError::NotUnderstood)
    );
    assert!(!plane.control.is_current(&access));
}

#[tokio::test]
async fn no_property_is_deleted_that_a_filter_of_theirs_may_name() {
    let plane = Plane::new().await;
    plane.speaking(true).await;
    let draft = PoolDraft::parse(&value(r#"{"name":"events","schema":"open"}"#)).expect("a pool");
    let made = plane.control.create_pool(&plane.admin(), draft).await;
    let events = made.expect("a pool").id;
    let tier = FieldPath::parse("tier").expect("a path");
    let by = plane.admin();
    let refused = plane.control.delete_property(&by, events, &tier).await;
    let Err(ControlError::Fault(fault)) = refused else {
        panic!("{refused:?}");
    };
    assert!(fault.detail.contains("scoped keys"), "{}", fault.detail);
    plane.off().await;
    let deleted = plane.control.delete_property(&by, events, &tier).await;
    deleted.expect("nothing names it");
}

#[tokio::test]
async fn what_was_sealed_is_in_no_file_once_they_are_off() {
    let plane = Plane::new().await;
    plane.speaking(true).await;
    let sealed = plane.definitions().project().scoping.clone();
    let sealed = sealed.expect("is on").sealed;
    let holds = |plane: &Plane| {
        let files = std::fs::read_dir(plane.folder.path()).expect("a folder");
        let mut files = files.map(|file| std::fs::read(file.expect("a file").path()));
        files.any(|bytes| {
            let bytes = bytes.expect("is read");
            bytes
                .windows(sealed.as_bytes().len())
                .any(|window| window == sealed.as_bytes())
        })
    };
    assert!(holds(&plane));
    plane.off().await;
    assert!(!holds(&plane));
}

#[tokio::test]
async fn of_the_master_key_nothing_lies_open_and_a_copy_of_the_data_reads_none() {
    let plane = Plane::new().await;
    let keys = plane.speaking(true).await;
    let project = plane.project();
    plane.control.save_last_used().await.expect("saves");
    let bytes = |plane: &Plane| {
        let files = std::fs::read_dir(plane.folder.path()).expect("a folder");
        let files = files.map(|file| std::fs::read(file.expect("a file").path()));
        files
            .flat_map(|bytes| bytes.expect("is read"))
            .collect::<Vec<u8>>()
    };
    let shown = format!("{:?} {}", plane.definitions().project(), plane.picture());
    let open = bytes(&plane);
    plane.control.close().await.expect("closes");
    let text = keys.master.reveal();
    let raw: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect();
    // What follows the public part.
    for secret in [&raw[12..], &text.as_bytes()[24..], &text.as_bytes()[24..44]] {
        for bytes in [&open, &bytes(&plane), &shown.clone().into_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    let stolen = ControlOptions {
        pepper: Pepper::from_bytes([8; 32]),
        ..options(&plane.clock, 3)
    };
    let copy = plane.folder.path().join("copy.db");
    std::fs::copy(plane.file(), &copy).expect("copies");
    let control = Control::open(&copy, stolen).await.expect("opens");
    let text = made::scoped(keys.master.reveal(), SAID, VECTOR);
    let text = ScopedText::parse(&text).expect("of the form");
    let read = control.read_scoped(project, &text, &Circumstances::unknown());
    assert_eq!(read.map(drop), Err(AuthError::Unknown));
}
