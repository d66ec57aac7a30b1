"""proxies.py - proxies before the leaf: they pass on the target as it is, and the fields of the request with it."""
import signal

from accuracy.service import Service

NGINX = """
daemon off;
worker_processes 2;
user root;
pid {dir}/nginx.pid;
error_log stderr crit;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    upstream leaf { server 127.0.0.1:{leaf}; KEPT }
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://leaf; proxy_read_timeout 1s; VERSION }
    }
}
"""
NGINX_FRESH = NGINX.replace("KEPT", "").replace("VERSION", "")
NGINX_KEPT = NGINX.replace("KEPT", "keepalive 16;").replace("VERSION", 'proxy_http_version 1.1; proxy_set_header Connection "";')

HAPROXY = """
global
    maxconn 2000
defaults
    mode http
    timeout client 10s
    timeout server 1s
    timeout connect 5s
    http-reuse safe
frontend service
    bind 127.0.0.1:{port}
    default_backend leaf
backend leaf
    server leaf 127.0.0.1:{leaf}
"""

APACHE = """
ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
DefaultRuntimeDir {dir}
Mutex file:{dir}
User www-data
Group www-data
Listen 127.0.0.1:{port}
ErrorLog /dev/null
LoadModule mpm_MODEL_module /usr/lib/apache2/modules/mod_mpm_MODEL.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyTimeout 1
ProxyPass / http://127.0.0.1:{leaf}/
LIMITS
"""
APACHE_EVENT = APACHE.replace("MODEL", "event").replace("LIMITS", "ThreadsPerChild 32\nMaxRequestWorkers 64\nServerLimit 2\nStartServers 2")
APACHE_PREFORK = APACHE.replace("MODEL", "prefork").replace("LIMITS", "StartServers 16\nMinSpareServers 8\nMaxSpareServers 32\nMaxRequestWorkers 48")


def proxy(name, model, command, file, text, stop=signal.SIGTERM):
    return Service(name, model, command, "proxies", goal=1, files={file: text}, stop=stop, is_proxy=True)


def nginx(name, text):
    command = "/usr/sbin/nginx", "-c", "{dir}/nginx.conf", "-e", "stderr"
    return proxy(name, "event loops in two processes", command, "nginx.conf", text, signal.SIGQUIT)


def apache(name, model, text):
    return proxy(name, model, ("/usr/sbin/apache2", "-f", "{dir}/apache.conf", "-DFOREGROUND"), "apache.conf", text)


SERVICES = [
    nginx("nginx", NGINX_FRESH),
    nginx("nginx, connections kept", NGINX_KEPT),
    proxy("haproxy", "event loops in two threads", ("/usr/sbin/haproxy", "-db", "-f", "{dir}/haproxy.cfg"), "haproxy.cfg", HAPROXY, signal.SIGUSR1),
    apache("apache event", "threads, and a listener that waits", APACHE_EVENT),
    apache("apache prefork", "a process per connection", APACHE_PREFORK),
]
