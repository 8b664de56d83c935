#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tests/unit/unit.h"

#include <math.h>

static void refused(const char *text, const char *message)
{
    cJSON *json = NULL;
    assert_int_equal(desy_json_parse(&json, text, strlen(text), "x.json"), DESY_EDATA);
    assert_null(json);
    if (!strstr(desy_error_message(), message)) fail_msg("'%s' lacks '%s'", desy_error_message(), message);
}

static void documents(void **state)
{
    (void)state;
    cJSON *json = NULL;
    const char *good = " {\"a\": {\"b\": 1}, \"b\": [1]}\n ";
    assert_int_equal(desy_json_parse(&json, good, strlen(good), "x.json"), DESY_OK);
    cJSON_Delete(json);
    json = NULL;
    refused("{\"a\": 1}\n\n x", "x.json: line 3: text after");
    refused("{\"a\": 1,\n \"b\": }", "x.json: line 2: not valid");
    refused("", "x.json: line 1");
    refused("[{\"k\": [{\"a\": 1, \"b\": 2, \"a\": 3}]}]", "\"a\" stands twice");
    assert_int_equal(desy_json_read(&json, "missing.json"), DESY_EDATA);
}

static void members(void **state)
{
    (void)state;
    cJSON *json = NULL;
    const char *text = "{\"s\": \"x\", \"d\": 0.5, \"i\": -9007199254740992, \"big\": 9007199254740994}", *s = NULL;
    double d = 0;
    long long i = 0;
    assert_int_equal(desy_json_parse(&json, text, strlen(text), "m"), DESY_OK);
    assert_int_equal(desy_json_string(&s, json, "s", "m"), DESY_OK);
    assert_string_equal(s, "x");
    assert_int_equal(desy_json_double(&d, json, "d", "m"), DESY_OK);
    assert_true(d == .5);
    assert_int_equal(desy_json_integer(&i, json, "i", "m"), DESY_OK);
    assert_true(i == -9007199254740992);
    assert_int_equal(desy_json_integer(&i, json, "big", "m"), DESY_EDATA);
    assert_int_equal(desy_json_integer(&i, json, "d", "m"), DESY_EDATA);
    assert_int_equal(desy_json_string(&s, json, "d", "m"), DESY_EDATA);
    assert_int_equal(desy_json_double(&d, json, "S", "m"), DESY_EDATA);
    assert_string_equal(desy_error_message(), "m: \"S\" is missing");
    cJSON_Delete(json);
}

static void written_numbers_read_back(void **state)
{
    (void)state;
    const double values[] = {0, -0., .1, 1. / 3, 5e-324, 1.7976931348623157e308, 123456789012345678., -2.5e-7};
    char text[DESY_NUMBER_TEXT];
    cJSON *array = cJSON_CreateArray(), *back = NULL;
    for (int i = 0; i < 8; i++) {
        assert_true(strtod(desy_number_text(text, values[i]), NULL) == values[i]);
        cJSON_AddItemToArray(array, cJSON_CreateNumber(values[i]));
    }
    assert_string_equal(desy_number_text(text, .1), "0.1");
    assert_int_equal(desy_json_write(array, "numbers.json"), DESY_OK);
    assert_int_equal(desy_json_read(&back, "numbers.json"), DESY_OK);
    for (int i = 0; i < 8; i++) assert_true(cJSON_GetArrayItem(back, i)->valuedouble == values[i]);
    cJSON_Delete(back);
    cJSON_AddItemToArray(array, cJSON_CreateNumber(NAN));
    assert_int_equal(desy_json_write(array, "nan.json"), DESY_EUSAGE);
    assert_false(desy_file_exists("nan.json"));
    cJSON_Delete(array);
}

/* Reads all; the number of elements, or the code negated. */
static long stream_all(const char *text, long *last_line)
{
    desy_json_stream *stream = NULL;
    cJSON *element = NULL;
    write_text("stream", text);
    int rc = desy_json_stream_open(&stream, "stream");
    while (rc == DESY_OK && (rc = desy_json_stream_next(stream, &element)) == DESY_OK && element) cJSON_Delete(element);
    if (rc == DESY_OK) assert_int_equal(desy_json_stream_next(stream, &element), DESY_OK); /* the end stays the end */
    assert_null(element);
    long items = rc == DESY_OK ? desy_json_stream_item(stream) : -rc;
    if (rc == DESY_OK && last_line) *last_line = desy_json_stream_line(stream);
    desy_json_stream_close(&stream);
    assert_null(stream);
    return items;
}

