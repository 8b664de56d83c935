#include "train/model_directory.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "train/model_history.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `current` holds the name of a version and a newline. */
int desy_model_follow_current(char **directory, const char *save_dir)
{
    char *path = desy_path_join(save_dir, "current"), *text = NULL;
    size_t size;
    int rc = path ? DESY_OK : desy_error_memory("a path");
    *directory = NULL;
    DESY_TRY(rc);
    if (!desy_file_exists(path))
        DESY_TRY(desy_error(DESY_EDATA, "%s: no model there (neither model.json nor current): desy train STORE --save-dir %s makes one", save_dir, save_dir));
    DESY_TRY(desy_file_read(&text, &size, path));
    text[strcspn(text, "\r\n")] = '\0';
    if (!*text || strchr(text, '/')) DESY_TRY(desy_error(DESY_EDATA, "%s: does not name a version of this directory", path));
    *directory = desy_path_join(save_dir, text);
    rc = *directory ? DESY_OK : desy_error_memory("a path");
out:
    free(path);
    free(text);
    return rc;
}

cJSON *desy_model_read(const char *directory)
{
    cJSON *model = NULL;
    char *path = desy_path_join(directory, "model.json");
    if (path && desy_file_exists(path) && desy_json_read(&model, path) != DESY_OK) model = NULL;
    free(path);
    return model;
}

int desy_model_current(const char *save_dir, char **directory, char fingerprint[65])
{
    const char *found;
    fingerprint[0] = '\0';
    const int rc = desy_model_follow_current(directory, save_dir);
    if (rc != DESY_OK) return rc == DESY_EDATA ? DESY_OK : rc;
    cJSON *model = desy_model_read(*directory);
    if (!model) {
        free(*directory);
        *directory = NULL;
    } else if (desy_json_string(&found, cJSON_GetObjectItemCaseSensitive(model, "training"), "fingerprint", *directory) == DESY_OK && strlen(found) == 64)
        strcpy(fingerprint, found);
    cJSON_Delete(model);
    return DESY_OK;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int desy_model_versions(int **versions, size_t *n, const char *save_dir)
{
    size_t room = 0;
    int rc = DESY_OK;
    DIR *listing = opendir(save_dir);
    *versions = NULL;
    *n = 0;
    if (!listing) return desy_error(errno == ENOENT || errno == ENOTDIR ? DESY_EDATA : DESY_EENV, "%s: cannot be listed: %s", save_dir, strerror(errno));
    for (const struct dirent *entry = readdir(listing); rc == DESY_OK && entry; entry = readdir(listing)) {
        if (!desy_is_version(entry->d_name)) continue;
        int *larger = *n < room ? *versions : realloc(*versions, (room = 2 * room + 16) * sizeof *larger);
        if (!larger) rc = desy_error_memory("versions");
        else (*versions = larger)[(*n)++] = atoi(entry->d_name + 1);
    }
    closedir(listing);
    if (*n) qsort(*versions, *n, sizeof **versions, by_number);
    return rc;
}

int desy_model_next_version(const char *save_dir, int *version)
{
    int *versions;
    size_t n;
    int rc = desy_model_versions(&versions, &n, save_dir);
    *version = rc == DESY_OK && n ? versions[n - 1] + 1 : 1;
    free(versions);
    if (rc != DESY_OK) return rc;
    return *version <= 9999 ? DESY_OK : desy_error(DESY_EENV, "%s: 9999 versions are there already: use another --save-dir", save_dir);
}

void desy_model_remove(const char *directory)
{
    static const char *const names[] = {"weights.safetensors", "out_of_fold.safetensors", "drift.safetensors", "model.json"};
    for (int i = 0; i < 4; i++) {
        char *path = desy_path_join(directory, names[i]);
        if (path) unlink(path);
        free(path);
    }
    rmdir(directory);
}

/* A directory that is there already, with files, is not replaced by rename: the next number is tried. */
static int claim_version(const char *save_dir, const char *temporary, char **directory)
{
    char name[16];
    int version;
    for (;;) {
        int rc = desy_model_next_version(save_dir, &version);
        if (rc != DESY_OK) return rc;
        snprintf(name, sizeof name, "v%04d", version);
        if (!(*directory = desy_path_join(save_dir, name))) return desy_error_memory("a path");
        if (rename(temporary, *directory) == 0) return DESY_OK;
        if (errno != EEXIST && errno != ENOTEMPTY) return desy_error(DESY_EENV, "%s: cannot be put in place: %s", *directory, strerror(errno));
        free(*directory);
        *directory = NULL;
    }
}

int desy_model_sha256(char hex[65], const cJSON *model)
{
    char *text = NULL;
    cJSON *copy = cJSON_Duplicate(model, true);
    int rc = copy ? DESY_OK : desy_error_memory("a model");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "sha256");
    if (rc == DESY_OK) rc = desy_json_text(&text, copy, false, "model.json");
    if (rc == DESY_OK) rc = desy_sha256_bytes(hex, text, strlen(text));
    cJSON_Delete(copy);
    free(text);
    return rc;
}

/* A digit that changes in model.json would be a score that nobody doubts. */
static int seal(cJSON *model)
{
    char hex[DESY_SHA256_HEX];
    const int rc = desy_model_sha256(hex, model);
    return rc != DESY_OK || cJSON_AddStringToObject(model, "sha256", hex) ? rc : desy_error_memory("a model");
}

int desy_model_write(const char *beside, const struct desy_ensemble *ensemble, cJSON *model, char **temporary)
{
    int rc;
    char *directory = desy_temporary_name(beside), *path = directory ? desy_path_join(directory, "model.json") : NULL;
    *temporary = NULL;
    if (!path) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_make_directory(directory));
    DESY_TRY(desy_ensemble_write(ensemble, directory, model));
    DESY_TRY(seal(model));
    rc = desy_json_write(model, path);
out:
    if (rc != DESY_OK && directory) desy_model_remove(directory);
    if (rc == DESY_OK) *temporary = directory;
    else free(directory);
    free(path);
    return rc;
}

int desy_model_publish(const char *save_dir, const struct desy_ensemble *ensemble, cJSON *model, char **directory)
{
    int rc;
    char *beside = NULL, *temporary = NULL;
    *directory = NULL;
    DESY_TRY(desy_make_directory(save_dir));
    beside = desy_path_join(save_dir, "new");
    if (!beside) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_model_write(beside, ensemble, model, &temporary));
    DESY_TRY(claim_version(save_dir, temporary, directory));
    rc = desy_history_use(save_dir, strrchr(*directory, '/') + 1);
out:
    if (rc != DESY_OK && temporary) desy_model_remove(temporary);
    free(beside);
    free(temporary);
    return rc;
}
