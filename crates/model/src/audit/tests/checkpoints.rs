use super::*;

fn checkpoint() -> Checkpoint {
    let (_, head) = log(1, 9);
    key().sign(project(1), moment(100), head)
}

#[test]
fn a_checkpoint_says_what_was_signed() {
    let checkpoint = checkpoint();
    let read = Checkpoint::open(checkpoint.note(), &key().verifier());
    assert_eq!(read, Ok(checkpoint.clone()));
    // The form that tools for transparency logs read.
    insta::assert_snapshot!(format!("{}\n{}", checkpoint.note(), key().verifier()));
}

#[test]
fn every_changed_character_of_a_checkpoint_is_refused() {
    let checkpoint = checkpoint();
    let note = checkpoint.note();
    let verifier = key().verifier();
    for (at, character) in note.char_indices() {
        for other in ['0', 'A'] {
            if other == character {
                continue;
            }
            let after = &note[at + character.len_utf8()..];
            for changed in [
                format!("{}{other}{after}", &note[..at]),
                format!("{}{other}{}", &note[..at], &note[at..]),
                format!("{}{after}", &note[..at]),
            ] {
                let read = Checkpoint::open(&changed, &verifier);
                assert!(changed == note || read.is_err(), "{changed}");
            }
        }
    }
}

#[test]
fn a_checkpoint_of_another_pepper_is_named_as_such() {
    let checkpoint = checkpoint();
    let other = CheckpointKey::new(&Pepper::from_bytes([8; 32])).verifier();
    let read = Checkpoint::open(checkpoint.note(), &other);
    assert_eq!(read, Err(CheckpointError::OtherKey));
    // With the right name of the key the signature is still another one's.
    let theirs = CheckpointKey::new(&Pepper::from_bytes([8; 32]));
    let forged = theirs.sign(checkpoint.project, checkpoint.at, checkpoint.head);
    let (ours, signature) = checkpoint.note().split_once("\n\n").expect("two parts");
    assert!(forged.note().starts_with(ours) && !forged.note().ends_with(signature));
    let changed = checkpoint.note().replacen("\n9\n", "\n8\n", 1);
    let read = Checkpoint::open(&changed, &key().verifier());
    assert_eq!(read, Err(CheckpointError::Forged));
}

#[test]
fn the_text_of_a_verifier_key_is_read_back_and_no_other_one_is() {
    let verifier = key().verifier();
    let text = verifier.to_string();
    assert_eq!(VerifierKey::parse(&text), Some(verifier));
    for other in [
        text.replace("tidegate", "tidegates"),
        text.replace("+A", "+B"),
        text[..text.len() - 4].to_owned(),
        String::new(),
    ] {
        assert_ne!(other, text);
        assert_eq!(VerifierKey::parse(&other), None, "{other}");
    }
}
