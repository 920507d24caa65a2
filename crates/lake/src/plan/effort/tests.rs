use model::names::FieldPath;
use model::queries::{ActorQuery, AggregateQuery, GroupField, Measure, RecordQuery, StepRows};
use model::time::Timestamp;
use model::value::{Number, Value};

use super::*;
use crate::lake::tests::fixtures::{filter, open_pool};

fn path() -> FieldPath {
    FieldPath::parse("a").unwrap()
}

fn records() -> Query {
    Query::Records(RecordQuery {
        columns: Vec::new(),
        rest: None,
        filter: None,
        range: None,
        order: Vec::new(),
        seek: None,
        limit: None,
        with_order_values: false,
    })
}

fn rows(columns: usize, filters: &[&str]) -> usize {
    let schema = &open_pool(1).draft.schema;
    let resolved = filters.iter().map(|text| schema.resolve(&filter(text)));
    let predicates = resolved.collect::<Result<Vec<_>, _>>().unwrap();
    Effort::of(columns, &records(), &predicates).rows(1_000)
}

#[test]
fn more_columns_and_conditions_are_fewer_rows_and_long_texts_none() {
    let below = r#"{"field":"a","operator":"lt","value":"b"}"#;
    let among = format!(
        r#"{{"not":{{"field":"a","operator":"in","value":{:?}}}}}"#,
        (0..97).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    assert_eq!([rows(0, &[]), rows(2, &[])], [1_000, 500]);
    assert_eq!(rows(1, &[below]), 500);
    assert_eq!(rows(2, &[below, &among]), 10);
    for slow in ["contains", "regex"] {
        let slow = format!(r#"{{"field":"a","operator":"{slow}","value":"b"}}"#);
        let any = format!(r#"{{"any":[{below},{slow}]}}"#);
        assert_eq!(rows(1, &[&any]), 0, "{any}");
    }
}

/// Rows of one column that 1,000 cells are, of so many functions and groups.
fn aggregated(aggregate: Aggregate, measures: usize, bins: Option<Bins>) -> usize {
    let measure = Measure {
        name: "m".to_owned(),
        aggregate,
        field: Some(path()),
    };
    let group = bins.map(|bins| GroupField {
        name: "g".to_owned(),
        field: path(),
        bins: Some(bins),
    });
    let query = Query::Aggregate(AggregateQuery {
        columns: Vec::new(),
        series: None,
        groups: group.into_iter().collect(),
        measures: vec![measure; measures],
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    });
    Effort::of(1, &query, []).rows(1_000)
}

#[test]
fn functions_bins_and_steps_are_work_on_each_row() {
    assert_eq!(aggregated(Aggregate::Count, 1, None), 500);
    assert_eq!(aggregated(Aggregate::Sum, 12, None), 40);
    assert_eq!(aggregated(Aggregate::Percentile(1), 6, None), 40);
    let size = model::analyses::BinSize::new(Number::Integer(5)).unwrap();
    assert_eq!(aggregated(Aggregate::Count, 0, Some(Bins::Size(size))), 200);
    let band = |at: i64| model::analyses::Band {
        label: at.to_string(),
        from: Some(Value::from(at)),
        to: Some(Value::from(at + 1)),
    };
    let bands = Bins::Ranges((0..1_000).map(band).collect());
    let ranges = aggregated(Aggregate::Count, 0, Some(bands));
    assert!((50..100).contains(&ranges), "{ranges}");
    let step = |bit| StepRows {
        bit,
        filter: None,
        range: Some(model::queries::TimeBound {
            field: path(),
            from: Some(Timestamp::MIN),
            to: None,
        }),
    };
    let funnel = |steps: u32| {
        let query = Query::Actors(ActorQuery {
            actor: path(),
            steps: (0..steps).map(step).collect(),
            counted: true,
        });
        Effort::of(1, &query, []).rows(1_000)
    };
    assert_eq!([funnel(1), funnel(32)], [166, 10]);
}
