"""Ports for brokers that a test starts by itself."""

import socket

# What ops/kafka and ops/rabbitmq listen on beside the port that they are given: controller, node-to-node, epmd, plugins, TLS.
BESIDE = (0, 1, 101, 200, 300, 301, 400)


def free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(first):
    """The first port from there on, in steps of 10, that is free with all that a broker's script takes beside it. Somebody else may take it before that
    script does: then the next one is to be tried."""
    for port in range(first, 65000, 10):
        if all(free(port + beside) for beside in BESIDE):
            return port
    raise RuntimeError(f"no port is free from {first} on")
