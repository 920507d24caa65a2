use futures::stream;
use model::value::Object;

use super::super::super::Question;
use super::super::tests::{access, orders_question, world};
use super::*;

fn text(members: &[(&str, i64)]) -> Object {
    let members = members.iter();
    members.fold(Object::new(), |object, (name, value)| {
        object.with(*name, *value)
    })
}

#[test]
fn members_stand_before_and_behind() {
    let (one, two, none) = (
        text(&[("a", 1)]),
        text(&[("b", 2), ("c", 3)]),
        Object::new(),
    );
    let cases = [
        (joined(&none, br#"{"result":4}"#, &[]), r#"{"result":4}"#),
        (
            joined(&none, br#"{"result":4}"#, &[&none, &none]),
            r#"{"result":4}"#,
        ),
        (
            joined(&one, br#"{"result":4}"#, &[&none, &two]),
            r#"{"a":1,"result":4,"b":2,"c":3}"#,
        ),
        (joined(&one, br#"{"result":["#, &[]), r#"{"a":1,"result":["#),
        (joined(&none, b"]", &[&one, &none]), r#"],"a":1}"#),
        (joined(&none, b"]", &[&none]), "]}"),
    ];
    for (made, expected) in cases {
        assert_eq!(String::from_utf8(made).expect("UTF-8"), expected);
    }
}

/// The rows of the examples' amounts, and their form.
async fn amounts() -> (Vec<Row>, RowsForm) {
    let world = world().await;
    let question = orders_question("extraction", r#"{"property_names":"amount"}"#);
    let access = access(&world);
    let definitions = world.state.control.definitions(access.project());
    let Question { analysis, .. } = question;
    let now = world.state.clock.now();
    let asked = constrain(&access, &definitions, &analysis, Delivery::Stream, now);
    let (query, form) = asked.expect("legal").into_rows().expect("rows");
    let mut answer = world.state.plane.query(query).await.expect("an answer");
    let mut rows = Vec::new();
    while let Some(chunk) = answer.rows.next().await {
        rows.extend(chunk.expect("rows"));
    }
    (rows, form)
}

async fn streamed(
    chunks: Vec<Result<Vec<Row>, PlaneError>>,
    form: RowsForm,
) -> (String, Option<PlaneError>) {
    let writer = EventWriter::new(form, b"[".to_vec());
    let end = |seen: Seen| format!("]{} {}", seen.events, seen.properties).into_bytes();
    let mut bytes = stream_of(stream::iter(chunks).boxed(), writer, end);
    let mut text = String::new();
    while let Some(piece) = bytes.next().await {
        match piece {
            Ok(piece) => text.push_str(std::str::from_utf8(&piece).expect("UTF-8")),
            Err(error) => {
                assert!(bytes.next().await.is_none(), "an error is the last");
                return (text, Some(error));
            }
        }
    }
    (text, None)
}

#[tokio::test]
async fn events_come_in_pieces_and_end_with_what_was_seen() {
    let (rows, form) = amounts().await;
    let [a, b, c, d] = rows.as_slice() else {
        panic!("{rows:?}");
    };
    let pieces = |cut: &[&[&Row]]| -> Vec<Result<Vec<Row>, PlaneError>> {
        let pieces = cut.iter();
        pieces
            .map(|piece| Ok(piece.iter().map(|row| (*row).clone()).collect()))
            .collect()
    };
    let whole = r#"[{"amount":10},{"amount":20},{"amount":30},{"amount":5}]4 1"#;
    for cut in [
        pieces(&[&[a, b, c, d]]),
        pieces(&[&[], &[a], &[], &[b, c], &[d], &[]]),
    ] {
        assert_eq!(streamed(cut, form.clone()).await, (whole.to_owned(), None));
    }
    assert_eq!(
        streamed(Vec::new(), form.clone()).await,
        ("[]0 0".to_owned(), None)
    );
    let mut broken = pieces(&[&[a]]);
    broken.push(Err(PlaneError::Full));
    let (text, error) = streamed(broken, form).await;
    assert_eq!(
        (text.as_str(), error),
        (r#"[{"amount":10}"#, Some(PlaneError::Full))
    );
}
