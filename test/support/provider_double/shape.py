"""The shape of a JSON request, checked as strictly as the providers do: every member known, of its type, in its range."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], None]


class Problem(Exception):
    """kind: unknown, missing, type or value; path: members joined by dots, empty for the whole."""

    def __init__(self, kind: str, path: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.path = kind, path


def parse(body: bytes) -> Any:
    """The JSON text; strict UTF-8, no member twice, no NaN."""
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError('a member comes twice')
        return dict(pairs)

    def constant(word: str) -> Any:
        raise ValueError(f'{word} is no JSON')

    try:
        return json.loads(body.decode('utf-8'), object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Problem('value', '', f'the body is no JSON: {error}') from None


def text(least: int = 0, most: int = 1_000_000, pattern: str | None = None) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise Problem('type', path, 'must be a string')
        if not least <= len(value) <= most:
            raise Problem('value', path, f'must have {least} to {most} characters')
        if pattern is not None and not re.fullmatch(pattern, value):
            raise Problem('value', path, f'must match {pattern}')
    return check


def one_of(*words: str) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise Problem('type', path, 'must be a string')
        if value not in words:
            raise Problem('value', path, f'must be one of {", ".join(words)}')
    return check


def number(low: float, high: float) -> Check:
    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Problem('type', path, 'must be a number')
        if not low <= value <= high:
            raise Problem('value', path, f'must be between {low} and {high}')
    return check


def integer(low: int, high: int) -> Check:
    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Problem('type', path, 'must be an integer')
        if not low <= value <= high:
            raise Problem('value', path, f'must be between {low} and {high}')
    return check


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise Problem('type', path, 'must be true or false')


def json_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise Problem('type', path, 'must be an object')


def listing(item: Check, least: int = 1, most: int = 1000) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise Problem('type', path, 'must be an array')
        if not least <= len(value) <= most:
            raise Problem('value', path, f'must have {least} to {most} items')
        for place, element in enumerate(value):
            item(element, f'{path}[{place}]')
    return check


def either(*checks: Check) -> Check:
    def check(value: Any, path: str) -> None:
        problems = []
        for candidate in checks:
            try:
                return candidate(value, path)
            except Problem as problem:
                problems.append(problem)
        # The one that came furthest is the one that was meant.
        raise max(problems, key=lambda problem: len(problem.path))
    return check


def record(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    members = required | (optional or {})

    def check(value: Any, path: str) -> None:
        json_object(value, path)
        for name in value:
            if name not in members:
                raise Problem('unknown', join(path, name), 'is not known')
        for name in required:
            if name not in value:
                raise Problem('missing', join(path, name), 'is missing')
        for name, member in value.items():
            members[name](member, join(path, name))
    return check


def join(path: str, name: str) -> str:
    return f'{path}.{name}' if path else name


def sniff(data: bytes) -> str:
    """The media type that the first bytes say; empty: none that a provider takes."""
    if data.startswith(b'\x89PNG\r\n\x1a\n'):
        return 'image/png'
    if data.startswith(b'\xff\xd8\xff'):
        return 'image/jpeg'
    if data[:4] == b'RIFF' and data[8:12] == b'WEBP':
        return 'image/webp'
    return ''


def picture(data: bytes, declared: str, path: str) -> None:
    if declared not in ('image/png', 'image/jpeg', 'image/webp'):
        raise Problem('value', path, f'has the unsupported media type "{declared}"')
    if sniff(data) != declared:
        raise Problem('value', path, f'is declared as {declared} and is none')


def base64_bytes(value: str, path: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Problem('value', path, 'is no base64') from None
    if base64.b64encode(data).decode() != value:
        raise Problem('value', path, 'is no standard base64 with padding')
    return data


def hashes_of(texts: list[str]) -> list[str]:
    """sha256 of what is encoded in base64."""
    return [hashlib.sha256(base64.b64decode(text)).hexdigest() for text in texts]


def sample(schema: dict[str, Any]) -> Any:
    """A value that a JSON Schema allows, for the plain schemas that tests use."""
    if 'enum' in schema:
        return schema['enum'][0]
    kind = schema.get('type', 'object')
    if kind == 'object':
        return {name: sample(member) for name, member in schema.get('properties', {}).items()}
    if kind == 'array':
        return [sample(schema.get('items', {'type': 'string'}))] * max(1, schema.get('minItems', 1))
    return {'string': 'a word', 'integer': schema.get('minimum', 1), 'number': schema.get('minimum', 0.5),
            'boolean': True, 'null': None}[kind]
