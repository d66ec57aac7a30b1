"""clients_in_languages.py - the HTTP clients that come with languages, and the libraries that people use instead."""
import functools
import subprocess
import tempfile
from pathlib import Path

from programs.rows import Client

URLLIB = '''
import urllib.request, urllib.error
print(urllib.request.urlopen("{url}/hello?a=1&sig=secret").read())
print(urllib.request.urlopen("{url}/echo", data=b"x" * 70000).read()[:9])
try:
    urllib.request.urlopen("{url}/missing")
except urllib.error.HTTPError as error:
    print(error.code)
'''

HTTP_CLIENT = '''
import http.client
connection = http.client.HTTPConnection("127.0.0.1", {port})
for method, target in ("GET", "/hello"), ("HEAD", "/big.bin"), ("GET", "/chunked"), ("PURGE", "/hello"), ("OPTIONS", "/nothing"):
    connection.request(method, target)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()))
connection.request("POST", "/echo", body=(bytes(size) for size in (1, 70000, 2)), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
answer = connection.getresponse()
print(answer.status, len(answer.read(5)))
connection.close()
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

REQUESTS_THREADS = '''
import requests
from concurrent.futures import ThreadPoolExecutor
with requests.Session() as session, ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda number: len(session.get(f"{url}/zipped?{number}").content), range(20))))
'''

AIOHTTP = '''
import asyncio, aiohttp
async def fetch(session, number):
    async with session.post(f"{url}/echo?{number}", data=b"x" * 1000 * number) as answer:
        return len(await answer.read())
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4)) as session:
        print(await asyncio.gather(*[fetch(session, number) for number in range(20)]))
        async with session.get("{url}/moved") as answer:
            print(answer.status, await answer.text())
asyncio.run(main())
'''

HTTPX = '''
import httpx
with httpx.Client(follow_redirects=True) as client:
    print(client.get("{url}/moved").text, len(client.get("{url}/zipped").content), client.get("{url}/chunked").text[:3])
    with client.stream("GET", "{url}/big") as answer:
        print(len(next(answer.iter_bytes(1000))))
    print(client.request("OPTIONS", "{url}/nothing").status_code)
'''

HTTPX_ASYNC = '''
import asyncio, httpx
async def main():
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=3)) as client:
        answers = await asyncio.gather(*[client.get(f"{url}/hello?{number}") for number in range(12)])
        print([answer.status_code for answer in answers])
asyncio.run(main())
'''

PYCURL = '''
import io, pycurl
multi, handles = pycurl.CurlMulti(), []
for number in range(6):
    handle, body = pycurl.Curl(), io.BytesIO()
    handle.setopt(pycurl.URL, f"{url}/big?{number}")
    handle.setopt(pycurl.WRITEDATA, body)
    multi.add_handle(handle)
    handles.append((handle, body))
running = 1
while running:
    multi.select(1)
    running = multi.perform()[1]
print([(handle.getinfo(pycurl.RESPONSE_CODE), len(body.getvalue())) for handle, body in handles])
'''

NODE_HTTP = '''
const http = require("http");
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
function ask(method, path, parts) {
    return new Promise((done, failed) => {
        const request = http.request("{url}" + path, {agent, method}, answer => {
            let length = 0;
            answer.on("data", part => length += part.length);
            answer.on("end", () => { console.log(answer.statusCode, length); done(); });
        });
        request.on("error", failed);
        for (const part of parts) request.write(part);
        request.end();
    });
}
(async () => {
    await ask("GET", "/hello", []);
    await ask("POST", "/echo", ["one", Buffer.alloc(200000), "three"]);
    await ask("HEAD", "/big.bin", []);
    await ask("GET", "/hints", []);
    await ask("GET", "/chunked", []);
    await ask("GET", "/missing", []);
    agent.destroy();
})();
'''

NODE_FETCH = '''
(async () => {
    const answers = await Promise.all([...Array(8).keys()].map(number => fetch(`{url}/zipped?${number}`).then(answer => answer.text())));
    console.log(answers.map(text => text.length));
    console.log(await (await fetch("{url}/moved")).text());
    console.log(await (await fetch("{url}/echo", {method: "POST", body: "posted"})).text());
})();
'''

JAVA = '''
import java.net.*;
import java.net.http.*;
import java.util.stream.*;

