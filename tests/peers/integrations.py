"""The examples with other runtimes, and the chat over several machines."""

from harness import HERE, PYTHON, binary, example_server, run_peer


def echo(name):
    with example_server(name) as address:
        run_peer(PYTHON, HERE / "websockets_echo.py", address)


def redis_chat():
    return run_peer(PYTHON, HERE / "redis_chat.py", binary("redis_chat"))


def scenarios():
    for name in "io_uring", "embedded", "tokio_echo":
        yield f"{name}-arena", "websockets", echo, name
    yield "redis_chat", "redis websockets", redis_chat
