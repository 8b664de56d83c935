/* train/pool.h as nodes. In float64, and rounded to float32 where the pooled vector is: the numbers are those of the program, whatever order a runtime adds in. */
#include "base/error.h"
#include "export/clip.h"
#include "export/forms.h"
#include "train/temporal.h"

#include <stddef.h>
#include <string.h>

const char *desy_clip_graph_pairs(struct desy_clip_graph *clip, int ahead)
{
    return desy_form_slice(clip->graph, clip->there, 1, ahead, clip->frames); /* frames are there from the first on */
}

/* (N, T, count) float64; 0 where there is no frame. */
static const char *columns(struct desy_clip_graph *clip, int first, int count)
{
    const char *some = desy_form_slice(clip->graph, clip->features, 2, first, first + count);
    return desy_form_where(clip->graph, clip->there, desy_form_cast(clip->graph, some, DESY_F64), DESY_F64, 0);
}

static const char *mean_over_time(struct desy_clip_graph *clip, const char *x)
{
    return desy_graph_node(clip->graph, "Div", desy_form_sum(clip->graph, x, 1, false), clip->n_frames, NULL);
}

const char *desy_clip_graph_mean(struct desy_clip_graph *clip, int first, int count)
{
    return mean_over_time(clip, columns(clip, first, count));
}

static const char *encoder(struct desy_clip_graph *clip)
{
    if (!clip->known.encoder) clip->known.encoder = columns(clip, 0, clip->layout->encoder);
    return clip->known.encoder;
}

static const char *differences(struct desy_clip_graph *clip)
{
    if (!clip->known.differences)
        clip->known.differences = desy_form_where(clip->graph, desy_clip_graph_pairs(clip, 1), desy_form_differences(clip->graph, encoder(clip), clip->frames), DESY_F64, 0);
    return clip->known.differences;
}

static const char *mean(struct desy_clip_graph *clip)
{
    if (!clip->known.mean) clip->known.mean = mean_over_time(clip, encoder(clip));
    return clip->known.mean;
}

static const char *deviation(struct desy_clip_graph *clip)
{
    desy_graph *graph = clip->graph;
    if (clip->known.deviation) return clip->known.deviation;
    const char *centred = desy_form_where(graph, clip->there, desy_graph_node(graph, "Sub", encoder(clip), desy_form_unsqueeze(graph, mean(clip), 1), NULL), DESY_F64, 0);
    clip->known.deviation = desy_graph_node(graph, "Sqrt", mean_over_time(clip, desy_graph_node(graph, "Mul", centred, centred, NULL)), NULL);
    return clip->known.deviation;
}

static const char *step(struct desy_clip_graph *clip)
{
    desy_graph *graph = clip->graph;
    if (clip->known.step) return clip->known.step;
    const char *one = desy_graph_number(graph, DESY_F64, 1), *pairs = desy_graph_node(graph, "Max", desy_graph_node(graph, "Sub", clip->n_frames, one, NULL), one, NULL);
    const char *change = desy_graph_node(graph, "Div", desy_form_sum(graph, desy_graph_node(graph, "Abs", differences(clip), NULL), 1, false), pairs, NULL);
    clip->known.step = desy_graph_node(graph, "Log", desy_graph_node(graph, "Add", change, desy_graph_number(graph, DESY_F64, .01), NULL), NULL);
    return clip->known.step;
}

/* sqrt of the sum of squares: (N, t) of (N, t, E). */
static const char *lengths(desy_graph *graph, const char *x)
{
    return desy_graph_node(graph, "Sqrt", desy_form_sum(graph, desy_graph_node(graph, "Mul", x, x, NULL), 2, false), NULL);
}

/* As desy_temporal has it: four frames, and a step longer than a millionth of the longest frame. */
const char *desy_clip_graph_moves(struct desy_clip_graph *clip)
{
    desy_graph *graph = clip->graph;
    if (clip->known.moves) return clip->known.moves;
    const char *least = desy_graph_node(graph, "Mul", desy_form_largest(graph, lengths(graph, encoder(clip)), 1), desy_graph_number(graph, DESY_F64, DESY_TEMPORAL_STATIC_STEP), NULL);
    const char *steps = desy_graph_node(graph, "Greater", desy_form_largest(graph, lengths(graph, differences(clip)), 1), least, NULL);
    const char *enough = desy_graph_node(graph, "Greater", clip->n_frames, desy_graph_number(graph, DESY_F64, DESY_TEMPORAL_LEAST_FRAMES - .5), NULL);
    clip->known.moves = desy_graph_node(graph, "And", enough, steps, NULL);
    return clip->known.moves;
}

static const char *part_of(struct desy_clip_graph *clip, const struct desy_head *head, int part)
{
    const int blocks = desy_pool_offset(clip->layout, DESY_POOL_BLOCKS);
    switch (part) {
    case DESY_POOL_MEAN: return mean(clip);
    case DESY_POOL_DEVIATION: return deviation(clip);
    case DESY_POOL_STEP: return step(clip);
    case DESY_POOL_BLOCKS: return desy_clip_graph_mean(clip, clip->layout->encoder + head->offset - blocks, head->inputs);
    default: return strcmp(head->channel->block, "energy") == 0 ? desy_clip_graph_energy(clip) : NULL;
    }
}

int desy_clip_graph_inputs(struct desy_clip_graph *clip, const struct desy_head *head, const char **inputs)
{
    desy_graph *graph = clip->graph;
    const int64_t shape[] = {1, head->standardised};
    const char *x = NULL;
    for (int part = head->channel->part; part < head->channel->part + head->channel->parts; part++) {
        const char *more = part_of(clip, head, part);
        if (!more) return desy_error(DESY_EUSAGE, "the channel %s can't be exported: it reads the temporal numbers \"%s\", which no graph is made of", head->channel->name, head->channel->block);
        if (x) {
            x = desy_graph_node(graph, "Concat", x, more, NULL);
            desy_graph_integer(graph, "axis", 1);
        } else x = more;
    }
    x = desy_form_cast(graph, desy_form_cast(graph, x, DESY_F32), DESY_F64);
    x = desy_graph_node(graph, "Sub", x, desy_graph_tensor(graph, DESY_F64, 2, shape, head->median), NULL);
    *inputs = desy_form_within(graph, desy_graph_node(graph, "Div", x, desy_graph_tensor(graph, DESY_F64, 2, shape, head->scale), NULL), DESY_F64, -3, 3);
    return DESY_OK;
}
