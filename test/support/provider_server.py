#!/usr/bin/python3
"""Plays the providers for tests: Gemini and OpenAI-compatible servers on one port of 127.0.0.1, as strict as the real ones.

usage: provider_server.py     prints its port as the first line; ends on SIGTERM, or when its parent has died.

What a test says and asks, on the same port:
  POST /control/behaviour  {"key", "models", "latency_ms", "jitter_ms", "picture_bytes", "faults": [...],
                           "limits": [...], "outages": [...]}: each member is left as it is when it is missing. Neither limits nor outages
                           have a latency. A fault is {"fault": NAME} (provider_double/faults.py, analysis_faults.py,
                           wire_faults.py), for the next call; with "times": N for the next N, with "always": true for
                           all, with "match": "product-0007" for those that name the product, or the sha256 of a picture
                           for those that came with it, with "kind": "products" for calls of that kind (as in counts).
                           Other members are the fault's own.
  GET  /control/counts     calls (accepted whole), billed, refused (not accepted: wrong shape, key, path), answered (the
                           last byte has left), abandoned (the client hung up first), open, max_open, connections;
                           products: billed calls by the product that the prompt names (of analyses none); kinds: billed
                           calls by what was asked for (image, text, json, and of json products and scene, the studio's
                           analyses); refusals: the last messages
  GET  /control/last       method, path, headers (keys left out) and body of the last accepted request
  GET  /control/arrivals   [{"at", "model", "product", "status", "traceparent"}, ...] of the accepted requests since the
                           reset, in their order, at most 200,000: seconds since 1970, and how it was answered; status 0:
                           by a fault
  POST /control/reset      all counts 0, no arrivals, no faults, no latency, no limits, no outages

Of the pace that the providers can keep up, for good once it is said:
  "limits"    [{"kind": "fixed_window", "count": 60, "window_ms": 60000, ...}]: beyond it a request is refused with 429
              (counts: limited); other members and kinds: provider_double/limiter.py. A new list begins with no request
  "outages"   [{"for_ms": 60000, "after_ms": 0, "status": 500, "model": null}]: from then on and for so long every
              request is answered so (counts: failed)
"""

import sys

sys.dont_write_bytecode = True

import asyncio
import json
import os
import random
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import provider_double.analysis_faults  # registers its faults
from provider_double import analyses, gemini_double, openai_double, pictures
from provider_double.call import Call, Refusal, Settings
from provider_double.faults import FAULTS, Scene
from provider_double.limiter import Limits
from provider_double.wire import Answer, Connection, Malformed, Request
from provider_double.wire_faults import WIRE_FAULTS

MAX_ARRIVALS = 200_000


@dataclass
class Counts:
    calls: int = 0
    billed: int = 0
    refused: int = 0
    limited: int = 0
    failed: int = 0
    answered: int = 0
    abandoned: int = 0
    open: int = 0
    max_open: int = 0
    connections: int = 0
    first_call: float = 0
    last_call: float = 0
    products: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)

    def begin(self, call: Call, billed: bool) -> None:
        self.calls += 1
        self.open += 1
        self.max_open = max(self.max_open, self.open)
        self.last_call = time.time()
        self.first_call = self.first_call or self.last_call
        if billed:
            self.billed += 1
            kind = analyses.kind(call)
            self.kinds[kind] += 1
            if kind not in ('products', 'scene'):
                self.products[call.product] += 1

    def refuse(self, request: Request, message: str) -> None:
        self.refused += 1
        self.refusals = [*self.refusals[-19:], f'{request.method} {request.path}: {message}']


