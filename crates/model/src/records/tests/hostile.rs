//! Payloads made to get around the injected field.

use super::*;

/// A payload aimed at `customer.id`: the same seed gives the same text.
fn payload(seed: u64) -> String {
    let random = SeededRandom::new(seed);
    let members = 1 + pick(&random, 4);
    let members: Vec<String> = (0..members).map(|_| member(&random, 0)).collect();
    format!("{{{}}}", members.join(","))
}

fn pick(random: &SeededRandom, n: u64) -> u64 {
    random.next_u64() % n
}

fn one<'a>(random: &SeededRandom, of: &[&'a str]) -> &'a str {
    let count = u64::try_from(of.len()).expect("a short list");
    of[usize::try_from(pick(random, count)).expect("below the length")]
}

fn member(random: &SeededRandom, depth: u64) -> String {
    const NAMES: &[&str] = &[
        "customer",
        "customer",
        "customer",
        "customer.id",
        "customer.id",
        "id",
        "id",
        "customer.id.x",
        "customer.id.customer.id",
        "Customer",
        "CUSTOMER.ID",
        "customer.ID",
        "customer.idx",
        "customer.i",
        "custome",
        "customer ",
        " customer",
        "customer. id",
        "customer.id ",
        "customer\\u200b",
        "customer\\u002eid",
        "custome\\u0072",
        "customer.id\\u0000",
        "\\u0441ustomer.id",
        "customer.",
        ".customer",
        "customer..id",
        "",
        ".",
        "..",
        "customer/id",
        "customer[id]",
        "customer[0].id",
        "$customer.id",
        "customer~1id",
        "__proto__",
        "_id",
        "_key",
        "a.customer.id",
        "name",
        "n",
        "x.id",
        "id.customer",
        "customer\\u2024id",
        "customer\\uff0eid",
    ];
    format!("\"{}\":{}", one(random, NAMES), value(random, depth))
}

fn value(random: &SeededRandom, depth: u64) -> String {
    const LEAVES: &[&str] = &[
        "\"evil\"",
        "\"93i\"",
        "\"93I\"",
        "null",
        "true",
        "{}",
        "[]",
        "[\"evil\"]",
        "[null]",
        "0",
        "-0.0",
        "1e400",
        "1.5",
        "93",
        "18446744073709551616",
        "\"\"",
        "\"customer.id\"",
        "[[]]",
        "[{\"id\":\"evil\"}]",
        "[{\"customer\":{\"id\":\"evil\"}}]",
        "{\"id\":\"evil\"}",
        "{\"id\":\"evil\",\"id\":\"93i\"}",
        "{\"id\":{\"id\":\"evil\"}}",
        "{\"id\":null}",
        "{\"id\":{}}",
        "{\"\":\"evil\"}",
    ];
    if depth >= 4 || pick(random, 3) > 0 {
        return one(random, LEAVES).to_owned();
    }
    if pick(random, 40) == 0 {
        return format!("{}\"evil\"{}", "{\"id\":".repeat(70), "}".repeat(70));
    }
    let members = pick(random, 4);
    let members: Vec<String> = (0..members).map(|_| member(random, depth + 1)).collect();
    match pick(random, 4) {
        0 => format!("[{{{}}}]", members.join(",")),
        _ => format!("{{{}}}", members.join(",")),
    }
}

#[test]
fn fifty_thousand_hostile_payloads_end_injected_or_rejected() {
    let project = Project::new();
    let declared = pool(
        9,
        r#"{"name":"o","schema":"open","fields":[{"name":"customer.id","type":"String"},{"name":"customer.name","type":"String"}]}"#,
    );
    let above = pool(
        10,
        r#"{"name":"p","schema":"open","fields":[{"name":"customer","type":"String"}]}"#,
    );
    let pools = [project.open(), project.strict(), &declared, &above];
    let grants = [STAMP, REJECT].map(|grant| project.access(&format!("[{grant}]")));
    let (mut kept, mut refused, mut unread) = (0_u32, 0_u32, 0_u32);
    let injected = path("customer.id");
    for seed in 0..50_000_u64 {
        let text = payload(seed);
        let Ok(sent) = crate::json::parse(text.as_bytes()) else {
            unread += 1;
            continue;
        };
        let pool = pools[usize::try_from(seed % 4).expect("below 4")];
        for access in &grants {
            let permit = access
                .permit::<Ingest>(On::Pool(Some(pool)))
                .expect("covered");
            let batch = permit.admit(
                [SentRecord::Ok(sent.clone())],
                None,
                noon(),
                &SeededRandom::new(seed),
            );
            for record in batch.records() {
                kept += 1;
                assert_eq!(
                    record.get("customer.id"),
                    Some(&Value::from("93i")),
                    "{seed}: {text}"
                );
                assert!(batch.holds_injections(record), "{seed}: {text}");
                let beside = record.fields().filter(|(path, _)| path.overlaps(&injected));
                assert_eq!(beside.count(), 1, "{seed}: {text}");
            }
            refused += u32::try_from(batch.faults().len()).expect("at most one");
        }
    }
    // Vacuous if all were refused, or none.
    assert!(
        kept > 10_000 && refused > 10_000 && unread > 1_000,
        "{kept} {refused} {unread}"
    );
}

#[test]
fn a_rejecting_grant_keeps_no_record_that_says_otherwise() {
    let project = Project::new();
    let plain = project.access(&format!("[{PLAIN}]"));
    let reject = project.access(&format!("[{REJECT}]"));
    let pool = project.open();
    let mut compared = 0;
    for seed in 0..5_000 {
        let Ok(sent) = crate::json::parse(payload(seed).as_bytes()) else {
            continue;
        };
        let ask = |access: &crate::permit::Access| {
            let permit = access
                .permit::<Ingest>(On::Pool(Some(pool)))
                .expect("covered");
            permit
                .admit(
                    [SentRecord::Ok(sent.clone())],
                    None,
                    noon(),
                    &SeededRandom::new(seed),
                )
                .into_records()
                .pop()
        };
        // What is stored without an injection is what the record says.
        let (Some(said), Some(_)) = (ask(&plain), ask(&reject)) else {
            continue;
        };
        compared += 1;
        let says = said
            .fields()
            .filter(|(found, _)| found.overlaps(&path("customer.id")));
        for (found, value) in says {
            assert_eq!(
                (found.as_str(), value),
                ("customer.id", &Value::from("93i")),
                "{}",
                payload(seed)
            );
        }
    }
    assert!(compared > 300, "{compared}");
}
