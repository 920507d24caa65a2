//! Looks at files that are not taken twice, and are taken again when something is another.

use super::*;
use crate::lake::tests::fixtures::open_pool;
use crate::manifest::{Manifest, ManifestChange};
use crate::store::PoolState;
use model::isolation::Isolation;

fn state(manifest: &Manifest) -> PoolState {
    let pool = open_pool(1);
    PoolState {
        id: pool.id,
        pool: Some(pool),
        bytes: 0,
        oldest: None,
        isolation: Isolation::Nothing,
        manifest: manifest.clone(),
    }
}

#[test]
fn a_look_is_taken_once_for_the_same_files_and_again_for_others() {
    let (mut looks, mut taken) = (Looks::default(), 0);
    let mut look = |which: Look, subject: Subject, id: PoolId| {
        looks.tell(id, which, subject, || {
            taken += 1;
            taken % 2 == 0
        });
        taken
    };
    let mut manifest = Manifest::default();
    let id = state(&manifest).id;
    let subject = |manifest: &Manifest| Subject::of(&state(manifest));
    assert_eq!(look(Look::Merge, subject(&manifest), id), 1);
    assert_eq!(look(Look::Merge, subject(&manifest), id), 1);
    // Another look, another bound, another order.
    assert_eq!(look(Look::Gather, subject(&manifest), id), 2);
    assert_eq!(look(Look::Merge, subject(&manifest).with_runs(8), id), 3);
    assert_eq!(look(Look::Merge, subject(&manifest).with_runs(8), id), 3);
    let order = SortedBy::of(&open_pool(1), None);
    assert_eq!(look(Look::Sort, subject(&manifest).in_order(&order), id), 4);
    assert_eq!(look(Look::Sort, subject(&manifest).in_order(&order), id), 4);
    // Other files, with and without somebody who still has the old list.
    for held in [None, Some(manifest.clone())] {
        let before = look(Look::Gather, subject(&manifest), id);
        manifest.change(ManifestChange::default());
        assert_eq!(look(Look::Gather, subject(&manifest), id), before + 1);
        assert_eq!(look(Look::Gather, subject(&manifest), id), before + 1);
        drop(held);
    }
}

#[test]
fn what_was_told_is_told_again_and_forgotten_with_the_pool() {
    let mut looks = Looks::default();
    let state = state(&Manifest::default());
    for told in [true, false] {
        let which = if told { Look::Merge } else { Look::Gather };
        for _ in 0..2 {
            let first = looks.tell(state.id, which, Subject::of(&state), || told);
            assert_eq!(first, told);
        }
    }
    looks.keep(std::slice::from_ref(&state));
    assert_eq!(looks.0.len(), 2);
    looks.keep(&[]);
    assert!(looks.0.is_empty());
}
