#include "mpi/tree_sum.h"

#include "base/aligned.h"
#include "base/cpu.h"
#include "base/error.h"
#include "mpi/wait.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 20 }; /* subtrees of one rank, of 2^10 leaves */

struct desy_tree_sum {
    desy_world *world;
    size_t leaves, count; /* of all ranks; floats of a vector */
    size_t first, own;    /* this rank's leaves */
    float *vectors;       /* (own, count) */
    float *sum;           /* (count) */
    float *received;      /* the part that this rank adds up, of other ranks' subtrees, each in a room of so many floats */
    size_t room;
    MPI_Request *requests;
    int *counts, *places; /* (ranks): the parts */
};

/* A whole subtree that one rank has. */
struct block {
    size_t first;
    float *values; /* its sum: of the part of the vector that this rank adds up */
};

void desy_tree_share(size_t leaves, int rank, int ranks, size_t *first, size_t *own)
{
    const size_t r = (size_t)rank, n = (size_t)ranks;
    *first = leaves > 1 ? leaves * r / n : 0;
    *own = leaves > 1 ? leaves * (r + 1) / n - *first : leaves;
}

/* The largest subtree that begins at leaf `first` and ends before `end`, or anywhere if no leaf is left behind that. */
static size_t block_size(size_t first, size_t end, size_t present)
{
    size_t size = 1;
    while (first % (2 * size) == 0 && (first + 2 * size <= end || end >= present) && first + size < present) size *= 2;
    return size;
}

/* Where a rank's subtrees begin. */
static size_t find_blocks(const desy_tree_sum *tree, int rank, size_t present, size_t firsts[MOST_BLOCKS])
{
    size_t at, own, n = 0;
    desy_tree_share(tree->leaves, rank, desy_size(tree->world), &at, &own);
    const size_t end = at + own;
    while (at < end && at < present) {
        firsts[n++] = at;
        at += block_size(at, end, present);
    }
    return n;
}

/* Which part of the vector a rank adds up: whole lines of the cache. */
static void part_of(const desy_tree_sum *tree, int rank, size_t *from, size_t *n)
{
    enum { LINE = 16 };
    const size_t ranks = (size_t)desy_size(tree->world), lines = (tree->count + LINE - 1) / LINE, r = (size_t)rank;
    const size_t begin = r * lines / ranks * LINE, end = (r + 1) * lines / ranks * LINE;
    *from = begin < tree->count ? begin : tree->count;
    *n = (end < tree->count ? end : tree->count) - *from;
}

/* Room for what other ranks send. */
static int open_exchange(desy_tree_sum *tree)
{
    const size_t ranks = (size_t)desy_size(tree->world);
    size_t from, part;
    part_of(tree, desy_rank(tree->world), &from, &part);
    tree->room = (part + 15) / 16 * 16;
    tree->sum = desy_aligned_alloc(tree->count * sizeof(float));
    tree->received = desy_aligned_alloc(tree->leaves * tree->room * sizeof(float));
    tree->requests = malloc((tree->leaves + MOST_BLOCKS * ranks) * sizeof *tree->requests);
    tree->counts = malloc(2 * ranks * sizeof *tree->counts);
    if (!tree->sum || !tree->received || !tree->requests || !tree->counts) return desy_error_memory("gradients");
    tree->places = tree->counts + ranks;
    for (size_t rank = 0; rank < ranks; rank++) {
        part_of(tree, (int)rank, &from, &part);
        tree->places[rank] = (int)from, tree->counts[rank] = (int)part;
    }
    return DESY_OK;
}

int desy_tree_sum_open(desy_tree_sum **out, desy_world *world, size_t leaves, size_t count)
{
    desy_tree_sum *tree = *out = calloc(1, sizeof *tree);
    if (!tree) return desy_error_memory("gradients");
    if (leaves < 1 || leaves > DESY_TREE_LEAVES || count < 1 || count > INT_MAX) return desy_error(DESY_EUSAGE, "a sum of %zu vectors of %zu numbers", leaves, count);
    *tree = (desy_tree_sum){.world = world, .leaves = leaves, .count = count};
    desy_tree_share(leaves, desy_rank(world), desy_size(world), &tree->first, &tree->own);
    tree->vectors = desy_aligned_alloc(tree->own * count * sizeof(float));
    if (!tree->vectors) return desy_error_memory("gradients");
    return desy_size(world) > 1 && leaves > 1 ? open_exchange(tree) : DESY_OK;
}

float *desy_tree_sum_leaf(desy_tree_sum *tree, size_t k)
{
    return tree->vectors + k * tree->count;
}

