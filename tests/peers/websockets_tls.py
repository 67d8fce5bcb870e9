"""Tests an echo server over TLS. Usage: websockets_tls.py URL CERTIFICATE"""

import asyncio
import ssl
import sys

from websockets.asyncio.client import connect

MESSAGES = "héllo ☃ 😀", "", " ".join(map(str, range(100_000))), bytes(range(256)) * 1000


async def main(url, certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.set_alpn_protocols(["http/1.1"])
    async with asyncio.timeout(20), connect(url, ssl=context) as connection:
        tls = connection.transport.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "http/1.1":
            sys.exit(f"ALPN selected {tls.selected_alpn_protocol()}")
        for message in MESSAGES:
            await connection.send(message)
            if await connection.recv() != message:
                sys.exit(f"another message than {message[:60]!r}")
        await connection.close(4000, "enough")
        if connection.close_code != 4000:
            sys.exit(f"close code {connection.close_code}")


asyncio.run(main(*sys.argv[1:]))
