"""programs.py - the programs that are traced unmodified, one row each.

A row says what to start and what is particular about it; what is asked of servers, what must hold for spans, and the
comparison with a run without the library are the same for all and live in tests/system/test_programs.py. One more program
is one more row, and one more line in README's table (tests/programs/table.py writes it).

Commands and files are templates: {dir} is the program's own directory, {port} the port of a server, {url} the origin that a
client is sent to; every other brace is a brace. Configurations are the ones Debian ships, copied, with only ports, paths and logs changed.
"""
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Server:
    name: str
    packages: tuple
    command: tuple
    prepare: object = None        # called with (directory, port) before each start
    files: dict = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    stop: int = signal.SIGTERM    # what ends it in good order
    keep_alive: bool = True
    access_log: str = ""          # relative to {dir}; "stderr" and "stdout" are the program's own
    error_log: str = ""           # where its stderr goes, if it moves it
    post: str = "/index.html"     # what a POST is sent to
    role: str = "server"


@dataclass(frozen=True)
class Client:
    name: str
    packages: tuple
    command: tuple
    visits: tuple = ()            # (method, target, status) in order; () is what the origin was asked
    connections: int = 0          # how many connections it makes, 0 if that is not its promise
    exit_status: int = 0
    varies: tuple = ()            # request fields that differ from run to run of the program as it is
    repository: bool = False      # the origin has a git repository at /git/repo.git and /files/repo.git
    role: str = "client"


# --- Debian's configurations, moved -----------------------------------------------------------------------------------

def moved(source, target, *changes):
    """Copies a configuration directory, links followed, and applies (file, pattern, replacement) to what was copied."""
    shutil.copytree(source, target, symlinks=False)
    for name, pattern, replacement in changes:
        file = Path(target) / name
        text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        assert count, f"{source}/{name} has no {pattern}"
        file.write_text(text)


def prepare_nginx(directory, port):
    moved("/etc/nginx", f"{directory}/nginx",
          ("nginx.conf", r"/etc/nginx/", f"{directory}/nginx/"),
          ("nginx.conf", r"^pid .*;", f"pid {directory}/nginx.pid;"),
          ("nginx.conf", r"/var/log/nginx/", f"{directory}/log/"),
          ("sites-enabled/default", r"^(\s*)listen 80 default_server;", rf"\1listen 127.0.0.1:{port} default_server;"),
          ("sites-enabled/default", r"^\s*listen \[::\]:80 default_server;", ""),
          ("sites-enabled/default", r"root /var/www/html;", f"root {directory}/www;"))


def prepare_apache(directory, port):
    moved("/etc/apache2", f"{directory}/apache2",
          ("ports.conf", r"^Listen 80$", f"Listen 127.0.0.1:{port}"),
          ("apache2.conf", r"<Directory /var/www/>", f"<Directory {directory}/www/>"),
          ("sites-enabled/000-default.conf", r"<VirtualHost \*:80>", f"<VirtualHost *:{port}>\n\tServerName localhost"),
          ("sites-enabled/000-default.conf", r"DocumentRoot .*", f"DocumentRoot {directory}/www"))


def prepare_lighttpd(directory, port):
    moved("/etc/lighttpd", f"{directory}/lighttpd",
          ("lighttpd.conf", r"^server.port .*", f'server.port = {port}\nserver.bind = "127.0.0.1"'),
          ("lighttpd.conf", r"^include_shell .*use-ipv6.*", ""),
          ("lighttpd.conf", r"/var/www/html", f"{directory}/www"),
          ("lighttpd.conf", r"/var/cache/lighttpd/uploads", f"{directory}/tmp"),
          ("lighttpd.conf", r"/var/log/lighttpd/", f"{directory}/log/"),
          ("lighttpd.conf", r"/run/lighttpd.pid", f"{directory}/lighttpd.pid"),
          ("lighttpd.conf", r"/etc/lighttpd/", f"{directory}/lighttpd/"),
          ("lighttpd.conf", r'^\t"mod_staticfile",', '\t"mod_staticfile",\n\t"mod_accesslog",'))
    with open(f"{directory}/lighttpd/lighttpd.conf", "a") as file:
        file.write(f'accesslog.filename = "{directory}/log/access.log"\n')


WSGI_APPLICATION = '''\
import os

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "www")


def application(environ, start_response):
    path = ROOT + environ["PATH_INFO"]
    status, body = "404 Not Found", b"no such page\\n"
    if environ["PATH_INFO"] == "/echo":
        status, body = "200 OK", environ["wsgi.input"].read()
    elif os.path.isfile(path):
        status, body = "200 OK", open(path, "rb").read()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []
'''

GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:{port}", "--chdir", "{dir}", "--access-logfile", "{dir}/log/access.log",
            "--workers", "1", "application:application")

