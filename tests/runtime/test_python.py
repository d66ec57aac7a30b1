"""test_python.py - what runtime/python promises, of services written as one writes them, with Debian's packages.

Servers that answer many requests on one thread, and those that have a thread for each; clients of both kinds in them.
"""
import os

import pytest

from chain import OWN, Chain
from support.launch import ROOT, Running, bare_environment, run
from support.ports import free_port

HELPER = ROOT / "runtime" / "python"
PYTHON = os.environ.get("RUNTIME_PYTHON", "/usr/bin/python3")

# ---- services: each has its own `ways`, and reads PORT and ORIGIN ----

COMMON = '''
import asyncio, os, random, threading, time, urllib.request
from concurrent.futures import ThreadPoolExecutor

PORT, ORIGIN, OWN = int(os.environ["PORT"]), os.environ["ORIGIN"], os.environ["OWN"]
pool = ThreadPoolExecutor(20)


def fetched(url, headers={}, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers, data=data)) as answer:
        return answer.read()


def ask_outside():
    while True:
        time.sleep(0.04)
        try:
            fetched(ORIGIN + "/outside")
        except OSError:
            pass


threading.Thread(target=ask_outside, daemon=True).start()
'''

ASYNC_WAYS = '''
async def pause():
    await asyncio.sleep(random.random() * 0.02)

async def together(url):
    async def one():
        await pause()
        await got(url)
    await asyncio.gather(one(), one(), asyncio.create_task(one()))

async def executor(url):
    await pause()
    await asyncio.get_running_loop().run_in_executor(pool, fetched, url)

async def thread(url):
    await asyncio.to_thread(fetched, url)

jobs = []  # of all requests, done by one task that belongs to none

async def work():
    while True:
        await asyncio.sleep(0.003)
        while jobs:
            jobs.pop()()

async def queued(url):
    import contextvars
    context, done = contextvars.copy_context(), asyncio.Event()
    async def one():
        await got(url)
        done.set()
    jobs.append(lambda: context.run(lambda: kept.add(asyncio.create_task(one()))))
    await done.wait()

kept = set()

async def later(url):
    await asyncio.sleep(0.05)
    await got(url)

async def late(url):
    kept.add(asyncio.create_task(later(url)))

async def own(url):
    await got(url, {"TraceParent": OWN})
    await asyncio.to_thread(fetched, url, {"Traceparent": OWN})

async def one(url):
    await pause()
    await got(url)

async def nothing(url):
    pass

ways = {"together": together, "executor": executor, "thread": thread, "late": late, "own": own, "one": one, "nothing": nothing,
        "queued": queued}
'''
WAYS = ("together", "executor", "thread", "one", "nothing")

AIOHTTP = COMMON + ASYNC_WAYS + '''
import aiohttp
from aiohttp import web

async def got(url, headers={}):
    async with session.get(url, headers=headers) as answer:
        return await answer.read()

async def handle(request):
    await request.read()
    await ways[request.query_string](ORIGIN + request.path)
    return web.Response(text="done")

async def start(application):
    global session
    session = aiohttp.ClientSession()
    kept.add(asyncio.create_task(work()))

application = web.Application()
application.router.add_route("*", "/{path}", handle)
application.on_startup.append(start)
web.run_app(application, host="127.0.0.1", port=PORT, print=None)
'''

UVICORN = COMMON + ASYNC_WAYS + '''
import httpx, uvicorn

client = httpx.AsyncClient(timeout=20)
plain = httpx.Client(timeout=20)

async def got(url, headers={}):
    return (await client.get(url, headers=headers)).content

async def sync(url):
    await asyncio.to_thread(plain.get, url)

async def reused(url):
    request = client.build_request("POST", url, content=b"body")
    await client.send(request)
    assert not any(name.startswith("trace") for name in request.headers), "a request object was changed"

ways.update(sync=sync, reused=reused)

async def application(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("only http")
    while (await receive()).get("more_body"):
        pass
    if scope["query_string"] == b"late":
        kept.add(asyncio.create_task(work()))
    await ways[scope["query_string"].decode()](ORIGIN + scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})

uvicorn.run(application, host="127.0.0.1", port=PORT, log_level="error")
'''

