//! What one key's questions may cost the others.

use std::time::Duration;

use arrow_array::Int64Array;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::{DataFusionError, internal_err};
use datafusion_execution::SendableRecordBatchStream;
use datafusion_physical_plan::stream::RecordBatchStreamAdapter;
use datafusion_physical_plan::streaming::{PartitionStream, StreamingTableExec};

use super::*;

const QUICK: RunOptions = RunOptions {
    concurrent: 2,
    wait: Duration::from_secs(5),
    deadline: Duration::from_secs(1),
    memory_bytes: 1 << 21,
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
    let turns = runner.turns_of(key(1));
    // The turn comes back when the reader was given up.
    let _turn = turns.acquire().await.unwrap();
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
    assert!(runner.collect_for(key(2), plan(1, 1, false)).await.is_ok());
    drop(held);
    assert!(runner.collect_for(key(1), plan(1, 1, false)).await.is_ok());
    let _other = runner.turns_of(key(3));
    assert_eq!(
        runner.turns.lock().unwrap().len(),
        1,
        "idle keys are forgotten"
    );
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
}
