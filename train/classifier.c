#include "train/classifier.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "train/ensemble.h"
#include "train/evidence.h"
#include "train/model_directory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct desy_classifier {
    char *directory, *name;
    cJSON *model; /* texts below borrow from it */
    struct desy_ensemble ensemble;
    struct desy_evidence evidence;
    const char *extractor, *weights_sha256, *precision, *sampling, *data_sha256, *training_sha256;
    int extractor_version, frames, dims;
    double threshold;
    bool calibrated;
    uint64_t seed;
    char sha256[DESY_SHA256_HEX];
    float *vector; /* (pool width) */
};

static int find_directory(desy_classifier *classifier, const char *model)
{
    char *path = desy_path_join(model, "model.json");
    if (!path) return desy_error_memory("a path");
    int rc = DESY_OK;
    if (desy_file_exists(path)) {
        classifier->directory = strdup(model);
        if (!classifier->directory) rc = desy_error_memory("a path");
    } else rc = desy_model_follow_current(&classifier->directory, model);
    free(path);
    if (rc != DESY_OK) return rc;
    size_t length = strlen(classifier->directory);
    while (length > 1 && classifier->directory[length - 1] == '/') classifier->directory[--length] = '\0';
    const char *slash = strrchr(classifier->directory, '/');
    classifier->name = strdup(slash && slash[1] ? slash + 1 : classifier->directory);
    return classifier->name ? DESY_OK : desy_error_memory("a name");
}

/* Over both files; the weights must be those that model.json was written with. */
static int hash_files(const desy_classifier *classifier, char hex[DESY_SHA256_HEX])
{
    const char *expected;
    static const char *const names[] = {"model.json", "weights.safetensors"};
    char both[2 * DESY_SHA256_HEX];
    int rc = DESY_OK;
    for (int i = 0; rc == DESY_OK && i < 2; i++) {
        char *path = desy_path_join(classifier->directory, names[i]);
        rc = path ? desy_sha256_file(both + i * DESY_SHA256_HEX, path) : desy_error_memory("a path");
        free(path);
    }
    DESY_TRY(rc);
    DESY_TRY(desy_json_string(&expected, classifier->model, "weights_sha256", "model.json"));
    if (strcmp(expected, both + DESY_SHA256_HEX) != 0)
        DESY_TRY(desy_error(DESY_EDATA, "%s: weights.safetensors is damaged, or of another model: its SHA-256 is not that of model.json", classifier->directory));
    rc = desy_sha256_bytes(hex, both, sizeof both);
out:
    return rc;
}

static int read_members(desy_classifier *d)
{
    const cJSON *model = d->model, *extractor, *training, *calibrated;
    const char *where = "model.json", *format, *seed;
    long long version, frames, dims;
    int rc;
    DESY_TRY(desy_json_string(&format, model, "format", where));
    if (strcmp(format, "desy-model-1") != 0) return desy_error(DESY_EDATA, "%s: model.json has the format \"%s\", not desy-model-1", d->directory, format);
    extractor = cJSON_GetObjectItemCaseSensitive(model, "extractor");
    training = cJSON_GetObjectItemCaseSensitive(model, "training");
    DESY_TRY(desy_json_string(&d->extractor, extractor, "name", where));
    DESY_TRY(desy_json_integer(&version, extractor, "version", where));
    DESY_TRY(desy_json_integer(&frames, extractor, "frames", where));
    DESY_TRY(desy_json_integer(&dims, extractor, "dims", where));
    DESY_TRY(desy_json_string(&d->sampling, extractor, "sampling", where));
    DESY_TRY(desy_json_string(&d->weights_sha256, extractor, "weights_sha256", where));
    d->precision = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(extractor, "precision"));
    if (!d->precision) d->precision = "fp32";
    DESY_TRY(desy_json_double(&d->threshold, model, "threshold", where));
    DESY_TRY(desy_json_string(&seed, training, "seed", where));
    DESY_TRY(desy_json_string(&d->data_sha256, training, "data_sha256", where));
    DESY_TRY(desy_json_string(&d->training_sha256, training, "training_sha256", where));
    calibrated = cJSON_GetObjectItemCaseSensitive(model, "calibrated");
    d->calibrated = cJSON_IsTrue(calibrated);
    d->seed = strtoull(seed, NULL, 10);
    if (frames < 1 || frames > 1 << 20 || dims < 1 || dims > 1 << 20) return desy_error(DESY_EDATA, "%s: %lld frames of %lld numbers", where, frames, dims);
    if (!(d->threshold >= 0 && d->threshold <= 1)) return desy_error(DESY_EDATA, "%s: a threshold of %g, where probabilities are cut", where, d->threshold);
    d->extractor_version = (int)version;
    d->frames = (int)frames;
    d->dims = (int)dims;
