"""forwarder.py - a service without an SDK that hands on the headers of what it is asked: at once, or when its answer is long gone.

/now asks LEAF before it answers. /later answers, and asks when the next /release comes. /nothing only answers.
"""
import os
import signal
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kept, lock = [], threading.Lock()


def ask(headers):
    with urllib.request.urlopen(urllib.request.Request(os.environ["LEAF"], headers=headers)) as answer:
        answer.read()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        if self.path == "/now":
            ask(headers)
        with lock:
            kept.extend([headers] if self.path == "/later" else [])
            due = [kept.pop(0) for _ in list(kept)] if self.path == "/release" else []
        for one in due:
            ask(one)
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
