#include "export/graph.h"

#include "base/error.h"
#include "base/file.h"

#include <onnx.pb-c.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME_ROOM 96

/* Everything that the message points to, freed together. */
struct piece {
    struct piece *next;
    max_align_t data[];
};

struct desy_graph {
    int opset, rc, named;
    const char *scope;
    struct piece *pieces;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto set;
    size_t node_room, constant_room, metadata_room; /* of the arrays that grow */
    Onnx__NodeProto *last;
};

void *desy_graph_take(desy_graph *graph, size_t bytes)
{
    struct piece *piece = graph->rc == DESY_OK ? calloc(1, sizeof *piece + bytes) : NULL;
    if (!piece) {
        if (graph->rc == DESY_OK) graph->rc = desy_error_memory("a graph");
        return NULL;
    }
    piece->next = graph->pieces;
    graph->pieces = piece;
    return piece->data;
}

static char *copy_text(desy_graph *graph, const char *text)
{
    char *copy = desy_graph_take(graph, strlen(text) + 1);
    if (copy) strcpy(copy, text);
    return copy;
}

/* One more in an array of pointers; true: there is room, and *n counts it. */
static int add(desy_graph *graph, void ***items, size_t *n, size_t *room, void *item)
{
    if (!item) return 0;
    if (*n == *room) {
        const size_t more = *room ? 2 * *room : 8;
        void **larger = desy_graph_take(graph, more * sizeof *larger);
        if (!larger) return 0;
        if (*n) memcpy(larger, *items, *n * sizeof *larger);
        *items = larger;
        *room = more;
    }
    (*items)[(*n)++] = item;
    return 1;
}

int desy_graph_open(desy_graph **out, int opset)
{
    *out = NULL;
    if (opset < DESY_OPSET_LEAST || opset > DESY_OPSET_MOST)
        return desy_error(DESY_EUSAGE, "--opset %d: graphs are written in the forms of opset %d to %d", opset, DESY_OPSET_LEAST, DESY_OPSET_MOST);
    desy_graph *graph = *out = calloc(1, sizeof *graph);
    if (!graph) return desy_error_memory("a graph");
    graph->opset = opset;
    graph->scope = "clip";
    onnx__model_proto__init(&graph->model);
    onnx__graph_proto__init(&graph->graph);
    onnx__operator_set_id_proto__init(&graph->set);
    return DESY_OK;
}

void desy_graph_close(desy_graph **out)
{
    desy_graph *graph = *out;
    while (graph && graph->pieces) {
        struct piece *next = graph->pieces->next;
        free(graph->pieces);
        graph->pieces = next;
    }
    free(graph);
    *out = NULL;
}

int desy_graph_opset(const desy_graph *graph)
{
    return graph->opset;
}

void desy_graph_scope(desy_graph *graph, const char *scope)
{
    graph->scope = scope;
}

static const char *new_name(desy_graph *graph, const char *what)
{
    char *name = desy_graph_take(graph, NAME_ROOM);
    if (!name) return "";
    snprintf(name, NAME_ROOM, "%s/%s_%d", graph->scope, what, graph->named++);
    return name;
}

/* ---- inputs and outputs ---- */

static Onnx__TensorShapeProto__Dimension *dimension(desy_graph *graph, int64_t size)
{
    Onnx__TensorShapeProto__Dimension *d = desy_graph_take(graph, sizeof *d);
    if (!d) return NULL;
    onnx__tensor_shape_proto__dimension__init(d);
    d->value_case = size < 0 ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    if (size < 0) d->dim_param = (char *)"N";
    else d->dim_value = size;
    return d;
}

/* (N, shape...) */
static Onnx__ValueInfoProto *describe_value(desy_graph *graph, const char *name, enum desy_graph_type type, int dimensions, const int64_t *shape)
{
    struct {
        Onnx__ValueInfoProto value;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension *dimensions[8];
    } *all = desy_graph_take(graph, sizeof *all);
    if (!all) return NULL;
    onnx__value_info_proto__init(&all->value);
    onnx__type_proto__init(&all->type);
    onnx__type_proto__tensor__init(&all->tensor);
    onnx__tensor_shape_proto__init(&all->shape);
    all->dimensions[0] = dimension(graph, -1);
    for (int d = 0; d < dimensions; d++) all->dimensions[d + 1] = dimension(graph, shape[d]);
    all->shape.dim = all->dimensions;
    all->shape.n_dim = (size_t)dimensions + 1;
    all->tensor.has_elem_type = 1;
    all->tensor.elem_type = type;
    all->tensor.shape = &all->shape;
    all->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    all->type.tensor_type = &all->tensor;
    all->value.name = copy_text(graph, name);
    all->value.type = &all->type;
    return &all->value;
}

