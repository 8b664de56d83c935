/* train/ensemble.c as nodes: channels to levels to the fused logit, and the graph's outputs. */
#include "export/clip.h"
#include "export/forms.h"

#include <math.h>
#include <stdio.h>

/* A level's logit (N, 1), the mean of the channels that a clip has, 0 without any; *members (N, 1) float64: how many it has; NULL: the model has none. */
static const char *level_logit(desy_graph *graph, const struct desy_ensemble *ensemble, enum desy_level level, const struct desy_channel_graph *channels, const char **members)
{
    const char *sum = NULL;
    *members = NULL;
    for (int i = 0; i < ensemble->n; i++) {
        if (ensemble->heads[i].channel->level != level) continue;
        const char *value = channels[i].present ? desy_form_where(graph, channels[i].present, channels[i].logit, DESY_F64, 0) : channels[i].logit;
        const char *member = channels[i].present ? desy_form_cast(graph, channels[i].present, DESY_F64) : desy_graph_number(graph, DESY_F64, 1);
        sum = *members ? desy_graph_node(graph, "Add", sum, value, NULL) : value;
        *members = *members ? desy_graph_node(graph, "Add", *members, member, NULL) : member;
    }
    return *members ? desy_graph_node(graph, "Div", sum, desy_graph_node(graph, "Max", *members, desy_graph_number(graph, DESY_F64, 1), NULL), NULL) : NULL;
}

static const char *scaled(desy_graph *graph, const char *x, double slope, double intercept)
{
    return desy_graph_node(graph, "Add", desy_graph_node(graph, "Mul", x, desy_graph_number(graph, DESY_F64, slope), NULL), desy_graph_number(graph, DESY_F64, intercept), NULL);
}

/* (N, 1) float64 as (N) float32, NaN where not `there`. */
static void put_out(desy_graph *graph, const char *name, const char *there, const char *x)
{
    const char *value = desy_form_squeeze(graph, desy_form_where(graph, there, x, DESY_F64, NAN), 1);
    desy_graph_output(graph, name, desy_form_cast(graph, value, DESY_F32), DESY_F32, 0);
}

static void put_channels(desy_graph *graph, const struct desy_ensemble *ensemble, const struct desy_channel_graph *channels, const char *valid)
{
    const char *all = NULL;
    for (int i = 0; i < ensemble->n; i++) {
        const char *there = channels[i].present ? desy_graph_node(graph, "And", valid, channels[i].present, NULL) : valid;
        const char *logit = desy_form_where(graph, there, channels[i].logit, DESY_F64, NAN);
        if (!all) {
            all = logit;
            continue;
        }
        all = desy_graph_node(graph, "Concat", all, logit, NULL);
        desy_graph_integer(graph, "axis", 1);
    }
    desy_graph_output(graph, "channel_logits", desy_form_cast(graph, all, DESY_F32), DESY_F32, ensemble->n);
}

void desy_fusion_graph(struct desy_clip_graph *clip, const struct desy_ensemble *ensemble, const struct desy_channel_graph *channels, const char *valid)
{
    desy_graph *graph = clip->graph;
    const char *fused = desy_graph_number(graph, DESY_F64, ensemble->bias), *scores[DESY_LEVELS] = {NULL}, *there[DESY_LEVELS], *members;
    desy_graph_scope(graph, "fusion");
    for (int level = 0; level < DESY_LEVELS; level++) {
        const char *logit = level_logit(graph, ensemble, (enum desy_level)level, channels, &members);
        if (!logit) continue;
        fused = desy_graph_node(graph, "Add", fused, desy_graph_node(graph, "Mul", logit, desy_graph_number(graph, DESY_F64, ensemble->weight[level]), NULL), NULL);
        scores[level] = desy_graph_node(graph, "Sigmoid", scaled(graph, logit, ensemble->slope[level], ensemble->intercept[level]), NULL);
        there[level] = desy_graph_node(graph, "And", valid, desy_graph_node(graph, "Greater", members, desy_graph_number(graph, DESY_F64, .5), NULL), NULL);
    }
    put_out(graph, "logit", valid, fused);
    put_out(graph, "probability", valid, desy_graph_node(graph, "Sigmoid", fused, NULL));
    for (int level = 0; level < DESY_LEVELS; level++)
        if (scores[level]) put_out(graph, desy_level_name((enum desy_level)level), there[level], scores[level]);
    put_channels(graph, ensemble, channels, valid);
}
