"""Keen's Python library, as it is published, against a running server.

    client.py

The library reads the server's address and its keys from its own variables:
KEEN_BASE_URL, KEEN_PROJECT_ID, KEEN_WRITE_KEY, KEEN_READ_KEY, KEEN_MASTER_KEY.
Every answer is compared with what must come; all differences are told, and
the end is 1 when there was one.
"""

import datetime
import json
import os
import sys
import traceback

import keen
import requests
from keen import direction, scoped_keys
from keen.client import KeenClient
from keen.exceptions import KeenApiError

ORIGIN = os.environ["KEEN_BASE_URL"]
PROJECT = os.environ["KEEN_PROJECT_ID"]
PATH = f"/3.0/projects/{PROJECT}"

# The events in TIME are all but the last one: an end is no part of its time.
TIME = {"start": "2024-03-04T00:00:00Z", "end": "2024-03-07T00:00:00Z"}
ORDERS = [
    ("2024-03-04T09:00:00.000Z", {"customer": {"id": "c1"}, "amount": 10, "sku": "a", "tags": ["x", "y"]}),
    ("2024-03-04T21:30:00.000Z", {"customer": {"id": "c2"}, "amount": 20, "sku": "b", "tags": ["y"]}),
    ("2024-03-05T02:15:00.000Z", {"customer": {"id": "c1"}, "amount": 30, "sku": "a"}),
    ("2024-03-05T23:59:59.999Z", {"customer": {"id": "c3"}, "amount": 5, "sku": None, "tags": []}),
    ("2024-03-07T00:00:00.000Z", {"customer": {"id": "c1"}, "amount": 50, "sku": "c"}),
]
ACTORS = {"visits": ["u1", "u2", "u3", "u4"], "signups": ["u1", "u2", "u5"], "refunds": ["u2"]}

differences = []
compared = 0


def same(what, found, expected):
    """Remembers what is not as expected; the order of members counts."""
    global compared
    compared += 1
    if json.dumps(found) != json.dumps(expected):
        differences.append(f"{what}\n    found    {json.dumps(found)}\n    expected {json.dumps(expected)}")


def refused(what, code, call):
    """The call must be refused, and the library must understand why."""
    try:
        answer = call()
    except KeenApiError as error:
        same(what, error.api_error["error_code"], code)
        same(f"{what}: a reason", bool(error.api_error["message"]), True)
    else:
        same(what, answer, f"refused with {code}")


def only(value, names):
    return {name: value.get(name) for name in names}


def day(number):
    return {"start": f"2024-03-{number:02}T00:00:00.000Z", "end": f"2024-03-{number + 1:02}T00:00:00.000Z"}


def write():
    """One event, a batch with bad ones, and the address of a beacon."""
    at, event = ORDERS[0]
    # The library sends times without an offset, which are UTC.
    keen.add_event("orders", event, timestamp=datetime.datetime(2024, 3, 4, 9, 0, 0))
    batch = [dict(event, keen={"timestamp": at}) for at, event in ORDERS[1:]]
    answer = keen.add_events({"orders": batch[:3] + [{"bad.name": 1}] + batch[3:]})
    outcomes = answer["orders"]
    same("outcomes", [outcome["success"] for outcome in outcomes], [True, True, True, False, True])
    same("the good", outcomes[0], {"success": True})
    same("the bad", outcomes[3]["error"]["name"], "InvalidPropertyNameError")
    at = "2024-03-04T12:00:00Z"
    events = {name: [{"user": user, "keen": {"timestamp": at}} for user in users] for name, users in ACTORS.items()}
    same("actors", keen.add_events(events), {name: [{"success": True}] * len(users) for name, users in ACTORS.items()})
    refused("a bad name", "InvalidPropertyNameError", lambda: keen.add_event("orders", {"bad.name": 1}))
    refused("a bad collection", "InvalidCollectionNameError", lambda: keen.add_event("$orders", {"a": 1}))
    # The library leaves base64 as it is, with the letters that addresses escape.
    # It can do so only of a key that is bytes.
    text = "a>>>???~~~bc>>>???~~~"
    client = KeenClient(PROJECT, write_key=os.environ["KEEN_WRITE_KEY"].encode(), base_url=ORIGIN)
    beacon = client.generate_image_beacon("beacons", {"text": text}, timestamp=datetime.datetime(2024, 3, 4, 10))
    data = beacon.split("&data=")[1]
    same("its letters", [letter in data for letter in "+/="], [True, True, True])
    image = requests.get(beacon, timeout=60)
    same("a beacon", [image.status_code, image.headers["Content-Type"], image.content[:3] == b"GIF"], [200, "image/gif", True])
    found = keen.extraction("beacons", timeframe=TIME, property_names=["text", "keen.timestamp"])
    same("what it wrote", found, [{"text": text, "keen": {"timestamp": "2024-03-04T10:00:00.000Z"}}])


