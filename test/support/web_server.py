#!/usr/bin/python3
"""Plays everybody in the closed network of Web.pm: the name service, and every server on every address.

usage: web_server.py DIRECTORY     of server.pem and server.key; prints its control port as the first line; ends on SIGTERM,
                                   or when its parent has died.

Names: those of the last POST /names, {"a.example": [["1.2.3.4"], ["10.0.0.1", "::1"]]}: what it means when it is first
asked for, then, ...; the last answer stays. Times are counted by the questions for IPv4 addresses, and what is answered to
one for IPv6 belongs to the question for IPv4 that came last. {"b.example": "a.example"} is an alias. No other name exists.

Servers, on every address: 443 over TLS, 80, 8080 and 3128 (a proxy that nobody is to use) without. By path:
  /echo             what came: {"method", "target", "headers", "body"}
  /redirect?to=URL  302 to there
  /status/NNN       that status; ?after=SECONDS adds Retry-After
  /flaky/KEY/N      503 to the first N requests of the key, then as /echo
  /hang             never answers
  /close            reads the request and closes
  /bytes?count=N    so many bytes of text
  /image            bytes that are no text

Control: GET /counts, POST /names, POST /reset.
"""

import sys

sys.dont_write_bytecode = True

import ipaddress
import json
import os
import signal
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

A, CNAME, AAAA = 1, 5, 28


class World:
    """What the test said, and what came; shared by all threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.names: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.requests: list[dict[str, Any]] = []
        self.flaky: Counter[str] = Counter()

    def reset(self) -> None:
        with self.lock:
            self.asked.clear()
            self.accepted.clear()
            self.requests.clear()
            self.flaky.clear()

    def answers(self, name: str, kind: int) -> tuple[str | None, list[str] | None]:
        """The alias, if it is one, and the addresses; None when there is no such name."""
        with self.lock:
            alias = self.names.get(name)
            real = alias if isinstance(alias, str) else name
            rounds = self.names.get(real)
            if not isinstance(rounds, list):
                return None, None
            if kind == A:
                self.asked[name] += 1
            turn = min(max(self.asked[name], 1), len(rounds)) - 1
            return (real if real != name else None), rounds[turn]


WORLD = World()


def encoded_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def answer_question(query: bytes) -> bytes:
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
    question = query[12 : at + 5]
    alias, addresses = WORLD.answers(".".join(labels), kind)
    records = []
    owner = b"\xc0\x0c"
    if alias:
        records.append(record(CNAME, encoded_name(alias)))
        owner = encoded_name(alias)
    for text in addresses or []:
        address = ipaddress.ip_address(text)
        if kind == (A if address.version == 4 else AAAA):
            records.append(record(kind, address.packed, owner))
    status = 0x8180 if addresses is not None else 0x8183
    return query[:2] + struct.pack("!HHHHH", status, 1, len(records), 0, 0) + question + b"".join(records)


def serve_names() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def answer_all() -> None:
        while True:
            query, client = server.recvfrom(4096)
            server.sendto(answer_question(query), client)

    threading.Thread(target=answer_all, daemon=True).start()


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        super().__init__(("::", port), Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)  # HTTPServer's looks up its own name

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        address, port = request.getsockname()[:2]
        with WORLD.lock:
            WORLD.accepted[f"{address.removeprefix('::ffff:')} {port}"] += 1
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        super().process_request_thread(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is none of a test's business."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        came = {
            "method": self.command,
            "target": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("utf-8", "replace"),
        }
        address, port = self.connection.getsockname()[:2]
        with WORLD.lock:
            place = {"address": address.removeprefix("::ffff:"), "port": port, "secure": self.server.tls is not None}
            WORLD.requests.append(came | place)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        words = parts.path.split("/")
        if words[1] == "redirect":
            self.answer(302, "moved", {"Location": query["to"]})
        elif words[1] == "status":
            self.answer(int(words[2]), "so it is", {"Retry-After": query["after"]} if "after" in query else {})
        elif words[1] == "flaky" and self.is_too_early(words[2], int(words[3])):
            self.answer(503, "come again", {})
        elif words[1] == "hang":
            time.sleep(3600)
        elif words[1] == "close":
            self.close_connection = True
        elif words[1] == "bytes":
            self.answer(200, "x" * int(query["count"]), {"Content-Type": "text/plain"})
        elif words[1] == "image":
            self.answer(200, b"\xff\xd8\xff\xe0", {"Content-Type": "image/jpeg"})
        else:
            self.answer(200, json.dumps(came), {"Content-Type": "application/json"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_CONNECT = do_any

    def is_too_early(self, key: str, times: int) -> bool:
        with WORLD.lock:
            WORLD.flaky[key] += 1
            return WORLD.flaky[key] <= times

    def answer(self, status: int, body: str | bytes, headers: dict[str, str]) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Control(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        with WORLD.lock:
            counts = {"accepted": WORLD.accepted, "asked": WORLD.asked, "requests": WORLD.requests}
            self.answer(json.dumps(counts))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/names":
            with WORLD.lock:
                WORLD.names.update(json.loads(body))
        WORLD.reset()
        self.answer("{}")

    def answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def main() -> None:
    parent = os.getppid()
    directory = sys.argv[1]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
    serve_names()
    servers = [Server(443, tls), *(Server(port, None) for port in (80, 8080, 3128))]
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    for server in (*servers, control):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(control.server_address[1], flush=True)
    while os.getppid() == parent:
        time.sleep(0.5)


main()
