/*
 * server.h - one instance of a server that is compared: started, waited for until it is ready, loaded, ended.
 */
#ifndef SERVER_H
#define SERVER_H

#include "load_report.h"
#include "output.h"
#include "process_tree.h"
#include "setting.h"
#include "system_calls.h"

struct server {
    const struct setting *setting;
    const char *name;                      /* "without the library", as it is told in messages */
    int port;
    char *directory;                       /* NULL: none was asked for */
    char **arguments;
    struct output *out, *err;              /* its logs */
    bool is_traced;
    struct child child;                    /* the server, or */
    struct traced traced;                  /* its tracer */
};

/* Starts it and waits until it is ready. One that ends because somebody else has taken its port is no difference: it is started once
 * more with another. Returns NULL, or why it is not (to be freed); the server is then to be
 * ended all the same. *error becomes an errno where it could not be started. */
char *server_start(struct server *server, const struct setting *setting, const char *name, char **environment, bool is_traced, int *error);

/* Ends it and reads what it said on standard error. NULL if it never ran; else to be freed. What left its session lives on, until
 * children_end_orphans(). */
char *server_end(struct server *server);

/* What one turn of the load gave. */
struct load_turn {
    struct load_report report;
    double wall_ns;
    struct tree_usage used;                /* by the server meanwhile; the peak is that of its life */
};

/* Loads it once, for at most limit_ms (-1: as long as it takes). Returns NULL, or what went wrong (to be freed). Interrupted, it returns
 * a text too. */
char *server_load(struct server *server, int limit_ms, struct load_turn *turn);

/* Free ports of 127.0.0.1, all different. False: there are none. */
bool ports_find(int *ports, size_t count);

#endif
