/* version.h - what this build calls itself: the scope of its spans, `telemetry.sdk.version`, the User-Agent. */
#ifndef VERSION_H
#define VERSION_H

#ifndef SPANLOAD_VERSION
#define SPANLOAD_VERSION "0.1.0"
#endif

#endif
