"""servers.py - web servers and proxies, with the configurations that Debian ships, copied: only ports, paths and logs are changed."""
import signal

from programs.rows import Server, moved


def prepare_nginx(directory, port, _):
    moved("/etc/nginx", f"{directory}/nginx",
          ("nginx.conf", r"/etc/nginx/", f"{directory}/nginx/"),
          ("nginx.conf", r"^pid .*;", f"pid {directory}/nginx.pid;"),
          ("nginx.conf", r"/var/log/nginx/", f"{directory}/log/"),
          ("sites-enabled/default", r"^(\s*)listen 80 default_server;", rf"\1listen 127.0.0.1:{port} default_server;"),
          ("sites-enabled/default", r"^\s*listen \[::\]:80 default_server;", ""),
          ("sites-enabled/default", r"root /var/www/html;", f"root {directory}/www;"))


def prepare_apache(directory, port, _):
    moved("/etc/apache2", f"{directory}/apache2",
          ("ports.conf", r"^Listen 80$", f"Listen 127.0.0.1:{port}"),
          ("apache2.conf", r"<Directory /var/www/>", f"<Directory {directory}/www/>"),
          ("sites-enabled/000-default.conf", r"<VirtualHost \*:80>", f"<VirtualHost *:{port}>\n\tServerName localhost"),
          ("sites-enabled/000-default.conf", r"DocumentRoot .*", f"DocumentRoot {directory}/www"))


def prepare_lighttpd(directory, port, _):
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


APACHE = {"variables": {"APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data", "APACHE_PID_FILE": "{dir}/apache2.pid",
                        "APACHE_RUN_DIR": "{dir}/tmp", "APACHE_LOCK_DIR": "{dir}/tmp", "APACHE_LOG_DIR": "{dir}/log"},
          "blanks": ((rb"\[pid \d+:tid \d+\]", b"[pid]"),)}

SERVERS = [
    Server("nginx", ("nginx",),
           ("/usr/sbin/nginx", "-c", "{dir}/nginx/nginx.conf", "-g", "daemon off;"),
           prepare=prepare_nginx, stop=signal.SIGQUIT),
    Server("apache2 (event)", ("apache2",),
           ("/usr/sbin/apache2", "-d", "{dir}/apache2", "-f", "apache2.conf", "-DFOREGROUND"),
           prepare=prepare_apache, **APACHE),
    Server("lighttpd", ("lighttpd",),
           ("/usr/sbin/lighttpd", "-D", "-f", "{dir}/lighttpd/lighttpd.conf"),
           prepare=prepare_lighttpd, stop=signal.SIGINT),
    Server("busybox httpd", ("busybox",),
           ("/usr/bin/busybox", "httpd", "-f", "-v", "-p", "127.0.0.1:{port}", "-h", "{dir}/www"),
           keep_alive=False),
]

