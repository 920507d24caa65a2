//! What upkeep is told of definitions, which nobody brings along.

use std::sync::Arc;

use model::ids::PoolId;
use model::isolation::Carried;
use model::permit::{Permit, Upkeep};
use model::pools::Pool;

use super::Lake;

impl Lake {
    /// Takes over what the keys of these pools carry: of a pool that does not
    /// name its isolation field, files lie by what is learned from that. New
    /// ones at once, others as they are merged, and by themselves when that
    /// has stood for an hour. It says where records lie and nothing else: who
    /// sees them, the barrier alone decides.
    pub fn learn(&self, _: &Permit<Upkeep>, carried: Vec<(PoolId, Carried)>) {
        self.pools.learn(carried);
    }

    /// Tells what the definitions of pools are by now: files that are written
    /// anew, and the Delta log, go by it. Writers and questions bring their
    /// definitions themselves.
    pub fn follow(&self, _: &Permit<Upkeep>, pools: &[Arc<Pool>]) {
        self.pools.follow(pools);
    }
}
