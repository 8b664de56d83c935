#include "features/split.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

static const char *const part_names[] = {"train", "val", "test"};
static const double shares[] = {.70, .15, .15};

const char *desy_split_name(enum desy_split_part part)
{
    return part == DESY_SPLIT_NONE ? "" : part_names[part];
}

int desy_split_parse(enum desy_split_part *part, const char *name)
{
    *part = DESY_SPLIT_NONE;
    for (int i = 0; i < 3; i++)
        if (strcmp(name, part_names[i]) == 0) *part = (enum desy_split_part)i;
    if (*part == DESY_SPLIT_NONE && *name) return desy_error(DESY_EDATA, "'%s' is no split: train, val or test", name);
    return DESY_OK;
}

/* Items that stay together (a group; or all of a source), with the label and the source of its lowest id. */
struct unit {
    uint64_t key, source, order, lowest;
    int label;
    uint32_t items;
    int place; /* part or fold */
};

static int by_key(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* By class, then source, then the seeded order. */
static int by_stratum(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return by_key(a, b);
}

/* By class, larger first, then the seeded order. */
static int by_size(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->items != y->items) return x->items > y->items ? -1 : 1;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return by_key(a, b);
}

/* The units of labelled items; new, sorted by key. */
static int collect_units(struct unit **out, size_t *count, const struct desy_split_item *items, size_t n, bool by_source, uint64_t seed)
{
    struct unit *units = calloc(n ? n : 1, sizeof *units);
    if (!units) return desy_error_memory("the split");
    size_t used = 0, merged = 0;
    for (size_t i = 0; i < n; i++)
        if (items[i].label >= 0)
            units[used++] = (struct unit){.key = by_source ? items[i].source ^ (uint64_t)items[i].label : items[i].group, .source = items[i].source,
                .lowest = items[i].id, .label = items[i].label, .items = 1};
    qsort(units, used, sizeof *units, by_key);
    for (size_t i = 0; i < used; i++) {
        if (merged && units[merged - 1].key == units[i].key) {
            struct unit *into = &units[merged - 1];
            uint32_t items_together = into->items + 1;
            if (units[i].lowest < into->lowest) *into = units[i];
            into->items = items_together;
        } else units[merged++] = units[i];
    }
    for (size_t i = 0; i < merged; i++) units[i].order = desy_random_u64(seed, units[i].key, 0);
    *out = units, *count = merged;
    return DESY_OK;
}

static const struct unit *find_unit(const struct unit *units, size_t n, uint64_t key)
{
    const struct unit wanted = {.key = key};
    return bsearch(&wanted, units, n, sizeof *units, by_key);
}

/* Each group to the part that lacks most of its class, then (a tie within half an item) of its source. */
static void deal_parts(struct unit *units, size_t n)
{
    double class_lack[3] = {0}, source_lack[3] = {0};
    qsort(units, n, sizeof *units, by_stratum);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || units[i].label != units[i - 1].label) memset(class_lack, 0, sizeof class_lack);
        if (i == 0 || units[i].label != units[i - 1].label || units[i].source != units[i - 1].source) memset(source_lack, 0, sizeof source_lack);
        int best = 0;
        for (int p = 0; p < 3; p++) {
            class_lack[p] += shares[p] * units[i].items;
            source_lack[p] += shares[p] * units[i].items;
        }
        for (int p = 1; p < 3; p++)
            if (class_lack[p] + .5 * source_lack[p] > class_lack[best] + .5 * source_lack[best]) best = p;
        class_lack[best] -= units[i].items;
        source_lack[best] -= units[i].items;
        units[i].place = best;
    }
    qsort(units, n, sizeof *units, by_key);
}

