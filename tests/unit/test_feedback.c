/* A file of feedback: several writers, what was torn, what is decided; texts that attack. */
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "eval/feedback.h"
#include "eval/timestamp.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WRITERS 8
#define EACH 50

static struct desy_feedback_record record(const char *id, const char *comment)
{
    return (struct desy_feedback_record){.id = id, .label = 1, .verdict = -1, .confidence = NAN, .source = "cli", .comment = comment};
}

static void test_several_writers(void **state)
{
    (void)state;
    struct desy_feedback feedback;
    char entry[DESY_FEEDBACK_ENTRY], id[32], *comment = malloc(1501);
    int status;
    memset(comment, 'c', 1500);
    comment[1500] = '\0';
    for (int w = 0; w < WRITERS; w++)
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                snprintf(id, sizeof id, "video-%d-%d", w, i);
                struct desy_feedback_record r = record(id, comment + i * 20);
                if (desy_feedback_add("many", &r, entry) != DESY_OK) _exit(1);
            }
            _exit(0);
        }
    for (int w = 0; w < WRITERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(desy_feedback_read(&feedback, "many"), DESY_OK);
    assert_int_equal(feedback.n, WRITERS * EACH);
    assert_int_equal(feedback.damaged, 0);
    int seen[WRITERS][EACH] = {{0}}, w, i;
    for (size_t k = 0; k < feedback.n; k++) {
        assert_int_equal(sscanf(feedback.entries[k].id, "video-%d-%d", &w, &i), 2);
        seen[w][i]++;
        assert_int_equal(strlen(feedback.entries[k].comment), 1500 - i * 20);
    }
    for (w = 0; w < WRITERS; w++)
        for (i = 0; i < EACH; i++) assert_int_equal(seen[w][i], 1);
    struct stat of;
    assert_int_equal(stat("many/records.jsonl", &of), 0);
    assert_int_equal(of.st_mode & 0777, 0600); /* what people said is nobody else's */
    desy_feedback_close(&feedback);
    free(comment);
}

static void test_torn_lines(void **state)
{
    (void)state;
    struct desy_feedback feedback;
    char entries[3][DESY_FEEDBACK_ENTRY];
    struct desy_feedback_record r = record("one", NULL);
    assert_int_equal(desy_feedback_add("torn", &r, entries[0]), DESY_OK);
    FILE *file = fopen("torn/records.jsonl", "a");
    fputs("{\"entry\":\"0123456789abcdef\",\"id\":\"ha", file); /* killed here */
    fclose(file);
    assert_int_equal(desy_feedback_read(&feedback, "torn"), DESY_OK);
    assert_int_equal(feedback.n, 1);
    assert_int_equal(feedback.damaged, 1);
    desy_feedback_close(&feedback);
    r = record("two", "after it");
    assert_int_equal(desy_feedback_add("torn", &r, entries[1]), DESY_OK);
    assert_int_equal(desy_feedback_decide("torn", entries[0], true), DESY_OK);
    assert_int_equal(desy_feedback_decide("torn", entries[1], true), DESY_OK);
    assert_int_equal(desy_feedback_decide("torn", entries[1], false), DESY_OK); /* the last word counts */
    assert_int_equal(desy_feedback_read(&feedback, "torn/records.jsonl"), DESY_OK);
    assert_int_equal(feedback.n, 2);
    assert_int_equal(feedback.damaged, 1);
    assert_string_equal(feedback.entries[1].comment, "after it");
    assert_int_equal(feedback.entries[0].state, DESY_FEEDBACK_ACCEPTED);
    assert_int_equal(feedback.entries[1].state, DESY_FEEDBACK_REJECTED);
    desy_feedback_close(&feedback);
}

