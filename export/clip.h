/* Inside export/: what is known of the clips of a batch, as values of the graph, and what the parts of the graph make of it. One file a part. */
#ifndef DESY_EXPORT_CLIP_H
#define DESY_EXPORT_CLIP_H

#include "export/graph.h"
#include "train/ensemble.h"

#include <stdbool.h>

struct desy_clip_graph {
    desy_graph *graph;
    const struct desy_layout *layout;
    int frames;                            /* T */
    bool int8;                             /* linear layers of full forms in 8 bits, also of those that are not so in the model */
    int int8_layers;                       /* how many there are, as far as the graph goes */
    const char *features;                  /* (N, T, D) float32 */
    const char *n_frames, *n;              /* (N, 1) float64; (N, 1, 1) */
    const char *there;                     /* (N, T, 1) bool: is the frame there? */
    const char *crops;                     /* (N, 4, 224, 224, 3) uint8; NULL: nothing reads them, nor is it a graph's input. So of what follows */
    const char *audio, *audio_samples;     /* (N, 32000) int16; (N, 1) float64 */
    const char *text;                      /* (N, 4096) float32: train/text.h's numbers */
    struct {                               /* NULL until something reads them */
        const char *encoder, *differences; /* (N, T, E) float64, 0 where there is no frame; (N, T - 1, E), 0 where there is no pair */
        const char *mean, *deviation, *step; /* (N, E) float64 */
        const char *moves;                 /* (N, 1) bool */
    } known;
};

/* A channel's standardised logit (N, 1) float64, and which clips have it (N, 1) bool; NULL: all. */
struct desy_channel_graph {
    const char *logit, *present;
};

/* ---- clip.c ---- */
/* The graph's inputs, for a model that reads these. weights: of the extractor resnet50, which then is part of the graph: `frames` (N, T, 224, 224, 3) uint8 are an input in place of the
 * features; NULL: it is not. DESY_EUSAGE: the extractor is another; DESY_EDATA: these are not the weights that the model's features were made with. */
int desy_clip_graph_open(struct desy_clip_graph *clip, desy_graph *graph, const desy_classifier *classifier, bool int8, const char *weights);
/* (N, 1) bool: 1 <= n_frames <= T, and all numbers of the frames that are there are finite. */
const char *desy_clip_graph_is_valid(struct desy_clip_graph *clip);

/* ---- resnet50.c ---- */
/* From frames (N, per_clip, 224, 224, 3) uint8 to features (N, per_clip, 2048). path: safetensors, float32, with the names of torchvision and timm. DESY_EDATA: other tensors; DESY_EENV:
 * no such file. */
int desy_resnet50_graph(desy_graph *graph, const char *path, const char *frames, int per_clip, const char **features);

/* ---- pooled.c: train/pool.h and train/temporal.h ---- */
/* (N, T - ahead, 1) bool: are frames t and t + ahead there? */
const char *desy_clip_graph_pairs(struct desy_clip_graph *clip, int ahead);
/* The mean over time of numbers first .. first + count - 1: (N, count) float64. */
const char *desy_clip_graph_mean(struct desy_clip_graph *clip, int first, int count);
/* A head's standardised inputs that are pooled: (N, standardised) float64. DESY_EUSAGE, naming the channel: it reads what no graph can be made of yet. */
int desy_clip_graph_inputs(struct desy_clip_graph *clip, const struct desy_head *head, const char **inputs);
const char *desy_clip_graph_moves(struct desy_clip_graph *clip);  /* (N, 1) bool */
const char *desy_clip_graph_energy(struct desy_clip_graph *clip); /* temporal.c: (N, 7) float64 */

/* ---- heads.c ---- */
/* A channel's part. DESY_EUSAGE, naming the channel: there is no way to express it. */
int desy_head_graph(struct desy_clip_graph *clip, const struct desy_head *head, struct desy_channel_graph *channel);

/* A full form's parameters by name. An unknown name: DESY_EUSAGE, which stays with the view. */
struct desy_head_view {
    const char *channel;
    const struct desy_network_tensor *tensors;
    const float *parameters;
    size_t n;
    bool int8;
    int rc;
};
/* NULL: there is none. */
const float *desy_head_tensor(struct desy_head_view *view, const char *name, const struct desy_network_tensor **tensor);
/* x (..., in) float32 by NAME.weight and, where there is one, NAME.bias. */
const char *desy_head_linear(struct desy_clip_graph *clip, struct desy_head_view *view, const char *x, const char *name);
/* The parameter as a constant of this shape. */
const char *desy_head_constant(struct desy_clip_graph *clip, struct desy_head_view *view, const char *name, int dimensions, const int64_t *shape);

/* ---- full forms, one a file: raw logits (N, 1) float32 ---- */
typedef const char *desy_network_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs);
desy_network_graph desy_high_mlp_graph, desy_high_text_graph, desy_mid_transformer_graph, desy_low_cnn_graph, desy_sound_cnn_graph;

/* ---- fusion.c ---- */
/* The outputs: logit, probability, the levels' scores, channel_logits. channels: one a head of the ensemble. */
void desy_fusion_graph(struct desy_clip_graph *clip, const struct desy_ensemble *ensemble, const struct desy_channel_graph *channels, const char *valid);

#endif
