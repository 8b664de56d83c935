#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "tests/unit/unit.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int entries(const char *path)
{
    int n = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) n += entry->d_name[0] != '.';
    closedir(directory);
    return n;
}

static void check_text(char *text, const char *expected)
{
    assert_string_equal(text, expected);
    free(text);
}

static void paths(void **state)
{
    (void)state;
    check_text(desy_path_join("a", "b"), "a/b");
    check_text(desy_path_join("a/", "b"), "a/b");
    check_text(desy_path_join("a", "/b"), "/b");
    check_text(desy_path_join(NULL, "b"), "b");
    check_text(desy_path_join("", "b"), "b");
    check_text(desy_path_directory("a/b/c"), "a/b");
    check_text(desy_path_directory("/a"), "/");
    check_text(desy_path_directory("a"), ".");
    check_text(desy_format("%d %s", 7, "x"), "7 x");
}

static void directories(void **state)
{
    (void)state;
    assert_int_equal(desy_make_directory("d/e/f"), DESY_OK);
    assert_int_equal(desy_make_directory("d/e/f/"), DESY_OK);
    assert_true(desy_is_directory("d/e/f"));
    write_text("plain", "x");
    assert_int_equal(desy_make_directory("plain/under"), DESY_EENV);
    assert_int_equal(desy_make_directory("plain"), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "plain"));
}

static void reading(void **state)
{
    (void)state;
    char *data = NULL;
    size_t size = 0, large = 300000;
    char *text = malloc(large);
    assert_non_null(text);
    for (size_t i = 0; i < large; i++) text[i] = (char)(i * 7);
    assert_int_equal(desy_file_write_atomic("large", text, large), DESY_OK);
    assert_int_equal(desy_file_read(&data, &size, "large"), DESY_OK);
    assert_int_equal(size, large);
    assert_memory_equal(data, text, large);
    assert_int_equal(data[size], 0);
    free(data);
    free(text);
    assert_int_equal(desy_file_read(&data, &size, "missing"), DESY_EDATA);
    assert_non_null(strstr(desy_error_message(), "missing: No such file"));
    assert_int_equal(desy_file_read(&data, &size, "."), DESY_EDATA);
    assert_non_null(strstr(desy_error_message(), "directory"));

    struct stat status;
    int64_t bytes, mtime;
    assert_int_equal(stat("large", &status), 0);
    desy_file_stamp("large", &bytes, &mtime);
    assert_int_equal(bytes, large);
    assert_int_equal(mtime / 1000000000, status.st_mtim.tv_sec);
    desy_file_stamp("missing", &bytes, &mtime);
    assert_true(bytes == -1 && mtime == -1);
}

static void atomic_files_appear_whole_or_not_at_all(void **state)
{
    (void)state;
    struct desy_atomic_file file = {0};
    assert_int_equal(desy_make_directory("atomic"), DESY_OK);
    write_text("atomic/a", "old");
    assert_int_equal(desy_atomic_open(&file, "atomic/a"), DESY_OK);
    fputs("new", file.stream);
    char *data;
    size_t size;
    assert_int_equal(desy_file_read(&data, &size, "atomic/a"), DESY_OK);
    check_text(data, "old");
    assert_int_equal(desy_atomic_commit(&file), DESY_OK);
    desy_atomic_abort(&file);
    assert_int_equal(desy_file_read(&data, &size, "atomic/a"), DESY_OK);
    check_text(data, "new");
    assert_int_equal(desy_atomic_open(&file, "atomic/b"), DESY_OK);
    desy_atomic_abort(&file);
    assert_int_equal(entries("atomic"), 1);
    assert_int_equal(desy_atomic_open(&file, "no-such/b"), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "no-such/b"));
    assert_int_equal(mkdir("atomic/c", 0777), 0);
    assert_int_equal(desy_file_write_atomic("atomic/c", "x", 1), DESY_EENV); /* a directory is in the way: nothing is left */
    assert_int_equal(entries("atomic"), 2);
}

/* link() of this program: a file system may have none. */
static bool no_links;
int link(const char *from, const char *to)
{
    if (!no_links) return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
    errno = EPERM;
    return -1;
}

