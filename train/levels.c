#include "train/levels.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "train/model_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_text(const cJSON *object, const char *key, const char *value)
{
    const char *found = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return found && strcmp(found, value) == 0;
}

static bool has_level(const cJSON *model, int level)
{
    const cJSON *channel;
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(model, "channels"))
        if (has_text(channel, "level", desy_level_name((enum desy_level)level))) return true;
    return false;
}

int desy_levels_find(char *directories[DESY_LEVELS], const char *save_dir, const struct desy_train_identity *identity, const char *training_sha256, uint64_t seed)
{
    int found = 0, version = 0, rc = DESY_OK;
    if (desy_model_next_version(save_dir, &version) != DESY_OK) version = 0; /* then there are none */
    char seed_text[24];
    snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
    memset(directories, 0, DESY_LEVELS * sizeof *directories);
    while (rc == DESY_OK && --version >= 1 && found < DESY_LEVELS) {
        char *directory = desy_format("%s/v%04d", save_dir, version);
        if (!directory) rc = desy_error_memory("a path");
        cJSON *model = directory ? desy_model_read(directory) : NULL;
        const cJSON *training = cJSON_GetObjectItemCaseSensitive(model, "training");
        const bool fits = has_text(training, "data_sha256", identity->data_sha256) && has_text(training, "training_sha256", training_sha256) && has_text(training, "seed", seed_text);
        for (int level = 0; fits && level < DESY_LEVELS; level++)
            if (!directories[level] && has_level(model, level) && (directories[level] = strdup(directory))) found++;
        cJSON_Delete(model);
        free(directory);
    }
    if (rc == DESY_OK && found < 2)
        rc = desy_error(DESY_EDATA, "%s: the fusion needs models of two levels at least, trained on this store with this seed, and there is %s: desy train STORE --save-dir %s --level low (mid, high)",
                        save_dir, found ? "one" : "none", save_dir);
    return rc;
}

/* One column of logits, and whether the file is of these items. */
static int read_logits(const desy_safetensors *file, const char *path, const char *channel, const uint64_t *ids, size_t n, double *logits, size_t stride)
{
    const struct desy_tensor *of = desy_safetensors_find(file, "ids"), *values = desy_safetensors_find(file, channel);
    if (!of || !values || of->bytes != n * sizeof *ids || values->bytes != n * sizeof *logits || memcmp(of->data, ids, of->bytes) != 0)
        return desy_error(DESY_EDATA, "%s: does not hold the out-of-fold logits of %s for these %zu training items: train that level again", path, channel, n);
    for (size_t i = 0; i < n; i++) memcpy(&logits[i * stride], (const char *)values->data + i * sizeof *logits, sizeof *logits);
    return DESY_OK;
}

/* The heads of one level move into `ensemble`; their logits into columns of (n, DESY_MAX_CHANNELS). */
static int load_level(struct desy_ensemble *ensemble, double *logits, const char *directory, int level, const uint64_t *ids, size_t n, const char *device)
{
    struct desy_ensemble one = {0};
    desy_safetensors *file = NULL;
    cJSON *model = desy_model_read(directory);
    char *path = desy_path_join(directory, "out_of_fold.safetensors");
    int rc = model && path ? DESY_OK : desy_error(DESY_EDATA, "%s: the model there can't be read", directory);
    DESY_TRY(rc);
    DESY_TRY(desy_ensemble_read(&one, directory, model, device));
    if (one.layout.encoder != ensemble->layout.encoder || one.layout.blocks != ensemble->layout.blocks)
        DESY_TRY(desy_error(DESY_EDATA, "%s: was trained on features of another layout", directory));
    if (desy_safetensors_open(&file, path) != DESY_OK) DESY_TRY(desy_error(DESY_EDATA, "%s: cannot be read: train that level again", path));
    for (int k = 0; k < one.n; k++) {
        if ((int)one.heads[k].channel->level != level || ensemble->n == DESY_MAX_CHANNELS) continue;
        DESY_TRY(read_logits(file, path, one.heads[k].channel->name, ids, n, logits + ensemble->n, DESY_MAX_CHANNELS));
        ensemble->heads[ensemble->n++] = one.heads[k];
        one.heads[k] = (struct desy_head){0};
    }
out:
    desy_safetensors_close(&file);
    desy_ensemble_close(&one);
    cJSON_Delete(model);
    free(path);
    return rc;
}

int desy_levels_load(struct desy_ensemble *ensemble, double **logits, char *const directories[DESY_LEVELS], const uint64_t *ids, size_t n, const char *device)
{
    double *wide = malloc((n * DESY_MAX_CHANNELS + 1) * sizeof *wide);
    int rc = wide ? DESY_OK : desy_error_memory("out-of-fold logits");
    for (int level = 0; rc == DESY_OK && level < DESY_LEVELS; level++)
        if (directories[level]) rc = load_level(ensemble, wide, directories[level], level, ids, n, device);
    const size_t width = (size_t)ensemble->n;
    for (size_t i = 0; rc == DESY_OK && i < n; i++) memmove(wide + i * width, wide + i * DESY_MAX_CHANNELS, width * sizeof *wide);
    *logits = rc == DESY_OK ? wide : NULL;
    if (rc != DESY_OK) free(wide);
    return rc;
}
