"""multipart/form-data as browsers and libcurl write it (RFC 7578)."""

import re
from dataclasses import dataclass

from .shape import Problem


@dataclass
class Part:
    name: str
    filename: str | None
    mime: str
    data: bytes


def parse(content_type: str, body: bytes) -> list[Part]:
    boundary = re.search(r'boundary=("[^"]{1,70}"|[^\s;"]{1,70})$', content_type)
    if boundary is None:
        raise Problem('value', '', 'the content type names no boundary')
    line = b'--' + boundary[1].strip('"').encode()
    if not body.startswith(line + b'\r\n') or not body.rstrip(b'\r\n').endswith(b'\r\n' + line + b'--'):
        raise Problem('value', '', 'the form does not begin and end with its boundary')
    inner = body[len(line) + 2:body.rindex(b'\r\n' + line + b'--')]
    return [part(text) for text in inner.split(b'\r\n' + line + b'\r\n')]


def part(text: bytes) -> Part:
    head, blank, data = text.partition(b'\r\n\r\n')
    if not blank:
        raise Problem('value', '', 'a part of the form has no end of its headers')
    headers = {}
    for header in head.decode('utf-8').split('\r\n'):
        name, _, value = header.partition(':')
        headers[name.strip().lower()] = value.strip()
    disposition = re.fullmatch(r'form-data; name="([^"]+)"(?:; filename="([^"]*)")?', headers.get('content-disposition', ''))
    if disposition is None:
        raise Problem('value', '', 'a part of the form has no name')
    if unknown := set(headers) - {'content-disposition', 'content-type'}:
        raise Problem('unknown', disposition[1], f'has the unknown header {min(unknown)}')
    return Part(disposition[1], disposition[2], headers.get('content-type', ''), data)
