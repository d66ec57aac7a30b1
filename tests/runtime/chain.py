"""chain.py - clients in front of a service and an origin behind it, which compare what went in with what came out.

Fifty clients, each with a connection that it keeps, ask the service for /ID?HOW. The service asks the origin for /ID, one or
more times, in the way that HOW tells. Nine of ten requests carry trace context with a trace id of ID; every request at the
origin must carry exactly that, or none. What the service asks for by itself, and not for a request, is /outside.
"""
import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field

CLIENTS = 50
OWN = "00-11111111111111111111111111111111-2222222222222222-01"  # what services put on in the way "own"
LATE_S = 3                                                       # services ask "late" 50 ms after their answer, at rest
BODIES = (b"", b"short", b"long" * 20000)
CARRIED = ("traceparent", "tracestate", "baggage")


def context_of(id_):
    return {"traceparent": f"00-{id_}-00f067aa0ba902b7-01", "tracestate": f"vendor={id_}", "baggage": f"key={id_}"}


def expected(id_, how, is_traced):
    if how == "own":
        return {"traceparent": [OWN]}
    if not is_traced or how in ("late", "nothing"):
        return {}
    return {name: [value] for name, value in context_of(id_).items()}


@dataclass
class Chain:
    port: int
    origin_port: int
    seen: dict = field(default_factory=lambda: defaultdict(list))    # target: the trace headers of each request for it
    wrong: list = field(default_factory=list)
    compare: object = None                                           # (how, is, should be) -> is it right?

    def run(self, ways, requests=400, compare=lambda how, is_, should_be: is_ == should_be):
        """Returns how many requests arrived at the origin that were made for one; all as they should be."""
        self.compare = compare
        asyncio.run(asyncio.wait_for(self._run(ways, requests), 60))
        outside = [one for one in self.seen.pop("/outside", []) if not compare("outside", one, {})]
        assert not outside, f"made outside of requests, with {outside[:3]}"
        assert not self.wrong, f"{len(self.wrong)} wrong, the first (way, traced, is, should be): {self.wrong[:4]}"
        return sum(map(len, self.seen.values()))

    async def _run(self, ways, requests):
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.origin_port, backlog=512)
        async with server:
            await asyncio.gather(*(self._ask(ways, requests // CLIENTS) for _ in range(CLIENTS)))

    # ---- the origin ----

    async def _answer(self, reader, writer):
        try:
            while True:
                _, target, headers = await _read_head(reader)
                self.seen[target].append({name: headers[name] for name in CARRIED if name in headers})
                await _read_body(reader, headers)
                await asyncio.sleep(random.random() * 0.01)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    # ---- a client ----

    async def _ask(self, ways, requests):
        for _ in range(requests):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for _ in range(random.choice((1, 2, 5))):
                how, id_ = random.choice(ways), f"{random.getrandbits(128):032x}"
                is_traced, body = random.random() < 0.9, random.choice(BODIES)
                head = f"POST /{id_}?{how} HTTP/1.1\r\nHost: service\r\nContent-Length: {len(body)}\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in context_of(id_).items()) if is_traced else ""
                writer.write(head.encode() + b"\r\n" + body)
                status, _, headers = await _read_head(reader)
                text = await _read_body(reader, headers)
                await self._check(id_, how, is_traced, (status, text))
                if status != "HTTP/1.1" or "close" in headers.get("connection", []):
                    break
            writer.close()

    async def _check(self, id_, how, is_traced, answer):
        until = asyncio.get_running_loop().time() + LATE_S
        while how == "late" and f"/{id_}" not in self.seen and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        should_be, arrived = expected(id_, how, is_traced), self.seen.get(f"/{id_}", [])
        if not answer[0].startswith("HTTP/") or not arrived and how != "nothing":
            self.wrong.append((how, is_traced, answer, "an answer, after a request to the origin"))
        self.wrong += [(how, is_traced, is_, should_be) for is_ in arrived if not self.compare(how, is_, should_be)]


async def _read_head(reader):
    """First word, second word, {name: [value, ...]}. Of an answer other than 200 the first word is its status."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    word, target = first.split(" ")[:2]
    headers = defaultdict(list)
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            headers[name.lower()].append(value.strip())
    return (target if word.startswith("HTTP/") and target != "200" else word), target, headers


async def _read_body(reader, headers):
    if headers.get("transfer-encoding") == ["chunked"]:
        body = b""
        while (length := int(await reader.readline(), 16)) > 0:
            body += (await reader.readexactly(length + 2))[:-2]
        await reader.readline()
        return body
    return await reader.readexactly(int(headers.get("content-length", ["0"])[0]))
