"""clients.py - where each HTTP client has the head of a request complete, and not sent yet.

Only for http: on https the library sees no bytes, and would not put its own span's id there. Request objects belong to the
application, which may send one twice: what was put on one is taken off again when it has been sent.
"""
from spanload_context.incoming import carry, replace


def http_client(module):
    """And with it urllib, urllib3 and requests. Their classes for https have the other default port."""
    def make(original):
        def endheaders(self, *arguments, **named):
            if self.default_port == module.HTTP_PORT:
                carry(lambda name: _is_in_buffer(self._buffer, name), self.putheader)
            return original(self, *arguments, **named)
        return endheaders
    replace(module.HTTPConnection, "endheaders", make)


def _is_in_buffer(lines, name):
    start = name.encode() + b":"
    return any(line[:len(start)].lower() == start for line in lines)


def aiohttp(module):
    def make(original):
        def send(self, *arguments, **named):
            if self.url.scheme == "http":
                carry(self.headers.__contains__, self.headers.__setitem__)
            return original(self, *arguments, **named)
        return send
    replace(module.ClientRequest, "send", make)


def httpx(module):
    def put(request):
        return carry(request.headers.__contains__, request.headers.__setitem__) if request.url.scheme == "http" else ()

    def take(request, added):
        for name in added:
            request.headers.pop(name, None)

    def make(original):
        def handle_request(self, request):
            added = put(request)
            try:
                return original(self, request)
            finally:
                take(request, added)
        return handle_request

    def make_async(original):
        async def handle_async_request(self, request):
            added = put(request)
            try:
                return await original(self, request)
            finally:
                take(request, added)
        return handle_async_request

    replace(module.HTTPTransport, "handle_request", make)
    replace(module.AsyncHTTPTransport, "handle_async_request", make_async)


def tornado(module):
    """The request may wait in the client's queue, and be sent in the context of another: so it is put on before."""
    def make(original):
        def fetch_impl(self, request, callback):
            headers = request.headers
            added = carry(headers.__contains__, headers.__setitem__) if request.url.startswith("http:") else ()

            def answered(response):
                for name in added:
                    headers.pop(name, None)
                callback(response)

            return original(self, request, answered if added else callback)
        return fetch_impl
    replace(module.SimpleAsyncHTTPClient, "fetch_impl", make)