def metrics():
    """Each function, plain."""
    for name, expected in [
        ("sum", 65), ("minimum", 5), ("maximum", 30), ("average", 16.25), ("median", 10), ("count_unique", 4),
    ]:
        same(name, getattr(keen, name)("orders", "amount", timeframe=TIME), expected)
    same("count", keen.count("orders", timeframe=TIME), 4)
    same("count, with max_age", keen.count("orders", timeframe=TIME, max_age=60), 4)
    for percentile, expected in [(95, 30), (50, 10), (100, 30), (90.5, 30), (25, 5)]:
        found = keen.percentile("orders", "amount", percentile, timeframe=TIME)
        same(f"percentile {percentile}", found, expected)
    same("select_unique", keen.select_unique("orders", "customer.id", timeframe=TIME), ["c1", "c2", "c3"])
    same("count_unique of texts", keen.count_unique("orders", "sku", timeframe=TIME), 2)
    # Every event of this test is older than a thousand days.
    same("a relative timeframe", keen.count("orders", timeframe="this_30_minutes"), 0)
    same("an unknown collection", keen.count("nowhere", timeframe=TIME), 0)
    same("an unknown property", keen.average("orders", "nothing", timeframe=TIME), None)
    same("nothing", keen.select_unique("nowhere", "a", timeframe=TIME), [])


def intervals_and_groups():
    """Intervals, time zones, groups, orders and limits."""
    found = keen.count("orders", timeframe=TIME, interval="daily")
    same("daily", found, [{"timeframe": day(4), "value": 2}, {"timeframe": day(5), "value": 2}, {"timeframe": day(6), "value": 0}])
    found = keen.count("orders", timeframe=TIME, interval="daily", timezone="US/Pacific")
    pacific = [
        ("2024-03-03T16", "2024-03-04T00", 0), ("2024-03-04T00", "2024-03-05T00", 3),
        ("2024-03-05T00", "2024-03-06T00", 1), ("2024-03-06T00", "2024-03-06T16", 0),
    ]
    bounds = [(f"{start}:00:00.000-08:00", f"{end}:00:00.000-08:00", value) for start, end, value in pacific]
    same("daily elsewhere", found, [{"timeframe": {"start": a, "end": b}, "value": value} for a, b, value in bounds])
    found = keen.count("orders", timeframe=TIME, interval="daily", timezone=-28800)
    same("an offset in seconds", [one["value"] for one in found], [0, 3, 1, 0])
    found = keen.sum("orders", "amount", timeframe=TIME, group_by="sku")
    same("groups", found, [{"sku": "a", "result": 40}, {"sku": "b", "result": 20}, {"sku": None, "result": 5}])
    descending = {"property_name": "result", "direction": direction.DESCENDING}
    found = keen.sum("orders", "amount", timeframe=TIME, group_by="sku", order_by=descending, limit=2)
    same("the first two", found, [{"sku": "a", "result": 40}, {"sku": "b", "result": 20}])
    ascending = [{"property_name": "result", "direction": direction.ASCENDING}, {"property_name": "customer.id"}]
    found = keen.count("orders", timeframe=TIME, group_by=["customer.id", "sku"], order_by=ascending)
    expected = [("c2", "b", 1), ("c3", None, 1), ("c1", "a", 2)]
    same("two orders", found, [{"customer.id": who, "sku": sku, "result": n} for who, sku, n in expected])
    found = keen.count("orders", timeframe=TIME, interval="daily", group_by=["sku"])
    expected = [(4, [1, 1, 0]), (5, [1, 0, 1]), (6, [0, 0, 0])]
    groups = [
        {"timeframe": day(number), "value": [{"sku": sku, "result": n} for sku, n in zip(["a", "b", None], values)]}
        for number, values in expected
    ]
    same("groups of each day", found, groups)
    found = keen.select_unique("orders", "customer.id", timeframe=TIME, group_by="sku")
    expected = [{"sku": "a", "result": ["c1"]}, {"sku": "b", "result": ["c2"]}, {"sku": None, "result": ["c3"]}]
    same("lists of groups", found, expected)


