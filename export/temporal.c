/* The temporal numbers "energy" of train/temporal.c as nodes: how the course of one number, le, goes over the frames that are there. What comes out for a clip that does not
 * move means nothing, and is not taken (desy_clip_graph_moves). */
#include "export/clip.h"
#include "export/forms.h"
#include "features/blocks.h"
#include "features/warp.h"

#include <math.h>
#include <stddef.h>

#define TINY 1e-6 /* beside a variance that may be 0 */

/* A course (N, t), which of its numbers are there (N, t) bool, and how many (N, 1) float64. */
struct course {
    const char *values, *there, *n;
};

static const char *binary(struct desy_clip_graph *clip, const char *op, const char *a, const char *b)
{
    return desy_graph_node(clip->graph, op, a, b, NULL);
}

static const char *mean(struct desy_clip_graph *clip, struct course x)
{
    return binary(clip, "Div", desy_form_sum(clip->graph, desy_form_where(clip->graph, x.there, x.values, DESY_F64, 0), 1, true), x.n);
}

static const char *mean_magnitude(struct desy_clip_graph *clip, struct course x)
{
    x.values = desy_graph_node(clip->graph, "Abs", x.values, NULL);
    return mean(clip, x);
}

static const char *variance(struct desy_clip_graph *clip, struct course x)
{
    const char *centred = binary(clip, "Sub", x.values, mean(clip, x));
    x.values = binary(clip, "Mul", centred, centred);
    return mean(clip, x);
}

/* Of values (N, T - ahead) that are there where the frames t and t + ahead are. */
static struct course of_pairs(struct desy_clip_graph *clip, int ahead, const char *values)
{
    const char *n = binary(clip, "Sub", clip->n_frames, desy_graph_number(clip->graph, DESY_F64, ahead));
    return (struct course){values, desy_form_squeeze(clip->graph, desy_clip_graph_pairs(clip, ahead), 2), n};
}

/* The mean of the two in the middle of the order, (n - 1) / 2 and n / 2. */
static const char *median(struct desy_clip_graph *clip, struct course x)
{
    desy_graph *graph = clip->graph;
    const double all = clip->frames;
    const char *sorted[2], *middle[2]; /* values, places */
    desy_graph_node_outputs(graph, sorted, 2, "TopK", desy_form_where(graph, x.there, x.values, DESY_F64, INFINITY), desy_graph_numbers(graph, DESY_I64, 1, &all), NULL);
    desy_graph_integer(graph, "axis", 1);
    desy_graph_integer(graph, "largest", 0);
    for (int i = 0; i < 2; i++) {
        const char *place = binary(clip, "Mul", binary(clip, "Sub", x.n, desy_graph_number(graph, DESY_F64, 1 - i)), desy_graph_number(graph, DESY_F64, .5));
        place = desy_form_within(graph, desy_graph_node(graph, "Floor", place, NULL), DESY_F64, 0, clip->frames - 1);
        middle[i] = desy_graph_node(graph, "GatherElements", sorted[0], desy_form_cast(graph, place, DESY_I64), NULL);
        desy_graph_integer(graph, "axis", 1);
    }
    return binary(clip, "Mul", binary(clip, "Add", middle[0], middle[1]), desy_graph_number(graph, DESY_F64, .5));
}

const char *desy_clip_graph_energy(struct desy_clip_graph *clip)
{
    desy_graph *graph = clip->graph;
    const int T = clip->frames, column = clip->layout->encoder + desy_feature_block_find("warp")->first - DESY_ENCODER_DIMS + DESY_WARP_ENERGY;
    const char *le = desy_form_cast(graph, desy_form_squeeze(graph, desy_form_slice(graph, clip->features, 2, column, column + 1), 2), DESY_F64);
    const struct course energy = {le, desy_form_squeeze(graph, clip->there, 2), clip->n_frames};
    const struct course change = of_pairs(clip, 1, desy_form_differences(graph, le, T));
    const struct course bend = of_pairs(clip, 2, desy_form_differences(graph, change.values, T - 1));
    const struct course product = of_pairs(clip, 2, binary(clip, "Mul", desy_form_slice(graph, change.values, 1, 0, T - 2), desy_form_slice(graph, change.values, 1, 1, T - 1)));
    const char *spread = variance(clip, change), *middle = median(clip, energy);
    const char *largest = desy_form_largest(graph, desy_form_where(graph, energy.there, le, DESY_F64, -INFINITY), 1);
    const char *smallest = desy_form_smallest(graph, desy_form_where(graph, energy.there, le, DESY_F64, INFINITY), 1);
    const char *all = desy_graph_node(graph, "Concat", desy_graph_node(graph, "Sqrt", variance(clip, energy), NULL), mean_magnitude(clip, change), desy_graph_node(graph, "Sqrt", spread, NULL),
                                      mean_magnitude(clip, bend), binary(clip, "Div", mean(clip, product), binary(clip, "Add", spread, desy_graph_number(graph, DESY_F64, TINY))),
                                      binary(clip, "Sub", largest, middle), binary(clip, "Sub", middle, smallest), NULL);
    desy_graph_integer(graph, "axis", 1);
    return all;
}
