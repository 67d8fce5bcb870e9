"""An echo server of Python's websockets. Usage: websockets_echo.py plain|BITS"""

import asyncio
import sys

from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main(bits):
    extensions = []
    if bits != "plain":
        extensions.append(
            ServerPerMessageDeflateFactory(
                server_max_window_bits=int(bits),
                client_max_window_bits=int(bits),
                compress_settings={"level": 1},
            )
        )
    async with serve(echo, "127.0.0.1", 0, compression=None, extensions=extensions) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main(sys.argv[1]))