def filters():
    """Each operator."""
    def where(name, operator, value):
        return keen.count("orders", timeframe=TIME, filters=[{"property_name": name, "operator": operator, "property_value": value}])

    for name, operator, value, expected in [
        ("tags", "eq", "y", 2), ("tags", "exists", False, 1), ("sku", "ne", "a", 2), ("sku", "eq", None, 1),
        ("amount", "lt", 20, 2), ("amount", "lte", 20, 3), ("amount", "gt", 20, 1), ("amount", "gte", 20, 2),
        ("amount", "eq", "20", 0), ("sku", "in", ["a", "b"], 3), ("customer.id", "contains", "c", 4),
        ("customer.id", "not_contains", "1", 2), ("customer.id", "regex", "^c[12]$", 3),
        ("keen.timestamp", "gte", "2024-03-05T00:00:00Z", 2),
    ]:
        same(f"{name} {operator} {value}", where(name, operator, value), expected)
    refused("no such operator", "InvalidFilterError", lambda: where("sku", "is", 1))
    refused("no timeframe", "TimeframeDefinitionError", lambda: keen.count("orders"))
    refused("no such timeframe", "TimeframeDefinitionError", lambda: keen.count("orders", timeframe="sometime"))


def lists():
    """Extractions, funnels and several functions at once."""
    found = keen.extraction("orders", timeframe=TIME, latest=2, property_names=["sku", "amount"])
    same("the newest two", [only(one, ["sku", "amount"]) for one in found], [{"sku": None, "amount": 5}, {"sku": "a", "amount": 30}])
    found = keen.extraction("orders", timeframe=TIME)
    same("all in their order", [one["keen"]["timestamp"] for one in found], [at for at, _ in ORDERS[:4]])
    same("the whole event", only(found[0], ["customer", "amount", "sku", "tags"]), ORDERS[0][1])
    same("what is added", sorted(found[0]["keen"]), ["created_at", "id", "timestamp"])
    same("one property", keen.extraction("orders", timeframe=TIME, property_names="amount"), [{"amount": n} for n in [10, 20, 30, 5]])
    steps = [
        {"event_collection": "visits", "actor_property": "user"},
        {"event_collection": "signups", "actor_property": "user"},
        {"event_collection": "refunds", "actor_property": "user", "inverted": True, "with_actors": True},
    ]
    same("a funnel", keen.funnel(steps, timeframe=TIME), [4, 2, 1])
    found = keen.funnel(steps, timeframe=TIME, all_keys=True)
    same("its actors", found["actors"], [None, None, ["u1"]])
    same("its steps", [step["event_collection"] for step in found["steps"]], ["visits", "signups", "refunds"])
    steps = [dict(step, timeframe=TIME) for step in steps]
    same("times of steps", keen.funnel(steps), [4, 2, 1])
    refused("a step without a collection", "MissingParameterError", lambda: keen.funnel([{"actor_property": "user"}], timeframe=TIME))
    analyses = {"orders": {"analysis_type": "count"}, "total money": {"analysis_type": "sum", "target_property": "amount"}}
    same("both", keen.multi_analysis("orders", analyses, timeframe=TIME), {"orders": 4, "total money": 65})
    found = keen.multi_analysis(
        "orders", analyses, timeframe=TIME, group_by="customer.id",
        order_by={"property_name": "total money", "direction": direction.ASCENDING},
    )
    expected = [("c3", 1, 5), ("c2", 1, 20), ("c1", 2, 40)]
    same("both, of groups", found, [{"customer.id": who, "orders": n, "total money": sum_} for who, n, sum_ in expected])
    found = keen.multi_analysis("orders", analyses, timeframe=TIME, interval="daily")
    same("both, of days", [one["value"] for one in found], [{"orders": n, "total money": s} for n, s in [(2, 30), (2, 35), (0, 0)]])


