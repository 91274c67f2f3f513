#!/usr/bin/env bash
# planted_test.sh PROGRAM ARGUMENTS…: runs the program of a planted bug, which fails when the bug is not found.
set -eu
program=$1
shift
exec "./$program" "$@"