static void test_what_is_no_record(void **state)
{
    (void)state;
    char entry[DESY_FEEDBACK_ENTRY];
    struct desy_feedback feedback;
    struct desy_feedback_record wrong[] = {record("../../etc", NULL), record("", NULL), record("a", NULL), record("a", NULL), record("a", NULL)};
    wrong[2].label = 2;
    wrong[3].confidence = 1.5;
    wrong[4].source = "The Web";
    for (int i = 0; i < 5; i++) assert_int_equal(desy_feedback_add("wrong", &wrong[i], entry), DESY_EUSAGE);
    assert_int_equal(desy_feedback_read(&feedback, "wrong"), DESY_EDATA);
    desy_feedback_close(&feedback);
    assert_int_equal(symlink("elsewhere", "records.jsonl"), 0); /* a link is not followed */
    assert_int_equal(desy_feedback_add(".", &(struct desy_feedback_record){.id = "a", .verdict = -1, .confidence = NAN, .source = "web"}, entry), DESY_EENV);
    assert_int_equal(access("elsewhere", F_OK), -1);
    unlink("records.jsonl");
    assert_int_equal(mkdir("odd", 0700), 0); /* by somebody's hand: each is left out, and nothing else */
    write_text("odd/records.jsonl", "[1]\n{}\n\n{\"entry\":\"x\",\"id\":\"y\",\"label\":2}\n{\"entry\":\"x\",\"id\":\"y\",\"label\":0,\"confidence\":7}\n{\"review\":\"nobody\",\"accepted\":true}\nnull\n");
    assert_int_equal(desy_feedback_read(&feedback, "odd"), DESY_OK);
    assert_int_equal(feedback.n, 1);
    assert_true(isnan(feedback.entries[0].confidence));
    assert_int_equal(feedback.damaged, 4);
    desy_feedback_close(&feedback);
}

static void print_and_compare(const char *text, const char *wanted)
{
    char *printed = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&printed, &size);
    desy_text_print(stream, text);
    fclose(stream);
    assert_string_equal(printed, wanted);
    free(printed);
}

static void test_hostile_texts(void **state)
{
    (void)state;
    struct desy_feedback feedback;
    char entry[DESY_FEEDBACK_ENTRY], *longer = malloc(5001);
    print_and_compare("a\x1b[31mred\x07\n", "a?[31mred??");
    print_and_compare("\xc2\x9b" "31m \xe2\x80\xae" "eslaf \xe2\x81\xa6 \xe2\x80\xa8 \xc3\xa4 \xf0\x9f\x8e\xa5", "?31m ?eslaf ? ? \xc3\xa4 \xf0\x9f\x8e\xa5"); /* U+009B, U+202E, U+2066, U+2028 */
    print_and_compare("\xff\xc0\xaf\xed\xa0\x80\xf5z", "???????z"); /* no UTF-8: a long form, half a pair, beyond the end */
    struct desy_feedback_record r = record("hostile", "\xff\"}\n{\"review\":\"x\",\"accepted\":true}\n\x1b]0;title\x07");
    assert_int_equal(desy_feedback_add("hostile", &r, entry), DESY_OK);
    for (int i = 0; i < 5000; i += 2) memcpy(longer + i, "\xc3\xa4", 2);
    longer[5000] = '\0';
    r.comment = longer + 1; /* begins within a character */
    assert_int_equal(desy_feedback_add("hostile", &r, entry), DESY_OK);
    assert_int_equal(desy_feedback_read(&feedback, "hostile"), DESY_OK);
    assert_int_equal(feedback.n, 2);
    assert_int_equal(feedback.damaged, 0);
    assert_string_equal(feedback.entries[0].comment, "\xef\xbf\xbd\"}\n{\"review\":\"x\",\"accepted\":true}\n\x1b]0;title\x07"); /* kept as it was said, and one line */
    assert_int_equal(strlen(feedback.entries[1].comment), 3 + 2 * ((DESY_FEEDBACK_COMMENT - 3) / 2));
    desy_feedback_close(&feedback);
    free(longer);
}

static void test_times(void **state)
{
    (void)state;
    static const struct { const char *text; double seconds; } good[] = {
        {"1970-01-01", 0}, {"2000-02-29T12:00:00Z", 951825600}, {"2026-03-01T12:30:05.25+01:00", 1772364605.25}, {"2026-03-01 11:30", 1772364600}, {"2026-03-01T06:00:00-0530", 1772364600}, {"1772364600.5", 1772364600.5}, {"0", 0}};
    static const char *const bad[] = {"", "today", "2026-02-29", "2026-13-01", "2026-03-01T24:00", "2026-03-01T12", "2026-03-01T12:00:00X", "2026-03-01T12:00:00+25:00", "2026-3-1", "01.03.2026", "nan", "2026-03-01Tx"};
    char text[DESY_TIMESTAMP_TEXT];
    double seconds;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!desy_timestamp_parse(good[i].text, &seconds)) fail_msg("%s", good[i].text);
        assert_true(seconds == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (desy_timestamp_parse(bad[i], &seconds)) fail_msg("%s is %f", bad[i], seconds);
    assert_string_equal(desy_timestamp_text(text, 1772364605.25), "2026-03-01T11:30:05Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_several_writers), cmocka_unit_test(test_torn_lines), cmocka_unit_test(test_what_is_no_record), cmocka_unit_test(test_hostile_texts), cmocka_unit_test(test_times)};
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
