"""Exchanges compressed messages with an echo over sets of parameters, read as JSON from stdin.

Usage: websockets_compression.py client|server COMPRESSING_ECHO
"""

import asyncio
import contextlib
import json
import random
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

TIMEOUT = 60
FACTORIES = {"client": ClientPerMessageDeflateFactory, "server": ServerPerMessageDeflateFactory}

RANDOM = random.Random(1)
TEXT = " ".join(f'{{"id": {n}, "name": "héllo ☃ 😀"}}' for n in range(40_000))
NOISE = RANDOM.randbytes(1 << 20)
# Sent twice. The smallest window has it, and alone it becomes a little shorter at every level.
REPEATED = NOISE[:80].hex() + "x" * 40
# 4096: what the echo inflates at a time.
SIZES = 0, 1, 31, 125, 126, 255, 1000, 4095, 4096, 4097, 8192, 65_535, 65_536, 1 << 20


def check(actual, expected, what):
    if actual != expected:
        raise ValueError(f"{what}: expected {str(expected)[:60]!r}, got {str(actual)[:60]!r}")


def messages():
    for size in SIZES:
        yield "x" * size
        yield TEXT[-size:] if size else ""
        yield NOISE[:size]
        yield bytes(size)


def count_compressed(connection):
    """Returns a list that the lengths of compressed messages are appended to."""
    (extension,), lengths = connection.protocol.extensions, []
    decode = extension.decode

    def decode_counted(frame, **options):
        if frame.rsv1:
            lengths.append(len(frame.data))
        return decode(frame, **options)

    extension.decode = decode_counted
    return extension, lengths


async def with_pings(connection, fragments):
    for fragment in fragments:
        yield fragment
        await (await connection.ping(fragment[:100]))


async def converse(connection, echo_keeps_window):
    extension, lengths = count_compressed(connection)
    for message in messages():
        await connection.send(message)
        check(await connection.recv(), message, f"message of {len(message)}")
    if not lengths:
        raise ValueError("no message was compressed")

    for _ in range(2):
        lengths.clear()
        await connection.send(REPEATED)
        check(await connection.recv(), REPEATED, "repeated message")
    takeover = echo_keeps_window and not extension.remote_no_context_takeover
    check(bool(lengths and lengths[0] < 40), takeover, f"context takeover, lengths {lengths}")

    # Characters are divided between fragments.
    for message in TEXT[: 1 << 17], NOISE[: 1 << 18], "":
        is_text = isinstance(message, str)
        content = message.encode() if is_text else message
        fragments, start = [], 0
        for size in (1, 2, 3, 0, 4096, 1 << 16, len(content)):
            fragments.append(content[start : start + size])
            start += size
        await connection.send(with_pings(connection, fragments), text=is_text)
        check(await connection.recv(), message, "fragmented message")
    await connection.close(4000, "enough")
    check(connection.close_code, 4000, "echoed close code")


async def run_client(echo, arguments, factory, keeps_window):
    process = await asyncio.create_subprocess_exec(
        echo, "server", *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        port = int(await process.stdout.readline())
        url = f"ws://127.0.0.1:{port}/"
        options = {"extensions": [factory], "compression": None, "max_size": None}
        async with connect(url, **options) as connection:
            await converse(connection, keeps_window)
        check(await process.wait(), 0, "exit code of the echo")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def run_server(echo, arguments, factory, keeps_window):
    done = asyncio.get_running_loop().create_future()

    async def handle(connection):
        try:
            done.set_result(await converse(connection, keeps_window))
        except Exception as error:
            done.set_exception(error)

    options = {"extensions": [factory], "compression": None, "max_size": None}
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            echo, f"ws://127.0.0.1:{port}/", *arguments
        )
        exited = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({done, exited}, return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                await asyncio.wait({done}, timeout=1)
            if not done.done():
                raise ValueError("the echo exited before the end of the conversation")
            await done
            check(await exited, 0, "exit code of the echo")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def main(role, echo):
    failures = []
    parameter_sets = json.load(sys.stdin)
    for parameters in parameter_sets:
        deflate = {"level": parameters["level"], "memLevel": parameters["memory_level"]}
        factory = FACTORIES[role](**parameters["peer"], compress_settings=deflate)
        keeps_window = parameters["echo"][0] != "none"
        run = {"client": run_client, "server": run_server}[role]
        try:
            async with asyncio.timeout(TIMEOUT):
                await run(echo, parameters["echo"], factory, keeps_window)
        except Exception as error:
            failures.append(f"{json.dumps(parameters)}: {type(error).__name__}: {error}")
            print(failures[-1])
    if failures:
        sys.exit(f"{len(failures)} of {len(parameter_sets)} failed, the last: {failures[-1]}")


asyncio.run(main(*sys.argv[1:]))
