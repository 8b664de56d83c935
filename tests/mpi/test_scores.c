/* Tables of scores read in ranges: every row once and in order, and the file's first error, however ranges cut records. */
#include "base/random.h"
#include "eval/scores.h"
#include "tests/mpi/check.h"

#include <math.h>

#define ROWS 400

/* Texts of row i that make cutting hard: commas, quotes, line ends within quotes, and what looks like a row. */
static const char *const oddities[] = {"plain", "a,b", "\"\"", "line\nend", "\r\n", "\n7,1,.5,x\n", "\"\n\"", "", ",\"\n", "\n\n\n"};

static const char *group_of(size_t i) { return oddities[desy_random_u64(3, 0, i) % (sizeof oddities / sizeof *oddities)]; }
static double score_of(size_t i) { return (double)(desy_random_u64(3, 1, i) >> 40) * 0x1p-24; }

static void put_quoted(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"') putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

static void put_json(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++)
        if (*text == '"') fputs("\\\"", file);
        else if (*text == '\n' || *text == '\r') fputs(*text == '\n' ? "\\n" : "\\r", file);
        else putc(*text, file);
    putc('"', file);
}

/* Rank 0 writes. `wrong`: this row gets a label of 2, -1: none; `again`: this row gets the id of row 5. */
static void write_table(const char *path, bool json, long wrong, long again)
{
    if (desy_rank(world) == 0) {
        FILE *file = fopen(path, "wb");
        check(file);
        if (!json) fputs("\xef\xbb\xbfgroup,id,label,\"no\nte\",score\r\n", file);
        for (long i = 0; i < ROWS; i++) {
            const long id = i == again ? 5 : i;
            const int label = i == wrong ? 2 : (int)(i % 2);
            if (json) fputs("{\"group\": ", file), put_json(file, group_of((size_t)i)), fprintf(file, ", \"id\": \"%ld\", \"label\": %d, \"score\": %.17g}\n", id, label, score_of((size_t)i));
            else put_quoted(file, group_of((size_t)i)), fprintf(file, ",%ld,%d,,%.17g%s", id, label, score_of((size_t)i), i % 3 ? "\n" : "\r\n");
            if (i % 50 == 7) fputs("\n", file);
        }
        check(fclose(file) == 0);
    }
    desy_barrier(world);
}

static void test_rows(const char *path, bool json)
{
    struct desy_scores scores = {0};
    write_table(path, json, -1, -1);
    check(desy_scores_read(world, &scores, path, true) == DESY_OK);
    const int64_t base = desy_prefix_i64(world, (int64_t)scores.n);
    int64_t rows = (int64_t)scores.n;
    desy_sum_i64(world, &rows, 1);
    check(rows == ROWS && scores.n < (size_t)(2 * ROWS / desy_size(world) + 2));
    for (size_t i = 0; i < scores.n; i++) {
        const struct desy_score_row row = desy_scores_row(&scores, i);
        const size_t number = (size_t)base + i;
        check((size_t)strtoul(row.id, NULL, 10) == number && row.label == (int)(number % 2) && row.score == score_of(number) && strcmp(row.group, group_of(number)) == 0);
    }
    desy_scores_close(&scores);
}

/* The line of row i, counted in the file. */
static long line_of(long row, bool json)
{
    long lines = json ? 1 : 3; /* the header has two */
    for (long i = 0; i < row; i++) {
        for (const char *c = json ? "" : group_of((size_t)i); *c; c++) lines += *c == '\n';
        lines += 1 + (i % 50 == 7);
    }
    return lines;
}

static void test_errors(const char *path, bool json)
{
    struct desy_scores scores = {0};
    char wanted[200];
    for (long row = 6; row < ROWS; row += 37) {
        write_table(path, json, row, -1);
        check(desy_scores_read(world, &scores, path, true) == DESY_EDATA);
        snprintf(wanted, sizeof wanted, "%s:%ld: label \"2\" of %ld is not 0 (real) or 1 (AI-generated)", path, line_of(row, json), row);
        check(strcmp(desy_error_message(), wanted) == 0);
        write_table(path, json, -1, row);
        check(desy_scores_read(world, &scores, path, true) == DESY_EDATA);
        snprintf(wanted, sizeof wanted, "%s:%ld: the id \"5\" is that of line %ld already", path, line_of(row, json), line_of(5, json));
        check(strncmp(desy_error_message(), wanted, strlen(wanted)) == 0);
    }
}

static void refuse(const char *path, const char *text, const char *wanted)
{
    struct desy_scores scores = {0};
    if (desy_rank(world) == 0) {
        FILE *file = fopen(path, "wb");
        check(file && fputs(text, file) >= 0 && fclose(file) == 0);
    }
    desy_barrier(world);
    check(desy_scores_read(world, &scores, path, true) == DESY_EDATA);
    check(strncmp(desy_error_message() + strlen(path), wanted, strlen(wanted)) == 0);
    desy_barrier(world);
}

/* Behind an error in the quotes ranges take text for quoted and the other way round: what they then meet must not be what is said. */
static void test_quotes(const char *path)
{
    refuse(path, "id,label,score\na,0,.5\nb\"b,0,.5\nc,0,.5\nd,0,.5\n\"e\",0,.5\nf,0,.5\ng,2,.5\n", ":3: a quote inside");
    refuse(path, "id,label,score\na,0,.5\n\"b,0,.5\nc,0,.5\nd,0,.5\ne,0,.5\nf,0,.5\ng,2,.5\n", ":3: the file ends within quotes");
    refuse(path, "id,label,score\na,0,.5\n\"b\"x,0,.5\n\"c,0,.5\nd,0,.5\ne,0,.5\nf,0,.5\ng,2,.5\n", ":3: text after a closing quote");
    refuse(path, "id,label,score\na,0,.5\nb,0\nc,0,.5\nd,0,.5\ne,0,.5\nf,0\ng,2,.5\n", ":3: 2 fields");
    refuse(path, "id,label,score\n", ": no rows");
}

/* A byte order mark does not hide the first row, even where a rank's share is as small as it. */
static void test_mark(const char *path)
{
    struct desy_scores scores = {0};
    if (desy_rank(world) == 0) {
        FILE *file = fopen(path, "wb");
        check(file && fputs("\xef\xbb\xbf{\"id\":\"a\"}", file) >= 0 && fclose(file) == 0);
    }
    desy_barrier(world);
    check(desy_scores_read(world, &scores, path, false) == DESY_OK);
    int64_t rows = (int64_t)scores.n;
    desy_sum_i64(world, &rows, 1);
    check(rows == 1);
    desy_scores_close(&scores);
    desy_barrier(world);
}

int main(void)
{
    char directory[] = "/tmp/desy-scores-XXXXXX", csv[64], jsonl[64];
    check(desy_world_open(&world) == DESY_OK);
    check(desy_rank(world) != 0 || mkdtemp(directory));
    desy_broadcast(world, directory, sizeof directory, 0);
    snprintf(csv, sizeof csv, "%s/scores.csv", directory);
    snprintf(jsonl, sizeof jsonl, "%s/scores.jsonl", directory);
    test_rows(csv, false);
    test_rows(jsonl, true);
    test_errors(csv, false);
    test_errors(jsonl, true);
    test_quotes(csv);
    test_mark(jsonl);
    desy_barrier(world);
    if (desy_rank(world) == 0) check(remove(csv) == 0 && remove(jsonl) == 0 && rmdir(directory) == 0);
    desy_world_close(&world);
    return 0;
}
