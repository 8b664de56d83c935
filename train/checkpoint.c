#include "train/checkpoint.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/safetensors.h"
#include "model/model.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "desy-checkpoint-1"
enum { KEPT = 2, LOSSES = DESY_STATE_BUFFERS, TENSORS, LISTED = 16 };
static const char *const buffer_names[] = {"parameters", "best", "first", "second"};

/* ---- the files of a training ---- */

/* Removes the files whose names have `part` in them. */
static void remove_files(const char *directory, const char *part)
{
    DIR *listing = opendir(directory);
    if (!listing) return;
    for (const struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        char *path = strstr(entry->d_name, part) ? desy_path_join(directory, entry->d_name) : NULL;
        if (path) unlink(path);
        free(path);
    }
    closedir(listing);
}

int desy_checkpoints_open(struct desy_checkpoints *checkpoints, const char *save_dir, const char *fingerprint, double minutes, bool anew)
{
    *checkpoints = (struct desy_checkpoints){.directory = desy_format("%s/checkpoints/%.16s", save_dir, fingerprint), .minutes = minutes};
    if (!checkpoints->directory) return desy_error_memory("a path");
    strcpy(checkpoints->fingerprint, fingerprint);
    remove_files(checkpoints->directory, ".tmp.");
    if (anew) desy_checkpoints_remove(checkpoints);
    return DESY_OK;
}

void desy_checkpoints_remove(const struct desy_checkpoints *checkpoints)
{
    char *parent = desy_path_directory(checkpoints->directory);
    remove_files(checkpoints->directory, ".safetensors");
    rmdir(checkpoints->directory);
    if (parent) rmdir(parent); /* stays while another training has some */
    free(parent);
}

void desy_checkpoints_close(struct desy_checkpoints *checkpoints)
{
    free(checkpoints->directory);
    memset(checkpoints, 0, sizeof *checkpoints);
}

static char *path_of(const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state, long long step)
{
    return desy_format("%s/%s-%llu-%012lld.safetensors", checkpoints->directory, state->channel, (unsigned long long)state->stream, step);
}

/* Steps of this fit's checkpoints, the latest first. */
static int list_steps(const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state, long long steps[LISTED])
{
    int n = 0;
    char *prefix = desy_format("%s-%llu-", state->channel, (unsigned long long)state->stream);
    DIR *listing = prefix ? opendir(checkpoints->directory) : NULL;
    for (const struct dirent *entry = listing ? readdir(listing) : NULL; entry; entry = readdir(listing)) {
        long long step;
        int end = 0;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || sscanf(entry->d_name + strlen(prefix), "%12lld.safetensors%n", &step, &end) != 1) continue;
        if (end == 0 || entry->d_name[strlen(prefix) + (size_t)end] != '\0' || (n == LISTED && step < steps[n - 1])) continue;
        if (n < LISTED) n++;
        int at = n - 1;
        for (; at > 0 && steps[at - 1] < step; at--) steps[at] = steps[at - 1];
        steps[at] = step;
    }
    if (listing) closedir(listing);
    free(prefix);
    return n;
}

static void remove_older(const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state)
{
    long long steps[LISTED];
    const int n = list_steps(checkpoints, state, steps);
    for (int i = KEPT; i < n; i++) {
        char *path = path_of(checkpoints, state, steps[i]);
        if (path) unlink(path);
        free(path);
    }
}

/* ---- one file: the buffers, the losses of the epoch under way, and the rest as JSON in the metadata ---- */

/* Of the description and every tensor. */
static int digest(char hex[DESY_SHA256_HEX], const char *description, const struct desy_tensor *tensors, size_t n)
{
    desy_sha256 *hash = NULL;
    int rc;
    DESY_TRY(desy_sha256_open(&hash));
    DESY_TRY(desy_sha256_update(hash, description, strlen(description)));
    for (size_t i = 0; i < n; i++) {
        DESY_TRY(desy_sha256_update(hash, tensors[i].name, strlen(tensors[i].name) + 1));
        DESY_TRY(desy_sha256_update(hash, tensors[i].data, tensors[i].bytes));
    }
    rc = desy_sha256_finish(&hash, hex);
out:
    desy_sha256_close(&hash);
    return rc;
}

