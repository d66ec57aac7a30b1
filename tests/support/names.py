"""names.py - a name server for one name, as slow and as silent as a test wants it; in a place of its own it has port 53.
"""
import ipaddress
import socket
import struct
import threading

A, AAAA = 1, 28


class NameServer:
    """`addresses`: of every name that it is asked for; none: it answers nothing. Both may be changed at any time."""

    def __init__(self, *addresses, delay=0, port=53):
        self.addresses, self.delay, self.questions = list(addresses), delay, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                query, asker = self.socket.recvfrom(4096)
            except OSError:
                return
            if query == b"end":
                return
            self.questions += 1
            if self.addresses:
                threading.Timer(self.delay, self._answer, [query, asker]).start()

    def _answer(self, query, asker):
        end = query.index(b"\0", 12) + 5  # behind the question's name, type and class
        [asked] = struct.unpack(">H", query[end - 4:end - 2])
        found = [ipaddress.ip_address(address).packed for address in self.addresses]
        found = [packed for packed in found if len(packed) == (4 if asked == A else 16) and asked in (A, AAAA)]
        records = b"".join(struct.pack(">HHHIH", 0xc00c, asked, 1, 5, len(packed)) + packed for packed in found)
        try:
            self.socket.sendto(query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0) + query[12:end] + records, asker)
        except OSError:
            pass  # stopped meanwhile

    def stop(self):
        self.socket.sendto(b"end", self.socket.getsockname())
        self._thread.join(2)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