TORNADO = COMMON + ASYNC_WAYS + '''
from tornado import httpclient, web

async def got(url, headers={}):
    return (await httpclient.AsyncHTTPClient().fetch(url, headers=headers)).body

class Handler(web.RequestHandler):
    async def post(self):
        await ways[self.request.query](ORIGIN + self.request.path)
        self.write("done")

async def main():
    web.Application([("/.*", Handler)]).listen(PORT, "127.0.0.1")
    await work()

asyncio.run(main())
'''

SYNC_WAYS = COMMON + '''
import http.client, requests

def pause():
    time.sleep(random.random() * 0.01)

def connection(url):
    made = http.client.HTTPConnection(url.split("/")[2])
    for _ in range(2):
        made.request("POST", "/" + url.rsplit("/", 1)[1], body=iter([b"some ", b"body"]), encode_chunked=False,
                     headers={"Content-Length": "9"})
        made.getresponse().read()
    made.close()

def one(url):
    pause()
    fetched(url, data=b"body")

def in_pool(url):
    list(pool.map(fetched, [url] * 3))

def late(url):
    pool.submit(lambda: (time.sleep(0.05), fetched(url)))

def own(url):
    fetched(url, {"traceparent": OWN})
    session.get(url, headers={"TRACEPARENT": OWN})

session = requests.Session()
ways = {"connection": connection, "one": one, "pool": in_pool, "late": late, "own": own, "nothing": lambda url: None,
        "requests": lambda url: session.get(url)}

def application(environ, start_response):
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    url, how = ORIGIN + environ["PATH_INFO"], environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Length", "4")])
    if how == "while":  # while the answer is being sent
        yield b"do"
        fetched(url)
        yield b"ne"
    else:
        ways[how](url)
        yield b"done"
'''
THREADED = ("connection", "one", "pool", "requests", "while", "nothing")

WSGIREF = SYNC_WAYS + '''
from socketserver import ThreadingMixIn
from wsgiref import simple_server

class Server(ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads, request_queue_size = True, 100

class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

simple_server.make_server("127.0.0.1", PORT, application, Server, Quiet).serve_forever()
'''

HTTP_SERVER = SYNC_WAYS + '''
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        path, how = self.path.split("?")
        ways[how](ORIGIN + path)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer.request_queue_size = 100
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
'''

FLASK = SYNC_WAYS + '''
import logging
from flask import Flask, request

logging.getLogger("werkzeug").disabled = True
flask = Flask("service")

@flask.route("/<path>", methods=["POST"])
def handle(path):
    request.get_data()
    ways[request.query_string.decode()](f"{ORIGIN}/{path}")
    return "done"

flask.run("127.0.0.1", PORT, threaded=True)
'''

GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "--log-level", "error", "service:application")
SERVICES = {  # source, modules that it needs, arguments of python3, ways
    "aiohttp": (AIOHTTP, ("aiohttp",), ("service.py",), WAYS + ("queued",)),
    "uvicorn, httpx": (UVICORN, ("uvicorn", "httpx"), ("service.py",), WAYS + ("sync", "reused")),
    "tornado": (TORNADO, ("tornado",), ("service.py",), WAYS + ("queued",)),
    "gunicorn (gthread)": (SYNC_WAYS, ("gunicorn", "requests"), (*GUNICORN, "-k", "gthread", "--threads", "12"), THREADED),
    "gunicorn (gevent)": (SYNC_WAYS, ("gunicorn", "gevent", "requests"), (*GUNICORN, "-k", "gevent"), THREADED),
    "gunicorn (sync)": (SYNC_WAYS, ("gunicorn", "requests"), GUNICORN, THREADED),
    "wsgiref": (WSGIREF, ("requests",), ("service.py",), THREADED),
    "http.server": (HTTP_SERVER, ("requests",), ("service.py",), THREADED[:4]),
    "flask": (FLASK, ("flask", "requests"), ("service.py",), THREADED[:4]),
}


