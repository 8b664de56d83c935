#include "train/copies.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/random.h"
#include "features/blocks.h"
#include "train/fit.h"
#include "train/items.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EVALUATED = 0x436f0000, TRAINED = 0x436f0001 }; /* streams of random numbers */

struct nearest {
    uint64_t item; /* of the training part; UINT64_MAX: none yet */
    double cosine;
};

struct search {
    desy_world *world;
    desy_store *store;
    const struct desy_items *items;
    size_t width;             /* numbers of a frame that are compared */
    float *features;          /* (T, D): of one clip */
    uint64_t *evaluated, *trained; /* items that are compared */
    size_t n_evaluated, n_trained;
    float *vectors;           /* (n_evaluated, width): of length 1, or 0 */
    struct nearest *nearest;  /* (n_evaluated) */
};

/* Items of the list of which a clip could be read; of more than `most` a share that is drawn. */
static size_t sample(const struct desy_items *items, const uint64_t *list, size_t n, size_t most, uint64_t seed, uint64_t stream, uint64_t *kept)
{
    size_t found = 0;
    const double share = n > most ? (double)most / (double)n : 1;
    for (size_t i = 0; i < n; i++)
        if (desy_item_first_clip(items, list[i]) != SIZE_MAX && (share >= 1 || desy_random_uniform(seed, stream, list[i]) < share)) kept[found++] = list[i];
    return found;
}

static bool is_trained(const struct desy_items *items, uint64_t i) { return items->split[i].part == DESY_SPLIT_TRAIN && items->split[i].label >= 0; }

/* The mean over frames of an item's first clip, of length 1; all 0 where it has none. */
static int read_vector(struct search *s, uint64_t item, float *vector)
{
    const struct desy_item_clip *clip = &s->items->clips[desy_item_first_clip(s->items, item)];
    const size_t dims = (size_t)desy_store_dims(s->store);
    double square = 0;
    int rc = desy_store_read_features(s->store, (size_t)clip->row, 1, s->features);
    memset(vector, 0, s->width * sizeof *vector);
    for (int t = 0; rc == DESY_OK && t < clip->n_frames; t++)
        for (size_t d = 0; d < s->width; d++) vector[d] += s->features[(size_t)t * dims + d];
    for (size_t d = 0; d < s->width; d++) square += (double)vector[d] * vector[d];
    for (size_t d = 0; square > 0 && d < s->width; d++) vector[d] = (float)(vector[d] / sqrt(square));
    return rc;
}

/* Every rank has the vectors of all evaluated clips that are compared; each reads its share. */
static int read_evaluated(struct search *s)
{
    size_t first, count;
    size_t total = 0;
    float *mine = NULL;
    desy_tile_share(s->n_evaluated, desy_rank(s->world), desy_size(s->world), &first, &count);
    mine = malloc((count * s->width + 1) * sizeof *mine);
    int rc = mine ? DESY_OK : desy_error_memory("features of clips");
    for (size_t i = 0; rc == DESY_OK && i < count; i++) rc = read_vector(s, s->evaluated[first + i], mine + i * s->width);
    DESY_TRY(desy_agree(s->world, rc));
    rc = desy_gatherall(s->world, mine, count * s->width, sizeof *mine, (void **)&s->vectors, &total);
out:
    free(mine);
    return rc;
}

/* Products of one vector with n others, in sixteen partial sums each, always in the same order. */
DESY_VECTOR_CLONES static void products(const float *vectors, size_t n, size_t width, const float *vector, double *out)
{
    enum { LANES = 16 };
    for (size_t e = 0; e < n; e++) {
        const float *other = vectors + e * width;
        float sums[LANES] = {0};
        size_t d = 0;
        for (; d + LANES <= width; d += LANES)
            for (size_t k = 0; k < LANES; k++) sums[k] += other[d + k] * vector[d + k];
        out[e] = 0;
        for (size_t k = 0; k < LANES; k++) out[e] += sums[k];
        for (; d < width; d++) out[e] += (double)other[d] * vector[d];
    }
}

/* Closer, or as close and earlier. */
static void take_nearer(struct nearest *nearest, uint64_t item, double cosine)
{
    if (cosine > nearest->cosine || (cosine == nearest->cosine && item < nearest->item)) *nearest = (struct nearest){item, cosine};
}

/* This rank's share of the training part goes by, one clip at a time. */
static int compare_share(struct search *s)
{
    size_t first, count;
    float *vector = malloc((s->width + 1) * sizeof *vector);
    double *cosines = malloc((s->n_evaluated + 1) * sizeof *cosines);
    int rc = vector && cosines ? DESY_OK : desy_error_memory("features of clips");
    desy_tile_share(s->n_trained, desy_rank(s->world), desy_size(s->world), &first, &count);
    for (size_t i = first; rc == DESY_OK && i < first + count; i++) {
        rc = read_vector(s, s->trained[i], vector);
        if (rc == DESY_OK) products(s->vectors, s->n_evaluated, s->width, vector, cosines);
        for (size_t e = 0; rc == DESY_OK && e < s->n_evaluated; e++) take_nearer(&s->nearest[e], s->trained[i], cosines[e]);
    }
    free(vector);
    free(cosines);
    return rc;
}

static int join_ranks(struct search *s)
{
    struct nearest *all = NULL;
    size_t total = 0;
    const int rc = desy_gatherall(s->world, s->nearest, s->n_evaluated, sizeof *all, (void **)&all, &total);
    for (size_t i = 0; i < total; i++) take_nearer(&s->nearest[i % s->n_evaluated], all[i].item, all[i].cosine);
    free(all);
    return rc;
}

