"""Runs `redis_chat` in several processes, and kills, stops and restarts Redis under load.

The clients are Python's websockets. Usage: redis_chat.py PROGRAM
"""

import asyncio
import contextlib
import itertools
import re
import signal
import socket
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

PROCESSES, CLIENTS = 3, 3
MESSAGES = 300
TIMEOUT = 30


class Redis:
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *("redis-server", "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no"),
            stdout=asyncio.subprocess.DEVNULL,
        )

    async def kill(self):
        self.process.kill()
        await self.process.wait()


class Client:
    """Records what it receives."""

    def __init__(self, server, socket):
        self.server, self.socket = server, socket
        self.received = []
        self.news = asyncio.Event()
        self.task = asyncio.create_task(self.receive())

    async def receive(self):
        async for message in self.socket:
            reach, text = message.split(" ", 1)
            self.received.append((text, reach))
            self.news.set()

    async def wait_for(self, texts):
        """Waits until it has received all of these."""
        missing = set(texts)
        async with asyncio.timeout(TIMEOUT):
            seen = 0
            while True:
                missing.difference_update(text for text, _ in self.received[seen:])
                seen = len(self.received)
                if not missing:
                    return
                self.news.clear()
                await self.news.wait()


class Chat:
    def __init__(self, clients):
        self.clients = clients
        self.numbers = itertools.count()

    def of(self, server):
        return [client for client in self.clients if client.server == server]

    async def send(self, count, pause=0.0):
        """One client of each process sends; returns the texts by process."""

        async def send(server):
            texts = []
            for _ in range(count):
                text = f"{next(self.numbers)} from {server}"
                await self.of(server)[0].socket.send(text)
                texts.append(text)
                await asyncio.sleep(pause)
            return texts

        return await asyncio.gather(*map(send, range(PROCESSES)))

    async def send_to_all(self):
        """Everything reaches every client, in one order."""
        start = [len(client.received) for client in self.clients]
        texts = list(itertools.chain(*await self.send(MESSAGES)))
        await asyncio.gather(*(client.wait_for(texts) for client in self.clients))
        orders = [c.received[begin:] for c, begin in zip(self.clients, start, strict=True)]
        for order in orders:
            assert order == orders[0], "two clients received in different orders"
            assert len(order) == len(texts), f"{len(order)} messages instead of {len(texts)}"
            assert all(reach == "all" for _, reach in order), "a message is marked as local"

    async def send_during(self, fault):
        """Everything reaches every client of its own process, whatever happens to the broker."""
        sending = asyncio.create_task(self.send(MESSAGES, pause=0.01))
        await asyncio.sleep(0.5)
        await fault
        for server, texts in enumerate(await sending):
            await asyncio.gather(*(client.wait_for(texts) for client in self.of(server)))

    async def reconnect(self):
        """Waits until a message from each process reaches all."""
        async with asyncio.timeout(TIMEOUT):
            for server in range(PROCESSES):
                reached = False
                while not reached:
                    text = f"probe {next(self.numbers)}"
                    await self.of(server)[0].socket.send(text)
                    await self.of(server)[0].wait_for([text])
                    await asyncio.sleep(0.2)
                    reached = all((text, "all") in client.received for client in self.clients)

    def check_duplicates(self):
        for client in self.clients:
            texts = [text for text, _ in client.received]
            assert len(texts) == len(set(texts)), "a client received a message twice"


async def start(stack, program, redis):
    process = await asyncio.create_subprocess_exec(
        *(program, "127.0.0.1:0", f"redis://127.0.0.1:{redis.port}/"),
        stdout=asyncio.subprocess.PIPE,
    )
    stack.callback(process.kill)
    line = (await process.stdout.readline()).decode()
    return re.fullmatch(r"listening on http(://.+)\n", line)[1]


async def check_limits(address):
    """Pages of other origins may not connect, and messages have a limit."""
    async with connect("ws" + address, origin="http" + address.rstrip("/")) as connection:
        await connection.send("x" * (16 << 10))
        while len(await connection.recv()) < 16 << 10:
            pass
        await connection.send("x" * ((16 << 10) + 1))
        try:
            while True:
                await connection.recv()
        except ConnectionClosedError as error:
            assert error.rcvd.code == 1009, error
    try:
        await connect("ws" + address, origin="http://other.example")
    except InvalidStatus as error:
        assert error.response.status_code == 403, error
    else:
        raise AssertionError("another origin was accepted")


async def main(program):
    redis = Redis()
    await redis.start()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: redis.process.kill())
        addresses = [await start(stack, program, redis) for _ in range(PROCESSES)]
        await check_limits(addresses[0])
        clients = []
        for server, address in enumerate(addresses):
            for _ in range(CLIENTS):
                clients.append(Client(server, await connect("ws" + address)))
        chat = Chat(clients)
        await chat.reconnect()
        await chat.send_to_all()

        async def restart():
            await redis.kill()
            await asyncio.sleep(1)
            await redis.start()

        async def stop():
            redis.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(4)
            redis.process.send_signal(signal.SIGCONT)

        for fault in restart, stop, restart:
            await chat.send_during(fault())
            await chat.reconnect()
            await chat.send_to_all()
        chat.check_duplicates()
        local = sum(reach == "local" for client in clients for _, reach in client.received)
        total = sum(len(client.received) for client in clients)
        assert 0 < local < total
        print(f"{PROCESSES} processes, {total} messages received, {local} of them local")


asyncio.run(main(sys.argv[1]))
