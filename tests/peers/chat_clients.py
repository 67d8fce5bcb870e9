"""Clients that are no browsers, of the chat servers."""

import contextlib
import functools
import itertools
import subprocess

from harness import (
    CHAT_SERVERS,
    HERE,
    PYTHON,
    ROOT,
    Failed,
    check,
    client_environment,
    example_server,
    last_line,
    run_peer,
)
from recorder import Recorder

# Of Protocol::WebSocket.
PERL_VERSIONS = {
    "hixie-75": "draft-hixie-75",
    "hixie-76": "draft-ietf-hybi-00",
    "hybi-8": "draft-ietf-hybi-10",
    "rfc6455": "draft-ietf-hybi-17",
}
COMPRESSING_CLIENTS = {
    "websockets": [PYTHON, HERE / "websockets_client.py"],
    "ws": ["node", HERE / "ws_client.js"],
}


def compressed(client, chat="poke", through=contextlib.nullcontext):
    """A conversation over two connections, one of them compressed.

    The client connects to the address that `through` yields for the one of the server.
    """
    with example_server(chat) as upstream, through(upstream) as address:
        recorder = Recorder(address)
        environment = client_environment(chat)
        run_peer(*COMPRESSING_CLIENTS[client], recorder.address, env=environment)
        sent, received = recorder.compressed()
    check((sent > 0, received > 0), (True, True), f"compressed frames, {sent} and {received}")
    return f"{sent} and {received} compressed frames"


def perl(*dialects, chat="poke", through=contextlib.nullcontext):
    versions = [PERL_VERSIONS[dialect] for dialect in dialects]
    with example_server(chat) as upstream, through(upstream) as address:
        command = "perl", HERE / "protocol_websocket.pl", address, *versions
        run_peer(*command, env=client_environment(chat))


def curl(chat):
    """The page is served to clients that offer HTTP/2, and its head to those that request HEAD."""
    page = (ROOT / "examples/src/page.html").read_text()
    bodies = {"-i": page, "-I": ""}
    with example_server(chat) as address:
        for option, protocol in itertools.product(bodies, ("--http1.0", "--http1.1", "--http2")):
            what = f"curl {option} {protocol}"
            command = "curl", "-sS", "--max-time", "20", option, protocol, f"http://{address}/"
            process = subprocess.run(command, capture_output=True, encoding="utf-8")
            if process.returncode:
                raise Failed(f"{what}: {last_line(process.stderr)}")
            head, _, received = process.stdout.partition("\n\n")
            check(head.splitlines()[0], "HTTP/1.1 200 OK", f"{what}: status line")
            length = f"Content-Length: {len(page.encode())}"
            check(length in head.splitlines(), True, f"{what}: length")
            check(received, bodies[option], f"{what}: body")


def scenarios():
    for dialect in PERL_VERSIONS:
        yield f"perl-{dialect}", "perl", perl, dialect
    yield "perl-all-dialects", "perl", perl, *PERL_VERSIONS
    yield "tokio_echo-perl", "perl", functools.partial(perl, chat="tokio_echo"), *PERL_VERSIONS
    for chat in CHAT_SERVERS:
        yield f"curl-{chat}", "curl", curl, chat
    for client in COMPRESSING_CLIENTS:
        yield f"{client}-client", client, compressed, client
        yield f"tokio_echo-{client}", client, compressed, client, "tokio_echo"
