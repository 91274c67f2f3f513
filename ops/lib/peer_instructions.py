"""Instructions for a message, by callgrind: the difference between a run over more and one over fewer records, so that starting up cancels out."""

import statistics

import callgrind
from peer_figures import BOUNDS, bound_row, parse, row, slope

RUNS = 3
COUNTS = {"Kafka": (10_000, 50_000), "RabbitMQ": (5_000, 20_000)}
AHEAD = 10_000  # more than a run has read when it ends


def application_thread(threads):
    return threads[0].total


def all_threads(threads):
    return sum(thread.total for thread in threads)


def rabbitmq_c_publish(threads):
    return threads[0].inside("amqp_basic_publish")


def rabbitmq_c_consume(threads):
    return threads[0].inside("amqp_consume_message", "amqp_destroy_envelope", "amqp_maybe_release_buffers", "amqp_basic_ack")


def rabbitmq_publish(threads):
    return threads[0].inside("RabbitProducer::Publish")


def rabbitmq_consume(threads):
    """The driver's part, without the worker that it tells; and the thread that reads and decodes what is delivered."""
    driver = threads[0].inside("RabbitConsumer::Poll", "RabbitConsumer::Settle") - threads[0].inside("Consumer::Checker::On")
    return driver + sum(thread.total for thread in threads[1:] if thread.inside("AmqpDecoder::Finish") > 0)


# What is counted: how, of ours and of the C program's.
FIGURES = {
    "Kafka": {"application thread": (application_thread, application_thread), "all threads": (all_threads, all_threads)},
    "RabbitMQ": {
        "publish": (rabbitmq_publish, rabbitmq_c_publish),
        "consume": (rabbitmq_consume, rabbitmq_c_consume),
        "all threads": (all_threads, all_threads),
    },
}


def slopes(bench, side, counters):
    """What each counter says of a message more."""
    topic = "counted"
    runs = []
    for count in COUNTS[bench.broker.title]:
        groups = bench.prepare(topic, COUNTS[bench.broker.title][1] + AHEAD)
        threads, text = callgrind.profile(bench.command(side, topic, groups[side], count))
        # Ours may have settled more by the time it sees that these are enough.
        runs.append((parse(text).get("settled", count), {name: counter(threads) for name, counter in counters.items()}))
        bench.forget(topic, groups)
    (few, at_few), (many, at_many) = runs
    return {name: slope(at_few[name], at_many[name], few, many) for name in counters}


def print_table(bench):
    figures = FIGURES[bench.broker.title]
    print("\nInstructions for a message on %s, difference of runs over %d and %d records; medians of %d" % (bench.broker.title, *COUNTS[bench.broker.title], RUNS))
    print(row("", "millrace", "C", "ratio", "must be"), flush=True)
    found = {side: [slopes(bench, side, {name: pair[place] for name, pair in figures.items()}) for _ in range(RUNS)] for place, side in enumerate(("millrace", "c"))}
    for name in figures:
        ours, theirs = (statistics.median(run[name] for run in found[side]) for side in ("millrace", "c"))
        print(bound_row(name, ours, theirs, "%.0f", "%.3f x" % (ours / theirs), BOUNDS[bench.broker.title].get(name)), flush=True)
