/* support_name_server.h - two name servers on this machine that answer, lie, delay and are silent as a script says.
 *
 * They listen on 127.0.0.1 and 127.0.0.2 at one port. What they are asked for is written down.
 */
#ifndef SUPPORT_NAME_SERVER_H
#define SUPPORT_NAME_SERVER_H

#include <stdint.h>

enum behaviour {
    NO_SUCH_NAME, /* of all names without a row */
    HAS_A,        /* 10.0.0.1 */
    HAS_AAAA,     /* fd00::1 */
    HAS_BOTH,
    HAS_MANY,     /* 12 of each */
    HAS_ALIAS,    /* an alias, and its addresses of both types */
    NO_DATA,
    SERVFAIL,
    REFUSED,
    FORMERR,
    TRUNCATED_EMPTY,
    TRUNCATED_WITH_A,
    POINTER_LOOP,
    SILENT,
    SILENT_ABOUT_AAAA, /* 10.0.0.1 */
    NO_NAME_OF_AAAA,   /* 10.0.0.1, and "no such name" to the other question (RFC 4074 section 4.2) */
    FAILS_AAAA,        /* no data, and SERVFAIL to the other question */
    LATE,              /* both, after 300 ms */
    FORGED_ID,         /* 10.6.6.6 under another id, then 10.0.0.1 */
    FORGED_SOURCE,     /* 10.6.6.6 from another socket, then 10.0.0.1 */
    FORGED_QUESTION,   /* 10.6.6.6 for another name, then 10.0.0.1 */
    FLOOD,             /* other ids without end */
};

/* A server asked for this name behaves so. */
struct row {
    int server; /* 0, 1, or -1: both */
    const char *name;
    enum behaviour behaviour;
};

/* Starts both; returns their port. Rows end with one without a name. */
uint16_t name_servers_start(void);
void name_servers_follow(const struct row *script);

/* A UDP socket on 127.0.0.`last`, on `port` or, where that is 0, a free one, which is stored there. */
int name_server_listen(int last, uint16_t *port);

/* "name@server " for each question of type A since the last name_servers_forget; "!" before one whose AAAA was not
 * asked first. Both calls wait until the servers have read what was sent to them, however slow they are. */
const char *name_servers_asked(void);
void name_servers_forget(void);

#endif
