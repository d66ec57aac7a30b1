/* support_heads.h - the head of a request as http1.c reads it, for tests of what reads and writes context in it. */
#ifndef SUPPORT_HEADS_H
#define SUPPORT_HEADS_H

#include "protocol.h"

/* Ends the test where it is no head. The texts of the message lie in `head`. Valid until the next call. */
const struct message *head_read(struct slice head);

/* In the configuration: what OTEL_PROPAGATORS would say (config.c). */
void propagators_are(const char *names);

#endif
