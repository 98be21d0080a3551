"""What the doubles of all kinds share: an accepted call, a refusal, and what the test has set."""

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from .pictures import Picture
from .wire import Answer, Buffer

PICTURE_MARK = '@picture@'


@dataclass
class Settings:
    key: str = 'test-key'
    models: list[str] = field(default_factory=lambda: ['test-image', 'test-json', 'test-text'])
    latency_ms: int = 0
    jitter_ms: int = 0  # by so much at most a call takes longer or shorter
    picture_bytes: int = 1_500_000


@dataclass
class Call:
    """A request that the provider has accepted as a whole."""
    task: str  # image, json or text
    model: str
    prompt: str
    schema: dict[str, Any] = field(default_factory=dict)
    picture_kind: str = 'png'
    pictures: list[str] = field(default_factory=list)  # sha256 of those that came with a prompt for text or JSON
    identity: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def product(self) -> str:
        """The product that the test named in the prompt; empty: none."""
        found = re.search(r'product-\d+', self.prompt)
        return found[0] if found else ''


class Refusal(Exception):
    """The provider takes no such request. Nothing is billed."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(message)
        self.answer = answer


def json_answer(body: Any, headers: list[tuple[str, str]], picture: Picture | None = None, status: int = 200) -> Answer:
    """The JSON text, with the picture's base64 where PICTURE_MARK stands, not copied."""
    parts: list[Buffer] = [json.dumps(body).encode()]
    front, mark, rest = parts[0].partition(PICTURE_MARK.encode())
    if picture is not None and mark:
        parts = [front, *picture.encoded, rest]
    return Answer(status, [('Content-Type', 'application/json; charset=UTF-8'), *headers], parts)
