"""Checks of an echo server, those of the benchmark HttpArena. Usage: websockets_echo.py HOST:PORT"""

import asyncio
import http.client
import sys

from websockets.asyncio.client import connect


def check(actual, expected, what):
    if actual != expected:
        sys.exit(f"{what}: expected {str(expected)[:60]!r}, got {str(actual)[:60]!r}")


async def exchange(url):
    async with asyncio.timeout(20), connect(url) as connection:
        for message in "Hello", "héllo ☃ 😀", bytes(range(256)):
            await connection.send(message)
            check(await connection.recv(), message, "echo")
        messages = [f"message {number}" for number in range(5)]
        for message in messages:
            await connection.send(message)
        check([await connection.recv() for _ in messages], messages, "echoes in order")
        await (await connection.ping(b"ping"))
        await connection.close(1000)
        check(connection.close_code, 1000, "close code")


def plain_status(address):
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("GET", "/ws")
    return connection.getresponse().status


address = sys.argv[1]
asyncio.run(exchange(f"ws://{address}/ws"))
check(plain_status(address) // 100, 4, "status of a plain request")
asyncio.run(exchange(f"ws://{address}/ws"))
