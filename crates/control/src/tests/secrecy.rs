use super::*;
use model::keys::AuthError;

/// Every byte of every file in the folder.
fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let files = files.map(|file| file.expect("a file").path());
    files
        .map(|file| (file.clone(), std::fs::read(&file).expect("can be read")))
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_token_is_in_the_answer_and_nowhere_else() {
    let plane = Plane::new().await;
    let (by, control) = (plane.admin(), &plane.control);
    let (key, first) = plane.key("Ada", "[]").await;
    let (_, copied) = control.copy_key(&by, key.id(), None).await.expect("copies");
    let recovered = control.recover_master().await.expect("recovers");
    control
        .set_key_disabled(&by, key.id(), true)
        .await
        .expect("disables");
    control
        .delete_key(&by, key.id(), None)
        .await
        .expect("deletes");
    control.save_last_used().await.expect("saves");
    let entries = control.audit_entries(&by, 1_000).await.expect("reads");
    assert_eq!(entries.len(), 7);
    let shown = format!("{entries:?} {control:?} {} {first:?}", plane.picture());
    let tokens = [&plane.master, &first, &copied, &recovered];
    let open = bytes_of(plane.folder.path());
    assert!(
        open.iter()
            .any(|(file, _)| file.ends_with("control.db-wal"))
    );
    control.close().await.expect("closes");
    let closed = bytes_of(plane.folder.path());
    for token in tokens {
        let secret_part = &token.reveal()[token.reveal().len() - 49..];
        let hash = token.hash(control.pepper());
        for part in [token.reveal(), secret_part, &secret_part[..24]] {
            assert!(!holds(shown.as_bytes(), part));
            for (file, bytes) in open.iter().chain(&closed) {
                assert!(!holds(bytes, part), "{}", file.display());
            }
        }
        let hex: String = hash
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let audit = format!("{entries:?}");
        assert!(!holds(audit.as_bytes(), &hex) && !holds(audit.as_bytes(), &token.hint()));
    }
    // The scan would find it: the public part of a live token is there.
    let id = plane.master.id().to_string();
    assert!(closed.iter().any(|(_, bytes)| holds(bytes, &id)));
}

#[tokio::test]
async fn a_copied_database_lets_nobody_in_without_its_pepper() {
    let plane = Plane::new().await;
    let (_, secret) = plane.key("Ada", "[]").await;
    plane.control.close().await.expect("closes");
    let copy = plane.folder.path().join("copy.db");
    std::fs::copy(plane.file(), &copy).expect("copies");
    let stolen = ControlOptions {
        pepper: Pepper::from_bytes([8; 32]),
        ..options(&plane.clock, 3)
    };
    let control = Control::open(&copy, stolen).await.expect("opens");
    for secret in [&secret, &plane.master] {
        let outcome = control.authenticate(secret, &Circumstances::unknown());
        assert_eq!(outcome.map(drop), Err(AuthError::Unknown));
    }
    let rightful = plane.opened_again(4).await;
    assert!(
        rightful
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .is_ok()
    );
}

#[tokio::test]
async fn what_is_told_outside_speaks_of_no_table() {
    let plane = Plane::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON pools BEGIN SELECT RAISE(ABORT, 'pools are shut'); END";
    let plane = plane.restarted_after(refuse).await;
    let error = plane
        .control
        .create_pool(&plane.admin(), pool("sales"))
        .await;
    let error = error.expect_err("the trigger refuses");
    assert_eq!(error.to_string(), "the control plane could not do this");
    let ControlError::Internal(inside) = error else {
        panic!("{error:?}");
    };
    assert!(inside.to_string().contains("pools are shut"), "{inside}");
}
