#include "base/hash.h"

#include "base/error.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desy_sha256 {
    EVP_MD_CTX *context;
};

int desy_sha256_open(desy_sha256 **out)
{
    desy_sha256 *hash = *out = calloc(1, sizeof *hash);
    if (!hash) return desy_error_memory("a hash");
    hash->context = EVP_MD_CTX_new();
    if (hash->context && EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) == 1) return DESY_OK;
    desy_sha256_close(out);
    return desy_error(DESY_EENV, "libcrypto has no SHA-256");
}

int desy_sha256_update(desy_sha256 *hash, const void *data, size_t size)
{
    if (EVP_DigestUpdate(hash->context, data, size) != 1) return desy_error(DESY_EENV, "libcrypto: SHA-256 failed");
    return DESY_OK;
}

static int finish_bytes(desy_sha256 **hash, unsigned char digest[32])
{
    unsigned length = 0;
    int good = EVP_DigestFinal_ex((*hash)->context, digest, &length) == 1 && length == 32;
    desy_sha256_close(hash);
    return good ? DESY_OK : desy_error(DESY_EENV, "libcrypto: SHA-256 failed");
}

int desy_sha256_finish(desy_sha256 **hash, char hex[DESY_SHA256_HEX])
{
    unsigned char digest[32];
    int rc = finish_bytes(hash, digest);
    if (rc != DESY_OK) return rc;
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return DESY_OK;
}

void desy_sha256_close(desy_sha256 **hash)
{
    if (!*hash) return;
    EVP_MD_CTX_free((*hash)->context);
    free(*hash);
    *hash = NULL;
}

int desy_sha256_bytes(char hex[DESY_SHA256_HEX], const void *data, size_t size)
{
    int rc;
    desy_sha256 *hash = NULL;
    DESY_TRY(desy_sha256_open(&hash));
    DESY_TRY(desy_sha256_update(hash, data, size));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    return rc;
}

int desy_sha256_file(char hex[DESY_SHA256_HEX], const char *path)
{
    int rc;
    static _Thread_local unsigned char buffer[1 << 16];
    desy_sha256 *hash = NULL;
    FILE *stream = fopen(path, "rbe");
    if (!stream) return desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
    DESY_TRY(desy_sha256_open(&hash));
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, stream)) > 0;) DESY_TRY(desy_sha256_update(hash, buffer, got));
    if (ferror(stream)) DESY_TRY(desy_error(DESY_EDATA, "%s: %s", path, strerror(errno)));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    fclose(stream);
    return rc;
}

uint64_t desy_hash64(const void *data, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t value = 0;
    /* One-shot digests of memory cannot fail once SHA-256 is there, and without it nothing else works either. */
    if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1) return 0;
    for (int i = 0; i < 8; i++) value = value << 8 | digest[i];
    return value;
}

uint64_t desy_checksum64(uint64_t state, const void *data, size_t size)
{
    enum { LANES = 4, BLOCK = LANES * sizeof(uint64_t) };
    static const uint64_t odd = 0x9E3779B97F4A7C15; /* 2^64 over the golden ratio: its bits are spread evenly */
    const unsigned char *at = data;
    uint64_t lanes[LANES], words[LANES];
    for (int k = 0; k < LANES; k++) lanes[k] = state + (uint64_t)(k + 1) * odd;
    for (size_t left = size; left > 0;) {
        const size_t some = left < BLOCK ? left : BLOCK;
        if (some < BLOCK) memset(words, 0, BLOCK);
        memcpy(words, at, some);
        for (int k = 0; k < LANES; k++) lanes[k] = (lanes[k] ^ words[k]) * odd, lanes[k] ^= lanes[k] >> 29;
        at += some, left -= some;
    }
    for (int k = 0; k < LANES; k++) state = (state ^ lanes[k]) * odd, state ^= state >> 32;
    return state ^ size;
}