out:
    return rc;
}

/* One without "sha256" was written by an older version, or edited by somebody who knows. */
static int check_seal(const desy_classifier *d)
{
    char hex[DESY_SHA256_HEX];
    const char *expected = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(d->model, "sha256"));
    const int rc = expected ? desy_model_sha256(hex, d->model) : DESY_OK;
    if (rc != DESY_OK || !expected || strcmp(hex, expected) == 0) return rc;
    return desy_error(DESY_EDATA, "%s: model.json is not what it was when it was written (its SHA-256 is another): take the model anew, or, if you changed it, remove its member \"sha256\"", d->directory);
}

int desy_classifier_open(desy_classifier **out, const char *model, const char *device)
{
    char *path = NULL;
    int rc;
    desy_classifier *d = *out = calloc(1, sizeof *d);
    if (!d) return desy_error_memory("a model");
    DESY_TRY(find_directory(d, model));
    path = desy_path_join(d->directory, "model.json");
    if (!path) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_json_read(&d->model, path));
    DESY_TRY(read_members(d));
    DESY_TRY(desy_ensemble_read(&d->ensemble, d->directory, d->model, device));
    if (d->ensemble.layout.encoder + d->ensemble.layout.blocks != d->dims)
        DESY_TRY(desy_error(DESY_EDATA, "%s: a layout of %d + %d numbers, where frames have %d", path, d->ensemble.layout.encoder, d->ensemble.layout.blocks, d->dims));
    for (int i = 0; i < d->ensemble.n; i++)
        if (d->ensemble.heads[i].channel->reads == DESY_READS_FRAMES && d->ensemble.heads[i].frames != d->frames)
            DESY_TRY(desy_error(DESY_EDATA, "%s: the channel %s reads %d frames, and a clip has %d", path, d->ensemble.heads[i].channel->name, d->ensemble.heads[i].frames, d->frames));
    DESY_TRY(hash_files(d, d->sha256));
    DESY_TRY(check_seal(d));
    DESY_TRY(desy_evidence_open(&d->evidence, &d->ensemble));
    d->vector = malloc((size_t)desy_pool_width(&d->ensemble.layout) * sizeof *d->vector);
    if (!d->vector) DESY_TRY(desy_error_memory("a model"));
out:
    free(path);
    if (rc != DESY_OK) desy_classifier_close(out);
    return rc;
}

void desy_classifier_close(desy_classifier **classifier)
{
    desy_classifier *d = *classifier;
    if (!d) return;
    desy_evidence_close(&d->evidence);
    desy_ensemble_close(&d->ensemble);
    cJSON_Delete(d->model);
    free(d->directory);
    free(d->name);
    free(d->vector);
    free(d);
    *classifier = NULL;
}

int desy_classifier_add(desy_classifier *d, const struct desy_clip_numbers *given, struct desy_score *score)
{
    const struct desy_ensemble *ensemble = &d->ensemble;
    struct desy_clip_numbers clip = *given;
    double logit;
    int rc;
    clip.vector = d->vector;
    clip.frames = d->frames;
    DESY_TRY(desy_pool(d->vector, &ensemble->layout, clip.features, clip.frames, clip.n_frames));
    for (int i = 0; i < ensemble->n; i++) {
        DESY_TRY(desy_head_clip_logit(&ensemble->heads[i], &clip, &logit));
        if (isnan(logit) && desy_channel_is_partial(ensemble->heads[i].channel)) continue; /* it lacks what the channel reads */
        score->present[i]++;
        score->channel_logits[i] += logit;
        score->distances[i] += desy_evidence_distance(&ensemble->heads[i], d->vector);
    }
    desy_evidence_add(&d->evidence, ensemble, d->vector, score->group_logits, score->group_values);
    score->windows++;
out:
    return rc;
}

