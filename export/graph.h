/* Inside export/: an ONNX graph is put together, node by node, and written. The only file that knows how ONNX is laid out in memory (onnx.proto, by protobuf-c).
 *
 * A value is the name of a tensor of the graph, borrowed until close, never NULL. The first failure (memory) stays with the graph: what follows does nothing, and
 * desy_graph_write returns it, so that graphs read like formulas. Not collective; one thread at a time. */
#ifndef DESY_EXPORT_GRAPH_H
#define DESY_EXPORT_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#define DESY_OPSET_LEAST 11 /* DynamicQuantizeLinear, and Slice, Pad and TopK with inputs in place of attributes */
#define DESY_OPSET_MOST 17  /* of Debian 12's onnx.proto; from 18 on all reductions take their axes in another form */

typedef struct desy_graph desy_graph;

/* Of elements: the numbers of ONNX's TensorProto.DataType. */
enum desy_graph_type { DESY_F32 = 1, DESY_U8 = 2, DESY_I16 = 5, DESY_I32 = 6, DESY_I64 = 7, DESY_BOOL = 9, DESY_F64 = 11 };

/* DESY_EUSAGE: no such opset here. */
int desy_graph_open(desy_graph **graph, int opset);
void desy_graph_close(desy_graph **graph);
int desy_graph_opset(const desy_graph *graph);
/* What names of values begin with from now on: the part of the model that they belong to. Borrowed. */
void desy_graph_scope(desy_graph *graph, const char *scope);

/* A graph's input (N, shape...): the number of clips is its symbolic first dimension. */
const char *desy_graph_input(desy_graph *graph, const char *name, enum desy_graph_type type, int dimensions, const int64_t *shape);
/* The value becomes an output (N, columns), or (N) of columns 0. */
void desy_graph_output(desy_graph *graph, const char *name, const char *value, enum desy_graph_type type, int columns);
void desy_graph_metadata(desy_graph *graph, const char *key, const char *value);

/* A node of ONNX's operator `op` with these inputs, up to a NULL. Its output. */
const char *desy_graph_node(desy_graph *graph, const char *op, ...) __attribute__((sentinel));
/* The same of one with several outputs. */
void desy_graph_node_outputs(desy_graph *graph, const char **outputs, int n, const char *op, ...) __attribute__((sentinel));
/* Attributes of the node that was added last. */
void desy_graph_integer(desy_graph *graph, const char *name, int64_t value);
void desy_graph_integers(desy_graph *graph, const char *name, int n, const int64_t *values);
void desy_graph_real(desy_graph *graph, const char *name, double value);
void desy_graph_text(desy_graph *graph, const char *name, const char *value);

/* A constant tensor; data is copied. */
const char *desy_graph_tensor(desy_graph *graph, enum desy_graph_type type, int dimensions, const int64_t *shape, const void *data);
const char *desy_graph_number(desy_graph *graph, enum desy_graph_type type, double value);        /* of no dimension; F32, I64 or F64 */
const char *desy_graph_numbers(desy_graph *graph, enum desy_graph_type type, int n, const double *values); /* (n); the same types, rounded to them */

/* Memory until close, zeroed. NULL: none, which stays with the graph. */
void *desy_graph_take(desy_graph *graph, size_t bytes);

/* Written atomically. Returns what has failed before, if anything. DESY_EENV. */
int desy_graph_write(desy_graph *graph, const char *path, const char *name);

#endif
