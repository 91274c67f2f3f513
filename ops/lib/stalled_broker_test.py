"""A stage on a real broker whose output takes nothing for a while: what it holds stays below what its limits allow, although far more waits in its input, and
when the output takes again everything is settled.

With --parameters of the bus's URL one sees what lets it fail: queued.max.messages.kbytes=65536 on Kafka, prefetch=65535 on RabbitMQ.
"""

import argparse
import os
import pwd
import sys
import tempfile

import ports
import sink_stall
from peers import Bench

PARTITIONS = 2
# More than twice of what may be held.
COUNT = {"kafka": 32_000, "rabbitmq": 24_000}


def measure(name, folder, parameters):
    """The stage's peak of memory, MiB."""
    # Two tests begin at different ports, and all that is derived from them is below what connections are given.
    port = ports.free_port(14000 + os.getpid() % 1500 * 10)
    with sink_stall.broker(name, os.path.join(folder, "broker"), port, ".") as sink:
        if parameters:
            sink.broker.url += "?" + parameters
        return sink_stall.measure(Bench(sink.broker, ".", PARTITIONS, sides=("millrace",)), sink, COUNT[name])["millrace"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--broker", choices=sorted(sink_stall.SINKS), required=True)
    parser.add_argument("--parameters", default="", help="of the bus's URL: name=value&…")
    options = parser.parse_args()
    # Downloads are among the user's files, and a test is told of no home.
    os.environ.setdefault("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    limit = sink_stall.bound_mib(sink_stall.SINKS[options.broker], PARTITIONS)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
        peak = measure(options.broker, folder, options.parameters)
    count = COUNT[options.broker]
    waiting = count * sink_stall.BODY_BYTES // sink_stall.MIB
    print("%.0f MiB in memory, at most %d, while %d MiB waited; %d records settled" % (peak, limit, waiting, count), flush=True)
    if peak > limit:
        sys.exit("the stage holds more than its limits allow")


if __name__ == "__main__":
    main()
