"""Holds a chat server's conversation over two connections: websockets_client.py HOST:PORT"""

import asyncio
import sys

from websockets.asyncio.client import connect

LONG = " ".join(map(str, range(200_000)))[: 1 << 20]
BYTES = bytes(range(256)) * 4096


def check(got, wanted, what):
    if got != wanted:
        sys.exit(f"{what}: expected {str(wanted)[:60]!r}, got {str(got)[:60]!r}")


async def within(what, awaitable):
    try:
        return await asyncio.wait_for(awaitable, 20)
    except TimeoutError:
        sys.exit(f"no {what} within 20 s")


async def expect(connection, wanted):
    check(await within("message", connection.recv()), wanted, "the message")


async def ping(connection, payload):
    await within("pong", await connection.ping(payload))


async def fragments(connection, parts):
    for part in parts:
        yield part
        await ping(connection, b"between fragments")


async def main(address):
    url = f"ws://{address}/"
    # Offered, and to be declined.
    offering = connect(url, compression="deflate", subprotocols=["chat"], max_size=None)
    plain = connect(url, compression=None, origin="http://example.com", max_size=None)
    both = first, second = [await within("handshake", one) for one in (offering, plain)]
    check("Sec-WebSocket-Extensions" in first.request.headers, True, "an offer of compression")
    check("Sec-WebSocket-Extensions" in first.response.headers, False, "an answer to it")
    check(first.subprotocol, None, "the subprotocol")

    for one in both:
        await one.send("CONNECTED")
        await expect(one, "Welcome")
        await one.send("POKE")
        await expect(one, "Quit poking me!")
        await ping(one, b"")
        await ping(one, BYTES[:125])
        for message in "héllo ☃ 😀", "", LONG, b"\x00\xff", b"", BYTES:
            await one.send(message)
            for other in both:
                await expect(other, message)

        for parts in ["hé", "", "llo ☃ 😀", LONG], [b"\x00", b"", BYTES]:
            await one.send(fragments(one, parts))
            for other in both:
                await expect(other, parts[0][:0].join(parts))

    await within("close", first.close(4000, "enough"))
    check(first.close_code, 4000, "the close code that came back")
    await second.send("alone")
    await expect(second, "alone")
    await within("close", second.close())
    check(second.close_code, 1000, "the close code that came back")


asyncio.run(main(sys.argv[1]))
