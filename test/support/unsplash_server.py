#!/usr/bin/python3
"""Plays Unsplash for tests on one port of 127.0.0.1: the API, and below /pictures/ the host of the pictures.

usage: unsplash_server.py     prints its port as the first line; ends on SIGTERM, or when its parent has died.

What a test says and asks, on the same port:
  POST /control/behaviour  {"key", "photos": {ID: PHOTO}, "limit": requests that are left or null}: each member is left as
                           it is when it is missing. PHOTO: {"picture": base64 of the bytes, "raw": the address in place of
                           that of the bytes, "status": of the picture, "location": of a redirect, "plus": true,
                           "download_location": in place of its own, "download_failures": answers 500 so many times}
  GET  /control/counts     lookups, downloads (the use of a photo was told), pictures, refused; and by photo
                           {"lookups": {ID: N}, ...}, ixid: whether every picture was asked for with it,
                           keys_at_pictures: requests of pictures that carried an Authorization
  POST /control/reset      all counts 0
"""

import sys

sys.dont_write_bytecode = True

import base64
import json
import os
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

IXID = 'M3wxMjA3fDB8MXxhbGx8'


class Unsplash(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.lock = threading.Lock()
        self.key = 'test-access-key'
        self.photos: dict[str, dict[str, Any]] = {}
        self.left: int | None = None
        self.reset()

    def reset(self) -> None:
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in ('lookups', 'downloads', 'pictures')}
        self.refused = 0
        self.without_ixid = 0
        self.keys_at_pictures = 0

    def url(self, path: str) -> str:
        return f'http://127.0.0.1:{self.server_address[1]}{path}'

    def describe(self, photo_id: str) -> dict[str, Any]:
        photo = self.photos[photo_id]
        return {
            'id': photo_id, 'width': 5000, 'height': 3333, 'description': None, 'alt_description': 'a bright room',
            'plus': photo.get('plus', False),
            'urls': {'raw': photo.get('raw') or self.url(f'/pictures/{photo_id}?ixid={IXID}&ixlib=rb-4.0.3')},
            'links': {'html': f'https://unsplash.com/photos/{photo_id}',
                      'download_location': photo.get('download_location') or self.url(f'/photos/{photo_id}/download?ixid={IXID}')},
            'user': {'name': 'Anna Sample', 'username': 'annasample', 'links': {'html': 'https://unsplash.com/@annasample'}},
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: Unsplash

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, kind: str = 'application/json', **headers: str) -> None:
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        self.wfile.write(body)

    def say(self, status: int, value: Any, **headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), **headers)

    def refuse(self, status: int, words: str, **headers: str) -> None:
        self.server.refused += 1
        self.say(status, {'errors': [words]}, **headers)

    def do_GET(self) -> None:
        with self.server.lock:
            parts = urlsplit(self.path)
            steps = parts.path.strip('/').split('/')
            if steps == ['control', 'counts']:
                self.say(200, self.all_counts())
            elif steps[0] == 'pictures' and len(steps) == 2:
                self.picture(steps[1], parts.query)
            elif steps[0] == 'photos' and len(steps) in (2, 3):
                self.api(steps[1], steps[2:], parts.query)
            else:
                self.refuse(404, 'Not Found')

    def all_counts(self) -> dict[str, Any]:
        server = self.server
        return {**{name: sum(counts.values()) for name, counts in server.counts.items()}, 'by_photo': server.counts,
                'refused': server.refused, 'without_ixid': server.without_ixid, 'keys_at_pictures': server.keys_at_pictures}

    def api(self, photo_id: str, rest: list[str], query: str) -> None:
        server = self.server
        if self.headers.get('Accept-Version') != 'v1':
            return self.refuse(400, 'Accept-Version is missing')
        if self.headers.get('Authorization') != f'Client-ID {server.key}':
            return self.refuse(401, 'OAuth error: The access token is invalid')
        if server.left == 0:
            return self.refuse(403, 'Rate Limit Exceeded', X_Ratelimit_Limit='50', X_Ratelimit_Remaining='0', Retry_After='1')
        if server.left is not None:
            server.left -= 1
        limits = {'X_Ratelimit_Limit': '50', 'X_Ratelimit_Remaining': str(49 if server.left is None else server.left)}
        photo = server.photos.get(photo_id)
        if photo is None or rest not in ([], ['download']):
            return self.refuse(404, "Couldn't find Photo", **limits)
        if not rest:
            server.counts['lookups'][photo_id] += 1
            return self.say(200, server.describe(photo_id), **limits)
        if parse_qs(query).get('ixid') != [IXID]:
            return self.refuse(400, 'not the address that was given', **limits)
        if photo.get('download_failures', 0) > 0:
            photo['download_failures'] -= 1
            return self.refuse(500, 'later', **limits)
        server.counts['downloads'][photo_id] += 1
        self.say(200, {'url': server.url(f'/pictures/{photo_id}')}, **limits)

    def picture(self, photo_id: str, query: str) -> None:
        server = self.server
        server.counts['pictures'][photo_id] += 1
        server.without_ixid += parse_qs(query).get('ixid') != [IXID]
        server.keys_at_pictures += self.headers.get('Authorization') is not None
        photo = server.photos.get(photo_id)
        if photo is None:
            return self.answer(404, b'', 'text/plain')
        headers = {'Location': photo['location']} if 'location' in photo else {}
        self.answer(photo.get('status', 200), base64.b64decode(photo.get('picture', '')), 'image/jpeg', **headers)

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers.get('Content-Length', 0))) or b'{}')
        with self.server.lock:
            if self.path == '/control/reset':
                self.server.reset()
            elif self.path == '/control/behaviour':
                self.server.key = wanted.get('key', self.server.key)
                self.server.photos.update(wanted.get('photos', {}))
                self.server.left = wanted.get('limit', self.server.left)
            else:
                return self.refuse(404, 'Not Found')
            self.say(200, {})


def end_with(parent: int, server: Unsplash) -> None:
    while os.getppid() == parent:
        time.sleep(0.3)
    server.shutdown()


def main() -> None:
    parent = os.getppid()
    with Unsplash() as server:
        threading.Thread(target=end_with, args=(parent, server), daemon=True).start()
        print(server.server_address[1], flush=True)
        server.serve_forever(poll_interval=0.1)


if __name__ == '__main__':
    main()
