"""clients.py - programs that fetch."""
from programs.rows import Client

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
    Client("git clone (smart http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/git/repo.git", "{dir}/clone"), repository=True, blank_files=("clone/.git/index",)),
    Client("git clone (dumb http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/files/repo.git", "{dir}/clone"), repository=True,
           blank_files=("clone/.git/index",), blanks=((rb"Accept-Encoding: [^\r]*\r\n", b""),)),
]
