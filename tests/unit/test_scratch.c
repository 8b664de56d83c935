/* Scratch files: zeros at first, a file where it is worth it and one can be had, else memory; nothing is left. */
#include "base/scratch.h"
#include "tests/unit/unit.h"

#include <dirent.h>

static size_t count_files(const char *directory)
{
    DIR *listing = opendir(directory);
    size_t n = 0;
    assert_non_null(listing);
    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) n += entry->d_name[0] != '.';
    closedir(listing);
    return n;
}

static void check_room(size_t bytes, const char *directory, bool is_file)
{
    struct desy_scratch scratch;
    assert_int_equal(desy_scratch_open(&scratch, bytes, directory), 0);
    assert_int_equal(scratch.is_file, is_file);
    unsigned char *data = scratch.data;
    for (size_t i = 0; i < bytes; i += 4099) {
        assert_int_equal(data[i], 0);
        data[i] = (unsigned char)(i % 251);
    }
    for (size_t i = 0; i < bytes; i += 4099) assert_int_equal(data[i], i % 251);
    assert_int_equal(count_files("."), 0);
    desy_scratch_close(&scratch);
    desy_scratch_close(&scratch); /* again: nothing to do */
    assert_null(scratch.data);
}

static void test_rooms(void **state)
{
    (void)state;
    check_room(0, ".", false);
    check_room(DESY_SCRATCH_LEAST - 1, ".", false);
    check_room(DESY_SCRATCH_LEAST, ".", true);
    check_room(3 * DESY_SCRATCH_LEAST + 5, ".", true);
    check_room(DESY_SCRATCH_LEAST, NULL, false);
    check_room(DESY_SCRATCH_LEAST, "no-such-directory", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rooms)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
