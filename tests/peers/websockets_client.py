"""Tests a chat server over two connections, or an echo server if ECHO is set.

Usage: websockets_client.py HOST:PORT
"""

import asyncio
import os
import sys

from websockets.asyncio.client import connect

IS_ECHO = "ECHO" in os.environ

LONG = " ".join(map(str, range(200_000)))[: 1 << 20]
BYTES = bytes(range(256)) * 4096
# Longer messages are sent in fragments.
SHORT = LONG[:8000]


def check(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: expected {str(expected)[:60]!r}, got {str(actual)[:60]!r}")


async def with_timeout(what, awaitable):
    try:
        return await asyncio.wait_for(awaitable, 20)
    except TimeoutError:
        sys.exit(f"no {what} within 20 s")


async def expect(connection, message):
    check(await with_timeout("message", connection.recv()), message, "message")


async def ping(connection, payload):
    await with_timeout("pong", await connection.ping(payload))


async def with_pings(connection, fragments):
    for fragment in fragments:
        yield fragment
        await ping(connection, b"between fragments")


async def main(address):
    url = f"ws://{address}/"
    # The server has to accept the compression and to decline the subprotocol that this one offers.
    offering = connect(url, compression="deflate", subprotocols=["chat"], max_size=None)
    plain = connect(url, compression=None, origin="http://example.com", max_size=None)
    both = first, second = [await with_timeout("handshake", one) for one in (offering, plain)]
    check("Sec-WebSocket-Extensions" in first.response.headers, True, "compression accepted")
    check("Sec-WebSocket-Extensions" in second.response.headers, False, "compression not offered")
    check(first.subprotocol, None, "subprotocol")

    for one in both:
        receivers = [one] if IS_ECHO else both
        for message, answer in ("CONNECTED", "Welcome"), ("POKE", "Quit poking me!"):
            await one.send(message)
            await expect(one, message if IS_ECHO else answer)
        await ping(one, b"")
        await ping(one, BYTES[:125])
        for message in "héllo ☃ 😀", "", SHORT, LONG, b"\x00\xff", b"", BYTES:
            await one.send(message)
            for other in receivers:
                await expect(other, message)

        for fragments in ["hé", "", "llo ☃ 😀", LONG], [b"\x00", b"", BYTES]:
            await one.send(with_pings(one, fragments))
            for other in receivers:
                await expect(other, fragments[0][:0].join(fragments))

    await with_timeout("close", first.close(4000, "enough"))
    check(first.close_code, 4000, "echoed close code")
    await second.send("alone")
    await expect(second, "alone")
    await with_timeout("close", second.close())
    check(second.close_code, 1000, "echoed close code")


asyncio.run(main(sys.argv[1]))
