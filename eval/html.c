#include "eval/html.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void desy_html_put(FILE *stream, const char *text)
{
    while (text && *text) {
        const int n = desy_text_character(text);
        const bool control = n == 1 && ((*text < 0x20 && *text != '\t' && *text != '\n') || *text == 0x7f);
        if (n == 0 || control) fputs("\xef\xbf\xbd", stream);
        else if (*text == '&') fputs("&amp;", stream);
        else if (*text == '<') fputs("&lt;", stream);
        else if (*text == '>') fputs("&gt;", stream);
        else if (*text == '"') fputs("&quot;", stream);
        else if (*text == '\'') fputs("&#39;", stream);
        else fwrite(text, 1, (size_t)n, stream);
        text += n ? n : 1;
    }
}

void desy_html_number(FILE *stream, double value)
{
    char text[DESY_NUMBER_TEXT];
    desy_number_text(text, value);
    if (strlen(text) <= 7 || value == rint(value)) fputs(text, stream);
    else fprintf(stream, fabs(value) < 1e-3 ? "<span title=\"%s\">%.2e</span>" : "<span title=\"%s\">%.4f</span>", text, value);
}

void desy_html_percent(FILE *stream, double share)
{
    char text[DESY_NUMBER_TEXT];
    const double percent = 100 * share;
    const int places = percent != 0 && (percent < 1 || percent > 99) && percent != 100 ? 2 : 1; /* .08 %, and 99.95 % is not 100 */
    fprintf(stream, "<span title=\"%s\">%.*f %%</span>", desy_number_text(text, share), places, percent);
}

void desy_html_with_interval(FILE *stream, const cJSON *object, const char *key)
{
    char of[64];
    const double value = desy_json_number_of(object, key);
    if (isnan(value)) return;
    snprintf(of, sizeof of, "%s_ci", key);
    const cJSON *interval = cJSON_GetObjectItemCaseSensitive(object, of), *low = cJSON_GetArrayItem(interval, 0), *high = cJSON_GetArrayItem(interval, 1);
    desy_html_number(stream, value);
    if (!cJSON_IsNumber(low) || !cJSON_IsNumber(high)) return;
    const int places = fabs(high->valuedouble) >= 10 ? 0 : 3;
    fprintf(stream, " <span class=\"soft\">(%.*f to %.*f)</span>", places, low->valuedouble, places, high->valuedouble);
}

void desy_html_notes(FILE *stream, const cJSON *notes)
{
    const cJSON *note;
    if (cJSON_GetArraySize(notes) == 0) return;
    fputs("<div class=\"notes\" role=\"note\"><ul>\n", stream);
    cJSON_ArrayForEach(note, notes) {
        fputs("<li>", stream);
        desy_html_put(stream, cJSON_GetStringValue(note));
        fputs("</li>\n", stream);
    }
    fputs("</ul></div>\n", stream);
}

void desy_html_jpeg(FILE *stream, const char *directory, const char *name, const char *alternative)
{
    char *path = desy_path_join(directory, name), *bytes = NULL, *text = NULL;
    size_t size = 0;
    if (path && desy_file_read(&bytes, &size, path) == DESY_OK) text = desy_base64(bytes, size);
    if (text) fprintf(stream, "<img alt=\"%s\" src=\"data:image/jpeg;base64,%s\">", alternative, text);
    free(text);
    free(bytes);
    free(path);
}

static bool is_there(const cJSON *list, const struct desy_html_column *column)
{
    const cJSON *row;
    if (column->kind == DESY_HTML_NAME) return true;
    cJSON_ArrayForEach(row, list)
        if (cJSON_GetObjectItemCaseSensitive(row, column->key)) return true;
    return false;
}

