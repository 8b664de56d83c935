/* SHA-256 by libcrypto. */
#ifndef DESY_BASE_HASH_H
#define DESY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DESY_SHA256_HEX 65 /* 64 digits and a NUL */

typedef struct desy_sha256 desy_sha256;

/* Streaming. finish frees *hash and sets it to NULL. */
int desy_sha256_open(desy_sha256 **hash);
int desy_sha256_update(desy_sha256 *hash, const void *data, size_t size);
int desy_sha256_finish(desy_sha256 **hash, char hex[DESY_SHA256_HEX]);
void desy_sha256_close(desy_sha256 **hash); /* NULL-safe, for error paths */

int desy_sha256_bytes(char hex[DESY_SHA256_HEX], const void *data, size_t size);
int desy_sha256_file(char hex[DESY_SHA256_HEX], const char *path); /* DESY_EDATA if unreadable */

/* The first 8 bytes of the SHA-256, big-endian, as a number: item ids and keys of random streams. */
uint64_t desy_hash64(const void *data, size_t size);

/* Not cryptographic, as fast as memory: `state` (0, or what came before) and the bytes. Every step is a bijection of state and of the word, so that data which
 * differ in one word of eight bytes never have the same. */
uint64_t desy_checksum64(uint64_t state, const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
