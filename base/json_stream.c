/* A JSON array or JSON Lines, element by element: finds where an element ends, then lets cJSON parse just that. */
#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desy_json_stream {
    FILE *file;
    char *path, *buffer; /* buffer: the element being collected */
    size_t used, room;
    long line, item, began; /* line now; number and first line of the last element */
    bool array, ended;
};

static int next_char(desy_json_stream *stream)
{
    int c = getc_unlocked(stream->file);
    if (c == '\n') stream->line++;
    return c;
}

static int next_solid(desy_json_stream *stream)
{
    int c;
    do c = next_char(stream);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    return c;
}

static void put_back(desy_json_stream *stream, int c)
{
    if (c == '\n') stream->line--;
    if (c != EOF) ungetc(c, stream->file);
}

int desy_json_stream_open(desy_json_stream **out, const char *path)
{
    if (desy_is_directory(path)) return desy_error(DESY_EDATA, "%s: is a directory, a JSON file is needed", path);
    desy_json_stream *stream = calloc(1, sizeof *stream);
    if (!stream || !(stream->path = strdup(path))) {
        free(stream);
        return desy_error_memory(path);
    }
    *out = stream;
    stream->line = 1;
    stream->file = fopen(path, "rbe");
    if (!stream->file) {
        int rc = desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
        desy_json_stream_close(out);
        return rc;
    }
    int c = next_solid(stream);
    if (c == 0xEF && next_char(stream) == 0xBB && next_char(stream) == 0xBF) c = next_solid(stream); /* a byte order mark */
    stream->array = c == '[';
    if (!stream->array) put_back(stream, c);
    return DESY_OK;
}

static int fail(const desy_json_stream *stream, const char *what)
{
    return desy_error(DESY_EDATA, "%s: line %ld, item %ld: %s", stream->path, stream->line, stream->item, what);
}

/* The end of the file, unless reading it failed: a bad disk must not look like a short list. */
static int check_end(const desy_json_stream *stream)
{
    return ferror(stream->file) ? fail(stream, strerror(errno)) : DESY_OK;
}

static int keep(desy_json_stream *stream, int c)
{
    if (stream->used + 1 >= stream->room) {
        size_t room = stream->room ? 2 * stream->room : 1024;
        char *larger = realloc(stream->buffer, room);
        if (!larger) return desy_error_memory(stream->path);
        stream->buffer = larger, stream->room = room;
    }
    stream->buffer[stream->used++] = (char)c;
    return DESY_OK;
}

/* Collects one element that starts with `c`: to where its brackets close, or (a bare value) to the next separator. */
static int collect(desy_json_stream *stream, int c)
{
    int depth = 0;
    bool quoted = false, escaped = false;
    stream->used = 0;
    for (;; c = next_char(stream)) {
        if (c == EOF && check_end(stream) != DESY_OK) return DESY_EDATA;
        if (c == EOF && (depth || quoted)) {
            stream->line = stream->began; /* the fault is nearer to there than to the end of the file */
            return fail(stream, "the file ends in the middle of an element that begins here");
        }
        if (c == EOF) return DESY_OK;
        if (quoted && c == '\n') {
            stream->line--;
            return fail(stream, "the line ends in the middle of a text: a quotation mark is missing or too many");
        }
        if (!quoted && depth == 0 && (c == ',' || c == ']' || c == '\n')) {
            put_back(stream, c);
            return DESY_OK;
        }
        int rc = keep(stream, c);
        if (rc != DESY_OK) return rc;
        if (quoted) {
            if (!escaped && c == '"') quoted = false;
            escaped = !escaped && c == '\\';
            continue;
        }
        if (c == '"') quoted = true;
        else if (c == '{' || c == '[') depth++;
        else if (c == '}' || c == ']') {
            if (--depth < 0) return fail(stream, "a closing bracket without its opening one");
            if (depth == 0) return DESY_OK;
        }
    }
}

int desy_json_stream_next(desy_json_stream *stream, cJSON **element)
{
    *element = NULL;
    if (stream->ended) return DESY_OK;
    int c = next_solid(stream);
    if (stream->array && stream->item > 0 && c == ',') {
        c = next_solid(stream);
        if (c == ']') return fail(stream, "a comma before the end of the array");
    } else if (stream->array && stream->item > 0 && c != ']' && c != EOF) return fail(stream, "a comma is missing between two elements");
    int rc = c == EOF ? check_end(stream) : DESY_OK;
    if (rc != DESY_OK) return rc;
    if (stream->array ? c == ']' : c == EOF) {
        stream->ended = true;
        if (stream->array && next_solid(stream) != EOF) return fail(stream, "text after the end of the array");
        return DESY_OK;
    }
    stream->item++;
    stream->began = stream->line;
    if (c == EOF) return fail(stream, "the file ends before the array is closed");
    rc = collect(stream, c);
    return rc != DESY_OK ? rc : desy_json_parse_element(element, stream->buffer, stream->used, stream->path, stream->began, stream->item);
}

long desy_json_stream_line(const desy_json_stream *stream)
{
    return stream->began;
}

long desy_json_stream_item(const desy_json_stream *stream)
{
    return stream->item;
}

void desy_json_stream_close(desy_json_stream **stream)
{
    if (!*stream) return;
    if ((*stream)->file) fclose((*stream)->file);
    free((*stream)->path);
    free((*stream)->buffer);
    free(*stream);
    *stream = NULL;
}
