#!/usr/bin/env bash
# fault_test.sh BINARY ARGUMENT...: simulates the pipeline under faults, as fault_injection_test says.
exec "$1" fault-test "${@:2}"
