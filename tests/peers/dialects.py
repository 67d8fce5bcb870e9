"""A client of each dialect that checks responses as strictly as the browsers of its time did."""

import base64
import contextlib
import hashlib
import re
import socket
import time

DIALECTS = "hixie-75", "hixie-76", "hybi-7", "hybi-8", "rfc6455"
TIMEOUT = 3

# WebKit compares these bytes, and finds the other fields by name.
HIXIE_75_HEAD = (
    "HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
)
# The challenge of draft-ietf-hybi-thewebsocketprotocol-00, section 1.3, and what answers it.
HIXIE_76_KEYS = "18x 6]8vM;54 *(5:  {   U1]8  z [  8", "1_ tx7X d  <  nw  334J702) 7]o}` 0"
HIXIE_76_BODY, HIXIE_76_ANSWER = b"Tm[K T2u", b"fQJ,fN/4F4!~K~MH"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()


class Rejected(Exception):
    """The response is not one that opens the connection."""


def request(dialect, address, path="/", others=(), origin=None):
    """Returns the head of a request with other fields, and the key that follows it."""
    body, origin = b"", origin or f"http://{address}"
    fields = ["Upgrade: WebSocket", "Connection: Upgrade", f"Host: {address}"]
    if dialect.startswith("hixie"):
        fields.append(f"Origin: {origin}")
        if dialect == "hixie-76":
            fields += [f"Sec-WebSocket-Key{n}: {key}" for n, key in enumerate(HIXIE_76_KEYS, 1)]
            body = HIXIE_76_BODY
    else:
        version, field = {
            "hybi-7": (7, "Sec-WebSocket-Origin"),
            "hybi-8": (8, "Sec-WebSocket-Origin"),
            "rfc6455": (13, "Origin"),
        }[dialect]
        fields += [f"{field}: {origin}", f"Sec-WebSocket-Key: {KEY}"]
        fields += [f"Sec-WebSocket-Version: {version}"]
    return "\r\n".join([f"GET {path} HTTP/1.1", *fields, *others, "", ""]).encode(), body


def check_head(dialect, head, address, path="/"):
    status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    if not status.startswith("HTTP/1.1 101"):
        raise Rejected(f"status {' '.join(status.split()[1:2])}")
    if dialect == "hixie-75" and not head.startswith(HIXIE_75_HEAD):
        other = "status line" if not HIXIE_75_HEAD.startswith(status) else "order of header fields"
        raise Rejected(f"another {other}")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    expected = {"upgrade": "websocket", "connection": "upgrade"}
    if dialect.startswith("hixie"):
        prefix = "websocket" if dialect == "hixie-75" else "sec-websocket"
        expected |= {f"{prefix}-origin": f"http://{address}"}
        expected |= {f"{prefix}-location": f"ws://{address}{path}"}
    else:
        expected["sec-websocket-accept"] = ACCEPT
    for name, value in expected.items():
        values = fields.get(name, [])
        if name in ("upgrade", "connection"):
            values = [value.lower() for value in values]
        if values != [value]:
            # Without the port, which is another one each time.
            raise Rejected(re.sub(r":\d+", "", f"{name} is {', '.join(values) or 'absent'}"))


def read(connection, condition, what):
    received = b""
    while not condition(received):
        try:
            byte = connection.recv(1)
        except TimeoutError:
            raise Rejected(f"no {what} within {TIMEOUT} s") from None
        except ConnectionError:
            byte = b""
        if not byte:
            raise Rejected(f"end of input instead of {what}")
        received += byte
    return received


def converse(
    dialect,
    address,
    key_delay=0,
    early=False,
    path="/",
    others=(),
    origin=None,
    greeting=None,
    answer="Quit poking me!",
):
    """Opens a connection to a server, pokes it and closes; raises `Rejected`.

    The key of Hixie-76 is sent the delay after the head. An early poke is sent with the request.
    """
    host, port = address.rsplit(":", 1)
    is_hixie = dialect.startswith("hixie")
    with contextlib.closing(socket.create_connection((host, int(port)), TIMEOUT)) as connection:
        head, key = request(dialect, address, path, others, origin)
        # Masked with zeros.
        poke = b"\0POKE\xff" if is_hixie else b"\x81\x84\0\0\0\0POKE"
        if key_delay:
            connection.sendall(head)
            time.sleep(key_delay)
            connection.sendall(key)
        else:
            connection.sendall(head + key + (poke if early else b""))
        head = read(connection, lambda got: got.endswith(b"\r\n\r\n"), "response")
        check_head(dialect, head.decode("latin-1"), address, path)
        if dialect == "hixie-76":
            received = read(connection, lambda got: len(got) == 16, "answer to the challenge")
            if received != HIXIE_76_ANSWER:
                raise Rejected(f"wrong answer {received}")
        if not early:
            connection.sendall(poke)
        texts = [text.encode() for text in (greeting, answer) if text]
        expected = b"".join(
            b"\0%s\xff" % text if is_hixie else bytes([0x81, len(text)]) + text for text in texts
        )
        received = read(connection, lambda got: len(got) == len(expected), "answer to the message")
        if received != expected:
            raise Rejected(f"wrong message {received}")
        if dialect == "hixie-75":
            return
        connection.sendall(b"\xff\0" if is_hixie else bytes([0x88, 0x80, 0, 0, 0, 0]))
        expected = b"\xff\0" if is_hixie else bytes([0x88, 0])
        received = read(connection, lambda got: len(got) == 2, "closing handshake")
        if received != expected:
            raise Rejected(f"wrong closing handshake {received}")
