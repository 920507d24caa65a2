//! Records that replace others, as two customers meet them.

use serde_json::{Value, json};

use crate::support::Server;

const RECORDS: &str = "/v1/pools/orders/records";

struct World {
    server: Server,
    writers: [String; 2],
    readers: [String; 2],
}

fn grants(customer: &str) -> (Value, Value) {
    let writes =
        json!([{"on": "pool:orders", "actions": ["ingest"], "injections": {"customer": customer}}]);
    let own = json!([{"field": "customer", "operator": "eq", "value": customer}]);
    let reads = json!([
        {"on": "view:orders", "actions": ["read"], "constraints": own},
        {"on": "pool:orders", "actions": ["delete"], "constraints": own}]);
    (writes, reads)
}

impl World {
    fn start(home: &std::path::Path) -> Self {
        let server = Server::start(home);
        let master = server.master();
        let pool = json!({"name": "orders", "schema": "strict", "isolation_field": "customer",
            "unique": ["order", "line"], "fields": [
                {"name": "customer", "type": "String"}, {"name": "order", "type": "Int64"},
                {"name": "line", "type": "Int32"}, {"name": "state", "type": "String"}]});
        let made = server.post(&master, "/v1/pools", &pool).expect(201);
        assert_eq!(made["unique"], json!(["customer", "line", "order"]));
        let view = json!({"name": "orders", "pool": "orders", "shape": "records", "fields": [
            {"field": "order"}, {"field": "line"}, {"field": "state"}]});
        server.post(&master, "/v1/views", &view).expect(201);
        let (ada, bo) = (grants("ada"), grants("bo"));
        let key = |name: &str, grants: &Value| server.key(name, grants);
        Self {
            writers: [key("ada writes", &ada.0), key("bo writes", &bo.0)],
            readers: [key("ada", &ada.1), key("bo", &bo.1)],
            server,
        }
    }

    fn write(&self, who: usize, records: Value) -> Value {
        let reply = self.server.post(&self.writers[who], RECORDS, &records);
        reply.expect(200)
    }

    fn seen(&self, who: usize) -> Vec<Value> {
        let order = json!({"order_by": [{"field": "order", "direction": "asc"},
            {"field": "line", "direction": "asc"}]});
        let reply = self
            .server
            .post(&self.readers[who], "/v1/views/orders/data", &order);
        reply.expect(200)["data"].as_array().expect("rows").clone()
    }
}

fn row(order: i64, line: i64, state: &str) -> Value {
    json!({"order": order, "line": line, "state": state})
}

#[test]
fn a_record_replaces_the_older_one_of_its_customer_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let mut world = World::start(home.path());
    let both = json!([row(1, 1, "new"), row(1, 2, "new"), row(1, 1, "paid")]);
    for who in [0, 1] {
        let answer = world.write(who, both.clone());
        assert_eq!(answer["accepted"], 3, "all were taken, the last holds");
        assert_eq!(world.seen(who), [row(1, 1, "paid"), row(1, 2, "new")]);
    }
    // Who names another customer writes for its own all the same.
    let theirs = json!({"customer": "bo", "order": 1, "line": 2, "state": "sent"});
    world.write(0, theirs);
    assert_eq!(world.seen(0), [row(1, 1, "paid"), row(1, 2, "sent")]);
    assert_eq!(world.seen(1), [row(1, 1, "paid"), row(1, 2, "new")]);

    let lacking = world.write(0, json!([{"order": 1, "state": "x"}, row(2, 1, "new")]));
    assert_eq!(
        (&lacking["accepted"], &lacking["rejected"]),
        (&json!(1), &json!(1))
    );
    let error = &lacking["errors"][0];
    assert_eq!(
        (&error["code"], &error["field"]),
        (&json!("missing_field"), &json!("line"))
    );

    let gone = json!({"filters": [{"field": "state", "operator": "eq", "value": "sent"}]});
    let path = "/v1/pools/orders/delete";
    let deleted = world
        .server
        .post(&world.readers[0], path, &gone)
        .expect(200);
    assert_eq!(deleted, json!({"deleted": 1}));
    for is_restarted in [false, true] {
        if is_restarted {
            world.server.kill();
            world.server = Server::start(home.path());
        }
        assert_eq!(world.seen(0), [row(1, 1, "paid"), row(2, 1, "new")]);
        assert_eq!(world.seen(1), [row(1, 1, "paid"), row(1, 2, "new")]);
    }
}
