/* Parts and folds: the shares, whole groups, and nothing that depends on the order of the items. */
#include "base/error.h"
#include "features/split.h"
#include "tests/unit/unit.h"

#include <math.h>

enum { SOURCES = 6, GROUPS = 40, MOST_IN_GROUP = 3, ITEMS = SOURCES * GROUPS * 2 };

/* Sources 0, 2, 4 are real, 1, 3, 5 are not; each has 40 groups of 1, 2 or 3 items: 80 items. */
static void make_items(struct desy_split_item items[ITEMS])
{
    size_t n = 0;
    for (uint64_t source = 0; source < SOURCES; source++)
        for (uint64_t group = 0; group < GROUPS; group++)
            for (uint64_t i = 0; i < (group % 4 == 3 ? 2 : group % 4 + 1); i++, n++)
                items[n] = (struct desy_split_item){.id = (n + 1) * 0x9E3779B97F4A7C15u, .group = (source * GROUPS + group + 1) * 0xD1B54A32D192ED03u,
                                                    .source = (source + 1) * 0x8CB92BA72F3D8DD7u, .label = (int)(source % 2), .part = DESY_SPLIT_NONE};
    assert_int_equal(n, ITEMS);
}

static void reverse(struct desy_split_item *items, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const struct desy_split_item other = items[n - 1 - i];
        items[n - 1 - i] = items[i];
        items[i] = other;
    }
}

static void assert_message(const char *part)
{
    if (!strstr(desy_error_message(), part)) fail_msg("'%s' lacks '%s'", desy_error_message(), part);
}

static void shares_are_70_15_15(void **state)
{
    static const double shares[3] = {.70, .15, .15};
    struct desy_split_item items[ITEMS];
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        int of_class[2][3] = {{0}}, of_source[SOURCES][3] = {{0}};
        make_items(items);
        assert_int_equal(desy_split_draw(items, ITEMS, seed, true), DESY_OK);
        for (size_t i = 0; i < ITEMS; i++) {
            assert_in_range(items[i].part, DESY_SPLIT_TRAIN, DESY_SPLIT_TEST);
            of_class[items[i].label][items[i].part]++;
            of_source[i / (ITEMS / SOURCES)][items[i].part]++;
        }
        for (int p = 0; p < 3; p++) { /* within two groups */
            for (int c = 0; c < 2; c++) assert_true(fabs(of_class[c][p] - shares[p] * ITEMS / 2) <= 2 * MOST_IN_GROUP);
            for (int s = 0; s < SOURCES; s++) assert_true(fabs(of_source[s][p] - shares[p] * ITEMS / SOURCES) <= 2 * MOST_IN_GROUP);
        }
    }
}

static void groups_stay_whole(void **state)
{
    struct desy_split_item items[ITEMS];
    int folds[ITEMS];
    bool by_source;
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++) items[i].source = (uint64_t)items[i].label + 1; /* one a class: folds are of groups */
    assert_int_equal(desy_split_draw(items, ITEMS, 3, true), DESY_OK);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 5, 3), DESY_OK);
    assert_false(by_source);
    for (size_t i = 1; i < ITEMS; i++) { /* those of a group are neighbours */
        if (items[i].group != items[i - 1].group) continue;
        assert_int_equal(items[i].part, items[i - 1].part);
        assert_int_equal(folds[i], folds[i - 1]);
    }
}

/* A group of both classes and of several sources is one group all the same. */
static void mixed_groups_stay_whole(void **state)
{
    struct desy_split_item items[ITEMS];
    enum desy_split_part parts[GROUPS];
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++) items[i].group = i % GROUPS + 1;
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_OK);
    for (size_t i = 0; i < GROUPS; i++) parts[i] = items[i].part;
    for (size_t i = 0; i < ITEMS; i++) assert_int_equal(items[i].part, parts[i % GROUPS]);
}

static void the_order_of_items_is_nothing(void **state)
{
    struct desy_split_item items[ITEMS], reversed[ITEMS];
    int folds[ITEMS], reversed_folds[ITEMS];
    bool by_source;
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i += 9) items[i].group = 7; /* one group of both classes */
    memcpy(reversed, items, sizeof items);
    reverse(reversed, ITEMS);
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_OK);
    assert_int_equal(desy_split_draw(reversed, ITEMS, 1, true), DESY_OK);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 3, 1), DESY_OK);
    assert_int_equal(desy_split_folds(reversed_folds, &by_source, reversed, ITEMS, 3, 1), DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_true(items[i].id == reversed[ITEMS - 1 - i].id);
        assert_int_equal(items[i].part, reversed[ITEMS - 1 - i].part);
        assert_int_equal(folds[i], reversed_folds[ITEMS - 1 - i]);
    }
}

