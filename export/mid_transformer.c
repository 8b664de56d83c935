/* model/mid_transformer.cpp as nodes. LayerNormalization and Gelu are written out: the one is of opset 17, the other of 20. */
#include "export/clip.h"
#include "export/forms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 128, HEADS = 4, LAYERS = 2 };
#define EPSILON 1e-5

struct network {
    struct desy_clip_graph *clip;
    desy_graph *graph;
    struct desy_head_view *view;
    const char *hidden; /* (N, 1, 1, T): 0, or minus infinity where no frame is */
};

static const char *binary(const struct network *net, const char *op, const char *a, const char *b)
{
    return desy_graph_node(net->graph, op, a, b, NULL);
}

static const char *scaled(const struct network *net, const char *x, double factor)
{
    return binary(net, "Mul", x, desy_graph_number(net->graph, DESY_F32, factor));
}

static const char *named(char room[64], int layer, const char *part)
{
    snprintf(room, 64, "encoder.%d.%s", layer, part);
    return room;
}

static const char *layer_norm(const struct network *net, const char *x, const char *name)
{
    const int64_t width = WIDTH;
    char weight[80], bias[80];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const char *centred = binary(net, "Sub", x, scaled(net, desy_form_sum(net->graph, x, -1, true), 1. / WIDTH));
    const char *variance = scaled(net, desy_form_sum(net->graph, binary(net, "Mul", centred, centred), -1, true), 1. / WIDTH);
    const char *deviation = desy_graph_node(net->graph, "Sqrt", binary(net, "Add", variance, desy_graph_number(net->graph, DESY_F32, EPSILON)), NULL);
    const char *normed = binary(net, "Mul", binary(net, "Div", centred, deviation), desy_head_constant(net->clip, net->view, weight, 1, &width));
    return binary(net, "Add", normed, desy_head_constant(net->clip, net->view, bias, 1, &width));
}

/* Part `index` of queries, keys and values (N, T, 3 WIDTH): (N, HEADS, T, WIDTH / HEADS), or with the last two turned. */
static const char *head_part(const struct network *net, const char *all, int index, bool turned)
{
    static const int64_t order[] = {0, 2, 1, 3}, turned_order[] = {0, 2, 3, 1};
    const int64_t shape[] = {0, net->clip->frames, HEADS, WIDTH / HEADS};
    const char *part = desy_form_reshape(net->graph, desy_form_slice(net->graph, all, 2, index * WIDTH, (index + 1) * WIDTH), 4, shape);
    return desy_form_transpose(net->graph, part, 4, turned ? turned_order : order);
}

static const char *attend(const struct network *net, const char *x, int layer)
{
    static const int64_t order[] = {0, 2, 1, 3};
    const int64_t shape[] = {0, net->clip->frames, WIDTH};
    char room[64];
    const char *all = desy_head_linear(net->clip, net->view, x, named(room, layer, "attention.in"));
    const char *scores = binary(net, "MatMul", scaled(net, head_part(net, all, 0, false), 1 / sqrt((double)WIDTH / HEADS)), head_part(net, all, 1, true));
    const char *share = desy_form_softmax(net->graph, binary(net, "Add", scores, net->hidden));
    const char *seen = desy_form_reshape(net->graph, desy_form_transpose(net->graph, binary(net, "MatMul", share, head_part(net, all, 2, false)), 4, order), 3, shape);
    return desy_head_linear(net->clip, net->view, seen, named(room, layer, "attention.out"));
}

/* x (1 + erf(x / sqrt 2)) / 2 */
static const char *gelu(const struct network *net, const char *x)
{
    const char *share = binary(net, "Add", desy_graph_node(net->graph, "Erf", scaled(net, x, sqrt(.5)), NULL), desy_graph_number(net->graph, DESY_F32, 1));
    return scaled(net, binary(net, "Mul", x, share), .5);
}

/* z = (x - median) / scale within [-3, 3], in float32 as train/reading.c; 0 where there is no frame. */
static const char *standardised(const struct network *net, const struct desy_head *head)
{
    const int64_t shape = head->inputs;
    float *median = desy_graph_take(net->graph, (size_t)head->inputs * sizeof *median), *inverse = desy_graph_take(net->graph, (size_t)head->inputs * sizeof *inverse);
    if (!median || !inverse) return "";
    for (int d = 0; d < head->inputs; d++) median[d] = (float)head->median[d], inverse[d] = (float)(1 / head->scale[d]);
    const char *centred = binary(net, "Sub", net->clip->features, desy_graph_tensor(net->graph, DESY_F32, 1, &shape, median));
    const char *z = binary(net, "Mul", centred, desy_graph_tensor(net->graph, DESY_F32, 1, &shape, inverse));
    return desy_form_where(net->graph, net->clip->there, desy_form_within(net->graph, z, DESY_F32, -3, 3), DESY_F32, 0);
}

/* The frames' mean, weighted by attention to `pool`: (N, WIDTH). */
static const char *pooled(const struct network *net, const char *y)
{
    const int64_t column[] = {WIDTH, 1}, row[] = {0, 1, net->clip->frames}, hidden[] = {0, 1, net->clip->frames};
    const char *scores = desy_form_reshape(net->graph, binary(net, "MatMul", y, desy_head_constant(net->clip, net->view, "pool", 2, column)), 3, row);
    const char *share = desy_form_softmax(net->graph, binary(net, "Add", scaled(net, scores, 1 / sqrt(WIDTH)), desy_form_reshape(net->graph, net->hidden, 3, hidden)));
    return desy_form_squeeze(net->graph, binary(net, "MatMul", share, y), 1);
}

const char *desy_mid_transformer_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs)
{
    const int64_t keys[] = {0, 1, 1, clip->frames}, positions[] = {clip->frames, WIDTH};
    struct network net = {.clip = clip, .graph = clip->graph, .view = view};
    char room[64];
    (void)inputs;
    net.hidden = desy_form_reshape(clip->graph, desy_graph_node(clip->graph, "Where", clip->there, desy_graph_number(clip->graph, DESY_F32, 0), desy_graph_number(clip->graph, DESY_F32, -INFINITY), NULL), 4, keys);
    const char *y = binary(&net, "Add", desy_head_linear(clip, view, standardised(&net, head), "projection"), desy_head_constant(clip, view, "positions", 2, positions));
    for (int layer = 0; layer < LAYERS; layer++) {
        y = binary(&net, "Add", y, attend(&net, layer_norm(&net, y, named(room, layer, "norm1")), layer));
        const char *normed = layer_norm(&net, y, named(room, layer, "norm2"));
        const char *wide = gelu(&net, desy_head_linear(clip, view, normed, named(room, layer, "feed.0")));
        y = binary(&net, "Add", y, desy_head_linear(clip, view, wide, named(room, layer, "feed.1")));
    }
    return desy_head_linear(clip, view, pooled(&net, layer_norm(&net, y, "norm")), "logit");
}
