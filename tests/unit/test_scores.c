/* Tables of scores: what is read, and how what is wrong is said. */
#include "base/error.h"
#include "eval/csv.h"
#include "eval/scores.h"
#include "tests/unit/unit.h"

#include <math.h>

static struct desy_scores read_text(const char *name, const char *text)
{
    struct desy_scores scores = {0};
    write_text(name, text);
    if (desy_scores_read(&scores, name, true, 0, 1) != DESY_OK) fail_msg("%s", desy_error_message());
    return scores;
}

static void refuse(const char *name, const char *text, const char *wanted)
{
    struct desy_scores scores = {0};
    write_text(name, text);
    assert_int_equal(desy_scores_read(&scores, name, true, 0, 1), DESY_EDATA);
    if (!strstr(desy_error_message(), wanted)) fail_msg("\"%s\" is not in: %s", wanted, desy_error_message());
    assert_null(scores.rows);
}

static void test_csv_dialects(void **state)
{
    (void)state;
    /* Byte order mark, CRLF, other columns in another order, quotes with comma, quote and line end, blank line, no last line end. */
    struct desy_scores scores = read_text("a.csv", "\xef\xbb\xbfscore,note,\"id\",label\r\n0.25,x,\"a,\"\"b\"\"\r\nc\",1\r\n\r\n,,d,0\r\n1e-3,,e, 1 ");
    assert_int_equal(scores.n, 3);
    assert_string_equal(scores.rows[0].id, "a,\"b\"\r\nc");
    assert_int_equal(scores.rows[0].label, 1);
    assert_true(scores.rows[0].score == .25);
    assert_true(isnan(scores.rows[1].score)); /* failed: no score */
    assert_int_equal(scores.rows[1].label, 0);
    assert_true(scores.rows[2].score == 1e-3);
    assert_int_equal(scores.rows[2].label, 1);
    assert_string_equal(scores.rows[2].source, "");
    desy_scores_close(&scores);
}

static void test_without_labels(void **state)
{
    (void)state;
    struct desy_scores scores = {0};
    write_text("u.csv", "id,score\na,.5\nb,\n");
    assert_int_equal(desy_scores_read(&scores, "u.csv", false, 0, 1), DESY_OK);
    assert_int_equal(scores.n, 2);
    assert_int_equal(scores.rows[0].label, -1);
    desy_scores_close(&scores);
    refuse("u.csv", "id,score\na,.5\n", "u.csv:1: no column label");
}

static void test_csv_refused(void **state)
{
    (void)state;
    refuse("b.csv", "id,label,score\nx,0,.5\ny,real,.5\n", "b.csv:3: label \"real\" of y");
    refuse("b.csv", "id,label,score\n\"x\ny\",0,.5\nz,2,.5\n", "b.csv:4: label \"2\"");
    refuse("b.csv", "id,label,score\nx,,.5\n", "b.csv:2: label \"\"");
    refuse("b.csv", "id,label,score\nx,01,.5\n", "b.csv:2: label");
    refuse("b.csv", "id,label,score\nx,1,nan\n", "b.csv:2: score \"nan\"");
    refuse("b.csv", "id,label,score\nx,1,0.5x\n", "b.csv:2: score \"0.5x\"");
    refuse("b.csv", "id,label,score\nx,1,1e999\n", "b.csv:2: score");
    refuse("b.csv", "id,label,score\nx,1\n", "b.csv:2: 2 fields");
    refuse("b.csv", "id,label,score\n,1,.5\n", "b.csv:2: no id");
    refuse("b.csv", "id,label\nx,1\n", "b.csv:1: no column score");
    refuse("b.csv", "id,label,score,id\nx,1,.5,x\n", "two columns are named id");
    refuse("b.csv", "id,label,score\n\"x,1,.5\n", "the file ends within quotes");
    refuse("b.csv", "id,label,score\nx\"y,1,.5\n", "b.csv:2: a quote inside");
    refuse("b.csv", "id,label,score\n\"x\"y,1,.5\n", "b.csv:2: text after a closing quote");
    refuse("b.csv", "id,label,score\n", "no rows");
    refuse("b.csv", "", "no column id");
    struct desy_scores scores = {0};
    assert_int_equal(desy_scores_read(&scores, "missing.csv", true, 0, 1), DESY_EDATA);
    assert_int_equal(desy_scores_read(&scores, "/tmp", true, 0, 1), DESY_EDATA);
}

static void test_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"id\": 7, \"label\": 1, \"score\": 0.5, \"source\": \"s\", \"low\": 0.25}\n{\"id\": \"b\", \"label\": 0, \"score\": null}\n",
                                        "[{\"id\": 7, \"label\": 1, \"score\": 0.5, \"source\": \"s\", \"low\": 0.25}, {\"id\": \"b\", \"label\": 0}]"};
    for (int i = 0; i < 2; i++) {
        struct desy_scores scores = read_text(i ? "c.json" : "c.jsonl", texts[i]);
        assert_int_equal(scores.n, 2);
        assert_string_equal(scores.rows[0].id, "7");
        assert_string_equal(scores.rows[0].source, "s");
        assert_true(scores.rows[0].level[0] == .25 && isnan(scores.rows[0].level[1]));
        assert_true(isnan(scores.rows[1].score));
        desy_scores_close(&scores);
    }
    refuse("d.jsonl", "{\"id\": \"a\", \"label\": 1, \"score\": 0.5}\n{\"id\": \"b\", \"label\": 2, \"score\": 0.5}\n", "d.jsonl:2: label \"2\"");
    refuse("d.jsonl", "{\"id\": \"a\", \"label\": \"1\", \"score\": 0.5}\n", "d.jsonl:1: label must be a number");
    refuse("d.jsonl", "[1]\n", "not an object");
}

/* Shares are contiguous, complete, in order. */
static void test_shares(void **state)
{
    (void)state;
    write_text("e.csv", "id,label,score\na,0,1\nb,0,1\nc,0,1\nd,0,1\ne,0,1\n");
    for (int ranks = 1; ranks <= 7; ranks++) {
        char seen[16] = "";
        for (int rank = 0; rank < ranks; rank++) {
            struct desy_scores scores = {0};
            assert_int_equal(desy_scores_read(&scores, "e.csv", true, rank, ranks), DESY_OK);
            for (size_t i = 0; i < scores.n; i++) strcat(seen, scores.rows[i].id);
            assert_true(scores.n <= (size_t)(5 / ranks + 1));
            desy_scores_close(&scores);
        }
        assert_string_equal(seen, "abcde");
    }
    uint64_t first, count;
    desy_scores_share(3000000000000, 3, 4, &first, &count);
    assert_true(first == 2250000000000 && count == 750000000000);
}

static void test_csv_put(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    desy_csv_put(stream, "plain");
    putc(',', stream);
    desy_csv_put(stream, "a,\"b\"\n");
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "plain,\"a,\"\"b\"\"\n\"");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_dialects), cmocka_unit_test(test_without_labels),
        cmocka_unit_test(test_csv_refused), cmocka_unit_test(test_json),
        cmocka_unit_test(test_shares),       cmocka_unit_test(test_csv_put),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