static void another_seed_is_another_split(void **state)
{
    struct desy_split_item one[ITEMS], two[ITEMS];
    size_t other = 0;
    (void)state;
    make_items(one);
    make_items(two);
    assert_int_equal(desy_split_draw(one, ITEMS, 1, true), DESY_OK);
    assert_int_equal(desy_split_draw(two, ITEMS, 2, true), DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) other += one[i].part != two[i].part;
    assert_true(other > ITEMS / 10);
}

static void given_parts_stay(void **state)
{
    struct desy_split_item items[ITEMS];
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++) items[i].part = (enum desy_split_part)(items[i].group % 3);
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) assert_int_equal(items[i].part, items[i].group % 3);
    items[2].part = items[1].part == DESY_SPLIT_TEST ? DESY_SPLIT_VAL : DESY_SPLIT_TEST; /* 1 and 2 are a group */
    assert_true(items[2].group == items[1].group);
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_EDATA);
    assert_message("a group lies both in");
    make_items(items);
    items[5].part = DESY_SPLIT_TEST;
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_EDATA);
    assert_message("give it to all, or to none");
}

static void a_part_needs_both_classes(void **state)
{
    struct desy_split_item items[ITEMS];
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++)
        if (items[i].label == 1) items[i].group = 7; /* all of the class in one group */
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_EDATA);
    assert_message("has no AI-generated video: add videos of that class");
    assert_int_equal(desy_split_draw(items, ITEMS, 1, false), DESY_OK);
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++) items[i].part = items[i].label ? (enum desy_split_part)(items[i].group % 3) : DESY_SPLIT_TRAIN;
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_EDATA);
    assert_message("the part 'val' has no real video: add videos of that class");
}

static void items_without_a_label_have_no_part(void **state)
{
    struct desy_split_item items[ITEMS];
    int folds[ITEMS];
    bool by_source;
    (void)state;
    make_items(items);
    items[3].label = -1;
    assert_int_equal(desy_split_draw(items, ITEMS, 1, true), DESY_OK);
    assert_int_equal(items[3].part, DESY_SPLIT_NONE);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 3, 1), DESY_OK);
    assert_int_equal(folds[3], -1);
}

/* Three sources a class and three folds: one of each class in each fold. */
static void folds_are_by_source_where_sources_are_many(void **state)
{
    struct desy_split_item items[ITEMS];
    int folds[ITEMS], of_source[SOURCES], filled[2][3] = {{0}};
    bool by_source = false;
    (void)state;
    make_items(items);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 3, 1), DESY_OK);
    assert_true(by_source);
    for (size_t i = 0; i < ITEMS; i++) {
        const size_t source = i / (ITEMS / SOURCES);
        if (i % (ITEMS / SOURCES) == 0) of_source[source] = folds[i];
        assert_int_equal(folds[i], of_source[source]);
        filled[items[i].label][folds[i]]++;
    }
    for (int f = 0; f < 6; f++) assert_int_equal(filled[f / 3][f % 3], ITEMS / SOURCES);
}

/* Two sources in one class are too few; then folds differ by a group at most. */
static void folds_are_by_group_where_sources_are_few(void **state)
{
    struct desy_split_item items[ITEMS];
    int folds[ITEMS], filled[2][4] = {{0}};
    bool by_source = true;
    (void)state;
    make_items(items);
    for (size_t i = 0; i < ITEMS; i++)
        if (i / (ITEMS / SOURCES) == 4) items[i].source = items[0].source;
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 4, 1), DESY_OK);
    assert_false(by_source);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_in_range(folds[i], 0, 3);
        filled[items[i].label][folds[i]]++;
    }
    for (int f = 0; f < 8; f++) assert_true(abs(filled[f / 4][f % 4] - ITEMS / 8) <= MOST_IN_GROUP);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 1, 1), DESY_EUSAGE);
    assert_int_equal(desy_split_folds(folds, &by_source, items, ITEMS, 65, 1), DESY_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_70_15_15), cmocka_unit_test(groups_stay_whole), cmocka_unit_test(mixed_groups_stay_whole),
        cmocka_unit_test(the_order_of_items_is_nothing), cmocka_unit_test(another_seed_is_another_split), cmocka_unit_test(given_parts_stay),
        cmocka_unit_test(a_part_needs_both_classes), cmocka_unit_test(items_without_a_label_have_no_part),
        cmocka_unit_test(folds_are_by_source_where_sources_are_many), cmocka_unit_test(folds_are_by_group_where_sources_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
