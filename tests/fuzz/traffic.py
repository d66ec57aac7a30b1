"""traffic.py - conversations in HTTP/1 made up from a seed: with every kind of body and pipelined, and half of them odd.

An oddity is one of the ways in which two readers of the same bytes may come to disagree (request smuggling), or in which
old and careless programs write HTTP. Each is a row of HEAD_ODDITIES or CHUNK_ODDITIES; it changes one message.
"""
import random
from dataclasses import dataclass, field


@dataclass
class Conversation:
    seed: object
    client: list = field(default_factory=list) # of bytes, a message each
    server: list = field(default_factory=list)
    odd: list = field(default_factory=list)    # what was made odd

    @property
    def said(self):
        return b"".join(self.client), b"".join(self.server)

    def steps(self):
        """In turn where the messages pair up, all requests first otherwise: chosen by the seed."""
        if random.Random(f"{self.seed} order").random() < 0.5 or len(self.client) != len(self.server):
            return [("C", self.said[0]), ("S", self.said[1])]
        return [step for request, response in zip(self.client, self.server) for step in (("C", request), ("S", response))]

    def as_wire(self):
        """As a sample of tests/wire would have it."""
        def line(who, what):
            text = "".join(chr(c) if 32 <= c < 127 and c != 92 else
                           {13: "\\r", 10: "\\n", 9: "\\t", 92: "\\\\"}.get(c, f"\\x{c:02x}") for c in what)
            return f"{who}: {text}"
        return "\n".join(line(*step) for step in self.steps())


