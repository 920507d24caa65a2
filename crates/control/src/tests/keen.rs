use model::keys::KeyKind;
use model::names::Name;
use model::permit::{AskPool, Denied, Ingest, Issue};

use super::*;
use crate::{KeenKeys, Refusal};

impl Plane {
    async fn keen(&self) -> KeenKeys {
        let keys = self.control.switch_keen_on(&self.admin(), false).await;
        keys.expect("is off")
    }
}

#[tokio::test]
async fn three_keys_come_with_the_dialect_and_once() {
    let plane = Plane::new().await;
    assert!(!plane.definitions().project().keen);
    let keys = plane.keen().await;
    plane.pool("orders").await;
    let again = plane.control.switch_keen_on(&plane.admin(), false).await;
    assert!(matches!(
        again,
        Err(ControlError::Refused(Refusal::KeenIsOn))
    ));
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    assert!(definitions.project().keen);
    assert_eq!(definitions.project().name, "default");
    let orders = definitions.pool("orders").expect("a pool");
    let may = |secret: &Secret| {
        let access = plane
            .control
            .authenticate(secret, &Circumstances::unknown())
            .expect("is let in");
        assert_eq!(access.kind(), KeyKind::Legacy);
        assert!(access.permit::<Issue>(On::Project).is_err());
        let orders = On::Pool(Some(orders));
        [
            access.permit::<Admin>(On::Project).is_ok(),
            access.permit::<Ingest>(orders).is_ok(),
            access.permit::<AskPool>(orders).is_ok(),
        ]
    };
    assert_eq!(may(&keys.master), [true, true, true]);
    assert_eq!(may(&keys.write), [false, true, false]);
    assert_eq!(may(&keys.read), [false, false, true]);
}

#[tokio::test]
async fn a_key_of_the_dialect_is_not_the_last_admin() {
    let plane = Plane::new().await;
    plane.keen().await;
    let master = plane.admin().access().key();
    let deleted = plane.control.delete_key(&plane.admin(), master, None).await;
    assert!(matches!(
        deleted,
        Err(ControlError::Refused(Refusal::LastAdmin))
    ));
}

#[tokio::test]
async fn who_writes_to_every_pool_founds_them_and_nobody_else() {
    let plane = Plane::new().await;
    let keen = plane.keen().await;
    let let_in = |secret: &Secret| {
        plane
            .control
            .authenticate(secret, &Circumstances::unknown())
            .expect("is let in")
    };
    let visits = Name::parse("visits").expect("a name");
    let by = let_in(&keen.write)
        .permit_founding(&visits)
        .expect("writes");
    let made = plane.control.found_pool(&by, pool("visits")).await;
    let made = made.expect("is new");
    let again = plane.control.found_pool(&by, pool("visits")).await;
    assert_eq!(again.expect("is there").id, made.id);
    assert_eq!(
        let_in(&keen.read).permit_founding(&visits).err(),
        Some(Denied::NoGrant(model::grants::Action::Ingest))
    );

    let one = r#"[{"on":"pool:visits","actions":["ingest"]}]"#;
    let (_, one) = plane.key("one", one).await;
    let other = r#"[{"on":"pool:*","actions":["ingest"],"except":["visits"]}]"#;
    let (_, other) = plane.key("other", other).await;
    let only = r#"[{"on":"pool:*","actions":["ingest"],"only":["clicks"]}]"#;
    let (_, only) = plane.key("only", only).await;
    for secret in [&one, &other, &only] {
        let refused = let_in(secret).permit_founding(&visits).err();
        assert_eq!(refused, Some(Denied::NotFound));
    }
    let clicks = Name::parse("clicks").expect("a name");
    assert!(let_in(&only).permit_founding(&clicks).is_ok());

    // A permit does not outlive its key.
    let by = let_in(&only).permit_founding(&clicks).expect("writes");
    let id = by.founder().key();
    let deleted = plane.control.delete_key(&plane.admin(), id, None).await;
    deleted.expect("is there");
    let refused = plane.control.found_pool(&by, pool("clicks")).await;
    assert!(matches!(
        refused,
        Err(ControlError::Refused(Refusal::CallerChanged))
    ));
}
