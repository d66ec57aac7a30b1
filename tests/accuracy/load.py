"""load.py - so many requests at once until each has been made once, over kept and fresh connections, and what came of them.

Nothing is asked twice, since two spans of one id could not be told apart: a request whose connection ends under it is
unanswered, or gone where the server had kept the connection and then did not, as servers may. What an answer says is looked at:
a service that mixes up its own requests would be no ground truth.
"""
import asyncio
from collections import Counter

from accuracy.plan import context_of, is_given_up, is_on_a_fresh_connection, target

PATIENCE_S = 30        # for one answer
ALL_S = 90             # for all of them
GIVEN_UP_AFTER_S = 0.004


class Load:
    """`outcomes`: how many were answered, given_up, gone and unanswered; `answered`: the ids of those that were;
    `wrong`: what was not as it should be, in words."""

    def __init__(self, port, ids, is_proxied):
        self.port, self.ids, self.is_proxied = port, iter(ids), is_proxied
        self.outcomes, self.answered, self.wrong = Counter(), set(), []

    def run(self, at_once):
        try:
            asyncio.run(self._run(at_once))
        except (OSError, asyncio.TimeoutError) as error:
            self.outcomes["unanswered"] += 1 + len(list(self.ids))
            self.wrong.append(f"the load ended: {error!r}")
        return self

    async def _run(self, at_once):
        await asyncio.wait_for(asyncio.gather(*(self._work() for _ in range(at_once))), ALL_S)

    async def _work(self):
        kept = None
        for rid in self.ids:
            alone = is_on_a_fresh_connection(rid) or is_given_up(rid)
            if kept and (alone or kept[0].at_eof()):
                kept[1].close()  # one connection at a time: an idle one would keep others from a server with few threads
                kept = None
            is_first = kept is None
            stream = kept or await asyncio.open_connection("127.0.0.1", self.port)
            stays = await self._ask(rid, stream, alone, is_first)
            kept = stream if stays else None
            if not stays:
                stream[1].close()
        if kept:
            kept[1].close()

    async def _ask(self, rid, stream, alone, is_first):
        """Says whether the connection can be used again."""
        reader, writer = stream
        writer.write(self._request(rid, alone))
        if is_given_up(rid):
            await asyncio.sleep(GIVEN_UP_AFTER_S)
            self.outcomes["given_up"] += 1
            return False
        try:
            return await asyncio.wait_for(self._answer(rid, reader), PATIENCE_S) and not alone
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            is_gone = not is_first and isinstance(error, asyncio.IncompleteReadError) and not error.partial
            self.outcomes["gone" if is_gone else "unanswered"] += 1
            return False

    def _request(self, rid, alone):
        lines = [f"GET {target(rid, self.is_proxied)} HTTP/1.1", "Host: service", "Accept: */*"]
        if context_of(rid):
            lines.append("traceparent: 00-{}-{}-01".format(*context_of(rid)))
        if alone:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _answer(self, rid, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        status, fields = int(head[9:12]), head.lower()
        body = await self._body(reader, fields)
        self.outcomes["answered"] += 1
        self.answered.add(rid)
        if status == 200 and rid.encode() not in body or status not in (200, 500, 502, 503, 504):
            self.wrong.append(f"{rid}: {status} {body[:200]!r}")
        has_end = b"\r\ncontent-length:" in fields or b" chunked" in fields
        return has_end and fields.startswith(b"http/1.1") and b"\r\nconnection: close" not in fields

    @staticmethod
    async def _body(reader, fields):
        if b"\r\ncontent-length:" in fields:
            return await reader.readexactly(int(fields.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0]))
        if b" chunked" in fields:
            return await reader.readuntil(b"\r\n0\r\n\r\n")
        return await reader.read()
