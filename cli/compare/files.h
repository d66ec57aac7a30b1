/*
 * files.h - a directory as one content, so that two of them can be compared.
 */
#ifndef FILES_H
#define FILES_H

/* A file in memory that lists all below `directory` in order: name, kind and permissions on a line, then what is in it,
 * of a file over 64 MiB its beginning and a sum of the rest. What the program may not read is read all the same, if it is
 * ours; for that, permissions of directories may be widened. The caller closes it; -1 with errno. */
int files_content(const char *directory);

#endif
