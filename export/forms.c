#include "export/forms.h"

#include <math.h>

/* From opset 13 on, ReduceSum, Squeeze and Unsqueeze take their axes as an input. */
static const char *with_axis(desy_graph *graph, const char *op, const char *x, int axis)
{
    const double value = axis;
    const int64_t attribute = axis;
    if (desy_graph_opset(graph) >= 13) return desy_graph_node(graph, op, x, desy_graph_numbers(graph, DESY_I64, 1, &value), NULL);
    const char *y = desy_graph_node(graph, op, x, NULL);
    desy_graph_integers(graph, "axes", 1, &attribute);
    return y;
}

const char *desy_form_sum(desy_graph *graph, const char *x, int axis, bool keep)
{
    const char *y = with_axis(graph, "ReduceSum", x, axis);
    desy_graph_integer(graph, "keepdims", keep);
    return y;
}

static const char *reduce(desy_graph *graph, const char *op, const char *x, int axis)
{
    const int64_t attribute = axis;
    const char *y = desy_graph_node(graph, op, x, NULL);
    desy_graph_integers(graph, "axes", 1, &attribute);
    desy_graph_integer(graph, "keepdims", 1);
    return y;
}

const char *desy_form_largest(desy_graph *graph, const char *x, int axis)
{
    return reduce(graph, "ReduceMax", x, axis);
}

const char *desy_form_smallest(desy_graph *graph, const char *x, int axis)
{
    return reduce(graph, "ReduceMin", x, axis);
}

const char *desy_form_unsqueeze(desy_graph *graph, const char *x, int axis)
{
    return with_axis(graph, "Unsqueeze", x, axis);
}

const char *desy_form_squeeze(desy_graph *graph, const char *x, int axis)
{
    return with_axis(graph, "Squeeze", x, axis);
}

const char *desy_form_slice(desy_graph *graph, const char *x, int axis, int first, int end)
{
    const double from = first, to = end, along = axis;
    return desy_graph_node(graph, "Slice", x, desy_graph_numbers(graph, DESY_I64, 1, &from), desy_graph_numbers(graph, DESY_I64, 1, &to), desy_graph_numbers(graph, DESY_I64, 1, &along), NULL);
}

const char *desy_form_reshape(desy_graph *graph, const char *x, int dimensions, const int64_t *shape)
{
    const int64_t n = dimensions;
    return desy_graph_node(graph, "Reshape", x, desy_graph_tensor(graph, DESY_I64, 1, &n, shape), NULL);
}

const char *desy_form_transpose(desy_graph *graph, const char *x, int dimensions, const int64_t *order)
{
    const char *y = desy_graph_node(graph, "Transpose", x, NULL);
    desy_graph_integers(graph, "perm", dimensions, order);
    return y;
}

const char *desy_form_cast(desy_graph *graph, const char *x, enum desy_graph_type type)
{
    const char *y = desy_graph_node(graph, "Cast", x, NULL);
    desy_graph_integer(graph, "to", type);
    return y;
}

const char *desy_form_softmax(desy_graph *graph, const char *x)
{
    const char *y = desy_graph_node(graph, "Softmax", x, NULL);
    desy_graph_integer(graph, "axis", -1);
    return y;
}

const char *desy_form_within(desy_graph *graph, const char *x, enum desy_graph_type type, double least, double most)
{
    return desy_graph_node(graph, "Min", desy_graph_node(graph, "Max", x, desy_graph_number(graph, type, least), NULL), desy_graph_number(graph, type, most), NULL);
}

const char *desy_form_where(desy_graph *graph, const char *there, const char *x, enum desy_graph_type type, double other)
{
    return desy_graph_node(graph, "Where", there, x, desy_graph_number(graph, type, other), NULL);
}

const char *desy_form_differences(desy_graph *graph, const char *x, int n)
{
    return desy_graph_node(graph, "Sub", desy_form_slice(graph, x, 1, 1, n), desy_form_slice(graph, x, 1, 0, n - 1), NULL);
}

