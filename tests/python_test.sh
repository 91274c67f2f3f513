#!/usr/bin/env bash
# Runs a Python file as a test. Modules come from its own folder and from tests/, and nothing is written beside them.
PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/$(dirname "$1"):$PWD/tests exec python3 "$@"
