#!/usr/bin/env bash
# Bazel's py_test starts `python`, which Debian 12 has not.
exec python3 -B words_test.py "$@"
