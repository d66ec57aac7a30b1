/*
 * library.h - where libspanload.so is.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

/* The absolute path of the library, which the caller frees: `wished` if not NULL, else $SPANLOAD_LIBRARY,
 * else beside this command, else in ../lib/spanload. NULL with *problem, a text that the caller frees,
 * if there is none. */
char *library_find(const char *wished, char **problem);

#endif
