use super::*;

#[test]
fn only_pages_of_the_console_itself_are_come_back_to() {
    for place in [
        "/console",
        "/console/account",
        "/console/projects/de%20fault/people?q=a",
        "/console/account?done=password",
    ] {
        assert_eq!(own_place(place), Some(place));
    }
    for place in [
        "",
        "console",
        "//evil.example",
        "/\\evil.example",
        "/console\\..\\..\\evil.example",
        "https://evil.example/console",
        "https:/console",
        "javascript:alert(1)//console",
        "/consoles",
        "/v1/version",
        "/console//evil.example",
        "/console/../v1",
        "/console/%2e%2E/v1",
        "/console/%2Fevil.example",
        "/console/%5cevil.example",
        "/console/a b",
        "/console/\r\nset-cookie:x",
        "/console/\u{fc}",
        "/console/sign-out",
        "/console/sign-in?to=/console",
        "/console/signed-in",
    ] {
        assert_eq!(own_place(place), None, "{place:?}");
        assert_eq!(place_of(place), "/console/sign-in", "{place:?}");
    }
}

#[test]
fn a_page_that_waits_stands_in_the_address_as_one_value() {
    assert_eq!(
        place_of("/console/projects/a?q=1&r=2"),
        "/console/sign-in?to=%2Fconsole%2Fprojects%2Fa%3Fq%3D1%26r%3D2"
    );
    assert_eq!(place_of("/console"), "/console/sign-in");
}
