"""test_differential.py - our framing and h11's of the same conversations: where each message begins and ends, and the spans.

Where both accept, they must agree in everything. Where h11 refuses, so must we, before a span comes of it; where we
refuse, h11 must too. Exceptions stand in two short lists below, each with its reason. A difference is printed as a sample
that can go into tests/wire. SPANLOAD_SEED chooses other conversations, SPANLOAD_CASES how many.
"""
import ast
import os
import re
import subprocess
from collections import Counter

import pytest

pytest.importorskip("h11", reason="h11 is not installed (Debian: python3-h11)")

import readings  # noqa: E402
import targets  # noqa: E402
import traffic  # noqa: E402

SEED = os.environ.get("SPANLOAD_SEED", "1")
CASES = int(os.environ.get("SPANLOAD_CASES", "2500"))


@pytest.fixture(scope="module")
def driver():
    targets.build(["differential"])
    return targets.BUILD / "differential"


def answers(driver, conversations):
    """What ours says of each."""
    said = "".join("".join(f"{who} {what.hex()}\n" for who, what in one.steps()) + "\n" for one in conversations)
    done = subprocess.run([driver], input=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = iter(done.stdout.splitlines())
    return [readings.read_ours(lines, *one.said) for one in conversations]


# --- where we may differ ---------------------------------------------------------------------------------------------

def head_of(data, reading, number):
    """The head of the message at which a reader stopped, and what follows; for the lists below."""
    begin = reading.messages[number].begin if number < len(reading.messages) else reading.at
    rest = re.sub(rb"^(\r?\n)+", b"", data[begin:])
    end = re.search(rb"\n\r?\n", rest)
    return (rest[:end.end()], rest[end.end():]) if end else (rest, b"")


def values(head, name):
    return [value.strip(b" \t\r") for value in re.findall(rb"(?im)^" + name + rb"[ \t]*:([^\n]*)", head)]


def has_field(head, name):
    return bool(values(head, name))


def line_of(why):
    """The line that h11 complains about."""
    quoted = re.search(r"""(b'([^'\\]|\\.)*'|b"([^"\\]|\\.)*")""", why)
    return ast.literal_eval(quoted[1]) if quoted else b""


def last_coding_is_chunked(head):
    codings = [part.strip().lower() for value in values(head, b"transfer-encoding") for part in value.split(b",")]
    return codings.count(b"chunked") == 1 and codings[-1] == b"chunked"


def is_odd_in_its_value(line):
    """A field or a status line with NUL, VT or FF in it, where it does not matter."""
    is_field = re.match(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+:", line) and not re.match(rb"(?i)(content-length|transfer-encoding):", line)
    return re.search(rb"[\0\v\f]", line) and b"\r" not in line and (is_field or line.startswith(b"HTTP/"))


def is_one_number(head):
    return len({int(part) for value in values(head, b"content-length") for part in value.split(b",") if part.strip().isdigit()}) == 1


# What h11 refuses and we do not: what it says; of which heads, and lines that it complains about, that is so; and why.
H11_REFUSES = [
    (r"Missing mandatory Host|multiple Host", lambda head, line: True,
     "says nothing about where a message ends; the server answers 400, which the span says"),
    (r"illegal request line", lambda head, line: re.fullmatch(rb"[!-~]+ [^\x00-\x20\x7f]*[\x80-\xff][^\x00-\x20\x7f]* HTTP/1\.[01]", line),
     "bytes above ASCII in a target: browsers and crawlers send them"),
    (r"Only Transfer-Encoding: chunked|multiple Transfer-Encoding", lambda head, line: head.startswith(b"HTTP/") or last_coding_is_chunked(head),
     "h11 knows no other coding; what is chunked last ends with its chunks, any other response with its connection (RFC 9112 section 6.3)"),
    (r"illegal (header|status) line", lambda head, line: is_odd_in_its_value(line),
     "NUL, VT and FF in a value or a reason: no reader takes them for the end of a line"),
    (r"conflicting Content-Length", lambda head, line: is_one_number(head), "the same number, with zeroes before it"),
    (r"(bad|conflicting) Content-Length", lambda head, line: not has_field(head, b"content-length"), "a length in a trailer decides nothing"),
    (r"illegal chunk header", lambda head, line: re.fullmatch(rb"0{5,}[0-9a-fA-F]+[ \t]*(;.*)?\r\n", line), "any number of zeroes before the size"),
    (r"illegal chunk header", lambda head, line: re.fullmatch(rb"[0-9a-fA-F]+[ \t]+(;.*)?\r\n", line),
     "white space before the extension (RFC 9112 section 7.1.1, BWS)"),
    (r"illegal chunk header", lambda head, line: re.match(rb"[0-9a-fA-F]+[ \t]*\n", line), "a lone LF ends the line, if no extension stands before it"),
    (r"malformed chunk footer", lambda head, line: line.startswith(b"\n"), "a lone LF ends the line behind a chunk's data"),
]


def has_both_lengths(head):
    return has_field(head, b"content-length") and has_field(head, b"transfer-encoding")


def has_coding_in_1_0(head):
    return b"HTTP/1.0" in head.split(b"\n")[0] and has_field(head, b"transfer-encoding")


def has_another_version(head):
    return not re.search(rb"HTTP/1\.[01]([ \r\n]|$)", head.split(b"\n")[0])


def has_long_method(head):
    return len(head.split(b" ")[0]) > 32


def has_length_above_63_bits(head):
    return any(int(part) > 2**63 - 1 for value in values(head, b"content-length") for part in value.split(b",") if part.strip().isdigit())


def has_folded_length(head):
    return re.search(rb"(?im)^(content-length|transfer-encoding):[^\n]*\n[ \t]", head)


# What we refuse on purpose and h11 does not: of which heads and bodies that is so, and why.
WE_REFUSE = [
    (lambda head, body: has_both_lengths(head), "both lengths: the commonest smuggling (RFC 9112 section 6.1)"),
    (lambda head, body: has_coding_in_1_0(head), "a transfer coding in HTTP/1.0, whose readers do not know it (RFC 9112 section 6.1)"),
    (lambda head, body: has_another_version(head), "a version that is not 1.0 or 1.1"),
    (lambda head, body: has_long_method(head), "a method of more than 32 bytes"),
    (lambda head, body: has_length_above_63_bits(head), "a length above 2^63 - 1"),
    (lambda head, body: has_folded_length(head), "a field that decides the length, folded"),
    (lambda head, body: re.search(rb"(?m)^[0-9a-fA-F]+[^\n]*\r[^\n]", body), "a lone CR in a chunk line"),
    (lambda head, body: re.search(rb"(?m)^[0-9a-fA-F]{15,}", body), "a chunk above 2^62"),
]

# What a request that we accept must be free of, though h11 takes it.
NEVER_ACCEPTED = [has_both_lengths, has_coding_in_1_0, has_another_version, has_long_method, has_length_above_63_bits, has_folded_length]


def wrongly_accepted(data, reading):
    for message in reading.messages:
        head = data[message.begin:message.head_end]
        for holds in NEVER_ACCEPTED:
            if holds(head):
                return f"accepted though it {holds.__name__.replace('_', ' ')}: {head}"
    return None


def may_refuse(head, body):
    return any(holds(head, body) for holds, _ in WE_REFUSE)


def may_accept(head, why):
    return any(re.search(said, why) and holds(head, line_of(why)) for said, holds, _ in H11_REFUSES)


# --- the comparison --------------------------------------------------------------------------------------------------

def difference(data, ours, theirs):
    """What is wrong about a direction, or None; and whether both readers saw the same to the end."""
    for number in range(max(len(ours.messages), len(theirs.messages)) + 1):
        mine = ours.messages[number] if number < len(ours.messages) else None
        other = theirs.messages[number] if number < len(theirs.messages) else None
        is_mine_whole, is_other_whole = bool(mine and mine.end is not None), bool(other and other.end is not None)
        if is_mine_whole and is_other_whole:
            if mine != other:
                return f"message {number}: {mine}, h11: {other}", False
            continue
        if ours.stop == "refused" and not (is_mine_whole or is_other_whole) and theirs.stop == "refused":
            return None, False
        if is_mine_whole or (mine and theirs.stop == "refused" and ours.stop != "refused" and not other):
            if theirs.stop == "refused" and may_accept(head_of(data, theirs, number)[0], theirs.why):
                return None, False
            return f"message {number}: {mine}, h11 does not have it: {theirs.stop}, {theirs.why}", False
        if is_other_whole or (ours.stop == "refused" and theirs.stop != "refused"):
            if ours.stop == "refused" and may_refuse(*head_of(data, ours, number)):
                return None, False
            if not is_other_whole and theirs.stop == "incomplete": # we tell sooner
                return None, False
            return f"message {number}: {other}, ours does not have it: {ours.stop}, {mine}", False
        if mine and other and mine != other and not (theirs.stop == "refused" and may_accept(head_of(data, theirs, number)[0], theirs.why)):
            return f"message {number}, not whole: {mine}, h11: {other}", False
        return None, ours.stop == theirs.stop and ours.stop != "refused"
    return None, ours.stop == theirs.stop


def pairs(client, server, role):
    """A client that closes has its answer when it has the head of it; a server has given one that is complete."""
    return [f"{request.method.decode('latin-1')} {request.target.decode('latin-1')} {answer.status}{' HTTP/1.0' * (request.minor == 0)}"
            for request, answer in zip(client.messages, server.finals) if role == "client" or answer.end is not None]


def without_trace_context(line):
    return re.sub(r" (parent|tracestate)=.*", "", line)


def wrong_spans(ours, client, server, is_all):
    """Spans without an error must be the pairs, in order; all of them where nothing was refused."""
    for role, lines in ours.spans.items():
        expected = pairs(client, server, role)
        good = [without_trace_context(line) for line in lines if " error=" not in line]
        if good != expected[:len(good)] or (is_all and good != expected):
            return f"spans as {role}: {good}, expected {expected}; {ours.counts[role]}"
    return None


def compared(one, ours):
    """(what is wrong or None, whether everything was agreed upon)"""
    client, server = one.said
    their_client = readings.read_requests(client)
    wrong = wrongly_accepted(client, ours.client)
    if wrong:
        return f"client: {wrong}", False
    wrong, is_agreed = difference(client, ours.client, their_client)
    if wrong:
        return f"client: {wrong}", False
    methods = [message.method for message in ours.client.messages]
    their_server = readings.read_responses(server, methods)
    wrong, is_server_agreed = difference(server, ours.server, their_server)
    if wrong:
        return f"server: {wrong}", False
    is_agreed = is_agreed and is_server_agreed
    both = (their_client, their_server) if is_agreed else (ours.client, ours.server)
    # Where one side says more than it was asked, or answers before, there may be fewer spans; never others.
    is_all = not one.odd and is_agreed
    return wrong_spans(ours, *both, is_all), is_agreed


def test_our_framing_and_h11s_agree(driver):
    conversations = [traffic.conversation(f"{SEED}-{number}", number % 2 == 1) for number in range(CASES)]
    wrong, agreed, spans, odd = [], 0, 0, Counter()
    for one, ours in zip(conversations, answers(driver, conversations)):
        what, is_agreed = compared(one, ours)
        if what:
            wrong.append(f"{one.seed} ({', '.join(one.odd) or 'nothing odd'}): {what}\n{one.as_wire()}\n")
        agreed += is_agreed
        spans += len(ours.spans["server"])
        odd.update(one.odd)
    assert not wrong, f"{len(wrong)} of {CASES} conversations:\n" + "\n".join(wrong[:12])
    # The comparison compares something: what is not odd is agreed upon, and every oddity came up.
    assert agreed >= CASES // 2 and spans > CASES
    kinds = len(traffic.HEAD_ODDITIES) + len(traffic.CHUNK_ODDITIES)
    assert CASES < 2000 or len(odd) == 2 * kinds, f"{len(odd)} kinds of oddity"
