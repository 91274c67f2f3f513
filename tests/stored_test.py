"""The comparison of stores finds what differs, and nothing where nothing does."""

import contextlib
import pathlib
import sqlite3
import tempfile
import unittest

import stored


class StoredTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def store(self, name, **added):
        """A store with two rows in each table, and those `added`, in the order in which they come."""
        path = self.folder / name
        with contextlib.closing(sqlite3.connect(path)) as database:
            for table in stored.TABLES:
                database.execute(f"CREATE TABLE {table} (key TEXT, value INTEGER)")
                database.executemany(f"INSERT INTO {table} VALUES (?, ?)", [("a", 1), ("b", 2), *added.get(table, [])])
            database.commit()
        return stored.rows(path)

    def test_the_same_in_another_order(self):
        one = self.store("one", history=[("c", 3), ("d", None)])
        other = self.store("other", history=[("d", None), ("c", 3)])
        self.assertEqual(stored.differences(one, other), [])

    def test_what_is_missing_or_too_much_in_each_table(self):
        for table in stored.TABLES:
            less, more = self.store(f"{table}-less"), self.store(f"{table}-more", **{table: [("c", 3)]})
            self.assertEqual(stored.differences(more, less), [f"{table}: 1 rows missing, for example ('c', 3)"])
            self.assertEqual(stored.differences(less, more), [f"{table}: 1 rows not expected, for example ('c', 3)"])

    def test_another_value_and_a_row_twice(self):
        one = self.store("one", listings=[("c", 3)])
        other = self.store("other", listings=[("c", 4)])
        twice = self.store("twice", listings=[("c", 3), ("c", 3)])
        self.assertEqual(len(stored.differences(one, other)), 2)
        self.assertEqual(stored.differences(one, twice), ["listings: 1 rows not expected, for example ('c', 3)"])


if __name__ == "__main__":
    unittest.main()