static void strided(desy_graph *graph, int64_t around, int64_t stride)
{
    const int64_t strides[] = {stride, stride}, pads[] = {around, around, around, around};
    desy_graph_integers(graph, "strides", 2, strides);
    desy_graph_integers(graph, "pads", 4, pads);
}

const char *desy_form_convolution(desy_graph *graph, const char *x, const char *weight, const char *bias, int kernel, int stride)
{
    const char *y = desy_graph_node(graph, "Conv", x, weight, bias, NULL); /* without a bias the list ends there */
    strided(graph, kernel / 2, stride);
    return y;
}

const char *desy_form_max_pool(desy_graph *graph, const char *x)
{
    static const int64_t kernel[] = {3, 3};
    const char *y = desy_graph_node(graph, "MaxPool", x, NULL);
    desy_graph_integers(graph, "kernel_shape", 2, kernel);
    strided(graph, 1, 2);
    return y;
}

/* (in, out) of (out, in). */
static const char *turned(desy_graph *graph, const float *weight, int in, int out)
{
    const int64_t shape[] = {in, out};
    float *values = desy_graph_take(graph, (size_t)in * (size_t)out * sizeof *values);
    if (!values) return "";
    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++) values[(size_t)i * (size_t)out + (size_t)o] = weight[(size_t)o * (size_t)in + (size_t)i];
    return desy_graph_tensor(graph, DESY_F32, 2, shape, values);
}

/* levels (in, out) around 128, scales (out): weight is (levels - 128) scale. Unsigned: kernels for signed ones add two products in 16 bits on processors without VNNI, and
 * what does not fit there is cut off. */
static void quantise(uint8_t *levels, float *scales, const float *weight, int in, int out)
{
    for (int o = 0; o < out; o++) {
        const float *row = weight + (size_t)o * (size_t)in;
        float most = 0;
        for (int i = 0; i < in; i++) most = fmaxf(most, fabsf(row[i]));
        scales[o] = most > 0 ? most / 127 : 1;
        for (int i = 0; i < in; i++) levels[(size_t)i * (size_t)out + (size_t)o] = (uint8_t)(128 + lrintf(row[i] / scales[o]));
    }
}

static const char *quantised(desy_graph *graph, const char *x, const float *weight, int in, int out)
{
    static const uint8_t middle = 128;
    const int64_t shape[] = {in, out}, outputs = out;
    const char *rounded[3]; /* levels, their size, their 0 */
    uint8_t *levels = desy_graph_take(graph, (size_t)in * (size_t)out);
    float *scales = desy_graph_take(graph, (size_t)out * sizeof *scales);
    if (!levels || !scales) return "";
    quantise(levels, scales, weight, in, out);
    desy_graph_node_outputs(graph, rounded, 3, "DynamicQuantizeLinear", x, NULL);
    const char *sums = desy_graph_node(graph, "MatMulInteger", rounded[0], desy_graph_tensor(graph, DESY_U8, 2, shape, levels), rounded[2], desy_graph_tensor(graph, DESY_U8, 0, NULL, &middle), NULL);
    const char *size = desy_graph_node(graph, "Mul", rounded[1], desy_graph_tensor(graph, DESY_F32, 1, &outputs, scales), NULL);
    return desy_graph_node(graph, "Mul", desy_form_cast(graph, sums, DESY_F32), size, NULL);
}

const char *desy_form_linear(desy_graph *graph, const char *x, const float *weight, const float *bias, int in, int out, bool int8)
{
    const int64_t outputs = out;
    const char *y = int8 ? quantised(graph, x, weight, in, out) : desy_graph_node(graph, "MatMul", x, turned(graph, weight, in, out), NULL);
    return bias ? desy_graph_node(graph, "Add", y, desy_graph_tensor(graph, DESY_F32, 1, &outputs, bias), NULL) : y;
}
