"""HTTP/1.1 on bare sockets: a fault may send what is no HTTP any more, and pictures leave without being copied."""

import asyncio
import datetime
import re
import socket
import struct
from dataclasses import dataclass, field

Buffer = bytes | memoryview

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 100 * 1024 * 1024

REASONS = {
    200: 'OK', 204: 'No Content', 304: 'Not Modified', 400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required',
    403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 413: 'Content Too Large', 415: 'Unsupported Media Type',
    429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable',
}


class Malformed(Exception):
    """What came is no HTTP request that can be answered; the connection is closed."""


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that must not come twice; None: it did not come."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise Malformed(f'{name} came {len(values)} times')
        return values[0] if values else None

    def media_type(self) -> str:
        return (self.header('content-type') or '').split(';')[0].strip().lower()


@dataclass
class Answer:
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[Buffer] = field(default_factory=list)

    def length(self) -> int:
        return sum(len(part) for part in self.body)

    def head(self) -> bytes:
        """The status line and the headers, Date and Content-Length among them."""
        headers = [('Date', http_date()), *self.headers, ('Content-Length', str(self.length()))]
        return head_bytes(self.status, headers)


def http_date(**later: int) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later)
    return moment.strftime('%a, %d %b %Y %H:%M:%S GMT')


def head_bytes(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f'HTTP/1.1 {status:03d} {REASONS.get(status, "Something")}', *(f'{name}: {value}' for name, value in headers)]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1')


class Connection:
    """One client's connection. OSError from any method: the client is gone."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._pending = b''
        self._loop = asyncio.get_running_loop()

    async def request(self) -> Request | None:
        """The next request, read whole; None when the client closed the connection between two of them."""
        head = await self._head()
        if head is None:
            return None
        lines = head.decode('latin-1').split('\r\n')
        line = re.fullmatch(r'([A-Z]+) (/[^ ?#]*)(?:\?([^ #]*))? HTTP/1\.1', lines[0])
        if line is None:
            raise Malformed('the request line')
        headers = []
        for text in lines[1:]:
            name, colon, value = text.partition(':')
            if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise Malformed('a header line')
            headers.append((name.lower(), value.strip()))
        request = Request(line[1], line[2], line[3] or '', headers, b'')
        if (request.header('expect') or '').lower() == '100-continue':
            await self.send(b'HTTP/1.1 100 Continue\r\n\r\n')
        request.body = await self._body(request)
        return request

    async def send(self, *parts: Buffer) -> None:
        for part in parts:
            await self._loop.sock_sendall(self.sock, part)

    async def hung_up(self, seconds: float | None) -> bool:
        """Waits; True as soon as the client closes the connection meanwhile. None: waits for that alone."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    data = await self._loop.sock_recv(self.sock, 4096)
                    if not data:
                        return True
                    self._pending += data
        except TimeoutError:
            return False
        except OSError:
            return True

    def reset(self) -> None:
        """Closes with RST instead of FIN: what the client has not read yet is lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close()

    def close(self) -> None:
        self.sock.close()

    async def _head(self) -> bytes | None:
        while (end := self._pending.find(b'\r\n\r\n')) < 0:
            if len(self._pending) > MAX_HEAD_BYTES:
                raise Malformed('the head is too long')
            data = await self._loop.sock_recv(self.sock, 65536)
            if not data:
                if self._pending:
                    raise Malformed('the head is cut off')
                return None
            self._pending += data
        head, self._pending = self._pending[:end], self._pending[end + 4:]
        return head

    async def _body(self, request: Request) -> bytes:
        encoding, length = request.header('transfer-encoding'), request.header('content-length')
        if encoding is not None:
            if encoding.lower() != 'chunked' or length is not None:
                raise Malformed('the transfer encoding')
            return await self._chunks()
        if length is None:
            return b''
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise Malformed('the content length')
        return await self._exactly(int(length))

    async def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            while b'\r\n' not in self._pending:
                await self._more()
            size, self._pending = self._pending.split(b'\r\n', 1)
            if not re.fullmatch(rb'[0-9a-fA-F]{1,8}', size) or len(body) > MAX_BODY_BYTES:
                raise Malformed('a chunk size')
            body += await self._exactly(int(size, 16))
            if await self._exactly(2) != b'\r\n':
                raise Malformed('the end of a chunk')
            if int(size, 16) == 0:
                return bytes(body)

    async def _exactly(self, count: int) -> bytes:
        if len(self._pending) < count:
            body = bytearray(count)
            body[:len(self._pending)] = self._pending
            view, have = memoryview(body), len(self._pending)
            while have < count:
                got = await self._loop.sock_recv_into(self.sock, view[have:])
                if got == 0:
                    raise Malformed('the body is cut off')
                have += got
            self._pending = b''
            return bytes(body)
        data, self._pending = self._pending[:count], self._pending[count:]
        return data

    async def _more(self) -> None:
        data = await self._loop.sock_recv(self.sock, 65536)
        if not data:
            raise Malformed('the body is cut off')
        self._pending += data
