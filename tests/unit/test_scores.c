/* Tables of scores: what is read, and how what is wrong is said. */
#include "base/decimal.h"
#include "base/error.h"
#include "base/random.h"
#include "eval/csv.h"
#include "eval/repeated.h"
#include "eval/scores.h"
#include "tests/unit/unit.h"

#include <math.h>

static desy_world *alone;

static struct desy_scores read_text(const char *name, const char *text)
{
    struct desy_scores scores = {0};
    write_text(name, text);
    if (desy_scores_read(alone, &scores, name, true) != DESY_OK) fail_msg("%s", desy_error_message());
    return scores;
}

static void refuse(const char *name, const char *text, const char *wanted)
{
    struct desy_scores scores = {0};
    write_text(name, text);
    assert_int_equal(desy_scores_read(alone, &scores, name, true), DESY_EDATA);
    if (!strstr(desy_error_message(), wanted)) fail_msg("\"%s\" is not in: %s", wanted, desy_error_message());
    assert_null(scores.score);
}

static void test_csv_dialects(void **state)
{
    (void)state;
    /* Byte order mark, CRLF, other columns in another order, quotes with comma, quote and line end, blank line, no last line end. */
    struct desy_scores scores = read_text("a.csv", "\xef\xbb\xbfscore,note,\"id\",label\r\n0.25,x,\"a,\"\"b\"\"\r\nc\",1\r\n\r\n,,d,0\r\n1e-3,,e, 1 ");
    assert_int_equal(scores.n, 3);
    assert_string_equal(desy_scores_row(&scores, 0).id, "a,\"b\"\r\nc");
    assert_int_equal(desy_scores_row(&scores, 0).label, 1);
    assert_true(desy_scores_row(&scores, 0).score == .25);
    assert_true(isnan(desy_scores_row(&scores, 1).score)); /* failed: no score */
    assert_int_equal(desy_scores_row(&scores, 1).label, 0);
    assert_true(desy_scores_row(&scores, 2).score == 1e-3);
    assert_int_equal(desy_scores_row(&scores, 2).label, 1);
    assert_string_equal(desy_scores_row(&scores, 2).source, "");
    desy_scores_close(&scores);
    scores = read_text("a.csv", "id,label,score\na,1.0,.5\nb, 0.0 ,.5\nc,1.,.5\n"); /* floats, as pandas writes a column that once had gaps */
    for (size_t i = 0; i < 3; i++) assert_int_equal(desy_scores_row(&scores, i).label, i != 1);
    desy_scores_close(&scores);
}

static void test_without_labels(void **state)
{
    (void)state;
    struct desy_scores scores = {0};
    write_text("u.csv", "id,score\na,.5\nb,\n");
    assert_int_equal(desy_scores_read(alone, &scores, "u.csv", false), DESY_OK);
    assert_int_equal(scores.n, 2);
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
    refuse("b.csv", "id,label,score\nx,1.01,.5\n", "b.csv:2: label \"1.01\"");
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
    refuse("b.csv", "x,0,.5\ny,1,.5\n", "b.csv:1: no column id");
    refuse("b.csv", "id,label,score\nx,0,.5\ry,1,.5\n", "b.csv:2: a carriage return within a line");
    refuse("b.csv", "id,label,score\nx,0,-inf\n", "b.csv:2: score \"-inf\" is not a finite number");
    char commas[100020] = "id,label,score\n";
    memset(commas + strlen(commas), ',', 100001);
    refuse("b.csv", commas, "b.csv:2: a row of more than 100,000 fields");
    struct desy_scores scores = {0};
    assert_int_equal(desy_scores_read(alone, &scores, "missing.csv", true), DESY_EDATA);
    assert_int_equal(desy_scores_read(alone, &scores, "/tmp", true), DESY_EDATA);
}

