"""Opens two connections, and prints the codes with which the server closes them.

Usage: websockets_closed.py URL
"""

import asyncio
import ssl
import sys
from urllib.parse import urlsplit

from websockets.asyncio.client import connect


async def main(url):
    options = {"additional_headers": {"Cookie": "session=guest"}}
    scheme = "http"
    if url.startswith("wss:"):
        # The certificate is self-signed.
        options["ssl"] = context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        scheme = "https"
    options["origin"] = f"{scheme}://{urlsplit(url).netloc}"
    connections = [await connect(url, **options) for _ in range(2)]
    print("open", flush=True)
    for connection in connections:
        await connection.wait_closed()
    print(*(connection.close_code for connection in connections), flush=True)


asyncio.run(main(sys.argv[1]))
