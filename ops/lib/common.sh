# What the scripts in ops/ share. Sourced, not run: `. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"`.
#
# Sets ROOT (the workspace), BAZEL (the command, an array; MILLRACE_BAZEL names another than `bazel`), and HOME and USER where they are missing.
# find_build_flags sets BUILD_FLAGS.

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

# Objects are kept by the digest of all that they are made of, so that a second clone, or CI's fresh one, compiles only what is new. Headers of the
# system are no part of that digest: each state of the installed packages has a folder of its own. What nobody has read for two weeks goes.
# MILLRACE_CACHE names another folder than millrace in the user's cache; empty: none.
object_cache() {
  local base=${MILLRACE_CACHE-${XDG_CACHE_HOME:-$HOME/.cache}/millrace} state
  [ -n "$base" ] || return 0
  state=$(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | sha256sum | cut -c1-16) || return 0
  mkdir -p "$base/objects-$state" || return 0
  find "$base" -path '*/objects-*' -type f -atime +14 -delete 2>/dev/null || true
  printf '%s\n' "$base/objects-$state"
}

# Sets the flags for every build. To be called when the packages are there.
find_build_flags() {
  local cache
  BUILD_FLAGS=()
  # On a terminal Bazel's own display; in a log one line of progress now and then.
  if [ ! -t 2 ]; then BUILD_FLAGS+=(--color=no --curses=no --show_progress_rate_limit=30); fi
  cache=$(object_cache)
  if [ -n "$cache" ]; then BUILD_FLAGS+=("--disk_cache=$cache"); fi
}