static void test_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"id\": 7, \"label\": 1, \"score\": 0.5, \"source\": \"s\", \"low\": 0.25}\n{\"id\": \"b\", \"label\": 0, \"score\": null}\n",
                                        "[{\"id\": 7, \"label\": 1, \"score\": 0.5, \"source\": \"s\", \"low\": 0.25}, {\"id\": \"b\", \"label\": 0}]"};
    for (int i = 0; i < 2; i++) {
        struct desy_scores scores = read_text(i ? "c.json" : "c.jsonl", texts[i]);
        assert_int_equal(scores.n, 2);
        assert_string_equal(desy_scores_row(&scores, 0).id, "7");
        assert_string_equal(desy_scores_row(&scores, 0).source, "s");
        assert_true(desy_scores_row(&scores, 0).level[0] == .25 && isnan(desy_scores_row(&scores, 0).level[1]));
        assert_true(isnan(desy_scores_row(&scores, 1).score));
        desy_scores_close(&scores);
    }
    refuse("d.jsonl", "{\"id\": \"a\", \"label\": 1, \"score\": 0.5}\n{\"id\": \"b\", \"label\": 2, \"score\": 0.5}\n", "d.jsonl:2: label \"2\"");
    refuse("d.jsonl", "{\"id\": \"a\", \"label\": \"1\", \"score\": 0.5}\n", "d.jsonl:1: label must be a number");
    refuse("d.jsonl", "[1]\n", "not an object");
    refuse("d.jsonl", "{\"id\": 9007199254740993, \"label\": 1, \"score\": 0.5}\n", "d.jsonl:1: the id 9007199254740992 is too large"); /* 2^53 + 1 */
}

static void test_shares(void **state)
{
    (void)state;
    uint64_t first, count;
    desy_scores_share(3000000000000, 3, 4, &first, &count);
    assert_true(first == 2250000000000 && count == 750000000000);
}

static void test_repeated_ids(void **state)
{
    (void)state;
    refuse("f.csv", "id,label,score\na,0,.5\n\"b\nb\",0,.5\nc,0,.5\na,1,.5\nc,1,.5\n", "f.csv:6: the id \"a\" is that of line 2 already");
    refuse("f.jsonl", "{\"id\": 1, \"label\": 1, \"score\": 0.5}\n\n{\"id\": \"1\", \"label\": 1, \"score\": 0.5}\n", "f.jsonl:3: the id \"1\" is that of line 1 already");
    refuse("f.json", "[{\"id\": 1, \"label\": 1},\n {\"id\": 2, \"label\": 1},\n\n {\"id\": 2, \"label\": 0}]", "f.json:4: the id \"2\" is that of line 2 already");
}

/* Texts of one hash, made by exchanging the factors of its product: neither hides that another one of that hash is there twice. */
static void test_hash(void **state)
{
    (void)state;
    static const uint64_t a = 0x9e3779b97f4a7c15, b = 0xbf58476d1ce4e5b9; /* as in eval/names.c */
    struct desy_texts texts = {0};
    char one[17] = "aaaaaaaabbbbbbbb", other[17] = {0}, zero[2][24] = {{0}};
    uint64_t words[2];
    int64_t first, second;
    memcpy(words, one, 16);
    const uint64_t exchanged[2] = {words[1] ^ b ^ 16 * a ^ a, words[0] ^ b ^ 16 * a ^ a};
    memcpy(other, exchanged, 16);
    assert_int_equal(strlen(other), 16);
    assert_true(desy_text_hash(one, 16) == desy_text_hash(other, 16));
    const char *const rows[] = {one, other, "x", one};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(desy_texts_find_repeated(alone, &texts, &first, &second), DESY_OK);
        assert_int_equal(second, -1);
        assert_int_equal(desy_texts_append(&texts, rows[i]), DESY_OK);
    }
    assert_int_equal(desy_texts_find_repeated(alone, &texts, &first, &second), DESY_OK);
    assert_true(first == 0 && second == 3);
    desy_texts_close(&texts);

    const uint64_t none = 24 * a ^ a; /* makes a factor 0 */
    for (int i = 0; i < 2; i++) {
        memcpy(zero[i], &none, 8);
        zero[i][8] = (char)('a' + i);
    }
    assert_true(desy_text_hash(zero[0], 24) != desy_text_hash(zero[1], 24));
}

