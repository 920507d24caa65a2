//! Saved queries and datasets.

use model::datasets::{Dataset, DatasetDraft};
use model::names::Name;
use model::permit::{Denied, ListDataset, ReadCached, RetrieveDataset, RunSaved, SeeDataset};
use model::saved_queries::{SavedQuery, SavedQueryDraft};

use super::*;

fn saved_draft(name: &str, pool: &str, rate: u32) -> SavedQueryDraft {
    let text = format!(
        r#"{{"name":"{name}","refresh_rate":{rate},"query":{{"analysis":"sum","field":"amount","pool":"{pool}"}}}}"#
    );
    SavedQueryDraft::parse(&value(&text)).expect("a saved query")
}

fn dataset_draft(name: &str, pool: &str) -> DatasetDraft {
    let text = format!(
        r#"{{"name":"{name}","index_by":"customer.id","query":{{"analysis":"count","pool":"{pool}",
            "interval":"daily","timeframe":"this_7_days"}}}}"#
    );
    DatasetDraft::parse(&value(&text)).expect("a dataset")
}

impl Plane {
    async fn saved(&self, name: &str, pool: &str, rate: u32) -> Arc<SavedQuery> {
        let draft = saved_draft(name, pool, rate);
        let made = self.control.create_saved_query(&self.admin(), draft).await;
        made.expect("a saved query")
    }

    async fn dataset(&self, name: &str, pool: &str) -> Arc<Dataset> {
        let draft = dataset_draft(name, pool);
        let made = self.control.create_dataset(&self.admin(), draft).await;
        made.expect("a dataset")
    }
}

#[tokio::test]
async fn they_outlive_a_restart_and_follow_a_renamed_pool() {
    let plane = Plane::new().await;
    let sales = plane.pool("sales").await;
    plane.saved("totals", "sales", 0).await;
    plane.saved("later", "not_yet", 3_600).await;
    plane.dataset("daily", "sales").await;
    let by = plane.admin();
    let taken = plane
        .control
        .create_saved_query(&by, saved_draft("totals", "sales", 0));
    assert!(matches!(taken.await, Err(ControlError::NameTaken)));
    let taken = plane
        .control
        .create_dataset(&by, dataset_draft("daily", "sales"));
    assert!(matches!(taken.await, Err(ControlError::NameTaken)));

    let mut draft = sales.draft.clone();
    draft.name = Name::parse("deals").expect("a name");
    let renamed = plane
        .control
        .change_pool(&plane.admin(), sales.id, None, draft)
        .await;
    renamed.expect("changes");
    // Another pool of the old name is not the one that was meant.
    plane.pool("sales").await;
    plane.pool("not_yet").await;
    let plane = plane.restarted().await;
    let definitions = plane.definitions();
    let totals = definitions.saved_query("totals").expect("is there");
    assert_eq!(totals.item.revision, 2);
    let read: Vec<_> = totals
        .pools
        .iter()
        .map(|(name, pool)| (name.as_str(), pool.id))
        .collect();
    assert_eq!(read, [("deals", sales.id)]);
    let daily = definitions.dataset("daily").expect("is there");
    assert_eq!(
        daily.pools.values().next().map(|pool| pool.id),
        Some(sales.id)
    );
    let later = definitions.saved_query("later").expect("is there");
    assert_eq!(
        later.pools.len(),
        1,
        "a name that stood for nothing stands for what has it"
    );
}

