#include "eval/csv.h"

#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct desy_csv {
    FILE *stream;
    char *path, *text, **fields;
    size_t text_size, text_room, *starts, n, room; /* fields begin at text + starts[i], each with a NUL */
    long line, record_line;
};

int desy_csv_open(desy_csv **out, const char *path)
{
    desy_csv *csv = calloc(1, sizeof *csv);
    *out = csv;
    if (!csv || !(csv->path = strdup(path))) {
        desy_csv_close(out);
        return desy_error_memory("a CSV reader");
    }
    csv->line = 1;
    csv->stream = fopen(path, "rb");
    if (!csv->stream) {
        desy_csv_close(out);
        return desy_error(DESY_EDATA, "%s: can't be read: %s", path, strerror(errno));
    }
    static const char mark[] = "\xef\xbb\xbf";
    char start[3];
    if (fread(start, 1, 3, csv->stream) != 3 || memcmp(start, mark, 3) != 0) rewind(csv->stream);
    return DESY_OK;
}

static int push(desy_csv *csv, char byte)
{
    if (csv->text_size == csv->text_room) {
        const size_t room = csv->text_room ? csv->text_room * 2 : 256;
        char *text = realloc(csv->text, room);
        if (!text) return desy_error_memory("a CSV record");
        csv->text = text;
        csv->text_room = room;
    }
    csv->text[csv->text_size++] = byte;
    return DESY_OK;
}

static int start_field(desy_csv *csv)
{
    if (csv->n == csv->room) {
        const size_t room = csv->room ? csv->room * 2 : 16;
        size_t *starts = realloc(csv->starts, room * sizeof *starts);
        if (starts) csv->starts = starts;
        char **fields = realloc(csv->fields, room * sizeof *fields);
        if (fields) csv->fields = fields;
        if (!starts || !fields) return desy_error_memory("a CSV record");
        csv->room = room;
    }
    csv->starts[csv->n++] = csv->text_size;
    return DESY_OK;
}

static int bad_quote(const desy_csv *csv, const char *what)
{
    return desy_error(DESY_EDATA, "%s:%ld: %s; a field with quotes is written as \"...\", quotes within it doubled", csv->path, csv->line, what);
}

static int zero_byte(const desy_csv *csv)
{
    return desy_error(DESY_EDATA, "%s:%ld: a zero byte; this is not a text file", csv->path, csv->line);
}

/* One field into `text`; *end: the byte that ended it (',', '\n' or EOF). */
static int read_field(desy_csv *csv, int first, int *end)
{
    int rc = start_field(csv), byte = first;
    if (rc != DESY_OK) return rc;
    if (byte == '"') {
        for (;;) {
            byte = getc(csv->stream);
            if (byte == EOF) return bad_quote(csv, "the file ends within quotes");
            if (byte == '"' && (byte = getc(csv->stream)) != '"') break;
            if (byte == '\n') csv->line++;
            if (byte == 0) return zero_byte(csv);
            DESY_TRY(push(csv, (char)byte));
        }
    } else
        for (; byte != ',' && byte != '\n' && byte != '\r' && byte != EOF; byte = getc(csv->stream)) {
            if (byte == '"') return bad_quote(csv, "a quote inside a field that does not begin with one");
            if (byte == 0) return zero_byte(csv);
            DESY_TRY(push(csv, (char)byte));
        }
    if (byte == '\r') {
        byte = getc(csv->stream);
        if (byte != '\n' && byte != EOF) return desy_error(DESY_EDATA, "%s:%ld: a carriage return within a line", csv->path, csv->line);
    }
    if (byte != ',' && byte != '\n' && byte != EOF) return bad_quote(csv, "text after a closing quote");
    if (byte == '\n') csv->line++;
    *end = byte;
    rc = push(csv, '\0');
out:
    return rc;
}

int desy_csv_next(desy_csv *csv, char ***fields, size_t *n)
{
    int byte;
    csv->n = csv->text_size = *n = 0;
    while ((byte = getc(csv->stream)) == '\n' || byte == '\r')
        if (byte == '\n') csv->line++;
    csv->record_line = csv->line;
    if (byte == EOF) return ferror(csv->stream) ? desy_error(DESY_EDATA, "%s: can't be read: %s", csv->path, strerror(errno)) : DESY_OK;
    for (;;) {
        int end = EOF, rc = read_field(csv, byte, &end);
        if (rc != DESY_OK) return rc;
        if (end != ',') break;
        byte = getc(csv->stream);
    }
    for (size_t i = 0; i < csv->n; i++) csv->fields[i] = csv->text + csv->starts[i];
    *fields = csv->fields;
    *n = csv->n;
    return DESY_OK;
}

long desy_csv_line(const desy_csv *csv) { return csv->record_line; }

void desy_csv_close(desy_csv **out)
{
    desy_csv *csv = *out;
    if (!csv) return;
    if (csv->stream) fclose(csv->stream);
    free(csv->path);
    free(csv->text);
    free(csv->fields);
    free(csv->starts);
    free(csv);
    *out = NULL;
}

void desy_csv_put(FILE *stream, const char *field)
{
    if (!strpbrk(field, ",\"\r\n")) {
        fputs(field, stream);
        return;
    }
    putc('"', stream);
    for (; *field; field++) {
        if (*field == '"') putc('"', stream);
        putc(*field, stream);
    }
    putc('"', stream);
}