/* Columns that begin to have values late, and many names. */
static void test_columns(void **state)
{
    (void)state;
    struct desy_scores scores = {0};
    char id[16], source[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(source, sizeof source, "s%d", i % 300);
        const struct desy_score_row row = {.id = id, .source = i < 200 ? NULL : source, .video_path = i == 500 ? "p" : "", .label = i % 2, .score = i, .level = {NAN, i == 900 ? 1 : NAN, NAN}};
        assert_int_equal(desy_scores_append(&scores, &row), DESY_OK);
    }
    for (int i = 0; i < 1000; i++) {
        const struct desy_score_row row = desy_scores_row(&scores, (size_t)i);
        snprintf(id, sizeof id, "%d", i);
        snprintf(source, sizeof source, "s%d", i % 300);
        assert_string_equal(row.id, id);
        assert_string_equal(row.source, i < 200 ? "" : source);
        assert_string_equal(row.video_path, i == 500 ? "p" : "");
        assert_string_equal(row.group, "");
        assert_true(row.score == i && row.label == i % 2 && isnan(row.level[0]) && isnan(row.level[1]) == (i != 900));
    }
    assert_null(scores.group.of);
    assert_null(scores.level[0]);
    desy_scores_close(&scores);
}

/* Numbers of every form, halfway cases among them, against strtod. */
static void test_decimals(void **state)
{
    (void)state;
    char text[64];
    for (uint64_t i = 0; i < 200000; i++) {
        const uint64_t bits = desy_random_u64(1, 0, i), more = desy_random_u64(1, 1, i);
        const double value = (double)(bits >> 11) * 0x1p-53;
        switch (more % 8) {
        case 0: snprintf(text, sizeof text, "%.17g", value); break;
        case 1: snprintf(text, sizeof text, "-%.*g", (int)(more >> 8 & 15) + 1, value); break;
        case 2: snprintf(text, sizeof text, "%.*f", (int)(more >> 8) % 20, value * (double)(more >> 40)); break;
        case 3: snprintf(text, sizeof text, "0.%019llu", (unsigned long long)(bits % 10000000000000000000U)); break;
        case 4: snprintf(text, sizeof text, "%llu", (unsigned long long)(bits % 10000000000000000000U)); break;
        case 5: snprintf(text, sizeof text, "%llu.5", (unsigned long long)(bits >> 11 | (uint64_t)1 << 52)); break; /* halfway between two doubles */
        case 6: snprintf(text, sizeof text, "%.9fe%d", value, (int)(more >> 8) % 300); break;
        default: snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(more >> 50), (unsigned long long)(bits >> 10)); break;
        }
        double got = NAN;
        const double wanted = strtod(text, NULL);
        if (!desy_decimal(text, &got) || memcmp(&got, &wanted, sizeof got) != 0) fail_msg("%s: %a, not %a", text, got, wanted);
    }
    static const char *const bad[] = {"", ".", "-", "-.", "1.2.3", "nan", "inf", "1e999", "0.5x", "1,5", "--1", "0.5\n"};
    double value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (desy_decimal(bad[i], &value)) fail_msg("\"%s\" is no number", bad[i]);
    assert_true(desy_decimal(" 1. ", &value) && value == 1 && desy_decimal("-0.0", &value) && value == 0 && signbit(value) && desy_decimal("+.5", &value) && value == .5);
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
        cmocka_unit_test(test_csv_dialects), cmocka_unit_test(test_without_labels), cmocka_unit_test(test_csv_refused), cmocka_unit_test(test_json),
        cmocka_unit_test(test_shares),       cmocka_unit_test(test_repeated_ids), cmocka_unit_test(test_hash),
        cmocka_unit_test(test_columns),      cmocka_unit_test(test_decimals),    cmocka_unit_test(test_csv_put),
    };
    if (desy_world_open_alone(&alone) != DESY_OK) return 1;
    const int failed = cmocka_run_group_tests(tests, enter_directory, leave_directory);
    desy_world_close(&alone);
    return failed;
}
