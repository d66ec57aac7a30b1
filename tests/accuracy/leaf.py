#!/usr/bin/python3
"""leaf.py - the end of every chain: answers as plan.py says, and writes down what it was asked and with which trace context.

    leaf.py PORT FILE    one line a request: ID N TRACEPARENT, `-` where there was none, with commas where there were several

It is not traced, and the lines are there before the answers: who has an answer finds its line in the file.
"""
import asyncio
import os
import re
import socket
import sys
from dataclasses import replace

sys.dont_write_bytecode = True
sys.path[0] = os.path.dirname(sys.path[0])

from accuracy.plan import answer_of, found_in  # noqa: E402

TRACEPARENT = re.compile(rb"^traceparent:[ \t]*(.*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


class Connection(asyncio.Protocol):
    def __init__(self, log):
        self.log, self.received, self.transport = log, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            self.asked(head + b"\r\n")

    def asked(self, head):
        rid, number = found_in(head.split(b"\r\n", 1)[0].decode("latin-1"))
        os.write(self.log, f"{rid} {number} {b','.join(TRACEPARENT.findall(head)).decode('latin-1') or '-'}\n".encode())
        answer = answer_of(rid, number)
        if b"\nconnection: close" in head.lower():
            answer = replace(answer, is_last=True)
        asyncio.get_running_loop().call_later(answer.delay_s, self.answer, answer, f"{rid}/{number}\n".encode())

    def answer(self, answer, body):
        if answer.status:
            ends = "Connection: close\r\n" if answer.is_last else ""
            self.transport.write(f"HTTP/1.1 {answer.status} Leaf\r\nContent-Length: {len(body)}\r\n{ends}\r\n".encode() + body)
        if answer.is_last:
            self.transport.close()


async def main(port, file):
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=1024)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(log), sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