METHODS = [b"GET"] * 6 + [b"POST"] * 4 + [b"HEAD"] * 3 + [b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND", b"x!#$%&'*+-.^_`|~1"]
TARGETS = [b"/", b"/a?b=c", b"/%20//..;p", b"*", b"http://h:80/x?y#z", b"/" + b"t" * 300, b"h:443", b"/{}|\\^\"<>"]
STATUSES = [200] * 8 + [201, 204, 204, 206, 301, 304, 304, 400, 404, 418, 500, 503, 599, 600, 999]
FIELDS = [(b"User-Agent", b"t/1 (x; y)"), (b"accept", b"*/*"), (b"X-Empty", b""), (b"COOKIE", b"a=b; c=d"), (b"Via", b"1.1 a, 1.0 b"),
          (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), (b"X-Chunked", b"chunked"),
          (b"X-Content-Length", b"5"), (b"Content-Lengthy", b"7"), (b"Expect", b"100-continue"), (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"),
          (b"X-High", b"\xc3\xa9\xff"), (b"TE", b"trailers"), (b"Connection", b"keep-alive"), (b"Set-Cookie", b"x=\"y\"; Path=/"),
          (b"!#$%&'*+-.^_`|~09", b":;,=()<>@\\\"/[]?{}")]
BODIES = [b"", b"a", b"hello", b"\r\n", b"0\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
          b"\x00\xff\n\r", b"x" * 700]
EXTENSIONS = [b"", b"", b"", b";a", b";a=b", b';a="b c;d"', b"; a = b", b"  ", b";" + b"e" * 60]
TRAILERS = [[], [], [], [(b"X-Sum", b"1")], [(b"A", b""), (b"Content-Length", b"9"), (b"B", b"c: d")]]


def chunked(chance, body, odd=None):
    """The body in chunks; `odd` is (what, where): one of CHUNK_ODDITIES at the where-th chunk."""
    pieces, at = [], 0
    while at < len(body):
        size = chance.choice([1, 2, 5, 16, len(body)])
        pieces.append(body[at:at + size])
        at += size
    out = b""
    spot = chance.randrange(len(pieces) + 1)
    for index, piece in enumerate([*pieces, b""]):
        size = chance.choice([b"%x", b"%X", b"0%x", b"000%x"]) % len(piece)
        parts = {"size": size, "extension": chance.choice(EXTENSIONS), "eol": b"\r\n", "data": piece, "data_eol": b"\r\n"}
        parts["trailer"] = b"" if piece else b"".join(b"%s: %s\r\n" % pair for pair in chance.choice(TRAILERS))
        if odd and index == spot:
            odd(chance, parts)
        out += parts["size"] + parts["extension"] + parts["eol"]
        out += parts["data"] + parts["data_eol"] if piece else parts["trailer"] + parts["data_eol"]
    return out


@dataclass
class Head:
    line: bytes
    fields: list # of whole lines, without their end
    body: bytes = b""
    eol: bytes = b"\r\n"
    is_request: bool = True

    def bytes(self):
        return self.eol.join([self.line, *self.fields, b""]) + self.eol + self.body

    def index_of(self, *names):
        """A field that decides the length, or None."""
        return next((i for i, line in enumerate(self.fields) if line.split(b":")[0].lower() in names), None)


def field_lines(chance, pairs):
    return [name + b":" + chance.choice([b" ", b" ", b"", b"  ", b"\t", b" \t "]) + value + chance.choice([b"", b"", b" ", b"\t"])
            for name, value in pairs]


def with_body(chance, head, may_last_until_close, chunk_odd=None):
    """A length of some kind, and a body of that length."""
    body = chance.choice(BODIES)
    kind = chance.choice(["none", "length", "length", "chunked", "chunked"] + ["close"] * may_last_until_close)
    if chunk_odd:
        kind = "chunked"
    spelt = lambda name: chance.choice([name, name.lower(), name.upper()])  # noqa: E731
    if kind == "length":
        value = chance.choice([b"%d", b"%d", b"0%d", b"%d, %%d"]) % len(body)
        value = value.replace(b"%d", b"%d" % len(body))
        lines = [(spelt(b"Content-Length"), value)] * chance.choice([1, 1, 1, 2])
        head.body = body
    elif kind == "chunked":
        lines = [(spelt(b"Transfer-Encoding"), chance.choice([b"chunked", b"Chunked", b"CHUNKED"]))]
        head.body = chunked(chance, body, chunk_odd)
    else:
        lines = [] if kind == "close" or head.is_request else [(b"Content-Length", b"0")]
        head.body = body if kind == "close" else b""
    at = chance.randrange(len(head.fields) + 1)
    head.fields[at:at] = field_lines(chance, lines)
    return kind == "close"


def request(chance, method, chunk_odd=None):
    minor = chance.choice([1] * 9 + [0])
    head = Head(b"%s %s HTTP/1.%d" % (method, chance.choice(TARGETS), minor if not chunk_odd else 1), [])
    head.fields = field_lines(chance, [(b"Host", b"a.example"), *chance.sample(FIELDS, chance.randrange(5))])
    if method not in (b"HEAD", b"CONNECT"):
        with_body(chance, head, False, chunk_odd)
    if minor == 0 and head.index_of(b"transfer-encoding") is not None and not chunk_odd:
        head.line = head.line[:-1] + b"1"
    if chance.random() < 0.1:
        head.eol = b"\n"
    return head


def response(chance, method, is_last, chunk_odd=None):
    """Interim responses and the answer; and whether it ends with the connection."""
    interim = b"".join(b"HTTP/1.1 %d %s\r\n%s\r\n" % (chance.choice([100, 102, 103, 199]), chance.choice([b"", b"x y"]),
                                                      chance.choice([b"", b"Link: <a>\r\n", b"Content-Length: 9\r\n"]))
                       for _ in range(chance.choice([0, 0, 0, 0, 1, 2, 30])))
    status = chance.choice(STATUSES) if not chunk_odd else 200
    has_none = method == b"HEAD" or status in (204, 304)
    reason = chance.choice([b" OK", b" ", b"", b" Not so  good", b" \xe9"])
    head = Head(b"HTTP/1.%d %d%s" % (1 if chunk_odd or chance.random() < 0.9 else 0, status, reason), [], is_request=False)
    head.fields = field_lines(chance, chance.sample(FIELDS, chance.randrange(5)))
    ends = with_body(chance, head, is_last and not has_none, chunk_odd if not has_none else None)
    if head.index_of(b"transfer-encoding") is not None:
        head.line = head.line.replace(b"HTTP/1.0", b"HTTP/1.1")
    if has_none:
        head.body = b""
    if chance.random() < 0.1:
        head.eol = b"\n"
    return interim, head, ends


# --- what may be odd -------------------------------------------------------------------------------------------------

LENGTHS = (b"content-length", b"transfer-encoding")


def any_field(*lines):
    """Puts one of the lines among the fields."""
    def odd(chance, head):
        head.fields.insert(chance.randrange(len(head.fields) + 1), chance.choice(lines))
    return odd


def spoil_length(change):
    """Changes the line of the field that decides the length, if there is one; else puts in one that is changed."""
    def odd(chance, head):
        at = head.index_of(*LENGTHS)
        if at is None:
            head.fields.append(b"Content-Length: %d" % len(head.body))
            at = len(head.fields) - 1
        name, value = head.fields[at].split(b":", 1)
        head.fields[at] = change(chance, name, value.strip())
    return odd


def first_line(change):
    def odd(chance, head):
        head.line = change(chance, head.line)
    return odd


def folded_first(chance, head):
    head.fields.insert(0, chance.choice([b" a", b" Transfer-Encoding: chunked", b"\tContent-Length: 5"]))


def fold_in_length(chance, head):
    at = head.index_of(*LENGTHS)
    head.fields.insert(len(head.fields) if at is None else at + 1, chance.choice([b" 1", b"\t", b" , 3", b" chunked"]))


def no_host(chance, head):
    head.fields = [line for line in head.fields if not line.lower().startswith(b"host")]


def body_missing(chance, head):
    head.body = head.body[:chance.randrange(len(head.body) + 1)]


def body_longer(chance, head):
    head.body += chance.choice([b"x", b"\r\n", b"\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])


def random_byte(chance, head):
    whole = bytearray(head.bytes())
    for _ in range(chance.choice([1, 1, 3])):
        at = chance.randrange(len(whole))
        whole[at:at + chance.randrange(2)] = chance.choice([b"", b"\r", b"\n", b" ", b"\0", b"\x0b", b":", b",", b"0", b"\x80", whole[at:at + 3]])
    head.bytes = lambda: bytes(whole)


BAD_CHARACTERS = [b"\0", b"\x01", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xa0", b"(", b"/", b"[", b"\"", b"@", b"{", b" "]

HEAD_ODDITIES = {
    "both lengths": any_field(b"Transfer-Encoding: chunked", b"Content-Length: 0", b"Content-Length: 5", b"transfer-encoding:chunked"),
    "other length": any_field(b"Content-Length: 3", b"Content-Length: 0", b"Content-Length: 99999"),
    "odd length": spoil_length(lambda chance, name, value: name + b": " + chance.choice(
        [b"+" + value, b"-" + value, b"0x" + value, value + b",", b"," + value, value + b" " + value, b"", b"1e1", value + b";", b"\x0b" + value,
         value + b"\x0c", value + b"\0", b"18446744073709551617", b"9223372036854775808", b"\"" + value + b"\"", value + b"\r", b"\xef\xbc\x95"])),
    "odd coding": any_field(*(b"Transfer-Encoding: " + value for value in (
        b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b"chunkedx", b"chunked;q=1", b",chunked", b"chunked,",
        b"\x0bchunked", b"\"chunked\"", b"", b"cow, chunked", b"chunked\0", b"chun\0ked", b"'chunked'", b"chunked\x0c", b"chunked\r"))),
    "spoilt name of a length": spoil_length(lambda chance, name, value: chance.choice(
        [name + bad + b": " + value for bad in BAD_CHARACTERS] + [bad + name + b": " + value for bad in BAD_CHARACTERS] +
        [name + b"\t: " + value, name + b"\r: " + value, name.replace(b"-", b"_") + b": " + value, name + b" " + value, name])),
    "spoilt name of a field": any_field(*(b"X" + bad + b"Y: z" for bad in BAD_CHARACTERS), b"Just words", b": nameless", b"X\t: y"),
    "control in a value": any_field(*(b"X: a" + bad + b"b" for bad in BAD_CHARACTERS), b"X: a\rb", b"X: \r", b"\rX: a", b"X: a\r\rb"),
    "hidden field": any_field(b"X: a\rContent-Length: 5", b"X: a\rTransfer-Encoding: chunked", b"X: y\0Transfer-Encoding: chunked"),
    "fold": any_field(b"X: a\r\n b", b"X: a\n\tb: c", b"X:\r\n y", b"X: a\r\n \r\n b",
                      b"X: a\r\n b\rContent-Length: 5"),
    "fold at the beginning": folded_first,
    "fold in a length": fold_in_length,
    "no host": no_host,
    "host twice": any_field(b"Host: b"),
    "first line": first_line(lambda chance, line: chance.choice(
        [line + b" ", line.replace(b" ", b"  ", 1), line.replace(b" ", b"\t", 1), line.replace(b"HTTP/1.", b"HTTP/2."), line.replace(b"HTTP/1.", b"HTTP/0."),
         line[:-1] + b"2", line.replace(b"HTTP", b"http"), line.replace(b"HTTP/1.1", b"HTTP/1.10"), line + b"\r", b" " + line, b"\r\n" + line,
         b"\n\r\n\n" + line, b"\r" + line, line.replace(b"/", b"/\xe9", 1), line.replace(b" ", b"\0 ", 1), line.replace(b" ", b" \x0b", 1),
         line.rpartition(b" ")[0], b"", line.replace(b" ", b"\r\n ", 1), b"M" * 30 + line, line + b"\rX: y", line + b"\x0b"])),
    "old version": first_line(lambda chance, line: line.replace(b"HTTP/1.1", b"HTTP/1.0")),
    "body cut": body_missing,
    "body longer": body_longer,
    "anything": random_byte,
}


def set_part(name, *values):
    def odd(chance, parts):
        parts[name] = chance.choice(values)
    return odd


def size_odd(chance, parts):
    size = parts["size"]
    parts["size"] = chance.choice([b"", b"+" + size, b"-" + size, b"0x" + size, b" " + size, b"g", size + b"\0", size + b"_", b"fffffffffffffffff",
                                   b"ffffffffffffffff", b"7fffffffffffffff", b"0" * 30 + size, size + b".", b"\r\n" + size, size + b"\x0b"])


CHUNK_ODDITIES = {
    "chunk size": size_odd,
    "chunk extension": set_part("extension", b" x", b" 5", b"\tx", b";\0", b";a\rb", b"; a\nb", b";\n", b" \t ", b";a=\"\r\n\"", b"," + b"x", b"=1", b";" * 3,
                                b" ;a", b";\x0b", b";\x80"),
    "end of a chunk line": set_part("eol", b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\r\n\r\n", b"", b" \r\n", b" \n"),
    "end of a chunk": set_part("data_eol", b"\n", b"\r", b"", b"xx", b"xx\r\n", b"\r\r\n", b" \r\n", b"\r\n\r\n", b"\n\n", b"\rX"),
    "trailer": set_part("trailer", b"Just words\r\n", b" folded first\r\n", b"A: b\rc\r\n", b"A: b\r\n c\r\n", b"A: b\r\n c\rd\r\n", b"A : b\r\n", b": b\r\n", b"A: b\n",
                        b"GET / HTTP/1.1\r\n", b"\r\r\n", b"A\0: b\r\n", b"A: b\0\r\n", b"A: b\r\r\n", b"\x0b\r\n"),
}


def conversation(seed, is_odd):
    """One of them. Odd ones are odd in one message of one side."""
    chance = random.Random(f"{seed}")
    made = Conversation(seed)
    count = chance.choice([1, 1, 2, 3, 6])
    methods = [chance.choice(METHODS) for _ in range(count)]
    if chance.random() < 0.1:
        methods[-1] = b"CONNECT"
    odd_at, odd_side, chunk_name = (chance.randrange(count), chance.randrange(2), None) if is_odd else (None, None, None)
    if is_odd and chance.random() < 0.35:
        chunk_name = chance.choice(sorted(CHUNK_ODDITIES))
        if odd_side == 0 and methods[odd_at] in (b"HEAD", b"CONNECT"):
            methods[odd_at] = b"POST"
    for index, method in enumerate(methods):
        here = [odd_at == index and odd_side == side for side in range(2)]
        chunk_odd = [CHUNK_ODDITIES[chunk_name] if here[side] and chunk_name else None for side in range(2)]
        asked = request(chance, method, chunk_odd[0])
        is_last = index == count - 1
        interim, answer, ends = response(chance, method, is_last, chunk_odd[1])
        if method == b"CONNECT" or (is_last and chance.random() < 0.05):
            interim, answer, ends = b"", tunnel(chance, method, answer), True
            asked.fields.append(b"Upgrade: b")
        for side in range(2):
            if here[side] and not chunk_name:
                name = chance.choice(sorted(HEAD_ODDITIES))
                HEAD_ODDITIES[name](chance, (asked, answer)[side])
                made.odd.append(("request: ", "response: ")[side] + name)
            elif here[side]:
                made.odd.append(("request: ", "response: ")[side] + chunk_name)
        made.client.append(chance.choice([b""] * 9 + [b"\r\n"]) + asked.bytes())
        made.server.append(interim + answer.bytes())
        if ends:
            break
    return made


def tunnel(chance, method, answer):
    """The answer that opens one (for CONNECT perhaps one that does not), and what flows through it."""
    status = chance.choice([200, 204, 299]) if method == b"CONNECT" else 101
    fields = [] if status == 204 else [line for line in answer.fields if line.split(b":")[0].lower() not in LENGTHS]
    return Head(b"HTTP/1.1 %d x" % status, fields, chance.choice([b"", b"\x16\x03\x01", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n"]), is_request=False)
