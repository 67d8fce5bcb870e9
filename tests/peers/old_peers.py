"""Clients and servers of the time of the drafts."""

import json

from harness import (
    HERE,
    LINES,
    NODE_ENVIRONMENT,
    PEERS,
    check,
    client_environment,
    example_server,
    exchange,
    read_line,
    run_peer,
    running,
)

OLD = HERE / "old"
# Debian's, which finds what apt-get installs.
PYTHON_3 = "/usr/bin/python3"
PYTHON_2 = PEERS / "python2/python"
NODE = "node", "--no-deprecation"
NETTY_JARS = "buffer", "codec", "codec-http", "common", "handler", "resolver", "transport"
CLASS_PATH = [str(PEERS / "netty"), *(f"/usr/share/java/netty-{name}.jar" for name in NETTY_JARS)]
NETTY = "java", "-cp", ":".join(CLASS_PATH), "Netty"

HIXIE = "hixie-75", "hixie-76"
ALL = *HIXIE, "hybi-7", "hybi-8", "rfc6455"

# By name, which is that of the peer to install: the command and the dialects.
SERVERS = {
    "netty": ([*NETTY, "server"], ALL),
    "em-websocket": (["ruby", OLD / "em_websocket.rb"], ALL),
    # Its server removes white space from the ends of the key of Hixie-76, so some do not open.
    "ruby-websocket": (
        ["ruby", OLD / "websocket.rb", "server"],
        ["hixie-75", "hybi-7", "hybi-8", "rfc6455"],
    ),
    "ruby-websocket-driver": (["ruby", OLD / "websocket_driver.rb"], ALL),
    "perl": (["perl", OLD / "protocol_websocket_server.pl"], [*HIXIE, "hybi-8", "rfc6455"]),
    "eventlet": ([PYTHON_3, OLD / "eventlet_server.py"], HIXIE),
    "node-websocket-server": ([*NODE, OLD / "node_websocket_server.js"], HIXIE),
    "ws-0.4.32": ([*NODE, OLD / "old_ws.js", "ws-0.4.32"], ["hixie-76"]),
    "ws-1.1.5": ([*NODE, OLD / "old_ws.js", "ws-1.1.5"], ["hixie-76"]),
    "pywebsocket": ([PYTHON_2, OLD / "pywebsocket_server.py"], ["hixie-76"]),
    "tornado": ([PYTHON_2, OLD / "tornado_server.py"], ["hixie-76"]),
}
# The address and the dialect are added to the command.
CLIENTS = {
    "netty": ([*NETTY, "client"], ALL[1:]),
    "ruby-websocket": (["ruby", OLD / "websocket.rb", "client"], ALL),
    "websocket-client-js": ([*NODE, OLD / "websocket_client.js"], ["hixie-76"]),
    "websocket-client-py": ([PYTHON_2, OLD / "websocket_client.py"], ["hixie-76"]),
    "autobahn": ([PYTHON_2, OLD / "autobahn_client.py"], ["hixie-76", "hybi-8"]),
}

# netty misreads messages of the first drafts that do not arrive in one read.
LENGTHS = {"netty": 500}
LENGTH = 20_000
# These read the close frame of Hixie-76, but do not answer it.
UNANSWERED = "eventlet", "node-websocket-server"
UNANSWERED_ERROR = (
    "the peer closed the connection without a close frame during the closing handshake"
)


def server(name, dialect):
    """A client opens a connection, gets echoes and closes; the server reports the end."""
    lines = [line[: LENGTHS.get(name, LENGTH)] for line in LINES]
    with running(*SERVERS[name][0], env=NODE_ENVIRONMENT) as process:
        port = json.loads(read_line(process, "port from the server"))["port"]
        printed, exit_code = exchange(f"ws://127.0.0.1:{port}/echo", dialect, lines)
        check(printed[: len(lines)], lines, "answers")
        is_unanswered = name in UNANSWERED and dialect == "hixie-76"
        expected = ([UNANSWERED_ERROR], 1) if is_unanswered else ([], 0)
        check((printed[len(lines) :], exit_code), expected, "end of the connection")
        check(read_line(process, "end of the connection"), "closed", "last line of the server")
    return "does not answer the close frame, as expected" if is_unanswered else None


def client(name, dialect, chat="poke"):
    """Connects to a server, gets its answers and an echo, and closes."""
    with example_server(chat) as address:
        run_peer(*CLIENTS[name][0], address, dialect, env=client_environment(chat))


def of_dialects(is_included):
    for peers, scenario, role in (SERVERS, server, "server"), (CLIENTS, client, "client"):
        for name, (_, dialects) in peers.items():
            for dialect in filter(is_included, dialects):
                yield f"old-{role}-{name}-{dialect}", name, scenario, name, dialect
    for name, (_, dialects) in CLIENTS.items():
        for dialect in filter(is_included, dialects):
            yield f"tokio_echo-{name}-{dialect}", name, client, name, dialect, "tokio_echo"


def scenarios():
    yield from of_dialects(HIXIE.__contains__)


def slow_scenarios():
    """Yields those of the later dialects, which peers of today speak too."""
    yield from of_dialects(lambda dialect: dialect not in HIXIE)
