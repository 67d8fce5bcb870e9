"""eventlet as an echo server that prints its port."""

import json

import eventlet
from eventlet import websocket, wsgi


@websocket.WebSocketWSGI
def echo(connection):
    while (text := connection.wait()) is not None:
        connection.send(text)
    print("closed", flush=True)


listener = eventlet.listen(("127.0.0.1", 0))
print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
wsgi.server(listener, echo, log_output=False)
