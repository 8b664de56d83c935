/* Which version is in use and which were before: what `current` and `history` hold, also by hand and after a crash. */
#include "base/error.h"
#include "base/file.h"
#include "tests/unit/unit.h"
#include "train/model_history.h"

/* A save directory with versions v0001 to v000N, of which nothing but the name counts here. */
static void make_versions(const char *save_dir, int n)
{
    for (int v = 1; v <= n; v++) {
        char *directory = desy_format("%s/v%04d", save_dir, v), *model = desy_format("%s/model.json", directory);
        assert_int_equal(desy_make_directory(directory), DESY_OK);
        write_text(model, "{}");
        free(directory);
        free(model);
    }
}

static void check(const char *save_dir, const char *current, const char *history)
{
    char name[DESY_VERSION_NAME], *path = desy_path_join(save_dir, "history"), *text = NULL;
    size_t size;
    assert_int_equal(desy_history_current(name, save_dir), DESY_OK);
    assert_string_equal(name, current);
    if (history) {
        assert_int_equal(desy_file_read(&text, &size, path), DESY_OK);
        assert_string_equal(text, history);
    } else assert_false(desy_file_exists(path));
    free(text);
    free(path);
}

static void use(const char *save_dir, const char *name)
{
    assert_int_equal(desy_history_use(save_dir, name), DESY_OK);
}

static void check_previous(const char *save_dir, const char *wanted)
{
    char name[DESY_VERSION_NAME];
    assert_int_equal(desy_history_previous(name, save_dir), DESY_OK);
    assert_string_equal(name, wanted);
}

static void names_of_versions(void **state)
{
    (void)state;
    const char *const others[] = {"", "v", "v1", "v001", "v00010", "V0001", "w0001", "v000a", "v-001", "v 001", "current", "..", "v0001/"};
    assert_true(desy_is_version("v0001") && desy_is_version("v9999") && desy_is_version("v0000"));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(desy_is_version(others[i]));
}

static void steps_back_as_far_as_there_are_any(void **state)
{
    (void)state;
    make_versions("steps", 3);
    check("steps", "", NULL);
    check_previous("steps", "");
    use("steps", "v0001");
    check("steps", "v0001", NULL);
    use("steps", "v0002");
    use("steps", "v0002"); /* in use already */
    use("steps", "v0003");
    use("steps", "v0001");
    check("steps", "v0001", "v0001\nv0002\nv0003\n");
    check_previous("steps", "v0003");
    assert_int_equal(desy_history_step_back("steps", "v0003"), DESY_OK);
    check("steps", "v0003", "v0001\nv0002\n");
    assert_int_equal(desy_history_step_back("steps", "v0003"), DESY_EENV); /* is v0002 */
    assert_non_null(strstr(desy_error_message(), "another process"));
    check("steps", "v0003", "v0001\nv0002\n");
    assert_int_equal(desy_history_step_back("steps", "v0002"), DESY_OK);
    assert_int_equal(desy_history_step_back("steps", "v0001"), DESY_OK);
    check("steps", "v0001", "");
    check_previous("steps", "");
}

static void what_is_gone_is_passed_over(void **state)
{
    (void)state;
    make_versions("gone", 4);
    for (int v = 1; v <= 4; v++) use("gone", (char[]){'v', '0', '0', '0', (char)('0' + v), '\0'});
    assert_int_equal(remove("gone/v0003/model.json"), 0);
    check_previous("gone", "v0002");
    assert_int_equal(desy_history_step_back("gone", "v0002"), DESY_OK);
    check("gone", "v0002", "v0001\n");
}

/* A crash leaves one of the two files written. */
static void half_a_change_does_no_harm(void **state)
{
    (void)state;
    make_versions("half", 3);
    use("half", "v0001");
    write_text("half/history", "v0001\n"); /* of a change to v0002 that never came */
    check_previous("half", "");
    use("half", "v0002");
    check("half", "v0002", "v0001\n");
    use("half", "v0003");
    write_text("half/current", "v0002\n"); /* a step back without the line taken out */
    check("half", "v0002", "v0001\nv0002\n");
    check_previous("half", "v0001");
}

static void hands_and_accidents(void **state)
{
    (void)state;
    make_versions("hand", 3);
    write_text("hand/current", "v0002\r\n");
    write_text("hand/history", "v0003\r\n# mine\n\nnonsense, and long\nv0001"); /* the line without an end, too */
    check_previous("hand", "v0001");
    use("hand", "v0003");
    assert_int_equal(desy_history_step_back("hand", "v0002"), DESY_OK);
    check_previous("hand", "v0001");
    /* One that names nothing has no place in the history. */
    write_text("hand/current", "../elsewhere\n");
    use("hand", "v0001");
    check_previous("hand", "v0003");
    assert_int_equal(desy_history_use("nowhere", "v0001"), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "nowhere/current"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_of_versions), cmocka_unit_test(steps_back_as_far_as_there_are_any), cmocka_unit_test(what_is_gone_is_passed_over),
        cmocka_unit_test(half_a_change_does_no_harm), cmocka_unit_test(hands_and_accidents)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
