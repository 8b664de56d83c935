#include "stages/journal.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "features/video_location.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct desy_journal {
    FILE *file;
    char *path;
};

struct place {
    uint32_t file; /* 1-based; 0: not done */
    long offset;
};

struct known {
    uint64_t id;
    size_t item;
};

struct desy_journal_index {
    FILE **files;
    size_t file_count, items;
    struct place *places;
    struct known *known; /* by id */
};

int desy_journal_open(desy_journal **out, const char *directory, int rank)
{
    int rc = desy_make_directory(directory);
    if (rc != DESY_OK) return rc;
    desy_journal *journal = *out = calloc(1, sizeof *journal);
    if (!journal || !(journal->path = desy_format("%s/part-%05d.jsonl", directory, rank))) return desy_error_memory("the journal");
    journal->file = fopen(journal->path, "ae");
    if (!journal->file) return desy_error(DESY_EENV, "%s: cannot be written: %s", journal->path, strerror(errno));
    /* A killed run may have left half a line: the next one starts on its own. */
    if (ftell(journal->file) > 0) fputc('\n', journal->file);
    return DESY_OK;
}

/* Of the text and the name of the sound file that come with an item; 0: it has neither. */
static uint64_t beside(const struct desy_item *item)
{
    return *item->text || *item->audio_path ? desy_hash64(item->text, strlen(item->text)) ^ ~desy_hash64(item->audio_path, strlen(item->audio_path)) : 0;
}

int desy_journal_add(desy_journal *journal, const struct desy_item *item, const char *config_sha256, const char *path, const cJSON *result)
{
    int64_t size, mtime;
    desy_video_stamp(path, &size, &mtime);
    char *text = NULL;
    int rc = desy_json_text(&text, result, false, journal->path);
    if (rc != DESY_OK) return rc;
    errno = 0;
    fprintf(journal->file, "{\"id\":\"%016" PRIx64 "\",\"config\":\"%s\",\"size\":%" PRId64 ",\"mtime\":\"%" PRId64 "\",\"beside\":\"%016" PRIx64 "\",\"result\":%s}\n", item->id,
            config_sha256, size, mtime, beside(item), text);
    free(text);
    if (fflush(journal->file) != 0) return desy_error(DESY_EENV, "%s: cannot be written: %s", journal->path, strerror(errno));
    return DESY_OK;
}

void desy_journal_close(desy_journal **journal)
{
    if (!*journal) return;
    if ((*journal)->file) fclose((*journal)->file);
    free((*journal)->path);
    free(*journal);
    *journal = NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Notes the place of one line, if it holds. */
static void read_line(struct desy_journal_index *index, const char *line, uint32_t file, long offset, const desy_dataset *dataset, const char *config_sha256)
{
    cJSON *entry = cJSON_Parse(line);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "id")), *config = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "config"));
    const char *time = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "mtime")), *with = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "beside"));
    if (id && config && time && with && strcmp(config, config_sha256) == 0) {
        const struct known wanted = {.id = strtoull(id, NULL, 16)}, *known = bsearch(&wanted, index->known, index->items, sizeof wanted, by_id);
        struct desy_item item;
        int64_t size = -2, mtime = -2;
        char *path = NULL;
        if (known) {
            desy_dataset_item(dataset, known->item, &item);
            path = desy_path_join(desy_dataset_root(dataset), item.video_path);
        }
        if (path) desy_video_stamp(path, &size, &mtime);
        if (path && (double)size == cJSON_GetNumberValue(cJSON_GetObjectItem(entry, "size")) && mtime == strtoll(time, NULL, 10) && beside(&item) == strtoull(with, NULL, 16) &&
            cJSON_IsObject(cJSON_GetObjectItem(entry, "result")))
            index->places[known->item] = (struct place){file, offset};
        free(path);
    }
    cJSON_Delete(entry);
}

int desy_journal_read(struct desy_journal_index **out, const char *directory, const desy_dataset *dataset, const char *config_sha256)
{
    int rc = DESY_OK;
    glob_t found = {0};
    char *line = NULL, *pattern = desy_path_join(directory, "part-*.jsonl");
    size_t room = 0;
    struct desy_journal_index *index = *out = calloc(1, sizeof *index);
    if (!index || !pattern) DESY_TRY(desy_error_memory("the journal"));
    index->items = desy_dataset_count(dataset);
    index->places = calloc(index->items + 1, sizeof *index->places);
    index->known = calloc(index->items + 1, sizeof *index->known);
    if (!index->places || !index->known) DESY_TRY(desy_error_memory("the journal"));
    for (size_t i = 0; i < index->items; i++) {
        struct desy_item item;
        desy_dataset_item(dataset, i, &item);
        index->known[i] = (struct known){item.id, i};
    }
    qsort(index->known, index->items, sizeof *index->known, by_id);
    if (glob(pattern, 0, NULL, &found) != 0) goto out;
    index->files = calloc(found.gl_pathc, sizeof *index->files);
    if (!index->files) DESY_TRY(desy_error_memory("the journal"));
    for (size_t f = 0; f < found.gl_pathc; f++) {
        FILE *file = index->files[index->file_count++] = fopen(found.gl_pathv[f], "re");
        if (!file) DESY_TRY(desy_error(DESY_EENV, "%s: %s", found.gl_pathv[f], strerror(errno)));
        for (long offset = 0; getline(&line, &room, file) > 0; offset = ftell(file)) read_line(index, line, (uint32_t)f + 1, offset, dataset, config_sha256);
    }
out:
    globfree(&found);
    free(pattern);
    free(line);
    return rc;
}

bool desy_journal_done(const struct desy_journal_index *index, size_t item)
{
    return index->places[item].file != 0;
}

int desy_journal_result(struct desy_journal_index *index, size_t item, cJSON **result)
{
    char *line = NULL;
    size_t room = 0;
    if (!desy_journal_done(index, item)) return desy_error(DESY_EENV, "a video changed while it was scored: the same command continues");
    FILE *file = index->files[index->places[item].file - 1];
    cJSON *entry = NULL;
    if (fseek(file, index->places[item].offset, SEEK_SET) == 0 && getline(&line, &room, file) > 0) entry = cJSON_Parse(line);
    *result = cJSON_DetachItemFromObject(entry, "result");
    cJSON_Delete(entry);
    free(line);
    return *result ? DESY_OK : desy_error(DESY_EENV, "the journal changed while it was read");
}

void desy_journal_index_close(struct desy_journal_index **index)
{
    if (!*index) return;
    for (size_t f = 0; f < (*index)->file_count; f++)
        if ((*index)->files[f]) fclose((*index)->files[f]);
    free((*index)->files);
    free((*index)->places);
    free((*index)->known);
    free(*index);
    *index = NULL;
}
