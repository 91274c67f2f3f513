# Real brokers for tests. Sourced by ops/test, behind common.sh.
#
# start_brokers FOLDER   starts one of each kind, with all that they write below FOLDER; BROKER_ENV says where they are
# stop_brokers           stops those again; in a trap, so that none outlives the script
#
# One block a broker: a function that starts it and one that stops it. A broker that cannot be started is said, and leaves its tests to fail with
# what they have to say. Ports are the same each time where they are free: they stand in --test_env, and another value would run every test anew.

BROKER_ENV=()
STARTED_BROKERS=()

# free_port FIRST STEP BESIDE…: the first of FIRST, FIRST + STEP, … where nobody listens, nor on any of those so far behind it.
free_port() {
  local port=$1 step=$2 beside
  shift 2
  while true; do
    for beside in 0 "$@"; do
      if (exec 3<>"/dev/tcp/127.0.0.1/$((port + beside))") 2>/dev/null; then
        port=$((port + step))
        continue 2
      fi
    done
    echo "$port"
    return
  done
}

start_kafka() {
  local url
  url=$("$ROOT/ops/kafka" start --port "$(free_port 29092 10 1)" --dir "$1/kafka") || return 1
  BROKER_ENV+=("--test_env=MILLRACE_KAFKA_URL=$url")
  say "$url"
}
stop_kafka() { "$ROOT/ops/kafka" stop --kill --dir "$1/kafka"; }

start_rabbitmq() {
  local url
  url=$("$ROOT/ops/rabbitmq" start --management --port "$(free_port 25872 10 101 200 300 301)" --dir "$1/rabbitmq") || return 1
  BROKER_ENV+=("--test_env=MILLRACE_RABBITMQ_URL=$url")
  say "$url"
}
stop_rabbitmq() { "$ROOT/ops/rabbitmq" stop --dir "$1/rabbitmq"; }

BROKERS=(kafka rabbitmq)

start_brokers() {
  local name
  for name in "${BROKERS[@]}"; do
    STARTED_BROKERS+=("$name=$1")
    "start_$name" "$1" || complain "ops/test: no $name for the tests; those that need one will fail"
  done
}

stop_brokers() {
  local started
  for started in ${STARTED_BROKERS[@]+"${STARTED_BROKERS[@]}"}; do "stop_${started%%=*}" "${started#*=}" || true; done
}
