#!/bin/sh
# demo.sh - Debian's nginx, gunicorn, curl and python3, unchanged, under the library; what they did, as trees. The last one is one
# request through all of them: curl, nginx as a proxy, gunicorn, a second service, and a program that gunicorn starts.
#
# The embedded sidecar receives their spans on a port of its own. Everything lives in a temporary folder and ends here.
set -eu
cd "$(dirname "$0")/.."
spanload=$PWD/build/spanload
dir=$(mktemp -d)
nginx=
shop=
stock=
sidecar=
stop() {
    for pid in $nginx $shop $stock $sidecar; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
wait_for() {
    python3 -c 'import socket, sys, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        break
    except OSError:
        time.sleep(0.1)' "$1"
}
otlp=$(free_port)
http=$(free_port)
app=$(free_port)
store=$(free_port)

mkdir "$dir/www"
chmod 755 "$dir" "$dir/www"
echo 'Hello from nginx.' >"$dir/www/index.html"
cat >"$dir/nginx.conf" <<CONF
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events {}
http {
    access_log off;
    sendfile on;
    client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    server {
        listen 127.0.0.1:$http;
        root $dir/www;
        location /teapot { return 418 "short and stout\n"; }
        location /broken { return 503; }
        location /order { proxy_pass http://127.0.0.1:$app; }
    }
}
CONF
cat >"$dir/application.py" <<PYTHON
import os, subprocess, urllib.request

STORE = "http://127.0.0.1:$store"

def application(environ, start_response):
    urllib.request.urlopen(STORE + "/stock").read()
    subprocess.run(["curl", "-s", "-o", "/dev/null", STORE + "/invoice"], env={**os.environ, "SPANLOAD_COMMAND_SPANS": "1"})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ordered\n"]
PYTHON
mkdir "$dir/store"
echo 17 >"$dir/store/stock"
echo paid >"$dir/store/invoice"

"$spanload" sidecar --port "$otlp" >"$dir/trees" &
sidecar=$!
export OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$otlp" OTEL_BSP_SCHEDULE_DELAY=100
PATH=$PATH:/usr/sbin
"$spanload" run --service shop -- nginx -p "$dir" -c "$dir/nginx.conf" &
nginx=$!
(cd "$dir" && exec "$spanload" run --service orders -- gunicorn --bind "127.0.0.1:$app" --log-level warning application:application) &
shop=$!
"$spanload" run --service store -- /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$dir/store" "$store" >/dev/null 2>&1 &
stock=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    curl -s -o /dev/null "http://127.0.0.1:$http/" && break
    sleep 0.1
done

"$spanload" run --service browser -- curl -s "http://127.0.0.1:$http/" "http://127.0.0.1:$http/teapot" -o /dev/null
"$spanload" run --service browser -- curl -s -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' \
    -o /dev/null "http://127.0.0.1:$http/?user=17&sig=secret"
"$spanload" run --service cron -- /usr/bin/python3 - "http://127.0.0.1:$http/broken" <<'PYTHON' || true
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as error:
    print("cron:", error)
PYTHON

wait_for "$app"
wait_for "$store"
sleep 1 # the last tree is the last
"$spanload" run --service browser -- curl -s "http://127.0.0.1:$http/order"
sleep 0.5

kill -QUIT "$nginx"
kill "$shop" "$stock"
wait "$nginx" "$shop" "$stock" 2>/dev/null || true
nginx=
shop=
stock=
sleep 0.3
kill "$sidecar"
wait "$sidecar" 2>/dev/null || true
sidecar=
echo
cat "$dir/trees"
