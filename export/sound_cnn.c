/* model/sound_cnn.cpp as nodes. The spectrum is a product with cosines and sines, in float64 as there: ONNX has had a Fourier transform since opset 17 alone. */
#include "export/clip.h"
#include "export/forms.h"
#include "features/clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WINDOW = 400, HOP = 160, BINS = WINDOW / 2 + 1, BANDS = 64, GROUPS = 8, LAYERS = 4, TIMES = (DESY_AUDIO_SAMPLES - WINDOW) / HOP + 1 };
#define EPSILON 1e-5
#define LEAST 1e-6
static const int widths[LAYERS + 1] = {1, 32, 64, 128, 128};

struct network {
    struct desy_clip_graph *clip;
    desy_graph *graph;
    struct desy_head_view *view;
};

static const char *binary(const struct network *net, const char *op, const char *a, const char *b)
{
    return desy_graph_node(net->graph, op, a, b, NULL);
}

static const char *number(const struct network *net, enum desy_graph_type type, double value)
{
    return desy_graph_number(net->graph, type, value);
}

static double mel(double hertz) { return 2595 * log10(1 + hertz / 700); }
static double hertz(double mel) { return 700 * (pow(10, mel / 2595) - 1); }

/* (WINDOW, 2 BINS): Hann's window times cosines, then sines. */
static const char *waves(const struct network *net)
{
    const int64_t shape[] = {WINDOW, 2 * BINS};
    double *values = desy_graph_take(net->graph, (size_t)WINDOW * 2 * BINS * sizeof *values);
    if (!values) return "";
    for (int s = 0; s < WINDOW; s++)
        for (int k = 0; k < BINS; k++) {
            const double hann = .5 - .5 * cos(2 * M_PI * s / WINDOW), angle = 2 * M_PI * (s * k % WINDOW) / WINDOW;
            values[s * 2 * BINS + k] = hann * cos(angle);
            values[s * 2 * BINS + BINS + k] = hann * sin(angle);
        }
    return desy_graph_tensor(net->graph, DESY_F64, 2, shape, values);
}

/* (2 BINS, BANDS): the mel scale's triangles, once for the squares of cosines and once for those of sines. */
static const char *filters(const struct network *net)
{
    const int64_t shape[] = {2 * BINS, BANDS};
    double corner[BANDS + 2], *values = desy_graph_take(net->graph, (size_t)2 * BINS * BANDS * sizeof *values);
    if (!values) return "";
    for (int b = 0; b < BANDS + 2; b++) corner[b] = hertz(mel(DESY_AUDIO_RATE / 2.) * b / (BANDS + 1));
    for (int k = 0; k < 2 * BINS; k++)
        for (int b = 0; b < BANDS; b++) {
            const double f = (double)DESY_AUDIO_RATE * (k % BINS) / WINDOW, up = (f - corner[b]) / (corner[b + 1] - corner[b]), down = (corner[b + 2] - f) / (corner[b + 2] - corner[b + 1]);
            values[k * BANDS + b] = fmax(0, fmin(up, down));
        }
    return desy_graph_tensor(net->graph, DESY_F64, 2, shape, values);
}

/* (N, TIMES, WINDOW) of samples (N, S). */
static const char *pieces(const struct network *net, const char *samples)
{
    const int64_t shape[] = {TIMES, WINDOW};
    int64_t *places = desy_graph_take(net->graph, (size_t)TIMES * WINDOW * sizeof *places);
    if (!places) return "";
    for (int t = 0; t < TIMES; t++)
        for (int s = 0; s < WINDOW; s++) places[t * WINDOW + s] = t * HOP + s;
    const char *y = binary(net, "Gather", samples, desy_graph_tensor(net->graph, DESY_I64, 2, shape, places));
    desy_graph_integer(net->graph, "axis", 1);
    return y;
}

/* 0, 1, ... as (1, n) or, of dimensions 4, (1, 1, n, 1). */
static const char *count(const struct network *net, int n, int dimensions)
{
    const int64_t row[] = {1, n}, column[] = {1, 1, n, 1};
    double *values = desy_graph_take(net->graph, (size_t)n * sizeof *values);
    if (!values) return "";
    for (int i = 0; i < n; i++) values[i] = i;
    return desy_graph_tensor(net->graph, DESY_F64, dimensions, dimensions == 2 ? row : column, values);
}

/* (N, 1, TIMES, BANDS) float64, about standardised. */
static const char *log_mel(const struct network *net)
{
    const char *there = binary(net, "Less", count(net, DESY_AUDIO_SAMPLES, 2), net->clip->audio_samples);
    const char *samples = binary(net, "Div", desy_form_cast(net->graph, net->clip->audio, DESY_F64), number(net, DESY_F64, 32768));
    const char *spectrum = binary(net, "MatMul", pieces(net, desy_form_where(net->graph, there, samples, DESY_F64, 0)), waves(net));
    const char *power = binary(net, "MatMul", binary(net, "Mul", spectrum, spectrum), filters(net));
    const char *level = desy_graph_node(net->graph, "Log", binary(net, "Add", power, number(net, DESY_F64, LEAST)), NULL);
    return desy_form_unsqueeze(net->graph, binary(net, "Mul", binary(net, "Add", level, number(net, DESY_F64, 4)), number(net, DESY_F64, .25)), 1);
}