#[tokio::test]
async fn each_class_of_questions_is_opened_by_its_own_grants() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let totals = plane.saved("totals", "sales", 0).await;
    plane.saved("kept", "sales", 3_600).await;
    plane.dataset("daily", "sales").await;
    let rows = r#""constraints":[{"field":"customer.id","operator":"eq","value":"a"}]"#;
    let grants = format!(
        r#"[{{"on":"saved:totals","actions":["run"],{rows}}},
            {{"on":"cached:*","actions":["read"],"except":["other"],{rows}}},
            {{"on":"dataset:daily","actions":["read","list","retrieve"],"index_by":{{"customer.id":["a","b"]}}}}]"#
    );
    let (_, secret) = plane.key("k", &grants).await;
    let plane = plane.restarted().await;
    let access = plane
        .control
        .authenticate(&secret, &Circumstances::unknown())
        .expect("is let in");
    let definitions = plane.definitions();
    let [of_totals, of_kept] = ["totals", "kept"].map(|name| definitions.saved_query(name));
    assert!(
        access
            .permit::<RunSaved>(On::Saved(of_totals.as_ref()))
            .is_ok()
    );
    assert!(
        access
            .permit::<ReadCached>(On::Cached(of_kept.as_ref()))
            .is_ok()
    );
    let crossed = access.permit::<RunSaved>(On::Saved(of_kept.as_ref()));
    assert_eq!(crossed.err(), Some(Denied::NotFound));
    let crossed = access.permit::<ReadCached>(On::Cached(of_totals.as_ref()));
    assert_eq!(crossed.err(), Some(Denied::NotFound));
    let daily = definitions.dataset("daily");
    let daily = On::Dataset(daily.as_ref());
    assert!(access.permit::<SeeDataset>(daily).is_ok());
    assert!(access.permit::<ListDataset>(daily).is_ok());
    assert!(access.permit::<RetrieveDataset>(daily).is_ok());
    let of_pool = access.permit::<model::permit::AskPool>(On::Pool(definitions.pool("sales")));
    assert!(
        of_pool.is_err(),
        "a stored question opens nothing of its pool"
    );

    // A query that becomes a cached one is no longer the one that may be run.
    let draft = saved_draft("totals", "sales", 60);
    let changed = plane
        .control
        .change_saved_query(&plane.admin(), totals.id, Some(1), draft)
        .await;
    changed.expect("changes");
    let definitions = plane.definitions();
    let of_totals = definitions.saved_query("totals");
    let closed = access.permit::<RunSaved>(On::Saved(of_totals.as_ref()));
    assert_eq!(closed.err(), Some(Denied::NotFound));
}

#[tokio::test]
async fn grants_follow_a_new_name_and_die_with_what_they_were_on() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let totals = plane.saved("totals", "sales", 0).await;
    let (_, secret) = plane
        .key(
            "k",
            r#"[{"on":"saved:totals","actions":["run"],"constraints":"all_rows"}]"#,
        )
        .await;
    let draft = saved_draft("sums", "sales", 0);
    let changed = plane
        .control
        .change_saved_query(&plane.admin(), totals.id, None, draft)
        .await;
    changed.expect("changes");
    let may = |name: &str| {
        let access = plane
            .control
            .authenticate(&secret, &Circumstances::unknown())
            .expect("is let in");
        let definitions = plane.definitions();
        let saved = definitions.saved_query(name);
        access.permit::<RunSaved>(On::Saved(saved.as_ref())).is_ok()
    };
    assert!(may("sums") && !may("totals"));
    let deleted = plane
        .control
        .delete_saved_query(&plane.admin(), totals.id, Some(1))
        .await;
    assert!(matches!(deleted, Err(ControlError::StaleRevision)));
    let deleted = plane
        .control
        .delete_saved_query(&plane.admin(), totals.id, None)
        .await;
    deleted.expect("deletes");
    plane.saved("sums", "sales", 0).await;
    assert!(
        !may("sums"),
        "another query of the same name is another query"
    );
}

/// Grants on a saved query were given for what it read then.
#[tokio::test]
async fn a_saved_query_does_not_turn_to_usage() {
    let plane = Plane::new().await;
    plane.pool("sales").await;
    let saved = plane.saved("totals", "sales", 0).await;
    let by = plane.admin();
    let usage = |name: &str| {
        let text = format!(
            r#"{{"name":"{name}","refresh_rate":0,"query":{{"analysis":"count","pool":"_usage"}}}}"#
        );
        SavedQueryDraft::parse(&value(&text)).expect("a saved query")
    };
    let turned = plane
        .control
        .change_saved_query(&by, saved.id, None, usage("totals"));
    let Err(ControlError::Fault(fault)) = turned.await else {
        panic!("it was turned");
    };
    assert_eq!(fault.pointer, "/query");
    let made = plane.control.create_saved_query(&by, usage("used")).await;
    let made = made.expect("another one");
    let renamed = plane
        .control
        .change_saved_query(&by, made.id, None, usage("spent"));
    assert_eq!(
        renamed.await.expect("its name").draft.name.as_str(),
        "spent"
    );
    let back = saved_draft("spent", "sales", 0);
    let back = plane.control.change_saved_query(&by, made.id, None, back);
    back.await.expect("away from usage");
}
