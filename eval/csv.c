#include "eval/csv.h"

#include "base/error.h"
#include "eval/text_range.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS ((size_t)100000) /* each takes 32 bytes */

struct field { size_t start, size; bool quoted; }; /* within the text; without its quotes */

struct desy_csv {
    struct desy_text_range range;
    struct field *found;
    char **fields;
    size_t n, room;
    uint64_t offset; /* of the last record */
};

static const bool ends_field[256] = {[','] = true, ['\n'] = true, ['\r'] = true, ['"'] = true, ['\0'] = true};

/* The next byte that ends a field. Eight at a time: all that do are below '-', and few others in a table of scores are. Reads up to 7 bytes beyond. */
static const char *find_end(const char *c)
{
    static const uint64_t ones = 0x0101010101010101;
    for (;; c += 8) {
        uint64_t bytes;
        memcpy(&bytes, c, sizeof bytes);
        if (((bytes - ones * '-') & ~bytes & (ones << 7)) == 0) continue; /* the lowest byte that is below sets its highest bit, and none before it does */
        for (int i = 0; i < 8; i++)
            if (ends_field[(unsigned char)c[i]]) return c + i;
    }
}

/* To the first line end from text + at on that is outside quotes. */
static int skip_record(struct desy_text_range *range, bool quoted)
{
    for (;;) {
        for (; range->at < range->used; range->at++) {
            const char c = range->text[range->at];
            quoted ^= c == '"';
            if (c == '\n' && !quoted) {
                range->at++;
                return DESY_OK;
            }
        }
        if (range->ended) return DESY_OK;
        const int rc = desy_text_more(range);
        if (rc != DESY_OK) return rc;
    }
}

