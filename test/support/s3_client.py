#!/usr/bin/python3
"""A small S3 client of its own, by Python's standard library alone: with it tests look at a bucket independently of what
they test. Path style, signature version 4 in headers, signed payloads.

usage: s3_client.py create-bucket | list | put KEY FILE [TYPE] | get KEY
environment: S3_ENDPOINT (http://HOST:PORT), S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET
"""

import datetime
import hashlib
import hmac
import http.client
import os
import sys
import time
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

NAMESPACE = '{http://s3.amazonaws.com/doc/2006-03-01/}'
REGION = 'us-east-1'


def encode(text: str, safe: str = '') -> str:
    return urllib.parse.quote(text, safe=safe + '-._~')


@dataclass
class Credentials:
    access_key_id: str
    secret_access_key: str


def signature(credentials: Credentials, method: str, path: str, query: str, headers: dict[str, str], payload_hash: str,
              date: str, scope: str) -> str:
    """Of a request whose path and query are encoded, and whose signed headers are these, in lower case."""
    pairs = sorted(part if '=' in part else part + '=' for part in query.split('&') if part)
    canonical = '\n'.join([
        method, path, '&'.join(pairs),
        ''.join(f'{name}:{" ".join(value.split())}\n' for name, value in sorted(headers.items())),
        ';'.join(sorted(headers)), payload_hash])
    to_sign = '\n'.join(['AWS4-HMAC-SHA256', date, scope, hashlib.sha256(canonical.encode('latin-1')).hexdigest()])
    key = b'AWS4' + credentials.secret_access_key.encode()
    for part in scope.split('/'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def basic_date(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')


def moment_of(date: str) -> float:
    return datetime.datetime.strptime(date, '%Y%m%dT%H%M%SZ').replace(tzinfo=datetime.timezone.utc).timestamp()


class S3:
    """One bucket. Errors of the server are RuntimeError with its words."""

    def __init__(self, endpoint: str, bucket: str, credentials: Credentials) -> None:
        self.host = endpoint.removeprefix('http://')
        self.bucket = bucket
        self.credentials = credentials
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def call(self, method: str, key: str = '', query: str = '', body: bytes = b'', mime: str = '') -> bytes:
        path = '/' + encode(self.bucket) + ('/' + encode(key, '/') if key else '')
        payload_hash = hashlib.sha256(body).hexdigest()
        date = basic_date(time.time())
        scope = f'{date[:8]}/{REGION}/s3/aws4_request'
        headers = {'host': self.host, 'x-amz-content-sha256': payload_hash, 'x-amz-date': date} | ({'content-type': mime} if mime else {})
        signed = signature(self.credentials, method, path, query, headers, payload_hash, date, scope)
        headers['Authorization'] = (f'AWS4-HMAC-SHA256 Credential={self.credentials.access_key_id}/{scope}, '
                                    f'SignedHeaders={";".join(sorted(headers))}, Signature={signed}')
        target = path + ('?' + query if query else '')
        try:
            self.connection.request(method, target, body, headers)
            answer = self.connection.getresponse()
        except (http.client.HTTPException, OSError):
            # The server may have closed a connection that was idle.
            self.connection.close()
            self.connection.request(method, target, body, headers)
            answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f'{method} {path}: {answer.status} {content[:500].decode("latin-1")}')
        return content

    def objects(self, prefix: str = '') -> Iterator[tuple[str, int]]:
        token = ''
        while True:
            query = '&'.join(([f'continuation-token={encode(token)}'] if token else []) + ['encoding-type=url', 'list-type=2', f'prefix={encode(prefix)}'])
            page = ET.fromstring(self.call('GET', query=query))
            for found in page.iter(NAMESPACE + 'Contents'):
                yield urllib.parse.unquote(found.findtext(NAMESPACE + 'Key') or ''), int(found.findtext(NAMESPACE + 'Size') or 0)
            token = page.findtext(NAMESPACE + 'NextContinuationToken') or ''
            if page.findtext(NAMESPACE + 'IsTruncated') != 'true' or not token:
                return

    def uploads(self) -> list[str]:
        """The keys of multipart uploads that nobody has ended."""
        page = ET.fromstring(self.call('GET', query='uploads'))
        return [found.findtext(NAMESPACE + 'Key') or '' for found in page.iter(NAMESPACE + 'Upload')]


def from_environment() -> S3:
    return S3(os.environ['S3_ENDPOINT'], os.environ['S3_BUCKET'], Credentials(os.environ['S3_ACCESS_KEY_ID'], os.environ['S3_SECRET_ACCESS_KEY']))


def main(command: str, *words: str) -> None:
    store = from_environment()
    if command == 'create-bucket':
        store.call('PUT')
    elif command == 'list':
        for key, size in store.objects():
            print(size, key, sep='\t')
    elif command == 'put':
        with open(words[1], 'rb') as source:
            store.call('PUT', words[0], body=source.read(), mime=words[2] if len(words) > 2 else '')
    elif command == 'get':
        sys.stdout.buffer.write(store.call('GET', words[0]))
    else:
        sys.exit(f's3_client.py: unknown command {command}')


if __name__ == '__main__':
    main(*sys.argv[1:])
