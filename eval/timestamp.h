/* Points in time as people and logs write them. */
#ifndef DESY_EVAL_TIMESTAMP_H
#define DESY_EVAL_TIMESTAMP_H

#include <stdbool.h>

/* Seconds since 1970 of ISO 8601 "2026-03-01", "2026-03-01T12:30", "2026-03-01 12:30:05.25+01:00" (Z or none: UTC), or of a number of such seconds; false: neither, or a day
 * that no month has. */
bool desy_timestamp_parse(const char *text, double *seconds);

/* "2026-03-01T12:30:05Z". */
#define DESY_TIMESTAMP_TEXT 32
const char *desy_timestamp_text(char text[DESY_TIMESTAMP_TEXT], double seconds);

#endif