/* Parts as given: each item has one, and no group lies in two. */
static int check_given(const struct desy_split_item *items, size_t n, bool require)
{
    struct unit *units = NULL;
    size_t count;
    int rc = collect_units(&units, &count, items, n, false, 0);
    for (size_t i = 0; rc == DESY_OK && i < count; i++) units[i].place = DESY_SPLIT_NONE;
    for (size_t i = 0; rc == DESY_OK && i < n; i++) {
        if (items[i].label < 0) continue;
        struct unit *unit = (struct unit *)find_unit(units, count, items[i].group);
        if (items[i].part == DESY_SPLIT_NONE) rc = desy_error(DESY_EDATA, "some items have a \"split\" and some have none: give it to all, or to none");
        else if (unit->place == DESY_SPLIT_NONE) unit->place = items[i].part;
        else if (unit->place != (int)items[i].part && require)
            rc = desy_error(DESY_EDATA, "a group lies both in %s and in %s: what shares a prompt or a scene must not be torn apart",
                            part_names[unit->place], part_names[items[i].part]);
    }
    free(units);
    return rc;
}

static int check_classes(const struct desy_split_item *items, size_t n, bool require)
{
    size_t counts[3][2] = {{0}};
    for (size_t i = 0; i < n; i++)
        if (items[i].label >= 0 && items[i].part >= 0) counts[items[i].part][items[i].label]++;
    size_t labelled = 0;
    for (int p = 0; p < 3; p++) labelled += counts[p][0] + counts[p][1];
    if (labelled == 0 && require) return desy_error(DESY_EDATA, "no video has a label: give each item \"label\": 0 (real) or 1 (AI-generated)");
    for (int p = 0; p < 3; p++)
        for (int label = 0; label < 2; label++) {
            if (counts[p][label] || (!require && counts[p][0] + counts[p][1] == 0)) continue; /* a part that nobody asked for may be empty */
            const char *what = label ? "AI-generated" : "real";
            if (!require) desy_log_warning("the part '%s' has no %s video", part_names[p], what);
            else return desy_error(DESY_EDATA, "the part '%s' has no %s video: add videos of that class (in more groups), or give each item a \"split\"", part_names[p], what);
        }
    return DESY_OK;
}

int desy_split_draw(struct desy_split_item *items, size_t n, uint64_t seed, bool require)
{
    bool given = false;
    struct unit *units = NULL;
    size_t count;
    int rc;
    for (size_t i = 0; i < n; i++) given |= items[i].part != DESY_SPLIT_NONE;
    if (given) DESY_TRY(check_given(items, n, require));
    else {
        DESY_TRY(collect_units(&units, &count, items, n, false, seed));
        deal_parts(units, count);
        for (size_t i = 0; i < n; i++)
            if (items[i].label >= 0) items[i].part = (enum desy_split_part)find_unit(units, count, items[i].group)->place;
    }
    rc = check_classes(items, n, require);
out:
    free(units);
    return rc;
}

int desy_split_folds(int *folds, bool *by_source, const struct desy_split_item *items, size_t n, int k, uint64_t seed)
{
    struct unit *units = NULL;
    size_t count, sources[2] = {0};
    int rc;
    uint64_t filled[2][64] = {{0}};
    if (k < 2 || k > 64) return desy_error(DESY_EUSAGE, "between 2 and 64 folds, not %d", k);
    DESY_TRY(collect_units(&units, &count, items, n, true, seed));
    for (size_t i = 0; i < count; i++) sources[units[i].label]++;
    *by_source = sources[0] >= 3 && sources[1] >= 3;
    if (!*by_source) {
        free(units);
        units = NULL;
        DESY_TRY(collect_units(&units, &count, items, n, false, seed));
    }
    qsort(units, count, sizeof *units, by_size);
    for (size_t i = 0; i < count; i++) {
        uint64_t *fold = filled[units[i].label];
        int least = 0;
        for (int f = 1; f < k; f++)
            if (fold[f] < fold[least]) least = f;
        fold[least] += units[i].items;
        units[i].place = least;
    }
    qsort(units, count, sizeof *units, by_key);
    for (size_t i = 0; i < n; i++) {
        folds[i] = -1;
        if (items[i].label >= 0) folds[i] = find_unit(units, count, *by_source ? items[i].source ^ (uint64_t)items[i].label : items[i].group)->place;
    }
out:
    free(units);
    return rc;
}
