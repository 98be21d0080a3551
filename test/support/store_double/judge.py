"""A server with another clock, or one that wants temporary credentials: judged here, then signed anew for the server behind."""

import hashlib
import re
import time

import s3_client
from provider_double.wire import http_date

from .answers import error_answer
from .request import Request
from .stream import Head


class Judge:
    def __init__(self, credentials: s3_client.Credentials) -> None:
        self.credentials = credentials
        self.clock_offset_s = 0
        self.session_token = ''

    def refuse(self, request: Request) -> bytes | None:
        if not self.clock_offset_s and not self.session_token:
            return None
        now = time.time() + self.clock_offset_s
        head = request.head
        found = re.fullmatch(r'AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})', head.header('authorization'))
        if found is None:
            return error_answer(403, 'AccessDenied', 'No signature in the headers.')
        access_key_id, scope, names, given = found.groups()
        date = head.header('x-amz-date')
        there = s3_client.moment_of(date)
        clock = [['Date', http_date(seconds=round(self.clock_offset_s))]]
        if abs(there - now) > 900:
            return error_answer(403, 'RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.', clock,
                                f'<RequestTime>{date}</RequestTime><ServerTime>{s3_client.basic_date(now)}</ServerTime>')
        signed = names.split(';')
        headers = {name: head.header(name) for name in signed}
        payload_hash = head.header('x-amz-content-sha256')
        wanted = s3_client.signature(self.credentials, request.method, request.path, request.query, headers, payload_hash, date, scope)
        if access_key_id != self.credentials.access_key_id or given != wanted:
            return error_answer(403, 'SignatureDoesNotMatch', 'The signature does not match.', clock)
        if payload_hash not in ('UNSIGNED-PAYLOAD', hashlib.sha256(request.body).hexdigest()):
            return error_answer(400, 'XAmzContentSHA256Mismatch', 'The body is another.', clock)
        if self.session_token and headers.get('x-amz-security-token') != self.session_token:
            return error_answer(403, 'InvalidToken', 'The provided token is malformed or otherwise invalid.', clock)
        self.sign_anew(request, headers, scope)
        return None

    def sign_anew(self, request: Request, headers: dict[str, str], scope: str) -> None:
        date = s3_client.basic_date(time.time())
        scope = '/'.join([date[:8], *scope.split('/')[1:]])
        headers = {name: value for name, value in headers.items() if name != 'x-amz-security-token'} | {'x-amz-date': date}
        given = s3_client.signature(self.credentials, request.method, request.path, request.query, headers,
                                    headers['x-amz-content-sha256'], date, scope)
        authorization = (f'AWS4-HMAC-SHA256 Credential={self.credentials.access_key_id}/{scope}, '
                         f'SignedHeaders={";".join(sorted(headers))}, Signature={given}')
        kept = [(name, value) for name, value in request.head.headers if name not in ('authorization', 'x-amz-date', 'x-amz-security-token')]
        lines = [request.head.first, *(f'{name}: {value}' for name, value in [*kept, ('x-amz-date', date), ('authorization', authorization)])]
        request.head = Head(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'))
