/* An ensemble as files: weights.safetensors, and three members of model.json. Tensors are named CHANNEL.median, .scale,
 * .direction (float64, linear ones) or CHANNEL.mlp.0.weight and so on (float32, the network's own names); in 8 bits CHANNEL.mlp.0.weight is int8, and
 * CHANNEL.mlp.0.weight.scale (float32) has what a level of each row is worth. */
#include "train/ensemble.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "features/clip.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TENSORS 256
#define SCALE ".scale"

struct tensor_list {
    struct desy_tensor tensors[MOST_TENSORS];
    size_t n;
};

static int add_tensor(struct tensor_list *list, const char *channel, const char *name, const char *dtype, const int64_t *shape, int dimensions, const void *data)
{
    if (list->n == MOST_TENSORS) return desy_error(DESY_EUSAGE, "a model of more than %d tensors", MOST_TENSORS);
    struct desy_tensor *tensor = &list->tensors[list->n++];
    *tensor = (struct desy_tensor){.name = desy_format("%s.%s", channel, name), .dimensions = dimensions, .data = data, .count = 1};
    if (!tensor->name) return desy_error_memory("a tensor");
    strcpy(tensor->dtype, dtype);
    for (int i = 0; i < dimensions; i++) tensor->count *= (size_t)(tensor->shape[i] = shape[i]);
    tensor->bytes = tensor->count * (strcmp(dtype, "F64") == 0 ? 8 : strcmp(dtype, "I8") == 0 ? 1 : 4);
    return DESY_OK;
}

/* Tensor i of a network; values: its parameters. */
static int add_network_tensor(struct tensor_list *list, const struct desy_head *head, const struct desy_network_tensor *tensor, size_t i, const float *values)
{
    const int8_t *levels;
    const float *scales;
    if (!desy_network_levels(head->network, i, &levels, &scales)) return add_tensor(list, head->channel->name, tensor->name, "F32", tensor->shape, tensor->dimensions, values);
    char *name = desy_format("%s" SCALE, tensor->name);
    int rc = name ? add_tensor(list, head->channel->name, tensor->name, "I8", tensor->shape, tensor->dimensions, levels) : desy_error_memory("a tensor");
    if (rc == DESY_OK) rc = add_tensor(list, head->channel->name, name, "F32", tensor->shape, 1, scales);
    free(name);
    return rc;
}

static int add_head(struct tensor_list *list, const struct desy_head *head)
{
    const struct desy_network_tensor *tensors = NULL;
    const int64_t shape = head->standardised, inputs = head->inputs;
    const char *name = head->channel->name;
    float *parameters = NULL;
    size_t n = 0, count = 0;
    int rc;
    if (shape) DESY_TRY(add_tensor(list, name, "median", "F64", &shape, 1, head->median));
    if (shape) DESY_TRY(add_tensor(list, name, "scale", "F64", &shape, 1, head->scale));
    if (head->channel->form == DESY_FORM_SMALL) return add_tensor(list, name, "direction", "F64", &inputs, 1, head->direction);
    DESY_TRY(desy_network_tensors(head->network, &tensors, &n));
    DESY_TRY(desy_network_parameters(head->network, &parameters, &count));
    for (size_t i = 0; i < n; i++)
        DESY_TRY(add_network_tensor(list, head, &tensors[i], i, parameters + tensors[i].offset));
out:
    return rc;
}

static int write_weights(const struct desy_ensemble *ensemble, const char *directory)
{
    struct tensor_list *list = calloc(1, sizeof *list);
    char *path = desy_path_join(directory, "weights.safetensors");
    int rc = list && path ? DESY_OK : desy_error_memory("a model");
    for (int i = 0; rc == DESY_OK && i < ensemble->n; i++) rc = add_head(list, &ensemble->heads[i]);
    if (rc == DESY_OK) rc = desy_safetensors_write(path, list->tensors, list->n);
    for (size_t i = 0; list && i < list->n; i++) free(list->tensors[i].name);
    free(list);
    free(path);
    return rc;
}

