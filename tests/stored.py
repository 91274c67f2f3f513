"""What a run of the property pipeline leaves in its store, to be compared with what another one leaves, row by row."""

import collections
import contextlib
import sqlite3

# All that is a function of the jobs alone. Alarms are not: a message that came twice, otherwise, leaves one, and no run should.
TABLES = ("listings", "history", "receipts")
_EXAMPLE_MAX = 300


def rows(path):
    """What a store holds: for each table a count of each of its rows."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        held = {}
        for table in TABLES:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            held[table] = collections.Counter(database.execute(f"SELECT {', '.join(columns)} FROM {table}"))
        return held


def differences(expected, found):
    """Each table that differs, in words; empty where the stores are the same."""
    lines = []
    for table in TABLES:
        for name, rest in (("missing", expected[table] - found[table]), ("not expected", found[table] - expected[table])):
            if rest:
                example = str(next(iter(rest)))[:_EXAMPLE_MAX]
                lines.append(f"{table}: {sum(rest.values())} rows {name}, for example {example}")
    return lines
