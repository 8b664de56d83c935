#include "export/export.h"

#include "base/error.h"
#include "base/json.h"
#include "export/clip.h"
#include "train/temporal.h"

#include <stdlib.h>
#include <string.h>

static int add_json(desy_graph *graph, const char *key, const cJSON *json)
{
    char *text = NULL;
    const int rc = desy_json_text(&text, json, false, key);
    if (rc == DESY_OK) desy_graph_metadata(graph, key, text);
    free(text);
    return rc;
}

/* Names of channels, in the order of channel_logits. */
static int add_channels(desy_graph *graph, const desy_classifier *classifier)
{
    cJSON *names = cJSON_CreateArray();
    int rc = names ? DESY_OK : desy_error_memory("metadata");
    for (int i = 0; rc == DESY_OK && i < desy_classifier_channels(classifier); i++)
        if (!cJSON_AddItemToArray(names, cJSON_CreateString(desy_classifier_channel(classifier, i)))) rc = desy_error_memory("metadata");
    if (rc == DESY_OK) rc = add_json(graph, "channels", names);
    cJSON_Delete(names);
    return rc;
}

static void add_number(desy_graph *graph, const char *key, double value)
{
    char text[DESY_NUMBER_TEXT];
    desy_graph_metadata(graph, key, desy_number_text(text, value));
}

/* From a frame to the encoder's input, in words; what a store recorded of it is in its model's words. */
static const char *preprocessing(const desy_classifier *classifier)
{
    const char *recorded = desy_json_text_of(desy_json_member(desy_classifier_model(classifier), "extractor"), "preprocess");
    if (recorded) return recorded;
    if (strcmp(desy_classifier_extractor(classifier), "hybrid") == 0)
        return "RGB, shorter side to 256 (area when shrinking, bicubic when enlarging), centre 224 x 224, (x - 127) / 128; numbers 1600 to 2047 of a frame are of its luma (docs/features.md)";
    return "as the extractor of this name and version has it";
}

/* What somebody who has nothing but the file must know to give it the right numbers and to read what comes out. */
static int describe(desy_graph *graph, const desy_classifier *classifier, bool int8)
{
    const cJSON *layout = desy_json_member(desy_classifier_model(classifier), "layout");
    int rc;
    desy_graph_metadata(graph, "desy_version", DESY_VERSION);
    desy_graph_metadata(graph, "model", desy_classifier_name(classifier));
    desy_graph_metadata(graph, "model_sha256", desy_classifier_sha256(classifier));
    desy_graph_metadata(graph, "extractor", desy_classifier_extractor(classifier));
    add_number(graph, "extractor_version", desy_classifier_extractor_version(classifier));
    desy_graph_metadata(graph, "extractor_weights_sha256", desy_classifier_weights_sha256(classifier));
    desy_graph_metadata(graph, "extractor_precision", desy_classifier_precision(classifier));
    desy_graph_metadata(graph, "preprocessing", preprocessing(classifier));
    desy_graph_metadata(graph, "sampling", desy_classifier_sampling(classifier));
    add_number(graph, "frames", desy_classifier_frames(classifier));
    add_number(graph, "dims", desy_classifier_dims(classifier));
    add_number(graph, "threshold", desy_classifier_threshold(classifier));
    add_number(graph, "prior", .5);
    desy_graph_metadata(graph, "calibrated", desy_classifier_calibrated(classifier) ? "true" : "false");
    desy_graph_metadata(graph, "linear_layers", int8 ? "int8" : "fp32");
    DESY_TRY(add_channels(graph, classifier));
    rc = add_json(graph, "layout", layout); /* D = encoder + blocks */
out:
    return rc;
}

int desy_export(const desy_classifier *classifier, const struct desy_export_options *options, const char *path)
{
    const struct desy_ensemble *ensemble = desy_classifier_ensemble(classifier);
    struct desy_channel_graph channels[DESY_MAX_CHANNELS] = {{0}};
    struct desy_clip_graph clip;
    desy_graph *graph = NULL;
    int rc;
    DESY_TRY(desy_graph_open(&graph, options->opset));
    if (desy_classifier_frames(classifier) < DESY_TEMPORAL_LEAST_FRAMES)
        DESY_TRY(desy_error(DESY_EUSAGE, "%s: clips of %d frames; a graph is made for %d or more", desy_classifier_directory(classifier), desy_classifier_frames(classifier), DESY_TEMPORAL_LEAST_FRAMES));
    DESY_TRY(desy_clip_graph_open(&clip, graph, classifier, options->int8, options->weights));
    for (int i = 0; i < ensemble->n; i++) DESY_TRY(desy_head_graph(&clip, &ensemble->heads[i], &channels[i]));
    if (options->int8 && !clip.int8_layers)
        DESY_TRY(desy_error(DESY_EUSAGE, "--int8: %s has no full form with linear layers of several outputs, which is what 8 bits make smaller: export it without", desy_classifier_directory(classifier)));
    desy_fusion_graph(&clip, ensemble, channels, desy_clip_graph_is_valid(&clip));
    DESY_TRY(describe(graph, classifier, clip.int8_layers > 0));
    rc = desy_graph_write(graph, path, desy_classifier_name(classifier));
out:
    desy_graph_close(&graph);
    return rc;
}