/* ids (training), and a column of logits for each channel. */
static int write_out_of_fold(const struct desy_ensemble *ensemble, const char *directory)
{
    struct desy_tensor tensors[1 + DESY_MAX_CHANNELS];
    const size_t n = ensemble->training;
    double *columns = malloc((n * (size_t)ensemble->n + 1) * sizeof *columns);
    char *path = desy_path_join(directory, "out_of_fold.safetensors");
    int rc = columns && path ? DESY_OK : desy_error_memory("out-of-fold logits");
    tensors[0] = (struct desy_tensor){.name = "ids", .dtype = "U64", .shape = {(int64_t)n}, .dimensions = 1, .data = ensemble->ids, .count = n, .bytes = n * 8};
    for (int k = 0; rc == DESY_OK && k < ensemble->n; k++) {
        double *column = columns + (size_t)k * n;
        for (size_t i = 0; i < n; i++) column[i] = ensemble->out_of_fold[i * (size_t)ensemble->n + (size_t)k];
        tensors[1 + k] = (struct desy_tensor){.name = (char *)ensemble->heads[k].channel->name, .dtype = "F64", .shape = {(int64_t)n}, .dimensions = 1, .data = column, .count = n, .bytes = n * 8};
    }
    if (rc == DESY_OK) rc = desy_safetensors_write(path, tensors, 1 + (size_t)ensemble->n);
    free(columns);
    free(path);
    return rc;
}

/* Of training clips, a row each; which columns these are stands in model.json, with the file's SHA-256. */
static int write_summaries(const struct desy_ensemble *ensemble, const char *directory, cJSON *model)
{
    const size_t n = ensemble->summarised, columns = ensemble->summary_columns;
    const struct desy_tensor tensor = {.name = (char *)"summaries", .dtype = "F32", .shape = {(int64_t)n, (int64_t)columns}, .dimensions = 2, .data = ensemble->summaries, .count = n * columns,
                                       .bytes = n * columns * sizeof *ensemble->summaries};
    char sha256[DESY_SHA256_HEX], *path = desy_path_join(directory, "drift.safetensors");
    int rc = path ? desy_safetensors_write(path, &tensor, 1) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_sha256_file(sha256, path);
    if (rc == DESY_OK && !cJSON_AddStringToObject(cJSON_GetObjectItemCaseSensitive(model, "drift"), "sha256", sha256)) rc = desy_error_memory("a model");
    free(path);
    return rc;
}

static cJSON *describe_head(const struct desy_head *head)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", head->channel->name);
    cJSON_AddStringToObject(json, "level", desy_level_name(head->channel->level));
    cJSON_AddStringToObject(json, "form", head->channel->form == DESY_FORM_FULL ? "full" : "small");
    if (head->channel->architecture) cJSON_AddStringToObject(json, "architecture", head->channel->architecture);
    if (desy_head_is_int8(head)) cJSON_AddStringToObject(json, "linear_layers", "int8");
    cJSON_AddNumberToObject(json, "inputs", head->inputs);
    if (head->channel->reads == DESY_READS_FRAMES) cJSON_AddNumberToObject(json, "frames", head->frames);
    cJSON_AddNumberToObject(json, "bias", head->bias);
    cJSON_AddNumberToObject(json, "logit_mean", head->mean);
    cJSON_AddNumberToObject(json, "logit_deviation", head->deviation);
    return json;
}

int desy_ensemble_write(const struct desy_ensemble *ensemble, const char *directory, cJSON *model)
{
    cJSON *layout = cJSON_AddObjectToObject(model, "layout"), *channels = cJSON_AddArrayToObject(model, "channels");
    cJSON *fusion = cJSON_AddObjectToObject(model, "fusion");
    if (!layout || !channels || !fusion) return desy_error_memory("a model");
    cJSON_AddNumberToObject(layout, "encoder", ensemble->layout.encoder);
    cJSON_AddNumberToObject(layout, "blocks", ensemble->layout.blocks);
    for (int i = 0; i < ensemble->n; i++) cJSON_AddItemToArray(channels, describe_head(&ensemble->heads[i]));
    cJSON_AddNumberToObject(fusion, "bias", ensemble->bias);
    for (int level = 0; level < DESY_LEVELS; level++) {
        if (ensemble->slope[level] == 0 && ensemble->weight[level] == 0) continue;
        cJSON *of_level = cJSON_AddObjectToObject(fusion, desy_level_name((enum desy_level)level));
        cJSON_AddNumberToObject(of_level, "weight", ensemble->weight[level]);
        cJSON_AddNumberToObject(of_level, "slope", ensemble->slope[level]);
        cJSON_AddNumberToObject(of_level, "intercept", ensemble->intercept[level]);
    }
    char sha256[DESY_SHA256_HEX], *path = desy_path_join(directory, "weights.safetensors");
    int rc = path ? write_weights(ensemble, directory) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_sha256_file(sha256, path);
    free(path);
    if (rc == DESY_OK && !cJSON_AddStringToObject(model, "weights_sha256", sha256)) rc = desy_error_memory("a model");
    if (rc == DESY_OK && ensemble->summaries) rc = write_summaries(ensemble, directory, model);
    return rc == DESY_OK && ensemble->out_of_fold ? write_out_of_fold(ensemble, directory) : rc;
}

