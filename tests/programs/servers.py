"""servers.py - web servers and proxies, with the configurations that Debian ships, copied: only ports, paths and logs are changed."""
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from programs.rows import FOR_EACH, PIDS, Server, moved


# --- nginx ---------------------------------------------------------------------------------------------------------------

def prepare_nginx(directory, port, _, *changes):
    moved("/etc/nginx", f"{directory}/nginx",
          ("nginx.conf", r"/etc/nginx/", f"{directory}/nginx/"),
          ("nginx.conf", r"^pid .*;", f"pid {directory}/nginx.pid;"),
          ("nginx.conf", r"/var/log/nginx/", f"{directory}/log/"),
          ("sites-enabled/default", r"^(\s*)listen 80 default_server;", rf"\1listen 127.0.0.1:{port} default_server;"),
          ("sites-enabled/default", r"^\s*listen \[::\]:80 default_server;", ""),
          ("sites-enabled/default", r"root /var/www/html;", f"root {directory}/www;"),
          *changes)


def prepare_nginx_workers(directory, port, url):
    prepare_nginx(directory, port, url, ("nginx.conf", r"^worker_processes .*;", "worker_processes 3;"))


def prepare_nginx_proxy(directory, port, url):
    prepare_nginx(directory, port, url,
                  ("nginx.conf", r"^worker_processes .*;", "worker_processes 3;"),
                  ("sites-enabled/default", r"^\s*try_files .*;", f"include {directory}/nginx/proxy_params; proxy_pass {url};"))


def prepare_nginx_keepalive(directory, port, url):
    prepare_nginx(directory, port, url,
                  ("nginx.conf", r"^worker_processes .*;", "worker_processes 1;"),
                  ("sites-enabled/default", r"^server {", f"upstream origin {{ server {url.removeprefix('http://')}; keepalive 4; }}\nserver {{"),
                  ("sites-enabled/default", r"^\s*try_files .*;",
                   'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_pass http://origin;'))


def prepare_nginx_php(directory, port, url):
    prepare_nginx(directory, port, url,
                  ("sites-enabled/default", r"^\s*try_files .*;",
                   f"include {directory}/nginx/fastcgi.conf; fastcgi_param SCRIPT_FILENAME {directory}/index.php; "
                   f"fastcgi_pass unix:{directory}/php.sock;"))
    version = max(os.listdir("/etc/php"))
    moved(f"/etc/php/{version}/fpm", f"{directory}/fpm",
          ("php-fpm.conf", r"^include=.*", f"include={directory}/fpm/pool.d/*.conf"),
          ("php-fpm.conf", r"^pid = .*", f"pid = {directory}/php-fpm.pid"),
          ("php-fpm.conf", r"^error_log = .*", f"error_log = {directory}/log/php-fpm.log"),
          ("pool.d/www.conf", r"^listen = .*", f"listen = {directory}/php.sock"))


NGINX = {"command": ("/usr/sbin/nginx", "-c", "{dir}/nginx/nginx.conf", "-g", "daemon off;"), "stop": signal.SIGQUIT}
CHANNELS = (rb" \d+=socket", b"")  # a worker that ends tells the others, which close their sockets to it, or have ended before

PHP = '''<?php
$path = parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH);
$file = __DIR__ . "/www" . $path;
header("Content-Type: text/plain");
if ($path === "/echo") {
    echo file_get_contents("php://input");
} elseif (is_file($file)) {
    readfile($file);
} else {
    http_response_code(404);
    echo "no such page\\n";
}
'''


# --- apache2 -------------------------------------------------------------------------------------------------------------

def prepare_apache(directory, port, _, model="event", modules=(), configuration=""):
    """`model`: how it shares the work between processes and threads."""
    moved("/etc/apache2", f"{directory}/apache2",
          ("ports.conf", r"^Listen 80$", f"Listen 127.0.0.1:{port}"),
          ("apache2.conf", r"<Directory /var/www/>", f"<Directory {directory}/www/>"),
          ("sites-enabled/000-default.conf", r"<VirtualHost \*:80>", f"<VirtualHost *:{port}>\n\tServerName localhost"),
          ("sites-enabled/000-default.conf", r"DocumentRoot .*", f"DocumentRoot {directory}/www"))
    root = Path(directory) / "apache2"
    for file in root.glob("mods-enabled/mpm_*"):
        file.unlink()
    for module in (f"mpm_{model}", *modules):
        for file in root.glob(f"mods-available/{module}.*"):
            shutil.copy(file, root / "mods-enabled")
    (root / "conf-enabled" / "row.conf").write_text(configuration)


