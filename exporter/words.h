/* words.h - a text file of the system, word by word.
 *
 * /etc/hosts and /etc/resolv.conf are lines of words between blanks. Read by words, neither the length of the file nor
 * of a line has a limit. A `#` anywhere, or a `;` that begins a word, makes the rest of the line a comment.
 *
 * Threads: ours. Memory: the caller's; a word is valid until the next one is asked for. Large: keep it static.
 */
#ifndef WORDS_H
#define WORDS_H

#include "patience.h"
#include "slice.h"

enum { WORD_MAX_LEN = 256 }; /* longer than any name or address; what is longer still is cut */

struct words {
    const struct patience *patience;
    long fd;         /* negative: closed, or never opened */
    int error;       /* 0 or what patience_check said: then the file was not read to its end */
    size_t position; /* of the word last returned in its line, from 0 */
    size_t next;     /* of the word to come */
    size_t at, len;  /* of buffer: what has not been looked at yet */
    char word[WORD_MAX_LEN];
    char buffer[4096];
};

/* A file that cannot be opened has no words. */
void words_open(struct words *words, const char *path, const struct patience *patience);

/* False at the end of the file, when it cannot be read, or when patience ends (`error`). */
bool words_next(struct words *words, struct slice *word);

/* Must be called at the end, also after a file that was never opened. Returns `error`. */
int words_close(struct words *words);

#endif
