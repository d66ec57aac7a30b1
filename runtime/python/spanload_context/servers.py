"""servers.py - where each HTTP server begins and ends to answer a request, in the context that the application runs in.

For servers of WSGI that is more than the call of the application: its answer may be produced while it is sent.
"""
from spanload_context.incoming import enter, leave, replace


def _around(headers_of):
    """For a method during which one request is answered; headers_of(its arguments) gives (name, value)."""
    def make(original):
        def method(*arguments, **named):
            enter(headers_of, *arguments)
            try:
                return original(*arguments, **named)
            finally:
                leave()
        return method
    return make


def _around_async(headers_of):
    def make(original):
        async def method(*arguments, **named):
            enter(headers_of, *arguments)
            try:
                return await original(*arguments, **named)
            finally:
                leave()
        return method
    return make


# ---- one request per thread ----

def http_server(module):
    """http.server, and what is built on it: wsgiref, and the servers that come with Django and Flask."""
    def make_parse(original):
        def parse_request(self):
            parsed = original(self)
            if parsed:
                enter(self.headers.items)
            return parsed
        return parse_request

    replace(module.BaseHTTPRequestHandler, "parse_request", make_parse)
    replace(module.BaseHTTPRequestHandler, "handle_one_request", _leaving)


def wsgiref(module):
    """It has a loop of its own in the place of handle_one_request."""
    replace(module.BaseHandler, "run", _leaving)


def _leaving(original):
    def method(*arguments, **named):
        try:
            return original(*arguments, **named)
        finally:
            leave()
    return method


def gunicorn_sync(module):
    replace(module.SyncWorker, "handle_request", _around(lambda self, listener, request, *rest: request.headers))


def gunicorn_gthread(module):
    replace(module.ThreadWorker, "handle_request", _around(lambda self, request, *rest: request.headers))


def gunicorn_async(module):
    replace(module.AsyncWorker, "handle_request", _around(lambda self, listener, request, *rest: request.headers))


def gevent(module):
    def headers_of(self):
        return [(name[len("HTTP_"):], value) for name, value in self.environ.items() if name.startswith("HTTP_")]

    replace(module.WSGIHandler, "run_application", _around(headers_of))


def waitress(module):
    replace(module.WSGITask, "execute", _around(lambda self: self.request.headers.items()))


# ---- many requests per thread: each has a task of its own, or a turn in its connection's ----

def _asgi_headers(scope):
    return scope["headers"] if scope["type"] == "http" else ()


def uvicorn(module):
    def make(original):
        def load(self):
            original(self)
            self.loaded_app = _around_async(lambda scope, *rest: _asgi_headers(scope))(self.loaded_app)
        return load
    replace(module.Config, "load", make)


def hypercorn(module):
    for wrapper in (module.ASGIWrapper, module.WSGIWrapper):
        replace(wrapper, "__call__", _around_async(lambda self, scope, *rest: _asgi_headers(scope)))


def aiohttp(module):
    replace(module.RequestHandler, "_handle_request", _around_async(lambda self, request, *rest: request.headers.items()))


def tornado(module):
    replace(module.RequestHandler, "_execute", _around_async(lambda self, *rest, **named: self.request.headers.get_all()))
