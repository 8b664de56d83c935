/* From a channel's inputs to its standardised logit. To add a full form: a file with a desy_network_graph, and a line in the table. */
#include "base/error.h"
#include "export/clip.h"
#include "export/forms.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *architecture;
    desy_network_graph *graph;
} networks[] = {
    {"high_mlp", desy_high_mlp_graph}, {"high_text", desy_high_text_graph}, {"low_cnn", desy_low_cnn_graph}, {"mid_transformer", desy_mid_transformer_graph}, {"sound_cnn", desy_sound_cnn_graph},
};

const float *desy_head_tensor(struct desy_head_view *view, const char *name, const struct desy_network_tensor **tensor)
{
    for (size_t i = 0; i < view->n; i++) {
        if (strcmp(view->tensors[i].name, name) != 0) continue;
        *tensor = &view->tensors[i];
        return view->parameters + view->tensors[i].offset;
    }
    *tensor = NULL;
    return NULL;
}

static const float *wanted(struct desy_head_view *view, const char *name, const struct desy_network_tensor **tensor)
{
    const float *values = desy_head_tensor(view, name, tensor);
    if (!values && view->rc == DESY_OK) view->rc = desy_error(DESY_EUSAGE, "the channel %s can't be exported: its network has no tensor %s", view->channel, name);
    return values;
}

const char *desy_head_linear(struct desy_clip_graph *clip, struct desy_head_view *view, const char *x, const char *name)
{
    const struct desy_network_tensor *shape, *of_bias;
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    const float *weight = wanted(view, full, &shape);
    snprintf(full, sizeof full, "%s.bias", name);
    const bool int8 = view->int8 && shape && shape->shape[0] > 1; /* as model/network.cpp has it */
    if (int8) clip->int8_layers++;
    return weight ? desy_form_linear(clip->graph, x, weight, desy_head_tensor(view, full, &of_bias), (int)shape->shape[1], (int)shape->shape[0], int8) : "";
}

const char *desy_head_constant(struct desy_clip_graph *clip, struct desy_head_view *view, const char *name, int dimensions, const int64_t *shape)
{
    const struct desy_network_tensor *tensor;
    const float *values = wanted(view, name, &tensor);
    return values ? desy_graph_tensor(clip->graph, DESY_F32, dimensions, shape, values) : "";
}

/* direction . z + bias */
static int small_logit(struct desy_clip_graph *clip, const struct desy_head *head, const char **logit)
{
    const int64_t shape[] = {head->inputs, 1};
    const int rc = desy_clip_graph_inputs(clip, head, logit);
    if (rc != DESY_OK) return rc;
    *logit = desy_graph_node(clip->graph, "MatMul", *logit, desy_graph_tensor(clip->graph, DESY_F64, 2, shape, head->direction), NULL);
    *logit = desy_graph_node(clip->graph, "Add", *logit, desy_graph_number(clip->graph, DESY_F64, head->bias), NULL);
    return DESY_OK;
}

static int full_logit(struct desy_clip_graph *clip, const struct desy_head *head, const char **logit)
{
    struct desy_head_view view = {.channel = head->channel->name};
    const char *inputs = NULL;
    float *parameters;
    size_t i = 0, count;
    int rc;
    while (i < sizeof networks / sizeof *networks && strcmp(networks[i].architecture, head->channel->architecture) != 0) i++;
    if (i == sizeof networks / sizeof *networks)
        return desy_error(DESY_EUSAGE, "the channel %s can't be exported: no graph is known of its network, %s", head->channel->name, head->channel->architecture);
    DESY_TRY(desy_network_tensors(head->network, &view.tensors, &view.n));
    DESY_TRY(desy_network_parameters(head->network, &parameters, &count));
    view.parameters = parameters;
    view.int8 = clip->int8 || desy_head_is_int8(head); /* parameters are what the levels stand for, and become these levels again */
    if (desy_channel_is_pooled(head->channel)) {
        DESY_TRY(desy_clip_graph_inputs(clip, head, &inputs));
        inputs = desy_form_cast(clip->graph, inputs, DESY_F32);
    }
    *logit = desy_form_cast(clip->graph, networks[i].graph(clip, &view, head, inputs), DESY_F64);
    rc = view.rc;
out:
    return rc;
}

/* Which clips have what the channel reads; NULL: all. */
static const char *present(struct desy_clip_graph *clip, const struct desy_head *head)
{
    desy_graph *graph = clip->graph;
    if (head->channel->part == DESY_POOL_TEMPORAL) return desy_clip_graph_moves(clip);
    if (head->channel->reads == DESY_READS_AUDIO) return desy_graph_node(graph, "Greater", clip->audio_samples, desy_graph_number(graph, DESY_F64, .5), NULL);
    if (head->channel->reads != DESY_READS_TEXT) return NULL;
    return desy_graph_node(graph, "Greater", desy_form_largest(graph, desy_graph_node(graph, "Abs", clip->text, NULL), 1), desy_graph_number(graph, DESY_F32, 0), NULL);
}

int desy_head_graph(struct desy_clip_graph *clip, const struct desy_head *head, struct desy_channel_graph *channel)
{
    desy_graph *graph = clip->graph;
    const char *logit = NULL;
    desy_graph_scope(graph, head->channel->name);
    const int rc = head->channel->form == DESY_FORM_SMALL ? small_logit(clip, head, &logit) : full_logit(clip, head, &logit);
    if (rc != DESY_OK) return rc;
    logit = desy_graph_node(graph, "Sub", logit, desy_graph_number(graph, DESY_F64, head->mean), NULL);
    channel->logit = desy_graph_node(graph, "Div", logit, desy_graph_number(graph, DESY_F64, head->deviation), NULL);
    channel->present = present(clip, head);
    return DESY_OK;
}
