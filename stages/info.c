/* desy info: what is inside a store or a model, checksums verified. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "features/blocks.h"
#include "features/store.h"
#include "stages/commands.h"
#include "train/classifier.h"

#include <stdlib.h>
#include <string.h>

/* What the clips of a store are like. */
struct summary {
    size_t labels[3], failed, failed_windows, failed_views; /* items; clips of items of which another one could be read */
    size_t rotated, reordered, with_sound;    /* items: turned upright, with B-frames, with sound to their first clip */
    int64_t longest_gop, most_windows, most_views;
    cJSON *codecs, *containers;               /* name: items */
    double duration[2], fps[2], width[2], height[2]; /* least and most */
};

static void count_name(cJSON *counts, const char *name)
{
    cJSON *count = cJSON_GetObjectItemCaseSensitive(counts, name);
    if (count) cJSON_SetNumberValue(count, count->valuedouble + 1);
    else cJSON_AddNumberToObject(counts, name, 1);
}

static void widen(double range[2], double value)
{
    if (range[1] == 0 || value < range[0]) range[0] = value;
    if (value > range[1]) range[1] = value;
}

/* The first clip of an item that could be read tells of its video. */
static void summarise_video(struct summary *s, const struct desy_store_row *row)
{
    count_name(s->codecs, row->codec);
    count_name(s->containers, row->container);
    s->rotated += row->rotation != 0;
    s->reordered += row->reordering > 0;
    s->with_sound += row->audio_samples > 0;
    if (row->longest_gop > s->longest_gop) s->longest_gop = row->longest_gop;
    widen(s->duration, row->duration);
    widen(s->fps, row->fps);
    widen(s->width, row->width);
    widen(s->height, row->height);
}

static int summarise(struct summary *s, desy_store *store)
{
    uint64_t last = 0;
    bool told = false;
    int rc = DESY_OK;
    for (size_t i = 0; i < desy_store_videos(store); i++) {
        struct desy_store_row row;
        DESY_TRY(desy_store_read_rows(store, i, 1, &row));
        const bool first = i == 0 || row.id != last, ok = row.status == DESY_STATUS_OK;
        if (first) s->labels[row.label + 1]++, told = false;
        s->failed += first && !ok;
        s->failed_windows += !first && !ok && row.view == 0;
        s->failed_views += !ok && row.view > 0;
        if (row.view > s->most_views) s->most_views = row.view;
        if (ok && !told) summarise_video(s, &row);
        told |= ok;
        if (row.window >= s->most_windows) s->most_windows = row.window + 1;
        last = row.id;
        desy_store_row_free(&row);
    }
out:
    return rc;
}

static void add_range(cJSON *report, const char *name, const double range[2])
{
    if (range[1] > 0) cJSON_AddItemToObject(report, name, cJSON_CreateDoubleArray(range, 2));
}

static void describe_videos(cJSON *report, struct summary *s, const struct desy_store_shape *shape)
{
    cJSON_AddNumberToObject(report, "most_windows", (double)s->most_windows);
    if (s->most_views) cJSON_AddNumberToObject(report, "most_views", (double)s->most_views);
    if (s->failed_views) cJSON_AddNumberToObject(report, "n_failed_views", (double)s->failed_views);
    if (s->failed_windows) cJSON_AddNumberToObject(report, "n_failed_windows", (double)s->failed_windows);
    cJSON_AddBoolToObject(report, "crops", shape->crops);
    cJSON_AddBoolToObject(report, "audio", shape->audio);
    if (shape->audio) cJSON_AddNumberToObject(report, "n_with_sound", (double)s->with_sound);
    cJSON_AddItemToObject(report, "codecs", s->codecs);
    cJSON_AddItemToObject(report, "containers", s->containers);
    s->codecs = s->containers = NULL;
    add_range(report, "width", s->width);
    add_range(report, "height", s->height);
    add_range(report, "fps", s->fps);
    add_range(report, "duration", s->duration);
    cJSON_AddNumberToObject(report, "longest_gop", (double)s->longest_gop);
    cJSON_AddNumberToObject(report, "n_with_b_frames", (double)s->reordered);
    cJSON_AddNumberToObject(report, "n_rotated", (double)s->rotated);
}

/* What the numbers of a frame are. */
static int describe_blocks(cJSON *report)
{
    cJSON *blocks = cJSON_AddArrayToObject(report, "blocks");
    for (const struct desy_feature_block *b = desy_feature_blocks; blocks && b->name; b++) {
        cJSON *block = cJSON_CreateObject();
        cJSON_AddItemToArray(blocks, block);
        cJSON_AddStringToObject(block, "name", b->name);
        cJSON_AddNumberToObject(block, "first", b->first);
        cJSON_AddNumberToObject(block, "count", b->count);
        cJSON_AddStringToObject(block, "scale", b->scale);
        cJSON_AddStringToObject(block, "formula", b->formula);
        cJSON_AddStringToObject(block, "source", b->source);
    }
    return blocks ? DESY_OK : desy_error_memory("the report");
}

