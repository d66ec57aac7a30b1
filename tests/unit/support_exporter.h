/* support_exporter.h - what files of exporter/ need of the rest of the library, for tests that link them alone. */
#ifndef SUPPORT_EXPORTER_H
#define SUPPORT_EXPORTER_H

/* The notices written since the last notices_clear, a line each: "SUBJECT=VALUE: problem", or "SUBJECT: problem". */
const char *noticed(void);
void notices_clear(void);

#endif
