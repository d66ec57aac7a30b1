"""silent.py - programs that talk something else than HTTP: nothing is written to their connections, no span is made of them.

Servers and clients both run under the library. Data directories are made before each run by the programs' own tools,
which are not under it.
"""
import os
import shutil
import signal
import subprocess
from pathlib import Path

from programs.rows import Silent, filled

ROOT = os.getuid() == 0
LOGGED = ((rb"\[\d+(:tid \d+)?\]", b"[PID]"), (rb"(?i)pid[= ]\d+", b"PID"), (rb"/proc/\d+/", b"/proc/PID/"))


def as_user(name):
    """The command that becomes that user, for programs that refuse to be root."""
    return ("/usr/bin/setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups") if ROOT else ()


def made_by(*commands, owner=None):
    """A prepare that runs these commands; the directories in {dir} belong to `owner`."""
    def prepare(directory, port, _):
        for name in ("data", "empty"):
            (directory / name).mkdir(mode=0o755)
        if owner and ROOT:
            for name in filter(Path.is_dir, directory.iterdir()):
                shutil.chown(name, owner)
        for command in commands:
            subprocess.run([filled(word, dir=directory, port=port, url="") for word in command], cwd=directory, check=True,
                           capture_output=True)
    return prepare


def shell(text):
    return "/bin/sh", "-c", text


REDIS = r'''
redis-cli -p {port} <<END
SET key "GET / HTTP/1.1"
GET key
LPUSH list a b c
LRANGE list 0 -1
MULTI
INCR counter
INCR counter
EXEC
END
redis-cli -p {port} -r 200 INCR counter | tail -n 1
head -c 100000 /dev/zero | redis-cli -p {port} -x SET large
redis-cli -p {port} STRLEN large
'''

POSTGRES = "bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); "
SQL = ("CREATE TABLE t (id serial PRIMARY KEY, text text); INSERT INTO t (text) SELECT repeat('x', 1000) FROM generate_series(1, 2000); "
       "SELECT count(*), sum(length(text)) FROM t; COPY (SELECT id FROM t LIMIT 3) TO STDOUT")

MEMCACHED = r'''
printf 'set key 0 0 14\r\nGET / HTTP/1.1\r\nget key\r\nincr key 1\r\ndelete key\r\nquit\r\n' | nc -N 127.0.0.1 {port}
'''

