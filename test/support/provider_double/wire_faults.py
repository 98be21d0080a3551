"""Answers that are no proper HTTP: played on the bare connection, which is closed afterwards. OSError ends one: the
client has hung up, which is what most of them wait for."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .faults import Scene
from .wire import Connection, head_bytes

Play = Callable[[Scene, Connection], Awaitable[None]]


@dataclass
class WireFault:
    row: int  # 0: of no row
    play: Play
    billed: bool = True


WIRE_FAULTS: dict[str, WireFault] = {}


def wire_fault(name: str, row: int = 0) -> Callable[[Play], Play]:
    def register(play: Play) -> Play:
        WIRE_FAULTS[name] = WireFault(row, play)
        return play
    return register


JSON_HEADER = ('Content-Type', 'application/json')


# ---- The connection dies, or nothing comes.

@wire_fault('closed')
async def closed(scene: Scene, connection: Connection) -> None:
    """Not a byte, then a proper end."""


@wire_fault('reset')
async def reset(scene: Scene, connection: Connection) -> None:
    connection.reset()


@wire_fault('closed_in_head')
async def closed_in_head(scene: Scene, connection: Connection) -> None:
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Ty')


@wire_fault('closed_in_body')
async def closed_in_body(scene: Scene, connection: Connection) -> None:
    answer = scene.good()
    await connection.send(answer.head(), b''.join(answer.body)[:answer.length() // 2])


@wire_fault('reset_in_body')
async def reset_in_body(scene: Scene, connection: Connection) -> None:
    await closed_in_body(scene, connection)
    await asyncio.sleep(0.1)
    connection.reset()


@wire_fault('silence')
async def silence(scene: Scene, connection: Connection) -> None:
    await connection.hung_up(None)


@wire_fault('silence_in_body')
async def silence_in_body(scene: Scene, connection: Connection) -> None:
    await closed_in_body(scene, connection)
    await connection.hung_up(None)


@wire_fault('drip')
async def drip(scene: Scene, connection: Connection) -> None:
    """A byte of a good answer at a time; pause_ms between two."""
    answer = scene.good()
    await connection.send(answer.head())
    for byte in b''.join(answer.body):
        await connection.send(bytes([byte]))
        if await connection.hung_up(scene.options.get('pause_ms', 100) / 1000):
            return


@wire_fault('keep_alive')
async def keep_alive(scene: Scene, connection: Connection) -> None:
    """Blank lines while it works, then a good answer: what DeepSeek does under load. lines, pause_ms."""
    answer = scene.good()
    await connection.send(head_bytes(200, [*answer.headers, ('Connection', 'close')]))
    for _ in range(scene.options.get('lines', 10)):
        await connection.send(b'\n')
        await asyncio.sleep(scene.options.get('pause_ms', 50) / 1000)
    await connection.send(*answer.body)


@wire_fault('keep_alive_for_ever')
async def keep_alive_for_ever(scene: Scene, connection: Connection) -> None:
    await connection.send(head_bytes(200, [JSON_HEADER, ('Connection', 'close')]))
    while not await connection.hung_up(scene.options.get('pause_ms', 50) / 1000):
        await connection.send(b'\r\n')


# ---- 62, 63: too much.

@wire_fault('endless_body', row=62)
async def endless_body(scene: Scene, connection: Connection) -> None:
    await connection.send(head_bytes(200, [JSON_HEADER, ('Transfer-Encoding', 'chunked')]))
    await connection.send(b'1\r\n"\r\n')
    chunk = b'10000\r\n' + b'A' * 65536 + b'\r\n'
    while True:
        await connection.send(chunk)


@wire_fault('huge_body', row=62)
async def huge_body(scene: Scene, connection: Connection) -> None:
    await connection.send(head_bytes(200, [JSON_HEADER, ('Content-Length', str(10 * 1024**3))]), b'"')
    chunk = b'A' * 65536
    while True:
        await connection.send(chunk)


@wire_fault('gzip_bomb', row=63)
async def gzip_bomb(scene: Scene, connection: Connection) -> None:
    """10 GB of zeros in 10 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(10 * 1024**2)) + packer.flush(zlib.Z_FULL_FLUSH)
    await connection.send(head_bytes(200, [JSON_HEADER, ('Content-Encoding', 'gzip'), ('Connection', 'close')]),
                          b'\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03')
    for _ in range(1024):
        await connection.send(block)


# ---- 64: lengths that lie.

def lying_length(name: str, *lengths: Callable[[int], str]) -> None:
    async def play(scene: Scene, connection: Connection) -> None:
        answer = scene.good()
        headers = [*answer.headers, *(('Content-Length', length(answer.length())) for length in lengths)]
        await connection.send(head_bytes(200, headers), *answer.body)
    WIRE_FAULTS[name] = WireFault(64, play)


lying_length('length_short', lambda length: str(length // 2))
lying_length('length_long', lambda length: str(length + 1000))
lying_length('length_negative', lambda length: '-5')
lying_length('length_word', lambda length: 'much')
lying_length('length_twice', lambda length: str(length), lambda length: str(length - 7))


# ---- 65: headers without end.

@wire_fault('huge_header', row=65)
async def huge_header(scene: Scene, connection: Connection) -> None:
    answer = scene.good()
    headers = [('X-Filler', 'f' * 1024**2), ('Content-Length', str(answer.length())), *answer.headers]
    await connection.send(head_bytes(200, headers), *answer.body)


@wire_fault('many_headers', row=65)
async def many_headers(scene: Scene, connection: Connection) -> None:
    answer = scene.good()
    filler = [(f'X-Filler-{place}', 'filler') for place in range(10_000)]
    headers = [*filler, ('Content-Length', str(answer.length())), *answer.headers]
    await connection.send(head_bytes(200, headers), *answer.body)


# ---- 66: status lines.

def status_line(name: str, line: bytes, with_body: bool = True) -> None:
    async def play(scene: Scene, connection: Connection) -> None:
        answer = scene.good()
        head = answer.head() if with_body else b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'
        await connection.send(line + head[head.index(b'\r\n'):], *(answer.body if with_body else []))
    WIRE_FAULTS[name] = WireFault(66, play)


status_line('status_0', b'HTTP/1.1 000 Nothing')
status_line('status_99', b'HTTP/1.1 099 Less')
status_line('status_600', b'HTTP/1.1 600 More')
status_line('status_1000', b'HTTP/1.1 1000 Much')
status_line('status_words', b'HTTP/1.1 fine thanks')
status_line('no_http', b'ICY 200 OK')
status_line('status_204', b'HTTP/1.1 204 No Content', False)
status_line('status_304', b'HTTP/1.1 304 Not Modified', False)


@wire_fault('interim_flood', row=66)
async def interim_flood(scene: Scene, connection: Connection) -> None:
    """102 Processing without end."""
    flood = b'HTTP/1.1 102 Processing\r\n\r\n' * 1000
    while True:
        await connection.send(flood)
