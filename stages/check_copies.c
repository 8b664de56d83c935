/* Videos that are there twice: the same bytes, or the same content in another encoding. */
#include "base/error.h"
#include "features/near_duplicates.h"
#include "stages/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    uint64_t content;
    int64_t bytes;
    bool no_label, no_split;
    size_t item;
};

static int by_content(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    if (x->content != y->content) return x->content < y->content ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    if (x->no_label != y->no_label) return x->no_label ? 1 : -1; /* the first is what the others are compared with */
    if (x->no_split != y->no_split) return x->no_split ? 1 : -1;
    return (x->item > y->item) - (x->item < y->item);
}

static enum desy_near_kind kind_of(const struct desy_check_report *report, size_t a, size_t b)
{
    struct desy_item one, other;
    desy_dataset_item(report->dataset, a, &one);
    desy_dataset_item(report->dataset, b, &other);
    const struct desy_near_item x = {.label = one.label, .part = one.split}, y = {.label = other.label, .part = other.split};
    return desy_near_kind_of(&x, &y);
}

static cJSON *list_pair(struct desy_check_report *report, const char *kind, size_t item, size_t same_as, enum desy_near_kind how, size_t already)
{
    struct desy_item other;
    desy_dataset_item(report->dataset, same_as, &other);
    cJSON *entry = desy_check_list(report, kind, (int64_t)item, already);
    if (!entry) return NULL;
    desy_check_add(report, entry, "same_as", cJSON_CreateString(other.video_path));
    if (how == DESY_NEAR_OTHER_LABEL) desy_check_add(report, entry, "other_label", cJSON_CreateTrue());
    if (how == DESY_NEAR_OTHER_PART) desy_check_add(report, entry, "other_split", cJSON_CreateTrue());
    return entry;
}

/* counts: in the order of enum desy_near_kind. */
static void count_pairs(struct desy_check_report *report, const char *kind, const size_t counts[3])
{
    char key[64];
    snprintf(key, sizeof key, "n_%s", kind);
    desy_check_count(report, key, counts[0] + counts[1] + counts[2]);
    snprintf(key, sizeof key, "n_%s_with_other_label", kind);
    desy_check_count(report, key, counts[DESY_NEAR_OTHER_LABEL]);
    snprintf(key, sizeof key, "n_%s_across_splits", kind);
    desy_check_count(report, key, counts[DESY_NEAR_OTHER_PART]);
}

/* what: "is a copy of", "are copies of". */
static void say_pairs(struct desy_check_report *report, const char *kind, const char *const what[2], const int ranks[3], const size_t counts[3])
{
    static const char *const which[] = {"a video of the other class", "a video in another part of the split", "another"};
    static const char *const advice[] = {"One of the two labels is wrong, or the one was made of the other: mend the label, or take both off the list.",
                                         "What is tested was seen in training: give such videos one `group`, or put them into one part.",
                                         "Keep one of each, or give them one `group`, so that they stay in one part of the split."};
    for (int k = 0; k < 3; k++) {
        const size_t n = counts[k];
        char words[160];
        snprintf(words, sizeof words, "%zu video%s %s %s", n, n == 1 ? "" : "s", what[n != 1], which[k]);
        desy_check_problem(report, ranks[k], kind, n, words, advice[k]);
    }
}

/* copies (n), sorted; first_of[i]: the copy that item i is reported as the same as; itself where it is the first, or has none. */
static void exact(struct desy_check_report *report, const struct copy *copies, size_t n, size_t *first_of)
{
    static const int ranks[3] = {DESY_CHECK_OTHER_LABEL, DESY_CHECK_OTHER_SPLIT, DESY_CHECK_DUPLICATE};
    static const char *const copies_of[2] = {"is a copy of", "are copies of"};
    size_t counts[3] = {0}, listed = 0;
    for (size_t i = 0; i < report->n; i++) first_of[i] = i;
    for (size_t i = 0, first = 0; i < n; i++) {
        if (copies[i].content != copies[first].content || copies[i].bytes != copies[first].bytes) first = i;
        first_of[copies[i].item] = copies[first].item;
    }
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < report->n; i++) {
            if (first_of[i] == i || (int)kind_of(report, i, first_of[i]) != kind) continue;
            counts[kind]++;
            list_pair(report, "duplicate", i, first_of[i], (enum desy_near_kind)kind, listed++);
        }
    count_pairs(report, "duplicate", counts);
    say_pairs(report, "duplicate", copies_of, ranks, counts);
}