def environment(library, **more):
    return {**bare_environment(), "PYTHONPATH": str(HELPER), "OTEL_TRACES_EXPORTER": "none", "PYTHONDONTWRITEBYTECODE": "1",
            **({"LD_PRELOAD": str(library)} if library else {}), **more}


def has(*modules):
    return run([PYTHON, "-c", "import " + ", ".join(modules)], bare_environment()).status == 0


def served(directory, library, name, ways, first="", requests=300, **more):
    source, modules, arguments, _ = SERVICES[name]
    if not has(*modules):
        pytest.skip(f"one of {', '.join(modules)} is not there")
    options = {name: more.pop(name) for name in ("compare",) if name in more}
    chain = Chain(free_port(), free_port())
    (directory / "service.py").write_text(first + source)
    env = environment(library, PORT=str(chain.port), ORIGIN=f"http://127.0.0.1:{chain.origin_port}", OWN=OWN, **more)
    argv = [PYTHON, *(word.format(port=chain.port) for word in arguments)]
    with Running.start(argv, env, port=chain.port, cwd=directory) as service:
        count = chain.run(ways, requests, **options)
        assert not service.ended and b"Traceback" not in service.stderr, bytes(service.stderr).decode()
    return count


@pytest.mark.parametrize("name", SERVICES)
def test_each_request_carries_the_context_of_the_request_that_it_is_made_for(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, SERVICES[name][3]) > 250


@pytest.mark.parametrize("name", SERVICES)
def test_a_header_that_the_application_set_stays(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, ("own", "one"), requests=200) > 100


@pytest.mark.parametrize("name", [name for name in SERVICES if "gevent" not in name])
def test_a_request_that_was_answered_passes_nothing_on(empty_library, tmp_path, name):
    assert served(tmp_path, empty_library, name, ("late", "one"), requests=200) > 100


SECURE = '''
import http.client
from http.server import BaseHTTPRequestHandler, HTTPServer
import threading

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        for kind in (http.client.HTTPConnection, http.client.HTTPSConnection):
            made = kind("127.0.0.1", 1)
            made.send = lambda head, made=made: print(made.default_port, b"traceparent: 00-a-b-00" in head)
            made.request("GET", "/")
        self.send_response_only(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.handle_request).start()
client = http.client.HTTPConnection(*server.server_address)
client.request("GET", "/", headers={"traceparent": "00-a-b-00"})
client.getresponse()
'''


def test_only_plain_http_carries_it(empty_library):
    done = run([PYTHON, "-c", SECURE], environment(empty_library))
    assert done.stdout == b"80 True\n443 False\n", done.text


def same_trace(how, is_, should_be):
    """The library may name its own span in the place of the one that came in."""
    return not should_be or [one.split("-")[1] for one in is_.get("traceparent", ())] == [should_be["traceparent"][0].split("-")[1]]


