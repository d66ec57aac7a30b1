/* support.h - what the fuzzers share: a claim that ends the run, and pools that a sanitizer can see into.
 *
 * Linked with the sources of preload/ as the unit tests are (tests/unit/support_preload.c stands in for the process and
 * for our thread), but without pool.c: here a block is a piece of the heap of exactly its size, so that a byte written
 * behind it, a use after it was given back and a block never given back are found.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unless it holds: says why on stderr and aborts, which makes the fuzzer keep the input. */
void must(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Blocks that are taken and not given back. */
extern unsigned blocks_taken;

/* The n-th block from now on is refused, once; 0: none. And every block of more than a page. */
extern unsigned block_refused;
extern bool large_blocks_refused;

/* xorshift: the same numbers from the same seed. */
uint32_t random_below(uint32_t *state, size_t limit);

#endif
