"""Pictures of any size, each one different, at next to no cost: only a comment near the front is made anew, and it is as
long as the rest's base64 needs to be the same for all."""

import base64
import functools
import os
import random
import struct
import zlib
from dataclasses import dataclass

from .wire import Buffer

COMMENT_BYTES = 96  # a multiple of 3, as all that stands before it

# 16 by 16 pixels of black.
JPEG = base64.b64decode(
    '/9j/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwh'
    'MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjL/wAARCAAQABADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAA'
    'AAj/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AJ/AB//Z')
WEBP = base64.b64decode('UklGRhoAAABXRUJQVlA4TA4AAAAvD8ADAAcQEf0PRET/Aw==')


@dataclass
class Picture:
    mime: str
    encoded: list[Buffer]  # base64, in parts

    def data(self) -> bytes:
        return base64.b64decode(b''.join(self.encoded))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


@functools.lru_cache(maxsize=8)
def png_frame(size: int) -> tuple[bytes, memoryview]:
    """Of a PNG of about `size` bytes: what stands before the comment, and the base64 of what stands after it."""
    side = max(1, int((max(size - COMMENT_BYTES, 0) / 3) ** 0.5))
    noise = random.Random(size).randbytes(side * side * 3)
    rows = b''.join(b'\0' + noise[row * side * 3:(row + 1) * side * 3] for row in range(side))
    front = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0))
    rest = chunk(b'IDAT', zlib.compress(rows, 1)) + chunk(b'IEND', b'')
    return front, memoryview(base64.b64encode(rest))


def comment(label: str, length: int) -> bytes:
    return f'{os.urandom(16).hex()} {label}'.encode('ascii', 'replace')[:length].ljust(length)


def make(kind: str, size: int, label: str) -> Picture:
    """kind: png, jpeg or webp. The latter two are tiny, whatever the size; two webp are alike."""
    if kind == 'png':
        front, rest = png_frame(size)
        words = b'Comment\0' + comment(label, COMMENT_BYTES - len(b'Comment\0'))
        return Picture('image/png', [base64.b64encode(front + chunk(b'tEXt', words)), rest])
    if kind == 'jpeg':
        words = comment(label, COMMENT_BYTES)
        data = JPEG[:2] + b'\xff\xfe' + struct.pack('>H', len(words) + 2) + words + JPEG[2:]
        return Picture('image/jpeg', [base64.b64encode(data)])
    return Picture('image/webp', [base64.b64encode(WEBP)])
