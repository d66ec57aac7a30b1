/* json.h - JSON strings written from bytes that came off the wire (RFC 8259).
 *
 * What comes out is valid JSON and valid UTF-8 whatever goes in, and holds no control character: lines of it can be
 * shown on a terminal.
 *
 * Threads: any, one at a time for one text. Memory: the caller's text.
 */
#ifndef JSON_H
#define JSON_H

#include "text.h"

/* What stands for bytes that are not UTF-8, and for control characters. */
enum json_repair {
    JSON_TEXT, /* U+FFFD, and an escape such as \n or \u0007 */
    JSON_URL,  /* the bytes percent-encoded, as RFC 3986 section 2.1 has them in a URL */
};

/* Appends `bytes` as a quoted JSON string. What is not valid UTF-8 becomes U+FFFD; at most `max_characters` of it
 * (UINT32_MAX: no limit). */
void json_string(struct text *out, struct slice bytes, uint32_t max_characters);

/* Copies bytes up to the first that does not stand for itself in a JSON string; returns how many. What is behind them in
 * `to`, up to as many as there are in `from`, is written as well. */
size_t json_copy_plain(char *to, struct slice from);

/* The same in pieces: a string that is put together is escaped on its way into the text, without a copy of it. A
 * character must not be cut in two by the end of a piece. */
struct json_string {
    struct text *out;
    uint32_t characters_left;
    enum json_repair repair;
};

void json_string_begin(struct json_string *string, struct text *out, uint32_t max_characters, enum json_repair repair);
void json_string_append(struct json_string *string, struct slice bytes);
void json_string_end(struct json_string *string);

#endif