/* New, NULL: no memory. */
static cJSON *describe(const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state)
{
    cJSON *json = cJSON_CreateObject(), *curve = cJSON_AddArrayToObject(json, "curve");
    bool ok = curve && cJSON_AddStringToObject(json, "format", FORMAT) && cJSON_AddStringToObject(json, "fingerprint", checkpoints->fingerprint) &&
              cJSON_AddStringToObject(json, "torch", desy_torch_version()) && cJSON_AddStringToObject(json, "isa", desy_torch_isa()) &&
              cJSON_AddStringToObject(json, "channel", state->channel) && cJSON_AddNumberToObject(json, "stream", (double)state->stream) &&
              cJSON_AddNumberToObject(json, "step", (double)state->step) && cJSON_AddNumberToObject(json, "from", (double)state->from) &&
              cJSON_AddNumberToObject(json, "loss_scale", state->loss_scale.scale) && cJSON_AddNumberToObject(json, "loss_scale_steps", (double)state->loss_scale.steps) &&
              cJSON_AddNumberToObject(json, "right", (double)state->right) && cJSON_AddNumberToObject(json, "best", state->curve->best);
    for (int e = 0; ok && e < state->curve->count; e++) {
        const struct desy_epoch *epoch = &state->curve->epochs[e];
        const double numbers[] = {epoch->loss, epoch->accuracy, epoch->validation_loss, epoch->validation_accuracy};
        ok = cJSON_AddItemToArray(curve, cJSON_CreateDoubleArray(numbers, 4));
    }
    if (ok) return json;
    cJSON_Delete(json);
    return NULL;
}

static int write_file(const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state)
{
    struct desy_tensor tensors[TENSORS];
    size_t n = 0;
    char *path = path_of(checkpoints, state, state->step), *description = NULL, hex[DESY_SHA256_HEX];
    cJSON *json = describe(checkpoints, state), *metadata = cJSON_CreateObject();
    int rc = path && json && metadata ? DESY_OK : desy_error_memory("a checkpoint");
    for (int b = 0; b < DESY_STATE_BUFFERS; b++)
        if (state->buffers[b]) tensors[n++] = (struct desy_tensor){.name = (char *)buffer_names[b], .dtype = "F32", .shape = {(int64_t)state->count}, .dimensions = 1, .data = state->buffers[b], .count = state->count, .bytes = state->count * sizeof(float)};
    tensors[n++] = (struct desy_tensor){.name = "losses", .dtype = "F64", .shape = {(int64_t)state->n_losses}, .dimensions = 1, .data = state->losses, .count = state->n_losses, .bytes = state->n_losses * sizeof(double)};
    DESY_TRY(rc);
    DESY_TRY(desy_json_text(&description, json, false, "a checkpoint"));
    DESY_TRY(digest(hex, description, tensors, n));
    if (!cJSON_AddStringToObject(metadata, "checkpoint", description) || !cJSON_AddStringToObject(metadata, "sha256", hex)) DESY_TRY(desy_error_memory("a checkpoint"));
    DESY_TRY(desy_make_directory(checkpoints->directory));
    rc = desy_safetensors_write_described(path, tensors, n, metadata);
out:
    cJSON_Delete(json);
    cJSON_Delete(metadata);
    free(description);
    free(path);
    return rc;
}

static int unusable(const char *path, const char *what)
{
    return desy_error(DESY_EDATA, "%s: %s", path, what);
}

