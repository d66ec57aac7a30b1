"""clients.py - programs that fetch."""
from programs import repositories
from programs.rows import Client

KILLED = (rb" [3-9]=(socket|/(usr|etc|proc|var)/[^ ]*)", b"")  # apt kills its methods, whatever they are at
CHUNKS = (rb"\r\n[0-9a-f]{1,4}\r\n", b"")  # of a body that comes from a pipe
NUMBERS = (rb" *\d[\d.,:]*([a-zA-Z]\w*|%)?", b" N")  # what a load generator measured

SIEGE = """\
verbose = false
logging = false
show-logfile = false
connection = keep-alive
protocol = HTTP/1.1
parser = false
"""

# Stops after ten answers: how many a second holds is not for a test to say.
TEN_ANSWERS = """\
local answers = 0
function response(status)
    answers = answers + 1
    if answers == 10 then wrk.thread:stop() end
end
"""

# Several processes, one connection each, and answers for methods that HTTP itself does not know.
SVN = """\
set -e
svn checkout -q {url}/svn/shop work
cd work
seq 20000 >numbers
svn add -q numbers
svn commit -q -m "first one"
svn update -q
svn list -R {url}/svn/shop
svn cat {url}/svn/shop/numbers
"""

COMPRESSED = "[global]\nhttp-compression = yes\n"  # else the first round trip's time decides

APT = """\
set -e
mkdir -p state/lists/partial cache/archives/partial
echo "deb [trusted=yes] {url}/files/debian ./" >sources.list
options="-q -o Dir::Etc::SourceList={dir}/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State={dir}/state -o Dir::Cache={dir}/cache"
export APT_CONFIG={dir}/apt.conf
apt-get $options update
apt-get $options download %s
""" % " ".join(repositories.PACKAGES)

PUSH = """\
set -e
git clone -q {url}/git/written.git work
cd work
seq 200000 >numbers
git add numbers
git -c user.name=t -c user.email=t@t commit -q -m numbers
git -c http.postBuffer=65536 push -q
"""
NOTHING_ELSE = """\
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
"""
DATES = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}


def begun(directory, *_):
    """What an earlier download left: the first bytes of /big.bin."""
    (directory / "big.bin").write_bytes((bytes(range(256)) * 20000)[:100000])


