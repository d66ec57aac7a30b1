"""asgi.py - the service as an ASGI application that asks the leaf by httpx, its calls at once, after a pause."""
import asyncio
import os
import random

import httpx

LEAF = int(os.environ["LEAF"])
KEPT = httpx.AsyncClient(timeout=httpx.Timeout(1, pool=30), limits=httpx.Limits(max_connections=32), trust_env=False)
FRESH = httpx.AsyncClient(timeout=httpx.Timeout(1, pool=30), limits=httpx.Limits(max_connections=32, max_keepalive_connections=0), trust_env=False)


async def ask(client, path):
    try:
        answer = await client.get(f"http://127.0.0.1:{LEAF}{path}")
        return answer.status_code, answer.content
    except httpx.HTTPError:
        return 0, b""


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    _, _, rid, fan, how = scope["path"].split("/")
    client = KEPT if how == "kept" else FRESH
    await asyncio.sleep(random.random() * 0.005)
    answers = await asyncio.gather(*(ask(client, f"/leaf/{rid}/{number}") for number in range(int(fan))))
    status = 200 if all(code == 200 for code, _ in answers) else 502
    body = b"".join(text for _, text in answers)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