static int read_curve(struct desy_fit_state *state, const cJSON *curve, const char *path)
{
    const cJSON *epoch;
    struct desy_curve *to = state->curve;
    to->count = 0;
    if (!cJSON_IsArray(curve) || cJSON_GetArraySize(curve) > state->epochs) return unusable(path, "its curve is not of this training");
    cJSON_ArrayForEach(epoch, curve)
    {
        double numbers[4];
        for (int k = 0; k < 4; k++) {
            const cJSON *number = cJSON_GetArrayItem(epoch, k);
            if (!cJSON_IsNumber(number)) return unusable(path, "its curve cannot be read");
            numbers[k] = number->valuedouble;
        }
        to->epochs[to->count++] = (struct desy_epoch){numbers[0], numbers[1], numbers[2], numbers[3]};
    }
    return DESY_OK;
}

static int read_description(const struct desy_checkpoints *checkpoints, struct desy_fit_state *state, const cJSON *json, const char *path)
{
    const char *format, *fingerprint, *channel, *torch, *isa;
    long long stream, step, from, right, best, scale_steps;
    double scale;
    int rc;
    DESY_TRY(desy_json_string(&format, json, "format", path));
    DESY_TRY(desy_json_string(&fingerprint, json, "fingerprint", path));
    DESY_TRY(desy_json_string(&torch, json, "torch", path));
    DESY_TRY(desy_json_string(&isa, json, "isa", path));
    DESY_TRY(desy_json_string(&channel, json, "channel", path));
    DESY_TRY(desy_json_integer(&stream, json, "stream", path));
    DESY_TRY(desy_json_integer(&step, json, "step", path));
    DESY_TRY(desy_json_integer(&from, json, "from", path));
    DESY_TRY(desy_json_double(&scale, json, "loss_scale", path));
    DESY_TRY(desy_json_integer(&scale_steps, json, "loss_scale_steps", path));
    DESY_TRY(desy_json_integer(&right, json, "right", path));
    DESY_TRY(desy_json_integer(&best, json, "best", path));
    if (strcmp(format, FORMAT) != 0 || strcmp(fingerprint, checkpoints->fingerprint) != 0 || strcmp(channel, state->channel) != 0 || stream != (long long)state->stream)
        return unusable(path, "it is of another training");
    if (step < 0 || from < 0 || !(scale > 0) || scale_steps < 0 || best < 0 || best >= state->epochs) return unusable(path, "it is of no moment of this training");
    DESY_TRY(read_curve(state, cJSON_GetObjectItemCaseSensitive(json, "curve"), path));
    state->step = step, state->from = from, state->right = right;
    state->loss_scale = (struct desy_loss_scale){scale, scale_steps};
    state->curve->best = (int)best;
    if (strcmp(torch, desy_torch_version()) != 0 || strcmp(isa, desy_torch_isa()) != 0)
        desy_log_warning("%s: begun with libtorch %s for %s, and continued with %s for %s: the model will not be the same to the bit as one of a single run", path, torch, isa, desy_torch_version(), desy_torch_isa());
out:
    return rc;
}

static int read_file(const struct desy_checkpoints *checkpoints, struct desy_fit_state *state, const char *path)
{
    desy_safetensors *file = NULL;
    cJSON *json = NULL;
    char hex[DESY_SHA256_HEX];
    int rc;
    DESY_TRY(desy_safetensors_open(&file, path));
    const char *description = desy_safetensors_metadata(file, "checkpoint"), *sha256 = desy_safetensors_metadata(file, "sha256");
    const struct desy_tensor *losses = desy_safetensors_find(file, "losses");
    if (!description || !sha256 || !losses) DESY_TRY(unusable(path, "it is no checkpoint"));
    DESY_TRY(digest(hex, description, desy_safetensors_at(file, 0), desy_safetensors_count(file)));
    if (strcmp(hex, sha256) != 0) DESY_TRY(unusable(path, "it is damaged: its content does not have its SHA-256"));
    DESY_TRY(desy_json_parse(&json, description, strlen(description), path));
    DESY_TRY(read_description(checkpoints, state, json, path));
    if (losses->bytes > state->losses_room * sizeof(double)) DESY_TRY(unusable(path, "it is of another training"));
    for (int b = 0; b < DESY_STATE_BUFFERS; b++) {
        const struct desy_tensor *tensor = desy_safetensors_find(file, buffer_names[b]);
        if (!tensor != !state->buffers[b] || (tensor && tensor->bytes != state->count * sizeof(float))) DESY_TRY(unusable(path, "it is of another network"));
    }
    for (int b = 0; b < DESY_STATE_BUFFERS; b++)
        if (state->buffers[b]) memcpy(state->buffers[b], desy_safetensors_find(file, buffer_names[b])->data, state->count * sizeof(float));
    memcpy(state->losses, losses->data, losses->bytes);
    state->n_losses = losses->bytes / sizeof(double);
out:
    cJSON_Delete(json);
    desy_safetensors_close(&file);
    return rc;
}

