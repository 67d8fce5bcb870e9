"""The short client, the examples with other runtimes, and the chat over several machines."""

import json

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


def redis_chat():
    return run_peer(PYTHON, HERE / "redis_chat.py", binary("redis_chat"))


def scenarios():
    yield "client", "websockets", client
    for name in "io_uring", "embedded", "tokio_echo":
        yield f"{name}-arena", "websockets", echo, name
    yield "redis_chat", "redis websockets", redis_chat
