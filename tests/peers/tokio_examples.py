"""The examples of hybi-tokio, apart from what the other modules run with its echo server."""

import contextlib
import functools
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE

import dialects
from harness import (
    HERE,
    LINES,
    NODE_ENVIRONMENT,
    PYTHON,
    Failed,
    binary,
    check,
    example_process,
    example_server,
    last_line,
    read_line,
    run_peer,
    running,
    timeout,
)

PEERS = {
    "ws": ["node", HERE / "ws.js"],
    "websockets": [PYTHON, HERE / "websockets_server.py"],
}

# The scheme and protocol of the page, the length of a long message, and the greeting. The lengths
# are more than the windows of a stream of HTTP/2, and the limit of the chat.
PAGES = {
    "http2": ("https", "h2", "200000", "connected over HTTP/2.0"),
    "axum_upgrade": ("http", "http/1.1", "200000", "Hello, guest"),
    "tokio_chat": ("http", "http/1.1", "4096"),
}


@contextlib.contextmanager
def tokio_client(peer, resource):
    """Yields the client, and a function that reads an event of the server."""
    with running(*PEERS[peer], env=NODE_ENVIRONMENT) as server:

        def read_event(what):
            return json.loads(read_line(server, f"{what} from the server"))

        url = f"ws://127.0.0.1:{read_event('port')['port']}{resource}"
        with running(binary("tokio_client"), url, stderr=PIPE) as client:
            check(read_event("open connection").get("version"), "hybi-13", "version")
            yield client, read_event


def exit_code(client):
    with timeout(20, "exit of tokio_client"):
        return client.wait()


def echo(peer):
    with tokio_client(peer, "/echo") as (client, read_event):
        check(read_event("pong"), {"pong": "are you there?"}, "pong")
        for line in LINES:
            with timeout(20, "capacity for a line in tokio_client's input"):
                client.stdin.write(line + "\n")
                client.stdin.flush()
            check(read_event("message").get("message"), line, "message reported by the server")
            check(read_line(client, "echo from tokio_client"), line, "echo")
        client.stdin.close()
        check(exit_code(client), 0, "exit code of tokio_client")
        check(read_event("end").get("code"), 1000, "close code reported by the server")


def server_closes(peer, code, expected):
    """The client exits although its standard input has not ended."""
    with tokio_client(peer, f"/close?{code}") as (client, read_event):
        check(exit_code(client), expected, "exit code of tokio_client")
        check(read_event("end").get("code"), code, "echoed close code")


def axum(dialect, **delivery):
    """The page sets the cookie that the WebSocket needs."""
    with example_server("axum_upgrade") as address:
        page = curl(f"http://{address}/", "-i")
        check("set-cookie: session=guest;" in page.lower(), True, "cookie of the page")
        options = {"path": "/socket", "greeting": "Hello, guest", "answer": "POKE"}
        cookie = ["Cookie: a=b; session=guest"]
        try:
            dialects.converse(dialect, address, others=cookie, **delivery, **options)
        except dialects.Rejected as error:
            raise Failed(error) from None
        for reason, others in ("status 401", []), ("status 403", cookie):
            origin = "http://example.com" if reason == "status 403" else None
            try:
                dialects.converse(dialect, address, origin=origin, others=others, **options)
            except dialects.Rejected as error:
                check(str(error), reason, "answer without a session, or from another site")
            else:
                raise Failed(f"no {reason}")


def curl(*arguments):
    command = "curl", "-sS", "--max-time", "20", *arguments
    process = subprocess.run(command, capture_output=True, encoding="utf-8")
    if process.returncode:
        raise Failed(f"curl: {last_line(process.stderr)}")
    return process.stdout


def upgrade_with_curl(url):
    """Returns the status line of a WebSocket over HTTP/1.1. The connection would stay open."""
    fields = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {dialects.KEY}",
    )
    options = (word for field in fields for word in ("-H", field))
    with running("curl", "-sS", "-N", "-k", "-i", "--http1.1", *options, url) as process:
        return read_line(process, "status from curl").rstrip("\r")


def rustls():
    """The example's client, Python's websockets and curl check the certificate of the server."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = Path(directory, "certificate.pem")
        with example_server("rustls", "serve", "127.0.0.1:0", certificate) as address:
            url = f"wss://localhost:{address.rsplit(':')[1]}/"
            answer = run_peer(binary("rustls"), url, certificate, "héllo\t☃")
            check(answer, '"héllo\\t☃"', "answer")
            run_peer(PYTHON, HERE / "websockets_tls.py", url, certificate)
            # What is not for a WebSocket is answered, too.
            head = curl("--cacert", certificate, "-i", url.replace("wss", "https"))
            check(head.splitlines()[0], "HTTP/1.1 426 Upgrade Required", "status line")


def http2_curl():
    """The page over both versions of HTTP, and a WebSocket over HTTP/1.1."""
    with example_server("http2") as address:
        url = f"https://{address}/"
        for option, status in ("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200 OK"):
            head, _, page = curl("-k", "-i", option, url).partition("\n\n")
            check(head.splitlines()[0].rstrip(), status, f"{option}: status line")
            check(page.endswith("</html>\n"), True, f"{option}: page")
        status = upgrade_with_curl(f"{url}socket")
        check(status, "HTTP/1.1 101 Switching Protocols", "status line")


def page(browser, name):
    scheme, *arguments = PAGES[name]
    with (
        example_server(name) as address,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        url = f"{scheme}://{address}/"
        run_peer(sys.executable, "-B", HERE / "page.py", browser, url, profile, *arguments)


def shutdown(name, path, *arguments):
    """On SIGTERM, a server closes its connections with 1001, and exits."""
    with example_process(name, *arguments) as (server, address):
        # Has sent nothing.
        with socket.create_connection(address.rsplit(":", 1)):
            scheme = "wss" if name in ("http2", "rustls") else "ws"
            command = PYTHON, HERE / "websockets_closed.py", f"{scheme}://{address}{path}"
            with running(*command) as client:
                check(read_line(client, "open connections"), "open", "output of the client")
                server.terminate()
                check(read_line(client, "close codes"), "1001 1001", "close codes")
            with timeout(5, f"exit of {name}"):
                check(server.wait(), 0, f"exit code of {name}")


def scenarios():
    for peer in PEERS:
        yield f"tokio_client-{peer}", peer, echo, peer
        yield f"tokio_client-{peer}-closes-normally", peer, server_closes, peer, 1000, 0
        yield f"tokio_client-{peer}-closes-with-error", peer, server_closes, peer, 4001, 1
    for dialect in dialects.DIALECTS:
        yield f"axum_upgrade-{dialect}", "curl", axum, dialect
        early = functools.partial(axum, early=True)
        yield f"axum_upgrade-{dialect}-early-message", "curl", early, dialect
    late = functools.partial(axum, key_delay=0.2)
    yield "axum_upgrade-hixie-76-late-key", "curl", late, "hixie-76"
    yield "rustls", "websockets curl", rustls
    yield "http2-curl", "curl", http2_curl
    for name, path, *arguments in (
        ("tokio_echo", "/"),
        ("tokio_chat", "/socket"),
        ("axum_upgrade", "/socket"),
        ("http2", "/socket"),
        ("rustls", "/", "serve", "127.0.0.1:0", "/dev/null"),
    ):
        yield f"{name}-shutdown", "websockets", shutdown, name, path, *arguments
    for name in PAGES:
        yield f"{name}-firefox", "firefox", page, "firefox", name
    yield "tokio_chat-chromium", "chromium", page, "chromium", "tokio_chat"
