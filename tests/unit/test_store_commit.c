/* Segments that are made durable in the background: all of them, the same bytes as one by one, and failures come out. */
#include "base/hash.h"
#include "tests/unit/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>

enum { SEGMENTS = 40 };

/* Item 0 alone, as block `block`. */
static int begin(desy_segment **segment, const char *directory, uint64_t block)
{
    const struct desy_segment_options options = {directory, block, plain, CONFIG, "data set", 0};
    int rc = desy_segment_open(segment, &options);
    return rc == DESY_OK ? append_clip(*segment, 0, 0) : rc;
}

static void all_are_listed_and_equal(void **state)
{
    (void)state;
    static struct desy_block_record one[SEGMENTS], many[SEGMENTS];
    char *alone = desy_path_join(root, "alone"), *together = desy_path_join(root, "together");
    desy_committer *committer;
    assert_int_equal(desy_committer_open(&committer, 7), DESY_OK);
    for (uint64_t block = 0; block < SEGMENTS; block++) {
        desy_segment *segment;
        assert_int_equal(begin(&segment, together, block), DESY_OK);
        assert_int_equal(desy_committer_add(committer, &segment, "inputs"), DESY_OK);
        assert_null(segment);
        assert_int_equal(begin(&segment, alone, block), DESY_OK);
        assert_int_equal(desy_segment_commit(&segment, 7, "inputs"), DESY_OK);
    }
    assert_int_equal(desy_committer_wait(committer), DESY_OK);
    desy_committer_close(&committer);
    assert_null(committer);
    assert_int_equal(desy_store_scan(one, SEGMENTS, alone, CONFIG), DESY_OK);
    assert_int_equal(desy_store_scan(many, SEGMENTS, together, CONFIG), DESY_OK);
    for (int block = 0; block < SEGMENTS; block++) {
        assert_true(one[block].listed && many[block].listed);
        assert_string_equal(many[block].sha256, one[block].sha256);
        assert_string_equal(many[block].inputs_sha256, "inputs");
        assert_int_equal(many[block].bytes, one[block].bytes);
    }
    free(alone);
    free(together);
}

static size_t files(const char *directory, const char *pattern)
{
    glob_t found = {0};
    char *path = desy_path_join(directory, pattern);
    if (glob(path, 0, NULL, &found) != 0) found.gl_pathc = 0;
    const size_t n = found.gl_pathc;
    globfree(&found);
    free(path);
    return n;
}

/* A folder stands where block 3 should be. */
static void a_failure_comes_out(void **state)
{
    (void)state;
    static struct desy_block_record records[SEGMENTS];
    char *directory = desy_path_join(root, "failing"), *occupied = desy_path_join(directory, "seg/03/seg-0000003.h5/in the way");
    desy_committer *committer;
    int failures = 0;
    assert_int_equal(desy_make_directory(occupied), DESY_OK);
    assert_int_equal(desy_committer_open(&committer, 0), DESY_OK);
    for (uint64_t block = 0; block < SEGMENTS; block++) {
        desy_segment *segment;
        assert_int_equal(begin(&segment, directory, block), DESY_OK);
        if (desy_committer_add(committer, &segment, "inputs") == DESY_OK) continue;
        assert_non_null(strstr(desy_error_message(), "seg-0000003.h5"));
        failures++;
    }
    failures += desy_committer_wait(committer) != DESY_OK;
    desy_committer_close(&committer);
    assert_int_equal(failures, 1);
    assert_int_equal(desy_store_scan(records, SEGMENTS, directory, CONFIG), DESY_OK);
    int listed = 0;
    for (int block = 0; block < SEGMENTS; block++) listed += records[block].listed;
    assert_false(records[3].listed);
    assert_in_range(listed, SEGMENTS - 2, SEGMENTS - 1); /* the one that was told is dropped with it */
    assert_int_equal(files(directory, "seg/03/*.tmp*"), 0);
    free(occupied);
    free(directory);
}

