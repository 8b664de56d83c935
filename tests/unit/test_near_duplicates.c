/* The search for near duplicates against comparing all pairs. */
#include "base/error.h"
#include "base/random.h"
#include "features/near_duplicates.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1500 };

/* Families: each item but the first of one is an earlier one with `flips` bits turned a frame, give or take; the same first frame for many; a few that
 * lack detail. */
static void make_items(struct desy_near_item *items, uint64_t seed)
{
    for (uint64_t i = 0; i < ITEMS; i++) {
        struct desy_near_item *item = &items[i];
        memset(item, 0, sizeof *item);
        const bool copy = i > 0 && desy_random_u64(seed, 1, i) % 3;
        if (copy) item->print = items[desy_random_u64(seed, 2, i) % i].print;
        for (uint64_t k = 0; k < DESY_FINGERPRINT_FRAMES; k++) {
            uint64_t *frame = &item->print.frames[k];
            if (!copy) *frame = k == 0 && i % 2 ? 0x123456789abcdef : desy_random_u64(seed, 3, i * 8 + k);
            const uint64_t flips = copy ? desy_random_u64(seed, 4, i * 8 + k) % (2 + 2 * (i % 6)) : 0;
            for (uint64_t flip = 0; flip < flips; flip++) *frame ^= (uint64_t)1 << desy_random_u64(seed, 5, (i * 8 + k) * 16 + flip) % 64;
        }
        item->print.detailed = i % 5 ? 0xff : (uint8_t)desy_random_u64(seed, 6, i);
        item->label = (int)(desy_random_u64(seed, 7, i) % 3) - 1;
        item->part = (enum desy_split_part)((int)(desy_random_u64(seed, 8, i) % 4) - 1);
    }
}

static int by_rank(const void *a, const void *b)
{
    const struct desy_near_pair *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return 0;
}

/* Kruskal over all pairs, by labels of components that are painted over. */
static size_t brute_force(struct desy_near_pair *forest, const struct desy_near_item *items, int *component)
{
    struct desy_near_pair *all = malloc((size_t)ITEMS * ITEMS / 2 * sizeof *all);
    size_t n = 0, kept = 0;
    assert_non_null(all);
    for (uint32_t a = 0; a < ITEMS; a++)
        for (uint32_t b = a + 1; b < ITEMS; b++) {
            int frames = 0, bits = 0;
            for (int k = 0; k < DESY_FINGERPRINT_FRAMES; k++) {
                if (!(items[a].print.detailed >> k & items[b].print.detailed >> k & 1)) continue;
                frames++;
                for (int bit = 0; bit < 64; bit++) bits += (items[a].print.frames[k] >> bit & 1) != (items[b].print.frames[k] >> bit & 1);
            }
            if (frames >= 4 && bits <= 4 * frames) {
                const bool labels = items[a].label >= 0 && items[b].label >= 0 && items[a].label != items[b].label;
                const bool parts = items[a].part >= 0 && items[b].part >= 0 && items[a].part != items[b].part;
                all[n++] = (struct desy_near_pair){.a = a, .b = b, .kind = labels ? DESY_NEAR_OTHER_LABEL : parts ? DESY_NEAR_OTHER_PART : DESY_NEAR_ALIKE, .distance = (double)bits / frames};
            }
        }
    qsort(all, n, sizeof *all, by_rank);
    for (int i = 0; i < ITEMS; i++) component[i] = i;
    for (size_t i = 0; i < n; i++) {
        const int from = component[all[i].a], to = component[all[i].b];
        if (from == to) continue;
        for (int k = 0; k < ITEMS; k++)
            if (component[k] == from) component[k] = to;
        forest[kept++] = all[i];
    }
    free(all);
    return kept;
}

/* The same clusters, joined by pairs of the same kinds and distances: which of equal pairs join a cluster is not told by these. */
static void test_against_brute_force(void **state)
{
    static struct desy_near_item items[ITEMS];
    static struct desy_near_pair expected[ITEMS];
    static int component[ITEMS];
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct desy_near_pair *pairs = NULL;
        uint32_t numbers[ITEMS] = {0};
        size_t n = 0;
        make_items(items, seed);
        const size_t wanted = brute_force(expected, items, component);
        assert_int_equal(desy_near_duplicates(&pairs, &n, items, ITEMS), DESY_OK);
        assert_true(wanted > ITEMS / 4);
        assert_int_equal(n, wanted);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(component[pairs[i].a], component[pairs[i].b]);
            assert_int_equal(component[pairs[i].a], component[pairs[i].cluster]);
            if (numbers[component[pairs[i].a]] == 0) numbers[component[pairs[i].a]] = pairs[i].cluster + 1;
            assert_int_equal(numbers[component[pairs[i].a]], pairs[i].cluster + 1);
            assert_int_equal(pairs[i].kind, expected[i].kind);
            assert_true(pairs[i].distance == expected[i].distance && pairs[i].a < pairs[i].b);
        }
        free(pairs);
    }
}

static void test_few(void **state)
{
    struct desy_near_item items[3] = {{.print = {.detailed = 0xff}, .label = -1, .part = DESY_SPLIT_NONE}};
    struct desy_near_pair *pairs = NULL;
    size_t n = 9;
    (void)state;
    items[1] = items[2] = items[0];
    items[1].print.detailed = 7; /* too little to be compared */
    for (size_t count = 0; count < 3; count++) {
        assert_int_equal(desy_near_duplicates(&pairs, &n, items, count), DESY_OK);
        assert_int_equal(n, 0);
        free(pairs);
    }
    assert_int_equal(desy_near_duplicates(&pairs, &n, items, 3), DESY_OK);
    assert_int_equal(n, 1);
    assert_true(pairs[0].a == 0 && pairs[0].b == 2 && pairs[0].distance == 0);
    free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_brute_force), cmocka_unit_test(test_few)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
