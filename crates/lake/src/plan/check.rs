//! The run-time check of every plan, in release builds too.
//!
//! A plan runs only if it is a chain of known operators that ends in a scan
//! whose parent is a barrier with exactly the constraint asked for. An
//! operator that is not on the list, two barriers, none, or anything between
//! barrier and scan refuses the question.

use std::sync::Arc;

use datafusion_physical_plan::ExecutionPlan;
use datafusion_physical_plan::sorts::sort::SortExec;
use model::filters::{Constraint, Predicate};
use model::pools::Schema;

use super::barrier::BarrierExec;
use super::group::GroupExec;
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
    let mut node = root;
    loop {
        is_itself(node)?;
        if let Some(barrier) = node.downcast_ref::<BarrierExec>() {
            return check_barrier(node, barrier, &constraint);
        }
        let is_known = node.is::<SortExec>()
            || node.is::<TopExec>()
            || node.is::<GroupExec>()
            || node.is::<MatchExec>();
        if !is_known {
            return Err(format!("{} stands above the barrier", node.name()));
        }
        node = only_child(node)?;
    }
}

fn check_barrier(
    node: &Arc<dyn ExecutionPlan>,
    barrier: &BarrierExec,
    constraint: &Predicate,
) -> Result<(), String> {
    if format!("{:?}", barrier.predicate()) != format!("{constraint:?}") {
        return Err("the barrier holds another constraint".to_owned());
    }
    let scan = only_child(node)?;
    is_itself(scan)?;
    if !scan.is::<ScanExec>() {
        return Err(format!("{} stands below the barrier", scan.name()));
    }
    if !scan.children().is_empty() {
        return Err("something stands below the scan".to_owned());
    }
    Ok(())
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
