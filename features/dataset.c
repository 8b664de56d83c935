#include "features/dataset.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "features/dataset_table.h"
#include "features/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const desy_json_stream *stream, const char *path, const char *what, const char *advice)
{
    return desy_error(DESY_EDATA, "%s: line %ld, item %ld: %s%s", path, desy_json_stream_line(stream), desy_json_stream_item(stream), what, advice);
}

/* An optional text member; "" where absent or null. */
static int text_member(const char **value, const cJSON *object, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    *value = "";
    if (!member || cJSON_IsNull(member)) return 1;
    if (!cJSON_IsString(member)) return 0;
    *value = member->valuestring;
    return 1;
}

static int read_label(int *label, const cJSON *object)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, "label");
    *label = -1;
    if (!member || cJSON_IsNull(member)) return 1;
    if (!cJSON_IsNumber(member) || (member->valuedouble != 0 && member->valuedouble != 1)) return 0;
    *label = member->valuedouble == 1;
    return 1;
}

static double read_cost(const cJSON *object, const char *video_path)
{
    const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(object, "bytes"), *duration = cJSON_GetObjectItemCaseSensitive(object, "duration");
    if (cJSON_IsNumber(bytes) && bytes->valuedouble > 0) return bytes->valuedouble;
    /* Seconds stand beside bytes as if at one megabit a second: only the order matters. */
    if (cJSON_IsNumber(duration) && duration->valuedouble > 0) return duration->valuedouble * 131072;
    /* A part of a shard says its size itself: "shard.tar#offset+bytes". */
    const char *part = strrchr(video_path, '#'), *plus = part ? strchr(part, '+') : NULL;
    double size = plus ? strtod(plus + 1, NULL) : 0;
    return isfinite(size) && size > 0 ? size : 0;
}

static int read_item(struct desy_item *item, const cJSON *object, const desy_json_stream *stream, const char *path, bool need_labels)
{
    const char *split;
    if (!cJSON_IsObject(object)) return wrong(stream, path, "must be an object with video_path and label", "");
    const cJSON *video = cJSON_GetObjectItemCaseSensitive(object, "video_path");
    if (!cJSON_IsString(video) || !*video->valuestring) return wrong(stream, path, "\"video_path\" is missing, empty or no text", "");
    item->video_path = video->valuestring;
    if (!read_label(&item->label, object)) return wrong(stream, path, "\"label\" must be 0 (real) or 1 (AI-generated)", "");
    if (need_labels && item->label < 0) return wrong(stream, path, "\"label\" is missing", ": 0 for a real video, 1 for an AI-generated one");
    if (!text_member(&item->source, object, "source") || !text_member(&item->group, object, "group") || !text_member(&item->text, object, "text") ||
        !text_member(&item->audio_path, object, "audio_path") || !text_member(&split, object, "split"))
        return wrong(stream, path, "source, group, text, audio_path and split must be texts", "");
    if (desy_split_parse(&item->split, split) != DESY_OK) return wrong(stream, path, "\"split\" must be train, val or test", "");
    item->id = desy_hash64(item->video_path, strlen(item->video_path));
    item->cost = read_cost(object, item->video_path);
    return DESY_OK;
}

static int read_items(desy_dataset *dataset, desy_json_stream *stream, const char *path, bool need_labels)
{
    for (;;) {
        cJSON *object = NULL;
        struct desy_item item = {0};
        bool twice = false;
        int rc = desy_json_stream_next(stream, &object);
        if (rc != DESY_OK || !object) return rc;
        rc = read_item(&item, object, stream, path, need_labels);
        if (rc == DESY_OK) rc = desy_dataset_add(dataset, &item, &twice);
        if (rc == DESY_OK && twice) {
            char *advice = desy_format(" (\"%s\"): each video once", item.video_path);
            rc = wrong(stream, path, "this video_path stands in the list twice", advice ? advice : "");
            free(advice);
        }
        cJSON_Delete(object);
        if (rc != DESY_OK) return rc;
    }
}

int desy_dataset_open(desy_dataset **dataset, const char *path, bool need_labels)
{
    int rc;
    desy_json_stream *stream = NULL;
    char *root = desy_path_directory(path);
    *dataset = NULL;
    if (!root) return desy_error_memory(path);
    DESY_TRY(desy_json_stream_open(&stream, path));
    DESY_TRY(desy_dataset_new(dataset, strcmp(root, ".") == 0 && path[0] != '.' ? "" : root));
    DESY_TRY(read_items(*dataset, stream, path, need_labels));
    if (desy_dataset_count(*dataset) == 0) rc = desy_error(DESY_EDATA, "%s: the list of videos is empty", path);
out:
    desy_json_stream_close(&stream);
    free(root);
    if (rc != DESY_OK) desy_dataset_close(dataset);
    return rc;
}

static int update_text(desy_sha256 *hash, const char *text)
{
    return desy_sha256_update(hash, text, strlen(text) + 1);
}

int desy_dataset_sha256(const desy_dataset *dataset, char hex[65])
{
    int rc;
    desy_sha256 *hash = NULL;
    DESY_TRY(desy_sha256_open(&hash));
    for (size_t i = 0; i < desy_dataset_count(dataset); i++) {
        struct desy_item item;
        desy_dataset_item(dataset, i, &item);
        DESY_TRY(update_text(hash, item.video_path));
        DESY_TRY(update_text(hash, item.label < 0 ? "" : item.label ? "1" : "0"));
        DESY_TRY(update_text(hash, item.source));
        DESY_TRY(update_text(hash, item.group));
        DESY_TRY(update_text(hash, desy_split_name(item.split)));
    }
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    return rc;
}
