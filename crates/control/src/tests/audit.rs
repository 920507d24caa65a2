//! K20 over real files: every change is in the chain of its project, and what
//! somebody does to the file past the server is found.

use super::*;
use crate::{AuditSearch, VerifiedProject, verify_audit};
use model::audit::{Checkpoint, Finding, VerifierKey};

impl Plane {
    async fn checkpoints(&self) -> Vec<Checkpoint> {
        let signed = self.control.audit_checkpoints(&Permit::ours()).await;
        signed.expect("signs")
    }

    /// Closes the plane, runs `statements` on its file, and verifies a copy as
    /// it is then.
    async fn verified_after(
        &self,
        statements: &'static str,
        checkpoints: &[Checkpoint],
    ) -> Vec<VerifiedProject> {
        // Closed already, from the second time on.
        let _ = self.control.close().await;
        let copy = self.folder.path().join("copy.db");
        std::fs::copy(self.file(), &copy).expect("copies");
        sql(&copy, statements).await;
        let verified = verify_audit(&copy, checkpoints).await.expect("reads");
        std::fs::remove_file(&copy).expect("removes");
        verified
    }
}

fn findings(all: &[VerifiedProject]) -> Vec<Finding> {
    let findings = all.iter().flat_map(|one| one.verified.findings.clone());
    findings.collect()
}

/// A plane with entries of every kind of subject.
async fn busy() -> Plane {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    plane.view("all", "sales").await;
    let (key, _) = plane.key("Ada", "[]").await;
    let (by, control) = (plane.admin(), &plane.control);
    for disabled in [true, false] {
        let switched = control.set_key_disabled(&by, key.id(), disabled).await;
        switched.expect("switches");
    }
    plane.pool("more").await;
    plane
}

#[tokio::test]
async fn every_change_is_in_the_chain_with_who_made_it() {
    let plane = busy().await;
    let by = plane.admin();
    let entries = plane.control.audit_from(&by, 0, 100).await.expect("reads");
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
    for chained in &entries {
        let entry = &chained.entry;
        let by_the_server = entry.actor == "server";
        assert_eq!(entry.secret, (!by_the_server).then(|| plane.master.id()));
    }
    let checkpoints = plane.checkpoints().await;
    assert_eq!(checkpoints.len(), 1);
    let signed = plane.control.audit_checkpoint(&by).await.expect("signs");
    assert_eq!(checkpoints, std::slice::from_ref(&signed));
    assert_eq!((signed.head.size, signed.at), (8, plane.now()));
    assert_eq!(signed.head.link, entries[7].link);
    let verifier = plane.control.audit_verifier();
    assert_eq!(
        VerifierKey::parse(&verifier.to_string()),
        Some(verifier.clone())
    );
    assert_eq!(Checkpoint::open(signed.note(), &verifier), Ok(signed));
    let plane = plane.restarted().await;
    plane.pool("after").await;
    let verified = plane.verified_after("", &checkpoints).await;
    assert_eq!(findings(&verified), []);
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].project, checkpoints[0].project.to_string());
    assert_eq!(
        (
            verified[0].verified.entries,
            verified[0].verified.checkpoints
        ),
        (9, 1)
    );
}

#[tokio::test]
async fn a_change_that_failed_leaves_no_gap() {
    let refuse = "CREATE TRIGGER refuse AFTER UPDATE ON audit_chains
         WHEN NEW.size % 2 = 0 AND NEW.size < 9 BEGIN SELECT RAISE(ABORT, 'no'); END";
    let plane = Plane::new().await.restarted_after(refuse).await;
    let (by, control) = (plane.admin(), &plane.control);
    control
        .create_pool(&by, pool("a"))
        .await
        .expect("the third entry");
    for name in ["b", "c"] {
        control
            .create_pool(&by, pool(name))
            .await
            .expect_err("the fourth");
    }
    let checkpoints = plane.checkpoints().await;
    assert_eq!(checkpoints[0].head.size, 3);
    plane.control.close().await.expect("closes");
    sql(&plane.file(), "DROP TRIGGER refuse").await;
    let plane = plane.opened_again(3).await;
    plane.pool("b").await;
    let verified = plane.verified_after("", &checkpoints).await;
    assert_eq!(
        (verified[0].verified.entries, findings(&verified)),
        (4, vec![])
    );
}

