/* model/high_mlp.cpp and, with a gated text beside the last hidden layer, model/high_text.cpp, as nodes. */
#include "export/clip.h"
#include "export/forms.h"

#include <stddef.h>

/* The last hidden layer. */
static const char *hidden(struct desy_clip_graph *clip, struct desy_head_view *view, const char *inputs)
{
    const char *y = desy_graph_node(clip->graph, "Relu", desy_head_linear(clip, view, inputs, "mlp.0"), NULL);
    return desy_graph_node(clip->graph, "Relu", desy_head_linear(clip, view, y, "mlp.1"), NULL);
}

const char *desy_high_mlp_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs)
{
    (void)head;
    return desy_head_linear(clip, view, hidden(clip, view, inputs), "mlp.2");
}

const char *desy_high_text_graph(struct desy_clip_graph *clip, struct desy_head_view *view, const struct desy_head *head, const char *inputs)
{
    desy_graph *graph = clip->graph;
    (void)head;
    const char *h = hidden(clip, view, inputs), *text = desy_graph_node(graph, "Mul", clip->text, desy_graph_number(graph, DESY_F32, 8), NULL);
    const char *e = desy_graph_node(graph, "Tanh", desy_head_linear(clip, view, text, "text.embedding"), NULL), *both = desy_graph_node(graph, "Concat", h, e, NULL);
    desy_graph_integer(graph, "axis", 1);
    const char *gate = desy_graph_node(graph, "Sigmoid", desy_head_linear(clip, view, both, "text.gate"), NULL);
    const char *spoken = desy_head_linear(clip, view, desy_graph_node(graph, "Mul", gate, e, NULL), "text.logit");
    return desy_graph_node(graph, "Add", desy_head_linear(clip, view, h, "mlp.2"), spoken, NULL);
}
