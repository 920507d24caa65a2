//! Files of which some row groups hold codes of a column and others do not.

use arrow_array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow_schema::DataType;
use model::filters::Constraint;
use model::permit::Permit;
use model::queries::{Aggregate, AggregateQuery, GroupField, Measure, Query, Row};
use quick_cache::Weighter;

use super::super::footprint::Footprint;
use super::*;
use crate::columns::Encoded;
use crate::finish::finish;
use crate::lake::Lake;
use crate::lake::tests::fixtures::{Request, filter, open, pool, roomy};
use crate::run::{RunOptions, Runner, groups};

const BLOCK_ROWS: usize = 10;
const GROUP_ROWS: usize = BLOCK_ROWS * ROW_GROUP_BLOCKS;
/// Columns of which every row group holds codes.
const FILLERS: usize = 40;

/// Three row groups: in `t` the rows of the second have a text each.
fn texts(layout: &Layout) -> RecordBatch {
    let columns = layout.arrow.fields().iter().map(|field| -> ArrayRef {
        let rows = 0..3 * GROUP_ROWS;
        match field.name().as_str() {
            "_id" => Arc::new(StringArray::from_iter_values(
                rows.map(|n| format!("{n:026}")),
            )),
            "_ingested_at" => {
                let times = rows.map(|n| n as i64);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times))
            }
            "t" => {
                let number = |n: usize| if n / GROUP_ROWS == 1 { n } else { n % 3 };
                let text = |n: usize| (!n.is_multiple_of(7)).then(|| format!("{:0100}", number(n)));
                Arc::new(rows.map(text).collect::<StringArray>())
            }
            "u" => {
                let text = |n: usize| Some(format!("{:0100}", n % 5));
                Arc::new(rows.map(text).collect::<StringArray>())
            }
            _ => Arc::new(rows.map(|_| Some("k")).collect::<StringArray>()),
        }
    });
    RecordBatch::try_new(layout.arrow.clone(), columns.collect()).unwrap()
}

