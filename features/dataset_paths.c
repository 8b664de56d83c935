/* A data set without labels, from what stands on a command line: files, directories, lists. */
#include "features/dataset_table.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "features/tar.h"
#include "features/video_location.h"

#include <errno.h>
#include <fts.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_like_a_video(const char *path)
{
    static const char *const endings[] = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

static int add_path(desy_dataset *dataset, const char *path)
{
    bool twice; /* the same path named again is scored once */
    struct desy_item item = {.id = desy_hash64(path, strlen(path)), .video_path = path, .label = -1, .source = "", .group = "", .text = "",
        .audio_path = "", .split = DESY_SPLIT_NONE};
    return desy_dataset_add(dataset, &item, &twice);
}

/* The videos among the members of a shard. */
static int add_shard(desy_dataset *dataset, const char *path)
{
    int rc;
    desy_tar *tar = NULL;
    DESY_TRY(desy_tar_open(&tar, path));
    for (size_t i = 0; i < desy_tar_count(tar); i++) {
        const char *name = desy_tar_at(tar, i)->name;
        if (!ends_like_a_video(name)) continue;
        char *member = desy_format("%s/%s", path, name);
        rc = member ? add_path(dataset, member) : desy_error_memory("a path");
        free(member);
        DESY_TRY(rc);
    }
    if (*desy_tar_damage(tar)) DESY_TRY(add_path(dataset, path));
out:
    desy_tar_close(&tar);
    return rc;
}

static bool is_shard(const char *path)
{
    bool compressed;
    return desy_tar_is_name(path, strlen(path), &compressed) && desy_file_exists(path);
}

/* A path that was found, not named: what is wrong with it is its own fault alone. */
static int add_found(desy_dataset *dataset, const char *path)
{
    int rc = is_shard(path) ? add_shard(dataset, path) : DESY_EDATA;
    return rc == DESY_EDATA ? add_path(dataset, path) : rc;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_directory(desy_dataset *dataset, const char *path)
{
    char *roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (!walk) return desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
    int rc = DESY_OK;
    for (FTSENT *entry; rc == DESY_OK && (entry = fts_read(walk));) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            desy_log_warning("%s: %s: what is in it is left out", entry->fts_path, strerror(entry->fts_errno));
        if ((entry->fts_info == FTS_F || entry->fts_info == FTS_SL) && (ends_like_a_video(entry->fts_path) || is_shard(entry->fts_path)))
            rc = add_found(dataset, entry->fts_path);
    }
    fts_close(walk);
    return rc;
}

static int add_list(desy_dataset *dataset, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    int rc = DESY_OK;
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    if (!file) return desy_error(DESY_EDATA, "%s: %s", path, strerror(errno));
    while (rc == DESY_OK && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line) rc = add_found(dataset, line);
    }
    free(line);
    if (!standard) fclose(file);
    return rc;
}

static bool is_list(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".txt") == 0 || strcasecmp(dot, ".lst") == 0 || strcasecmp(dot, ".list") == 0);
}

/* A pattern that the shell left alone: it was quoted, since it matches more than a command line holds. */
static int add_pattern(desy_dataset *dataset, const char *pattern)
{
    glob_t found = {0};
    const int failed = glob(pattern, 0, NULL, &found);
    int rc = failed == 0 ? DESY_OK : failed == GLOB_NOSPACE ? desy_error_memory("the paths of a pattern") : desy_error(DESY_EDATA, "%s: nothing there", pattern);
    for (size_t i = 0; rc == DESY_OK && i < found.gl_pathc; i++) rc = desy_is_directory(found.gl_pathv[i]) ? add_directory(dataset, found.gl_pathv[i]) : add_found(dataset, found.gl_pathv[i]);
    globfree(&found);
    return rc;
}

static int add_named(desy_dataset *dataset, const char *path)
{
    struct desy_video_location location;
    if (desy_is_directory(path)) return add_directory(dataset, path);
    if (strcmp(path, "-") == 0 || is_list(path)) return add_list(dataset, path);
    if (strpbrk(path, "*?[") && !desy_file_exists(path)) return add_pattern(dataset, path);
    bool shard = is_shard(path);
    int rc = shard ? add_shard(dataset, path) : desy_video_locate(&location, path);
    if (rc == DESY_EDATA) return desy_error(DESY_EDATA, "%s: %s", path, desy_error_message());
    return rc == DESY_OK && !shard ? add_path(dataset, path) : rc;
}

int desy_dataset_from_paths(desy_dataset **dataset, const char *const *paths, size_t n)
{
    int rc;
    DESY_TRY(desy_dataset_new(dataset, ""));
    for (size_t i = 0; i < n; i++) DESY_TRY(add_named(*dataset, paths[i]));
    if (desy_dataset_count(*dataset) == 0)
        rc = desy_error(DESY_EDATA, "%s: no video there (.mp4 .avi .mov .mkv .webm .gif, or these in a .tar)", n ? paths[0] : "the command line");
out:
    if (rc != DESY_OK) desy_dataset_close(dataset);
    return rc;
}
