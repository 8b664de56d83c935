/* What is done already: the manifests of all ranks and all runs, and whether the inputs are still what they were. */
#include "features/store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "features/split.h"
#include "features/store_layout.h"
#include "features/video_location.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_text(char *out, size_t room, const cJSON *line, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(line, key);
    if (!cJSON_IsString(member) || strlen(member->valuestring) >= room) return -1;
    strcpy(out, member->valuestring);
    return 0;
}

static int put_number(uint64_t *out, const cJSON *line, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(line, key);
    if (!cJSON_IsNumber(member) || member->valuedouble < 0 || member->valuedouble > 9e15) return -1;
    *out = (uint64_t)member->valuedouble;
    return 0;
}

/* A line that is torn, of another configuration or of another data set is no news. */
static void read_line(struct desy_block_record *records, size_t blocks, const char *text, const char *config_sha256)
{
    struct desy_block_record record = {0};
    char config[DESY_SHA256_HEX];
    uint64_t block, bytes, items, ok, failed, videos, rows;
    cJSON *line = cJSON_Parse(text);
    bool good = line && put_number(&block, line, "block") == 0 && put_number(&record.made_us, line, "made_us") == 0 &&
                put_number(&bytes, line, "bytes") == 0 && put_number(&items, line, "items") == 0 && put_number(&ok, line, "ok") == 0 &&
                put_number(&failed, line, "failed") == 0 && put_number(&videos, line, "videos") == 0 && put_number(&rows, line, "rows") == 0 && put_text(config, sizeof config, line, "config_sha256") == 0 &&
                put_text(record.sha256, sizeof record.sha256, line, "sha256") == 0 &&
                put_text(record.inputs_sha256, sizeof record.inputs_sha256, line, "inputs_sha256") == 0;
    if (good) put_text(record.dataset_sha256, sizeof record.dataset_sha256, line, "dataset_sha256");
    cJSON_Delete(line);
    if (!good || block >= blocks || strcmp(config, config_sha256) != 0) return;
    if (records[block].listed && record.made_us < records[block].made_us) return;
    record.listed = true;
    record.bytes = (int64_t)bytes, record.items = (uint32_t)items, record.ok = (uint32_t)ok, record.failed = (uint32_t)failed;
    record.videos = (uint32_t)videos, record.rows = (uint32_t)rows;
    records[block] = record;
}

static int read_manifest(struct desy_block_record *records, size_t blocks, const char *path, const char *config_sha256)
{
    char *line = NULL;
    size_t room = 0;
    FILE *stream = fopen(path, "re");
    if (!stream) return desy_error(DESY_EENV, "%s: cannot be read: %s", path, strerror(errno));
    while (getline(&line, &room, stream) > 0) read_line(records, blocks, line, config_sha256);
    int rc = ferror(stream) ? desy_error(DESY_EENV, "%s: cannot be read: %s", path, strerror(errno)) : DESY_OK;
    free(line);
    fclose(stream);
    return rc;
}

static int is_manifest(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return strncmp(entry->d_name, "manifest-", 9) == 0 && length > 6 && strcmp(entry->d_name + length - 6, ".jsonl") == 0;
}

/* Segments that are gone or have another size than was listed. */
static int drop_missing(struct desy_block_record *records, size_t blocks, const char *directory)
{
    for (size_t block = 0; block < blocks; block++) {
        char relative[DESY_SEGMENT_PATH];
        int64_t size, mtime_ns;
        if (!records[block].listed) continue;
        desy_segment_path(relative, block);
        char *path = desy_path_join(directory, relative);
        if (!path) return desy_error_memory("a path");
        desy_file_stamp(path, &size, &mtime_ns);
        free(path);
        if (size != records[block].bytes) records[block] = (struct desy_block_record){.made_us = records[block].made_us};
    }
    return DESY_OK;
}

int desy_store_scan(struct desy_block_record *records, size_t blocks, const char *directory, const char *config_sha256)
{
    struct dirent **entries = NULL;
    memset(records, 0, blocks * sizeof *records);
    int n = scandir(directory, &entries, is_manifest, alphasort), rc = DESY_OK;
    if (n < 0) return desy_error(DESY_EENV, "%s: cannot be listed: %s", directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *path = desy_path_join(directory, entries[i]->d_name);
        if (rc == DESY_OK) rc = path ? read_manifest(records, blocks, path, config_sha256) : desy_error_memory("a path");
        free(path);
        free(entries[i]);
    }
    free(entries);
    return rc == DESY_OK ? drop_missing(records, blocks, directory) : rc;
}

static int hash_input(desy_sha256 *hash, const char *root, const struct desy_item *item, bool audio)
{
    int rc = DESY_OK;
    int64_t numbers[6] = {item->label, item->split, -1, -1, -1, -1};
    const char *const texts[] = {item->video_path, item->source, item->group, item->text, audio ? item->audio_path : ""};
    char *path = desy_path_join(root, item->video_path), *sound = audio && *item->audio_path ? desy_path_join(root, item->audio_path) : NULL;
    if (!path || (audio && *item->audio_path && !sound)) DESY_TRY(desy_error_memory("a path"));
    desy_video_stamp(path, &numbers[2], &numbers[3]);
    if (sound) desy_video_stamp(sound, &numbers[4], &numbers[5]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) DESY_TRY(desy_sha256_update(hash, texts[i], strlen(texts[i]) + 1));
    DESY_TRY(desy_sha256_update(hash, numbers, sizeof numbers));
out:
    free(path);
    free(sound);
    return rc;
}

int desy_inputs_sha256(char hex[65], const char *root, const struct desy_item *items, size_t n, bool audio)
{
    int rc;
    desy_sha256 *hash = NULL;
    DESY_TRY(desy_sha256_open(&hash));
    for (size_t i = 0; i < n; i++) DESY_TRY(hash_input(hash, root, &items[i], audio));
    DESY_TRY(desy_sha256_finish(&hash, hex));
out:
    desy_sha256_close(&hash);
    return rc;
}
