"""in_others.py - services in Ruby, Java and PHP."""
import signal

from accuracy.service import RUBY, Service

PUMA = ("/usr/bin/puma", "--bind", "tcp://127.0.0.1:{port}", "--threads", "16:16", "--quiet", "{services}/config.ru")
JAVA = ("/usr/bin/java", "-XX:TieredStopAtLevel=1", "{services}/Serve.java", "{port}", "{leaf}")
PHP = ("/usr/bin/php", "-d", "log_errors=0", "-S", "127.0.0.1:{port}", "{services}/service.php")

NGINX = """
daemon off;
worker_processes 1;
user root;
pid {dir}/nginx.pid;
error_log stderr crit;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    server {
        listen 127.0.0.1:{port};
        location / {
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {services}/service.php;
            fastcgi_pass unix:{dir}/php.sock;
        }
    }
}
"""
FPM = """
[global]
daemonize = no
error_log = /dev/null
[www]
user = root
group = root
listen = {dir}/php.sock
listen.backlog = 1024
pm = static
pm.max_children = 16
clear_env = no
"""


def puma(goal=None, helper=None):
    return Service("puma", "a pool of threads behind a reactor", PUMA, "Ruby", goal, helper, variables={"LEAF": "{leaf}"}, stop=signal.SIGINT)


def java(name, model, style, goal=None):
    return Service(name, f"a pool of threads, {model}", (*JAVA, style), "Java", goal)


def fpm(name, forwarding, goal=None):
    """Its SERVER span is nginx's: what php-fpm is asked is not HTTP."""
    command = "/usr/sbin/nginx", "-c", "{dir}/nginx.conf", "-e", "stderr"
    beside = "/bin/sh", "-c", "exec /usr/sbin/php-fpm*[0-9] --allow-to-run-as-root --fpm-config {dir}/fpm.conf"
    return Service(name, "a process per request, behind nginx over FastCGI", command, "PHP", goal,
                   files={"nginx.conf": NGINX, "fpm.conf": FPM}, variables={"LEAF": "{leaf}", "FORWARDING": forwarding},
                   beside=(beside,), socket="php.sock", stop=signal.SIGQUIT)


SERVICES = [
    puma(),
    puma(0.99, RUBY),
    java("java, HttpClient", "and a client with threads of its own", "plain"),
    java("java, HttpClient, forwards", "passing on traceparent", "forwarding", 1),
    java("java, HttpURLConnection", "which ask and wait", "blocking", 1),
    fpm("php-fpm", ""),
    fpm("php-fpm, forwards", "1", goal=1),
    Service("php -S", "a process per request", PHP, "PHP", 1, variables={"LEAF": "{leaf}", "PHP_CLI_SERVER_WORKERS": "16"}, stop=signal.SIGINT,
            stops_by_itself=False),
]
