"""Echoes text, and prints its port, then one line of JSON for each thing it sees.

A client of /close?CODE is closed with that code at once.
"""

import asyncio
import json

from websockets.asyncio.server import serve


def saw(**fact):
    print(json.dumps(fact), flush=True)


async def serve_one(connection):
    url, headers = connection.request.path, connection.request.headers
    saw(
        version=f"hybi-{headers['Sec-WebSocket-Version']}",
        url=url,
        origin=headers.get("Origin"),
        protocol=connection.subprotocol,
        extensions=", ".join(extension.name for extension in connection.protocol.extensions),
    )
    if url.startswith("/close?"):
        await connection.close(int(url[7:]), "done here")
    else:
        await (await connection.ping("are you there?"))
        saw(pong="are you there?")
        async for message in connection:
            saw(message=message)
            await connection.send(message)
    saw(code=connection.close_code, reason=connection.close_reason)


async def main():
    async with serve(
        serve_one,
        "127.0.0.1",
        0,
        compression="deflate",
        max_size=None,
        select_subprotocol=lambda _, offered: "chat" if "chat" in offered else None,
    ) as server:
        saw(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()


asyncio.run(main())
