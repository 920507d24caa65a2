"""Opens a Delta table and prints what it holds, as JSON.

    read.py TABLE [--version N] [--after COLUMN TIME] [--fields]

Two readers look at it, Arrow's and DataFusion's; they must agree, and the
statistics of each file must hold for its rows. The rows come in the order of
`_id`, with each value in the text that Tidegate's own JSON has for it:
instants and dates in RFC 3339, binary in hexadecimal digits. `--after` reads
only rows with COLUMN at or after TIME, and lets both readers skip files.
`--fields` tells fields instead of columns, as docs/delta.md says that a reader
finds them: under the names that they have now, with their own types, and with
the undeclared ones; a field that is missing in a row is left out.
"""

import argparse
import datetime
import decimal
import json
import pathlib
import sys
import uuid

import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from deltalake import DeltaTable, QueryBuilder

sys.path.append(str(pathlib.Path(__file__).parents[2] / "docs" / "delta"))
import undeclared  # noqa: E402  the decoder that is published

EPOCH = datetime.datetime(1970, 1, 1)


def instant(micros):
    whole = EPOCH + datetime.timedelta(microseconds=micros)
    fraction = whole.microsecond
    text = whole.replace(microsecond=0).isoformat()
    if fraction == 0:
        return text + "Z"
    if fraction % 1000 == 0:
        return f"{text}.{fraction // 1000:03}Z"
    return f"{text}.{fraction:06}Z"


def plain(value, kind):
    """A value of this Delta type as JSON has it."""
    if value is None:
        return None
    if isinstance(kind, dict):
        return [plain(element, kind["elementType"]) for element in value]
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if kind == "timestamp":
        return instant(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def raw(column, kind):
    """The column with instants as microseconds."""
    if kind == "timestamp":
        return column.cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64())
    if isinstance(kind, dict) and kind["elementType"] == "timestamp":
        instants = pyarrow.list_(pyarrow.timestamp("us", "UTC"))
        return column.cast(instants).cast(pyarrow.list_(pyarrow.int64()))
    return column


def rows_of(table, schema):
    columns = {}
    for field in schema["fields"]:
        name, kind = field["name"], field["type"]
        values = raw(table.column(name), kind).to_pylist()
        columns[name] = [plain(value, kind) for value in values]
    names = list(columns)
    rows = [dict(zip(names, values)) for values in zip(*columns.values())]
    return sorted(rows, key=lambda row: json.dumps([row.get("_id"), row]))


def by_arrow(table, schema, after):
    condition = None
    if after:
        column, time = after
        bound = datetime.datetime.fromisoformat(time)
        condition = pyarrow.dataset.field((column,)) >= pyarrow.scalar(
            bound, pyarrow.timestamp("us", "UTC")
        )
    found = table.to_pyarrow_dataset().to_table(filter=condition)
    return rows_of(found, schema)


def by_datafusion(table, schema, after):
    question = "SELECT * FROM pool"
    if after:
        column, time = after
        question += f" WHERE \"{column}\" >= TIMESTAMP '{time}'"
    answer = QueryBuilder().register("pool", table).execute(question)
    return rows_of(pyarrow.table(answer.read_all()), schema)


def check_statistics(table, path, file):
    """What the log tells of a file is true of its rows."""
    stats = json.loads(file["stats"])
    found = pyarrow.parquet.read_table(f"{path}/{file['path']}")
    assert stats["numRecords"] == found.num_rows, f"{file['path']}: rows"
    for name, least in stats.get("minValues", {}).items():
        values = [value for value in raw(found.column(name), "timestamp").to_pylist()]
        present = [value for value in values if value is not None]
        assert instant(min(present)) == least, f"{file['path']}: least {name}"
        assert instant(max(present)) == stats["maxValues"][name], f"{file['path']}: {name}"
        nulls = stats.get("nullCount", {}).get(name, len(values) - len(present))
        assert nulls == len(values) - len(present), f"{file['path']}: nulls of {name}"


def newest_commits(path):
    """The `add` actions of the log by path, from its commits alone."""
    adds = {}
    for commit in sorted(pathlib.Path(path, "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                adds[action["add"]["path"]] = action["add"]
    return adds


def shown(value):
    """An undeclared value as Tidegate's own JSON has it."""
    if isinstance(value, datetime.datetime):
        since = value - EPOCH.replace(tzinfo=datetime.timezone.utc)
        return instant(since // datetime.timedelta(microseconds=1))
    if isinstance(value, (datetime.date, uuid.UUID)):
        return str(value)
    if isinstance(value, list):
        return [shown(element) for element in value]
    if isinstance(value, dict):
        return {name: shown(member) for name, member in value.items()}
    return value


def fields_of(schema, rows):
    """The fields of the schema, and those of each row."""
    metadata = {field["name"]: field["metadata"] for field in schema["fields"]}
    columns = [
        {
            "field": told["tidegate.field"],
            "own": told["tidegate.type"],
            "type": field["type"],
        }
        for field in schema["fields"]
        if "tidegate.form" not in (told := field["metadata"])
    ]
    found = []
    for row in rows:
        fields = {}
        for name, cell in row.items():
            if cell is None:
                continue
            if metadata[name].get("tidegate.form") in ("undeclared-1", "undeclared-2"):
                deleted = json.loads(metadata[name].get("tidegate.deleted", "{}"))
                values = undeclared.fields(bytes.fromhex(cell), deleted)
                fields |= {path: shown(value) for path, value in values.items()}
            else:
                fields[metadata[name]["tidegate.field"]] = cell
        found.append(fields)
    return columns, found


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("table")
    arguments.add_argument("--version", type=int)
    arguments.add_argument("--after", nargs=2, metavar=("COLUMN", "TIME"))
    arguments.add_argument("--fields", action="store_true")
    given = arguments.parse_args()

    table = DeltaTable(given.table, version=given.version)
    schema = json.loads(table.schema().to_json())
    actions = pyarrow.table(table.get_add_actions(flatten=True)).to_pylist()
    rows = by_arrow(table, schema, given.after)
    others = by_datafusion(table, schema, given.after)
    if rows != others:
        for one, other in zip(rows, others):
            if one != other:
                sys.exit(f"two readers differ:\n{one}\n{other}")
        sys.exit(f"two readers differ: {len(rows)} and {len(others)} rows")
    files = {action["path"] for action in actions}
    for path, file in newest_commits(given.table).items():
        if path in files:
            check_statistics(table, given.table, file)
    if given.fields:
        columns, rows = fields_of(schema, rows)
        told = {"version": table.version(), "columns": columns, "rows": rows}
        print(json.dumps(told))
        return
    print(
        json.dumps(
            {
                "version": table.version(),
                "id": str(table.metadata().id),
                "name": table.metadata().name,
                "columns": [
                    {"name": field["name"], "type": field["type"]}
                    for field in schema["fields"]
                ],
                "files": [
                    {
                        "path": action["path"],
                        "bytes": action["size_bytes"],
                        "rows": action["num_records"],
                    }
                    for action in sorted(actions, key=lambda action: action["path"])
                ],
                "rows": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
