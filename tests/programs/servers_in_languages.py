"""servers_in_languages.py - the servers that come with languages, and what people run their applications in.

Each application is the same: the files of {dir}/www, what was posted to /echo, and 404 for the rest; it is written as one
writes it for that server, so that some answer whole, some in chunks, and some by sendfile.
"""
import shutil
import signal
from pathlib import Path

from programs.rows import FOR_EACH, PIDS, Server, moved
from programs.servers import PHP

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

ASGI_APPLICATION = '''\
import os

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "www")


async def read_all(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def application(scope, receive, send):
    path = ROOT + scope["path"]
    status, body = 404, b"no such page\\n"
    if scope["path"] == "/echo":
        status, body = 200, await read_all(receive)
    elif os.path.isfile(path):
        status, body = 200, open(path, "rb").read()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    for at in range(0, len(body), 50000):
        await send({"type": "http.response.body", "body": body[at:at + 50000], "more_body": True})
    await send({"type": "http.response.body"})
'''

AIOHTTP_SERVER = '''
import os
from aiohttp import web

async def echo(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    async for part in request.content.iter_chunked(300):
        await answer.write(part)
    return answer

application = web.Application()
application.router.add_post("/echo", echo)
application.router.add_static("/", "{dir}/www")
web.run_app(application, host="127.0.0.1", port={port})
'''

TORNADO_SERVER = '''
import asyncio, signal
from tornado.web import Application, RequestHandler, StaticFileHandler

class Echo(RequestHandler):
    def post(self):
        self.write(self.request.body)
        self.flush()

async def main():
    Application([("/echo", Echo), ("/(.*)", StaticFileHandler, {"path": "{dir}/www"})]).listen({port}, "127.0.0.1")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()

asyncio.run(main())
'''

NODE_SERVER = '''
const fs = require("fs"), http = require("http");

const server = http.createServer((request, answer) => {
    const file = "{dir}/www" + request.url.split("?")[0];
    if (request.url === "/echo") {
        request.pipe(answer);
    } else if (fs.existsSync(file)) {
        fs.createReadStream(file).pipe(answer);
    } else {
        answer.writeHead(404, {"Content-Type": "text/plain"});
        answer.end("no such page\\n");
    }
});
server.listen({port}, "127.0.0.1");
process.on("SIGTERM", () => server.close());
'''

EXPRESS_SERVER = '''
const express = require("express");

const application = express();
application.use(express.static("{dir}/www"));
application.post("/echo", express.raw({type: () => true}), (request, answer) => answer.send(request.body));
const server = application.listen({port}, "127.0.0.1");
process.on("SIGTERM", () => server.close());
'''

WEBRICK_SERVER = '''
require "webrick"

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: {port}, DocumentRoot: "{dir}/www")
server.mount_proc("/echo") do |request, answer|
  answer.chunked = true
  answer.body = request.body
end
trap("TERM") { server.shutdown }
server.start
'''

RACK_APPLICATION = '''
require "rack"

run lambda { |environment|
  request = Rack::Request.new(environment)
  file = "{dir}/www" + request.path_info
  if request.path_info == "/echo"
    [200, {"content-type" => "text/plain"}, [request.body.read]]
  elsif File.file?(file)
    body = request.head? ? [] : File.foreach(file, nil, 50000)
    [200, {"content-type" => "text/plain"}, body]
  else
    [404, {"content-type" => "text/plain"}, ["no such page\\n"]]
  end
}
'''

JAVA_SERVER = '''
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;

class Serve {
    static void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        boolean head = exchange.getRequestMethod().equals("HEAD");
        byte[] body = "no such page\\n".getBytes();
        int status = 404;
        if (path.equals("/echo")) {
            status = 200;
            body = exchange.getRequestBody().readAllBytes();
        } else if (Files.isRegularFile(Path.of("{dir}/www" + path))) {
            status = 200;
            body = Files.readAllBytes(Path.of("{dir}/www" + path));
        }
        exchange.sendResponseHeaders(status, head ? -1 : path.equals("/big.bin") ? 0 : body.length);
        if (!head) exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", {port}), 0);
        server.createContext("/", Serve::answer);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }
}
'''

GUNICORN = ("/usr/bin/gunicorn", "--bind", "127.0.0.1:{port}", "--chdir", "{dir}", "--access-logfile", "{dir}/log/access.log",
            "--workers", "1", "application:application")
NODE = {"variables": {"NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"}, "post": "/echo"}


def prepare_tomcat(directory, port, _):
    base = Path(directory) / "base"
    moved("/etc/tomcat10", base / "conf", ("server.xml", r'<Connector port="8080"', f'<Connector address="127.0.0.1" port="{port}"'))
    for name in ("logs", "temp", "work"):
        (base / name).mkdir()
    shutil.copytree(f"{directory}/www", base / "webapps" / "ROOT")


