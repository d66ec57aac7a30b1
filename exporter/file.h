/* file.h - a small file of the system, read whole. */
#ifndef FILE_H
#define FILE_H

#include "slice.h"

/* What of the file fits into `buffer`; ptr NULL when it cannot be read. Files of /proc come in pieces and have no size. */
struct slice file_read(const char *path, char *buffer, size_t capacity);

bool file_exists(const char *path);

#endif
