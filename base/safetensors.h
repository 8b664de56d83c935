/* safetensors files: u64 little-endian header length, JSON header, buffer. Read strictly: no holes, no overlap, no duplicate
 * keys, no trailing bytes, shape x dtype = size, header below 100,000,000 bytes. Written deterministically. */
#ifndef DESY_BASE_SAFETENSORS_H
#define DESY_BASE_SAFETENSORS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct desy_tensor {
    char *name;
    char dtype[8]; /* "F32", "F64", "I64", "U8", ... as in the file */
    int64_t shape[8];
    int dimensions;
    const void *data; /* borrowed from the file */
    size_t bytes, count;
};

typedef struct desy_safetensors desy_safetensors;

/* The file is mapped; tensors borrow from it until close. A file that is not one, or truncated: DESY_EENV, saying which rule it breaks. */
int desy_safetensors_open(desy_safetensors **file, const char *path);
size_t desy_safetensors_count(const desy_safetensors *file);
const struct desy_tensor *desy_safetensors_at(const desy_safetensors *file, size_t index);
/* NULL if there is no such tensor. Not an error. */
const struct desy_tensor *desy_safetensors_find(const desy_safetensors *file, const char *name);
/* A text of the file's __metadata__; NULL if there is none of this key. Borrowed. */
const char *desy_safetensors_metadata(const desy_safetensors *file, const char *key);
void desy_safetensors_close(desy_safetensors **file);

/* Writes tensors atomically (base/file.h), in the given order. */
int desy_safetensors_write(const char *path, const struct desy_tensor *tensors, size_t n);
/* The same with __metadata__: an object of texts; borrowed. */
int desy_safetensors_write_described(const char *path, const struct desy_tensor *tensors, size_t n, const cJSON *metadata);

#ifdef __cplusplus
}
#endif

#endif
