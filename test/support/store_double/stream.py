"""HTTP/1.1 whose bytes stay as they came: what was signed must reach the server unchanged."""

import asyncio
import socket
import struct

MAX_HEAD_BYTES = 64 * 1024


class Gone(Exception):
    """The other side has closed the connection, or sent what is no HTTP."""


class Stream:
    """One side's bytes, read as HTTP messages that stay as they came."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.pending = b''
        self.loop = asyncio.get_running_loop()

    async def more(self) -> None:
        data = await self.loop.sock_recv(self.sock, 1 << 18)
        if not data:
            raise Gone
        self.pending += data

    async def until(self, mark: bytes) -> bytes:
        while (end := self.pending.find(mark)) < 0:
            if len(self.pending) > MAX_HEAD_BYTES:
                raise Gone
            await self.more()
        return self.take(end + len(mark))

    async def exactly(self, count: int) -> bytes:
        parts = [self.take(min(count, len(self.pending)))]
        have = len(parts[0])
        while have < count:
            await self.more()
            parts.append(self.take(count - have))
            have += len(parts[-1])
        return b''.join(parts)

    def take(self, count: int) -> bytes:
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    async def send(self, data: bytes) -> None:
        await self.loop.sock_sendall(self.sock, data)

    async def hung_up(self) -> None:
        """Returns when the client has."""
        try:
            while True:
                await self.more()
        except (OSError, Gone):
            return

    async def body(self, head: 'Head') -> bytes:
        if 'chunked' not in head.header('transfer-encoding').lower():
            return await self.exactly(int(head.header('content-length') or 0))
        parts = []
        while True:
            parts.append(await self.until(b'\r\n'))
            size = int(parts[-1].split(b';')[0], 16)
            parts.append(await self.exactly(size + 2))
            if size == 0:
                return b''.join(parts)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


class Head:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.first, *lines = raw.decode('latin-1').removesuffix('\r\n\r\n').split('\r\n')
        self.headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(':') for line in lines)]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), '')