fn written() -> (Written, RecordBatch, Vec<(FieldPath, ColumnType)>) {
    let names = (0..FILLERS).map(|n| format!("f{n}"));
    let names = ["t", "u"].map(str::to_owned).into_iter().chain(names);
    let fields = names.map(|name| format!(r#"{{"name":"{name}","type":"String"}}"#));
    let fields = fields.collect::<Vec<_>>().join(",");
    let pool = pool(
        1,
        &format!(r#"{{"name":"p","schema":"strict","fields":[{fields}]}}"#),
    );
    let plan = Plan {
        dictionary_bytes: 4_000,
        ..plan(&pool, Vec::new(), BLOCK_ROWS)
    };
    let columns = plan.layout.columns();
    let whole = texts(&plan.layout);
    let batches = std::iter::once(Ok(whole.clone()));
    (write(pool.id, plan, Box::new(batches)), whole, columns)
}

fn plain_of(batch: &RecordBatch) -> Vec<ArrayRef> {
    batch.columns().iter().map(|c| plain(c).unwrap()).collect()
}

#[test]
fn a_row_group_whose_dictionary_is_full_leaves_the_others_their_codes() {
    let (written, whole, columns) = written();
    let file = written.open();
    assert_eq!(file.blocks(), 3 * ROW_GROUP_BLOCKS);
    let is_encoded = |batch: &RecordBatch, name: &str| {
        let column = batch.column_by_name(name).unwrap();
        Encoded::of(column.as_ref()).is_some()
    };
    for cached in [Cached::No, Cached::Yes, Cached::Yes] {
        // One after the other by themselves, and all of a row group at once.
        for at_once in [1, ROW_GROUP_BLOCKS] {
            for from in (0..file.blocks()).step_by(at_once) {
                let read = file.read(from..from + at_once, &columns, cached, Form::Encoded);
                let read = read.unwrap();
                assert_eq!(read.len(), at_once);
                for (block, batch) in (from..).zip(&read) {
                    let is_second = block / ROW_GROUP_BLOCKS == 1;
                    assert_eq!(is_encoded(batch, "t"), !is_second, "block {block}");
                    assert!(is_encoded(batch, "u"), "block {block}");
                    let expected = whole.slice(block * BLOCK_ROWS, BLOCK_ROWS);
                    assert_eq!(plain_of(batch), plain_of(&expected), "block {block}");
                }
            }
        }
    }
}

#[test]
fn row_groups_that_are_alike_are_known_once_and_all_are_counted() {
    let (written, ..) = written();
    let file = written.open();
    let known = &file.metadata;
    let of = |group| known.of_group(group).unwrap();
    assert_eq!(known.kinds(), 2);
    assert!(Arc::ptr_eq(of(0).schema(), of(2).schema()));
    assert!(!Arc::ptr_eq(of(0).schema(), of(1).schema()));
    for group in 0..3 {
        assert!(Arc::ptr_eq(of(group).metadata(), known.metadata()));
    }
    assert!(known.of_group(3).is_err());
    // What is known of columns outweighs what is known of blocks.
    let types = known.kinds() * file.columns.len() * 512;
    let footer = known.metadata().memory_size();
    assert!(file.footprint >= (types + footer) as u64);
    let others = file.footprint - (types + footer) as u64;
    assert!(others < types as u64 / 2, "{others} bytes test nothing");
    // The cache weighs under its lock, and measures nothing there.
    written.tables.forget(&[written.entry.id]);
    let mut alone = Arc::into_inner(file).unwrap();
    alone.footprint = 7;
    assert_eq!(Footprint.weight(&written.entry.id, &Arc::new(alone)), 7);
}

/// One aggregation of these functions.
fn aggregation(groups: Vec<GroupField>, measures: Vec<Measure>) -> AggregateQuery {
    let names = groups.iter().map(|group| &group.name);
    let names = names.chain(measures.iter().map(|measure| &measure.name));
    AggregateQuery {
        columns: names.cloned().collect(),
        series: None,
        groups,
        measures,
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    }
}

fn questions() -> Vec<AggregateQuery> {
    let measure = |aggregate, field: &str| Measure {
        name: format!("{aggregate:?} {field}"),
        aggregate,
        field: Some(path(field)),
    };
    let measures = || {
        vec![
            measure(Aggregate::CountUnique, "t"),
            measure(Aggregate::CountUnique, "extra"),
            measure(Aggregate::Minimum, "t"),
            measure(Aggregate::SelectUnique, "extra"),
            measure(Aggregate::Sum, "n"),
        ]
    };
    let by = |field: &str| GroupField {
        name: field.to_owned(),
        field: path(field),
        bins: None,
    };
    let some = r#"{"field":"t","operator":"in","value":["text 1","text 2","text 70"]}"#;
    vec![
        aggregation(Vec::new(), measures()),
        aggregation(vec![by("t")], measures()),
        aggregation(vec![by("extra"), by("t")], measures()),
        AggregateQuery {
            filter: Some(filter(some)),
            ..aggregation(vec![by("t")], measures())
        },
    ]
}

fn answers(lake: &Lake, pool: &Arc<Pool>) -> Vec<Vec<Row>> {
    let runner = Runner::new(RunOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let questions = questions().into_iter();
    let answers = questions.map(|question| {
        let query = Query::Aggregate(question.clone());
        let snapshot = lake.snapshot(pool);
        let plan = crate::plan::plan(pool, &Constraint::AllRows, &query, &snapshot).unwrap();
        let batches = runtime.block_on(runner.collect(plan.root)).unwrap();
        let groups = groups(&question, &batches).unwrap();
        finish(&question, &pool.draft.schema, groups).unwrap()
    });
    answers.collect()
}

#[test]
fn answers_over_row_groups_of_both_kinds_are_those_over_memory() {
    const GROUP_ROWS: usize = 4 * ROW_GROUP_BLOCKS;
    let pool = pool(
        1,
        r#"{"name":"p","schema":"open","time_field":"at","fields":[
            {"name":"at","type":"DateTime"},{"name":"t","type":"String"},{"name":"n","type":"Int64"}]}"#,
    );
    let mut options = roomy();
    options.upkeep.block_rows = 4;
    options.upkeep.dictionary_bytes = 100;
    let lake = open(&SimulatedDisk::new(1), &[&pool], options);
    let records = (0..3 * GROUP_ROWS).map(|n| {
        let text = if n / GROUP_ROWS == 1 { n } else { n % 3 };
        let (minute, second) = (n / 60, n % 60);
        format!(
            r#"{{"at":"2026-03-01T10:{minute:02}:{second:02}Z","t":"text {text}","n":{n},"extra":"value {text}"}}"#
        )
    });
    let records = records.collect::<Vec<_>>().join(",");
    let request = Request::new(&pool, &format!("[{records}]"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    runtime.block_on(lake.append(request.admit())).unwrap();
    let in_memory = answers(&lake, &pool);
    assert_eq!(in_memory[0][0][0], Value::from(3 + GROUP_ROWS as i64));
    lake.flush(&Permit::ours()).unwrap();
    let snapshot = lake.snapshot(&pool);
    assert_eq!(snapshot.stored.files.len(), 1);
    let entry = snapshot.stored.files.first().unwrap();
    let file = lake.tables().open(pool.id, entry).unwrap();
    let holds_codes = |group| {
        let schema = file.metadata.of_group(group).unwrap().schema();
        let field = schema.field(file.columns["t"]);
        matches!(field.data_type(), DataType::Dictionary(..))
    };
    assert_eq!([0, 1, 2].map(holds_codes), [true, false, true]);
    // What was read once is kept.
    for _ in 0..2 {
        assert_eq!(answers(&lake, &pool), in_memory);
    }
}
