use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use model::limits::RESULT_VALUES_MAX;
use model::queries::{Aggregate, GroupField, Measure};

use super::*;

/// So many rows of a list of a million truths, and of words beside them.
fn lists(rows: usize) -> RecordBatch {
    let list = canonical::to_bytes(&Value::Array(vec![true.into(); 1_000_000]));
    let lists: ArrayRef = Arc::new(BinaryArray::from_iter_values(vec![list; rows]));
    let words: ArrayRef = Arc::new(UInt64Array::from(vec![1; rows]));
    let fields = ["a", "n"].into_iter().zip([&lists, &words]);
    let fields = fields.map(|(name, column)| Field::new(name, column.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), vec![lists, words]).unwrap()
}

fn by_lists() -> AggregateQuery {
    AggregateQuery {
        columns: vec!["a".to_owned(), "n".to_owned()],
        series: None,
        groups: vec![GroupField {
            name: "a".to_owned(),
            field: FieldPath::parse("a").unwrap(),
            bins: None,
        }],
        measures: vec![Measure {
            name: "n".to_owned(),
            aggregate: Aggregate::Count,
            field: None,
        }],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    }
}

#[test]
fn values_that_take_more_memory_than_their_columns_are_bounded_while_they_are_made() {
    let actors = ActorQuery {
        actor: FieldPath::parse("a").unwrap(),
        steps: Vec::new(),
        counted: false,
    };
    let most = RESULT_VALUES_MAX / 1_000_000 - 1;
    assert_eq!(groups(&by_lists(), &[lists(1)]).unwrap().len(), 1);
    assert_eq!(actor_rows(&actors, &[lists(1)]).unwrap().len(), 1);
    let many = [lists(most), lists(most)];
    let refused = [
        groups(&by_lists(), &many).unwrap_err(),
        actor_rows(&actors, &many).unwrap_err(),
    ];
    for refused in refused {
        let said = refused.to_string();
        assert!(matches!(refused, LakeError::LimitExceeded(_)), "{said}");
        assert!(said.contains(&RESULT_VALUES_MAX.to_string()), "{said}");
    }
}

#[test]
fn cells_are_those_of_all_columns_and_long_texts_are_many() {
    let numbers = |rows: usize| -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; rows]));
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    };
    let (few, more) = (cells(&[numbers(8)]), cells(&[numbers(800), numbers(800)]));
    assert!((8..64).contains(&few), "{few}");
    assert!((1_600..2_000).contains(&more), "{more}");
    assert!(cells(&[lists(1)]) > 10_000);
}
