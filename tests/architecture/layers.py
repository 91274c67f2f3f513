"""Who may see whom: bus ← stages ← sim ← ops, and only drivers and ops see a broker client. ARCHITECTURE.md draws it."""

import os
import re

BROKER_CLIENTS = ("@system//:rdkafka", "@system//:rabbitmq", "@system//:openssl")
# A driver's folder holds its shim over the client library; the logic in core/ sees no client and may be simulated.
_SHIM = re.compile(r"//bus/(?:kafka|rabbitmq)(?!/core\b)[:/]")
_CLIENT_HEADER = re.compile(r"^(?:librdkafka/|rdkafka|rabbitmq-c/|amqp(?:_\w+)?\.h)")


def _below(*folders):
    return lambda label: label.startswith(tuple(f"//{f}{end}" for f in folders for end in (":", "/")))


def _broker_client(label):
    return label in BROKER_CLIENTS or _SHIM.match(label) is not None


# (who, may not reach, in words)
RULES = [
    (_below("stages"), _broker_client, "stages never see a broker client"),
    (_below("sim"), _broker_client, "the simulator never sees a broker client"),
    (
        lambda label: label == "//ops:sim_main",
        _broker_client,
        "what a fault test runs links no broker client",
    ),
    (_below("bus"), _below("stages", "sim", "ops", "tests"), "the bus stands below stages, simulator and ops"),
    (_below("stages"), _below("sim", "ops", "tests"), "stages stand below simulator and ops"),
    (lambda label: label.startswith("//stages:"), _below("stages/property"), "the core of stages knows no pipeline"),
    (_below("sim"), _below("ops", "tests"), "the simulator stands below ops"),
    (
        lambda label: re.match(r"//bus/(kafka|rabbitmq)/core\b", label) is not None,
        _broker_client,
        "a driver's core sees no client library",
    ),
]

# What starts a test in Python may be used from everywhere; it is no layer.
_TEST_TOOLS = ("//tests:python_test.sh",)


def violations(graph):
    """Yields a line for each target that reaches what it may not, with the way there."""
    for start in sorted(graph.targets):
        for who, forbidden, words in RULES:
            if not who(start):
                continue
            path = graph.path(start, lambda label, f=forbidden: f(label) and label not in _TEST_TOOLS)
            if path:
                yield f"{words}: " + " → ".join(path)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', re.MULTILINE)


def include_violations(path, text):
    """Yields a line for each header that a source in `path` may not include, whatever its BUILD file says."""
    folder = os.path.dirname(path)
    start = f"//{folder}:{os.path.basename(path)}"
    for header in _INCLUDE.findall(text):
        label = f"//{os.path.dirname(header)}:{os.path.basename(header)}" if "/" in header else header
        for who, forbidden, words in RULES:
            broker = forbidden is _broker_client and _CLIENT_HEADER.match(header)
            if who(start) and (broker or forbidden(label)):
                yield f"{words}: {path} includes {header}"