/* A job that was queued again while its first self still ends: both write block 0, neither harms the other. */
static void two_writers_of_one_block(void **state)
{
    (void)state;
    struct desy_block_record record;
    char hex[65], *directory = desy_path_join(root, "twice"), *path = desy_path_join(directory, "seg/00/seg-0000000.h5");
    desy_segment *first, *second, *killed;
    assert_int_equal(begin(&first, directory, 0), DESY_OK);
    assert_int_equal(begin(&second, directory, 0), DESY_OK);
    assert_int_equal(begin(&killed, directory, 0), DESY_OK);
    assert_int_equal(files(directory, "seg/00/*.tmp*"), 3);
    assert_int_equal(desy_segment_commit(&first, 7, "inputs"), DESY_OK);
    assert_int_equal(files(directory, "seg/00/*.tmp*"), 2);
    assert_int_equal(desy_segment_commit(&second, 7, "inputs"), DESY_OK);
    assert_int_equal(desy_store_scan(&record, 1, directory, CONFIG), DESY_OK);
    assert_int_equal(desy_sha256_file(hex, path), DESY_OK);
    assert_true(record.listed);
    assert_string_equal(record.sha256, hex);
    desy_store_sweep(directory, false);
    assert_int_equal(files(directory, "seg/00/*.tmp*"), 1); /* it may be another's */
    desy_store_sweep(directory, true);
    assert_int_equal(files(directory, "seg/00/*"), 1);
    desy_segment_abort(&killed);
    free(path);
    free(directory);
}

/* rename() of this program: it may be the last that a process does. */
static enum { WORKS, KILLED_BEFORE, KILLED_AFTER } renaming;
int rename(const char *from, const char *to)
{
    if (renaming != KILLED_BEFORE && renameat(AT_FDCWD, from, AT_FDCWD, to) != 0) return -1;
    errno = EINTR;
    return renaming == WORKS ? 0 : -1;
}

/* No line may vouch for bytes that it was not written for, though their size is the same. */
static void killed_while_a_segment_is_replaced(void **state)
{
    (void)state;
    char *directory = desy_path_join(root, "replaced"), *path = desy_path_join(directory, "seg/00/seg-0000000.h5");
    const struct desy_segment_options options = {directory, 0, plain, CONFIG, "data set", 0};
    for (int when = KILLED_BEFORE; when <= KILLED_AFTER; when++) {
        struct desy_block_record old, now;
        char hex[65];
        desy_segment *segment;
        assert_int_equal(begin(&segment, directory, 0), DESY_OK);
        assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_OK);
        assert_int_equal(desy_store_scan(&old, 1, directory, CONFIG), DESY_OK);
        assert_true(old.listed);
        assert_int_equal(desy_segment_open(&segment, &options), DESY_OK);
        assert_int_equal(append_clip(segment, 4, 0), DESY_OK);
        renaming = when;
        assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_EENV);
        renaming = WORKS;
        assert_int_equal(desy_store_scan(&now, 1, directory, CONFIG), DESY_OK);
        assert_int_equal(now.listed, when == KILLED_AFTER);
        if (!now.listed) continue;
        assert_int_equal(desy_sha256_file(hex, path), DESY_OK);
        assert_string_equal(now.sha256, hex);
        assert_string_not_equal(now.sha256, old.sha256);
        assert_int_equal(now.bytes, old.bytes);
    }
    free(path);
    free(directory);
}

/* Another shard wrote an index while the segment was filled: with the segment in place it is of no use. */
static void a_segment_removes_the_index(void **state)
{
    (void)state;
    char *directory = desy_path_join(root, "indexed"), *index = desy_path_join(directory, "index.h5");
    desy_segment *segment;
    assert_int_equal(begin(&segment, directory, 0), DESY_OK);
    FILE *file = fopen(index, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(desy_segment_commit(&segment, 0, "inputs"), DESY_OK);
    assert_false(desy_file_exists(index));
    free(index);
    free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_listed_and_equal), cmocka_unit_test(a_failure_comes_out), cmocka_unit_test(two_writers_of_one_block),
                                       cmocka_unit_test(killed_while_a_segment_is_replaced), cmocka_unit_test(a_segment_removes_the_index)};
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