static int describe_store(cJSON *report, const char *path)
{
    int rc;
    char sha256[65];
    desy_store *store = NULL;
    struct summary summary = {.codecs = cJSON_CreateObject(), .containers = cJSON_CreateObject()};
    const size_t *labels = summary.labels;
    if (!summary.codecs || !summary.containers) DESY_TRY(desy_error_memory("the report"));
    DESY_TRY(desy_store_open(&store, path));
    DESY_TRY(desy_store_verify(store));
    DESY_TRY(desy_store_content_sha256(store, sha256));
    DESY_TRY(summarise(&summary, store));
    cJSON_AddStringToObject(report, "kind", "store");
    cJSON_AddStringToObject(report, "path", path);
    cJSON_AddStringToObject(report, "extractor", desy_store_extractor(store));
    cJSON_AddNumberToObject(report, "items", (double)desy_store_items(store));
    cJSON_AddNumberToObject(report, "rows", (double)desy_store_rows(store));
    cJSON_AddNumberToObject(report, "frames", desy_store_frames(store));
    cJSON_AddNumberToObject(report, "dims", desy_store_dims(store));
    cJSON_AddNumberToObject(report, "n_pos", (double)labels[2]);
    cJSON_AddNumberToObject(report, "n_neg", (double)labels[1]);
    cJSON_AddNumberToObject(report, "n_unlabelled", (double)labels[0]);
    cJSON_AddNumberToObject(report, "n_failed", (double)summary.failed);
    if (strcmp(desy_store_extractor(store), "hybrid") == 0) DESY_TRY(describe_blocks(report));
    describe_videos(report, &summary, desy_store_shape(store));
    cJSON_AddStringToObject(report, "content_sha256", sha256);
out:
    desy_store_close(&store);
    cJSON_Delete(summary.codecs);
    cJSON_Delete(summary.containers);
    return rc;
}

static int describe_model(cJSON *report, const char *path)
{
    int rc;
    cJSON *model = NULL;
    char *json = NULL;
    desy_classifier *classifier = NULL;
    DESY_TRY(desy_classifier_open(&classifier, path, "cpu"));
    json = desy_path_join(desy_classifier_directory(classifier), "model.json");
    if (!json) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_json_read(&model, json));
    cJSON_AddStringToObject(report, "kind", "model");
    cJSON_AddStringToObject(report, "path", desy_classifier_directory(classifier));
    cJSON_AddStringToObject(report, "model_sha256", desy_classifier_sha256(classifier));
    while (model->child) {
        cJSON *member = cJSON_DetachItemViaPointer(model, model->child);
        cJSON_AddItemToObject(report, member->string, member);
    }
out:
    cJSON_Delete(model);
    free(json);
    desy_classifier_close(&classifier);
    return rc;
}

int desy_info_command(struct desy_invocation *invocation)
{
    int rc;
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one store or one model: desy info STORE|MODEL");
    const char *path = invocation->arguments[0];
    if (invocation->output) return desy_error(DESY_EUSAGE, "info prints to stdout and takes no -o");
    char *text = NULL, *index = desy_path_join(path, "extract.json"), *model = desy_path_join(path, "model.json"), *current = desy_path_join(path, "current");
    cJSON *report = cJSON_CreateObject(), *member = NULL;
    if (!index || !model || !current || !report) DESY_TRY(desy_error_memory("the report"));
    if (!desy_file_exists(index) && !desy_file_exists(model) && !desy_file_exists(current))
        DESY_TRY(desy_error(DESY_EDATA, "%s: neither a feature store (extract.json, index.h5) nor a model (model.json, or current)", path));
    DESY_TRY(desy_file_exists(index) ? describe_store(report, path) : describe_model(report, path));
    if (invocation->json) rc = desy_json_print(report, true, path);
    else
        cJSON_ArrayForEach(member, report)
        {
            const cJSON *words = strcmp(member->string, "drift") == 0 ? desy_json_member(member, "over") : NULL; /* else thousands of quantiles */
            DESY_TRY(desy_json_text(&text, words ? words : member, false, path));
            printf("%-16s %s\n", member->string, text);
            free(text);
            text = NULL;
        }
out:
    cJSON_Delete(report);
    free(text);
    free(index);
    free(model);
    free(current);
    return rc;
}
