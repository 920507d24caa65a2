//! The run-time check of every plan, in release builds too.
//!
//! A plan runs only if it is a chain of known operators that ends in a scan
//! whose parent is a barrier with exactly the constraint asked for. An
//! operator that is not on the list, two barriers, none, or anything between
//! barrier and scan refuses the question.
//!
//! A plan in two steps has two such chains: the second reads the rows that the
//! first chose, of the same snapshot, and has nothing above its own barrier.

use std::sync::Arc;

use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::sorts::sort::SortExec;
use model::filters::{Constraint, Predicate};
use model::pools::Schema;

use super::barrier::BarrierExec;
use super::derived::{DerivedExec, TallyExec};
use super::fetch::FetchExec;
use super::group::GroupExec;
use super::late::LateExec;
use super::matching::MatchExec;
use super::scan::ScanExec;
use super::top::TopExec;

/// Accepts the plan, or says what is wrong with it.
pub(crate) fn check(
    root: &Arc<dyn ExecutionPlan>,
    rows: &Constraint,
    schema: &Schema,
) -> Result<(), String> {
    // Resolved anew, so that a planner that lost or changed the constraint is found out.
    let (constraint, _) = super::constraint_predicate(rows, schema);
    is_itself(root)?;
    if !root.is::<LateExec>() {
        return check_chain(root, &constraint).map(drop);
    }
    let children = root.children();
    let [first, rows] = children.as_slice() else {
        return Err(format!("{} has {} inputs", root.name(), children.len()));
    };
    if !first.is::<TopExec>() {
        return Err(format!("{} chooses rows for a second step", first.name()));
    }
    let scan = check_chain(first, &constraint)?;
    let fetch: &FetchExec = below_barrier(rows, &constraint)?;
    if !fetch.reading().is(scan.reading()) {
        return Err("the second step reads something else than the first".to_owned());
    }
    Ok(())
}

/// Accepts one chain; answers its scan.
fn check_chain<'a>(
    root: &'a Arc<dyn ExecutionPlan>,
    constraint: &Predicate,
) -> Result<&'a ScanExec, String> {
    let mut node = root;
    loop {
        is_itself(node)?;
        if node.is::<BarrierExec>() {
            return below_barrier(node, constraint);
        }
        let is_known = node.is::<SortExec>()
            || node.is::<TopExec>()
            || node.is::<GroupExec>()
            || node.is::<DerivedExec>()
            || node.is::<TallyExec>()
            || node.is::<MatchExec>();
        if !is_known {
            return Err(format!("{} stands above the barrier", node.name()));
        }
        node = only_child(node)?;
    }
}

/// What reads for a barrier with this constraint, an operator of this kind
/// with nothing below it.
fn below_barrier<'a, Reads: ExecutionPlan>(
    node: &'a Arc<dyn ExecutionPlan>,
    constraint: &Predicate,
) -> Result<&'a Reads, String> {
    is_itself(node)?;
    let Some(barrier) = node.downcast_ref::<BarrierExec>() else {
        return Err(format!("{} stands where a barrier does", node.name()));
    };
    if format!("{:?}", barrier.predicate()) != format!("{constraint:?}") {
        return Err("the barrier holds another constraint".to_owned());
    }
    let reads = only_child(node)?;
    is_itself(reads)?;
    if !reads.children().is_empty() && reads.is::<Reads>() {
        return Err(format!("{} has something below it", reads.name()));
    }
    let known = reads.downcast_ref::<Reads>();
    known.ok_or_else(|| format!("{} stands below the barrier", reads.name()))
}

/// Refuses an operator that shows another one to whoever asks for its type.
fn is_itself(node: &Arc<dyn ExecutionPlan>) -> Result<(), String> {
    match node.downcast_delegate() {
        None => Ok(()),
        Some(_) => Err(format!("{} stands for another operator", node.name())),
    }
}

fn only_child(node: &Arc<dyn ExecutionPlan>) -> Result<&Arc<dyn ExecutionPlan>, String> {
    match node.children().as_slice() {
        [child] => Ok(child),
        children => Err(format!("{} has {} inputs", node.name(), children.len())),
    }
}