/* Levels and the fusion are linear in the channels' logits: where all windows have all channels, their means are those of the channels' means. */
int desy_classifier_finish(const desy_classifier *d, struct desy_score *score)
{
    double *levels[] = {&score->low, &score->mid, &score->high}, value;
    const struct desy_ensemble *ensemble = &d->ensemble;
    if (score->windows < 1) return desy_error(DESY_EUSAGE, "a score of no clip");
    score->channels = ensemble->n;
    for (int i = 0; i < ensemble->n; i++) {
        score->channel_logits[i] = score->present[i] ? score->channel_logits[i] / score->present[i] : NAN;
        score->distances[i] /= score->present[i] ? score->present[i] : 1;
    }
    for (int g = 0; g < d->evidence.n; g++) {
        const int present = score->present[d->evidence.groups[g].channel];
        score->group_logits[g] /= present ? present : 1;
        score->group_values[g] /= present ? present : 1;
    }
    score->logit = desy_ensemble_fuse(ensemble, score->channel_logits);
    for (int level = 0; level < DESY_LEVELS; level++) {
        bool present = desy_ensemble_level(ensemble, (enum desy_level)level, score->channel_logits, &value);
        *levels[level] = present ? desy_sigmoid(ensemble->slope[level] * value + ensemble->intercept[level]) : NAN;
    }
    return isfinite(score->logit) ? DESY_OK : desy_error(DESY_EDATA, "%s: the model gave a score that is not finite", d->directory);
}

int desy_classifier_score(desy_classifier *d, const struct desy_clip_numbers *clip, struct desy_score *score)
{
    *score = (struct desy_score){0};
    int rc = desy_classifier_add(d, clip, score);
    return rc == DESY_OK ? desy_classifier_finish(d, score) : rc;
}

double desy_confidence(double logit, double prior)
{
    return desy_sigmoid(logit + log(prior) - log1p(-prior));
}

const char *desy_classifier_name(const desy_classifier *d) { return d->name; }
const char *desy_classifier_directory(const desy_classifier *d) { return d->directory; }
const char *desy_classifier_sha256(const desy_classifier *d) { return d->sha256; }
const char *desy_classifier_extractor(const desy_classifier *d) { return d->extractor; }
int desy_classifier_extractor_version(const desy_classifier *d) { return d->extractor_version; }
const char *desy_classifier_precision(const desy_classifier *d) { return d->precision; }
const char *desy_classifier_weights_sha256(const desy_classifier *d) { return d->weights_sha256; }
const char *desy_classifier_sampling(const desy_classifier *d) { return d->sampling; }
int desy_classifier_frames(const desy_classifier *d) { return d->frames; }
int desy_classifier_dims(const desy_classifier *d) { return d->dims; }
double desy_classifier_threshold(const desy_classifier *d) { return d->threshold; }
bool desy_classifier_calibrated(const desy_classifier *d) { return d->calibrated; }
uint64_t desy_classifier_seed(const desy_classifier *d) { return d->seed; }
const char *desy_classifier_data_sha256(const desy_classifier *d) { return d->data_sha256; }
const char *desy_classifier_training_sha256(const desy_classifier *d) { return d->training_sha256; }
const cJSON *desy_classifier_out_of_fold(const desy_classifier *d) { return cJSON_GetObjectItemCaseSensitive(d->model, "out_of_fold"); }
const cJSON *desy_classifier_model(const desy_classifier *d) { return d->model; }
const struct desy_ensemble *desy_classifier_ensemble(const desy_classifier *d) { return &d->ensemble; }
const struct desy_evidence *desy_classifier_evidence(const desy_classifier *d) { return &d->evidence; }
bool desy_classifier_reads(const desy_classifier *d, enum desy_reads reads)
{
    bool found = false;
    for (int i = 0; i < d->ensemble.n; i++) found |= d->ensemble.heads[i].channel->reads == reads;
    return found;
}
int desy_classifier_channels(const desy_classifier *d) { return d->ensemble.n; }
const char *desy_classifier_channel(const desy_classifier *d, int index) { return d->ensemble.heads[index].channel->name; }
