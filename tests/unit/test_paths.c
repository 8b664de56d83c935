/* Videos named on a command line: files, directories walked in order, lists; what is not there is an error. */
#include "base/error.h"
#include "features/dataset.h"
#include "tests/unit/unit.h"

#include <sys/stat.h>

static void assert_paths(const char *const *paths, size_t n, const char *const *expected, size_t count)
{
    desy_dataset *dataset = NULL;
    struct desy_item item;
    if (desy_dataset_from_paths(&dataset, paths, n) != DESY_OK) fail_msg("%s", desy_error_message());
    assert_int_equal(desy_dataset_count(dataset), count);
    for (size_t i = 0; i < count; i++) {
        desy_dataset_item(dataset, i, &item);
        assert_string_equal(item.video_path, expected[i]);
        assert_int_equal(item.label, -1);
        assert_int_equal(item.split, DESY_SPLIT_NONE);
    }
    assert_string_equal(desy_dataset_root(dataset), "");
    desy_dataset_close(&dataset);
}

static void refused(const char *path, const char *message)
{
    desy_dataset *dataset = NULL;
    assert_int_equal(desy_dataset_from_paths(&dataset, &path, 1), DESY_EDATA);
    assert_null(dataset);
    if (!strstr(desy_error_message(), message)) fail_msg("'%s' lacks '%s'", desy_error_message(), message);
}

static void directories_are_walked_in_order(void **state)
{
    static const char *const names[] = {"d/z.mp4", "d/B.MOV", "d/a/x.webm", "d/a/c.gif", "d/b.mkv", "d/e.avi", "d/notes.txt", "d/mp4", "d/f.mp4.part"};
    static const char *const expected[] = {"d/B.MOV", "d/a/c.gif", "d/a/x.webm", "d/b.mkv", "d/e.avi", "d/link.mp4", "d/z.mp4"};
    (void)state;
    assert_int_equal(mkdir("d", 0777), 0);
    assert_int_equal(mkdir("d/a", 0777), 0);
    assert_int_equal(mkdir("d/empty.mp4", 0777), 0); /* a directory, whatever its name */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) write_text(names[i], "");
    assert_int_equal(symlink("z.mp4", "d/link.mp4"), 0);
    assert_int_equal(symlink("..", "d/a/loop"), 0);
    assert_paths((const char *const[]){"d"}, 1, expected, sizeof expected / sizeof *expected);
    assert_paths((const char *const[]){"d/"}, 1, expected, sizeof expected / sizeof *expected);
    refused("d/empty.mp4", "no video there");
}

static void files_are_taken_as_named(void **state)
{
    (void)state;
    write_text("f.mp4", "");
    write_text("anything.bin", "");
    assert_paths((const char *const[]){"f.mp4", "anything.bin", "./f.mp4", "f.mp4"}, 4, (const char *const[]){"f.mp4", "anything.bin", "./f.mp4"}, 3);
    refused("g.mp4", "g.mp4: can't be opened: No such file or directory");
}

static void lists_are_read_line_by_line(void **state)
{
    (void)state;
    write_text("l.txt", "one.mp4\r\n\ntwo words.mp4\none.mp4\nlast.mp4");
    assert_paths((const char *const[]){"l.txt"}, 1, (const char *const[]){"one.mp4", "two words.mp4", "last.mp4"}, 3);
    write_text("l.txt", "\n");
    refused("l.txt", "l.txt: no video there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(directories_are_walked_in_order), cmocka_unit_test(files_are_taken_as_named),
                                       cmocka_unit_test(lists_are_read_line_by_line)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
