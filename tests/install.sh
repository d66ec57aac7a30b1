#!/bin/sh
# install.sh demo|test|bench|peers - installs by apt what the demo, the tests or the bench (peers: with OpenTelemetry's own
# instrumentation, which pip and npm install then) need and the machine lacks. As root or with sudo.
# Debian 12 and 13. Services that come with a package are not started.
set -eu

demo="gcc make libc6-dev pkg-config libcjson-dev nginx curl python3 gunicorn"
build="$demo clang libclang-rt-dev libcriterion-dev musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
      python3-pip bzip2 binutils strace python3-pytest python3-h11 ca-certificates man-db procps iproute2 util-linux"
beside="fakeroot libeatmydata1 libjemalloc2 libtcmalloc-minimal4 libfaketime python3-gevent"
clients="wget wget2 aria2 lynx axel git subversion apache2-utils wrk hey siege python3-requests python3-aiohttp python3-httpx
         python3-pycurl nodejs default-jdk-headless perl libwww-perl php-cli php-curl ruby lua5.1 lua-socket tcl"
servers="apache2 apache2-bin libapache2-mod-svn lighttpd haproxy busybox mini-httpd squid tinyproxy webfs php-fpm gunicorn
         uvicorn uwsgi-plugin-python3 python3-tornado node-express ruby-webrick puma unicorn tomcat10"
others="redis-server redis-tools postgresql postgresql-contrib mariadb-server mariadb-client memcached netcat-openbsd
        openssh-server openssh-client rsync dnsmasq-base bind9-dnsutils socat openssl exim4-daemon-light vsftpd"
bench="$demo wrk redis-server redis-tools gunicorn python3-flask nodejs valgrind strace procps iproute2 util-linux"
peers="$bench python3-venv"
command -v npm >/dev/null || peers="$peers npm" # some builds of nodejs bring it, and conflict with the package
browser="chromium chromium-driver python3-selenium"
test="$build $beside $clients $servers $others $peers $browser"

case "${1:-}" in
demo) wanted=$demo ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
peers) wanted=$peers ;;
*) echo "usage: $0 demo|test|bench|peers" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "not a Debian machine; please install:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "needs root or sudo to install:$missing" >&2; exit 1; }
    as_root=sudo
fi

# A package's service would take ports of this machine: policy-rc.d(8) says no to starting it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
echo "installing:$missing"
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