SSHD_CONFIG = '''
ListenAddress 127.0.0.1
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
'''
SSH = ("-F", "none", "-i", "{dir}/user_key", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile={dir}/known", "-o", "LogLevel=ERROR")

RSYNCD_CONF = '''
use chroot = no
log file = {dir}/log/rsyncd
[files]
path = {dir}/empty/..
exclude = copy
'''

EXIM_CONF = '''
primary_hostname = mail.example
spool_directory = {dir}/data
log_file_path = {dir}/log/%slog
exim_user = mail
exim_group = mail
acl_smtp_rcpt = take
keep_environment =
begin acl
take:
  accept
begin routers
everybody:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = {dir}/tmp/mail
  user = mail
'''
SMTP = '''
import smtplib
with smtplib.SMTP("127.0.0.1", {port}) as session:
    session.sendmail("a@mail.example", ["b@mail.example"], "Subject: test\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    print(session.noop())
'''

VSFTPD_CONF = '''listen=YES
listen_address=127.0.0.1
listen_port={port}
anonymous_enable=YES
anon_root={dir}/empty
secure_chroot_dir={dir}/empty
xferlog_enable=YES
xferlog_file={dir}/log/xfer
log_ftp_protocol=NO
'''

SILENT = [
    Silent("redis-server, redis-cli", ("redis-server", "redis-tools"),
           server=("/usr/bin/redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{dir}", "--save", "", "--loglevel", "warning"),
           commands=(shell(REDIS),),
           blanks=(*LOGGED, (rb"\d+:[A-Z] \d\d \w+ \d{4} [\d:.]+", b"PID TIME"), (rb"\d+:signal-handler \(\d+\)", b"PID TIME"))),
    Silent("postgresql, psql, pgbench", ("postgresql", "postgresql-contrib"),
           prepare=made_by(shell(POSTGRES + " ".join(as_user("postgres")) + " $bin/initdb -A trust -U postgres -D {dir}/data"), owner="postgres"),
           server=shell(POSTGRES + "exec " + " ".join(as_user("postgres")) + " $bin/postgres -D {dir}/data -p {port} -k {dir}/tmp -h 127.0.0.1 -c log_checkpoints=off -c autovacuum=off"),
           commands=(("/usr/bin/psql", "-X", "-h", "127.0.0.1", "-p", "{port}", "-U", "postgres", "-c", SQL),
                     ("/usr/bin/psql", "-X", "-h", "{dir}/tmp", "-p", "{port}", "-U", "postgres", "-c", "SELECT 1/0"),
                     shell("pgbench -h 127.0.0.1 -p {port} -U postgres -i -q postgres >/dev/null 2>&1; pgbench -h 127.0.0.1 -p {port} "
                           "-U postgres -n -t 100 postgres 2>&1 | grep 'transactions actually'")),
           stop=signal.SIGINT, blanks=LOGGED, blank_files=("data/*",),
           varies={"descriptors": "each process opens and closes files of the database by its own timers"}),
    Silent("mariadb", ("mariadb-server", "mariadb-client"),
           prepare=made_by(("/usr/bin/mariadb-install-db", "--user=mysql", "--datadir={dir}/data", "--auth-root-authentication-method=normal",
                            "--skip-test-db"), owner="mysql"),
           server=("/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", "--datadir={dir}/data", "--socket={dir}/data/socket",
                   "--port={port}", "--bind-address=127.0.0.1", "--log-error={dir}/log/error"),
           commands=(("/usr/bin/mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", "{port}", "-u", "root", "-e",
                      "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY, v TEXT); "
                      "INSERT INTO t VALUES (1, REPEAT('x', 100000)), (2, 'GET / HTTP/1.1'); SELECT id, LENGTH(v) FROM t"),
                     ("/usr/bin/mariadb", "--no-defaults", "-S", "{dir}/data/socket", "-u", "root", "-e", "SELECT nothing")),
           blank_files=("data/*", "log/error*")),
    Silent("memcached", ("memcached", "netcat-openbsd"),
           server=("/usr/bin/memcached", "-u", "nobody", "-p", "{port}", "-l", "127.0.0.1"), commands=(shell(MEMCACHED),)),
    Silent("sshd, ssh, scp", ("openssh-server", "openssh-client"),
           prepare=made_by(("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "{dir}/host_key"),
                           ("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "{dir}/user_key"), ("/bin/mkdir", "-p", "/run/sshd")),
           files={"sshd_config": SSHD_CONFIG}, server=("/usr/sbin/sshd", "-D", "-e", "-f", "{dir}/sshd_config", "-p", "{port}"),
           commands=(("/usr/bin/ssh", *SSH, "-p", "{port}", "127.0.0.1", "echo hello; cat /etc/hostname >&2; exit 3"),
                     ("/usr/bin/scp", *SSH, "-q", "-P", "{port}", "127.0.0.1:/usr/bin/git", "{dir}/copy")),
           blanks=(*LOGGED, (rb"port \d+", b"port"), (rb"SHA256:\S+", b"KEY")), blank_files=("*_key*", "known")),
    Silent("rsync daemon, rsync", ("rsync",), prepare=made_by(("/bin/cp", "-p", "/usr/bin/git", "/etc/passwd", "{dir}/empty/"), ("/usr/bin/touch", "-d", "@1700000000", "{dir}/empty")),
           files={"rsyncd.conf": RSYNCD_CONF},
           server=("/usr/bin/rsync", "--daemon", "--no-detach", "--config={dir}/rsyncd.conf", "--address=127.0.0.1", "--port={port}"),
           commands=(("/usr/bin/rsync", "-a", "rsync://127.0.0.1:{port}/files/empty/", "{dir}/copy/"),
                     ("/usr/bin/rsync", "-a", "--checksum", "rsync://127.0.0.1:{port}/files/empty/", "{dir}/copy/"),
                     ("/usr/bin/rsync", "rsync://127.0.0.1:{port}/nothing/")),
           blanks=LOGGED),
    Silent("dnsmasq, dig", ("dnsmasq-base", "bind9-dnsutils"),
           server=("/usr/sbin/dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces",
                   "--no-resolv", "--no-hosts", "--user=root", "--address=/name.example/192.0.2.7"),
           commands=(("/usr/bin/dig", "@127.0.0.1", "-p", "{port}", "+short", "name.example"),
                     ("/usr/bin/dig", "@127.0.0.1", "-p", "{port}", "+short", "+tcp", "name.example"),
                     ("/usr/bin/dig", "@127.0.0.1", "-p", "{port}", "+short", "other.example"))),
    Silent("socat", ("socat",), server=("/usr/bin/socat", "TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", "PIPE"),
           commands=(shell("head -c 300000 /dev/zero | socat -t 5 - TCP:127.0.0.1:{port} | cksum"),
                     shell("echo hello | socat -t 5 - TCP:127.0.0.1:{port}"))),
    Silent("netcat", ("netcat-openbsd",), server=("/usr/bin/nc", "-l", "-k", "-N", "127.0.0.1", "{port}"),
           commands=(shell("echo GETTING | nc -N 127.0.0.1 {port}"), shell("head -c 300000 /usr/bin/git | nc -N 127.0.0.1 {port}"))),
    Silent("openssl s_server, s_client", ("openssl",),
           prepare=made_by(("/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", "{dir}/key.pem",
                            "-out", "{dir}/certificate.pem")),
           server=("/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:{port}", "-cert", "{dir}/certificate.pem", "-key", "{dir}/key.pem",
                   "-quiet", "-rev"),
           commands=(shell("(echo hello; sleep 0.2) | openssl s_client -connect 127.0.0.1:{port} -quiet -no_ign_eof"),), blank_files=("*.pem",)),
    Silent("exim", ("exim4-daemon-light",), prepare=made_by(owner="mail"), files={"exim.conf": EXIM_CONF},
           server=("/usr/sbin/exim4", "-C", "{dir}/exim.conf", "-bdf", "-oX", "127.0.0.1.{port}"),
           commands=(("/usr/bin/python3", "-c", SMTP), shell("for i in $(seq 100); do [ -s {dir}/tmp/mail ] && break; sleep 0.05; done; cat {dir}/tmp/mail")),
           blanks=(*LOGGED, (rb"\b[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4}\b", b"ID"))),
    Silent("vsftpd", ("vsftpd", "curl"), prepare=made_by(("/bin/cp", "/usr/bin/git", "{dir}/empty/file")), files={"vsftpd.conf": VSFTPD_CONF},
           server=("/usr/sbin/vsftpd", "{dir}/vsftpd.conf"),
           commands=(shell("curl -sS ftp://127.0.0.1:{port}/file | cksum"), ("/usr/bin/curl", "-sS", "ftp://127.0.0.1:{port}/nothing"),
                     ("/usr/bin/curl", "-sS", "-l", "ftp://127.0.0.1:{port}/")), blanks=LOGGED),
]