SERVERS = [
    Server("nginx", ("nginx",),
           ("/usr/sbin/nginx", "-c", "{dir}/nginx/nginx.conf", "-g", "daemon off;"),
           prepare=prepare_nginx, stop=signal.SIGQUIT, access_log="log/access.log", error_log="log/error.log"),
    Server("apache2 (event)", ("apache2",),
           ("/usr/sbin/apache2", "-d", "{dir}/apache2", "-f", "apache2.conf", "-DFOREGROUND"),
           prepare=prepare_apache, access_log="log/access.log", error_log="log/error.log",
           variables={"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "{dir}/apache2.pid",
                      "APACHE_RUN_DIR": "{dir}/tmp", "APACHE_LOCK_DIR": "{dir}/tmp", "APACHE_LOG_DIR": "{dir}/log"}),
    Server("lighttpd", ("lighttpd",),
           ("/usr/sbin/lighttpd", "-D", "-f", "{dir}/lighttpd/lighttpd.conf"),
           prepare=prepare_lighttpd, stop=signal.SIGINT, access_log="log/access.log", error_log="log/error.log"),
    Server("python3 http.server", ("python3",),
           ("/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}/www", "{port}"),
           stop=signal.SIGINT, keep_alive=False, access_log="stderr"),
    Server("gunicorn (sync)", ("gunicorn",), (*GUNICORN, "--worker-class", "sync"),
           files={"application.py": WSGI_APPLICATION}, keep_alive=False, access_log="log/access.log", post="/echo"),
    Server("gunicorn (gthread)", ("gunicorn",),
           (*GUNICORN, "--worker-class", "gthread", "--threads", "4"),
           files={"application.py": WSGI_APPLICATION}, access_log="log/access.log", post="/echo"),
    Server("busybox httpd", ("busybox",),
           ("/usr/bin/busybox", "httpd", "-f", "-v", "-p", "127.0.0.1:{port}", "-h", "{dir}/www"),
           keep_alive=False, access_log="stderr"),
]

# --- clients ------------------------------------------------------------------------------------------------------------

URLLIB = '''
import urllib.request, urllib.error
print(urllib.request.urlopen("{url}/hello?a=1&sig=secret").read())
print(urllib.request.urlopen("{url}/echo", data=b"x" * 70000).read()[:9])
try:
    urllib.request.urlopen("{url}/missing")
except urllib.error.HTTPError as error:
    print(error.code)
'''

REQUESTS_SESSION = '''
import requests
with requests.Session() as session:
    for target in ("/hello", "/big", "/broken"):
        answer = session.get("{url}" + target)
        print(answer.status_code, len(answer.content))
    print(session.head("{url}/hello").headers["Content-Length"])
    print(session.put("{url}/echo", data=(bytes(1000) for _ in range(3))).content == bytes(3000))
'''

REQUESTS_ONE_SHOT = '''
import requests
for target in ("/hello", "/hello", "/missing"):
    print(requests.get("{url}" + target).text)
'''

HTTP_TINY = '''
use HTTP::Tiny;
my $client = HTTP::Tiny->new;
print $client->get("{url}/hello")->{content};
print length $client->get("{url}/big")->{content}, "\\n";
print $client->post("{url}/echo", {content => "posted\\n"})->{content};
print $client->get("{url}/missing")->{status}, "\\n";
'''

CLIENTS = [
    Client("curl", ("curl",), ("/usr/bin/curl", "-sS", "-i", "{url}/hello?q=1"),
           (("GET", "/hello?q=1", 200),), connections=1),
    Client("curl (connection reused)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "{url}/hello", "{url}/big", "{url}/nothing"),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("GET", "/nothing", 204)), connections=1),
    Client("curl (POST, expecting 100-continue)", ("curl",),
           ("/usr/bin/curl", "-sS", "-H", "Expect: 100-continue", "--data-binary", "@/usr/bin/git", "-o", "/dev/null", "-w",
            "%{http_code} %{size_upload}", "{url}/echo"), (("POST", "/echo", 200),), connections=1),
    Client("curl (404, --fail)", ("curl",), ("/usr/bin/curl", "-f", "-sS", "{url}/missing"),
           (("GET", "/missing", 404),), exit_status=22, connections=1),
    Client("wget", ("wget",), ("/usr/bin/wget", "-q", "-O", "-", "{url}/hello", "{url}/big"),
           (("GET", "/hello", 200), ("GET", "/big", 200)), connections=1),
    Client("python3 urllib", ("python3",), ("/usr/bin/python3", "-c", URLLIB),
           (("GET", "/hello?a=1&sig=secret", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=3),
    Client("python3 requests (session)", ("python3-requests",),
           ("/usr/bin/python3", "-c", REQUESTS_SESSION),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("GET", "/broken", 500), ("HEAD", "/hello", 200), ("PUT", "/echo", 200)),
           connections=1),
    Client("python3 requests (one-shot)", ("python3-requests",),
           ("/usr/bin/python3", "-c", REQUESTS_ONE_SHOT),
           (("GET", "/hello", 200), ("GET", "/hello", 200), ("GET", "/missing", 404)), connections=3),
    Client("perl HTTP::Tiny", ("perl",),
           ("/usr/bin/perl", "-e", HTTP_TINY),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=1),
    Client("git clone (smart http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/git/repo.git", "{dir}/clone"), repository=True),
    Client("git clone (dumb http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/files/repo.git", "{dir}/clone"), repository=True, varies=("Accept-Encoding",)),
]

PROGRAMS = [*SERVERS, *CLIENTS]


def filled(template, **values):
    """The template with {dir}, {port}, {url} replaced."""
    return re.sub(r"\{(dir|port|url)\}", lambda name: str(values[name.group(1)]), template)
