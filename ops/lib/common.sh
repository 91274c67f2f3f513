# What the scripts in ops/ share. Sourced, not run: `. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"`.
#
# Sets ROOT (the workspace), BAZEL (the command, an array; MILLRACE_BAZEL names another than `bazel`), BUILD_FLAGS, and HOME and USER where they are
# missing.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Lines for people. Headings stand at the line's start, so that `grep '^== '` gives the course of events.
say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# step HEADING COMMAND…: announces, runs, and says how long it took. Returns the command's status.
step() {
  local heading=$1 status=0 begin=$EPOCHREALTIME
  shift
  say "== $heading"
  "$@" || status=$?
  local micros=$((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/}))
  local seconds
  seconds=$(printf '%d.%01d s' $((micros / 1000000)) $((micros % 1000000 / 100000)))
  if [ "$status" -eq 0 ]; then say "== done in $seconds: $heading"; else say "== failed (status $status) after $seconds: $heading"; fi
  return "$status"
}

BAZEL=("${MILLRACE_BAZEL:-bazel}")

# Bazel keeps its outputs under the user's home. Where there is none that can be written to (service accounts, containers), a folder of this
# user's own under the temporary folder takes its place. It also wants a user's name, which not every user has.
if [ -z "${HOME:-}" ] || [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then
  HOME="${TMPDIR:-/tmp}/millrace-home-$(id -u)"
  mkdir -p -m 700 "$HOME" && [ -O "$HOME" ] || HOME=$(mktemp -d)
  export HOME
fi
if [ -z "${USER:-}" ]; then USER=$(id -un 2>/dev/null) || USER=$(id -u); fi
export USER

# Flags for every build: on a terminal Bazel's own display; in a log one line of progress now and then.
BUILD_FLAGS=()
if [ ! -t 2 ]; then BUILD_FLAGS+=(--color=no --curses=no --show_progress_rate_limit=30); fi