/* Then the list knows already that they belong together. */
static bool is_one_group(const struct desy_check_report *report, size_t a, size_t b)
{
    struct desy_item one, other;
    desy_dataset_item(report->dataset, a, &one);
    desy_dataset_item(report->dataset, b, &other);
    return *one.group && strcmp(one.group, other.group) == 0;
}

/* Of a copy: has it no label and no part but those of the first? */
static bool adds_nothing(const struct desy_check_report *report, size_t i, size_t first)
{
    struct desy_item copy, of;
    desy_dataset_item(report->dataset, i, &copy);
    desy_dataset_item(report->dataset, first, &of);
    return (copy.label < 0 || copy.label == of.label) && (copy.split == DESY_SPLIT_NONE || copy.split == of.split);
}

static int near(struct desy_check_report *report, const size_t *first_of)
{
    static const int ranks[3] = {DESY_CHECK_NEAR_OTHER_LABEL, DESY_CHECK_NEAR_OTHER_SPLIT, DESY_CHECK_NEAR_DUPLICATE};
    static const char *const shows[2] = {"shows nearly the same as", "show nearly the same as"};
    struct desy_near_item *items = calloc(report->n + 1, sizeof *items);
    uint32_t *numbers = calloc(report->n + 1, sizeof *numbers); /* of clusters, in the order in which they are reported */
    struct desy_near_pair *pairs = NULL;
    size_t counts[3] = {0}, n = 0, clusters = 0, compared = 0, listed = 0;
    int rc = items && numbers ? DESY_OK : desy_error_memory("near duplicates");
    for (size_t i = 0; rc == DESY_OK && i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        items[i].label = item.label, items[i].part = item.split;
        if (first_of[i] != i && adds_nothing(report, i, first_of[i])) continue; /* what is near to it is as near to the first */
        items[i].print = report->items[i].print;
        compared += __builtin_popcount(items[i].print.detailed) >= DESY_FINGERPRINT_LEAST;
    }
    DESY_TRY(rc);
    DESY_TRY(desy_near_duplicates(&pairs, &n, items, report->n));
    for (size_t p = 0; p < n; p++) {
        if (pairs[p].kind == DESY_NEAR_ALIKE && is_one_group(report, pairs[p].a, pairs[p].b)) continue;
        if (first_of[pairs[p].a] == first_of[pairs[p].b]) continue; /* the same bytes: said already */
        if (!numbers[pairs[p].cluster]) numbers[pairs[p].cluster] = (uint32_t)++clusters;
        cJSON *entry = list_pair(report, "near_duplicate", pairs[p].b, pairs[p].a, pairs[p].kind, listed++);
        counts[pairs[p].kind]++;
        if (!entry) continue;
        desy_check_add(report, entry, "distance", cJSON_CreateNumber(pairs[p].distance));
        desy_check_add(report, entry, "cluster", cJSON_CreateNumber(numbers[pairs[p].cluster]));
    }
    count_pairs(report, "near_duplicate", counts);
    desy_check_count(report, "n_near_duplicate_clusters", clusters);
    desy_check_count(report, "n_compared", compared);
    say_pairs(report, "near_duplicate", shows, ranks, counts);
out:
    free(items);
    free(numbers);
    free(pairs);
    return rc;
}

int desy_check_copies(struct desy_check_report *report)
{
    struct copy *copies = malloc((report->n + 1) * sizeof *copies);
    size_t *first_of = malloc((report->n + 1) * sizeof *first_of), n = 0;
    int rc = copies && first_of ? DESY_OK : desy_error_memory("duplicates");
    for (size_t i = 0; rc == DESY_OK && i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        if (report->items[i].is_read && report->items[i].bytes > 0)
            copies[n++] = (struct copy){report->items[i].content, report->items[i].bytes, item.label < 0, item.split == DESY_SPLIT_NONE, i};
    }
    DESY_TRY(rc);
    qsort(copies, n, sizeof *copies, by_content);
    exact(report, copies, n, first_of);
    rc = near(report, first_of);
out:
    free(copies);
    free(first_of);
    return rc;
}
