#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_INTEGER 9007199254740992.0 /* 2^53 */

static long line_of(const char *text, const char *position)
{
    long line = 1;
    for (const char *c = text; c < position; c++) line += *c == '\n';
    return line;
}

/* Bytes of the UTF-8 character at `c` (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0 if there is none. Text ends with NUL. */
static int utf8_length(const unsigned char *c)
{
    const int length = *c < 0x80 ? 1 : *c >= 0xc2 && *c < 0xe0 ? 2 : (*c & 0xf0) == 0xe0 ? 3 : *c >= 0xf0 && *c < 0xf5 ? 4 : 0;
    for (int i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] >= 0xa0) || (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] >= 0x90)) return 0;
    return length;
}

/* What is wrong with a text before cJSON sees it, which lets these pass; NULL: nothing. *position: where. */
static const char *find_bad_text(const char *text, size_t size, const char **position)
{
    char character[5] = "";
    for (const char *c = text; c < text + size;) {
        const size_t left = (size_t)(text + size - c);
        memcpy(character, c, left < 4 ? left : 4);
        character[left < 4 ? left : 4] = '\0';
        const int length = utf8_length((const unsigned char *)character);
        *position = c;
        if (length == 0) return "not UTF-8";
        if (*c == '\\' && left >= 6 && memcmp(c, "\\u0000", 6) == 0) return "a text with \\u0000 in it";
        c += *c == '\\' && left >= 2 ? 1 + (c[1] > 0) : length; /* what is escaped is not looked at */
    }
    return NULL;
}

/* Names of files need not be UTF-8, JSON must be: what is not becomes U+FFFD. Takes and returns an allocated text; NULL: no memory. */
static char *mend_utf8(char *text)
{
    size_t bad = 0, used = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c += utf8_length(c) ? utf8_length(c) : 1) bad += utf8_length(c) == 0;
    if (bad == 0) return text;
    char *mended = malloc(strlen(text) + 2 * bad + 1);
    for (const unsigned char *c = (const unsigned char *)text; mended && *c;) {
        const int length = utf8_length(c);
        memcpy(mended + used, length ? (const char *)c : "\xef\xbf\xbd", (size_t)(length ? length : 3));
        used += (size_t)(length ? length : 3);
        c += length ? length : 1;
    }
    if (mended) mended[used] = '\0';
    free(text);
    return mended;
}

/* cJSON keeps both of two equal keys and finds the first: silently wrong either way. Sorting keeps large objects cheap. */
static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_duplicate(const cJSON *value, const char **duplicate)
{
    const cJSON *child = NULL;
    size_t n = 0;
    int rc = DESY_OK;
    cJSON_ArrayForEach(child, value)
    {
        n++;
        if (child->child) rc = find_duplicate(child, duplicate);
        if (rc != DESY_OK || *duplicate) return rc;
    }
    if (!cJSON_IsObject(value) || n < 2) return DESY_OK;
    const char **keys = malloc(n * sizeof *keys);
    if (!keys) return desy_error_memory("the keys of a JSON object");
    n = 0;
    cJSON_ArrayForEach(child, value) keys[n++] = child->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0) *duplicate = keys[i];
    free(keys);
    return DESY_OK;
}

int desy_json_parse(cJSON **json, const char *text, size_t size, const char *name)
{
    return desy_json_parse_element(json, text, size, name, 1, 0);
}

int desy_json_parse_element(cJSON **json, const char *text, size_t size, const char *name, long line, long item)
{
    const char *end = NULL, *duplicate = NULL;
    char where[48] = "";
    if (item > 0) snprintf(where, sizeof where, ", item %ld", item);
    const char *bad = find_bad_text(text, size, &end);
    if (bad) return desy_error(DESY_EDATA, "%s: line %ld%s: %s", name, line + line_of(text, end) - 1, where, bad);
    end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (!value) return desy_error(DESY_EDATA, "%s: line %ld%s: not valid JSON", name, line + line_of(text, end ? end : text) - 1, where);
    for (; end < text + size; end++)
        if (!strchr(" \t\r\n", *end) || *end == '\0') {
            cJSON_Delete(value);
            return desy_error(DESY_EDATA, "%s: line %ld%s: text after the end of the JSON value", name, line + line_of(text, end) - 1, where);
        }
    int rc = find_duplicate(value, &duplicate);
    if (rc == DESY_OK && duplicate) rc = desy_error(DESY_EDATA, "%s: line %ld%s: the key \"%s\" stands twice in one object", name, line, where, duplicate);
    if (rc != DESY_OK) cJSON_Delete(value);
    else *json = value;
    return rc;
}

