use super::*;
use model::random::SeededRandom;

#[test]
fn the_pepper_lies_beside_the_data_directory_and_is_read_back() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let made = pepper(&data, None, &SeededRandom::new(1)).expect("made");
    let file = place.path().join("data.pepper");
    let mode = std::fs::metadata(&file)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = pepper(&data, None, &SeededRandom::new(2)).expect("read");
    assert_eq!(made.as_bytes(), again.as_bytes());
    assert_eq!(
        existing_pepper(&data, None).expect("read").as_bytes(),
        made.as_bytes()
    );
}

#[test]
fn a_missing_open_or_broken_pepper_is_refused_with_what_to_do() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("p");
    let refused = |file: &Path| {
        existing_pepper(place.path(), Some(file))
            .expect_err("refused")
            .to_string()
    };
    assert!(refused(&file).contains("put it back"));
    write_secret(&file, "not hex").expect("written");
    assert!(refused(&file).contains("64 hexadecimal digits"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("mode");
    assert!(refused(&file).contains("chmod 600"));
}

#[test]
fn one_directory_serves_one_server() {
    let place = tempfile::tempdir().expect("a directory");
    let held = lock(place.path()).expect("first");
    assert!(
        lock(place.path())
            .expect_err("second")
            .to_string()
            .contains("another server")
    );
    drop(held);
    lock(place.path()).expect("after the first ended");
}
