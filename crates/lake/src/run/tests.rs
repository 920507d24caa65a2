//! What one key's questions may cost the others.

use std::time::Duration;

use arrow_array::Int64Array;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::{DataFusionError, internal_err};
use datafusion_execution::SendableRecordBatchStream;
use datafusion_execution::memory_pool::MemoryConsumer;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::streaming::{PartitionStream, StreamingTableExec};
use model::filters::Constraint;
use model::queries::{Aggregate, AggregateQuery, Measure, Query};
use model::value::Value;

use super::*;
use crate::columns::value_at;
use crate::lake::tests::fixtures::{Request, open_pool};

const QUICK: RunOptions = RunOptions {
    concurrent: 2,
    waiting_per_key: 16,
    wait: Duration::from_secs(5),
    deadline: Duration::from_secs(1),
    memory_bytes: 1 << 21,
    open_files: 512,
    threads: None,
};

fn key(number: u8) -> KeyId {
    KeyId::from_bytes([number; 16])
}

/// Batches of one row; after them a panic, where that is asked for.
#[derive(Debug)]
struct Ones {
    schema: SchemaRef,
    batches: usize,
    rows: usize,
    panics: bool,
}

impl PartitionStream for Ones {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, rows) = (self.schema.clone(), self.rows);
        let batch = move |_| {
            let ones = Int64Array::from(vec![1; rows]);
            RecordBatch::try_new(schema.clone(), vec![Arc::new(ones)]).map_err(Into::into)
        };
        let panics = self.panics;
        let last = futures::stream::iter(panics.then_some(())).map(move |()| {
            assert!(!panics, "as asked");
            internal_err!("it panics")
        });
        let batches = futures::stream::iter(0..self.batches).map(batch);
        let all = batches.chain(last.map(|end: Result<_, DataFusionError>| end));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), all))
    }
}

fn plan(batches: usize, rows: usize, panics: bool) -> Arc<dyn ExecutionPlan> {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let ones = Ones {
        schema: schema.clone(),
        batches,
        rows,
        panics,
    };
    let plan = StreamingTableExec::try_new(
        schema,
        vec![Arc::new(ones)],
        None,
        std::iter::empty(),
        false,
        None,
    );
    Arc::new(plan.unwrap())
}

#[tokio::test]
async fn slow_readers_keep_no_slot_from_other_keys_and_are_told_when_they_are_cut_off() {
    let patient = RunOptions {
        deadline: Duration::from_secs(60),
        ..QUICK
    };
    let runner = Runner::new(patient).unwrap();
    let mut readers = Vec::new();
    for number in 0..4 {
        let stream = runner.stream(key(number), plan(100, 1, false)).await;
        readers.push(stream.unwrap());
    }
    // Four keys read nothing of theirs, and there are two slots.
    let answered = runner.collect_for(key(9), plan(1, 1, false)).await.unwrap();
    assert_eq!(answered.len(), 1);
    let rest: Vec<_> = readers.pop().unwrap().collect().await;
    assert_eq!(rest.iter().filter(|batch| batch.is_ok()).count(), 100);

    let runner = Runner::new(QUICK).unwrap();
    let mut slow = runner.stream(key(1), plan(100, 1, false)).await.unwrap();
    // The turn comes back when the reader was given up.
    let _slot = runner.slot(key(1)).await.unwrap();
    let mut last = None;
    while let Some(batch) = slow.next().await {
        last = Some(batch);
    }
    assert!(
        matches!(last, Some(Err(LakeError::Deadline(_)))),
        "{last:?}"
    );
}

#[tokio::test]
async fn one_key_has_half_of_the_slots_at_most() {
    let runner = Runner::new(RunOptions {
        wait: Duration::from_millis(20),
        ..QUICK
    })
    .unwrap();
    let held = runner.slot(key(1)).await.unwrap();
    let busy = runner.collect_for(key(1), plan(1, 1, false)).await;
    assert!(matches!(busy, Err(LakeError::Busy)), "{busy:?}");
    let busy = runner.collect_here(key(1), plan(1, 1, false)).await;
    assert!(matches!(busy, Err(LakeError::Busy)), "{busy:?}");
    assert!(runner.collect_for(key(2), plan(1, 1, false)).await.is_ok());
    drop(held);
    assert!(runner.collect_for(key(1), plan(1, 1, false)).await.is_ok());
    assert_eq!(runner.turns.keys(), 0, "idle keys are forgotten");
}

