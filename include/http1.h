/* http1.h - the framing of HTTP/1, for our own client too: one reader of message lengths, not two. */
#ifndef HTTP1_H
#define HTTP1_H

#include "protocol.h"

extern const struct protocol http1_protocol;

#endif
