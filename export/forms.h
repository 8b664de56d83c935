/* Inside export/: what several parts of the graph are made of: operators whose form depends on the opset, and a few nodes that belong together. */
#ifndef DESY_EXPORT_FORMS_H
#define DESY_EXPORT_FORMS_H

#include "export/graph.h"

#include <stdbool.h>

/* Of the last axis if axis is -1. keep: it stays, of length 1. */
const char *desy_form_sum(desy_graph *graph, const char *x, int axis, bool keep);
const char *desy_form_largest(desy_graph *graph, const char *x, int axis);  /* kept */
const char *desy_form_smallest(desy_graph *graph, const char *x, int axis); /* kept */
const char *desy_form_unsqueeze(desy_graph *graph, const char *x, int axis);
const char *desy_form_squeeze(desy_graph *graph, const char *x, int axis);
const char *desy_form_slice(desy_graph *graph, const char *x, int axis, int first, int end);
/* 0: as it is; -1: what is left. */
const char *desy_form_reshape(desy_graph *graph, const char *x, int dimensions, const int64_t *shape);
const char *desy_form_transpose(desy_graph *graph, const char *x, int dimensions, const int64_t *order);
const char *desy_form_cast(desy_graph *graph, const char *x, enum desy_graph_type type);
const char *desy_form_softmax(desy_graph *graph, const char *x); /* of the last axis */
/* x within [least, most] and, in place of Clip, which takes float32 alone in opset 11, by Max and Min. */
const char *desy_form_within(desy_graph *graph, const char *x, enum desy_graph_type type, double least, double most);
/* x where `there` (bool), else `other`. */
const char *desy_form_where(desy_graph *graph, const char *there, const char *x, enum desy_graph_type type, double other);
/* x[t + 1] - x[t] along axis 1, of length n: n - 1 of them. */
const char *desy_form_differences(desy_graph *graph, const char *x, int n);

/* x (N, in, height, width) by weight (out, in, kernel, kernel) and bias (out), NULL: none; zeros around, kernel / 2 of them, so that stride alone decides the size. */
const char *desy_form_convolution(desy_graph *graph, const char *x, const char *weight, const char *bias, int kernel, int stride);
const char *desy_form_max_pool(desy_graph *graph, const char *x); /* 3 x 3, stride 2, one around */

/* x (..., in) float32 -> (..., out): x weight^T + bias; weight (out, in), bias (out) or NULL. In 8 bits: the weight symmetric in each row, to 127 levels a
 * side, the input by DynamicQuantizeLinear over all of x, sums in int32. */
const char *desy_form_linear(desy_graph *graph, const char *x, const float *weight, const float *bias, int in, int out, bool int8);

#endif
