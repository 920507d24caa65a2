use std::time::Duration;

use super::*;

fn tag(number: u16) -> TokenTag {
    let mut bytes = [7; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    TokenTag::from_bytes(bytes)
}

fn noon() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").expect("a time")
}

fn later(seconds: u64) -> Timestamp {
    noon()
        .checked_add(Duration::from_secs(seconds))
        .expect("a time")
}

fn of() -> KeyId {
    KeyId::from_bytes([3; 16])
}

impl Nonces {
    async fn spend(&self, nonce: (TokenTag, Timestamp), now: Timestamp) -> Result<(), SignedError> {
        self.claim(nonce, of(), now)?.spend(now).await
    }
}

#[tokio::test]
async fn k11_a_nonce_that_was_held_and_not_spent_is_unspent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control.sqlite");
    let nonces = Nonces::beside(&file).await.expect("opened");
    let nonce = (tag(1), later(900));
    let held = nonces.claim(nonce, of(), noon()).expect("the first");
    let other = nonces.claim(nonce, of(), noon());
    assert!(matches!(other, Err(SignedError::Replayed)), "{other:?}");
    // Its sender is refused for something else, or goes away.
    drop(held);
    nonces.spend(nonce, noon()).await.expect("still unspent");
    let again = nonces.claim(nonce, of(), noon());
    assert!(matches!(again, Err(SignedError::Replayed)), "{again:?}");
    nonces.close().await;
}

#[tokio::test]
async fn k11_a_nonce_is_spent_once_through_a_process_that_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("control.sqlite");
    let nonces = Nonces::beside(&file).await.expect("opened");
    for number in 0..1_000 {
        nonces
            .spend((tag(number), later(900)), noon())
            .await
            .expect("the first");
    }
    let again = nonces.spend((tag(0), later(900)), noon()).await;
    assert!(matches!(again, Err(SignedError::Replayed)), "{again:?}");
    // What a killed process leaves: the files as they are while it runs.
    let killed = tempfile::tempdir().expect("a folder");
    for end in ["", "-wal"] {
        let name = format!("nonces.sqlite{end}");
        std::fs::copy(folder.path().join(&name), killed.path().join(&name)).expect("a copy");
    }
    let nonces = Nonces::beside(&killed.path().join("control.sqlite"))
        .await
        .expect("opened");
    for number in 0..1_000 {
        let again = nonces.spend((tag(number), later(900)), later(899)).await;
        assert!(
            matches!(again, Err(SignedError::Replayed)),
            "{number} {again:?}"
        );
    }
    nonces
        .spend((tag(1_000), later(900)), noon())
        .await
        .expect("another");
    nonces.close().await;
}
