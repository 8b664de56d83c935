/* If the mean distance over m >= 4 frames is r at most, then of any m - 1 of them one has a distance of r m / (m - 1) <= 4 r / 3 at most. With r = 4 that
 * is 5 bits, and so one of its 4 bands differs in at most one bit: it is enough to look into the bucket of each band and the 16 next to it. */
#include "features/near_duplicates.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define BAND_BITS 16
#define BANDS (64 / BAND_BITS)
#define BUCKETS (1 << BAND_BITS)
#define MOST_BITS (DESY_NEAR_RADIUS * DESY_FINGERPRINT_LEAST / (DESY_FINGERPRINT_LEAST - 1)) /* of one frame */
#define LEAST_ROOM 1048576

_Static_assert(MOST_BITS < 2 * BANDS, "one band differs in at most one bit");

struct entry {
    uint64_t hash;
    uint32_t item;
};

struct search {
    const struct desy_near_item *items;
    size_t count;
    uint32_t *chosen;        /* (chosen_count): one for all items of the same fingerprint, label and part */
    size_t chosen_count;
    struct entry *entries;   /* (chosen_count): of one band, by bucket */
    size_t *starts;          /* (BUCKETS + 1) */
    uint32_t *parents;       /* (count): of a forest of items */
    struct desy_near_pair *pairs;
    size_t n, room;
};

enum desy_near_kind desy_near_kind_of(const struct desy_near_item *a, const struct desy_near_item *b)
{
    if (a->label >= 0 && b->label >= 0 && a->label != b->label) return DESY_NEAR_OTHER_LABEL;
    return a->part != DESY_SPLIT_NONE && b->part != DESY_SPLIT_NONE && a->part != b->part ? DESY_NEAR_OTHER_PART : DESY_NEAR_ALIKE;
}

static int by_rank(const void *a, const void *b)
{
    const struct desy_near_pair *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

static uint32_t root_of(uint32_t *parents, uint32_t item)
{
    while (parents[item] != item) item = parents[item] = parents[parents[item]];
    return item;
}

/* Kruskal: of the pairs so far those of the forest. What is left out here no later pair can bring back. */
static void keep_forest(struct search *s)
{
    size_t kept = 0;
    qsort(s->pairs, s->n, sizeof *s->pairs, by_rank);
    for (size_t i = 0; i < s->count; i++) s->parents[i] = (uint32_t)i;
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t a = root_of(s->parents, s->pairs[i].a), b = root_of(s->parents, s->pairs[i].b);
        if (a == b) continue;
        s->parents[a] = b;
        s->pairs[kept++] = s->pairs[i];
    }
    s->n = kept;
}

static void add_pair(struct search *s, uint32_t a, uint32_t b, double distance)
{
    if (s->n == s->room) keep_forest(s); /* fewer than count, and there is room for twice that */
    s->pairs[s->n++] = (struct desy_near_pair){.a = a < b ? a : b, .b = a < b ? b : a, .kind = desy_near_kind_of(&s->items[a], &s->items[b]), .distance = distance};
}

static int by_print(const void *a, const void *b, void *context)
{
    const struct desy_near_item *items = context, *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
    const int order = memcmp(x->print.frames, y->print.frames, sizeof x->print.frames);
    if (order) return order;
    if (x->print.detailed != y->print.detailed) return x->print.detailed < y->print.detailed ? -1 : 1;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1; /* no two are the same */
}

static bool is_same(const struct desy_near_item *a, const struct desy_near_item *b)
{
    return memcmp(a->print.frames, b->print.frames, sizeof a->print.frames) == 0 && a->print.detailed == b->print.detailed && a->label == b->label && a->part == b->part;
}

/* Those that can be compared; of the same ones the first, with the others joined to it. */
static void choose(struct search *s)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (__builtin_popcount(s->items[i].print.detailed) >= DESY_FINGERPRINT_LEAST) s->chosen[n++] = (uint32_t)i;
    qsort_r(s->chosen, n, sizeof *s->chosen, by_print, (void *)s->items);
    for (size_t i = 0; i < n; i++) {
        if (kept && is_same(&s->items[s->chosen[kept - 1]], &s->items[s->chosen[i]])) add_pair(s, s->chosen[kept - 1], s->chosen[i], 0);
        else s->chosen[kept++] = s->chosen[i];
    }
    s->chosen_count = kept;
}

static size_t bucket_of(const struct search *s, uint32_t item, int frame, int band)
{
    return s->items[item].print.frames[frame] >> band * BAND_BITS & (BUCKETS - 1);
}

