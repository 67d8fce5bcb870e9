"""A client's connections through HTTP proxies, with `ProxyTunnel` and CONNECT."""

import base64
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dialects
from harness import (
    HERE,
    LINES,
    NODE_ENVIRONMENT,
    check,
    configured_server,
    example_server,
    exchange,
    read_line,
    running,
)

TINYPROXY = """
Listen 127.0.0.1
Port @port@
Timeout 60
@directives@
"""
SQUID = """
http_port 127.0.0.1:@port@
visible_hostname localhost
pid_filename none
access_log none
cache_log stdio:@directory@/cache.log
coredump_dir @directory@
netdb_filename none
pinger_enable off
max_filedescriptors 1024
@directives@
"""
SQUID_AUTHORIZED = """
auth_param basic program /usr/lib/squid/basic_ncsa_auth @directory@/passwords
auth_param basic children 1
auth_param basic realm hybi
acl known proxy_auth REQUIRED
http_access allow known
"""
SQUID_OTHER_PORT = """
acl allowed port 1
http_access allow allowed
http_access deny all
"""
USER, PASSWORD = "user", "secret"
# Of the password, by crypt(3).
SQUID_PASSWORDS = f"{USER}:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n"


def tinyproxy(directives=""):
    configuration = TINYPROXY.replace("@directives@", directives)
    return configured_server("tinyproxy", configuration, ["tinyproxy", "-d", "-c", "@file@"])


@contextlib.contextmanager
def squid(directives="http_access allow all"):
    configuration = SQUID.replace("@directives@", directives)
    service = f"hybi{os.getpid()}"
    command = ["squid", "-N", "-n", service, "-f", "@file@"]
    files = {"passwords": SQUID_PASSWORDS}
    try:
        with configured_server("squid", configuration, command, files=files) as address:
            yield address
    finally:
        # Squid would remove its shared memory by itself, but takes two seconds to exit.
        for file in Path("/dev/shm").glob(f"{service}-*"):
            file.unlink()


class Proxy(NamedTuple):
    start: Callable
    # Allows a port that no scenario connects to, and no other.
    other_port: str
    # Allows the user alone.
    authorized: str
    # The status if nothing listens on the port.
    unused_port: int
    # What is reported without authorization, and with a wrong password.
    unauthorized: tuple[str, str]


PROXIES = {
    "tinyproxy": Proxy(
        tinyproxy,
        "ConnectPort 1",
        f"BasicAuth {USER} {PASSWORD}",
        500,
        ('407, Basic realm="Tinyproxy"', "401"),
    ),
    "squid": Proxy(
        squid,
        SQUID_OTHER_PORT,
        SQUID_AUTHORIZED,
        503,
        ('407, Basic realm="hybi"', '407, Basic realm="hybi"'),
    ),
}


def basic(password):
    return "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()


def tunnel(proxy, server, dialect="rfc6455", lines=(), authorization=None):
    """Returns what the client prints, and its exit code."""
    proxy = [proxy, authorization] if authorization else [proxy]
    return exchange(f"ws://{server}/", dialect, lines, proxy)


def check_rejected(reported, *arguments, **options):
    what = f"proxy: the request was rejected with HTTP status {reported}"
    check(tunnel(*arguments, **options), ([what], 1), "error and exit code")


def converse(proxy, server, dialect, answers, **options):
    printed, exit_code = tunnel(proxy, server, dialect, answers, **options)
    check(printed, list(answers.values()), "answers")
    check(exit_code, 0, "exit code of lines_client")


def chat(name, chat, dialect):
    answers = {"CONNECTED": "Welcome", "POKE": "Quit poking me!"} | dict(zip(LINES, LINES))
    with example_server(chat) as server, PROXIES[name].start() as proxy:
        converse(proxy, server, dialect, answers)


@contextlib.contextmanager
def ws():
    with running("node", HERE / "ws.js", env=NODE_ENVIRONMENT) as server:
        yield f"127.0.0.1:{json.loads(read_line(server, 'port from ws'))['port']}/quiet"


def echo_of_ws(name):
    with ws() as server, PROXIES[name].start() as proxy:
        converse(proxy, server, "rfc6455", dict(zip(LINES, LINES)))


def authorized(name):
    """The proxy requests authorization, and opens the tunnel if that is right."""
    settings = PROXIES[name]
    with example_server("poke") as server, settings.start(settings.authorized) as proxy:
        values = None, basic("wrong")
        for value, reported in zip(values, settings.unauthorized):
            check_rejected(reported, proxy, server, authorization=value)
        answers, value = {"POKE": "Quit poking me!"}, basic(PASSWORD)
        converse(proxy, server, "hixie-76", answers, authorization=value)


def refused(name, status, *directives):
    """Nothing listens on the port, or the proxy does not allow it."""
    # Bound, so that no other process listens on it.
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{unused.getsockname()[1]}"
        with PROXIES[name].start(*directives) as proxy:
            check_rejected(status, proxy, server)


def scenarios():
    for name, settings in PROXIES.items():
        for dialect in dialects.DIALECTS:
            yield f"{name}-poke-{dialect}", name, chat, name, "poke", dialect
        yield f"{name}-mio_chat-hixie-76", name, chat, name, "mio_chat", "hixie-76"
        yield f"{name}-ws-rfc6455", f"{name} ws", echo_of_ws, name
        yield f"{name}-authorization", name, authorized, name
        yield f"{name}-unused-port", name, refused, name, settings.unused_port
        yield f"{name}-other-port", name, refused, name, 403, settings.other_port
