#!/bin/sh
# lint_test.sh BINARY PIPELINE: the pipeline has no errors.
exec "$1" lint "$2"