/// Entries of versions before the chain stand in it after the first start as
/// if they had always done.
#[tokio::test]
async fn entries_of_older_versions_are_taken_in_in_order() {
    let plane = busy().await;
    let other = plane.other_project().await;
    let plane = plane
        .restarted_after("UPDATE audit SET secret_id = NULL")
        .await;
    let by = plane.admin();
    let before = plane.control.audit_from(&by, 0, 100).await.expect("reads");
    let plane = plane
        .restarted_after("UPDATE audit SET sequence = NULL, link = NULL; DELETE FROM audit_chains")
        .await;
    let after = plane.control.audit_from(&by, 0, 100).await.expect("reads");
    assert_eq!(after.len(), before.len());
    for (after, before) in after.iter().zip(&before) {
        assert_eq!(
            (after.sequence, &after.entry),
            (before.sequence, &before.entry)
        );
    }
    let checkpoints = plane.checkpoints().await;
    assert_eq!(checkpoints.len(), 2);
    assert!(
        checkpoints
            .iter()
            .any(|c| c.project == other.access().project())
    );
    plane.pool("later").await;
    let verified = plane.verified_after("", &checkpoints).await;
    assert_eq!(findings(&verified), []);
    assert_eq!(verified.len(), 2);
}

/// What can be done with SQL, and whether it is found without a checkpoint.
const TAMPERINGS: [(&str, bool); 17] = [
    ("UPDATE audit SET actor = 'server' WHERE sequence = 4", true),
    ("UPDATE audit SET at = at + 1 WHERE sequence = 4", true),
    (
        "UPDATE audit SET action = 'key.delete' WHERE sequence = 4",
        true,
    ),
    (
        "UPDATE audit SET subject_name = 'Bob' WHERE sequence = 4",
        true,
    ),
    (
        "UPDATE audit SET definition_after = NULL WHERE sequence = 4",
        true,
    ),
    ("UPDATE audit SET secret_id = NULL WHERE sequence = 4", true),
    (
        "UPDATE audit SET address = '192.0.2.1' WHERE sequence = 4",
        true,
    ),
    (
        "UPDATE audit SET address = 'nowhere' WHERE sequence = 4",
        true,
    ),
    ("UPDATE audit SET id = lower(id) WHERE sequence = 4", true),
    ("UPDATE audit SET at = 'noon' WHERE sequence = 4", true),
    (
        "UPDATE audit SET project_id = 'nobody' WHERE sequence = 4",
        true,
    ),
    ("UPDATE audit SET sequence = NULL WHERE sequence = 4", true),
    ("UPDATE audit SET sequence = 'x' WHERE sequence = 4", true),
    ("DELETE FROM audit WHERE sequence = 4", true),
    ("DELETE FROM audit WHERE sequence > 4", true),
    ("UPDATE audit_chains SET size = 3", true),
    // Nothing is left to tell of it but the checkpoint.
    ("DELETE FROM audit; DELETE FROM audit_chains", false),
];

#[tokio::test]
async fn k20_what_is_done_to_the_file_is_found() {
    let plane = busy().await;
    let checkpoints = plane.checkpoints().await;
    for (statements, without) in TAMPERINGS {
        let found = plane.verified_after(statements, &checkpoints).await;
        assert_ne!(findings(&found), [], "{statements}");
        let found = plane.verified_after(statements, &[]).await;
        assert_eq!(!findings(&found).is_empty(), without, "{statements}");
    }
    let found = plane.verified_after("", &checkpoints).await;
    assert_eq!(findings(&found), []);
}

/// An older copy that is put back is whole in itself; the checkpoint tells.
#[tokio::test]
async fn k20_an_older_copy_is_found_by_the_checkpoint_alone() {
    let plane = busy().await;
    plane.control.close().await.expect("closes");
    let older = plane.folder.path().join("older");
    std::fs::copy(plane.file(), &older).expect("copies");
    let plane = plane.opened_again(2).await;
    plane.pool("hidden").await;
    let checkpoints = plane.checkpoints().await;
    plane.control.close().await.expect("closes");
    std::fs::copy(&older, plane.file()).expect("copies");
    let plane = plane.opened_again(3).await;
    let cut = findings(&plane.verified_after("", &checkpoints).await);
    let at = plane.now();
    let (size, was) = (8, 9);
    assert_eq!(cut, [Finding::CutOff { size, was, at }]);
    assert_eq!(findings(&plane.verified_after("", &[]).await), []);
    // Whoever goes on from there writes another log.
    let plane = plane.opened_again(4).await;
    plane.pool("other").await;
    let forked = findings(&plane.verified_after("", &checkpoints).await);
    let (from, to) = (0, 8);
    assert_eq!(forked, [Finding::Rewritten { from, to, at }]);
    assert_eq!(findings(&plane.verified_after("", &[]).await), []);
}