/* There are few of these: a longer array each time. */
static void add_value(desy_graph *graph, Onnx__ValueInfoProto ***values, size_t *n, Onnx__ValueInfoProto *value)
{
    Onnx__ValueInfoProto **larger = desy_graph_take(graph, (*n + 1) * sizeof *larger);
    if (!larger || !value) return;
    if (*n) memcpy(larger, *values, *n * sizeof *larger);
    larger[(*n)++] = value;
    *values = larger;
}

const char *desy_graph_input(desy_graph *graph, const char *name, enum desy_graph_type type, int dimensions, const int64_t *shape)
{
    Onnx__ValueInfoProto *value = describe_value(graph, name, type, dimensions, shape);
    add_value(graph, &graph->graph.input, &graph->graph.n_input, value);
    return value && value->name ? value->name : "";
}

void desy_graph_metadata(desy_graph *graph, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry = desy_graph_take(graph, sizeof *entry);
    if (!entry) return;
    onnx__string_string_entry_proto__init(entry);
    entry->key = copy_text(graph, key);
    entry->value = copy_text(graph, value);
    add(graph, (void ***)&graph->model.metadata_props, &graph->model.n_metadata_props, &graph->metadata_room, entry);
}

/* ---- nodes ---- */

static void add_node(desy_graph *graph, const char **outputs, int n_outputs, const char *op, va_list inputs)
{
    va_list counted;
    size_t n = 0;
    va_copy(counted, inputs);
    while (va_arg(counted, const char *)) n++;
    va_end(counted);
    Onnx__NodeProto *node = desy_graph_take(graph, sizeof *node);
    char **in = desy_graph_take(graph, (n + 1) * sizeof *in), **out = desy_graph_take(graph, (size_t)n_outputs * sizeof *out);
    for (int i = 0; i < n_outputs; i++) outputs[i] = new_name(graph, op);
    graph->last = graph->rc == DESY_OK ? node : NULL;
    if (!graph->last) return;
    onnx__node_proto__init(node);
    for (size_t i = 0; i < n; i++) in[i] = va_arg(inputs, char *);
    for (int i = 0; i < n_outputs; i++) out[i] = (char *)outputs[i];
    node->input = in;
    node->n_input = n;
    node->output = out;
    node->n_output = (size_t)n_outputs;
    node->name = (char *)outputs[0];
    node->op_type = copy_text(graph, op);
    add(graph, (void ***)&graph->graph.node, &graph->graph.n_node, &graph->node_room, node);
}

const char *desy_graph_node(desy_graph *graph, const char *op, ...)
{
    const char *output = "";
    va_list inputs;
    va_start(inputs, op);
    add_node(graph, &output, 1, op, inputs);
    va_end(inputs);
    return output;
}

void desy_graph_node_outputs(desy_graph *graph, const char **outputs, int n, const char *op, ...)
{
    va_list inputs;
    va_start(inputs, op);
    add_node(graph, outputs, n, op, inputs);
    va_end(inputs);
}

void desy_graph_output(desy_graph *graph, const char *name, const char *value, enum desy_graph_type type, int columns)
{
    const int64_t shape = columns;
    Onnx__ValueInfoProto *output = describe_value(graph, name, type, columns > 0, &shape);
    desy_graph_node(graph, "Identity", value, NULL);
    if (!output || !graph->last) return;
    graph->last->output[0] = output->name;
    add_value(graph, &graph->graph.output, &graph->graph.n_output, output);
}

/* One more attribute of the last node, without its value; NULL: something has failed. */
static Onnx__AttributeProto *attribute(desy_graph *graph, const char *name, Onnx__AttributeProto__AttributeType type)
{
    Onnx__NodeProto *node = graph->last;
    Onnx__AttributeProto *new = desy_graph_take(graph, sizeof *new), **larger = desy_graph_take(graph, ((node ? node->n_attribute : 0) + 1) * sizeof *larger);
    if (!larger || !node) return NULL;
    onnx__attribute_proto__init(new);
    new->name = copy_text(graph, name);
    new->has_type = 1;
    new->type = type;
    if (node->n_attribute) memcpy(larger, node->attribute, node->n_attribute * sizeof *larger);
    larger[node->n_attribute++] = new;
    node->attribute = larger;
    return new;
}

