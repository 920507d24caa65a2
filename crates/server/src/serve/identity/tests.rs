use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::config::TlsFiles;

const FIRST: Extent = Extent {
    identity: 7,
    last: 1,
};
const LATER: Extent = Extent {
    identity: 7,
    last: 2,
};

/// What stands where the file is to be written stands for a full disk.
fn block(data_dir: &Path) {
    std::fs::create_dir(data_dir.join("identity.json.partial")).expect("makes");
}

#[test]
fn a_note_that_cannot_be_renewed_keeps_no_server_from_starting() {
    let home = tempfile::tempdir().expect("a folder");
    begin(home.path(), FIRST).expect("is written");
    assert_eq!(read(home.path()).expect("is read"), Some(FIRST));
    block(home.path());
    begin(home.path(), FIRST).expect("there is nothing to write");
    begin(home.path(), LATER).expect("is told, and tried again later");
    assert_eq!(read(home.path()).expect("is read"), Some(FIRST));
}

#[test]
fn a_first_note_that_cannot_be_written_ends_the_start() {
    let home = tempfile::tempdir().expect("a folder");
    block(home.path());
    let refused = begin(home.path(), FIRST);
    assert!(matches!(refused, Err(ServeError::File { .. })));
    assert_eq!(read(home.path()).expect("is read"), None);
}

#[test]
fn a_lack_of_room_is_no_other_failure() {
    for (kind, full) in [
        (std::io::ErrorKind::StorageFull, true),
        (std::io::ErrorKind::QuotaExceeded, true),
        (std::io::ErrorKind::PermissionDenied, false),
    ] {
        let error = ServeError::file("write", "identity.json", kind.into());
        assert_eq!(is_full(&error), full, "{kind}");
    }
}

#[test]
fn what_a_start_left_unwritten_is_noted_by_the_first_pass() {
    let home = tempfile::tempdir().expect("a folder");
    begin(home.path(), FIRST).expect("is written");
    // The journal went on before the threads began.
    let mut note = Note::of(home.path());
    note.keep_extent(LATER);
    assert_eq!(read(home.path()).expect("is read"), Some(LATER));
    // What failed is tried at every pass.
    block(home.path());
    let last = Extent { last: 3, ..LATER };
    note.keep_extent(last);
    assert_eq!(read(home.path()).expect("is read"), Some(LATER));
    std::fs::remove_dir(home.path().join("identity.json.partial")).expect("removed");
    note.keep_extent(last);
    assert_eq!(read(home.path()).expect("is read"), Some(last));
}

fn settings(home: &Path) -> ServeSettings {
    std::fs::create_dir_all(home.join("data")).expect("makes");
    ServeSettings::temporary(home, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn is_new(settings: &ServeSettings) -> bool {
    match check(&settings.data_dir, Some(settings)) {
        Ok(found) => found == Found::New,
        Err(ServeError::Setting(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn what_a_first_start_that_was_interrupted_leaves_is_nothing_foreign() {
    let home = tempfile::tempdir().expect("a folder");
    let settings = settings(home.path());
    for directory in ["journal", "tables", "lost+found"] {
        std::fs::create_dir(settings.data_dir.join(directory)).expect("makes");
    }
    for file in [
        "lock",
        "control.ballast",
        "control.sqlite-wal",
        "nonces.sqlite",
        "nonces.sqlite-shm",
        "tokens.sqlite",
        "identity.json.partial",
        "scrub.json",
        "tidegate.toml",
    ] {
        std::fs::write(settings.data_dir.join(file), "").expect("writes");
    }
    assert!(is_new(&settings));
    for foreign in ["thesis.txt", "nonces.txt", "tokens", "controls", "pepper"] {
        let path = settings.data_dir.join(foreign);
        std::fs::write(&path, "").expect("writes");
        assert!(!is_new(&settings), "{foreign}");
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn what_the_settings_name_in_the_data_directory_is_nothing_foreign() {
    type Name = fn(&mut ServeSettings, PathBuf);
    let names: [Name; 6] = [
        |settings, path| settings.pepper_file = Some(path),
        |settings, path| settings.admin_token_file = Some(path),
        |settings, path| settings.places_file = Some(path),
        |settings, path| settings.audit_checkpoint_dir = Some(path),
        |settings, path| {
            settings.tls = Some(TlsFiles {
                cert: path,
                key: "elsewhere".into(),
            });
        },
        |settings, path| {
            settings.tls = Some(TlsFiles {
                cert: "elsewhere".into(),
                key: path,
            });
        },
    ];
    for name in names {
        for (there, named) in [
            ("own", "data/own"),
            ("own.partial", "data/own"),
            ("deep", "data/deep/down/own"),
            ("own", "data/./own"),
            ("own", "link/own"),
        ] {
            let home = tempfile::tempdir().expect("a folder");
            let mut settings = settings(home.path());
            let link = home.path().join("link");
            std::os::unix::fs::symlink(&settings.data_dir, link).expect("links");
            std::fs::write(settings.data_dir.join(there), "").expect("writes");
            assert!(!is_new(&settings), "{named} is not named");
            name(&mut settings, home.path().join(named));
            assert!(is_new(&settings), "{named}");
            // A name alike is another file.
            std::fs::write(settings.data_dir.join("ownership"), "").expect("writes");
            assert!(!is_new(&settings), "{named}");
        }
    }
}

#[test]
fn a_file_that_is_a_link_to_elsewhere_is_what_the_settings_name() {
    let home = tempfile::tempdir().expect("a folder");
    let mut settings = settings(home.path());
    std::fs::write(home.path().join("outside"), "").expect("writes");
    let link = settings.data_dir.join("places");
    std::os::unix::fs::symlink(home.path().join("outside"), &link).expect("links");
    settings.places_file = Some(link);
    assert!(is_new(&settings));
}

#[test]
fn the_pepper_without_a_name_of_its_own_may_lie_in_the_data_directory() {
    let here = given_within(Path::new("."), None);
    assert!(
        here.contains(&OsString::from("tidegate.pepper")),
        "{here:?}"
    );
    // Beside a directory with a name it lies outside.
    assert!(given_within(Path::new("data"), None).is_empty());
}
