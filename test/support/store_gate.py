#!/usr/bin/python3
"""Stands before an S3 server: passes every byte on as it is, counts, and does what a test asks for.

usage: store_gate.py     prints its port and the port of its control as the first line; ends on SIGTERM, or when its parent has
                         died. Environment: that of s3_client.py, for the server behind.

What a test says and asks, on the control port:
  POST /behaviour  {"down", "clock_offset_s", "session_token", "rules": [...]}: a member that is missing is left as it is.
                   down: nobody listens, and connections are reset. clock_offset_s: the server's clock is so far ahead, and
                   it refuses what is signed for another time. session_token: it wants this one, signed.
                   A rule is {"do": NAME, "operation", "key", "times"}: for the next request of this operation ("*": any)
                   whose key has this regular expression; with times: N for the next N, 0 for all. NAME is one of
                     answer         status, headers ([[name, value]]), body: it is never passed on
                     delay          before_ms, after_ms: it is passed on, this long before and after
                     lose_request   the connection is reset before anything is passed on
                     lose_answer    it is passed on; the connection is reset instead of an answer
                     truncate       it is passed on; half of the answer's body comes back
                     hold_request   it waits before it is passed on, until POST /release or the client hangs up
                     hold_answer    it is passed on; the answer waits
  POST /release    lets go what is held, and whatever was to be held
  GET  /requests   all requests in order: operation, key, status (0: none came back), keys (delete_objects), passed_on
  GET  /counts     how many of each operation; refused: answers of 4xx; held: waiting now; open: under way now
  POST /reset      no requests, no rules, up, the right clock, no token
  GET  /objects    what the bucket holds: {key: {"size", "sha256"}}, asked of the server itself
  GET  /keys       the same, keys and sizes only; /uploads: keys of open multipart uploads
  POST /put        {"key", "mime", "base64"}; POST /remove {"key"}; POST /fill {"count", "prefix"}: small objects
"""

import sys

sys.dont_write_bytecode = True

import asyncio
import binascii
import hashlib
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from typing import Any

import s3_client
from store_double.answers import plain_answer
from store_double.judge import Judge
from store_double.request import Request
from store_double.stream import Gone, Head, Stream

NO_BODY = (204, 304)