/* ---- what all ranks do ---- */

void desy_checkpoint_save(desy_world *world, const struct desy_checkpoints *checkpoints, const struct desy_fit_state *state)
{
    struct desy_fit_state whole = *state;
    double *all = NULL;
    int rc = desy_gather(world, state->losses, state->n_losses, sizeof *all, (void **)&all, &whole.n_losses);
    desy_sum_i64(world, &whole.right, 1);
    whole.losses = all;
    if (rc == DESY_OK && desy_rank(world) == 0) rc = write_file(checkpoints, &whole);
    if (rc != DESY_OK) desy_log_warning("train: no checkpoint: %s; the training goes on, and what was kept before stays", desy_error_message());
    else if (desy_rank(world) == 0) remove_older(checkpoints, state);
    free(all);
}

/* Rank 0. */
static bool read_newest(const struct desy_checkpoints *checkpoints, struct desy_fit_state *state)
{
    long long steps[LISTED];
    const int n = list_steps(checkpoints, state, steps);
    for (int i = 0; i < n; i++) {
        char *path = path_of(checkpoints, state, steps[i]);
        const int rc = path ? read_file(checkpoints, state, path) : desy_error_memory("a path");
        free(path);
        if (rc == DESY_OK) return true;
        desy_log_warning("train: a checkpoint cannot be used: %s; %s", desy_error_message(), i + 1 < n ? "the one before it is taken" : "there is no other, and this fit begins anew");
    }
    return false;
}

int desy_checkpoint_resume(desy_world *world, const struct desy_checkpoints *checkpoints, struct desy_fit_state *state, bool *found)
{
    struct desy_fit_state kept = *state;
    kept.curve->count = kept.curve->best = 0;
    *found = desy_rank(world) == 0 && read_newest(checkpoints, &kept);
    desy_broadcast(world, found, sizeof *found, 0);
    if (!*found) {
        state->curve->count = state->curve->best = 0;
        return DESY_OK;
    }
    int64_t numbers[] = {kept.step, kept.from, kept.curve->count, kept.curve->best};
    desy_broadcast(world, numbers, sizeof numbers, 0);
    desy_broadcast(world, &kept.loss_scale, sizeof kept.loss_scale, 0);
    state->loss_scale = kept.loss_scale;
    state->step = numbers[0], state->from = numbers[1], state->curve->count = (int)numbers[2], state->curve->best = (int)numbers[3];
    desy_broadcast(world, state->curve->epochs, (size_t)state->curve->count * sizeof *state->curve->epochs, 0);
    for (int b = 0; b < DESY_STATE_BUFFERS; b++)
        if (state->buffers[b]) desy_broadcast(world, state->buffers[b], state->count * sizeof(float), 0);
    const bool has_sums = desy_rank(world) == 0; /* integers and fixed point: it is all the same which rank adds them */
    state->right = has_sums ? kept.right : 0;
    state->n_losses = has_sums ? kept.n_losses : 0;
    return DESY_OK;
}
