"""spanload_context - lets a Python program say which of its outgoing requests belongs to which incoming one.

libspanload.so sees the bytes of both, but between them lie coroutines, queues and pools: only the runtime knows what
follows from what. The library writes into the head of each incoming request a `traceparent` that names it; this package
remembers it in a context variable (incoming.py) while the request is answered (servers.py), and puts it on HTTP requests
that are made there and have none (clients.py). The library reads it there. Nothing else: no spans, no settings of its own.

At the start of the program nothing is imported. A finder before the others waits for the modules below; their own loader
stays theirs, and does one more step once. A failure in here is nobody's failure.
"""
import os
import sys

LIBRARY = "libspanload.so"

# The module of a library: who changes it once it is loaded. Nearly all of these names are private to their libraries; where
# a version has them no more, that library carries nothing.
WATCHED = {
    "http.client": ("clients", "http_client"),
    "aiohttp.client_reqrep": ("clients", "aiohttp"),
    "httpx._transports.default": ("clients", "httpx"),
    "tornado.simple_httpclient": ("clients", "tornado"),
    "http.server": ("servers", "http_server"),
    "wsgiref.handlers": ("servers", "wsgiref"),
    "gunicorn.workers.sync": ("servers", "gunicorn_sync"),
    "gunicorn.workers.gthread": ("servers", "gunicorn_gthread"),
    "gunicorn.workers.base_async": ("servers", "gunicorn_async"),
    "gevent.pywsgi": ("servers", "gevent"),
    "waitress.task": ("servers", "waitress"),
    "uvicorn.config": ("servers", "uvicorn"),
    "hypercorn.app_wrappers": ("servers", "hypercorn"),
    "aiohttp.web_protocol": ("servers", "aiohttp"),
    "tornado.web": ("servers", "tornado"),
    "concurrent.futures.thread": ("pools", "thread_pool"),
}


def carried_headers():
    """What OTEL_PROPAGATORS asks for; nothing without traceparent."""
    listed = [name.strip() for name in (os.environ.get("OTEL_PROPAGATORS") or "tracecontext,baggage").split(",")]
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or "tracecontext" not in listed:
        return ()
    return ("traceparent", "tracestate", "baggage") if "baggage" in listed else ("traceparent", "tracestate")


def library_is_loaded():
    if LIBRARY in os.environ.get("LD_PRELOAD", ""):
        return True
    try:
        with open("/etc/ld.so.preload") as listed:
            return LIBRARY in listed.read()
    except (OSError, ValueError):
        return False


def change(module, name):
    try:
        file, function = WATCHED[name]
        getattr(__import__(__name__ + "." + file, fromlist=[function]), function)(module)
    except Exception:
        pass  # another version than we know: it stays as it is


def watch(loader, name):
    """Changes the module `name` after its loader has run it. Loaders of files have one module each; others are left alone."""
    if getattr(loader, "name", None) != name or isinstance(loader, type):
        return

    def exec_module(module):
        del loader.exec_module
        loader.exec_module(module)
        change(module, name)

    loader.exec_module = exec_module


class Finder:
    """First in sys.meta_path. What it finds is what the others find."""

    def find_spec(self, name, path=None, target=None):
        if name not in WATCHED:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if finder is not self and hasattr(finder, "find_spec") else None
            if spec is not None:
                watch(spec.loader, name)
                return spec
        return None


def start():
    if not carried_headers() or not library_is_loaded():
        return
    for name in WATCHED:
        if name in sys.modules:
            change(sys.modules[name], name)
    sys.meta_path.insert(0, Finder())
