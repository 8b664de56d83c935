#include "base/safetensors.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER 100000000u

struct desy_safetensors {
    void *map;
    size_t size, count;
    struct desy_tensor *tensors; /* in order of their data */
    cJSON *metadata;             /* texts; NULL: none */
};

static size_t dtype_bytes(const char *dtype)
{
    static const struct { const char *name; size_t bytes; } known[] = {{"F64", 8}, {"I64", 8}, {"U64", 8}, {"F32", 4}, {"I32", 4}, {"U32", 4},
        {"F16", 2}, {"BF16", 2}, {"I16", 2}, {"U16", 2}, {"I8", 1}, {"U8", 1}, {"BOOL", 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, dtype) == 0) return known[i].bytes;
    return 0;
}

static int bad(const char *path, const char *what)
{
    return desy_error(DESY_EENV, "%s: not a whole safetensors file: %s", path, what);
}

static bool to_size(const cJSON *value, uint64_t *out)
{
    if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > 9007199254740992.0) return false;
    *out = (uint64_t)value->valuedouble;
    return (double)*out == value->valuedouble;
}

static int read_entry(struct desy_tensor *tensor, const cJSON *entry, const char *base, size_t room, const char *path)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype"), *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets"), *side = NULL;
    uint64_t begin, end, count = 1;
    if (!cJSON_IsString(dtype) || !cJSON_IsArray(shape) || cJSON_GetArraySize(offsets) != 2) return bad(path, "an entry without dtype, shape or data_offsets");
    size_t width = dtype_bytes(dtype->valuestring);
    if (!width) return bad(path, "an unknown dtype");
    if (!to_size(cJSON_GetArrayItem(offsets, 0), &begin) || !to_size(cJSON_GetArrayItem(offsets, 1), &end) || begin > end || end > room)
        return bad(path, "data_offsets outside the file (is it truncated?)");
    cJSON_ArrayForEach(side, shape)
    {
        uint64_t length;
        if (tensor->dimensions == 8 || !to_size(side, &length)) return bad(path, "a shape that is none");
        if (__builtin_mul_overflow(count, length, &count)) return bad(path, "a shape that overflows");
        tensor->shape[tensor->dimensions++] = (int64_t)length;
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(count, width, &bytes) || bytes != end - begin) return bad(path, "a shape that does not fit its data");
    strcpy(tensor->dtype, dtype->valuestring);
    tensor->data = base + begin;
    tensor->bytes = bytes;
    tensor->count = count;
    tensor->name = strdup(entry->string);
    return tensor->name ? DESY_OK : desy_error_memory(path);
}

