#include "eval/hardest.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/figures.h"
#include "eval/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    double wrongness; /* higher: more wrong */
    const char *id;
    uint64_t row;
    cJSON *json;      /* on rank 0 */
};

static int worst_first(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->wrongness != b->wrongness) return a->wrongness > b->wrongness ? -1 : 1;
    const int order = strcmp(a->id, b->id);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

/* Keeps the worst of them in order: found[DESY_HARDEST], *n so far. */
static void keep(struct candidate *found, size_t *n, const struct candidate *candidate)
{
    size_t at = *n < DESY_HARDEST ? (*n)++ : DESY_HARDEST - 1;
    if (at == DESY_HARDEST - 1 && *n == DESY_HARDEST && found[at].id && worst_first(candidate, &found[at]) > 0) return;
    for (; at > 0 && worst_first(candidate, &found[at - 1]) < 0; at--) found[at] = found[at - 1];
    found[at] = *candidate;
}

static int put_candidate(FILE *stream, const struct desy_scores *scores, const struct desy_evaluated *evaluated, size_t i)
{
    const struct desy_score_row row = desy_scores_row(scores, evaluated->rows[i]);
    cJSON *entry = cJSON_CreateObject();
    char *text = NULL;
    const bool ok = entry && desy_figure_text(entry, "id", row.id) && (!*row.video_path || desy_figure_text(entry, "video_path", row.video_path))
                    && (!*row.source || desy_figure_text(entry, "source", row.source)) && desy_figure(entry, "score", row.score)
                    && desy_figure_integer(entry, "row", (int64_t)(evaluated->first_row + evaluated->rows[i]));
    int rc = ok ? desy_json_text(&text, entry, false, "hardest") : desy_error_memory("the hardest clips");
    if (rc == DESY_OK) fprintf(stream, "%s\n", text);
    free(text);
    cJSON_Delete(entry);
    return rc;
}

/* This rank's worst clips of a label, a line of JSON each. */
static int find_mine(const struct desy_scores *scores, const struct desy_evaluated *evaluated, int label, char **text, size_t *size)
{
    struct candidate found[DESY_HARDEST] = {0};
    size_t n = 0;
    int rc = DESY_OK;
    for (size_t i = 0; i < evaluated->n; i++) {
        const struct desy_ranked *clip = &evaluated->clips[i];
        if ((int)clip->label == label) keep(found, &n, &(struct candidate){label ? -clip->score : clip->score, desy_texts_at(&scores->id, evaluated->rows[i]), i, NULL});
    }
    FILE *stream = open_memstream(text, size);
    if (!stream) return desy_error_memory("the hardest clips");
    for (size_t i = 0; rc == DESY_OK && i < n; i++) rc = put_candidate(stream, scores, evaluated, (size_t)found[i].row);
    return fclose(stream) == 0 ? rc : desy_error_memory("the hardest clips");
}

/* Rank 0: the worst of all ranks' lines. */
static int merge(char *lines, size_t size, int label, struct candidate *found, size_t *n)
{
    for (char *line = lines, *end; line < lines + size; line = end + 1) {
        end = memchr(line, '\n', (size_t)(lines + size - line));
        cJSON *entry = cJSON_ParseWithLength(line, (size_t)(end - line));
        if (!entry) return desy_error_memory("the hardest clips");
        const double score = desy_json_number_of(entry, "score");
        struct candidate last = *n == DESY_HARDEST ? found[DESY_HARDEST - 1] : (struct candidate){0};
        const struct candidate candidate = {label ? -score : score, desy_json_text_of(entry, "id"), (uint64_t)desy_json_number_of(entry, "row"), entry};
        keep(found, n, &candidate);
        bool kept = false;
        for (size_t i = 0; i < *n; i++) kept |= found[i].json == entry;
        cJSON_Delete(kept ? last.json : entry);
    }
    return DESY_OK;
}

/* A name that can stand in a path: ids of stores are 16 hexadecimal digits. */
static bool is_plain(const char *id) { return *id && strspn(id, "0123456789abcdef") == strlen(id) && strlen(id) == 16; }

static int add_thumbnail(cJSON *entry, const struct desy_report_options *options, uint64_t row)
{
    const struct desy_known *known = options->known;
    const char *id = desy_json_text_of(entry, "id");
    if (!is_plain(id)) return DESY_OK;
    char *name = desy_format("thumbnails/%s.jpg", id), *path = name ? desy_path_join(options->directory, name) : NULL;
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && known->draw(known->context, row, path) && !desy_figure_text(entry, "thumbnail", name)) rc = desy_error_memory("the hardest clips");
    free(name);
    free(path);
    return rc;
}

static int add_list(cJSON *hardest, const char *name, char *lines, size_t size, int label, const struct desy_report_options *options)
{
    struct candidate found[DESY_HARDEST] = {0};
    size_t n = 0, given = 0;
    cJSON *list = cJSON_AddArrayToObject(hardest, name);
    int rc = list ? merge(lines, size, label, found, &n) : desy_error_memory("the hardest clips");
    for (; rc == DESY_OK && given < n; given++) {
        if (options->known && options->known->draw && (int)given < options->thumbnails) DESY_TRY(add_thumbnail(found[given].json, options, found[given].row));
        if (!cJSON_AddItemToArray(list, found[given].json)) DESY_TRY(desy_error_memory("the hardest clips"));
    }
out:
    for (; given < n; given++) cJSON_Delete(found[given].json);
    return rc;
}

int desy_hardest_add(desy_world *world, const struct desy_scores *scores, const struct desy_evaluated *evaluated, const struct desy_report_options *options, cJSON *json)
{
    static const char *const names[2] = {"false_alarms", "missed"};
    cJSON *hardest = NULL;
    int rc = DESY_OK;
    if (json && !(hardest = cJSON_AddObjectToObject(json, "hardest"))) rc = desy_error_memory("the hardest clips");
    if (hardest && options->known && options->known->draw && options->thumbnails > 0) {
        char *path = desy_path_join(options->directory, "thumbnails");
        rc = path ? desy_make_directory(path) : desy_error_memory("a path");
        free(path);
    }
    rc = desy_agree(world, rc);
    for (int label = 1; rc == DESY_OK && label >= 0; label--) {
        char *mine = NULL, *all = NULL;
        size_t size = 0, total = 0;
        rc = desy_agree(world, find_mine(scores, evaluated, label, &mine, &size));
        if (rc == DESY_OK) rc = desy_gather(world, mine, size, 1, (void **)&all, &total);
        if (rc == DESY_OK && hardest) rc = add_list(hardest, names[label], all, total, label, options);
        rc = desy_agree(world, rc);
        free(mine);
        free(all);
    }
    return rc;
}