public class Fetch {
    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        for (String path : new String[] {"/hello", "/big", "/missing"}) {
            HttpURLConnection connection = (HttpURLConnection) new URL(url + path).openConnection();
            System.out.println(connection.getResponseCode());
            if (connection.getResponseCode() == 200) System.out.println(connection.getInputStream().readAllBytes().length);
        }
        HttpURLConnection upload = (HttpURLConnection) new URL(url + "/echo").openConnection();
        upload.setDoOutput(true);
        upload.setChunkedStreamingMode(1000);
        upload.getOutputStream().write(new byte[5000]);
        upload.getOutputStream().close();
        System.out.println(upload.getInputStream().readAllBytes().length);

        HttpClient client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL).build();
        var text = HttpResponse.BodyHandlers.ofString();
        System.out.println(client.send(HttpRequest.newBuilder(URI.create(url + "/moved")).build(), text).body());
        System.out.println(client.send(HttpRequest.newBuilder(URI.create(url + "/echo")).POST(HttpRequest.BodyPublishers.ofString("posted")).build(), text).body());
        var asked = IntStream.range(0, 8).mapToObj(number -> client.sendAsync(HttpRequest.newBuilder(URI.create(url + "/big?" + number)).build(), text)).toList();
        for (var answer : asked) System.out.println(answer.get().body().length());
    }
}
'''

HTTP_TINY = '''
use HTTP::Tiny;
my $client = HTTP::Tiny->new;
print $client->get("{url}/hello")->{content};
print length $client->get("{url}/big")->{content}, "\\n";
print $client->post("{url}/echo", {content => "posted\\n"})->{content};
print $client->get("{url}/missing")->{status}, "\\n";
'''

LWP = '''
use LWP::UserAgent;
my $client = LWP::UserAgent->new(keep_alive => 1);
print $client->get("{url}/moved")->content;
print length $client->get("{url}/zipped", "Accept-Encoding" => "gzip")->decoded_content, "\\n";
print $client->head("{url}/big.bin")->header("Content-Length"), "\\n";
print length $client->get("{url}/chunked")->content, "\\n";
print $client->post("{url}/echo", Content => "posted\\n")->content;
print $client->delete("{url}/missing")->code, "\\n";
'''

PHP_STREAMS = '''
echo file_get_contents("{url}/hello");
echo strlen(file_get_contents("{url}/chunked")), "\\n";
echo file_get_contents("{url}/moved");
$post = stream_context_create(["http" => ["method" => "POST", "content" => str_repeat("x", 100000)]]);
echo strlen(file_get_contents("{url}/echo", false, $post)), "\\n";
echo @file_get_contents("{url}/missing") === false ? "missing\\n" : "found\\n";
$part = fopen("{url}/big", "r");
echo fread($part, 9), "\\n";
fclose($part);
'''

PHP_CURL = '''
$multi = curl_multi_init();
$handles = [];
for ($number = 0; $number < 6; $number++) {
    $handles[] = $handle = curl_init("{url}/big?$number");
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    curl_multi_add_handle($multi, $handle);
}
do { curl_multi_exec($multi, $running); curl_multi_select($multi, 1); } while ($running);
foreach ($handles as $handle) echo strlen(curl_multi_getcontent($handle)), "\\n";
'''

RUBY = '''
require "net/http"
Net::HTTP.start("127.0.0.1", {port}) do |http|
  puts http.get("/hello").body, http.get("/zipped").body.size, http.head("/big.bin")["Content-Length"], http.get("/chunked").body.size
  puts http.post("/echo", "x" * 100000).body.size, http.request(Net::HTTP::Propfind.new("/missing")).code