static void put_cell(FILE *stream, const cJSON *row, const struct desy_html_column *column)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, column->key);
    const bool text = column->kind == DESY_HTML_TEXT || column->kind == DESY_HTML_NAME;
    fputs(column->kind == DESY_HTML_NAME ? "<th scope=\"row\">" : text ? "<td>" : "<td class=\"n\">", stream);
    if (column->kind == DESY_HTML_NAME) desy_html_put(stream, row->string ? row->string : "");
    else if (column->kind == DESY_HTML_INTERVAL) desy_html_with_interval(stream, row, column->key);
    else if (column->kind == DESY_HTML_PERCENT && cJSON_IsNumber(value)) desy_html_percent(stream, value->valuedouble);
    else if (cJSON_IsNumber(value)) desy_html_number(stream, value->valuedouble);
    else if (value) desy_html_value(stream, value);
    fputs(column->kind == DESY_HTML_NAME ? "</th>" : "</td>", stream);
}

void desy_html_table_begin(FILE *stream, const char *caption)
{
    fprintf(stream, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table><caption>%s</caption>", caption, caption);
}

void desy_html_table(FILE *stream, const cJSON *list, const char *caption, const struct desy_html_column *columns)
{
    const cJSON *row;
    if (!list || !list->child) return;
    desy_html_table_begin(stream, caption);
    fputs("<thead><tr>", stream);
    for (const struct desy_html_column *column = columns; column->title; column++)
        if (is_there(list, column)) fprintf(stream, "<th scope=\"col\"%s>%s</th>", column->kind == DESY_HTML_TEXT || column->kind == DESY_HTML_NAME ? "" : " class=\"n\"", column->title);
    fputs("</tr></thead><tbody>\n", stream);
    cJSON_ArrayForEach(row, list) {
        fputs("<tr>", stream);
        for (const struct desy_html_column *column = columns; column->title; column++)
            if (is_there(list, column)) put_cell(stream, row, column);
        fputs("</tr>\n", stream);
    }
    fputs("</tbody></table></div>\n", stream);
}

/* Objects of one shape: a column for each member of the widest. */
static void put_rows(FILE *stream, const cJSON *list)
{
    const cJSON *row, *cell, *widest = list->child;
    cJSON_ArrayForEach(row, list) if (cJSON_GetArraySize(row) > cJSON_GetArraySize(widest)) widest = row;
    fputs("<table><tr>", stream);
    cJSON_ArrayForEach(cell, widest) {
        fputs("<th scope=\"col\">", stream);
        desy_html_put(stream, cell->string);
        fputs("</th>", stream);
    }
    fputs("</tr>\n", stream);
    cJSON_ArrayForEach(row, list) {
        fputs("<tr>", stream);
        cJSON_ArrayForEach(cell, widest) {
            const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, cell->string);
            fputs("<td>", stream);
            if (value) desy_html_value(stream, value);
            fputs("</td>", stream);
        }
        fputs("</tr>\n", stream);
    }
    fputs("</table>\n", stream);
}

void desy_html_value(FILE *stream, const cJSON *value)
{
    char text[DESY_NUMBER_TEXT];
    const cJSON *child;
    if (cJSON_IsNumber(value)) fputs(desy_number_text(text, value->valuedouble), stream);
    else if (cJSON_IsString(value)) desy_html_put(stream, value->valuestring);
    else if (cJSON_IsBool(value)) fputs(cJSON_IsTrue(value) ? "yes" : "no", stream);
    else if (cJSON_IsArray(value) && cJSON_IsObject(value->child)) put_rows(stream, value);
    else if (cJSON_IsArray(value))
        cJSON_ArrayForEach(child, value) {
            desy_html_value(stream, child);
            if (child->next) fputs(", ", stream);
        }
    else if (cJSON_IsObject(value)) {
        fputs("<table>", stream);
        cJSON_ArrayForEach(child, value) {
            fputs("<tr><th scope=\"row\">", stream);
            desy_html_put(stream, child->string);
            fputs("</th><td>", stream);
            desy_html_value(stream, child);
            fputs("</td></tr>\n", stream);
        }
        fputs("</table>", stream);
    }
}
