/* model/resnet50.cpp as nodes, from pixels to features; batch normalisation, which is linear at inference, is folded into the convolutions. */
#include "base/error.h"
#include "base/safetensors.h"
#include "export/clip.h"
#include "export/forms.h"
#include "features/clip.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EPSILON 1e-5

struct network {
    desy_graph *graph;
    const desy_safetensors *weights;
    const char *path;
    int rc;
};

/* The first failure stays. */
static const float *tensor(struct network *net, const char *name, size_t count)
{
    const struct desy_tensor *found = desy_safetensors_find(net->weights, name);
    if (found && strcmp(found->dtype, "F32") == 0 && found->count == count) return found->data;
    if (net->rc == DESY_OK) net->rc = desy_error(DESY_EDATA, "%s: the tensor %s is missing or not %zu numbers of type F32", net->path, name, count);
    return NULL;
}

static const float *of_norm(struct network *net, const char *norm, const char *part, int out)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", norm, part);
    return tensor(net, name, (size_t)out);
}

/* x by CONVOLUTION.weight (out, in, kernel, kernel), normalised by NORM. */
static const char *unit(struct network *net, const char *x, const char *convolution, const char *norm, int in, int out, int kernel, int stride)
{
    const size_t each = (size_t)in * (size_t)kernel * (size_t)kernel;
    const int64_t shape[] = {out, in, kernel, kernel}, outputs = out;
    char name[96];
    snprintf(name, sizeof name, "%s.weight", convolution);
    const float *weight = tensor(net, name, (size_t)out * each), *gain = of_norm(net, norm, "weight", out), *shift = of_norm(net, norm, "bias", out);
    const float *mean = of_norm(net, norm, "running_mean", out), *variance = of_norm(net, norm, "running_var", out);
    float *folded = desy_graph_take(net->graph, (size_t)out * each * sizeof *folded), *bias = desy_graph_take(net->graph, (size_t)out * sizeof *bias);
    if (net->rc != DESY_OK || !folded || !bias) return "";
    for (int o = 0; o < out; o++) {
        const double factor = (double)gain[o] / sqrt((double)variance[o] + EPSILON);
        for (size_t i = 0; i < each; i++) folded[(size_t)o * each + i] = (float)((double)weight[(size_t)o * each + i] * factor);
        bias[o] = (float)((double)shift[o] - (double)mean[o] * factor);
    }
    return desy_form_convolution(net->graph, x, desy_graph_tensor(net->graph, DESY_F32, 4, shape, folded), desy_graph_tensor(net->graph, DESY_F32, 1, &outputs, bias), kernel, stride);
}

static const char *relu(struct network *net, const char *x)
{
    return desy_graph_node(net->graph, "Relu", x, NULL);
}

/* Block `name`, "layer1.0.", of `in` channels to 4 width. */
static const char *bottleneck(struct network *net, const char *x, const char *name, int in, int width, int stride, bool projects)
{
    char convolution[96], norm[96];
#define PART(part) (snprintf(convolution, sizeof convolution, "%sconv" part, name), snprintf(norm, sizeof norm, "%sbn" part, name), convolution)
    PART("1");
    const char *y = relu(net, unit(net, x, convolution, norm, in, width, 1, 1));
    PART("2");
    y = relu(net, unit(net, y, convolution, norm, width, width, 3, stride));
    PART("3");
    y = unit(net, y, convolution, norm, width, 4 * width, 1, 1);
#undef PART
    if (projects) {
        snprintf(convolution, sizeof convolution, "%sdownsample.0", name);
        snprintf(norm, sizeof norm, "%sdownsample.1", name);
        x = unit(net, x, convolution, norm, in, 4 * width, 1, stride);
    }
    return relu(net, desy_graph_node(net->graph, "Add", x, y, NULL));
}

/* (x / 255 - mean) / deviation of bytes (M, side, side, 3): (M, 3, side, side). */
static const char *normalised(struct network *net, const char *frames)
{
    static const double mean[] = {.485, .456, .406}, deviation[] = {.229, .224, .225};
    static const int64_t flat[] = {-1, DESY_INPUT_SIDE, DESY_INPUT_SIDE, 3}, order[] = {0, 3, 1, 2};
    double scale[3], shift[3];
    for (int c = 0; c < 3; c++) scale[c] = 1 / (255 * deviation[c]), shift[c] = -mean[c] / deviation[c];
    const char *x = desy_form_cast(net->graph, desy_form_reshape(net->graph, frames, 4, flat), DESY_F32);
    x = desy_graph_node(net->graph, "Mul", x, desy_graph_numbers(net->graph, DESY_F32, 3, scale), NULL);
    x = desy_graph_node(net->graph, "Add", x, desy_graph_numbers(net->graph, DESY_F32, 3, shift), NULL);
    return desy_form_transpose(net->graph, x, 4, order);
}

int desy_resnet50_graph(desy_graph *graph, const char *path, const char *frames, int per_clip, const char **features)
{
    static const int depths[] = {3, 4, 6, 3};
    const int64_t shape[] = {-1, per_clip, 2048};
    desy_safetensors *weights = NULL;
    int rc = desy_safetensors_open(&weights, path);
    if (rc != DESY_OK) return rc;
    struct network net = {graph, weights, path, DESY_OK};
    desy_graph_scope(graph, "resnet50");
    const char *x = desy_form_max_pool(graph, relu(&net, unit(&net, normalised(&net, frames), "conv1", "bn1", 3, 64, 7, 2)));
    for (int layer = 0, in = 64; layer < 4; layer++)
        for (int block = 0; block < depths[layer]; block++, in = 256 << layer) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d.", layer + 1, block);
            x = bottleneck(&net, x, name, in, 64 << layer, layer > 0 && block == 0 ? 2 : 1, block == 0);
        }
    *features = desy_form_reshape(graph, desy_graph_node(graph, "GlobalAveragePool", x, NULL), 3, shape);
    desy_graph_scope(graph, "clip");
    rc = net.rc;
    desy_safetensors_close(&weights);
    return rc;
}
