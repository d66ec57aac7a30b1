"""clients_in_languages.py - the HTTP clients that come with languages, and the libraries that people use instead."""
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
           (("GET", "/hello", 200), ("GET", "/big", 200), ("POST", "/echo", 200), ("GET", "/missing", 404)), connections=1, variables={"PERL_HASH_SEED": "0"}),
]
