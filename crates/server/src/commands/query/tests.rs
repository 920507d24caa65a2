use super::*;

#[test]
fn a_file_is_made_by_an_answer_and_not_before() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("out.csv");
    std::fs::write(&path, "older").expect("write");
    let destination = || Destination::File {
        path: path.clone(),
        file: None,
    };
    drop(destination());
    assert_eq!(std::fs::read(&path).expect("read"), b"older");
    let mut out = destination();
    out.write_all(b"a,b\n").expect("write");
    out.finish().expect("finish");
    assert_eq!(std::fs::read(&path).expect("read"), b"a,b\n");
    destination().finish().expect("an empty answer");
    assert_eq!(std::fs::read(&path).expect("read"), b"");
}
