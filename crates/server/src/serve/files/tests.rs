use super::*;
use model::keys::KeyKind;
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

#[test]
fn the_master_token_goes_to_a_file_or_a_terminal_and_to_no_log() {
    let place = tempfile::tempdir().expect("a directory");
    let free = "127.0.0.1:0".parse().expect("an address");
    let mut settings = ServeSettings::temporary(place.path(), free);
    let token = || Some(Secret::generate(KeyKind::Secret, &SeededRandom::new(1)));
    let refused = hand_over_to(token(), &settings, false).expect_err("no place for it");
    assert!(refused.to_string().contains("keys recover"), "{refused}");
    hand_over_to(None, &settings, false).expect("there is nothing to hand over");
    let file = place.path().join("token");
    settings.admin_token_file = Some(file.clone());
    hand_over_to(token(), &settings, false).expect("written");
    let written = std::fs::read_to_string(file).expect("the file");
    assert_eq!(written.trim(), token().expect("made").reveal());
}
