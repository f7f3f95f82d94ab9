#!/usr/bin/env python3
"""Serves a directory over HTTP on the loopback address, with faults where asked, until its standard input closes.

    serve.py DIRECTORY PORT_FILE [--log FILE] [--basic-auth USER:PASSWORD] [--tls CERTIFICATE KEY] [--fault PATTERN=FAULT]...
             [--healed FILE]

The port, which the system chooses, is written to PORT_FILE (whole: under another name first) once requests are answered.
PATTERN is a shell pattern for the request's path (*/repodata.json). FAULT, for the first N such requests only with *N at the end:
    status:CODE     answers with this status and no content; 429 and 503 ask to be tried again in a second
    redirect:PORT   sends to the same path of another port
    truncate:BYTES  announces the whole length, sends so many bytes and closes the connection
    short:BYTES     announces and sends so many bytes: a whole answer with a part of the content
    corrupt         changes the last byte of the content
    reset:BYTES     sends so many bytes and resets the connection
    stall:BYTES     sends so many bytes and then nothing more
    delay:SECONDS   waits before it answers
    slow:RATE       sends so many bytes a second
--log writes one line per request: method, path, status. Once --healed is there, there are no faults any more.
"""

from __future__ import annotations

import argparse
import base64
import fnmatch
import html
import os
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

NO_CONTENT_FAULTS = ("status", "delay", "redirect")


class Fault:
    """One --fault: to which paths it applies, what it does, and how often it still does."""

    KINDS = ("status", "redirect", "truncate", "short", "corrupt", "reset", "stall", "delay", "slow")

    def __init__(self, text: str) -> None:
        self.pattern, _, rest = text.rpartition("=")
        rest, _, times = rest.partition("*")
        self.kind, _, argument = rest.partition(":")
        if not self.pattern or self.kind not in self.KINDS:
            raise argparse.ArgumentTypeError(f"{text!r} is not PATTERN=FAULT")
        self.argument = float(argument or 0)
        self.left = int(times) if times else sys.maxsize
        self.lock = threading.Lock()

    def applies(self, path: str) -> bool:
        with self.lock:
            if self.left == 0 or not fnmatch.fnmatch(path, self.pattern):
                return False
            self.left -= 1
            return True


def _listing(directory: Path) -> bytes:
    """A page with a link to each file, which is what a package index is."""
    names = sorted(entry.name for entry in directory.iterdir())
    links = (f'<a href="{urllib.parse.quote(name)}">{html.escape(name)}</a><br>' for name in names)
    return f"<!DOCTYPE html>\n<body>\n{chr(10).join(links)}\n</body>\n".encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    # Faults make clients break off; what they break is not worth a traceback.
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_whole = False

    def __init__(
        self,
        *args: object,
        faults: list[Fault],
        healed: Path | None,
        credentials: str | None,
        log: IO[str] | None,
        **kwargs: object,
    ) -> None:
        self.faults = faults
        self.healed = healed
        self.credentials = credentials
        self.log = log
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        if self._may_answer(self._fault()):
            super().do_HEAD()

    def do_GET(self) -> None:
        fault = self._fault()
        if not self._may_answer(fault):
            return
        path = Path(self.translate_path(self.path))
        self.is_whole = fault is None
        if fault is None or fault.kind in NO_CONTENT_FAULTS or not path.exists():
            super().do_GET()
        elif path.is_dir():
            self._send_faulty(_listing(path), "text/html; charset=utf-8", fault)
        else:
            self._send_faulty(path.read_bytes(), "application/octet-stream", fault)

    def _fault(self) -> Fault | None:
        if self.healed and self.healed.exists():
            return None
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        return next((fault for fault in self.faults if fault.applies(path)), None)

    def _may_answer(self, fault: Fault | None) -> bool:
        """False where the answer has been given already."""
        if fault and fault.kind == "delay":
            time.sleep(fault.argument)
        if self.credentials and self.headers.get("Authorization") != self.credentials:
            self._send_empty(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="channel"'})
            return False
        if fault and fault.kind == "status":
            status = HTTPStatus(int(fault.argument))
            is_busy = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
            self._send_empty(status, {"Retry-After": "1"} if is_busy else {})
            return False
        if fault and fault.kind == "redirect":
            self._send_empty(HTTPStatus.FOUND, {"Location": f"http://127.0.0.1:{int(fault.argument)}{self.path}"})
            return False
        return True

    def end_headers(self) -> None:
        # What never changes under its name; pip takes it from its cache then.
        if self.is_whole and self.path.endswith(".whl"):
            self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def _send_empty(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_faulty(self, content: bytes, content_type: str, fault: Fault) -> None:
        amount = int(fault.argument)
        if fault.kind == "short":
            content = content[:amount]
        elif fault.kind == "corrupt":
            content = content[:-1] + bytes([content[-1] ^ 0xFF])
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault.kind in ("short", "corrupt"):
            self.wfile.write(content)
        elif fault.kind == "slow":
            for start in range(0, len(content), max(amount // 10, 1)):
                self.wfile.write(content[start : start + max(amount // 10, 1)])
                time.sleep(0.1)
        else:
            self.wfile.write(content[:amount])
            self.wfile.flush()
            self.close_connection = True
            if fault.kind == "stall":
                # Until the client gives up.
                self.connection.recv(1)
            elif fault.kind == "reset":
                # No lingering: the connection is closed by a reset, not in order.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.log:
            status = code.value if isinstance(code, HTTPStatus) else code
            self.log.write(f"{self.command} {self.path} {status}\n")
            self.log.flush()

    def log_error(self, format: str, *args: object) -> None:
        """What went wrong is in the status that log_request writes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--log", type=argparse.FileType("a"))
    parser.add_argument("--basic-auth", metavar="USER:PASSWORD")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--fault", type=Fault, action="append", default=[])
    parser.add_argument("--healed", type=Path, metavar="FILE")
    arguments = parser.parse_args()

    credentials = arguments.basic_auth and "Basic " + base64.b64encode(arguments.basic_auth.encode()).decode()
    handler = partial(
        Handler,
        directory=arguments.directory,
        faults=arguments.fault,
        healed=arguments.healed,
        credentials=credentials,
        log=arguments.log,
    )
    server = Server(("127.0.0.1", 0), handler)
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    new = arguments.port_file.with_name(arguments.port_file.name + ".new")
    new.write_text(f"{server.server_address[1]}\n")
    os.replace(new, arguments.port_file)

    # Whoever started it holds the other end of its input: it ends with them, however they end.
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