static bool has(const struct search *s, uint32_t item, int frame)
{
    return s->items[item].print.detailed >> frame & 1;
}

/* A counting sort. The work that comparing within the buckets would be, in pairs. */
static double fill_buckets(struct search *s, int frame, int band)
{
    size_t *starts = s->starts;
    double work = 0;
    memset(starts, 0, (BUCKETS + 1) * sizeof *starts);
    for (size_t i = 0; i < s->chosen_count; i++)
        if (has(s, s->chosen[i], frame)) starts[bucket_of(s, s->chosen[i], frame, band) + 1]++;
    for (size_t v = 0; v < BUCKETS; v++) work += (double)starts[v + 1] * (double)starts[v + 1], starts[v + 1] += starts[v];
    for (size_t i = s->chosen_count; i-- > 0;) /* from behind: starts[v + 1], the end of bucket v, becomes its start */
        if (has(s, s->chosen[i], frame)) s->entries[--starts[bucket_of(s, s->chosen[i], frame, band) + 1]] = (struct entry){s->items[s->chosen[i]].print.frames[frame], s->chosen[i]};
    return work;
}

/* Bucket v lies from start(v) on once they are filled. */
static const struct entry *start_of(const struct search *s, size_t v, size_t filled)
{
    return s->entries + (v < BUCKETS ? s->starts[v + 1] : filled);
}

static void compare(struct search *s, const struct entry *one, const struct entry *from, const struct entry *to)
{
    for (; from < to; from++) {
        if (__builtin_popcountll(one->hash ^ from->hash) > MOST_BITS) continue;
        const double distance = desy_fingerprint_distance(&s->items[one->item].print, &s->items[from->item].print);
        if (distance >= 0 && distance <= DESY_NEAR_RADIUS) add_pair(s, one->item, from->item, distance);
    }
}

/* All pairs of items whose bands differ in one bit at most. */
static void search_band(struct search *s, int frame, int band)
{
    size_t filled = 0;
    for (size_t i = 0; i < s->chosen_count; i++) filled += has(s, s->chosen[i], frame);
    fill_buckets(s, frame, band);
    for (size_t v = 0; v < BUCKETS; v++) {
        const struct entry *end = start_of(s, v + 1, filled);
        for (const struct entry *one = start_of(s, v, filled); one < end; one++) {
            compare(s, one, one + 1, end);
            for (int bit = 0; bit < BAND_BITS; bit++) {
                const size_t other = v ^ (size_t)1 << bit;
                if (other > v) compare(s, one, start_of(s, other, filled), start_of(s, other + 1, filled));
            }
        }
    }
}

static int fullest_frame(struct search *s)
{
    double most = -1;
    int fullest = 0;
    for (int frame = 0; frame < DESY_FINGERPRINT_FRAMES; frame++) {
        double work = 0;
        for (int band = 0; band < BANDS; band++) work += fill_buckets(s, frame, band);
        if (work > most) most = work, fullest = frame;
    }
    return fullest;
}

int desy_near_duplicates(struct desy_near_pair **pairs, size_t *n, const struct desy_near_item *items, size_t count)
{
    struct search s = {.items = items, .count = count, .room = 2 * count > LEAST_ROOM ? 2 * count : LEAST_ROOM};
    int rc = DESY_OK;
    *pairs = NULL, *n = 0;
    s.chosen = malloc((count + 1) * sizeof *s.chosen);
    s.entries = malloc((count + 1) * sizeof *s.entries);
    s.starts = malloc((BUCKETS + 1) * sizeof *s.starts);
    s.parents = malloc((count + 1) * sizeof *s.parents);
    s.pairs = malloc(s.room * sizeof *s.pairs);
    if (!s.chosen || !s.entries || !s.starts || !s.parents || !s.pairs) {
        rc = desy_error_memory("near duplicates");
        free(s.pairs);
        goto out;
    }
    choose(&s);
    const int left_out = s.chosen_count > 1 ? fullest_frame(&s) : 0;
    for (int frame = 0; s.chosen_count > 1 && frame < DESY_FINGERPRINT_FRAMES; frame++)
        for (int band = 0; frame != left_out && band < BANDS; band++) search_band(&s, frame, band);
    keep_forest(&s);
    for (size_t i = 0; i < s.n; i++) s.pairs[i].cluster = root_of(s.parents, s.pairs[i].a);
    *pairs = s.pairs, *n = s.n;
out:
    free(s.chosen);
    free(s.entries);
    free(s.starts);
    free(s.parents);
    return rc;
}