SERVERS = [
    Server("python3 http.server", ("python3",),
           ("/usr/bin/python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "{dir}/www", "{port}"),
           stop=signal.SIGINT, connections=FOR_EACH),
    Server("gunicorn (sync)", ("gunicorn",), (*GUNICORN, "--worker-class", "sync"),
           files={"application.py": WSGI_APPLICATION}, connections=FOR_EACH, post="/echo", blanks=(PIDS,), blank_files=("*.pyc",)),
    Server("gunicorn (gthread)", ("gunicorn",),
           (*GUNICORN, "--worker-class", "gthread", "--threads", "4"),
           files={"application.py": WSGI_APPLICATION}, post="/echo", blanks=(PIDS,), blank_files=("*.pyc",)),
    Server("uvicorn", ("uvicorn",),
           ("/usr/bin/uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--app-dir", "{dir}", "application:application"),
           files={"application.py": ASGI_APPLICATION}, post="/echo", blanks=(PIDS,), blank_files=("*.pyc",)),
    Server("uwsgi", ("uwsgi-plugin-python3",),
           ("/usr/bin/uwsgi", "--plugin", "python3", "--http11-socket", "127.0.0.1:{port}", "--master", "--die-on-term",
            "--chdir", "{dir}", "--module", "application", "--processes", "1"), files={"application.py": WSGI_APPLICATION}, post="/echo", blank_files=("*.pyc",),
           blanks=(PIDS, (rb"\b0x[0-9a-f]+", b"ADDRESS"), (rb"\d+ (msecs|switches)", rb"N \1"),
                   (rb"\d+ vars in \d+ bytes", b"N vars"))),
    Server("unicorn", ("unicorn",), ("/usr/bin/unicorn", "--listen", "127.0.0.1:{port}", "--no-default-middleware", "{dir}/config.ru"),
           files={"config.ru": RACK_APPLICATION}, post="/echo", stop=signal.SIGQUIT, blanks=(PIDS,), connections=FOR_EACH),
    Server("python3 tornado", ("python3-tornado",), ("/usr/bin/python3", "-c", TORNADO_SERVER), post="/echo",
           blanks=((rb"[\d.]+ms", b"TIME"),)),
    Server("python3 aiohttp", ("python3-aiohttp",), ("/usr/bin/python3", "-c", AIOHTTP_SERVER), post="/echo"),
    Server("node http", ("nodejs",), ("/usr/bin/node", "-e", NODE_SERVER), **NODE),
    Server("node express", ("node-express", "nodejs"), ("/usr/bin/node", "-e", EXPRESS_SERVER), **NODE),
    Server("ruby webrick", ("ruby-webrick",), ("/usr/bin/ruby", "-e", WEBRICK_SERVER), post="/echo",
           blanks=(PIDS, (rb"Etag: \w+", b"Etag: INODE")), connections=2),  # it ends the connection after a 404
    Server("puma", ("puma",), ("/usr/bin/puma", "--bind", "tcp://127.0.0.1:{port}", "{dir}/config.ru"),
           files={"config.ru": RACK_APPLICATION}, post="/echo", stop=signal.SIGINT, blanks=(PIDS,)),
    Server("php -S", ("php-cli",), ("/usr/bin/php", "-S", "127.0.0.1:{port}", "-t", "{dir}/www", "{dir}/index.php"),
           files={"index.php": PHP}, post="/echo", stop=signal.SIGINT, connections=FOR_EACH),
    Server("java com.sun.net.httpserver", ("default-jdk-headless",), ("/usr/bin/java", "-XX:TieredStopAtLevel=1", "{dir}/Serve.java"),
           files={"Serve.java": JAVA_SERVER}, post="/echo"),
    Server("tomcat10", ("tomcat10",), ("/usr/share/tomcat10/bin/catalina.sh", "run"), prepare=prepare_tomcat,
           variables={"CATALINA_HOME": "/usr/share/tomcat10", "CATALINA_BASE": "{dir}/base", "JAVA_OPTS": "-Djava.awt.headless=true -XX:TieredStopAtLevel=1"},
           blanks=((rb"\d\d-[A-Z][a-z][a-z]-\d{4} [\d:.]+", b"TIME"), (rb"\[[\d,]+\](?= (ms|milliseconds))", b"[N]"),
                   (rb"\[(Thread-\d+|main|http-nio\S+)\]", b"[THREAD]"), (rb"\d+=(/dev/u?random|/usr/share/java/)", rb"N=\1"))),
]
