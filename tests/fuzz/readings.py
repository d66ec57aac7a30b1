"""readings.py - one direction of a conversation as two readers see it: ours (differential.c) and h11, which knows nothing of us.

A Reading is its messages up to where the reader stopped, and how it stopped. h11 is asked message by message, so that
what it thinks of keep-alive has no say in where messages begin.
"""
import re
from dataclasses import dataclass, field

import h11

LIMIT = 1 << 20


@dataclass
class Message:
    """Offsets into the direction. `end` None: it was not complete when the bytes ended, or when reading stopped."""
    begin: int
    head_end: int
    minor: int
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    body: int = 0
    end: int = None

    def __eq__(self, other):
        return self.facts() == other.facts()

    def facts(self):
        return (self.begin, self.head_end, self.minor, self.method, self.target, self.status, self.body, self.end)


@dataclass
class Reading:
    messages: list = field(default_factory=list)
    stop: str = "done"  # done, incomplete, refused, tunnel
    why: str = ""
    at: int = 0         # what comes from here on was not read

    @property
    def is_clean(self):
        return self.stop in ("done", "tunnel") and all(message.end is not None for message in self.messages)

    @property
    def finals(self):
        """What answers requests: all but the interim responses."""
        return [message for message in self.messages if message.status == 101 or message.status >= 200]


# --- ours ------------------------------------------------------------------------------------------------------------

ENDS = {0: "done", 1: "incomplete", 2: "incomplete", 3: "refused", 4: "refused", 5: "tunnel"}
PART = 0


@dataclass
class Ours:
    client: Reading
    server: Reading
    spans: dict
    counts: dict


def bytes_of(text):
    return b"" if text == "-" else bytes.fromhex(text)


def units_to_messages(reading, units, length):
    """Puts the units of a direction together."""
    for at, size, skip, kind, ends, last, status, minor, method, target in units:
        open_message = reading.messages[-1] if reading.messages and reading.messages[-1].end is None else None
        behind = at + size
        if kind != PART:
            if open_message: # never: reported as a difference
                open_message.body = -1
            open_message = Message(at, behind, minor, method, target, status)
            reading.messages.append(open_message)
        if skip == -1:
            open_message.body += length - behind
            open_message.end = length
        elif skip:
            come = min(skip, length - behind)
            open_message.body += come
            if last and come == skip:
                open_message.end = behind + skip
        if ends:
            open_message.end = behind


def read_ours(lines, client, server):
    """From the lines of differential.c, up to the one that ends the conversation."""
    units, readings = {"C": [], "S": []}, {"C": Reading(), "S": Reading()}
    ours = Ours(readings["C"], readings["S"], {"server": [], "client": []}, {})
    for line in lines:
        words = line.split()
        if words[0] == ".":
            break
        if words[0] == "unit":
            units[words[1]].append((*map(int, words[2:10]), bytes_of(words[10]), bytes_of(words[11])))
        elif words[0] == "end":
            readings[words[1]].stop, readings[words[1]].at = ENDS[int(words[2])], int(words[3])
        elif words[0] == "span":
            ours.spans[words[1]].append(bytes_of(words[2]).decode("latin-1"))
        elif words[0] == "counts":
            ours.counts[words[1]] = " ".join(words[2:])
    units_to_messages(ours.client, units["C"], len(client))
    units_to_messages(ours.server, units["S"], len(server))
    for reading in (ours.client, ours.server):
        last = reading.messages[-1] if reading.messages else None
        if reading.stop == "incomplete" and last and last.end is not None and last.end >= reading.at:
            reading.stop = "done" # the body that had not ended was one that ends with the connection
    return ours


# --- h11's -----------------------------------------------------------------------------------------------------------

def waiting(connection):
    """Bytes that h11 has not used yet."""
    return len(connection.trailing_data[0])


def read_message(connection, reading, begin, length, is_response):
    """One message, and the interim responses before it. Returns where it ends, or None when reading stopped there."""
    connection_ended = False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            reading.stop, reading.why = ("incomplete", "") if connection_ended else ("refused", str(error))
            return None
        here = length - waiting(connection)
        if event is h11.PAUSED:
            # A tunnel; or it waits for our answer, which never comes.
            reading.stop, reading.messages[-1].end = "tunnel", here
            return None
        if event is h11.NEED_DATA:
            if not reading.messages or reading.messages[-1].begin < begin or reading.messages[-1].end is not None:
                reading.stop = "incomplete" if length > begin else "done"
                return None
            connection_ended = True
            connection.receive_data(b"")
        elif isinstance(event, (h11.Request, h11.Response, h11.InformationalResponse)):
            message = Message(begin, here, int(event.http_version[2:]))
            if isinstance(event, h11.Request):
                message.method, message.target = bytes(event.method), bytes(event.target)
            else:
                message.status = event.status_code
            reading.messages.append(message)
            if isinstance(event, h11.InformationalResponse):
                message.end = here
                if event.status_code == 101:
                    reading.stop = "tunnel"
                    return None
                begin = here
        elif isinstance(event, h11.Data):
            reading.messages[-1].body += len(event.data)
        elif isinstance(event, h11.EndOfMessage):
            reading.messages[-1].end = length if connection_ended else here
            if is_response and connection.their_state is h11.SWITCHED_PROTOCOL:
                reading.stop = "tunnel"
                return None
            return reading.messages[-1].end
        else:
            raise AssertionError(f"h11 says {event!r}")


def empty_lines(data):
    """RFC 9112 section 2.2 lets a server ignore them before a request; h11 does not."""
    return len(re.match(rb"(\r?\n)*", data)[0])


def read_requests(data):
    reading, at = Reading(), 0
    while True:
        at += empty_lines(data[at:])
        if at >= len(data):
            return reading
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
        connection.receive_data(data[at:])
        reading.at = at
        # h11 counts from the beginning of this message; so do we, and shift.
        part = Reading()
        end = read_message(connection, part, 0, len(data) - at, False)
        shift(part, at)
        reading.messages += part.messages
        if part.stop == "tunnel" and end is None:
            # A request that asks for a tunnel is complete; what follows is h11's to hold back.
            part.stop, end = "done", part.messages[-1].end - at
        if end is None:
            reading.stop, reading.why = part.stop, part.why
            return reading
        at += end


def shift(reading, by):
    for message in reading.messages:
        message.begin += by
        message.head_end += by
        message.end = None if message.end is None else message.end + by


def read_responses(data, methods):
    reading, at, answered = Reading(), 0, 0
    while at < len(data):
        method = methods[answered] if answered < len(methods) else b"GET"
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
        connection.send(h11.Request(method=method, target="/", headers=[("Host", "a"), ("Connection", "upgrade"), ("Upgrade", "b")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(data[at:])
        reading.at = at
        part = Reading()
        end = read_message(connection, part, 0, len(data) - at, True)
        shift(part, at)
        reading.messages += part.messages
        if end is None:
            reading.stop, reading.why = part.stop, part.why
            return reading
        at += end
        answered += 1
    return reading