#[tokio::test]
async fn a_damaged_end_is_no_beginning_of_another_log() {
    let damage = "UPDATE audit_chains SET peaks = x'00'";
    let plane = busy().await.restarted_after(damage).await;
    let refused = plane.control.create_pool(&plane.admin(), pool("x")).await;
    assert!(matches!(refused, Err(ControlError::Internal(_))));
    assert_eq!(plane.definitions().pools().count(), 2);
    let found = plane.verified_after("", &[]).await;
    let said = 0;
    assert_eq!(findings(&found), [Finding::OtherEnd { size: 8, said }]);
}

#[tokio::test]
async fn the_audit_is_searched_page_by_page() {
    let plane = busy().await;
    let (by, control) = (plane.admin(), &plane.control);
    let later = plane.now().checked_add(std::time::Duration::from_secs(60));
    plane.clock.set(later.expect("a time"));
    plane.pool("late").await;
    let all = control
        .audit_page(&by, &AuditSearch::default(), None, 100)
        .await;
    let all = all.expect("reads");
    assert_eq!((all.entries.len(), all.next), (9, None));
    let newest: Vec<u64> = all.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(newest, (0..9).rev().collect::<Vec<_>>());
    let found = async |search: AuditSearch| {
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let page = control.audit_page(&by, &search, before, 2).await;
            let page = page.expect("reads");
            assert!(page.entries.len() <= 2);
            found.extend(page.entries);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let fits = all.entries.iter().filter(|chained| {
            let entry = &chained.entry;
            let equal = |wanted: &Option<String>, texts: &[&String]| {
                wanted.as_ref().is_none_or(|wanted| texts.contains(&wanted))
            };
            equal(&search.actor, &[&entry.actor])
                && equal(&search.action, &[&entry.action])
                && equal(&search.subject, &[&entry.subject_id, &entry.subject_name])
                && search.from.is_none_or(|from| entry.at >= from)
                && search.to.is_none_or(|to| entry.at < to)
        });
        assert_eq!(found, fits.cloned().collect::<Vec<_>>(), "{search:?}");
        found.len()
    };
    let text = |text: &str| Some(text.to_owned());
    let all = AuditSearch::default();
    let actor = AuditSearch {
        actor: text("server"),
        ..all.clone()
    };
    let action = AuditSearch {
        action: text("pool.create"),
        ..all.clone()
    };
    let subject = AuditSearch {
        subject: text("Ada"),
        ..all.clone()
    };
    let from = AuditSearch {
        from: later,
        ..all.clone()
    };
    let to = AuditSearch {
        to: later,
        ..action.clone()
    };
    let nothing = AuditSearch {
        actor: text("nobody"),
        ..all.clone()
    };
    for (search, count) in [
        (all, 9),
        (actor, 2),
        (action, 3),
        (subject, 3),
        (from, 1),
        (to, 2),
        (nothing, 0),
    ] {
        assert_eq!(found(search).await, count);
    }
}

#[tokio::test]
async fn nobody_sees_the_audit_of_another_project() {
    let plane = busy().await;
    let other = plane.other_project().await;
    let control = &plane.control;
    let theirs = control.audit_from(&other, 0, 100).await.expect("reads");
    assert_eq!(theirs.len(), 2);
    let project = other.access().project();
    assert!(
        theirs
            .iter()
            .all(|chained| chained.entry.project == project)
    );
    let all = AuditSearch::default();
    let page = control.audit_page(&other, &all, Some(1_000), 100).await;
    assert_eq!(page.expect("reads").entries.len(), 2);
    // Nor does what it is told of its own depend on what others do.
    let before = control.audit_checkpoint(&other).await.expect("signs");
    plane.pool("unseen").await;
    let after = control.audit_checkpoint(&other).await.expect("signs");
    assert_eq!(before, after);
    assert_eq!(before.project, project);
}