static int by_data(const void *a, const void *b)
{
    const struct desy_tensor *x = a, *y = b;
    if (x->data != y->data) return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int check_metadata(const cJSON *metadata, const char *path)
{
    const cJSON *value = NULL;
    if (!cJSON_IsObject(metadata)) return bad(path, "__metadata__ is no object");
    cJSON_ArrayForEach(value, metadata)
        if (!cJSON_IsString(value)) return bad(path, "__metadata__ holds something other than strings");
    return DESY_OK;
}

static int read_header(desy_safetensors *file, const char *path)
{
    int rc;
    uint64_t length;
    cJSON *header = NULL;
    const cJSON *entry = NULL;
    if (file->size < 8) return bad(path, "shorter than its length field");
    memcpy(&length, file->map, 8);
    const char *text = (const char *)file->map + 8;
    if (length > MAX_HEADER) return bad(path, "the header is above 100,000,000 bytes");
    if (length > file->size - 8) return bad(path, "the header is longer than the file");
    if (length < 2 || *text != '{') return bad(path, "the header is no JSON object");
    rc = desy_json_parse(&header, text, length, "header");
    if (rc == DESY_EDATA) return bad(path, desy_error_message());
    if (rc != DESY_OK) return rc;
    size_t room = file->size - 8 - length;
    file->tensors = calloc((size_t)cJSON_GetArraySize(header) + 1, sizeof *file->tensors);
    if (!file->tensors) DESY_TRY(desy_error_memory(path));
    cJSON_ArrayForEach(entry, header)
    {
        if (strcmp(entry->string, "__metadata__") == 0) DESY_TRY(check_metadata(entry, path));
        else DESY_TRY(read_entry(&file->tensors[file->count++], entry, text + length, room, path));
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, by_data);
    const char *position = text + length;
    for (size_t i = 0; i < file->count; position = (const char *)file->tensors[i].data + file->tensors[i].bytes, i++)
        if (file->tensors[i].data != position) DESY_TRY(bad(path, "tensors overlap or leave a hole"));
    if (position != text + length + room) DESY_TRY(bad(path, "bytes after the last tensor"));
    file->metadata = cJSON_DetachItemFromObjectCaseSensitive(header, "__metadata__");
    rc = DESY_OK;
out:
    cJSON_Delete(header);
    return rc;
}

int desy_safetensors_open(desy_safetensors **out, const char *path)
{
    int rc = DESY_OK;
    struct stat status;
    desy_safetensors *file = *out = calloc(1, sizeof *file);
    if (!file) return desy_error_memory(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        DESY_TRY(desy_error(DESY_EENV, "%s: cannot be read: %s", path, fd < 0 ? strerror(errno) : "not a regular file"));
    file->size = (size_t)status.st_size;
    file->map = file->size ? mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (file->map == MAP_FAILED) {
        file->map = NULL;
        DESY_TRY(bad(path, file->size ? strerror(errno) : "it is empty"));
    }
    DESY_TRY(read_header(file, path));
out:
    if (fd >= 0) close(fd);
    if (rc != DESY_OK) desy_safetensors_close(out);
    return rc;
}

size_t desy_safetensors_count(const desy_safetensors *file)
{
    return file->count;
}

const struct desy_tensor *desy_safetensors_at(const desy_safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const struct desy_tensor *desy_safetensors_find(const desy_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

const char *desy_safetensors_metadata(const desy_safetensors *file, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->metadata, key));
}

void desy_safetensors_close(desy_safetensors **file)
{
    if (!*file) return;
    cJSON_Delete((*file)->metadata);
    for (size_t i = 0; i < (*file)->count; i++) free((*file)->tensors[i].name);
    free((*file)->tensors);
    if ((*file)->map) munmap((*file)->map, (*file)->size);
    free(*file);
    *file = NULL;
}

static char *make_header(const struct desy_tensor *tensors, size_t n, const cJSON *metadata)
{
    cJSON *header = cJSON_CreateObject();
    double offset = 0;
    bool good = header && (!metadata || cJSON_AddItemToObject(header, "__metadata__", cJSON_Duplicate(metadata, true)));
    for (size_t i = 0; i < n; i++) {
        cJSON *entry = cJSON_AddObjectToObject(header, tensors[i].name), *shape, *offsets;
        good = good && cJSON_AddStringToObject(entry, "dtype", tensors[i].dtype);
        shape = cJSON_AddArrayToObject(entry, "shape");
        for (int k = 0; k < tensors[i].dimensions; k++) good = good && cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensors[i].shape[k]));
        offsets = cJSON_AddArrayToObject(entry, "data_offsets");
        good = good && cJSON_AddItemToArray(offsets, cJSON_CreateNumber(offset));
        offset += (double)tensors[i].bytes;
        good = good && cJSON_AddItemToArray(offsets, cJSON_CreateNumber(offset));
    }
    char *text = good ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    return text;
}

int desy_safetensors_write(const char *path, const struct desy_tensor *tensors, size_t n)
{
    return desy_safetensors_write_described(path, tensors, n, NULL);
}

int desy_safetensors_write_described(const char *path, const struct desy_tensor *tensors, size_t n, const cJSON *metadata)
{
    struct desy_atomic_file file;
    char *header = make_header(tensors, n, metadata);
    if (!header) return desy_error_memory(path);
    int rc = desy_atomic_open(&file, path);
    if (rc == DESY_OK) {
        /* Padded with spaces so that the data starts at a multiple of 8, as the format's own library writes it. */
        size_t used = strlen(header);
        uint64_t length = (used + 7) / 8 * 8;
        fwrite(&length, 8, 1, file.stream);
        fprintf(file.stream, "%-*s", (int)length, header);
        for (size_t i = 0; i < n; i++) fwrite(tensors[i].data, 1, tensors[i].bytes, file.stream);
        rc = desy_atomic_commit(&file);
    }
    cJSON_free(header);
    return rc;
}
