/* model/low_cnn.cpp as nodes. All four crops of a clip go through the network, and those that are not there have no share. */
#include "export/clip.h"
#include "export/forms.h"
#include "features/clip.h"

#include <math.h>
#include <stdio.h>

enum { SIDE = DESY_INPUT_SIDE, COLOURS = 3, STEM = 64, GROUPS = 32, EXPANSION = 4, OUTPUTS = 128 * EXPANSION };
#define EPSILON 1e-5

struct network {
    struct desy_clip_graph *clip;
    desy_graph *graph;
    struct desy_head_view *view;
};

static const char *binary(const struct network *net, const char *op, const char *a, const char *b)
{
    return desy_graph_node(net->graph, op, a, b, NULL);
}

/* by NAME.weight (out, in, kernel, kernel) */
static const char *convolution(const struct network *net, const char *x, const char *name, int stride)
{
    const struct desy_network_tensor *shape;
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    if (!desy_head_tensor(net->view, full, &shape)) return desy_head_constant(net->clip, net->view, full, 0, NULL);
    return desy_form_convolution(net->graph, x, desy_head_constant(net->clip, net->view, full, 4, shape->shape), NULL, (int)shape->shape[2], stride);
}

/* Of GROUPS groups of channels (M, width, side, side), by the operator that does it for each channel. */
static const char *group_norm(const struct network *net, const char *x, const char *name, int64_t width, int64_t side)
{
    const int64_t grouped[] = {0, GROUPS, -1}, back[] = {0, width, side, side}, each[] = {width, 1, 1};
    double ones[GROUPS], zeros[GROUPS] = {0};
    char weight[96], bias[96];
    for (int g = 0; g < GROUPS; g++) ones[g] = 1;
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const char *y = desy_graph_node(net->graph, "InstanceNormalization", desy_form_reshape(net->graph, x, 3, grouped), desy_graph_numbers(net->graph, DESY_F32, GROUPS, ones),
                                    desy_graph_numbers(net->graph, DESY_F32, GROUPS, zeros), NULL);
    desy_graph_real(net->graph, "epsilon", EPSILON);
    y = binary(net, "Mul", desy_form_reshape(net->graph, y, 4, back), desy_head_constant(net->clip, net->view, weight, 3, each));
    return binary(net, "Add", y, desy_head_constant(net->clip, net->view, bias, 3, each));
}

static const char *relu(const struct network *net, const char *x)
{
    return desy_graph_node(net->graph, "Relu", x, NULL);
}

/* x (M, ., side stride, side stride) -> (M, EXPANSION width, side, side) */
static const char *bottleneck(const struct network *net, const char *x, const char *block, int64_t width, int stride, int side, bool widens)
{
    char room[96];
#define PART(part) (snprintf(room, sizeof room, "%s.%s", block, part), room)
    const char *y = convolution(net, x, PART("conv1"), 1);
    y = relu(net, group_norm(net, y, PART("norm1"), width, side * stride));
    y = convolution(net, y, PART("conv2"), stride);
    y = relu(net, group_norm(net, y, PART("norm2"), width, side));
    y = convolution(net, y, PART("conv3"), 1);
    y = group_norm(net, y, PART("norm3"), EXPANSION * width, side);
    if (widens) {
        x = convolution(net, x, PART("downsample.0"), stride);
        x = group_norm(net, x, PART("downsample.1"), EXPANSION * width, side);
    }
#undef PART
    return relu(net, binary(net, "Add", y, x));
}

/* Each pixel less the first of its 2 x 2: (M, side, side, 3). */
static const char *neighbours(const struct network *net, const char *x)
{
    const int64_t pairs[] = {0, SIDE / 2, 2, SIDE / 2, 2, COLOURS}, back[] = {0, SIDE, SIDE, COLOURS};
    const char *all = desy_form_reshape(net->graph, x, 6, pairs);
    const char *first = desy_form_slice(net->graph, desy_form_slice(net->graph, all, 2, 0, 1), 4, 0, 1);
    return desy_form_reshape(net->graph, binary(net, "Sub", all, first), 4, back);
}