/// On one thread, as that of a server with one core.
#[tokio::test]
async fn whoever_writes_a_long_answer_lets_others_have_their_turn() {
    let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    for (rows, pieces) in [(0, 1), (1_024, 1), (1_025, 2), (10_000, 10)] {
        let before = turns.load(std::sync::atomic::Ordering::Relaxed);
        let row = |n: usize| vec![model::value::Value::Integer(n as i128)];
        let all: Vec<_> = in_pieces((0..rows).map(row).collect()).collect().await;
        assert_eq!(all.len(), pieces);
        let whole: Vec<Row> = all.into_iter().flat_map(Result::unwrap).collect();
        assert!(whole.into_iter().eq((0..rows).map(row)));
        let since = turns.load(std::sync::atomic::Ordering::Relaxed) - before;
        assert!(
            since >= pieces - 1,
            "{since} turns of others in {pieces} pieces"
        );
    }
    other.abort();
}

#[tokio::test]
async fn an_answer_that_a_panic_cut_off_does_not_look_whole() {
    let runner = Runner::new(RunOptions {
        deadline: Duration::from_secs(60),
        ..QUICK
    })
    .unwrap();
    let collected = runner.collect_for(key(1), plan(2, 1, true)).await;
    assert!(
        matches!(collected, Err(LakeError::Internal(_))),
        "{collected:?}"
    );
    let here = runner.collect_here(key(1), plan(2, 1, true)).await;
    assert!(matches!(here, Err(LakeError::Internal(_))), "{here:?}");
    let stream = runner.stream(key(1), plan(2, 1, true)).await.unwrap();
    let all: Vec<_> = stream.collect().await;
    assert_eq!(all.len(), 3);
    assert!(matches!(all[2], Err(LakeError::Internal(_))), "{all:?}");
}

#[tokio::test]
async fn an_answer_in_one_piece_has_bounded_bytes() {
    let runner = Runner::new(QUICK).unwrap();
    let small = runner.collect_for(key(1), plan(1, 60_000, false)).await;
    assert!(small.is_ok(), "{small:?}");
    let large = runner.collect_for(key(1), plan(3, 60_000, false)).await;
    assert!(
        matches!(large, Err(LakeError::LimitExceeded(_))),
        "{large:?}"
    );
    let here = runner.collect_here(key(1), plan(3, 60_000, false)).await;
    assert!(matches!(here, Err(LakeError::LimitExceeded(_))), "{here:?}");
}

/// Works for ever and hands nothing on, as a scan does of which nothing matches.
#[derive(Debug)]
struct Endless(SchemaRef);

impl PartitionStream for Endless {
    fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let never = futures::stream::unfold((), |()| async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.0.clone(), never))
    }
}

/// Holds so many bytes of memory and then does as [`Ones`] does.
#[derive(Debug)]
struct Holding(Ones, usize);

impl PartitionStream for Holding {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let held = MemoryConsumer::new("held").register(context.memory_pool());
        let grown = held.try_grow(self.1);
        let first = futures::stream::iter(grown.err().map(Err));
        let rest = self.0.execute(context).inspect(move |_| {
            held.size();
        });
        Box::pin(RecordBatchStreamAdapter::new(
            self.0.schema.clone(),
            first.chain(rest),
        ))
    }
}

fn streaming(schema: SchemaRef, part: Arc<dyn PartitionStream>) -> Arc<dyn ExecutionPlan> {
    let none = std::iter::empty();
    Arc::new(StreamingTableExec::try_new(schema, vec![part], None, none, false, None).unwrap())
}

fn ones(batches: usize) -> Ones {
    Ones {
        schema: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)])),
        batches,
        rows: 1,
        panics: false,
    }
}

fn endless() -> Arc<dyn ExecutionPlan> {
    let schema = ones(0).schema;
    streaming(schema.clone(), Arc::new(Endless(schema)))
}