/* The tensor CHANNEL.NAME into `data`; it must have this type and number of elements. */
static int take_tensor(const desy_safetensors *file, const char *path, const char *channel, const char *name, const char *dtype, size_t count, void *data)
{
    char *full = desy_format("%s.%s", channel, name);
    if (!full) return desy_error_memory("a tensor");
    const struct desy_tensor *tensor = desy_safetensors_find(file, full);
    int rc = DESY_OK;
    if (!tensor || strcmp(tensor->dtype, dtype) != 0 || tensor->count != count)
        rc = desy_error(DESY_EDATA, "%s: the tensor %s is missing or not %zu numbers of type %s", path, full, count, dtype);
    else memcpy(data, tensor->data, tensor->bytes);
    free(full);
    return rc;
}

/* Levels and scales of tensor i, where the file has it in 8 bits; else nothing is done. */
static int take_levels(struct desy_head *head, const desy_safetensors *file, const char *path, const struct desy_network_tensor *tensor, size_t i, bool *taken)
{
    char *full = desy_format("%s.%s", head->channel->name, tensor->name), *scale = desy_format("%s" SCALE, tensor->name);
    const struct desy_tensor *stored = full ? desy_safetensors_find(file, full) : NULL;
    float *scales = NULL;
    int rc = full && scale ? DESY_OK : desy_error_memory("a tensor");
    *taken = rc == DESY_OK && stored && strcmp(stored->dtype, "I8") == 0;
    if (!*taken) goto out;
    if (stored->count != tensor->count) DESY_TRY(desy_error(DESY_EDATA, "%s: the tensor %s has %zu numbers, not %zu", path, full, stored->count, tensor->count));
    scales = malloc((size_t)tensor->shape[0] * sizeof *scales);
    if (!scales) DESY_TRY(desy_error_memory("a tensor"));
    DESY_TRY(take_tensor(file, path, head->channel->name, scale, "F32", (size_t)tensor->shape[0], scales));
    rc = desy_network_take_levels(head->network, i, stored->data, scales);
    if (rc == DESY_EUSAGE) rc = desy_error(DESY_EDATA, "%s: the tensor %s is int8, and can't be", path, full);
out:
    free(full);
    free(scale);
    free(scales);
    return rc;
}

static int read_network(struct desy_head *head, const desy_safetensors *file, const char *path, const char *device)
{
    bool taken;
    const struct desy_network_tensor *tensors = NULL;
    float *parameters = NULL;
    size_t n = 0, count = 0;
    int rc;
    DESY_TRY(desy_network_open(&head->network, head->channel->architecture, head->frames, head->inputs, 0, device, 1));
    DESY_TRY(desy_network_tensors(head->network, &tensors, &n));
    DESY_TRY(desy_network_parameters(head->network, &parameters, &count));
    for (size_t i = 0; i < n; i++) {
        DESY_TRY(take_levels(head, file, path, &tensors[i], i, &taken));
        if (!taken) DESY_TRY(take_tensor(file, path, head->channel->name, tensors[i].name, "F32", tensors[i].count, parameters + tensors[i].offset));
    }
    rc = desy_network_parameters_changed(head->network);
out:
    return rc;
}