@pytest.mark.parametrize("name", SERVICES)
def test_beside_the_real_library_the_trace_is_the_same(real_library, tmp_path, name):
    assert served(tmp_path, real_library, name, SERVICES[name][3], compare=same_trace,
                  OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") > 250


def carries_nothing(how, is_, should_be):
    return is_ == {}


SDK = '''
import sys, types
sys.modules["opentelemetry.trace"] = types.ModuleType("opentelemetry.trace")
sys.modules["opentelemetry.trace"]._TRACER_PROVIDER = object()
'''


@pytest.mark.parametrize("name", ("aiohttp", "http.server"))
@pytest.mark.parametrize("with_library,first,more", [
    (False, "", {}),
    (True, "", {"OTEL_SDK_DISABLED": "TRUE"}),
    (True, "", {"OTEL_PROPAGATORS": "none"}),
    (True, "", {"OTEL_PROPAGATORS": "b3,baggage"}),
    (True, SDK, {}),
], ids=["no library", "disabled", "no propagators", "other propagators", "an SDK"])
def test_it_does_nothing_where_it_has_nothing_to_do(empty_library, tmp_path, name, with_library, first, more):
    assert served(tmp_path, empty_library if with_library else None, name, ("one",), first=first, requests=100,
                  compare=carries_nothing, **more) > 50


# ---- the start ----

LOOKS = '''
import sys
print(sys.path, sorted(sys.modules.keys() - {"spanload_context"}), sys.argv, sys.flags)
try:
    import sitecustomize
    print(sitecustomize.__file__, sitecustomize.__spec__.origin, getattr(sitecustomize, 'SEEN', None))
except ImportError as error:
    print(repr(error), error.name)
import http.client, inspect, importlib.util
print(inspect.signature(http.client.HTTPConnection.endheaders), http.client.HTTPConnection.endheaders.__qualname__)
print(type(http.client.__loader__), type(http.client.__spec__.loader), vars(http.client.__loader__))
print(importlib.util.find_spec("http.server").origin, importlib.reload(http.client).HTTPConnection.endheaders.__doc__)
print(inspect.getsource(http.client.HTTPConnection.endheaders))
'''


def looked(library, path, *options):
    done = run([PYTHON, *options, "-c", LOOKS], environment(library, PYTHONPATH=path))
    return done.status, done.stdout.decode(), done.text.splitlines()[-1:]  # a traceback has more lines, of this file


@pytest.mark.parametrize("options", [(), ("-E",), ("-I",), ("-s",), ("-B", "-X", "utf8")])
def test_a_program_sees_no_difference(empty_library, options):
    with_, without = looked(empty_library, str(HELPER), *options), looked(empty_library, "", *options)
    assert with_ == without and without[0] == 0


@pytest.mark.parametrize("text,says", [
    ("SEEN = __name__, __file__\nprint('first', __spec__.name)", "first sitecustomize"),
    ("SEEN = 1\nraise SystemExit(3)", ""),
    ("SEEN = 1\nraise ValueError('theirs')", "ValueError: theirs"),
    ("SEEN = 1\nimport nobody_has_this", "nobody_has_this"),
])
def test_the_applications_sitecustomize_runs_as_ever(empty_library, tmp_path, text, says):
    (tmp_path / "sitecustomize.py").write_text(text)
    with_, without = looked(empty_library, f"{HELPER}:{tmp_path}"), looked(empty_library, str(tmp_path))
    assert with_ == without
    assert says in with_[1] + str(with_[2])


CHILDREN = '''
import multiprocessing, subprocess, sys

def seen():
    import http.client
    return hasattr(http.client.HTTPConnection.endheaders, "__wrapped__")

def tell(queue):
    queue.put(seen())

if __name__ == "__main__":
    print(seen())
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=tell, args=(queue,))
        child.start()
        print(method, queue.get(timeout=20))
        child.join()
    subprocess.run([sys.executable, "-c", "import http.client; print(hasattr(http.client.HTTPConnection.endheaders, '__wrapped__'))"])
'''


def test_it_is_there_in_child_processes(empty_library, tmp_path):
    (tmp_path / "program.py").write_text(CHILDREN)
    done = run([PYTHON, "-u", tmp_path / "program.py"], environment(empty_library))
    assert done.stdout == b"True\nfork True\nspawn True\nforkserver True\nTrue\n", done.text


def test_it_is_there_in_a_virtual_environment(empty_library, tmp_path):
    assert run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "venv"], bare_environment()).status == 0
    done = run([tmp_path / "venv/bin/python", "-c", "import http.client as h; print(hasattr(h.HTTPConnection.endheaders, '__wrapped__'))"],
               environment(empty_library))
    assert done.stdout == b"True\n", done.text


def test_without_site_it_does_not_run(empty_library):
    done = run([PYTHON, "-S", "-c", "import sys; print('spanload_context' in sys.modules, sys.meta_path[0].__name__)"], environment(empty_library))
    assert done.stdout == b"False BuiltinImporter\n"


def test_at_the_start_nothing_of_a_library_is_loaded(empty_library):
    code = "import sys; print(sorted(name for name in sys.modules if name.startswith('spanload')), 'contextvars' in sys.modules)"
    assert run([PYTHON, "-c", code], environment(empty_library)).stdout == b"['spanload_context'] False\n"
