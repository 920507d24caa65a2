//! How the fields of a pool change, and that columns are told apart for ever.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::fault::Fault;
use crate::filters::Filter;
use crate::limits::POOL_COLUMNS_GIVEN_MAX;
use crate::names::ColumnName;

const ORDERS: &str = r#"{"name":"orders","schema":"strict","isolation_field":"who","time_field":"at","fields":[
    {"name":"who","type":"String","required":true},{"name":"at","type":"DateTime"},
    {"name":"amount","type":"Int64"},{"name":"note","type":"String"}]}"#;

fn orders() -> PoolDraft {
    PoolDraft::parse(&json(ORDERS)).expect("legal")
}

/// The pool with this list of fields, each `name:type` or `name:type:old name`
/// or, with `!`, required.
fn with_fields(draft: &PoolDraft, fields: &str) -> Result<PoolDraft, Fault> {
    draft.patched(&json(&format!(r#"{{"fields":{}}}"#, list(fields))))
}

fn list(fields: &str) -> String {
    let entries = fields.split_whitespace().map(|field| {
        let (field, required) = match field.strip_suffix('!') {
            Some(field) => (field, true),
            None => (field, false),
        };
        let parts: Vec<&str> = field.split(':').collect();
        let old = parts
            .get(2)
            .map(|old| format!(r#","renamed_from":"{old}""#));
        format!(
            r#"{{"name":"{}","type":"{}","required":{required}{}}}"#,
            parts[0],
            parts[1],
            old.unwrap_or_default()
        )
    });
    format!("[{}]", entries.collect::<Vec<_>>().join(","))
}

fn columns(draft: &PoolDraft) -> Vec<String> {
    let fields = draft.schema.declared().iter();
    fields.map(|f| format!("{}={}", f.path, f.column)).collect()
}

const KEPT: &str = "who:String! at:DateTime";

#[test]
fn a_field_keeps_its_column_whatever_becomes_of_it() {
    let first = orders();
    assert_eq!(
        columns(&first),
        ["who=who", "at=at", "amount=amount", "note=note"]
    );

    let renamed = with_fields(&first, &format!("{KEPT} total:Int64:amount note:String"));
    let renamed = renamed.expect("renames");
    assert_eq!(
        columns(&renamed),
        ["who=who", "at=at", "total=amount", "note=note"]
    );

    let added = with_fields(
        &renamed,
        &format!("{KEPT} amount:String! total:Int64 note:String"),
    );
    let added = added.expect("adds under the old name");
    assert_eq!(
        columns(&added)[2..],
        ["amount=amount._2", "total=amount", "note=note"]
    );
    let amount = |draft: &PoolDraft, path_: &str| {
        draft
            .schema
            .column_name(&path(path_))
            .map(ToOwned::to_owned)
    };
    assert_eq!(amount(&added, "amount").as_deref(), Some("amount._2"));
    assert_eq!(amount(&added, "total").as_deref(), Some("amount"));
    let field = added.schema.field_of_column("amount").expect("is there");
    assert_eq!(field.path, path("total"));

    let dropped = with_fields(&added, &format!("{KEPT} note:String")).expect("drops");
    assert_eq!(amount(&dropped, "amount"), None);
    assert!(dropped.schema.field_of_column("amount").is_none());
    let retired: Vec<&str> = dropped
        .schema
        .retired()
        .keys()
        .map(ColumnName::as_str)
        .collect();
    assert_eq!(retired, ["amount", "amount._2"]);

    let again = with_fields(&dropped, &format!("note:String {KEPT} amount:Int64"));
    let again = again.expect("adds again, in another order");
    assert_eq!(columns(&again)[3], "amount=amount._3");
    for system in ["_id", "_ingested_at", "_key"] {
        assert_eq!(amount(&again, system).as_deref(), Some(system));
    }
}

#[test]
fn a_filter_keeps_its_meaning_by_columns() {
    let before = orders();
    let parse = |text: &str| crate::filters::parse_filter(&json(text)).expect("a filter");
    let amount = parse(r#"{"field":"amount","operator":"gt","value":1}"#);
    let dropped = with_fields(&before, KEPT).expect("drops");
    let again = with_fields(&dropped, &format!("{KEPT} amount:String")).expect("adds");
    let old = before.schema.filter_by_columns(&amount);
    for later in [&before, &dropped, &again] {
        let resolved = later.schema.by_columns().resolve(&old);
        assert!(resolved.is_ok(), "{resolved:?}");
    }
    let text = parse(r#"{"field":"amount","operator":"eq","value":"x"}"#);
    let new = again.schema.filter_by_columns(&text);
    let fields = |filter: &Filter| filter.fields().into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&old)[0].as_str(), "amount");
    assert_eq!(fields(&new)[0].as_str(), "amount._2");
    // What means nothing for the fields of its time means nothing ever.
    let nothing = dropped.schema.filter_by_columns(&amount);
    assert_eq!(nothing, Filter::Any(Vec::new()));
    assert_eq!(dropped.schema.column_path(&path("who")), path("who"));
}

#[test]
fn what_became_of_the_fields_is_told() {
    let before = orders();
    let fields = format!("{KEPT} total:Int64:amount! region:String");
    let after = with_fields(&before, &fields).expect("changes");
    let changes = after.schema.changes_since(&before.schema);
    let names = |fields: &[&Field]| {
        fields
            .iter()
            .map(|f| f.path.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&changes.added), ["region"]);
    assert_eq!(names(&changes.dropped), ["note"]);
    let [(old, new)] = changes.renamed[..] else {
        panic!("{changes:?}");
    };
    assert_eq!((old.path.as_str(), new.path.as_str()), ("amount", "total"));
    // What is required and the order of the list are no change of the fields.
    let fields = "at:DateTime! who:String amount:Int64! note:String";
    let after = with_fields(&before, fields).expect("changes");
    assert!(after.schema.changes_since(&before.schema).is_empty());
    assert_ne!(after, before);
    assert_eq!(before.patched(&json("{}")), Ok(before.clone()));
}

#[test]
fn what_the_pool_rests_on_is_kept() {
    let draft = orders();
    let rest = "amount:Int64 note:String";
    let cases = [
        (r#"{"schema":"open"}"#.to_owned(), "NotAvailable /schema"),
        (
            r#"{"isolation_field":"note"}"#.to_owned(),
            "NotAvailable /isolation_field",
        ),
        (
            r#"{"isolation_field":null}"#.to_owned(),
            "NotAvailable /isolation_field",
        ),
        (
            r#"{"time_field":null}"#.to_owned(),
            "NotAvailable /time_field",
        ),
        (r#"{"fields":null}"#.to_owned(), "InvalidValue /fields"),
        (
            format!(r#"{{"fields":{}}}"#, list(&format!("at:DateTime {rest}"))),
            "InUse /fields",
        ),
        (
            format!(r#"{{"fields":{}}}"#, list(&format!("who:String {rest}"))),
            "InUse /fields",
        ),
        (
            format!(
                r#"{{"fields":{},"isolation_field":null}}"#,
                list(&format!("at:DateTime {rest}"))
            ),
            "InUse /fields",
        ),
        (
            format!(
                r#"{{"fields":{}}}"#,
                list(&format!("customer:String:who at:DateTime {rest}"))
            ),
            "InvalidValue /isolation_field",
        ),
        (
            format!(
                r#"{{"fields":{},"isolation_field":"note"}}"#,
                list(&format!("customer:String:who at:DateTime {rest}"))
            ),
            "NotAvailable /isolation_field",
        ),
        (
            format!(
                r#"{{"fields":{}}}"#,
                list(&format!("{KEPT} amount:Int32 note:String"))
            ),
            "NotAvailable /fields/2/type",
        ),
        (
            format!(
                r#"{{"fields":{}}}"#,
                list(&format!("who:String at:String {rest}"))
            ),
            "NotAvailable /fields/1/type",
        ),
        (
            format!(
                r#"{{"fields":{}}}"#,
                list(&format!("{KEPT} total:String:amount note:String"))
            ),
            "NotAvailable /fields/2/type",
        ),
    ];
    for (patch, refused) in cases {
        assert_eq!(refusal(draft.patched(&json(&patch))), refused, "{patch}");
    }
    let patch = format!(
        r#"{{"fields":{},"isolation_field":"customer","time_field":"when"}}"#,
        list(&format!("customer:String:who when:DateTime:at {rest}"))
    );
    let followed = draft.patched(&json(&patch)).expect("follows the new names");
    assert_eq!(followed.isolation_field, Some(path("customer")));
    assert_eq!(followed.time_field, Some(path("when")));
    assert_eq!(columns(&followed)[..2], ["customer=who", "when=at"]);
}

#[test]
fn unique_follows_a_renaming_in_its_order() {
    let text = ORDERS.replace(
        r#""time_field""#,
        r#""unique":["note","amount"],"time_field""#,
    );
    let draft = PoolDraft::restore(&json(&text)).expect("legal");
    let names = |draft: &PoolDraft| -> Vec<String> {
        draft.unique.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&draft), ["who", "amount", "note"]);
    let patched = |text: &str| draft.patched(&json(text));
    let fields = list(&format!("{KEPT} z:Int64:amount note:String"));
    let refused = patched(&format!(r#"{{"fields":{fields}}}"#));
    assert_eq!(refusal(refused), "InvalidValue /unique");
    let followed = patched(&format!(r#"{{"fields":{fields},"unique":["note","z"]}}"#));
    let followed = followed.expect("follows");
    assert_eq!(
        names(&followed),
        ["who", "z", "note"],
        "by column, as before"
    );
    let dropped = patched(&format!(
        r#"{{"fields":{}}}"#,
        list(&format!("{KEPT} note:String"))
    ));
    assert_eq!(refusal(dropped), "InUse /fields");
}

#[test]
fn a_renaming_names_a_field_that_is_there_and_a_name_that_is_free() {
    let draft = orders();
    for (fields, refused) in [
        (
            "a:Int64:other amount:Int64 note:String",
            "UnknownField /fields/2/renamed_from",
        ),
        (
            "a:Int64:amount amount:Int64 note:String",
            "InvalidValue /fields/2/renamed_from",
        ),
        (
            "amount:Int64:amount note:String",
            "InvalidValue /fields/2/renamed_from",
        ),
        ("note:Int64:amount", "InvalidValue /fields/2/name"),
        (
            "note:Int64:amount amount:String:note",
            "InvalidValue /fields/2/renamed_from",
        ),
        (
            "a:Int64:amount b:Int64:amount note:String",
            "InvalidValue /fields/3/renamed_from",
        ),
        (
            "a:Int64:_id note:String",
            "InvalidName /fields/2/renamed_from",
        ),
        (
            "a.b:Int64:amount a:Int64 note:String",
            "InvalidValue /fields/2/name",
        ),
    ] {
        let outcome = with_fields(&draft, &format!("{KEPT} {fields}"));
        assert_eq!(refusal(outcome), refused, "{fields}");
    }
    // A new pool has nothing to rename, and no client names columns.
    for member in ["renamed_from", "column"] {
        let text = ORDERS.replace(
            r#""name":"note""#,
            &format!(r#""name":"note","{member}":"a""#),
        );
        let refused = format!("UnknownMember /fields/3/{member}");
        assert_eq!(refusal(PoolDraft::parse(&json(&text))), refused);
    }
    let patch = r#"{"fields":[{"name":"who","type":"String","column":"note"}]}"#;
    assert_eq!(
        refusal(draft.patched(&json(patch))),
        "UnknownMember /fields/0/column"
    );
    let patch = json(r#"{"retired_columns":[]}"#);
    assert_eq!(
        refusal(draft.patched(&patch)),
        "UnknownMember /retired_columns"
    );
}

#[test]
fn an_open_pool_keeps_its_fields() {
    let text = ORDERS.replace("strict", "open");
    let draft = PoolDraft::parse(&json(&text)).expect("legal");
    for fields in [
        "amount:Int64 note:String more:String",
        "amount:Int64",
        "total:Int64:amount note:String",
    ] {
        let outcome = with_fields(&draft, &format!("{KEPT} {fields}"));
        assert_eq!(refusal(outcome), "NotAvailable /fields", "{fields}");
    }
    let required = with_fields(&draft, "who:String at:DateTime! amount:Int64! note:String");
    let required = required.expect("what is required may change");
    assert!(required.schema.field("amount").expect("is there").required);
}

#[test]
fn the_stored_form_keeps_columns_and_the_shown_one_is_silent() {
    let draft = orders();
    assert_eq!(draft.to_stored(), draft.to_value(), "nothing to say yet");
    let fields = format!("{KEPT} total:Int64:amount");
    let changed = with_fields(&draft, &fields).expect("changes");
    let changed = with_fields(&changed, &format!("{KEPT} total:Int64 amount:Int8")).expect("adds");
    assert_eq!(
        PoolDraft::restore(&changed.to_stored()),
        Ok(changed.clone())
    );
    let shown = crate::json::to_text(&changed.to_value());
    assert!(
        !shown.contains("column") && !shown.contains("._2"),
        "{shown}"
    );
    let stored = crate::json::to_text(&changed.to_stored());
    for damage in [
        stored.replace("amount._2", "amount"),
        stored.replace("amount._2", "note"),
    ] {
        assert_ne!(damage, stored);
        let refused = "InvalidValue /fields/3/column";
        assert_eq!(
            refusal(PoolDraft::restore(&json(&damage))),
            refused,
            "{damage}"
        );
    }
}

#[test]
fn a_draft_that_forgets_or_reuses_a_column_is_no_change_of_the_pool() {
    let before = orders();
    let dropped = with_fields(&before, KEPT).expect("drops");
    // As a new pool would read it, the columns of the dropped fields are forgotten.
    let forgetful = PoolDraft::parse(&dropped.to_value()).expect("legal");
    assert_eq!(
        refusal(before.check_change(&forgetful)),
        "InvalidValue /fields"
    );
    let added = with_fields(
        &before,
        &format!("{KEPT} amount:Int64 note:String more:Int64"),
    );
    let fresh = PoolDraft::parse(&added.expect("adds").to_value()).expect("legal");
    assert_eq!(refusal(before.check_change(&fresh)), "accepted");
    assert_eq!(
        refusal(dropped.check_change(&fresh)),
        "InvalidValue /fields"
    );
}

#[test]
fn a_pool_gives_a_bounded_number_of_columns() {
    let mut draft = orders();
    let patch = |names: &str| {
        json(&format!(
            r#"{{"fields":{}}}"#,
            list(&format!("{KEPT} {names}"))
        ))
    };
    let many = |round: usize| -> String {
        let names = (0..900).map(|n| format!("f{round}x{n}:Int8"));
        names.collect::<Vec<_>>().join(" ")
    };
    let mut rounds = 0;
    let refused = loop {
        match draft.patched(&patch(&many(rounds))) {
            Ok(next) => draft = next,
            Err(fault) => break fault,
        }
        rounds += 1;
    };
    assert_eq!(refusal(Err::<(), _>(refused)), "LimitExceeded /fields");
    assert_eq!(rounds, (POOL_COLUMNS_GIVEN_MAX - 4) / 900);
}

/// One step of a pool's life.
#[derive(Clone, Debug)]
enum Step {
    Add(usize),
    Drop(usize),
    Rename(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        3 => (0..8usize).prop_map(Step::Add),
        2 => (0..8usize).prop_map(Step::Drop),
        2 => (0..8usize, 0..8usize).prop_map(|(from, to)| Step::Rename(from, to)),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..40)
}

const NAMES: [&str; 8] = ["a", "b", "c", "a.x", "a.y", "b.x", "c.x.y", "d"];

/// The list of fields after these steps: each name with the name that it had.
fn planned(fields: &BTreeMap<String, u64>, steps: &[Step]) -> BTreeMap<String, Option<String>> {
    let mut after: BTreeMap<String, Option<String>> = fields
        .keys()
        .map(|name| (name.clone(), Some(name.clone())))
        .collect();
    for step in steps {
        match step {
            Step::Add(at) => {
                after.entry(NAMES[*at].to_owned()).or_insert(None);
            }
            Step::Drop(at) => {
                after.remove(NAMES[*at]);
            }
            Step::Rename(from, to) => {
                if let Some(old) = after.remove(NAMES[*from]) {
                    after.insert(NAMES[*to].to_owned(), old);
                }
            }
        }
    }
    // What goes and comes in one change, and is not renamed, stays.
    let taken: BTreeSet<String> = after.values().flatten().cloned().collect();
    for (name, old) in &mut after {
        if old.is_none() && fields.contains_key(name) && !taken.contains(name) {
            *old = Some(name.clone());
        }
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Against a model in which every field has a number of its own: columns
    /// are unique, follow their field, and are never another field's.
    #[test]
    fn a_column_is_one_fields_for_ever(life in steps()) {
        let base = r#"{"name":"x","schema":"strict","fields":[{"name":"keep","type":"Int8"}]}"#;
        let mut draft = PoolDraft::parse(&json(base)).expect("legal");
        // The number of each field there is, and of the field that each column was ever of.
        let mut fields: BTreeMap<String, u64> = BTreeMap::new();
        let mut owners: BTreeMap<String, u64> = BTreeMap::new();
        let mut number = 0;
        for steps in life {
            let plan = planned(&fields, &steps);
            let entries = plan.iter().map(|(name, old)| match old {
                Some(old) if old != name => format!("{name}:Int8:{old}"),
                _ => format!("{name}:Int8"),
            });
            let entries = entries.chain(["keep:Int8".to_owned()]).collect::<Vec<_>>().join(" ");
            let Ok(after) = with_fields(&draft, &entries) else {
                // Refused: names contain each other, or are not free in one change.
                continue;
            };
            fields = plan
                .into_iter()
                .map(|(name, old)| {
                    let known = old.and_then(|old| fields.get(&old).copied());
                    number += u64::from(known.is_none());
                    (name, known.unwrap_or(number))
                })
                .collect();
            let mut seen = BTreeSet::new();
            for (name, number) in &fields {
                let column = after.schema.column_name(&path(name)).expect("declared");
                prop_assert!(seen.insert(column.to_owned()), "two fields on {}", column);
                let owner = *owners.entry(column.to_owned()).or_insert(*number);
                prop_assert_eq!(owner, *number, "{} was another field's", column);
            }
            for column in owners.keys().filter(|column| !seen.contains(*column)) {
                prop_assert!(after.schema.retired().contains_key(column.as_str()));
            }
            prop_assert_eq!(PoolDraft::restore(&after.to_stored()), Ok(after.clone()));
            draft = after;
        }
        prop_assert!(number >= fields.len() as u64);
    }
}