class Server:
    def __init__(self) -> None:
        self.settings = Settings()
        self.counts = Counts()
        self.faults: list[dict[str, Any]] = []
        self.last: dict[str, Any] = {}
        self.limits = Limits()
        self.arrivals: list[dict[str, Any]] = []

    async def serve(self, sock: socket.socket) -> None:
        connection = Connection(sock)
        self.counts.connections += 1
        try:
            while (request := await connection.request()) is not None:
                if request.path.startswith('/control/'):
                    answer = self.control(request)
                    await connection.send(answer.head(), *answer.body)
                elif not await self.provide(request, connection):
                    break
        except Malformed as problem:
            self.counts.refused += 1
            self.counts.refusals.append(f'no HTTP: {problem}')
        except OSError:
            pass
        finally:
            connection.close()

    async def provide(self, request: Request, connection: Connection) -> bool:
        """Whether the connection can be used on."""
        double = gemini_double if gemini_double.is_mine(request.path) else openai_double
        try:
            call = double.accept(request, self.settings)
        except Refusal as refusal:
            self.counts.refuse(request, str(refusal))
            await connection.send(refusal.answer.head(), *refusal.answer.body)
            return True
        self.remember(request)
        no, headers = self.pace(call, double)
        if no is not None:
            self.arrive(request, call, no.status)
            await connection.send(no.head(), *no.body)
            return True
        wanted = self.next_fault(call)
        fault = FAULTS.get(wanted['fault']) or WIRE_FAULTS.get(wanted['fault']) if wanted else None
        counts = self.counts  # a reset while this call is open begins new ones
        counts.begin(call, fault is None or fault.billed)
        self.arrive(request, call, 0 if fault else 200)
        try:
            latency = wanted.get('latency_ms', self.settings.latency_ms) if wanted else self.settings.latency_ms
            latency = max(0, latency + random.uniform(-1, 1) * self.settings.jitter_ms)
            if latency and await connection.hung_up(latency / 1000):
                raise ConnectionResetError
            picture = pictures.make(call.picture_kind, self.settings.picture_bytes, call.product) if call.task == 'image' else None
            scene = Scene(call, double, picture, self.settings, wanted or {})
            if wanted and wanted['fault'] in WIRE_FAULTS:
                await WIRE_FAULTS[wanted['fault']].play(scene, connection)
                return False
            answer = fault.answer(scene) if fault else scene.good()
            answer.headers += headers
            await connection.send(answer.head(), *answer.body)
            counts.answered += 1
            return True
        except OSError:
            counts.abandoned += 1
            raise
        finally:
            counts.open -= 1

    def pace(self, call: Call, double: ModuleType) -> tuple[Answer | None, list[tuple[str, str]]]:
        """The answer to a call that is not taken at this time, and what the others say of the limits."""
        now = time.monotonic()
        if outage := self.limits.outage(call.model, now):
            self.counts.failed += 1
            return double.error(outage.status, 'The server had an error while it processed the request.'), []
        limit, limits = self.limits.admit(call.model, double.tokens_of(call), now)
        headers = double.limit_headers(limits)
        if limit is None:
            return None, headers
        self.counts.limited += 1
        answer = double.over_limit(limit)
        answer.headers += headers
        return answer, headers

    def arrive(self, request: Request, call: Call, status: int) -> None:
        if len(self.arrivals) < MAX_ARRIVALS:
            self.arrivals.append({'at': time.time(), 'model': call.model, 'product': call.product, 'status': status,
                                  'traceparent': request.header('traceparent')})

    def next_fault(self, call: Call) -> dict[str, Any] | None:
        for fault in self.faults:
            if fault.get('match') in (None, call.product, *call.pictures) and fault.get('kind') in (None, analyses.kind(call)):
                if not fault.get('always'):
                    fault['times'] = fault.get('times', 1) - 1
                    if fault['times'] <= 0:
                        self.faults.remove(fault)
                return fault
        return None

    def remember(self, request: Request) -> None:
        secret = ('authorization', 'x-goog-api-key')
        self.last = {'method': request.method, 'path': request.path, 'body': request.body.decode('latin-1'),
                     'headers': [[name, value] for name, value in request.headers if name not in secret]}

    def control(self, request: Request) -> Answer:
        try:
            body = {('GET', '/control/counts'): lambda: vars(self.counts),
                    ('GET', '/control/last'): lambda: self.last,
                    ('GET', '/control/arrivals'): lambda: self.arrivals,
                    ('POST', '/control/reset'): self.reset,
                    ('POST', '/control/behaviour'): lambda: self.behave(json.loads(request.body))}[request.method, request.path]()
            status = 200
        except (KeyError, TypeError, ValueError) as problem:
            status, body = 400, {'error': f'{type(problem).__name__}: {problem}'}
        return Answer(status, [('Content-Type', 'application/json')], [json.dumps(body).encode()])

    def reset(self) -> dict[str, Any]:
        self.counts = Counts()
        self.faults = []
        self.limits = Limits()
        self.arrivals = []
        self.settings.latency_ms = 0
        self.settings.jitter_ms = 0
        return {}

    def behave(self, wanted: dict[str, Any]) -> dict[str, Any]:
        for name, value in wanted.items():
            if name == 'faults':
                for fault in value:
                    if fault['fault'] not in FAULTS and fault['fault'] not in WIRE_FAULTS:
                        raise ValueError(f'there is no fault {fault["fault"]}')
                self.faults = value
            elif name == 'limits':
                self.limits.set_limits(value)
            elif name == 'outages':
                self.limits.set_outages(value, time.monotonic())
            elif name in vars(self.settings):
                setattr(self.settings, name, value)
            else:
                raise ValueError(f'there is no setting {name}')
        return {}


async def accept(server: Server, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    while True:
        sock, _ = await loop.sock_accept(listener)
        task = loop.create_task(server.serve(sock))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def outlive(parent: int) -> None:
    while os.getppid() == parent:
        await asyncio.sleep(0.3)


async def main() -> None:
    parent = os.getppid()
    with socket.create_server(('127.0.0.1', 0), backlog=1024) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        accepting = loop.create_task(accept(Server(), listener))
        ending = loop.create_task(outlive(parent))
        loop.add_signal_handler(signal.SIGTERM, ending.cancel)
        print(listener.getsockname()[1], flush=True)
        # Whichever ends first: `accepting` only by an error, which is then seen.
        await asyncio.wait({accepting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if accepting.done():
            accepting.result()


if __name__ == '__main__':
    asyncio.run(main())