int desy_json_read(cJSON **json, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    int rc = desy_file_read(&text, &size, path);
    if (rc != DESY_OK) return rc;
    rc = desy_json_parse(json, text, size, path);
    free(text);
    return rc;
}

static bool all_finite(const cJSON *value)
{
    if (cJSON_IsNumber(value) && !isfinite(value->valuedouble)) return false;
    for (const cJSON *child = value->child; child; child = child->next)
        if (!all_finite(child)) return false;
    return true;
}

/* cJSON is content with 15 digits where the value read back is off by no more than 2^-52 of it: put our own text there. */
static bool spell_numbers(cJSON *value)
{
    char text[DESY_NUMBER_TEXT];
    if (cJSON_IsNumber(value)) {
        value->valuestring = strdup(desy_number_text(text, value->valuedouble));
        value->type = cJSON_Raw;
        return value->valuestring != NULL;
    }
    for (cJSON *child = value->child; child; child = child->next)
        if (!spell_numbers(child)) return false;
    return true;
}

int desy_json_text(char **text, const cJSON *json, bool indented, const char *name)
{
    if (!all_finite(json)) return desy_error(DESY_EUSAGE, "%s: JSON has no NaN and no infinity", name);
    cJSON *copy = cJSON_Duplicate(json, true);
    *text = copy && spell_numbers(copy) ? cJSON_PrintBuffered(copy, 4096, indented) : NULL;
    cJSON_Delete(copy);
    if (*text) *text = mend_utf8(*text);
    return *text ? DESY_OK : desy_error_memory(name);
}

int desy_json_print(const cJSON *json, bool indented, const char *name)
{
    char *text = NULL;
    int rc = desy_json_text(&text, json, indented, name);
    if (rc == DESY_OK) puts(text);
    free(text);
    return rc;
}

int desy_json_write(const cJSON *json, const char *path)
{
    char *text = NULL;
    int rc = desy_json_text(&text, json, true, path);
    if (rc != DESY_OK) return rc;
    struct desy_atomic_file file;
    rc = desy_atomic_open(&file, path);
    if (rc == DESY_OK) {
        fprintf(file.stream, "%s\n", text);
        rc = desy_atomic_commit(&file);
    }
    free(text);
    return rc;
}

static int member(const cJSON **value, const cJSON *object, const char *key, const char *where)
{
    *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return *value ? DESY_OK : desy_error(DESY_EDATA, "%s: \"%s\" is missing", where, key);
}

int desy_json_string(const char **out, const cJSON *object, const char *key, const char *where)
{
    const cJSON *value;
    int rc = member(&value, object, key, where);
    if (rc != DESY_OK) return rc;
    if (!cJSON_IsString(value)) return desy_error(DESY_EDATA, "%s: \"%s\" must be a string", where, key);
    *out = value->valuestring;
    return DESY_OK;
}

double desy_json_number_of(const cJSON *object, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

const char *desy_json_text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

int desy_json_double(double *out, const cJSON *object, const char *key, const char *where)
{
    const cJSON *value;
    int rc = member(&value, object, key, where);
    if (rc != DESY_OK) return rc;
    if (!cJSON_IsNumber(value)) return desy_error(DESY_EDATA, "%s: \"%s\" must be a number", where, key);
    *out = value->valuedouble;
    return DESY_OK;
}

int desy_json_integer(long long *out, const cJSON *object, const char *key, const char *where)
{
    double value;
    int rc = desy_json_double(&value, object, key, where);
    if (rc != DESY_OK) return rc;
    if (value != floor(value) || fabs(value) > EXACT_INTEGER) return desy_error(DESY_EDATA, "%s: \"%s\" must be a whole number", where, key);
    *out = (long long)value;
    return DESY_OK;
}

const char *desy_number_text(char text[DESY_NUMBER_TEXT], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, DESY_NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}

bool desy_json_add_copy(cJSON *object, const char *key, const cJSON *value)
{
    cJSON *copy = value ? cJSON_Duplicate(value, true) : NULL;
    if (!value || (copy && cJSON_AddItemToObject(object, key, copy))) return true;
    cJSON_Delete(copy);
    return false;
}