class Gate:
    def __init__(self) -> None:
        self.store = s3_client.from_environment()
        host, port = self.store.host.split(':')
        self.upstream = (host, int(port))
        self.listener: socket.socket | None = None
        # Bound, not listening: while nobody listens, the port stays ours and connections are refused.
        self.place = self.bind(0)
        self.port = self.place.getsockname()[1]
        self.streams: set[Stream] = set()
        self.forget()

    def forget(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.judge = Judge(self.store.credentials)
        self.held = self.open = 0
        self.released = asyncio.Event()
        self.up()

    def bind(self, port: int) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(('127.0.0.1', port))
        return sock

    def up(self) -> None:
        if self.listener is None:
            self.listener = self.bind(self.port)
            self.listener.listen(1024)
            self.listener.setblocking(False)
            keep(self.accept(self.listener))

    def down(self) -> None:
        if self.listener is not None:
            # The loop still waits for this one: shutdown wakes it.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener = None
            for stream in list(self.streams):
                stream.sock.shutdown(socket.SHUT_RDWR)

    async def accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                sock, _ = await loop.sock_accept(listener)
                keep(self.serve(Stream(sock)))
        except OSError:
            listener.close()

    async def serve(self, client: Stream) -> None:
        self.streams.add(client)
        try:
            while True:
                head = Head(await client.until(b'\r\n\r\n'))
                if head.header('expect').lower() == '100-continue':
                    await client.send(b'HTTP/1.1 100 Continue\r\n\r\n')
                request = Request(head, await client.body(head))
                entry: dict[str, Any] = {'operation': request.operation, 'key': request.key, 'status': 0, 'passed_on': False,
                                         'keys': request.keys, 'bytes': len(request.body), 'at': time.time()}
                requests = self.requests
                requests.append(entry)
                self.open += 1
                try:
                    await self.answer(client, request, entry)
                finally:
                    self.open -= 1
        except (OSError, Gone, ValueError):
            pass
        finally:
            self.streams.discard(client)
            client.sock.close()

    async def answer(self, client: Stream, request: Request, entry: dict[str, Any]) -> None:
        rule = self.next_rule(request)
        do = rule.get('do')
        entry['rule'] = do
        if do == 'answer':
            entry['status'] = rule.get('status', 200)
            await client.send(plain_answer(entry['status'], rule.get('headers', []), rule.get('body', '').encode()))
            return
        if do == 'lose_request':
            client.reset()
            raise Gone
        if do == 'hold_request':
            await self.hold(client)
        await asyncio.sleep(rule.get('before_ms', 0) / 1000)
        refusal = self.judge.refuse(request)
        if refusal is not None:
            answer = refusal
            status = int(answer[9:12])
        else:
            entry['passed_on'] = True
            status, answer = await self.pass_on(request)
        if do == 'lose_answer':
            client.reset()
            raise Gone
        if do == 'hold_answer':
            await self.hold(client)
        await asyncio.sleep(rule.get('after_ms', 0) / 1000)
        if do == 'truncate':
            head, mark, body = answer.partition(b'\r\n\r\n')
            await client.send(head + mark + body[:len(body) // 2])
            raise Gone
        await client.send(answer)
        entry['status'] = status

    def next_rule(self, request: Request) -> dict[str, Any]:
        for rule in self.rules:
            if rule.get('operation', '*') in ('*', request.operation) and re.search(rule.get('key', ''), request.key):
                if rule.get('times', 1) > 0:
                    rule['times'] = rule.get('times', 1) - 1
                    if rule['times'] == 0:
                        self.rules.remove(rule)
                return rule
        return {}

    async def hold(self, client: Stream) -> None:
        """Until it is released; raises Gone when the client hangs up before."""
        self.held += 1
        waiting = [asyncio.ensure_future(self.released.wait()), asyncio.ensure_future(client.hung_up())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not self.released.is_set():
                raise Gone
        finally:
            self.held -= 1
            for task in waiting:
                task.cancel()

    async def pass_on(self, request: Request) -> tuple[int, bytes]:
        sock = socket.socket()
        server = Stream(sock)
        try:
            await server.loop.sock_connect(sock, self.upstream)
            # A 100 is the gate's to give: the body is here already.
            await server.send(re.sub(rb'(?i)\r\nexpect: *100-continue', b'', request.head.raw, count=1) + request.body)
            while True:
                head = Head(await server.until(b'\r\n\r\n'))
                status = int(head.first.split(' ')[1])
                if status >= 200:
                    break
            body = b'' if request.method == 'HEAD' or status in NO_BODY else await server.body(head)
            return status, head.raw + body
        finally:
            sock.close()

    # ---- What a test asks.

    def behave(self, wanted: dict[str, Any]) -> None:
        for name, value in wanted.items():
            if name == 'down':
                self.down() if value else self.up()
            elif name == 'rules':
                self.rules = value
                self.released = asyncio.Event()
            elif name in vars(self.judge):
                setattr(self.judge, name, value)
            else:
                raise ValueError(f'there is no behaviour {name}')

    def release(self) -> None:
        self.rules = [rule for rule in self.rules if not rule['do'].startswith('hold_')]
        self.released.set()

    def counts(self) -> dict[str, int]:
        found = Counter(entry['operation'] for entry in self.requests)
        refused = sum(400 <= entry['status'] < 500 for entry in self.requests)
        return dict(found) | {'all': len(self.requests), 'refused': refused, 'held': self.held, 'open': self.open}

    def hashes(self) -> dict[str, Any]:
        return {key: {'size': size, 'sha256': hashlib.sha256(self.store.call('GET', key)).hexdigest()} for key, size in list(self.store.objects())}

    def put(self, key: str, mime: str, base64: str) -> None:
        self.store.call('PUT', key, body=binascii.a2b_base64(base64), mime=mime)

    def remove(self, key: str) -> None:
        self.store.call('DELETE', key)

    def fill(self, count: int, prefix: str) -> None:
        for number in range(count):
            self.store.call('PUT', f'{prefix}{number:05d}', body=b'x')

    async def control(self, client: Stream) -> None:
        try:
            while True:
                head = Head(await client.until(b'\r\n\r\n'))
                body = await client.body(head)
                await client.send(await self.obey(' '.join(head.first.split(' ')[:2]), body))
        except (OSError, Gone):
            client.sock.close()

    async def obey(self, wanted: str, body: bytes) -> bytes:
        try:
            said = json.loads(body or b'{}')
            here = {'POST /behaviour': lambda: self.behave(said), 'POST /release': self.release, 'POST /reset': self.forget,
                    'GET /requests': lambda: self.requests, 'GET /counts': self.counts}
            # What asks the server itself takes its time, and must not stop the gate.
            behind = {'GET /objects': self.hashes, 'GET /keys': lambda: dict(self.store.objects()), 'GET /uploads': self.store.uploads,
                      'POST /put': lambda: self.put(**said), 'POST /remove': lambda: self.remove(**said), 'POST /fill': lambda: self.fill(**said)}
            found = here[wanted]() if wanted in here else await asyncio.to_thread(behind[wanted])
            status = 200
        except (KeyError, TypeError, ValueError, RuntimeError) as problem:
            status, found = 400, {'error': f'{type(problem).__name__}: {problem}'}
        return plain_answer(status, [['Content-Type', 'application/json']], json.dumps({} if found is None else found).encode())


tasks: set[asyncio.Task[None]] = set()


def keep(coroutine: Any) -> None:
    task = asyncio.get_running_loop().create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def main() -> None:
    parent = os.getppid()
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    gate = Gate()
    with socket.create_server(('127.0.0.1', 0)) as control:
        control.setblocking(False)

        async def listen() -> None:
            while True:
                sock, _ = await asyncio.get_running_loop().sock_accept(control)
                keep(gate.control(Stream(sock)))
        keep(listen())
        print(gate.port, control.getsockname()[1], flush=True)
        while not ending.is_set() and os.getppid() == parent:
            try:
                await asyncio.wait_for(ending.wait(), 0.3)
            except TimeoutError:
                pass


if __name__ == '__main__':
    asyncio.run(main())