static int nearest_first(const void *left, const void *right)
{
    const struct desy_copy *a = left, *b = right;
    if (a->cosine != b->cosine) return a->cosine > b->cosine ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

static int ascending(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Evaluated items that have a group in common with the training part. */
static int find_torn(const struct desy_items *items, const uint64_t *chosen, size_t n, struct desy_copies *copies)
{
    uint64_t *groups = malloc((items->count + 1) * sizeof *groups);
    size_t count = 0;
    if (!groups) return desy_error_memory("groups");
    for (size_t i = 0; i < items->count; i++)
        if (is_trained(items, i)) groups[count++] = items->split[i].group;
    qsort(groups, count, sizeof *groups, ascending);
    for (size_t i = 0; i < n; i++) {
        if (is_trained(items, chosen[i]) || !bsearch(&items->split[chosen[i]].group, groups, count, sizeof *groups, ascending)) continue;
        copies->copied[i] = 1;
        copies->torn++;
    }
    free(groups);
    return DESY_OK;
}

static int take_pairs(const struct search *s, const uint64_t *chosen, size_t n, struct desy_copies *copies)
{
    copies->pairs = malloc((s->n_evaluated + 1) * sizeof *copies->pairs);
    if (!copies->pairs) return desy_error_memory("copies");
    for (size_t i = 0, e = 0; i < n; i++) { /* both lists in one order */
        if (e == s->n_evaluated || chosen[i] != s->evaluated[e]) {
            copies->copied[i] = 2; /* not in the sample: its torn group would count for more than it is */
            continue;
        }
        const struct nearest *nearest = &s->nearest[e++];
        const bool found = nearest->cosine >= copies->cosine;
        if (found) copies->pairs[copies->n_pairs++] = (struct desy_copy){chosen[i], nearest->item, nearest->cosine};
        if (copies->copied[i] != 1) copies->copied[i] = found;
    }
    qsort(copies->pairs, copies->n_pairs, sizeof *copies->pairs, nearest_first);
    return DESY_OK;
}

/* What is to be compared with what. */
static int open_search(struct search *s, const uint64_t *chosen, size_t n, uint64_t seed, struct desy_copies *copies)
{
    const size_t dims = (size_t)desy_store_dims(s->store), most = s->items->count + n + 1;
    const bool hybrid = strcmp(desy_store_extractor(s->store), "hybrid") == 0;
    uint64_t *others = malloc(most * sizeof *others), *trained = malloc(most * sizeof *trained);
    s->width = hybrid && dims > DESY_ENCODER_DIMS ? DESY_ENCODER_DIMS : dims;
    copies->cosine = hybrid ? DESY_COPY_COSINE : DESY_EQUAL_COSINE;
    s->features = malloc((size_t)desy_store_frames(s->store) * dims * sizeof *s->features);
    s->evaluated = malloc(most * sizeof *s->evaluated), s->trained = malloc(most * sizeof *s->trained);
    copies->copied = malloc(n + 1);
    int rc = others && trained && s->features && s->evaluated && s->trained && copies->copied ? DESY_OK : desy_error_memory("the search for copies");
    for (size_t i = 0; rc == DESY_OK && i < n; i++) {
        copies->copied[i] = 2;
        if (!is_trained(s->items, chosen[i])) others[copies->evaluated_all++] = chosen[i];
    }
    for (size_t i = 0; rc == DESY_OK && i < s->items->count; i++)
        if (is_trained(s->items, i)) trained[copies->trained_all++] = i;
    if (rc == DESY_OK) {
        copies->compared = s->n_evaluated = sample(s->items, others, copies->evaluated_all, DESY_COPIES_EVALUATED, seed, EVALUATED, s->evaluated);
        copies->trained = s->n_trained = sample(s->items, trained, copies->trained_all, DESY_COPIES_TRAINED, seed, TRAINED, s->trained);
        s->nearest = malloc((s->n_evaluated + 1) * sizeof *s->nearest);
        if (!s->nearest) rc = desy_error_memory("the search for copies");
    }
    for (size_t e = 0; rc == DESY_OK && e < s->n_evaluated; e++) s->nearest[e] = (struct nearest){UINT64_MAX, -2};
    free(others);
    free(trained);
    return rc;
}

int desy_copies_find(desy_world *world, desy_store *store, const struct desy_items *items, const uint64_t *chosen, size_t n, uint64_t seed, struct desy_copies *copies)
{
    struct search s = {.world = world, .store = store, .items = items};
    *copies = (struct desy_copies){0};
    int rc = open_search(&s, chosen, n, seed, copies);
    if (rc == DESY_OK) rc = find_torn(items, chosen, n, copies);
    DESY_TRY(desy_agree(world, rc));
    if (s.n_evaluated == 0 || s.n_trained == 0) goto out;
    DESY_TRY(read_evaluated(&s));
    DESY_TRY(desy_agree(world, compare_share(&s)));
    DESY_TRY(join_ranks(&s));
    rc = desy_agree(world, take_pairs(&s, chosen, n, copies));
out:
    free(s.features);
    free(s.evaluated);
    free(s.trained);
    free(s.vectors);
    free(s.nearest);
    return rc;
}

void desy_copies_close(struct desy_copies *copies)
{
    free(copies->copied);
    free(copies->pairs);
    *copies = (struct desy_copies){0};
}
