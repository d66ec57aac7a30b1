"""wsgi.py - the service as a WSGI application: http.client for each call, or a pool of urllib3's that all threads share.

POOL: how many connections the pool has at most; who finds none waits for one.
"""
import http.client
import os

import urllib3

LEAF = int(os.environ["LEAF"])
POOL = urllib3.PoolManager(maxsize=int(os.environ.get("POOL", 64)), block="POOL" in os.environ, retries=False, timeout=1)


def fresh(path):
    connection = http.client.HTTPConnection("127.0.0.1", LEAF, timeout=1)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def kept(path):
    answer = POOL.request("GET", f"http://127.0.0.1:{LEAF}{path}")
    return answer.status, answer.data


def application(environ, start_response):
    _, _, rid, fan, how = environ["PATH_INFO"].split("/")
    ask = kept if how == "kept" else fresh
    status, body = "200 OK", b""
    for number in range(int(fan)):
        try:
            code, text = ask(f"/leaf/{rid}/{number}")
            body += text
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError):
            code = 0
        if code != 200:
            status = "502 Bad Gateway"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
