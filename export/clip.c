#include "export/clip.h"

#include "base/error.h"
#include "base/hash.h"
#include "export/forms.h"
#include "features/clip.h"
#include "train/text.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* (N) int64 becomes (N, 1) float64. */
static const char *count(desy_graph *graph, const char *name)
{
    return desy_form_unsqueeze(graph, desy_form_cast(graph, desy_graph_input(graph, name, DESY_I64, 0, NULL), DESY_F64), 1);
}

/* (1, T, 1): 0, 1, ... */
static const char *times(desy_graph *graph, int frames)
{
    const int64_t shape[] = {1, frames, 1};
    double numbers[DESY_MAX_FRAMES];
    for (int t = 0; t < frames; t++) numbers[t] = t;
    return desy_graph_tensor(graph, DESY_F64, 3, shape, numbers);
}

static int open_features(struct desy_clip_graph *clip, const desy_classifier *classifier, const char *weights)
{
    const int64_t features[] = {clip->frames, desy_classifier_dims(classifier)}, frames[] = {clip->frames, DESY_INPUT_SIDE, DESY_INPUT_SIDE, 3};
    const char *extractor = desy_classifier_extractor(classifier);
    char sha256[DESY_SHA256_HEX];
    if (!weights) return clip->features = desy_graph_input(clip->graph, "features", DESY_F32, 2, features), DESY_OK;
    if (strcmp(extractor, "resnet50") != 0) return desy_error(DESY_EUSAGE, "--weights: the backbone of resnet50 alone can be part of a graph, and this model reads features of %s", extractor);
    const int rc = desy_sha256_file(sha256, weights);
    if (rc != DESY_OK) return rc;
    if (strcmp(sha256, desy_classifier_weights_sha256(classifier)) != 0)
        return desy_error(DESY_EDATA, "%s: not the weights that the model's features were made with (their SHA-256 begins with %.12s): give those", weights, desy_classifier_weights_sha256(classifier));
    return desy_resnet50_graph(clip->graph, weights, desy_graph_input(clip->graph, "frames", DESY_U8, 4, frames), clip->frames, &clip->features);
}

int desy_clip_graph_open(struct desy_clip_graph *clip, desy_graph *graph, const desy_classifier *classifier, bool int8, const char *weights)
{
    const int64_t crops[] = {DESY_CROPS, DESY_INPUT_SIDE, DESY_INPUT_SIDE, 3};
    const int64_t samples = DESY_AUDIO_SAMPLES, buckets = DESY_TEXT_BUCKETS;
    *clip = (struct desy_clip_graph){.graph = graph, .layout = &desy_classifier_ensemble(classifier)->layout, .frames = desy_classifier_frames(classifier), .int8 = int8};
    const int rc = open_features(clip, classifier, weights);
    if (rc != DESY_OK) return rc;
    clip->n_frames = count(graph, "n_frames");
    clip->n = desy_form_unsqueeze(graph, clip->n_frames, 2);
    clip->there = desy_graph_node(graph, "Less", times(graph, clip->frames), clip->n, NULL);
    if (desy_classifier_reads(classifier, DESY_READS_CROPS)) clip->crops = desy_graph_input(graph, "crops", DESY_U8, 4, crops);
    if (desy_classifier_reads(classifier, DESY_READS_TEXT)) clip->text = desy_graph_input(graph, "text", DESY_F32, 1, &buckets);
    if (!desy_classifier_reads(classifier, DESY_READS_AUDIO)) return DESY_OK;
    clip->audio = desy_graph_input(graph, "audio", DESY_I16, 1, &samples);
    clip->audio_samples = count(graph, "audio_samples");
    return DESY_OK;
}

const char *desy_clip_graph_is_valid(struct desy_clip_graph *clip)
{
    desy_graph *graph = clip->graph;
    const char *finite = desy_graph_node(graph, "Less", desy_graph_node(graph, "Abs", clip->features, NULL), desy_graph_number(graph, DESY_F32, INFINITY), NULL); /* not of NaN either */
    const char *bad = desy_graph_node(graph, "And", clip->there, desy_graph_node(graph, "Not", finite, NULL), NULL);
    const char *most = desy_form_largest(graph, desy_form_largest(graph, desy_form_cast(graph, bad, DESY_F32), 2), 1);
    const char *is_finite = desy_graph_node(graph, "Less", desy_form_squeeze(graph, most, 2), desy_graph_number(graph, DESY_F32, .5), NULL);
    const char *in_range = desy_graph_node(graph, "And", desy_graph_node(graph, "Greater", clip->n_frames, desy_graph_number(graph, DESY_F64, .5), NULL),
                                           desy_graph_node(graph, "Less", clip->n_frames, desy_graph_number(graph, DESY_F64, clip->frames + .5), NULL), NULL);
    return desy_graph_node(graph, "And", is_finite, in_range, NULL);
}