/* The KV kernel (Fridrich & Kodovsky 2012, SQUARE 5 x 5) of each colour, over pixels that are mirrored at the edges: x (M, 3, side, side). */
static const char *high_pass(const struct network *net, const char *x)
{
    static const float kernel[25] = {-1, 2, -2, 2, -1, 2, -6, 8, -6, 2, -2, 8, -12, 8, -2, 2, -6, 8, -6, 2, -1, 2, -2, 2, -1};
    const double pads[] = {0, 0, 2, 2, 0, 0, 2, 2};
    const int64_t shape[] = {COLOURS, 1, 5, 5};
    float weight[COLOURS * 25];
    for (int i = 0; i < COLOURS * 25; i++) weight[i] = kernel[i % 25];
    const char *mirrored = binary(net, "Pad", x, desy_graph_numbers(net->graph, DESY_I64, 8, pads));
    desy_graph_text(net->graph, "mode", "reflect");
    const char *y = binary(net, "Conv", mirrored, desy_graph_tensor(net->graph, DESY_F32, 4, shape, weight));
    desy_graph_integer(net->graph, "group", COLOURS);
    return y;
}

/* (M, 6, side, side) of crops (M, side, side, 3). */
static const char *residuals(const struct network *net)
{
    static const double deviation[] = {.229f, .224f, .225f}; /* ImageNet's; its mean falls out of both */
    static const int64_t order[] = {0, 3, 1, 2}, crops[] = {-1, SIDE, SIDE, COLOURS}, each[] = {COLOURS, 1, 1};
    float scale[COLOURS], scale_of_high_pass[COLOURS];
    for (int c = 0; c < COLOURS; c++) scale[c] = 1 / ((float)deviation[c] * 255), scale_of_high_pass[c] = scale[c] / 12;
    const char *x = desy_form_reshape(net->graph, desy_form_cast(net->graph, net->clip->crops, DESY_F32), 4, crops);
    const char *near = desy_form_transpose(net->graph, neighbours(net, x), 4, order), *high = high_pass(net, desy_form_transpose(net->graph, x, 4, order));
    const char *y = binary(net, "Concat", binary(net, "Mul", near, desy_graph_tensor(net->graph, DESY_F32, 3, each, scale)), binary(net, "Mul", high, desy_graph_tensor(net->graph, DESY_F32, 3, each, scale_of_high_pass)));
    desy_graph_integer(net->graph, "axis", 1);
    return y;
}

/* (N, 4, 1) float32, which add up to 1: as train/reading.c has it, crop j is there if the one before is not yet of the last frame. */
static const char *shares(const struct network *net)
{
    const int64_t shape[] = {1, DESY_CROPS, 1};
    double before[DESY_CROPS] = {-1};
    for (int j = 1; j < DESY_CROPS; j++) before[j] = (double)lrint((j - 1) * (net->clip->frames - 1) / (DESY_CROPS - 1.));
    const char *last = binary(net, "Sub", net->clip->n, desy_graph_number(net->graph, DESY_F64, 1));
    const char *there = desy_form_cast(net->graph, binary(net, "Less", desy_graph_tensor(net->graph, DESY_F64, 3, shape, before), last), DESY_F32);
    return binary(net, "Div", there, desy_form_sum(net->graph, there, 1, true));
}

const char *desy_low_cnn_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs)
{
    static const struct {
        const char *block;
        int64_t width;
        int stride, side;
        bool widens;
    } blocks[] = {{"layer1.0", 64, 1, 56, true},   {"layer1.1", 64, 1, 56, false},  {"layer1.2", 64, 1, 56, false}, {"layer2.0", 128, 2, 28, true},
                  {"layer2.1", 128, 1, 28, false}, {"layer2.2", 128, 1, 28, false}, {"layer2.3", 128, 1, 28, false}};
    static const int64_t crops[] = {-1, DESY_CROPS, OUTPUTS};
    const struct network net = {clip, clip->graph, view};
    (void)head, (void)inputs;
    const char *y = relu(&net, group_norm(&net, convolution(&net, residuals(&net), "conv1", 2), "norm1", STEM, SIDE / 2));
    y = desy_form_max_pool(clip->graph, y);
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) y = bottleneck(&net, y, blocks[b].block, blocks[b].width, blocks[b].stride, blocks[b].side, blocks[b].widens);
    y = desy_form_reshape(clip->graph, desy_graph_node(clip->graph, "GlobalAveragePool", y, NULL), 3, crops);
    return desy_head_linear(clip, view, desy_form_sum(clip->graph, binary(&net, "Mul", y, shares(&net)), 1, false), "logit");
}