void desy_tree_sum_close(desy_tree_sum **out)
{
    desy_tree_sum *tree = *out;
    if (!tree) return;
    free(tree->vectors);
    free(tree->sum);
    free(tree->received);
    free(tree->requests);
    free(tree->counts);
    free(tree);
    *out = NULL;
}

DESY_VECTOR_CLONES static void add(float *restrict out, const float *restrict a, const float *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

DESY_VECTOR_CLONES static void add_to(float *restrict sum, const float *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++) sum[i] += b[i];
}

/* This rank's leaves become the sums of its subtrees, each in the place of its first leaf; a piece of the vector at a time. */
static void add_own(desy_tree_sum *tree, size_t present)
{
    enum { PIECE = 16384 };
    const size_t all = tree->first + tree->own, end = all < present ? all : present;
    for (size_t from = 0; from < tree->count; from += PIECE) {
        const size_t n = tree->count - from < PIECE ? tree->count - from : PIECE;
        for (size_t half = 1; half < present; half *= 2)
            for (size_t left = (tree->first + 2 * half - 1) / (2 * half) * (2 * half); left + half < end; left += 2 * half) {
                if (left + 2 * half > end && end < present) continue; /* the right half is not all here */
                add_to(tree->vectors + (left - tree->first) * tree->count + from, tree->vectors + (left + half - tree->first) * tree->count + from, n);
            }
    }
}

/* The sum of the subtree of `size` leaves from `first` on, whose parts are in blocks sorted by their first leaf: in the memory of one of them, or in `out`. Blocks are changed. */
static const float *combine(const struct block *blocks, size_t n, size_t first, size_t size, float *out, size_t count)
{
    size_t left = 0;
    if (n == 1) return blocks[0].values;
    while (left < n && blocks[left].first < first + size / 2) left++;
    if (left == n) return combine(blocks, n, first, size / 2, out, count);
    const float *a = combine(blocks, left, first, size / 2, out, count);
    const float *b = combine(blocks + left, n - left, first + size / 2, size / 2, blocks[left].values, count);
    if (a == out) add_to(out, b, count);
    else add(out, a, b, count);
    return out;
}

/* Every rank gets its part of all subtrees: blocks, in the order of their leaves. */
static size_t exchange(desy_tree_sum *tree, size_t present, struct block *blocks)
{
    const int ranks = desy_size(tree->world), rank = desy_rank(tree->world);
    size_t firsts[MOST_BLOCKS], from, part, others = 0, n = 0;
    int pending = 0;
    part_of(tree, rank, &from, &part);
    for (int other = 0; other < ranks; other++) {
        const size_t theirs = find_blocks(tree, other, present, firsts);
        for (size_t k = 0; k < theirs; k++, n++) {
            blocks[n] = (struct block){firsts[k], other == rank ? tree->vectors + (firsts[k] - tree->first) * tree->count + from : tree->received + others++ * tree->room};
            if (other != rank) MPI_Irecv(blocks[n].values, (int)part, MPI_FLOAT, other, DESY_TAG_TREE, desy_world_comm(tree->world), &tree->requests[pending++]);
        }
    }
    const size_t own = find_blocks(tree, rank, present, firsts);
    for (int step = 1; step < ranks; step++) {
        const int to = (rank + step) % ranks; /* not all to the same one at once */
        part_of(tree, to, &from, &part);
        for (size_t k = 0; k < own; k++)
            MPI_Isend(tree->vectors + (firsts[k] - tree->first) * tree->count + from, (int)part, MPI_FLOAT, to, DESY_TAG_TREE, desy_world_comm(tree->world), &tree->requests[pending++]);
    }
    MPI_Waitall(pending, tree->requests, MPI_STATUSES_IGNORE);
    return n;
}

float *desy_tree_sum_finish(desy_tree_sum *tree, size_t present)
{
    const int ranks = desy_size(tree->world), rank = desy_rank(tree->world);
    struct block blocks[DESY_TREE_LEAVES];
    size_t from, part, size = 1;
    if (tree->leaves == 1) return tree->vectors;
    add_own(tree, present);
    if (ranks == 1) return tree->vectors;
    const size_t n = exchange(tree, present, blocks);
    part_of(tree, rank, &from, &part);
    while (size < present) size *= 2;
    const float *sum = combine(blocks, n, 0, size, tree->sum + from, part);
    if (sum != tree->sum + from) memcpy(tree->sum + from, sum, part * sizeof *sum);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, tree->sum, tree->counts, tree->places, MPI_FLOAT, desy_world_comm(tree->world));
    return tree->sum;
}
