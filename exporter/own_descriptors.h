/* own_descriptors.h - a descriptor table of our thread's own. */
#ifndef OWN_DESCRIPTORS_H
#define OWN_DESCRIPTORS_H

#include "exporter.h"

/* From here on nothing of the application's is open in this thread, and what this thread opens is nowhere else.
 * False: the kernel refuses; then no descriptor may be opened. */
bool own_descriptors_begin(enum exporter_table how);

#endif
