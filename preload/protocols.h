/* protocols.h - the protocols of protocols.def, and which of them a conversation speaks.
 *
 * Threads: any; pure.
 */
#ifndef PROTOCOLS_H
#define PROTOCOLS_H

#include "protocol.h"

/* 1 and the protocol that a conversation speaks which begins with these bytes of the client's; PARSE_MORE or PARSE_NO. */
int protocols_recognise(struct slice first, const struct protocol **protocol);

#endif
