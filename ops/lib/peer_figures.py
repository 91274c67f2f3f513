"""The arithmetic of paired benchmarks: two programs take turns, each turn gives a ratio, and the median of the ratios is the figure."""

import collections
import re
import statistics


def parse(text):
    """The figures of a line `name=number name=number …`, as programs print them."""
    return {name: float(value) for name, value in re.findall(r"(\w+)=([0-9]+(?:\.[0-9]+)?)(?=\s|$)", text)}


class Paired:
    """What the runs of two programs say about each other; those of one place were made in turn."""

    def __init__(self, ours, theirs):
        self.ours = ours
        self.theirs = theirs

    def ratios(self):
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    def ratio(self):
        return statistics.median(self.ratios())

    def middle_half(self):
        """Between which two values half of the ratios lie."""
        ratios = self.ratios()
        if len(ratios) == 1:
            return ratios[0], ratios[0]
        quarters = statistics.quantiles(ratios, n=4, method="inclusive")
        return quarters[0], quarters[2]

    def medians(self):
        return statistics.median(self.ours), statistics.median(self.theirs)


def slope(few, many, messages_few, messages_many):
    """What one message more costs: what a run pays once cancels out."""
    if messages_many <= messages_few:
        raise ValueError("a slope needs two different counts, the smaller one first")
    return (many - few) / (messages_many - messages_few)


# What a figure must be: in words, and of ours, theirs and their ratio.
Bound = collections.namedtuple("Bound", "text kept")


def at_most(limit, more=""):
    return Bound("at most %.2f x%s" % (limit, more), lambda ours, theirs, ratio: ratio <= limit)


def at_least(limit):
    return Bound("at least %.2f x" % limit, lambda ours, theirs, ratio: ratio >= limit)


_NOT_ABOVE = Bound("not above C", lambda ours, theirs, ratio: ours <= theirs)
_IDLE = Bound("below 1 %", lambda ours, theirs, ratio: ours < 1)

BOUNDS = {
    "Kafka": {
        "throughput": at_least(0.98),
        "cpu": at_most(1.15),
        "p50": Bound("at most 1.5 ms", lambda ours, theirs, ratio: ours <= 1.5),
        "p99": Bound("at most 1 ms above C", lambda ours, theirs, ratio: ours <= theirs + 1),
        "idle": _IDLE,
        "application thread": at_most(1.25, ", goal 1.05"),
    },
    "RabbitMQ": {
        "throughput": at_least(1.15),
        "cpu": at_most(0.5),
        "p50": _NOT_ABOVE,
        "p99": _NOT_ABOVE,
        "idle": _IDLE,
        "publish": at_most(0.30),
        "consume": at_most(0.20),
    },
}


def row(what, ours, theirs, figure="", words=""):
    return ("  %-42s %12s %12s  %-24s %s" % (what, ours, theirs, figure, words)).rstrip()


def bound_row(what, ours, theirs, form, figure, bound=None, ratio=None):
    """A line of the table. A bound that is missed says so."""
    words = ""
    if bound is not None:
        words = bound.text
        if not bound.kept(ours, theirs, ours / theirs if ratio is None and theirs else ratio):
            words += "  MISSED"
    return row(what, form % ours, form % theirs, figure, words)


def paired_row(what, paired, form, bound=None):
    ours, theirs = paired.medians()
    return bound_row(what, ours, theirs, form, "%.3f x (%.3f to %.3f)" % (paired.ratio(), *paired.middle_half()), bound, paired.ratio())


HEAD = row("", "millrace", "C", "ratio (middle half)", "must be")
