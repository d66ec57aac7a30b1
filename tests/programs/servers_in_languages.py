"""servers_in_languages.py - the servers that come with languages, and what people run their applications in."""
import signal

from programs.rows import Server

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
PIDS = ((rb"\[\d+\]|pid: \d+|\(\d+\)", b"PID"),)

SERVERS = [
    Server("python3 http.server", ("python3",),
           ("/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}/www", "{port}"),
           stop=signal.SIGINT, keep_alive=False),
    Server("gunicorn (sync)", ("gunicorn",), (*GUNICORN, "--worker-class", "sync"),
           files={"application.py": WSGI_APPLICATION}, keep_alive=False, post="/echo", blanks=PIDS, blank_files=("*.pyc",)),
    Server("gunicorn (gthread)", ("gunicorn",),
           (*GUNICORN, "--worker-class", "gthread", "--threads", "4"),
           files={"application.py": WSGI_APPLICATION}, post="/echo", blanks=PIDS, blank_files=("*.pyc",)),
]
