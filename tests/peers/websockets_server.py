"""Echo server that prints its port, then each event as a line of JSON.

On /close?CODE it closes the connection with that code; on /quiet it does not print messages.
"""

import asyncio
import json

from websockets.asyncio.server import serve


def print_event(**event):
    print(json.dumps(event), flush=True)


async def handle(connection):
    url, headers = connection.request.path, connection.request.headers
    print_event(
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
        print_event(pong="are you there?")
        async for message in connection:
            if url != "/quiet":
                print_event(message=message)
            await connection.send(message)
    print_event(code=connection.close_code, reason=connection.close_reason)


async def main():
    async with serve(
        handle,
        "127.0.0.1",
        0,
        compression="deflate",
        max_size=None,
        select_subprotocol=lambda _, offered: "chat" if "chat" in offered else None,
    ) as server:
        print_event(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()


asyncio.run(main())
