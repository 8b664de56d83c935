#include "stages/feedback_export.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *left, const void *right)
{
    const struct desy_feedback_entry *const *a = left, *const *b = right;
    const int order = strcmp((*a)->id, (*b)->id);
    return order ? order : (*a > *b) - (*a < *b);
}

static bool is_sha256(const char *id) { return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64; }

/* What the labels of one video come to: true: an item was added; false: *why. */
static int add_video(cJSON *items, const struct desy_feedback_entry *const *entries, size_t n, const char *root, const char **why)
{
    const struct desy_feedback_entry *last = entries[n - 1];
    char sha256[DESY_SHA256_HEX], *joined = NULL, *path = NULL;
    int rc = DESY_OK;
    *why = NULL;
    for (size_t i = 0; i < n; i++) {
        if (entries[i]->label != last->label) *why = "its accepted labels differ: reject one of them";
        if (!*last->video_path && *entries[i]->video_path) last = entries[i];
    }
    if (!*why && !*last->video_path) *why = "the video was not kept";
    if (*why) return DESY_OK;
    joined = desy_path_join(root, last->video_path);
    if (!joined) DESY_TRY(desy_error_memory("a path"));
    if (!(path = realpath(joined, NULL)) || desy_sha256_file(sha256, path) != DESY_OK) *why = "the video is not there any more";
    else if (is_sha256(last->id) && strcmp(sha256, last->id) != 0) *why = "the file is not the video that was labelled: it has changed since";
    if (*why) goto out;
    cJSON *item = cJSON_CreateObject();
    cJSON_AddItemToArray(items, item);
    if (!cJSON_AddStringToObject(item, "video_path", path) || !cJSON_AddNumberToObject(item, "label", last->label) || !cJSON_AddStringToObject(item, "source", "feedback") ||
        !cJSON_AddStringToObject(item, "group", last->id))
        rc = desy_error_memory("a data set");
out:
    free(joined);
    free(path);
    return rc;
}

static int add_videos(cJSON *items, const struct desy_feedback_entry *const *entries, size_t n, const char *root, size_t *left_out)
{
    const char *why;
    int rc = DESY_OK;
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && strcmp(entries[next]->id, entries[first]->id) == 0; next++) {}
        DESY_TRY(add_video(items, entries + first, next - first, root, &why));
        if (!why) continue;
        desy_log_warning("feedback: %.16s is left out: %s", entries[first]->id, why);
        (*left_out)++;
    }
out:
    return rc;
}

int desy_feedback_export(const struct desy_feedback *feedback, const char *directory, const char *output)
{
    const struct desy_feedback_entry **entries = malloc((feedback->n + 1) * sizeof *entries);
    cJSON *items = cJSON_CreateArray();
    char *root = desy_is_directory(directory) ? strdup(directory) : desy_path_directory(directory);
    size_t n = 0, left_out = 0, pending = 0;
    int rc = entries && items && root ? DESY_OK : desy_error_memory("a data set");
    for (size_t i = 0; rc == DESY_OK && i < feedback->n; i++) {
        pending += feedback->entries[i].state == DESY_FEEDBACK_PENDING;
        if (feedback->entries[i].state == DESY_FEEDBACK_ACCEPTED) entries[n++] = &feedback->entries[i];
    }
    if (rc != DESY_OK) goto out;
    qsort(entries, n, sizeof *entries, by_id);
    DESY_TRY(add_videos(items, entries, n, root, &left_out));
    if (pending) desy_log_info("feedback: %zu records are not reviewed yet, and are left out", pending);
    if (cJSON_GetArraySize(items) == 0) DESY_TRY(desy_error(DESY_EDATA, "%s: no accepted record of a video that is there: desy feedback review accepts one", directory));
    DESY_TRY(desy_json_write(items, output));
    desy_log_info("feedback: %d videos in %s", cJSON_GetArraySize(items), output);
    if (left_out) rc = desy_error(DESY_EPARTIAL, "%zu videos are left out of %s, for the reasons above", left_out, output);
out:
    free(entries);
    free(root);
    cJSON_Delete(items);
    return rc;
}
