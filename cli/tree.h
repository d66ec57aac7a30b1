/*
 * tree.h - paints a trace: a line about it, then a line per span.
 *
 *   trace 5b8efff7  3 spans  104 ms  1 error
 *   checkout    SERVER  GET /cart                    200        104 ms  ████████████████████
 *   ├─ checkout CLIENT  GET http://items/v1?page=2   error=503   60 ms    ████████████
 *   │  └─ items SERVER  GET /v1?page=2               error=503   52 ms     ██████████
 *
 * Promise: no line is wider than the terminal, no byte of a span reaches it unescaped, and what colour
 * says is said in words too.
 */
#ifndef TREE_H
#define TREE_H

#include "buffer.h"
#include "span_store.h"
#include "terminal.h"

void tree_paint(struct buffer *page, const struct trace *trace, const struct terminal *terminal);

#endif
