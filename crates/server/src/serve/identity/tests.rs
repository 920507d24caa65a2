use super::*;

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
