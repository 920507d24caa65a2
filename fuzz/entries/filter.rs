//! What must hold for every body of bytes that is read as a filter.

use model::fields::{ColumnType, FieldType};
use model::filters::{Filter, Predicate, parse_filter, parse_list, to_value};
use model::names::FieldPath;
use model::records::Record;

/// No bytes make the reader panic, what it reads it writes back to the same
/// filter, and no stored value makes a filter fail.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(value) = model::json::parse(bytes) else {
        return;
    };
    for filter in [parse_filter(&value), parse_list(&value)]
        .into_iter()
        .flatten()
    {
        survives_writing(&filter);
        runs_on_every_row(&filter);
    }
}

fn survives_writing(filter: &Filter) {
    let text = model::json::to_text(&to_value(filter));
    let again = model::json::parse(text.as_bytes()).expect("own text is JSON");
    // A list is one level deeper written out as `all`, which may be one level too many.
    if let Ok(again) = parse_filter(&again) {
        assert_eq!(again, *filter, "{text}");
    }
}

fn runs_on_every_row(filter: &Filter) {
    let fields: Vec<FieldPath> = filter.fields().into_iter().cloned().collect();
    let types = [
        None,
        FieldType::parse("Int64"),
        FieldType::parse("String"),
        FieldType::parse("DateTime"),
        FieldType::parse("Array(Float64)"),
    ];
    for field_type in types {
        let column = field_type.map_or(ColumnType::Undeclared, ColumnType::Declared);
        let Ok(predicate) = Predicate::resolve(filter, &|_| Some(column)) else {
            continue;
        };
        let mut literals = vec![model::value::Value::Null];
        filter.for_each_comparison(&mut |comparison| literals.push(comparison.value().clone()));
        for literal in literals.iter().take(16) {
            let values = fields.iter().map(|path| (path.clone(), literal.clone()));
            let row = Record::restore(values.collect()).expect("fields come sorted, each once");
            let truth = predicate.test(&row);
            let negated = Predicate::Not(Box::new(predicate.clone())).test(&row);
            assert_eq!(negated, truth.map(|truth| !truth));
        }
    }
}
