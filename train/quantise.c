#include "train/quantise.h"

#include "base/error.h"
#include "base/file.h"
#include "train/ensemble.h"
#include "train/model_directory.h"

#include <stdlib.h>
#include <time.h>

#define SCHEME "dynamic: weights int8, symmetric in each row; inputs rounded to 128 levels as they come; sums in int32"

/* Of the channel's tensors in weights.safetensors. */
static int channel_bytes(const struct desy_head *head, size_t *bytes)
{
    const struct desy_network_tensor *tensors;
    const int8_t *levels;
    const float *scales;
    size_t n;
    *bytes = 2 * sizeof(double) * (size_t)head->standardised + (head->direction ? sizeof(double) * (size_t)head->inputs : 0);
    if (!head->network) return DESY_OK;
    const int rc = desy_network_tensors(head->network, &tensors, &n);
    for (size_t i = 0; rc == DESY_OK && i < n; i++)
        *bytes += desy_network_levels(head->network, i, &levels, &scales) ? tensors[i].count + sizeof(float) * (size_t)tensors[i].shape[0] : sizeof(float) * tensors[i].count;
    return rc;
}

/* *layers: of all channels. */
static int quantise_channels(struct desy_ensemble *ensemble, struct desy_quantised_channel *channels, int *layers)
{
    int rc = DESY_OK;
    *layers = 0;
    for (int i = 0; i < ensemble->n; i++) {
        struct desy_head *head = &ensemble->heads[i];
        channels[i] = (struct desy_quantised_channel){0};
        DESY_TRY(channel_bytes(head, &channels[i].before));
        if (desy_head_is_int8(head)) DESY_TRY(desy_error(DESY_EUSAGE, "the linear layers of %s are in 8 bits already: take the model that this one was made of", head->channel->name));
        if (head->network) DESY_TRY(desy_network_quantise(head->network, &channels[i].layers));
        DESY_TRY(channel_bytes(head, &channels[i].after));
        *layers += channels[i].layers;
    }
out:
    return rc;
}

/* model.json without what desy_model_write adds; new. NULL: memory. */
static cJSON *describe(const desy_classifier *classifier)
{
    static const char *const written[] = {"layout", "channels", "fusion", "weights_sha256", "sha256"};
    cJSON *model = cJSON_Duplicate(desy_classifier_model(classifier), true), *from = model ? cJSON_AddObjectToObject(model, "quantised") : NULL;
    for (size_t i = 0; model && i < sizeof written / sizeof *written; i++) cJSON_DeleteItemFromObjectCaseSensitive(model, written[i]);
    if (from && cJSON_AddStringToObject(from, "from", desy_classifier_name(classifier)) && cJSON_AddStringToObject(from, "from_sha256", desy_classifier_sha256(classifier)) &&
        cJSON_AddStringToObject(from, "scheme", SCHEME))
        return model;
    cJSON_Delete(model);
    return NULL;
}

/* What is known of the training, where the model has it. */
static int copy_file(const char *from, const char *to, const char *name)
{
    char *old = desy_path_join(from, name), *new = desy_path_join(to, name), *data = NULL;
    size_t size;
    int rc = old && new ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && desy_file_exists(old)) {
        rc = desy_file_read(&data, &size, old);
        if (rc == DESY_OK) rc = desy_file_write_atomic(new, data, size);
    }
    free(data);
    free(old);
    free(new);
    return rc;
}

int desy_quantise(const desy_classifier *classifier, const char *beside, struct desy_quantised_channel channels[DESY_MAX_CHANNELS], char **temporary)
{
    struct desy_ensemble ensemble = {0};
    cJSON *model = NULL;
    int layers, rc;
    *temporary = NULL;
    DESY_TRY(desy_ensemble_read(&ensemble, desy_classifier_directory(classifier), desy_classifier_model(classifier), "cpu"));
    DESY_TRY(quantise_channels(&ensemble, channels, &layers));
    if (!layers)
        DESY_TRY(desy_error(DESY_EUSAGE, "%s: nothing to quantise: none of its channels is a full form with layers of several outputs. Small forms are one product of at most some thousand numbers each and stay in fp32: "
                            "8 bits would save neither time nor room. Use the model as it is", desy_classifier_directory(classifier)));
    model = describe(classifier);
    if (!model) DESY_TRY(desy_error_memory("a model"));
    DESY_TRY(desy_model_write(beside, &ensemble, model, temporary));
    DESY_TRY(copy_file(desy_classifier_directory(classifier), *temporary, "out_of_fold.safetensors"));
    rc = copy_file(desy_classifier_directory(classifier), *temporary, "drift.safetensors");
out:
    if (rc != DESY_OK && *temporary) {
        desy_model_remove(*temporary);
        free(*temporary);
        *temporary = NULL;
    }
    cJSON_Delete(model);
    desy_ensemble_close(&ensemble);
    return rc;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int desy_quantise_times(const desy_classifier *const classifiers[2], int index, const struct desy_clip_numbers *clip, int runs, double seconds[2])
{
    double logit, *times = malloc(2 * (size_t)runs * sizeof *times);
    int rc = times ? DESY_OK : desy_error_memory("times");
    for (int run = 0; rc == DESY_OK && run < runs; run++)
        for (int k = 0; rc == DESY_OK && k < 2; k++) {
            const double begin = now();
            rc = desy_head_clip_logit(&desy_classifier_ensemble(classifiers[k])->heads[index], clip, &logit);
            times[k * runs + run] = now() - begin;
        }
    for (int k = 0; rc == DESY_OK && k < 2; k++) {
        qsort(times + k * runs, (size_t)runs, sizeof *times, ascending);
        seconds[k] = times[k * runs + runs / 2];
    }
    free(times);
    return rc;
}
