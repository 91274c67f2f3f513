"""The table of docs/reference/planted-bugs.md, from the edit files: python3 sim/mutants/page.py, in the workspace."""

import pathlib
import sys

import plant

FOLDER = pathlib.Path("sim/mutants")


def table():
    lines = ["| bug | what | planted in | pipeline | told as |", "|---|---|---|---|---|"]
    for path in sorted(FOLDER.glob("*.edit")):
        fields, edits = plant.parse(path.read_text(encoding="utf-8"))
        number, _, what = fields["bug"].partition(" ")
        sources = dict.fromkeys("`%s`" % source for source, _, _ in edits)
        broker = {"log": ", logs", "queue": ", queues"}.get(fields.get("semantics"), "")
        promises = ", ".join("`%s`" % promise.strip() for promise in fields["expects"].split(","))
        lines.append("| `%s` | %s: %s | %s | %s%s | %s |" % (path.stem, number, what, ", ".join(sources), fields["pipeline"], broker, promises))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