def apache(model):
    return lambda directory, port, url: prepare_apache(directory, port, url, model)


def prepare_apache_proxy(directory, port, url):
    prepare_apache(directory, port, url, "event", ("proxy", "proxy_http"), f"ProxyPass / {url}/\n")


def prepare_apache_git(directory, port, url):
    prepare_repository(directory)
    variables = "".join(f'SetEnv {name} "{value}"\n' for name, value in git_variables(directory).items())
    prepare_apache(directory, port, url, "event", ("cgid",), f"""\
ScriptAlias /git/ {GIT_HTTP_BACKEND}/
ScriptSock {directory}/tmp/cgid.sock
<Directory /usr/lib/git-core>
Require all granted
</Directory>
{variables}""")


APACHE = {"command": ("/usr/sbin/apache2", "-d", "{dir}/apache2", "-f", "apache2.conf", "-DFOREGROUND"),
          "variables": {"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "{dir}/apache2.pid",
                        "APACHE_RUN_DIR": "{dir}/tmp", "APACHE_LOCK_DIR": "{dir}/tmp", "APACHE_LOG_DIR": "{dir}/log"},
          "blanks": ((rb"\[pid \d+(:tid \d+)?\]", b"[pid]"),)}


# --- lighttpd ------------------------------------------------------------------------------------------------------------

def prepare_lighttpd(directory, port, _, configuration=""):
    moved("/etc/lighttpd", f"{directory}/lighttpd",
          ("lighttpd.conf", r"^server.port .*", f'server.port = {port}\nserver.bind = "127.0.0.1"'),
          ("lighttpd.conf", r"^include_shell .*use-ipv6.*", ""),
          ("lighttpd.conf", r"/var/www/html", f"{directory}/www"),
          ("lighttpd.conf", r"/var/cache/lighttpd/uploads", f"{directory}/tmp"),
          ("lighttpd.conf", r"/var/log/lighttpd/", f"{directory}/log/"),
          ("lighttpd.conf", r"/run/lighttpd.pid", f"{directory}/lighttpd.pid"),
          ("lighttpd.conf", r"/etc/lighttpd/", f"{directory}/lighttpd/"))
    Path(f"{directory}/lighttpd/conf-enabled/50-row.conf").write_text(f"""\
server.modules += ("mod_accesslog")
accesslog.filename = "{directory}/log/access.log"
{configuration}""")


def prepare_lighttpd_proxy(directory, port, url):
    host, origin = url.removeprefix("http://").split(":")
    prepare_lighttpd(directory, port, url, f"""\
server.modules += ("mod_proxy")
proxy.server = ("" => (("host" => "{host}", "port" => {origin})))
""")


def prepare_lighttpd_git(directory, port, url):
    prepare_repository(directory)
    variables = ", ".join(f'"{name}" => "{value}"' for name, value in git_variables(directory).items())
    prepare_lighttpd(directory, port, url, f"""\
server.modules += ("mod_cgi", "mod_setenv")
alias.url += ("/git" => "{GIT_HTTP_BACKEND}")
$HTTP["url"] =~ "^/git/" {{
    cgi.assign = ("" => "")
    setenv.add-environment = ({variables})
}}
""")


LIGHTTPD = {"command": ("/usr/sbin/lighttpd", "-D", "-f", "{dir}/lighttpd/lighttpd.conf"), "stop": signal.SIGINT,
            "blanks": ((rb'ETag: "\d+"', b"ETag"),)}  # has the number of the file's inode in it


# --- git http-backend, which a web server runs for each request ------------------------------------------------------------

GIT_HTTP_BACKEND = "/usr/lib/git-core/git-http-backend"
GIT_COMMIT = "9144c166f0873400ff9b12360704b1af30294a94"
GIT_NOISE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(10000))  # what no packing makes smaller
GIT_IMPORT = b"""\
commit refs/heads/main
committer t <t@t> 1700000000 +0000
data 0
M 100644 inline noise
data %d
%s
""" % (len(GIT_NOISE), GIT_NOISE)


def prepare_repository(directory):
    repository, env = f"{directory}/git/repo.git", {"PATH": "/usr/bin:/bin", "HOME": str(directory)}
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", repository], env=env, check=True)
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=GIT_IMPORT, env=env, check=True)