def many():
    """A batch of thousands, as the libraries gather them."""
    start = datetime.datetime(2024, 3, 4)
    at = [(start + datetime.timedelta(seconds=30 * n)).isoformat() for n in range(5000)]
    answer = keen.add_events({"many": [{"n": n, "keen": {"timestamp": one}} for n, one in enumerate(at)]})
    same("all came", answer, {"many": [{"success": True}] * 5000})
    same("their sum", keen.sum("many", "n", timeframe=TIME), 5000 * 4999 // 2)
    same("their middle", keen.median("many", "n", timeframe=TIME), 2499)
    hours = keen.count("many", timeframe=TIME, interval="hourly")
    same("their hours", [one["value"] for one in hours], [120] * 41 + [80] + [0] * 30)
    found = keen.extraction("many", timeframe=TIME, latest=3, property_names=["n"])
    same("their newest", found, [{"n": n} for n in [4999, 4998, 4997]])
    same("gone", keen.delete_events("many"), True)


def schemas():
    """What the collections are like."""
    found = keen.get_collection("orders")
    expected = {
        "amount": "num", "customer.id": "string", "keen.created_at": "datetime", "keen.id": "string",
        "keen.timestamp": "datetime", "sku": "string", "tags": "list",
    }
    same("one", dict(sorted(found["properties"].items())), expected)
    names = sorted(one["name"] for one in keen.get_all_collections())
    same("all", names, ["beacons", "orders", "refunds", "signups", "visits"])
    refused("none", "ResourceNotFoundError", lambda: keen.get_collection("nowhere"))


def saved(client):
    """A saved question: made, run, changed, kept, forgotten."""
    queries = client.saved_queries
    query = {"analysis_type": "sum", "event_collection": "orders", "target_property": "amount", "timeframe": TIME}
    made = queries.create("orders-total", {"query": query, "metadata": {"display_name": "Total"}, "refresh_rate": 0})
    same("made", only(made, ["query_name", "metadata", "refresh_rate"]), {"query_name": "orders-total", "metadata": {"display_name": "Total"}, "refresh_rate": 0})
    nothing = {"filters": [], "group_by": None, "interval": None, "timezone": None}
    same("its question", only(made["query"], [*query, *nothing]), {**query, **nothing})
    same("run", queries.results("orders-total")["result"], 65)
    same("one of all", [one["query_name"] for one in queries.all()], ["orders-total"])
    # The library asks for it, leaves out what is empty and sends the rest back.
    changed = queries.update("orders-total", {"query": {"group_by": "sku"}, "metadata": {"display_name": "By sku"}})
    same("changed", [changed["query"]["group_by"], changed["metadata"], changed["query"]["target_property"]], ["sku", {"display_name": "By sku"}, "amount"])
    found = queries.results("orders-total")
    same("run again", found["result"], [{"sku": "a", "result": 40}, {"sku": "b", "result": 20}, {"sku": None, "result": 5}])
    cached = queries.update("orders-total", {"refresh_rate": 14400, "query": {"group_by": None}})
    same("kept", cached["refresh_rate"], 14400)
    same("the kept answer", queries.results("orders-total")["result"], 65)
    same("read", only(queries.get("orders-total"), ["query_name", "refresh_rate"]), {"query_name": "orders-total", "refresh_rate": 14400})
    steps = [{"event_collection": name, "actor_property": "user", "timeframe": TIME} for name in ["visits", "signups"]]
    queries.create("joined", {"query": {"analysis_type": "funnel", "steps": steps}, "refresh_rate": 0})
    same("a saved funnel", queries.results("joined")["result"]["result"], [4, 2])
    same("gone", [queries.delete("joined"), queries.delete("orders-total"), queries.all()], [True, True, []])
    refused("not there", "ResourceNotFoundError", lambda: queries.results("orders-total"))


def datasets(client):
    """A dataset: made, read, asked for one customer, forgotten."""
    sets = client.cached_datasets
    query = {"analysis_type": "count", "event_collection": "orders", "timeframe": "this_20_years", "interval": "daily"}
    made = sets.create("orders-by-customer", query, "customer.id", "Orders per customer")
    same("made", only(made, ["dataset_name", "display_name", "index_by"]), {"dataset_name": "orders-by-customer", "display_name": "Orders per customer", "index_by": ["customer.id"]})
    same("read", sets.get("orders-by-customer"), made)
    same("one of all", sets.all()["datasets"], [made])
    for index in ["c1", {"customer.id": "c1"}]:
        found = sets.results("orders-by-customer", index, TIME)
        expected = [{"timeframe": day(4), "value": 1}, {"timeframe": day(5), "value": 1}, {"timeframe": day(6), "value": 0}]
        same(f"results of {index}", found["result"], expected)
        same("what it is of", found["metadata"]["dataset"]["dataset_name"], "orders-by-customer")
    same("gone", [sets.delete("orders-by-customer"), sets.all()["datasets"]], [True, []])
    refused("not there", "ResourceNotFoundError", lambda: sets.get("orders-by-customer"))


OPTIONS = {
    "writes": {"autofill": {"customer": {"id": "c1"}}},
    "queries": {"filters": [{"property_name": "customer.id", "operator": "eq", "property_value": "c1"}]},
    "saved_queries": None,
    "cached_queries": None,
    "datasets": None,
}


def keys():
    """An access key: made, read and sent back without a change, then every change."""
    options = {name: value for name, value in OPTIONS.items() if value}
    made = keen.create_access_key("customer c1", permitted=["queries", "writes"], options=options)
    said = {"project_id": PROJECT, "name": "customer c1", "is_active": True, "permitted": ["queries", "writes"], "options": OPTIONS}
    same("made", only(made, said), said)
    same("64 digits", [len(made["key"]), set(made["key"]) <= set("0123456789ABCDEFabcdef")], [64, True])
    key = made["key"]
    read = keen.get_access_key(key)
    same("read", [only(read, said), set(read) == set(made)], [said, True])
    same("its secret is shown once", [read["key"] == key, len(read["key"]), read["key"][:16] == key[:16]], [False, 64, True])
    same("read by what is shown", keen.get_access_key(read["key"]), read)
    same("sent back", keen.update_access_key_full(key, **only(read, ["name", "is_active", "permitted", "options"])), read)
    same("read again", keen.get_access_key(key), read)
    same("one of all", keen.list_access_keys(), [read])
    theirs = KeenClient(PROJECT, write_key=key, read_key=key, base_url=ORIGIN)
    same("its rows", theirs.count("orders", timeframe=TIME), 2)
    others = [{"property_name": "customer.id", "operator": "eq", "property_value": "c2"}]
    same("no others", theirs.count("orders", timeframe=TIME, filters=others), 0)
    theirs.add_event("orders", {"amount": 7, "customer": {"id": "c2", "vip": True}}, timestamp=datetime.datetime(2024, 2, 1))
    february = {"start": "2024-02-01T00:00:00Z", "end": "2024-02-02T00:00:00Z"}
    found = keen.extraction("orders", timeframe=february, property_names=["customer", "amount"])
    same("its stamp", found, [{"customer": {"id": "c1", "vip": True}, "amount": 7}])
    refused("no schemas", "RequestForbiddenError", theirs.get_all_collections)
    same("a name", keen.update_access_key_name(key, "one")["name"], "one")
    same("more", sorted(keen.add_access_key_permissions(key, ["schema"])["permitted"]), ["queries", "schema", "writes"])
    same("fewer", sorted(keen.remove_access_key_permissions(key, ["writes"])["permitted"]), ["queries", "schema"])
    same("others", keen.update_access_key_permissions(key, ["queries"])["permitted"], ["queries"])
    same("no options", keen.update_access_key_options(key, {})["options"], {name: None for name in OPTIONS})
    same("without a filter", theirs.count("orders", timeframe=TIME), 4)
    same("revoked", keen.revoke_access_key(key)["is_active"], False)
    refused("used", "InvalidApiKeyError", lambda: theirs.count("orders", timeframe=TIME))
    same("back", keen.unrevoke_access_key(key)["is_active"], True)
    same("used again", theirs.count("orders", timeframe=TIME), 4)
    same("gone", keen.delete_access_key(key), True)
    refused("used after that", "InvalidApiKeyError", lambda: theirs.count("orders", timeframe=TIME))
    refused("not there", "ResourceNotFoundError", lambda: keen.get_access_key(key))


def scoped():
    """Keys that the library makes out of the master key, without asking the server."""
    def key(operations, filters):
        said = {"allowed_operations": operations, "filters": filters}
        return scoped_keys.encrypt(os.environ["KEEN_MASTER_KEY"], said).decode()

    own = [{"property_name": "customer.id", "operator": "eq", "property_value": "c1"}]
    reader = key(["read"], own)
    theirs = KeenClient(PROJECT, write_key=reader, read_key=reader, master_key=reader, base_url=ORIGIN)
    same("scoped rows", theirs.count("orders", timeframe=TIME), 2)
    others = [{"property_name": "customer.id", "operator": "eq", "property_value": "c2"}]
    same("scoped to no others", theirs.count("orders", timeframe=TIME, filters=others), 0)
    refused("scoped to read", "RequestForbiddenError", lambda: theirs.add_event("orders", {"a": 1}))
    refused("scoped and no master", "RequestForbiddenError", theirs.list_access_keys)
    writer = key(["write"], [])
    theirs = KeenClient(PROJECT, write_key=writer, read_key=writer, base_url=ORIGIN)
    theirs.add_event("visits", {"user": "u9"}, timestamp=datetime.datetime(2024, 2, 1))
    refused("scoped to write", "RequestForbiddenError", lambda: theirs.count("orders", timeframe=TIME))
    # The library pads only what is no multiple of a block.
    lengths = set()
    for letters in range(16):
        either = [{"operator": "or", "operands": [own[0], {"property_name": "x" * (letters + 1), "operator": "eq", "property_value": 1}]}]
        reader = key(["read"], either)
        lengths.add(len(reader))
        theirs = KeenClient(PROJECT, read_key=reader, base_url=ORIGIN)
        same(f"{letters} letters", theirs.count("orders", timeframe=TIME), 2)
    same("two lengths", len(lengths), 2)
    wrong = KeenClient(PROJECT, read_key=reader[:-1] + ("0" if reader[-1] != "0" else "1"), base_url=ORIGIN)
    refused("altered", "InvalidApiKeyError", lambda: wrong.count("orders", timeframe=TIME))
    for operations, filters in [([], own), (["all"], own), (["read"], None), (["read"], [{"property_name": "a"}])]:
        wrong = KeenClient(PROJECT, read_key=key(operations, filters), base_url=ORIGIN)
        refused(f"{operations} {filters}", "InvalidApiKeyError", lambda: wrong.count("orders", timeframe=TIME))


def refusals():
    """What the keys are not for, and a project that does not exist."""
    write = os.environ["KEEN_WRITE_KEY"]
    client = KeenClient(PROJECT, write_key=os.environ["KEEN_READ_KEY"], read_key=write, master_key=write, base_url=ORIGIN)
    refused("reading", "RequestForbiddenError", lambda: client.count("orders", timeframe=TIME))
    refused("writing", "RequestForbiddenError", lambda: client.add_event("orders", {"a": 1}))
    refused("ruling", "AdminOnlyEndpointError", client.list_access_keys)
    client = KeenClient("riker", write_key="whatever", base_url=ORIGIN)
    refused("nowhere", "ResourceNotFoundError", lambda: client.add_event("orders", {"a": 1}))


def deletes():
    """Some events, then a collection."""
    chosen = [{"property_name": "sku", "operator": "eq", "property_value": "b"}]
    same("some", keen.delete_events("orders", timeframe=TIME, filters=chosen), True)
    same("left", keen.select_unique("orders", "customer.id", timeframe=TIME), ["c1", "c3"])
    refused("not understood", "InvalidFilterError", lambda: keen.delete_events("orders", filters="sku = b"))
    same("still there", keen.count("orders", timeframe=TIME), 3)
    for name in ["orders", "beacons", *ACTORS]:
        same(f"all of {name}", keen.delete_events(name), True)
    same("nothing left", keen.get_all_collections(), [])


def can_fail():
    """The comparison must be able to fail."""
    global compared
    same("one value", {"a": [1]}, {"a": [2]})
    same("the order of members", {"a": 1, "b": 2}, {"b": 2, "a": 1})
    if len(differences) != 2:
        sys.exit("other values were taken for the same")
    differences.clear()
    compared = 0


def main():
    can_fail()
    client = KeenClient(
        PROJECT, write_key=os.environ["KEEN_WRITE_KEY"], read_key=os.environ["KEEN_READ_KEY"],
        master_key=os.environ["KEEN_MASTER_KEY"], base_url=ORIGIN,
    )
    parts = [write, metrics, intervals_and_groups, filters, lists, many, schemas,
             lambda: saved(client), lambda: datasets(client), keys, scoped, refusals, deletes]
    for part in parts:
        try:
            part()
        except Exception:
            differences.append(traceback.format_exc())
    for difference in differences:
        print(difference, file=sys.stderr)
    print(f"keen (Python): {compared} comparisons, {len(differences)} differences")
    return 1 if differences or compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
