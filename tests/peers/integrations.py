"""The short client, the examples with other runtimes, and the chat over several machines."""

import json
import socket
import time
from subprocess import PIPE

from harness import HERE, PYTHON, binary, check, example_server, read_line, run_peer, running


def client():
    with running(PYTHON, HERE / "websockets_server.py") as server:

        def read_event(what):
            return json.loads(read_line(server, f"{what} from the server"))

        url = f"ws://127.0.0.1:{read_event('port')['port']}/echo"
        check(run_peer(binary("client"), url, "héllo\t☃"), '"héllo\\t☃"', "echo")
        events = [read_event("event") for _ in range(4)]
        check(events[-1].get("code"), 1000, "close code")


def echo(name):
    with example_server(name) as address:
        run_peer(PYTHON, HERE / "websockets_echo.py", address)


def sends_after_close():
    """The server reads on after its close frame, so that the client's bytes do not reset it."""
    request = (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with running(binary("io_uring"), "127.0.0.1:0", stderr=PIPE) as server:
        _, port = read_line(server, "address from io_uring").rstrip("/").rsplit(":", 1)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(request.encode() + b"\x88\x82\0\0\0\0\x03\xe8")
            received = b""
            while chunk := connection.recv(4096):
                received += chunk
            _, _, close = received.partition(b"\r\n\r\n")
            check(close, b"\x88\x02\x03\xe8", "close frame")
            for _ in range(4):
                connection.sendall(b"x")
                time.sleep(0.1)
        server.kill()
        check(server.stderr.read(), "", "stderr of io_uring")


def redis_chat():
    return run_peer(PYTHON, HERE / "redis_chat.py", binary("redis_chat"))


def scenarios():
    yield "client", "websockets", client
    for name in "io_uring", "embedded", "tokio_echo":
        yield f"{name}-arena", "websockets", echo, name
    yield "io_uring-bytes-after-close", "", sends_after_close
    yield "redis_chat", "redis websockets", redis_chat