void desy_graph_integer(desy_graph *graph, const char *name, int64_t value)
{
    Onnx__AttributeProto *new = attribute(graph, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (!new) return;
    new->has_i = 1;
    new->i = value;
}

void desy_graph_integers(desy_graph *graph, const char *name, int n, const int64_t *values)
{
    Onnx__AttributeProto *new = attribute(graph, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = desy_graph_take(graph, (size_t)n * sizeof *copy);
    if (!new || !copy) return;
    memcpy(copy, values, (size_t)n * sizeof *copy);
    new->ints = copy;
    new->n_ints = (size_t)n;
}

void desy_graph_real(desy_graph *graph, const char *name, double value)
{
    Onnx__AttributeProto *new = attribute(graph, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (!new) return;
    new->has_f = 1;
    new->f = (float)value;
}

void desy_graph_text(desy_graph *graph, const char *name, const char *value)
{
    Onnx__AttributeProto *new = attribute(graph, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    char *copy = copy_text(graph, value);
    if (!new || !copy) return;
    new->has_s = 1;
    new->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)copy};
}

/* ---- constants ---- */

static size_t size_of(enum desy_graph_type type)
{
    switch (type) {
    case DESY_U8:
    case DESY_BOOL: return 1;
    case DESY_I16: return 2;
    case DESY_F32:
    case DESY_I32: return 4;
    default: return 8;
    }
}

const char *desy_graph_tensor(desy_graph *graph, enum desy_graph_type type, int dimensions, const int64_t *shape, const void *data)
{
    size_t bytes = size_of(type);
    for (int d = 0; d < dimensions; d++) bytes *= (size_t)shape[d];
    Onnx__TensorProto *tensor = desy_graph_take(graph, sizeof *tensor);
    int64_t *dims = desy_graph_take(graph, ((size_t)dimensions + 1) * sizeof *dims);
    uint8_t *raw = desy_graph_take(graph, bytes);
    const char *name = new_name(graph, "constant");
    if (graph->rc != DESY_OK) return "";
    onnx__tensor_proto__init(tensor);
    memcpy(raw, data, bytes);
    if (dimensions) memcpy(dims, shape, (size_t)dimensions * sizeof *dims);
    tensor->dims = dims;
    tensor->n_dims = (size_t)dimensions;
    tensor->has_data_type = tensor->has_raw_data = 1;
    tensor->data_type = type;
    tensor->raw_data = (ProtobufCBinaryData){bytes, raw};
    tensor->name = (char *)name;
    add(graph, (void ***)&graph->graph.initializer, &graph->graph.n_initializer, &graph->constant_room, tensor);
    return name;
}

static void store(void *to, enum desy_graph_type type, double value)
{
    if (type == DESY_F32) memcpy(to, &(float){(float)value}, sizeof(float));
    else if (type == DESY_I64) memcpy(to, &(int64_t){(int64_t)value}, sizeof(int64_t));
    else memcpy(to, &value, sizeof value);
}

const char *desy_graph_number(desy_graph *graph, enum desy_graph_type type, double value)
{
    double room;
    store(&room, type, value);
    return desy_graph_tensor(graph, type, 0, NULL, &room);
}

const char *desy_graph_numbers(desy_graph *graph, enum desy_graph_type type, int n, const double *values)
{
    const int64_t shape = n;
    char *room = desy_graph_take(graph, (size_t)n * sizeof(double));
    for (int i = 0; room && i < n; i++) store(room + (size_t)i * size_of(type), type, values[i]);
    return room ? desy_graph_tensor(graph, type, 1, &shape, room) : "";
}

/* ---- the file ---- */

int desy_graph_write(desy_graph *graph, const char *path, const char *name)
{
    Onnx__OperatorSetIdProto *sets[] = {&graph->set};
    Onnx__ModelProto *model = &graph->model;
    if (graph->rc != DESY_OK) return graph->rc;
    graph->set.has_version = model->has_ir_version = 1;
    graph->set.version = graph->opset;
    graph->set.domain = (char *)"";
    model->ir_version = graph->opset < 12 ? 6 : graph->opset < 15 ? 7 : 8; /* of the version of ONNX that brought the opset */
    model->producer_name = (char *)"desy";
    model->producer_version = (char *)DESY_VERSION;
    model->opset_import = sets;
    model->n_opset_import = 1;
    graph->graph.name = (char *)name;
    model->graph = &graph->graph;
    const size_t size = onnx__model_proto__get_packed_size(model);
    uint8_t *bytes = malloc(size);
    int rc = bytes ? DESY_OK : desy_error_memory("a graph");
    if (rc == DESY_OK) rc = desy_file_write_atomic(path, bytes, onnx__model_proto__pack(model, bytes));
    free(bytes);
    return rc;
}