/* (N, 1, n, 1) float32: 1 where time t is there. lengths (N, 1, 1, 1) */
static const char *first_ones(const struct network *net, const char *lengths, int n)
{
    return desy_form_cast(net->graph, binary(net, "Less", count(net, n, 4), lengths), DESY_F32);
}

/* floor(x / by) + plus */
static const char *divided(const struct network *net, const char *x, int by, int plus)
{
    const char *whole = desy_graph_node(net->graph, "Floor", binary(net, "Div", x, number(net, DESY_F64, by)), NULL);
    return binary(net, "Add", whole, number(net, DESY_F64, plus));
}

/* The sum over times and bands of groups of channels (N, GROUPS, width / GROUPS, n, bands): (N, GROUPS, 1, 1, 1). */
static const char *sum_of_group(const struct network *net, const char *x)
{
    const int64_t flat[] = {0, 0, -1}, each[] = {0, 0, 1, 1, 1};
    return desy_form_reshape(net->graph, desy_form_sum(net->graph, desy_form_reshape(net->graph, x, 3, flat), 2, true), 5, each);
}

/* Group normalisation over the times that are there. y (N, width, n, bands), 0 where nothing is. */
static const char *norm(const struct network *net, const char *y, const char *there, const char *lengths, int layer, int n, int bands)
{
    const int width = widths[layer + 1];
    const int64_t grouped[] = {0, GROUPS, width / GROUPS, n, bands}, back[] = {0, width, n, bands}, each[] = {width, 1, 1}, of_time[] = {0, 1, 1, n, 1}, of_clip[] = {0, 1, 1, 1, 1};
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "norm.%d.weight", layer);
    snprintf(bias, sizeof bias, "norm.%d.bias", layer);
    const char *values = desy_form_reshape(net->graph, y, 5, grouped), *present = desy_form_reshape(net->graph, there, 5, of_time);
    const char *total = binary(net, "Mul", desy_form_cast(net->graph, desy_form_reshape(net->graph, lengths, 5, of_clip), DESY_F32), number(net, DESY_F32, width / GROUPS * bands));
    const char *centred = binary(net, "Mul", binary(net, "Sub", values, binary(net, "Div", sum_of_group(net, values), total)), present);
    const char *variance = binary(net, "Div", sum_of_group(net, binary(net, "Mul", centred, centred)), total);
    const char *deviation = desy_graph_node(net->graph, "Sqrt", binary(net, "Add", variance, number(net, DESY_F32, EPSILON)), NULL);
    y = desy_form_reshape(net->graph, binary(net, "Div", centred, deviation), 4, back);
    y = binary(net, "Add", binary(net, "Mul", y, desy_head_constant(net->clip, net->view, weight, 3, each)), desy_head_constant(net->clip, net->view, bias, 3, each));
    return desy_graph_node(net->graph, "Relu", binary(net, "Mul", y, there), NULL);
}

static const char *convolution(const struct network *net, const char *x, int layer)
{
    const int64_t shape[] = {widths[layer + 1], widths[layer], 3, 3};
    char weight[32];
    snprintf(weight, sizeof weight, "convolution.%d.weight", layer);
    return desy_form_convolution(net->graph, x, desy_head_constant(net->clip, net->view, weight, 4, shape), NULL, 3, 2);
}

const char *desy_sound_cnn_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs)
{
    static const int64_t of_clip[] = {0, 1, 1, 1}, flat[] = {0, 0, -1};
    const struct network net = {clip, clip->graph, view};
    int n = TIMES, bands = BANDS;
    (void)head, (void)inputs;
    const char *windows = binary(&net, "Max", binary(&net, "Sub", clip->audio_samples, number(&net, DESY_F64, WINDOW)), number(&net, DESY_F64, 0));
    const char *lengths = desy_form_reshape(clip->graph, divided(&net, windows, HOP, 1), 4, of_clip);
    const char *y = binary(&net, "Mul", desy_form_cast(clip->graph, log_mel(&net), DESY_F32), first_ones(&net, lengths, n));
    for (int layer = 0; layer < LAYERS; layer++) {
        y = convolution(&net, y, layer);
        n = (n + 1) / 2, bands = (bands + 1) / 2;
        lengths = divided(&net, binary(&net, "Add", lengths, number(&net, DESY_F64, 1)), 2, 0);
        const char *there = first_ones(&net, lengths, n);
        y = norm(&net, binary(&net, "Mul", y, there), there, lengths, layer, n, bands);
    }
    const int64_t column[] = {0, 1};
    const char *total = binary(&net, "Mul", desy_form_cast(clip->graph, desy_form_reshape(clip->graph, lengths, 2, column), DESY_F32), number(&net, DESY_F32, bands));
    y = desy_form_sum(clip->graph, desy_form_reshape(clip->graph, y, 3, flat), 2, false);
    return desy_head_linear(clip, view, binary(&net, "Div", y, total), "logit");
}