static void streams(void **state)
{
    (void)state;
    long line = 0;
    assert_int_equal(stream_all("[]", NULL), 0);
    assert_int_equal(stream_all("", NULL), 0);
    assert_int_equal(stream_all(" [ {\"p\": \"a]},[{\\\"\"},\n\n {\"b\": [1, {\"c\": \"\\\\\"}]} ,\n3 ] \n", &line), 3);
    assert_int_equal(line, 4);
    assert_int_equal(stream_all("\xEF\xBB\xBF[{\"a\": 1}]", NULL), 1);
    assert_int_equal(stream_all("{\"a\": 1}\r\n\r\n{\"a\": 2}", &line), 2);
    assert_int_equal(line, 3);
}

static void broken(const char *text, const char *message)
{
    assert_int_equal(stream_all(text, NULL), -DESY_EDATA);
    if (!strstr(desy_error_message(), message)) fail_msg("%s: '%s' lacks '%s'", text, desy_error_message(), message);
}

static void broken_streams(void **state)
{
    (void)state;
    desy_json_stream *stream = NULL;
    broken("[{\"a\": 1},\n{\"a\": }]", "stream: line 2, item 2: not valid");
    broken("[{\"a\": 1},\n{\"b\": 1,\n\"c\": x}]", "line 3, item 2: not valid");
    broken("[{\"a\": 1}", "before the array is closed");
    broken("[{\"a\": 1},", "before the array is closed");
    broken("[{\"a\": 1", "middle of an element");
    broken("[\"a", "middle of an element");
    broken("{\"a\": 1}\n{\"a\": 2\n{\"a\": 3}\n", "line 2, item 2: the file ends in the middle of an element");
    broken("{\"a\": 1}\n{\"a: 2}\n{\"a\": 3}\n", "line 2, item 2: the line ends in the middle of a text");
    broken("[1,]", "comma");
    broken("[1 2]", "line 1, item 1");
    broken("[{} {}]", "comma is missing");
    broken("[,1]", "item 1");
    broken("[1]\nx", "line 2, item 1: text after");
    broken("[1]]", "text after");
    broken("{\"a\": 1}\n{\"a\": 1, \"b\": {\"c\": 1, \"c\": 1}}", "line 2, item 2: the key \"c\" stands twice");
    broken("{\"a\": 1} x", "item 2");
    broken("{\"a\": 1},\n{\"a\": 1}", "item 2");
    broken("\xEF\xBB[]", "line 1");
    assert_int_equal(desy_json_stream_open(&stream, "missing"), DESY_EDATA);
    assert_string_equal(desy_error_message(), "missing: No such file or directory");
    assert_int_equal(desy_json_stream_open(&stream, "."), DESY_EDATA);
    assert_non_null(strstr(desy_error_message(), "is a directory"));
}

/* Examples of RFC 3629 and of Unicode's table 3-7: well-formed ones at the ends of each range, and what lies just outside. */
static void only_utf8(void **state)
{
    static const char *const good[] = {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\\\\u0000"};
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\x80", "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xff", "a\\u0000b"};
    char text[32], *printed = NULL;
    cJSON *json;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(text, sizeof text, "[\"%s\"]", good[i]);
        assert_int_equal(desy_json_parse(&json, text, strlen(text), "good"), DESY_OK);
        cJSON_Delete(json);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "[\"%s\"]", bad[i]);
        if (desy_json_parse(&json, text, strlen(text), "bad") != DESY_EDATA) fail_msg("bad[%zu] was taken", i);
    }
    json = cJSON_CreateString("caf\xe9 \xe2\x82 \xc3\xa9");
    assert_int_equal(desy_json_text(&printed, json, false, "a name"), DESY_OK);
    assert_string_equal(printed, "\"caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd \xc3\xa9\"");
    free(printed);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(documents), cmocka_unit_test(members), cmocka_unit_test(written_numbers_read_back),
        cmocka_unit_test(streams), cmocka_unit_test(broken_streams), cmocka_unit_test(only_utf8)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