def git_variables(directory):
    return {"GIT_PROJECT_ROOT": f"{directory}/git", "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def packet(text):
    return b"%04x%s" % (len(text) + 4, text)


GIT_FIELDS = ("Content-Type: application/x-git-upload-pack-request", "Git-Protocol: version=2")
GIT = {"cut_by_time": True,
       "blanks": ((rb"[0-9a-f]{4}\x01", b""),  # git's own pieces, which are cut in the same way
                  (rb'(?<= /git/)(\S+ HTTP/1.1" \d+) \d+', rb"\1 SIZE")),
       "asks": (("GET", "/git/repo.git/info/refs?service=git-upload-pack", 200, b"", GIT_FIELDS[1:]),
                ("POST", "/git/repo.git/git-upload-pack", 200, packet(b"command=ls-refs\n") + b"0000", GIT_FIELDS),
                ("POST", "/git/repo.git/git-upload-pack", 200, packet(b"command=fetch") + b"0001" + packet(b"no-progress") +
                 packet(b"want " + GIT_COMMIT.encode() + b"\n") + packet(b"done\n") + b"0000", GIT_FIELDS),
                ("GET", "/git/repo.git/HEAD", 200), ("GET", "/missing", 404), ("GET", "/index.html", 200))}


# --- haproxy -------------------------------------------------------------------------------------------------------------

def prepare_haproxy(directory, port, url):
    moved("/etc/haproxy", f"{directory}/haproxy",
          ("haproxy.cfg", r"^\s*log /dev/log\s+local0$", "\tlog stdout format raw local0"),
          ("haproxy.cfg", r"^\s*log /dev/log\s+local1 notice$", ""),
          ("haproxy.cfg", r"/run/haproxy/admin.sock", f"{directory}/admin.sock"))
    with open(f"{directory}/haproxy/haproxy.cfg", "a") as file:
        file.write(f"frontend front\n\tbind 127.0.0.1:{port}\n\tdefault_backend back\n"
                   f"backend back\n\tserver origin {url.removeprefix('http://')}\n")


HAPROXY = {"stop": signal.SIGUSR1, "prepare": prepare_haproxy, "upstream": True, "post": "/echo",
           "blanks": ((rb"(?<=back/origin )[-\d/+]+", b"TIMES"), (rb"(?<= ---- )[\d/]+ [\d/]+", b"COUNTS"), (rb"\[TIME\.\d+\]", b"[TIME]"), PIDS,
                      (rb"\b\d+=(socket|pipe|anon_inode)", rb"N=\1"))}  # its threads open and close at the same time


# --- others --------------------------------------------------------------------------------------------------------------

def prepare_mini_httpd(directory, port, _):
    moved("/etc/mini-httpd.conf", f"{directory}/mini-httpd.conf",
          ("", r"^host=.*", "host=127.0.0.1"),
          ("", r"^port=.*", f"port={port}"),
          ("", r"^data_dir=.*", f"data_dir={directory}/www"),
          ("", r"^logfile=.*", f"logfile={directory}/log/mini_httpd.log"),
          ("", r"^pidfile=.*", f"pidfile={directory}/mini_httpd.pid"))


def prepare_squid(directory, port, url):
    """As what stands before a web server: as a proxy of browsers it is asked for whole URLs."""
    moved("/etc/squid", f"{directory}/squid",
          ("squid.conf", r"^http_access deny !Safe_ports", "http_access allow localhost"),
          ("squid.conf", r"^include /etc/squid/conf.d", f"include {directory}/squid/conf.d"),
          ("squid.conf", r"^http_port 3128", f"http_port 127.0.0.1:{port} accel defaultsite=localhost"),
          ("squid.conf", r"^coredump_dir .*", f"""\
coredump_dir {directory}/tmp
cache_peer 127.0.0.1 parent {url.rpartition(':')[2]} 0 no-query no-digest no-netdb-exchange originserver
access_log stdio:{directory}/log/access.log
cache_log {directory}/log/cache.log
cache_store_log none
pid_filename {directory}/tmp/squid.pid
pinger_enable off
netdb_filename none
visible_hostname localhost
shutdown_lifetime 0 seconds"""))


def prepare_tinyproxy(directory, port, url):
    moved("/etc/tinyproxy/tinyproxy.conf", f"{directory}/tinyproxy.conf",
          ("", r"^Port .*", f"Port {port}\nListen 127.0.0.1\nReverseOnly Yes\nReversePath \"/\" \"{url}/\""),
          ("", r"^LogFile .*", f'LogFile "{directory}/log/tinyproxy.log"'),
          ("", r"^PidFile .*", f'PidFile "{directory}/tmp/tinyproxy.pid"'))


AGE = (rb"\r\nAge: \d+", b"\r\nAge: N")

SERVERS = [
    Server("nginx", ("nginx",), prepare=prepare_nginx, blanks=(CHANNELS,), **NGINX),
    Server("nginx (three workers)", ("nginx",), prepare=prepare_nginx_workers, blanks=(CHANNELS,), **NGINX),
    Server("nginx (proxy)", ("nginx",), prepare=prepare_nginx_proxy, upstream=True, post="/echo", blanks=(CHANNELS,), **NGINX),
    Server("nginx (proxy, connections kept)", ("nginx",), prepare=prepare_nginx_keepalive, upstream=True, post="/echo", **NGINX),
    Server("nginx (php-fpm)", ("php-fpm", "nginx"), prepare=prepare_nginx_php, files={"index.php": PHP}, post="/echo", cut_by_time=True,
           blanks=((rb"\.ZendSem\.\w+", b"SEMAPHORE"), (rb"\[\d\d-[A-Z][a-z][a-z]-\d{4} [\d:]+\]", b"[TIME]"), PIDS, CHANNELS,
                   (rb'(?<=" 200 )512\d{4}\b', b"SIZE")),
           beside=(("/bin/sh", "-c", "exec /usr/sbin/php-fpm*[0-9] --nodaemonize --fpm-config {dir}/fpm/php-fpm.conf -c {dir}/fpm/php.ini"),),
           ready=lambda directory: (directory / "php.sock").exists(), **NGINX),
    Server("apache2 (event)", ("apache2",), prepare=apache("event"), **APACHE),
    Server("apache2 (worker)", ("apache2",), prepare=apache("worker"), **APACHE),
    Server("apache2 (prefork)", ("apache2",), prepare=apache("prefork"), **APACHE),
    Server("apache2 (proxy)", ("apache2",), prepare=prepare_apache_proxy, upstream=True, post="/echo", **APACHE),
    Server("apache2 (git http-backend)", ("apache2", "git"), prepare=prepare_apache_git,
           **{**APACHE, **GIT, "blanks": (*APACHE["blanks"], *GIT["blanks"])}),
    Server("lighttpd", ("lighttpd",), prepare=prepare_lighttpd, **LIGHTTPD),
    Server("lighttpd (proxy)", ("lighttpd",), prepare=prepare_lighttpd_proxy, upstream=True, post="/echo", **LIGHTTPD),
    Server("lighttpd (git http-backend)", ("lighttpd", "git"), prepare=prepare_lighttpd_git,
           **{**LIGHTTPD, **GIT, "blanks": (*LIGHTTPD["blanks"], *GIT["blanks"])}),
    Server("haproxy", ("haproxy",), ("/usr/sbin/haproxy", "-db", "-f", "{dir}/haproxy/haproxy.cfg"), **HAPROXY),
    Server("haproxy (master and worker)", ("haproxy",), ("/usr/sbin/haproxy", "-W", "-db", "-f", "{dir}/haproxy/haproxy.cfg"), **HAPROXY),
    Server("mini_httpd", ("mini-httpd",), ("/usr/sbin/mini_httpd", "-D", "-C", "{dir}/mini-httpd.conf"),
           prepare=prepare_mini_httpd, connections=FOR_EACH, blank_files=("mini_httpd.pid",)),
    Server("squid (before a server)", ("squid",), ("/usr/sbin/squid", "-N", "-f", "{dir}/squid/squid.conf"), prepare=prepare_squid,
           upstream=True, post="/echo", blanks=((rb"\d+\.\d+ +\d+ (?=127)", b"TIME "), AGE), blank_files=("log/cache.log",)),
    Server("tinyproxy (before a server)", ("tinyproxy",), ("/usr/bin/tinyproxy", "-d", "-c", "{dir}/tinyproxy.conf"), prepare=prepare_tinyproxy,
           upstream=True, connections=FOR_EACH, post="/echo", unlinked=1,
           blanks=(PIDS, (rb"[A-Z][a-z][a-z] +\d+ [\d:.]+ ", b"TIME "), (rb"(fd:|file descriptor )\d+|\d+(?= threads)", b"NUMBER"))),
    Server("webfs", ("webfs",), ("/usr/bin/webfsd", "-F", "-p", "{port}", "-i", "127.0.0.1", "-r", "{dir}/www", "-l", "{dir}/log/access.log")),
    Server("busybox httpd", ("busybox",),
           ("/usr/bin/busybox", "httpd", "-f", "-v", "-p", "127.0.0.1:{port}", "-h", "{dir}/www"),
           connections=FOR_EACH),
]
