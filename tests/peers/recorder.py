"""A TCP proxy that records connections, to check that messages are compressed."""

import contextlib
import socket
import threading


class Recorder:
    """Forwards connections to `address` and records both directions of each."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.server, self.connections = (host, int(port)), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, server = self.listener.accept()[0], socket.create_connection(self.server)
            streams = bytearray(), bytearray()
            self.connections.append(streams)
            for ends, stream in zip([(client, server), (server, client)], streams):
                threading.Thread(target=self.forward, args=[*ends, stream], daemon=True).start()

    def forward(self, source, target, stream):
        with contextlib.suppress(OSError):
            while received := source.recv(1 << 16):
                stream += received
                target.sendall(received)
            target.shutdown(socket.SHUT_WR)

    def compressed(self):
        """Returns how many frames are compressed that clients sent, and that the server sent."""
        upgraded = [streams for streams in self.connections if b"101 " in streams[1][:20]]
        directions = zip(*upgraded)
        return [sum(sum(map(is_compressed, frames(one))) for one in each) for each in directions]


def frames(stream):
    """Yields the first byte of each frame that follows the handshake."""
    at = stream.index(b"\r\n\r\n") + 4
    while at + 2 <= len(stream):
        yield stream[at]
        is_masked, length = divmod(stream[at + 1], 128)
        size = {126: 2, 127: 8}.get(length, 0)
        if size:
            length = int.from_bytes(stream[at + 2 : at + 2 + size], "big")
        at += 2 + size + 4 * is_masked + length


def is_compressed(first_byte):
    return first_byte & 0x40 != 0
