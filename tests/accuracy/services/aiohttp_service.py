"""aiohttp_service.py - PORT LEAF [forwarding]: the service in aiohttp, its calls at once, after a pause; 64 connections for all.

forwarding: the traceparent of the request is passed on, as a gateway does.
"""
import asyncio
import random
import sys

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

PORT, LEAF = int(sys.argv[1]), int(sys.argv[2])
FORWARDED = ("traceparent",) if "forwarding" in sys.argv else ()
sessions = {}


async def ask(session, url, headers):
    try:
        async with session.get(url, headers=headers) as answer:
            return answer.status, await answer.text()
    except (ClientError, asyncio.TimeoutError):
        return 0, ""


async def work(request):
    rid, fan, how = (request.match_info[name] for name in ("rid", "fan", "how"))
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    await asyncio.sleep(random.random() * 0.005)
    answers = await asyncio.gather(*(ask(sessions[how], f"http://127.0.0.1:{LEAF}/leaf/{rid}/{number}", headers) for number in range(int(fan))))
    is_good = all(status == 200 for status, _ in answers)
    return web.Response(status=200 if is_good else 502, text="".join(text for _, text in answers))


async def clients(_):
    limit = ClientTimeout(sock_read=1)
    async with ClientSession(timeout=limit, connector=TCPConnector(limit=64)) as sessions["kept"], \
            ClientSession(timeout=limit, connector=TCPConnector(limit=64, force_close=True)) as sessions["fresh"]:
        yield


application = web.Application()
application.router.add_get("/ask/{rid}/{fan}/{how}", work)
application.cleanup_ctx.append(clients)
web.run_app(application, host="127.0.0.1", port=PORT, print=None)
