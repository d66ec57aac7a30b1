"""programs.py - the programs that are run unmodified under the library, one row each: every row of the files beside this one.

A row says what to start and what is particular about it; what is asked of servers, what must hold for spans, and the
comparison with a run without the library are the same for all and live in tests/system/test_programs.py. One more program
is one more row, and one more line in README's table (tests/programs/table.py writes it).
"""
from programs import clients, clients_in_languages, servers, servers_in_languages, silent

SERVERS = [*servers.SERVERS, *servers_in_languages.SERVERS]
CLIENTS = [*clients.CLIENTS, *clients_in_languages.CLIENTS]
SILENT = silent.SILENT
PROGRAMS = [*SERVERS, *CLIENTS, *SILENT]