CLIENTS = [
    Client("curl", ("curl",), ("/usr/bin/curl", "-sS", "-i", "{url}/hello?q=1"),
           (("GET", "/hello?q=1", 200),), connections=1),
    Client("curl (connection reused)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "{url}/hello", "{url}/big", "{url}/nothing"),
           (("GET", "/hello", 200), ("GET", "/big", 200), ("GET", "/nothing", 204)), connections=1),
    Client("curl (every way to end an answer)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "-r", "10-99", "{url}/big", "--next", "-sS", "-I", "{url}/big.bin", "--next", "-sS", "-i",
            "{url}/hints", "{url}/chunked", "{url}/zipped", "--next", "-sS", "-i", "-z", "Tue, 14 Nov 2023 22:13:20 GMT", "{url}/dated", "--next", "-sS", "-i", "--compressed", "{url}/zipped",
            "{url}/to-the-end"),
           (("GET", "/big", 206), ("HEAD", "/big.bin", 200), ("GET", "/hints", 200), ("GET", "/chunked", 200), ("GET", "/zipped", 200),
            ("GET", "/dated", 304), ("GET", "/zipped", 200), ("GET", "/to-the-end", 200)), connections=1),
    Client("curl (POST, expecting 100-continue)", ("curl",),
           ("/usr/bin/curl", "-sS", "-H", "Expect: 100-continue", "--data-binary", "@/usr/bin/git", "-o", "/dev/null", "-w",
            "%{http_code} %{size_upload}", "{url}/echo"), (("POST", "/echo", 200),), connections=1),
    Client("curl (POST, refused before its body)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "-H", "Expect: 100-continue", "--data-binary", "@/usr/bin/git", "{url}/refused", "{url}/hello"),
           (("POST", "/refused", 413), ("POST", "/hello", 200)), connections=2),
    Client("curl (chunked upload)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "-X", "PUT", "-H", "Transfer-Encoding: chunked", "--data-binary", "@/usr/bin/git", "-o", "{dir}/answer",
            "-w", "%{http_code}", "{url}/echo", "{url}/echo"), (("PUT", "/echo", 200), ("PUT", "/echo", 200)), connections=1),
    Client("curl (redirects)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "-L", "{url}/moved", "-d", "x=1", "{url}/posted"),
           (("POST", "/moved", 302), ("GET", "/hello", 200), ("POST", "/posted", 303), ("GET", "/hello", 200)), connections=1),
    Client("curl (redirect to another host)", ("curl",), ("/usr/bin/curl", "-4", "-sS", "-i", "-L", "{url}/elsewhere"),
           (("GET", "/elsewhere", 302), ("GET", "/hello", 200)), connections=2),
    Client("curl (404, --fail)", ("curl",), ("/usr/bin/curl", "-f", "-sS", "{url}/missing"),
           (("GET", "/missing", 404),), exit_status=22, connections=1),
    Client("curl (HTTP/1.0)", ("curl",), ("/usr/bin/curl", "-0", "-sS", "-i", "{url}/hello", "{url}/to-the-end"),
           (("GET", "/hello", 200), ("GET", "/to-the-end", 200)), connections=2),
    Client("curl (HTTP/2 offered)", ("curl",), ("/usr/bin/curl", "--http2", "-sS", "-i", "{url}/hello", "{url}/big"),
           (("GET", "/hello", 200), ("GET", "/big", 200)), connections=1),
    Client("curl (parallel)", ("curl",),
           ("/usr/bin/curl", "-sS", "--no-progress-meter", "--parallel", "--parallel-immediate", "--parallel-max", "5", "{url}/echo?[1-20]", "-d", "some text"),
           tuple(("POST", f"/echo?{number}", 200) for number in range(1, 21)), unordered=True),
    Client("curl (through a proxy)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "-x", "{url}", "http://shop.example/hello?a=1", "http://pay.example:8080/missing"),
           (("GET", "http://shop.example/hello?a=1", 200), ("GET", "http://pay.example:8080/missing", 404)), connections=1),
    Client("curl (tunnel refused)", ("curl",), ("/usr/bin/curl", "-sS", "-i", "-p", "-x", "{url}", "http://shop.example:81/hello"),
           (("CONNECT", "shop.example:81", 404),), exit_status=56, connections=1),
    Client("curl (IPv6)", ("curl",), ("/usr/bin/curl", "-sS", "-i", "http://[::1]:{port}/hello", "http://[::1]:{port}/big"),
           (("GET", "/hello", 200), ("GET", "/big", 200)), connections=1, also="::1"),
    Client("curl (unix socket)", ("curl",),
           ("/usr/bin/curl", "-sS", "-i", "--unix-socket", "{root}/socket", "http://localhost/hello", "http://localhost/big"),
           (("GET", "/hello", 200), ("GET", "/big", 200)), also="{root}/socket"),
    Client("wget", ("wget",), ("/usr/bin/wget", "-q", "-O", "-", "{url}/hello", "{url}/big"),
           (("GET", "/hello", 200), ("GET", "/big", 200)), connections=1),
    Client("wget (recursive)", ("wget",), ("/usr/bin/wget", "-r", "-l", "1", "-nH", "-q", "{url}/links.html"),
           (("GET", "/links.html", 200), ("GET", "/robots.txt", 404), ("GET", "/index.html", 200), ("GET", "/moved", 302),
            ("GET", "/hello", 200), ("GET", "/missing", 404)), exit_status=8, connections=1),
    Client("wget (download continued)", ("wget",), ("/usr/bin/wget", "-q", "-c", "{url}/big.bin"),
           (("GET", "/big.bin", 206),), connections=1, prepare=begun),
    Client("wget2", ("wget2",),
           ("/usr/bin/wget2", "-q", "--max-threads=3", *[f"{{url}}/{name}?{number}" for name in ("hello", "big", "zipped", "chunked") for number in range(3)]),
           tuple(("GET", f"/{name}?{number}", 200) for name in ("hello", "big", "zipped", "chunked") for number in range(3)), unordered=True),
    Client("aria2c (split download)", ("aria2",),
           ("/usr/bin/aria2c", "-q", "--no-conf", "-x4", "-s4", "-k1M", "--file-allocation=none", "-d", "{dir}", "-o", "file",
            "{url}/together?of=4&size=4194304"),
           (("GET", "/together?of=4&size=4194304", 200), *[("GET", "/together?of=4&size=4194304", 206)] * 3), connections=4, unordered=True),
    Client("axel (split download)", ("axel",), ("/usr/bin/axel", "-q", "-n", "4", "-o", "{dir}/file", "{url}/together?of=4&size=410000"),
           (("GET", "/together?of=4&size=410000", 206),) * 5, connections=5, unordered=True),
    Client("lynx", ("lynx",), ("/usr/bin/lynx", "-dump", "{url}/links.html"), (("GET", "/links.html", 200),), connections=1,
           blanks=((rb" 4=pipe", b""),)),  # of the child that looks names up, and is killed
    Client("ab", ("apache2-utils",), ("/usr/bin/ab", "-q", "-S", "-d", "-n", "40", "-c", "4", "{url}/hello"),
           (("GET", "/hello", 200),) * 40, connections=40, unordered=True, blanks=(NUMBERS,)),
    Client("ab (keep-alive)", ("apache2-utils",), ("/usr/bin/ab", "-q", "-S", "-d", "-k", "-n", "40", "-c", "4", "-p", "/etc/os-release", "-T", "text/plain", "{url}/echo"),
           (("POST", "/echo", 200),) * 40, connections=4, unordered=True, blanks=(NUMBERS,)),
    Client("wrk", ("wrk",), ("/usr/bin/wrk", "-t", "1", "-c", "1", "-d", "1", "-s", "{dir}/ten.lua", "{url}/hello"),
           (("GET", "/hello", 200),) * 10, connections=1, files={"ten.lua": TEN_ANSWERS}, blanks=(NUMBERS,)),
    Client("siege", ("siege",), ("/usr/bin/siege", "-R", "{dir}/siege.conf", "-q", "-b", "-r", "10", "-c", "3", "{url}/hello"),
           (("GET", "/hello", 200),) * 30, unordered=True, files={"siege.conf": SIEGE}, blanks=(NUMBERS,)),
    Client("git clone (smart http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/git/repo.git", "{dir}/clone"), repository=True, variables=DATES, blank_files=("clone/.git/index",)),
    Client("git clone (dumb http)", ("git",),
           ("/usr/bin/git", "clone", "--quiet", "{url}/files/repo.git", "{dir}/clone"), repository=True, variables=DATES,
           blank_files=("clone/.git/index",), blanks=((rb"Accept-Encoding: [^\r]*\r\n", b""),)),
    Client("git push (chunked)", ("git",), ("/bin/sh", "{dir}/push"), repository=True, offers=repositories.git_repository_to_write,
           files={"push": PUSH}, variables=DATES, blank_files=("work/.git/index",), blanks=(CHUNKS,)),
    Client("svn", ("subversion", "apache2-bin", "libapache2-mod-svn"), ("/bin/sh", "{dir}/svn"), offers=repositories.subversion,
           files={"svn": SVN, ".subversion/servers": COMPRESSED}, blank_files=("work/.svn/wc.db",), blanks=((rb"<S:entry\s[^>]*>", b"<S:entry>"),)),  # the order of its attributes
    Client("apt-get", ("apt",), ("/bin/sh", "{dir}/apt"),
           tuple(("GET", f"/files/debian/./{name}", status) for name, status in
                 [("InRelease", 404), ("Release", 200), ("Release.gpg", 404), ("Packages", 200), *[(f"{name}.deb", 200) for name in repositories.PACKAGES]]),
           connections=2, offers=repositories.debian_packages, files={"apt": APT, "apt.conf": NOTHING_ELSE}, blank_files=("cache/*.bin",),
           blanks=((rb"B in \d+s \([^)]*\)", b"B in TIME"), KILLED)),
]