end
puts 4.times.map { |number| Thread.new { Net::HTTP.get(URI("{url}/big?#{number}")).size } }.map(&:value)
'''

LUA = '''
local http, ltn12 = require("socket.http"), require("ltn12")
print((http.request("{url}/hello")))
print(#http.request("{url}/chunked"))
print((http.request("{url}/moved")))
print(#http.request("{url}/echo", string.rep("x", 100000)))
for _, target in ipairs{"/big.bin", "/missing"} do
    local _, status, fields = http.request{url = "{url}" .. target, method = "HEAD"}
    print(status, fields["content-length"])
end
'''

TCL = '''
package require http
foreach {path options} {/hello {} /zipped {} /chunked {} /echo {-query posted} /big.bin {-validate 1} /missing {}} {
    set answer [http::geturl {url}$path {*}$options -keepalive 1]
    puts "[http::ncode $answer] [string length [http::data $answer]]"
    http::cleanup $answer
}
'''


@functools.cache
def java_classes():
    """Compiled once: the compiler takes longer than all the rest."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "Fetch.java"
        source.write_text(JAVA)
        subprocess.run(["/usr/bin/javac", source], check=True)
        return {file.name: file.read_bytes() for file in Path(directory).glob("*.class")}


def put_java(directory, *_):
    for name, code in java_classes().items():
        (directory / name).write_bytes(code)


def gets(pattern, numbers, method="GET", status=200):
    return tuple((method, pattern.format(number), status) for number in numbers)


CLIENTS = [
    Client("python3 urllib", ("python3",), ("/usr/bin/python3", "-c", URLLIB),
           (("GET", "/hello?a=1&sig=secret", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=3),
    Client("python3 http.client", ("python3",), ("/usr/bin/python3", "-c", HTTP_CLIENT),
           (("GET", "/hello", 200), ("HEAD", "/big.bin", 200), ("GET", "/chunked", 200), ("PURGE", "/hello", 200),
            ("OPTIONS", "/nothing", 204), ("POST", "/echo", 200)), connections=1),
    Client("python3 requests (session)", ("python3-requests",),
           ("/usr/bin/python3", "-c", REQUESTS_SESSION),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("GET", "/broken", 500), ("HEAD", "/hello", 200), ("PUT", "/echo", 200)),
           connections=1),
    Client("python3 requests (one-shot)", ("python3-requests",),
           ("/usr/bin/python3", "-c", REQUESTS_ONE_SHOT),
           (("GET", "/hello", 200), ("GET", "/hello", 200), ("GET", "/missing", 404)), connections=3),
    Client("python3 requests (threads)", ("python3-requests",), ("/usr/bin/python3", "-c", REQUESTS_THREADS),
           gets("/zipped?{}", range(20)), unordered=True),
    Client("python3 aiohttp", ("python3-aiohttp",), ("/usr/bin/python3", "-c", AIOHTTP),
           (*gets("/echo?{}", range(20), "POST"), ("GET", "/moved", 302), ("GET", "/hello", 200)), unordered=True),
    Client("python3 httpx", ("python3-httpx",), ("/usr/bin/python3", "-c", HTTPX),
           (("GET", "/moved", 302), ("GET", "/hello", 200), ("GET", "/zipped", 200), ("GET", "/chunked", 200), ("GET", "/big", 200),
            ("OPTIONS", "/nothing", 204)), connections=2),
    Client("python3 httpx (async)", ("python3-httpx",), ("/usr/bin/python3", "-c", HTTPX_ASYNC), gets("/hello?{}", range(12)), unordered=True),
    Client("python3 pycurl (multi)", ("python3-pycurl",), ("/usr/bin/python3", "-c", PYCURL), gets("/big?{}", range(6)), connections=6, unordered=True),
    Client("node http", ("nodejs",), ("/usr/bin/node", "-e", NODE_HTTP),
           (("GET", "/hello", 200), ("POST", "/echo", 200), ("HEAD", "/big.bin", 200), ("GET", "/hints", 200), ("GET", "/chunked", 200),
            ("GET", "/missing", 404)), connections=1),
    Client("node fetch", ("nodejs",), ("/usr/bin/node", "-e", NODE_FETCH),
           (*gets("/zipped?{}", range(8)), ("GET", "/moved", 302), ("GET", "/hello", 200), ("POST", "/echo", 200)), unordered=True,
           variables={"NODE_NO_WARNINGS": "1"}),  # Debian 12 has 18, where fetch is still called an experiment
    Client("java", ("default-jdk-headless",), ("/usr/bin/java", "-XX:TieredStopAtLevel=1", "-cp", "{dir}", "Fetch", "{url}"),
           (*[("GET", path, 200) for path in ("/hello", "/big", "/hello")], ("GET", "/missing", 404), *[("POST", "/echo", 200)] * 2, ("GET", "/moved", 302),
            *gets("/big?{}", range(8))), unordered=True, prepare=put_java, blanks=((rb" \d+=(socket|/dev/u?random|anon_inode:\[event(poll|fd)\])", b""),)),  # of several threads
    Client("perl HTTP::Tiny", ("perl",),
           ("/usr/bin/perl", "-e", HTTP_TINY),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=1, variables={"PERL_HASH_SEED": "0"}),
    Client("perl LWP", ("libwww-perl",), ("/usr/bin/perl", "-e", LWP),
           (("GET", "/moved", 302), ("GET", "/hello", 200), ("GET", "/zipped", 200), ("HEAD", "/big.bin", 200), ("GET", "/chunked", 200),
            ("POST", "/echo", 200), ("DELETE", "/missing", 404)), connections=1, variables={"PERL_HASH_SEED": "0"}),
    Client("php (streams)", ("php-cli",), ("/usr/bin/php", "-r", PHP_STREAMS),
           (("GET", "/hello", 200), ("GET", "/chunked", 200), ("GET", "/moved", 302), ("GET", "/hello", 200), ("POST", "/echo", 200),
            ("GET", "/missing", 404), ("GET", "/big", 200)), connections=7),
    Client("php (curl, multi)", ("php-curl", "php-cli"), ("/usr/bin/php", "-r", PHP_CURL), gets("/big?{}", range(6)), connections=6, unordered=True,
           unseen="PHP loads its extensions with RTLD_DEEPBIND: they call libc and not what stands before it"),
    Client("ruby net/http", ("ruby",), ("/usr/bin/ruby", "-e", RUBY),
           (("GET", "/hello", 200), ("GET", "/zipped", 200), ("HEAD", "/big.bin", 200), ("GET", "/chunked", 200), ("POST", "/echo", 200),
            ("PROPFIND", "/missing", 404), *gets("/big?{}", range(4))), connections=5, unordered=True),
    Client("lua socket.http", ("lua-socket", "lua5.1"), ("/usr/bin/lua5.1", "-e", LUA),
           (("GET", "/hello", 200), ("GET", "/chunked", 200), ("GET", "/moved", 302), ("GET", "/hello", 200), ("POST", "/echo", 200),
            ("HEAD", "/big.bin", 200), ("HEAD", "/missing", 404)), connections=7),
    Client("tcl http", ("tcl",), ("/usr/bin/tclsh", "{dir}/fetch.tcl"),
           (("GET", "/hello", 200), ("GET", "/zipped", 200), ("GET", "/chunked", 200), ("POST", "/echo", 200), ("HEAD", "/big.bin", 200),
            ("GET", "/missing", 404)), connections=1, files={"fetch.tcl": TCL}, blanks=((rb" 5=pipe", b""),)),  # of its notifier, which may still be there
]
