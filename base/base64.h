/* Bytes as text (RFC 4648, with padding). */
#ifndef DESY_BASE_BASE64_H
#define DESY_BASE_BASE64_H

#include <stddef.h>

/* New string, caller frees; NULL: no memory. */
char *desy_base64(const void *bytes, size_t size);

#endif
