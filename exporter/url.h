/* url.h - what an HTTP request is for: its request-target taken apart, and what of it may be recorded.
 *
 * RFC 9112 section 3.2 (the four forms), RFC 3986 (authority), and the redaction of OpenTelemetry's `url.full` and
 * `url.query`: user information, and the values of query parameters that are known to carry signatures.
 *
 * Pure functions over bytes that may be anything. Memory: slices of what came in.
 */
#ifndef URL_H
#define URL_H

#include "json.h"

/* A host and, where one was given, a port: `example.com`, `example.com:8080`, `[::1]:8080`. */
struct authority {
    struct slice host; /* without brackets; ptr NULL: there is none */
    uint32_t port;
    bool has_port;
};

enum target_form {
    TARGET_ORIGIN,    /* /path?query */
    TARGET_ABSOLUTE,  /* scheme://authority/path?query, as proxies get it */
    TARGET_AUTHORITY, /* host:port, of CONNECT */
    TARGET_ASTERISK,  /* *, of OPTIONS */
    TARGET_UNKNOWN,   /* none of these, or absent */
};

struct target {
    enum target_form form;
    struct slice scheme;        /* of the absolute form; ptr NULL otherwise, as all that follows */
    struct slice user;          /* user information, without its `@` */
    struct slice host_and_port; /* as it stood */
    struct slice path;          /* present and empty in a URL that has none */
    struct slice query;         /* without its `?` */
};

void target_split(struct slice target, bool is_connect, struct target *parts);

/* False for what is not host [":" port]; user information makes it so. */
bool authority_split(struct slice text, struct authority *authority);

/* `http`, `https`, `ws` or `wss` in any case, as a literal in lower case; ptr NULL for any other scheme. */
struct slice scheme_known(struct slice scheme);

/* 80 or 443; 0 for a scheme without a port that we know. */
uint32_t scheme_port(struct slice scheme);

/* Whether a query has secrets in it. */
bool url_has_secret(struct slice query);

/* Appends a query with the secrets taken out, without its `?`. */
void url_append_query(struct json_string *out, struct slice query);

/* Appends an absolute-form target with the secrets taken out. */
void url_append_absolute(struct json_string *out, const struct target *parts);

#endif