static int read_head(struct desy_ensemble *ensemble, const cJSON *json, const desy_safetensors *file, const char *path, const char *device)
{
    const char *name, *where = "model.json";
    long long inputs, frames;
    int rc;
    DESY_TRY(desy_json_string(&name, json, "name", where));
    const struct desy_channel *channel = desy_channel_find(name);
    if (!channel) return desy_error(DESY_EDATA, "%s: this version of desy knows no channel \"%s\"", where, name);
    if (ensemble->n == DESY_MAX_CHANNELS) return desy_error(DESY_EDATA, "%s: more than %d channels", where, DESY_MAX_CHANNELS);
    struct desy_head *head = &ensemble->heads[ensemble->n++];
    DESY_TRY(desy_head_open(head, channel, &ensemble->layout));
    DESY_TRY(desy_json_integer(&inputs, json, "inputs", where));
    if (inputs != head->inputs) return desy_error(DESY_EDATA, "%s: the channel %s has %lld inputs, not %d", where, name, inputs, head->inputs);
    if (channel->reads == DESY_READS_FRAMES) {
        DESY_TRY(desy_json_integer(&frames, json, "frames", where));
        if (frames < 1 || frames > DESY_MAX_FRAMES) return desy_error(DESY_EDATA, "%s: the channel %s takes %lld frames", where, name, frames);
        head->frames = (int)frames;
    }
    DESY_TRY(desy_json_double(&head->bias, json, "bias", where));
    DESY_TRY(desy_json_double(&head->mean, json, "logit_mean", where));
    DESY_TRY(desy_json_double(&head->deviation, json, "logit_deviation", where));
    if (!(head->deviation > 0)) return desy_error(DESY_EDATA, "%s: the logit_deviation of %s must be positive", where, name);
    if (head->standardised) DESY_TRY(take_tensor(file, path, name, "median", "F64", (size_t)head->standardised, head->median));
    if (head->standardised) DESY_TRY(take_tensor(file, path, name, "scale", "F64", (size_t)head->standardised, head->scale));
    rc = channel->form == DESY_FORM_SMALL ? take_tensor(file, path, name, "direction", "F64", (size_t)inputs, head->direction)
                                          : read_network(head, file, path, device);
out:
    return rc;
}

static int read_fusion(struct desy_ensemble *ensemble, const cJSON *fusion)
{
    const char *where = "model.json: fusion";
    int rc;
    DESY_TRY(desy_json_double(&ensemble->bias, fusion, "bias", where));
    for (int level = 0; level < DESY_LEVELS; level++) {
        const cJSON *of_level = cJSON_GetObjectItemCaseSensitive(fusion, desy_level_name((enum desy_level)level));
        bool wanted = false;
        for (int i = 0; i < ensemble->n; i++) wanted |= (int)ensemble->heads[i].channel->level == level;
        if (!of_level && wanted) return desy_error(DESY_EDATA, "%s: lacks the level %s, which has channels", where, desy_level_name((enum desy_level)level));
        if (!of_level) continue;
        DESY_TRY(desy_json_double(&ensemble->weight[level], of_level, "weight", where));
        DESY_TRY(desy_json_double(&ensemble->slope[level], of_level, "slope", where));
        DESY_TRY(desy_json_double(&ensemble->intercept[level], of_level, "intercept", where));
    }
out:
    return rc;
}

int desy_ensemble_read(struct desy_ensemble *ensemble, const char *directory, const cJSON *model, const char *device)
{
    desy_safetensors *file = NULL;
    long long encoder, blocks;
    char *path = desy_path_join(directory, "weights.safetensors");
    int rc = path ? DESY_OK : desy_error_memory("a model");
    memset(ensemble, 0, sizeof *ensemble);
    const cJSON *layout = cJSON_GetObjectItemCaseSensitive(model, "layout"), *channel = NULL;
    DESY_TRY(rc);
    DESY_TRY(desy_json_integer(&encoder, layout, "encoder", "model.json: layout"));
    DESY_TRY(desy_json_integer(&blocks, layout, "blocks", "model.json: layout"));
    if (encoder < 1 || encoder > 1 << 20 || blocks < 0 || blocks > 1 << 20)
        DESY_TRY(desy_error(DESY_EDATA, "model.json: a layout of %lld and %lld numbers", encoder, blocks));
    ensemble->layout = (struct desy_layout){(int)encoder, (int)blocks};
    if (desy_safetensors_open(&file, path) != DESY_OK) DESY_TRY(desy_error(DESY_EDATA, "%s", desy_error_message()));
    cJSON_ArrayForEach(channel, cJSON_GetObjectItemCaseSensitive(model, "channels"))
        DESY_TRY(read_head(ensemble, channel, file, path, device));
    if (ensemble->n == 0) DESY_TRY(desy_error(DESY_EDATA, "model.json: no channels"));
    rc = read_fusion(ensemble, cJSON_GetObjectItemCaseSensitive(model, "fusion"));
out:
    desy_safetensors_close(&file);
    free(path);
    if (rc != DESY_OK) desy_ensemble_close(ensemble);
    return rc;
}
