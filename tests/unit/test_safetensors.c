#include "base/error.h"
#include "base/safetensors.h"
#include "tests/unit/unit.h"

/* A file of the given header and `bytes` bytes of data, all zero. */
static void write_file(const char *header, size_t bytes)
{
    const char zeros[64] = {0};
    uint64_t length = strlen(header);
    FILE *stream = fopen("x", "wb");
    assert_non_null(stream);
    fwrite(&length, 8, 1, stream);
    fwrite(header, 1, length, stream);
    fwrite(zeros, 1, bytes, stream);
    assert_int_equal(fclose(stream), 0);
}

static void refused(const char *header, size_t bytes, const char *message)
{
    desy_safetensors *file = NULL;
    write_file(header, bytes);
    assert_int_equal(desy_safetensors_open(&file, "x"), DESY_EENV);
    assert_null(file);
    if (!strstr(desy_error_message(), message)) fail_msg("%s: '%s' lacks '%s'", header, desy_error_message(), message);
}

#define A "\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 8]}"

static void hostile_files(void **state)
{
    (void)state;
    desy_safetensors *file = NULL;
    write_file("{\"__metadata__\": {\"k\": \"v\"}, " A "}", 8);
    assert_int_equal(desy_safetensors_open(&file, "x"), DESY_OK);
    desy_safetensors_close(&file);
    refused("{" A "}", 7, "truncated");
    refused("{" A "}", 9, "after the last tensor");
    refused("{" A ", \"b\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [7, 8]}}", 8, "overlap");
    refused("{" A ", \"b\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [9, 10]}}", 10, "hole");
    refused("{" A ", " A "}", 8, "stands twice");
    refused("{" A "} x", 8, "text after");
    refused("[1]", 0, "no JSON object");
    refused("{\"a\": ", 0, "not valid JSON");
    refused("{\"__metadata__\": {\"k\": 1}}", 0, "other than strings");
    refused("{\"a\": {\"dtype\": \"F33\", \"shape\": [2], \"data_offsets\": [0, 8]}}", 8, "dtype");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 8]}}", 8, "does not fit");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [0, 8]}}", 8, "shape");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [1.5], \"data_offsets\": [0, 8]}}", 8, "shape");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [4294967296, 4294967296, 2], \"data_offsets\": [0, 8]}}", 8, "overflows");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,1], \"data_offsets\": [0, 4]}}", 4, "shape");
    refused("{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [8, 0]}}", 8, "data_offsets");
    refused("{\"a\": 1}", 0, "entry");
    write_text("x", "\x10\0\0");
    assert_int_equal(desy_safetensors_open(&file, "x"), DESY_EENV);
    write_text("x", "");
    assert_int_equal(desy_safetensors_open(&file, "x"), DESY_EENV);
    write_text("x", "\xff\xff\xff\xff\xff\xff\xff\xff{}");
    assert_int_equal(desy_safetensors_open(&file, "x"), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "100,000,000"));
    assert_int_equal(desy_safetensors_open(&file, "missing"), DESY_EENV);
    assert_int_equal(desy_safetensors_open(&file, "."), DESY_EENV);
}

static void write_pair(const char *path)
{
    static const float a[6] = {1, -2, 3.5f, 4, 5, 1e-30f};
    static const int64_t b = -7;
    const struct desy_tensor tensors[] = {
        {.name = (char *)"b \"x\"", .dtype = "I64", .dimensions = 0, .data = &b, .bytes = 8},
        {.name = (char *)"a", .dtype = "F32", .shape = {2, 3}, .dimensions = 2, .data = a, .bytes = sizeof a},
        {.name = (char *)"none", .dtype = "F32", .shape = {0, 3}, .dimensions = 2, .data = a, .bytes = 0},
    };
    assert_int_equal(desy_safetensors_write(path, tensors, 3), DESY_OK);
}

static void written_and_read(void **state)
{
    (void)state;
    desy_safetensors *file = NULL;
    write_pair("pair");
    assert_int_equal(desy_safetensors_open(&file, "pair"), DESY_OK);
    assert_int_equal(desy_safetensors_count(file), 3);
    const struct desy_tensor *a = desy_safetensors_find(file, "a"), *b = desy_safetensors_find(file, "b \"x\"");
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a->dimensions == 2 && a->shape[0] == 2 && a->shape[1] == 3 && a->count == 6 && a->bytes == 24);
    assert_string_equal(a->dtype, "F32");
    assert_true(((const float *)a->data)[2] == 3.5f && *(const int64_t *)b->data == -7 && b->dimensions == 0 && b->count == 1);
    assert_null(desy_safetensors_find(file, "c"));
    assert_null(desy_safetensors_metadata(file, "format"));
    desy_safetensors_close(&file);
    assert_null(file);
    assert_int_equal(system("mv pair first"), 0);
    write_pair("pair");
    assert_int_equal(system("cmp pair first"), 0);
}

/* The format's own library must read what we write. */
static void the_reference_reads_it(void **state)
{
    (void)state;
    const char *python = getenv("DESY_TEST_PYTHON");
    assert_non_null(python); /* ctest sets it */
    char command[1024];
    write_pair("pair");
    snprintf(command, sizeof command,
             "'%s' -c \"from safetensors.numpy import load_file, save_file; import numpy as n; t = load_file('pair');"
             "assert t['a'].tolist() == n.float32([[1, -2, 3.5], [4, 5, 1e-30]]).tolist() and t['a'].dtype == n.float32;"
             "k = [x for x in t if x[0] == 'b'][0]; assert t[k] == -7 and t[k].shape == () and t['none'].shape == (0, 3);"
             "save_file({'x': n.arange(5, dtype=n.float64)}, 'theirs', metadata={'format': 'np'})\"", python);
    assert_int_equal(system(command), 0);
    desy_safetensors *file = NULL;
    assert_int_equal(desy_safetensors_open(&file, "theirs"), DESY_OK);
    const struct desy_tensor *x = desy_safetensors_find(file, "x");
    assert_true(x && x->count == 5 && ((const double *)x->data)[4] == 4);
    assert_string_equal(desy_safetensors_metadata(file, "format"), "np");
    assert_null(desy_safetensors_metadata(file, "preprocess"));
    desy_safetensors_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_files), cmocka_unit_test(written_and_read), cmocka_unit_test(the_reference_reads_it)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
