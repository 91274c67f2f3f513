#!/usr/bin/env bash
# fault_test.sh BINARY ARGUMENT...: simulates the pipeline under faults, as fault_injection_test says.

# The program removes this file at its regular end. A stage that ends the process leaves it, and proves nothing.
unfinished=${TEST_PREMATURE_EXIT_FILE:-}
if [[ -z $unfinished ]] || ! : 2>/dev/null >"$unfinished"; then
    unfinished=$(mktemp "${TEST_TMPDIR:-${TMPDIR:-/tmp}}/unfinished.XXXXXX") || exit 3
fi
TEST_PREMATURE_EXIT_FILE=$unfinished "$1" fault-test "${@:2}"
code=$?
if [[ -e $unfinished ]]; then
    rm -f "$unfinished"
    if [[ $code -eq 0 ]]; then
        echo "the process ended with code 0 before the test had: a stage, or what it has started, ended it" >&2
        exit 1
    fi
fi
exit "$code"