int desy_csv_open(desy_csv **out, const char *path, uint64_t from, uint64_t to, bool quoted)
{
    desy_csv *csv = *out = calloc(1, sizeof *csv);
    if (!csv) return desy_error_memory("a CSV reader");
    struct desy_text_range *range = &csv->range;
    int rc = desy_text_open(range, path, from > 0 ? from - 1 : 0, to);
    if (rc == DESY_OK && from == 0) range->at = strncmp(range->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    else if (rc == DESY_OK && range->used > 0) { /* a record begins at `from` if a line ends before it */
        range->at = 1;
        if (quoted || range->text[0] != '\n') rc = skip_record(range, quoted);
    }
    if (rc != DESY_OK) desy_csv_close(out);
    return rc;
}

static int bad(const desy_csv *csv, size_t at, const char *what)
{
    return desy_error(DESY_EDATA, "%s:%ld: %s", csv->range.path, desy_text_line(csv->range.path, csv->range.offset + at), what);
}

static int start_field(desy_csv *csv, size_t start)
{
    if (csv->n == MOST_FIELDS) return bad(csv, csv->range.at, "a row of more than 100,000 fields begins here");
    if (csv->n == csv->room) {
        const size_t room = csv->room ? csv->room * 2 : 16;
        struct field *found = realloc(csv->found, room * sizeof *found);
        if (found) csv->found = found;
        char **fields = realloc(csv->fields, room * sizeof *fields);
        if (fields) csv->fields = fields;
        if (!found || !fields) return desy_error_memory("a CSV record");
        csv->room = room;
    }
    csv->found[csv->n++] = (struct field){.start = start};
    return DESY_OK;
}

#define QUOTES "; a field with quotes is written as \"...\", quotes within it doubled"

/* The field that begins at text + *at; *at becomes where it ends. *whole: false where more of the file is needed to tell. */
static int find_field(desy_csv *csv, size_t *at, bool *whole)
{
    const struct desy_text_range *range = &csv->range;
    const char *const text = range->text, *const end = text + range->used, *c = text + *at;
    struct field *field = &csv->found[csv->n - 1];
    *whole = true;
    if (*c == '"') {
        field->quoted = true;
        field->start++;
        for (c++;; c += 2) {
            c = memchr(c, '"', (size_t)(end - c));
            *whole = range->ended || (c && c + 1 < end);
            if (!*whole) return DESY_OK;
            if (!c) return bad(csv, field->start, "the file ends within quotes that begin here" QUOTES);
            if (c[1] != '"') break;
        }
        field->size = (size_t)(c - text) - field->start;
        if (memchr(text + field->start, 0, field->size)) return bad(csv, field->start, "a zero byte; this is not a text file");
        c++;
        if (c < end && *c != ',' && *c != '\n' && *c != '\r') return bad(csv, (size_t)(c - text), "text after a closing quote" QUOTES);
    } else {
        c = find_end(c);
        field->size = (size_t)(c - text) - field->start;
        if (*c == '"') return bad(csv, (size_t)(c - text), "a quote inside a field that does not begin with one" QUOTES);
        if (*c == '\0' && c < end) return bad(csv, (size_t)(c - text), "a zero byte; this is not a text file");
    }
    *at = (size_t)(c - text);
    *whole = c < end || range->ended;
    return DESY_OK;
}

/* The record that begins at text + at. */
static int find_record(desy_csv *csv, bool *whole, size_t *next)
{
    const struct desy_text_range *range = &csv->range;
    size_t at = range->at;
    int rc = DESY_OK;
    csv->n = 0;
    for (;; at++) {
        DESY_TRY(start_field(csv, at));
        DESY_TRY(find_field(csv, &at, whole));
        if (!*whole || range->text[at] != ',') break;
    }
    if (*whole && range->text[at] == '\r') {
        at++;
        *whole = at < range->used || range->ended;
        if (at < range->used && range->text[at] != '\n') return bad(csv, at, "a carriage return within a line");
    }
    *next = at + (at < range->used);
out:
    return rc;
}

/* A doubled quote is one. Returns the field with a NUL. */
static char *finish_field(char *text, const struct field *field)
{
    char *start = text + field->start, *to = start;
    start[field->size] = '\0';
    if (!field->quoted || !memchr(start, '"', field->size)) return start;
    for (const char *from = start; from < start + field->size; from++) {
        *to++ = *from;
        from += *from == '"';
    }
    *to = '\0';
    return start;
}

int desy_csv_next(desy_csv *csv, char ***fields, size_t *n)
{
    struct desy_text_range *range = &csv->range;
    bool whole = false;
    size_t next = 0;
    int rc = DESY_OK;
    *n = 0;
    for (;;) {
        while (range->text[range->at] == '\n' || range->text[range->at] == '\r') range->at++;
        if (range->at < range->used || range->ended) break;
        DESY_TRY(desy_text_more(range));
    }
    csv->offset = range->offset + range->at;
    if (range->at == range->used || csv->offset >= range->to) return DESY_OK;
    for (;;) {
        DESY_TRY(find_record(csv, &whole, &next));
        if (whole) break;
        DESY_TRY(desy_text_more(range));
    }
    range->at = next;
    for (size_t i = 0; i < csv->n; i++) csv->fields[i] = finish_field(range->text, &csv->found[i]);
    *fields = csv->fields;
    *n = csv->n;
out:
    return rc;
}

uint64_t desy_csv_offset(const desy_csv *csv) { return csv->offset; }
uint64_t desy_csv_end(const desy_csv *csv) { return csv->range.offset + csv->range.at; }

void desy_csv_close(desy_csv **out)
{
    desy_csv *csv = *out;
    if (!csv) return;
    desy_text_close(&csv->range);
    free(csv->found);
    free(csv->fields);
    free(csv);
    *out = NULL;
}

static bool neutralised;

void desy_csv_neutralise(bool on)
{
    neutralised = on;
}

void desy_csv_put(FILE *stream, const char *field)
{
    const bool formula = neutralised && *field && strchr("=+-@\t\r", *field);
    if (!strpbrk(field, ",\"\r\n")) {
        if (formula) putc('\'', stream);
        fputs(field, stream);
        return;
    }
    putc('"', stream);
    if (formula) putc('\'', stream);
    for (; *field; field++) {
        if (*field == '"') putc('"', stream);
        putc(*field, stream);
    }
    putc('"', stream);
}
