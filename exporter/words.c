/* words.c - a text file of the system, word by word. words.h says how. */
#include "words.h"

#include "system.h"

#include <fcntl.h>

void words_open(struct words *words, const char *path, const struct patience *patience)
{
    words->patience = patience;
    words->error = 0;
    words->position = words->next = 0;
    words->at = words->len = 0;
    /* O_NONBLOCK: the file may be a FIFO. */
    words->fd = system(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
}

int words_close(struct words *words)
{
    if (words->fd >= 0)
        system(close, words->fd);
    words->fd = -1;
    return words->error;
}

/* The next byte of the file, which stays the next one; -1 where there is none. */
static int peek(struct words *words)
{
    if (words->at == words->len) {
        if (words->fd < 0 || words->error)
            return -1;
        words->error = patience_check(words->patience);
        if (words->error)
            return -1;
        long n = system(read, words->fd, words->buffer, sizeof words->buffer);
        if (n <= 0)
            return -1;
        words->at = 0;
        words->len = (size_t)n;
    }
    return (unsigned char)words->buffer[words->at];
}

static void skip_comment(struct words *words)
{
    for (int c = peek(words); c >= 0 && c != '\n'; c = peek(words))
        words->at++;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Moves to the first byte of the next word. */
static bool find_word(struct words *words)
{
    for (;;) {
        int c = peek(words);
        if (c < 0)
            return false;
        if (c == '#' || c == ';') {
            skip_comment(words);
        } else if (c == '\n') {
            words->next = 0;
            words->at++;
        } else if (is_blank(c)) {
            words->at++;
        } else {
            return true;
        }
    }
}

bool words_next(struct words *words, struct slice *word)
{
    if (!find_word(words))
        return false;
    words->position = words->next++;
    size_t len = 0;
    for (int c = peek(words); c >= 0 && c != '\n' && c != '#' && !is_blank(c); c = peek(words)) {
        if (len < sizeof words->word)
            words->word[len++] = (char)c;
        words->at++;
    }
    *word = (struct slice){words->word, len};
    return !words->error;
}
