//! Keys that administer and reach less far than others.

use super::*;
use model::keys::KeyCopy;

#[tokio::test]
async fn a_key_made_by_a_limited_key_reaches_no_further() {
    let plane = Plane::new().await;
    let sales = plane.pool("sales").await;
    plane.pool("wages").await;
    let grants = format!(
        r#"[{ADMIN},{{"on":"pool:sales","actions":["query","ingest"],"constraints":{OF_93I},
            "injections":{{"customer.id":"93i"}}}}]"#
    );
    let (maker, secret) = plane.key("limited", &grants).await;
    let (by, control) = (plane.permit(&secret), &plane.control);
    let asked = r#"[{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}]"#;
    let (made, made_secret) = control
        .create_key(&by, plane.key_draft("below", asked))
        .await
        .expect("makes");
    assert_eq!(
        made.grants()[0].rows,
        maker.grants()[1].rows,
        "held to its maker's rows"
    );
    assert_eq!(made.created_by(), format!("key:{}", maker.id()));
    let access = control
        .authenticate(&made_secret, &Circumstances::unknown())
        .expect("is let in");
    assert_eq!(access.grants()[0].rows, maker.grants()[1].rows);
    assert!(access.permit::<AskPool>(On::Pool(Some(&sales))).is_ok());
    for wider in [
        r#"[{"on":"pool:wages","actions":["query"],"constraints":"all_rows"}]"#,
        r#"[{"on":"pool:sales","actions":["schema"],"constraints":"all_rows"}]"#,
        r#"[{"on":"pool:*","actions":["query"],"constraints":"all_rows"}]"#,
    ] {
        let draft = plane.key_draft("wider", wider);
        let refused = fault(control.create_key(&by, draft.clone()).await);
        assert_eq!(
            refused,
            (FaultCode::InvalidValue, "/grants/0/actions".to_owned())
        );
        let refused = fault(control.change_key(&by, made.id(), None, draft).await);
        assert_eq!(
            refused,
            (FaultCode::InvalidValue, "/grants/0/actions".to_owned())
        );
    }
    // What somebody wider gave stays as it is when a limited key changes the rest.
    let (wide, _) = plane
        .key(
            "wide",
            r#"[{"on":"pool:*","actions":["delete"],"constraints":"all_rows"}]"#,
        )
        .await;
    let sent = format!("[{}]", json::to_text(&wide.grants()[0].to_value()));
    let draft = plane.key_draft_over("called anew", &sent, Some(&wide));
    let changed = control
        .change_key(&by, wide.id(), None, draft)
        .await
        .expect("changes");
    assert_eq!(changed.grants(), wide.grants());
    let copied = fault(
        control
            .copy_key(&by, wide.id(), KeyCopy::default())
            .await
            .map(drop),
    );
    assert_eq!(
        copied,
        (FaultCode::InvalidValue, "/grants/0/actions".to_owned())
    );
    let admin = plane.admin().access().key();
    assert_eq!(
        fault(
            control
                .copy_key(&by, admin, KeyCopy::default())
                .await
                .map(drop)
        )
        .1,
        "/grants/1/actions"
    );
}

#[tokio::test]
async fn a_limited_key_copies_only_what_is_within_its_reach() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let grant = |rows: &str| {
        format!(
            r#"{{"on":"pool:sales","actions":["query"],"constraints":{rows},"fields":{{"deny":["amount"]}}}}"#
        )
    };
    let (_, secret) = plane
        .key("limited", &format!("[{ADMIN},{}]", grant(OF_93I)))
        .await;
    let (by, control) = (plane.permit(&secret), &plane.control);
    let of_7 = r#"[{"field":"amount","operator":"eq","value":7}]"#;
    let draft = plane.key_draft("below", &format!("[{}]", grant(of_7)));
    let (below, _) = control.create_key(&by, draft).await.expect("makes");
    let (copy, _) = control
        .copy_key(&by, below.id(), KeyCopy::default())
        .await
        .expect("its own reach");
    assert_eq!(copy.grants()[0].rows, below.grants()[0].rows);
    for (rows, pointer) in [("\"all_rows\"", "/grants/0"), (of_7, "/grants/0")] {
        let (wide, _) = plane.key("wide", &format!("[{}]", grant(rows))).await;
        let refused = fault(
            control
                .copy_key(&by, wide.id(), KeyCopy::default())
                .await
                .map(drop),
        );
        assert_eq!(refused, (FaultCode::InvalidValue, pointer.to_owned()));
    }
    let all_fields =
        format!(r#"[{{"on":"pool:sales","actions":["query"],"constraints":{OF_93I}}}]"#);
    let (wide, _) = plane.key("wide", &all_fields).await;
    assert_eq!(
        fault(
            control
                .copy_key(&by, wide.id(), KeyCopy::default())
                .await
                .map(drop)
        )
        .1,
        "/grants/0"
    );
}

#[tokio::test]
async fn whoever_reaches_less_far_brings_no_key_back_to_life_and_may_take_it_away() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let wide = r#"{"on":"pool:sales","actions":["query"],"constraints":"all_rows"}"#;
    let narrow = wide.replace(
        r#""all_rows""#,
        r#"[{"field":"customer.id","operator":"eq","value":"acme"}]"#,
    );
    let (_, limited) = plane.key("limited", &format!("[{ADMIN},{narrow}]")).await;
    let by = plane.permit(&limited);
    let (key, _) = plane.key("wide", &format!("[{wide}]")).await;
    let control = &plane.control;
    let off = control.set_key_disabled(&by, key.id(), true).await;
    let off = off.expect("may be taken away");
    let refused = |outcome: Result<Arc<KeyRecord>, ControlError>| {
        let Err(ControlError::Fault(fault)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(fault.code, FaultCode::InvalidValue);
        assert!(fault.detail.contains("reaches further"), "{}", fault.detail);
    };
    let picture = plane.picture();
    refused(control.set_key_disabled(&by, key.id(), false).await);
    let limits = |requests: u32| model::keys::KeyLimits {
        requests_per_second: std::num::NonZeroU32::new(requests),
        ..model::keys::KeyLimits::NONE
    };
    let mut draft = off.draft().clone();
    draft.derived_tokens = true;
    refused(control.change_key(&by, key.id(), None, draft).await);
    assert_eq!(plane.picture(), picture);
    // To say less of it, or to describe it, takes nobody further.
    let mut draft = off.draft().clone();
    draft.description = "d".to_owned();
    draft.limits = limits(1);
    let changed = control.change_key(&by, key.id(), None, draft.clone()).await;
    changed.expect("may be narrowed");
    draft.limits = limits(2);
    refused(control.change_key(&by, key.id(), None, draft).await);
    // Within its own reach it does as it likes.
    let (own, _) = plane.key("own", &format!("[{narrow}]")).await;
    for disabled in [true, false] {
        let done = control.set_key_disabled(&by, own.id(), disabled).await;
        done.expect("reaches as far");
    }
    let master = plane.admin();
    let on = control.set_key_disabled(&master, key.id(), false).await;
    on.expect("the master key reaches as far");
}
