//! K22: whatever lets somebody in has no text but by asking for it by name: it
//! is not displayed, not serialised, and its `Debug` shows nothing of it.

use serde::Serialize;

use super::*;
use crate::fixtures::{draft, parts};
use crate::keys::{DerivedText, Envelope, KeyRecord};
use crate::people::{Code, InvitationToken, Password, RecoveryCode, SessionToken, Totp};
use crate::random::SeededRandom;

/// Does not compile when a type has the trait: then there are two ways to read
/// the call, and which one is meant cannot be told.
macro_rules! has_not {
    ($trait:path: $($name:ty),+) => {
        $({
            trait Reading<A> {
                fn is_read() {}
            }
            impl<T: ?Sized> Reading<()> for T {}
            impl<T: ?Sized + $trait> Reading<u8> for T {}
            <$name as Reading<_>>::is_read();
        })+
    };
}

#[test]
fn k22_no_secret_type_is_displayed_or_serialised() {
    has_not!(std::fmt::Display: Secret, SigningSecret, Pepper, DerivedText, Totp, Code, Password,
        SessionToken, InvitationToken, RecoveryCode);
    has_not!(Serialize: Secret, SigningSecret, Pepper, DerivedText, Totp, Code, Password,
        SessionToken, InvitationToken, RecoveryCode);
    has_not!(Clone: Secret, Pepper, Totp, Password, SessionToken, InvitationToken, RecoveryCode);
    has_not!(std::ops::Deref: Secret, SigningSecret, Pepper, Totp, Password, SessionToken,
        InvitationToken, RecoveryCode);
}

#[test]
fn k22_the_debug_of_a_secret_type_shows_nothing_of_it() {
    let random = &SeededRandom::new(22);
    let shows = |debug: String, text: &str, what: &str| {
        let chars: Vec<char> = text.chars().collect();
        let mut parts = chars.windows(6).map(|part| part.iter().collect::<String>());
        assert!(!parts.any(|part| debug.contains(&part)), "{what}: {debug}");
    };
    let secret = Secret::generate(KeyKind::Secret, random);
    // Its public part is shown; what is secret comes behind it.
    let behind = secret.reveal().split_once(&secret.id().to_string());
    shows(
        format!("{secret:?}"),
        behind.expect("holds its id").1,
        "Secret",
    );
    let signing = SigningSecret::generate(random);
    let behind = signing.reveal().split_once(&signing.id().to_string());
    shows(
        format!("{signing:?}"),
        behind.expect("holds its id").1,
        "SigningSecret",
    );
    let totp = Totp::generate(random);
    shows(format!("{totp:?}"), &totp.reveal(), "Totp");
    let session = SessionToken::generate(random);
    shows(format!("{session:?}"), session.reveal(), "SessionToken");
    let invitation = InvitationToken::generate(random);
    shows(
        format!("{invitation:?}"),
        invitation.reveal(),
        "InvitationToken",
    );
    let recovery = RecoveryCode::generate(random);
    shows(format!("{recovery:?}"), recovery.reveal(), "RecoveryCode");
    let code = Code::parse("492817").expect("a code");
    shows(format!("{code:?}"), "492817", "Code");
    let password = Password::presented("violet harbour under glass").expect("fits");
    shows(
        format!("{password:?}"),
        "violet harbour under glass",
        "Password",
    );
    let pepper = Pepper::generate(random);
    let bytes = pepper.as_bytes();
    shows(format!("{pepper:?}"), &format!("{bytes:?}"), "Pepper");
    shows(
        format!("{pepper:?}"),
        &data_encoding::HEXLOWER.encode(bytes),
        "Pepper",
    );
    let key = KeyRecord::restore(parts(draft(Vec::new()), &secret));
    let claims = format!(
        r#"{{"aud":"{}","jti":"1780315200-AAAAAAAAAAAAAAAA"}}"#,
        key.project()
    );
    let text = Envelope::sign(&secret, &crate::fixtures::json(&claims));
    let derived = DerivedText::read(&text).expect("has the form");
    shows(format!("{derived:?}"), derived.reveal(), "DerivedText");
}
