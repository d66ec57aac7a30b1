/* conversation.h - what has passed a connection, told to it: its bytes, or how many they were.
 *
 * Threads: between connection_enter and connection_leave of that direction. Memory: bytes are looked at and not kept, but for a
 * unit that is not complete (gather.h).
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include "connection.h"
#include "unit.h"

/* `since_ns` is when the call began, for requests that are sent; 0: not known. Of bytes that are received `room` is theirs, and
 * what the program will read may be changed there: a request's head names our span then. NULL: nothing may be changed. */
void conversation_passed(struct connection *connection, enum direction direction, struct slice bytes, uint64_t since_ns, struct room *room);
void conversation_passed_unseen(struct connection *connection, enum direction direction, uint64_t count);

#endif