static void the_first_file_stays(void **state)
{
    (void)state;
    char *data;
    size_t size;
    assert_int_equal(desy_make_directory("first"), DESY_OK);
    for (int i = 0; i < 4; i++) {
        struct desy_atomic_file file;
        no_links = i >= 2;
        const char *path = no_links ? "first/b" : "first/a";
        assert_int_equal(desy_atomic_open(&file, path), DESY_OK);
        fputs(i % 2 ? "second" : "first", file.stream);
        assert_int_equal(desy_atomic_commit_first(&file), DESY_OK);
        assert_int_equal(desy_file_read(&data, &size, path), DESY_OK);
        check_text(data, "first");
    }
    assert_int_equal(entries("first"), 2);
    no_links = false;
}

static void a_full_disk_is_said(void **state)
{
    (void)state;
    struct desy_atomic_file file = {0};
    assert_int_equal(desy_make_directory("full"), DESY_OK);
    assert_int_equal(desy_atomic_open(&file, "full/a"), DESY_OK);
    FILE *full = freopen("/dev/full", "w", file.stream);
    assert_non_null(full);
    fputs("more than fits", file.stream);
    assert_int_equal(desy_atomic_commit(&file), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "full/a: cannot be written: No space left"));
    assert_int_equal(entries("full"), 0);
}

/* FIPS 180-4's examples ("abc"; the empty message). */
static void sha256(void **state)
{
    (void)state;
    char hex[DESY_SHA256_HEX];
    desy_sha256 *hash = NULL;
    const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_int_equal(desy_sha256_bytes(hex, "abc", 3), DESY_OK);
    assert_string_equal(hex, abc);
    assert_int_equal(desy_sha256_bytes(hex, "", 0), DESY_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(desy_sha256_open(&hash), DESY_OK);
    assert_int_equal(desy_sha256_update(hash, "a", 1), DESY_OK);
    assert_int_equal(desy_sha256_update(hash, "bc", 2), DESY_OK);
    assert_int_equal(desy_sha256_finish(&hash, hex), DESY_OK);
    assert_string_equal(hex, abc);
    assert_null(hash);
    write_text("abc", "abc");
    assert_int_equal(desy_sha256_file(hex, "abc"), DESY_OK);
    assert_string_equal(hex, abc);
    assert_int_equal(desy_sha256_file(hex, "missing"), DESY_EDATA);
    assert_true(desy_hash64("abc", 3) == UINT64_C(0xba7816bf8f01cfea));
}

static void log_lines_are_json(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(desy_log_open("logs", 3, 4, true), DESY_OK);
    desy_log_info("a \"quoted\"\nline");
    assert_int_equal(desy_file_read(&text, &size, "logs/log-00003.jsonl"), DESY_OK); /* there before it is closed */
    desy_log_close();
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    cJSON *line = cJSON_Parse(text);
    assert_non_null(line);
    assert_string_equal(cJSON_GetObjectItem(line, "message")->valuestring, "a \"quoted\"\nline");
    assert_string_equal(cJSON_GetObjectItem(line, "level")->valuestring, "info");
    assert_int_equal(cJSON_GetObjectItem(line, "rank")->valueint, 3);
    assert_non_null(cJSON_GetObjectItem(line, "time"));
    cJSON_Delete(line);
    free(text);
    write_text("in-the-way", "");
    assert_int_equal(desy_log_open("in-the-way", 0, 1, true), DESY_EENV);
}

static void messages_may_quote_themselves(void **state)
{
    (void)state;
    assert_int_equal(desy_error(DESY_EDATA, "inner"), DESY_EDATA);
    assert_int_equal(desy_error(DESY_EENV, "outer: %s", desy_error_message()), DESY_EENV);
    assert_string_equal(desy_error_message(), "outer: inner");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(directories), cmocka_unit_test(reading),
        cmocka_unit_test(atomic_files_appear_whole_or_not_at_all), cmocka_unit_test(the_first_file_stays), cmocka_unit_test(a_full_disk_is_said), cmocka_unit_test(sha256),
        cmocka_unit_test(log_lines_are_json), cmocka_unit_test(messages_may_quote_themselves)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