fn holding(bytes: usize, batches: usize) -> Arc<dyn ExecutionPlan> {
    let ones = ones(batches);
    streaming(ones.schema.clone(), Arc::new(Holding(ones, bytes)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_on_a_question_ends_when_nobody_waits_for_it_any_more() {
    let runner = Runner::new(RunOptions {
        wait: Duration::from_secs(60),
        deadline: Duration::from_millis(50),
        ..QUICK
    })
    .unwrap();
    // The deadline passes.
    let late = runner.collect_for(key(1), endless()).await;
    assert!(matches!(late, Err(LakeError::Deadline(_))), "{late:?}");
    let late = runner.collect_here(key(1), endless()).await;
    assert!(matches!(late, Err(LakeError::Deadline(_))), "{late:?}");
    drop(runner.slot(key(1)).await.expect("its turn comes back"));
    // The client goes away.
    let asked = tokio::time::timeout(Duration::from_millis(5), runner.stream(key(1), endless()));
    assert!(asked.await.is_err());
    drop(runner.slot(key(1)).await.expect("its turn comes back"));
    let look = |asker: &Asker| -> Result<()> {
        loop {
            asker.waits()?;
            std::thread::yield_now();
        }
    };
    let late = runner.work(key(1), look).await;
    assert!(matches!(late, Err(LakeError::Deadline(_))), "{late:?}");
    drop(runner.slot(key(1)).await.expect("its turn comes back"));
}

#[tokio::test]
async fn a_question_has_its_share_of_the_memory_whatever_the_others_hold() {
    let patient = RunOptions {
        deadline: Duration::from_secs(60),
        ..QUICK
    };
    let share = QUICK.memory_bytes / QUICK.concurrent;
    let runner = Runner::new(patient).unwrap();
    let _held = runner.stream(key(1), holding(share, 100)).await.unwrap();
    let own = runner.collect_for(key(2), holding(share, 1)).await;
    assert!(own.is_ok(), "{own:?}");
    let more = runner.collect_for(key(2), holding(share + 1, 1)).await;
    assert!(matches!(more, Err(LakeError::LimitExceeded(_))), "{more:?}");
}

#[tokio::test]
async fn those_that_wait_for_their_readers_hold_no_more_than_all_that_run() {
    let patient = RunOptions {
        deadline: Duration::from_secs(60),
        ..QUICK
    };
    let share = QUICK.memory_bytes / QUICK.concurrent;
    let runner = Runner::new(patient).unwrap();
    let mut cut_off = 0;
    let mut readers = Vec::new();
    for number in 0..3 {
        readers.push(
            runner
                .stream(key(number), holding(share, 100))
                .await
                .unwrap(),
        );
    }
    // Each has come to where its reader is too slow, or was cut off.
    let both = (runner.slot(key(8)).await, runner.slot(key(9)).await);
    drop((both.0.unwrap(), both.1.unwrap()));
    for reader in readers {
        let all: Vec<_> = reader.collect().await;
        cut_off += usize::from(matches!(all.last(), Some(Err(LakeError::Busy))));
    }
    assert_eq!(cut_off, 1);
}

/// The most readers at once while a question is answered that is worth more than there are cores,
/// and others keep some; whether it is answered on the thread of whoever asks.
async fn most_readers(cores: usize, busy: usize, here: bool) -> usize {
    let lake = crate::lake::Lake::in_memory(8);
    let pool = open_pool(1);
    for part in 0..6 {
        let records = (0..4).map(|n| format!(r#"{{"n":{}}}"#, part * 4 + n));
        let records = records.collect::<Vec<_>>().join(",");
        let request = Request::new(&pool, &format!("[{records}]"));
        lake.append(request.admit()).await.unwrap();
    }
    let query = Query::Aggregate(AggregateQuery {
        measures: vec![Measure {
            name: "count".to_owned(),
            aggregate: Aggregate::Count,
            field: None,
        }],
        columns: vec!["count".to_owned()],
        series: None,
        groups: Vec::new(),
        filter: None,
        range: None,
        having: None,
        order: Vec::new(),
        limit: None,
    });
    let snapshot = lake.snapshot(&pool);
    let plan = crate::plan::plan(&pool, &Constraint::AllRows, &query, &snapshot).unwrap();
    let options = RunOptions::default();
    let runner = Runner::with(options, Workers::with(None, cores, 1)).unwrap();
    let others: Vec<_> = (0..busy).map(|_| runner.workers.first()).collect();
    let answer = match here {
        true => runner.collect_here(key(1), plan.root).await,
        false => runner.collect_for(key(1), plan.root).await,
    };
    let counts = value_at(answer.unwrap()[0].column(0).as_ref(), 0);
    assert_eq!(counts, Value::Integer(24), "each row is read once");
    drop(others);
    let [still, most] = runner.workers.counts();
    assert_eq!(still, 0, "all places come back");
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_has_more_readers_than_one_only_while_cores_have_none() {
    for (busy, most) in [(0, 4), (1, 4), (3, 4), (4, 5), (8, 9)] {
        assert_eq!(most_readers(4, busy, false).await, most, "{busy} were busy");
    }
    // One that is answered at once waits for no thread of long work.
    assert_eq!(most_readers(4, 2, true).await, 2);
    // A budget of more than the cores is found out.
    assert!(most_readers(12, 4, false).await > 5);
}

#[tokio::test]
async fn steps_of_one_question_share_its_time() {
    let runner = Runner::new(RunOptions {
        wait: Duration::from_millis(20),
        deadline: Duration::from_millis(30),
        ..QUICK
    });
    let runner = runner.unwrap();
    let ended = runner.together::<()>(std::future::pending()).await;
    assert!(matches!(ended, Err(LakeError::Deadline(whole)) if whole.as_millis() == 50));
    let (done, failed) = (async { Ok(7) }, async { Err(LakeError::Busy) });
    assert_eq!(runner.together(done).await.unwrap(), 7);
    assert!(matches!(
        runner.together::<()>(failed).await,
        Err(LakeError::Busy)
    ));
}
