use std::collections::BTreeSet;

use control::ControlError;
use model::fault::Fault;
use model::keys::AuthError;
use serde_json::json;

use super::*;
use crate::plane::PlaneError;
use crate::testing::World;

#[test]
fn the_list_of_codes_is_closed_and_grows_only_on_purpose() {
    let table = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "{} {} {}",
                code.status().as_u16(),
                code.name(),
                code.title()
            )
        })
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!("codes", table);
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len(), "two codes have one name");
}

#[test]
fn the_documentation_has_every_code_beside_its_status() {
    let docs = include_str!("../../../../docs/api.md");
    let errors = docs.split("## Errors").nth(1).expect("the section");
    let errors = errors.split("\n## ").next().expect("its text");
    for code in Code::ALL {
        let (name, status) = (format!("`{}`", code.name()), code.status().as_u16());
        let mut rows = errors.lines().filter_map(|line| line.strip_prefix("| "));
        let of_status = |row: &&str| {
            let (statuses, codes) = row.split_once(" | ").unwrap_or_default();
            statuses.split(", ").any(|text| text == status.to_string()) && codes.contains(&name)
        };
        assert!(rows.any(|row| of_status(&row)), "{status} {name}");
    }
}

#[test]
fn a_problem_document_names_the_member_the_field_and_the_rule() {
    let request = RequestId::from_bytes([1; 16]);
    let fault = Fault::new(FaultCode::WrongType, "expected a string, got an integer")
        .at("/fields/0/name")
        .on_field("customer");
    let document = ApiError::from(fault).0.document(request);
    insta::assert_snapshot!(
        String::from_utf8(document).expect("JSON"),
        @r#"{"type":"urn:tidegate:problem:wrong_type","title":"A value is of another type than its place asks for.","status":400,"detail":"expected a string, got an integer","code":"wrong_type","request_id":"01040G2081040G2081040G2081","pointer":"/fields/0/name","field":"customer"}"#
    );
    let in_use = ApiError::from(ControlError::InUse(vec!["by_day".to_owned()]));
    let document = String::from_utf8(in_use.0.document(request)).expect("JSON");
    assert!(
        document.contains(r#""errors":[{"detail":"by_day"}]"#),
        "{document}"
    );
}

#[test]
fn every_reason_not_to_let_in_reads_the_same() {
    let request = RequestId::from_bytes([1; 16]);
    let texts: BTreeSet<Vec<u8>> = [AuthError::Unknown, AuthError::Disabled, AuthError::Expired]
        .into_iter()
        .map(|error| ApiError::from(error).0.document(request))
        .collect();
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn a_failure_of_ours_says_its_request_id_and_nothing_else() {
    let world = World::with_sales().await;
    let cases = [
        (PlaneError::Internal("canary 1".to_owned()), 500, "internal"),
        (PlaneError::Internal("panic".to_owned()), 500, "internal"),
        (PlaneError::Full, 507, "disk_full"),
        (
            PlaneError::Busy {
                retry_after: Duration::from_millis(1_500),
            },
            503,
            "busy",
        ),
        (
            PlaneError::Deadline(Duration::from_secs(30)),
            503,
            "deadline_exceeded",
        ),
    ];
    for (failure, status, code) in cases {
        *world.plane.failure.lock().expect("not poisoned") = Some(failure.clone());
        let ingest = world
            .post("/v1/pools/sales/records", &json!({ "customer": "a" }))
            .await
            .expect(status);
        let query = world.get("/v1/views/all/data").await.expect(status);
        for reply in [ingest, query] {
            assert_eq!(reply.code(), code, "{failure:?}");
            assert_eq!(reply.json()["detail"], SERVER_SIDE, "{failure:?}");
            assert!(!reply.text().contains("canary"), "{}", reply.text());
            let waits = status == 503;
            assert_eq!(
                !reply.header("retry-after").is_empty(),
                waits,
                "{failure:?}"
            );
            if code == "busy" {
                assert_eq!(reply.header("retry-after"), "2", "rounded up");
            }
        }
    }
}
