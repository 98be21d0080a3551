"""Answers that the gate gives itself."""

from provider_double.wire import http_date


def error_answer(status: int, code: str, message: str, headers: list[list[str]] | None = None, extra: str = '') -> bytes:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message>{extra}<RequestId>gate</RequestId></Error>'
    return plain_answer(status, [['Content-Type', 'application/xml'], *(headers or [])], body.encode())


def plain_answer(status: int, headers: list[list[str]], body: bytes) -> bytes:
    names = {name.lower() for name, _ in headers}
    more = ([] if 'date' in names else [['Date', http_date()]]) + ([] if 'content-length' in names else [['Content-Length', str(len(body))]])
    return (f'HTTP/1.1 {status} Gate\r\n' + ''.join(f'{name}: {value}\r\n' for name, value in headers + more) + '\r\n').encode('latin-1') + body
