/* notice.h - what is wrong with the configuration or the endpoint, said once on stderr.
 *
 * Whoever finds something wrong writes a notice down; an application's thread prints it later, when it
 * starts our thread, finishes a span, or ends the process (notice_print, preload/notice.c). Our own
 * thread cannot: it has no descriptor of the application's, on purpose (preload/exporter_thread.c).
 * Descriptor 2 must still be the file it was at start; nothing is printed into anything else.
 *
 * Threads: notice_add one at a time: the constructor before our thread exists, then our thread alone.
 * Memory: a fixed buffer; a notice that does not fit is left out.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include "slice.h"

/* "spanload: SUBJECT=VALUE: problem". A value with ptr NULL is left out with its `=`; of others at most
 * 120 bytes are shown, control characters as `?`. Never pass a secret. */
void notice_add(const char *subject, struct slice value, const char *problem);

/* Before any of the others, once: from then on what a process has said its children do not say again. */
void notice_start(void);

/* Prints what has been added since. Never blocks: what stderr does not take at once is lost. */
void notice_print(void);

#endif
