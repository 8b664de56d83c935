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
    size_t item;
};

static int by_content(const void *a, const void *b)
{
    const struct copy *x = a, *y = b;
    if (x->content != y->content) return x->content < y->content ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Of what a pair of items tells, in the order of enum desy_near_kind. */
struct tally {
    size_t counts[3];
};

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
    cJSON_AddStringToObject(entry, "same_as", other.video_path);
    if (how == DESY_NEAR_OTHER_LABEL) cJSON_AddTrueToObject(entry, "other_label");
    if (how == DESY_NEAR_OTHER_PART) cJSON_AddTrueToObject(entry, "other_split");
    return entry;
}

static void count_pairs(struct desy_check_report *report, const char *kind, const struct tally *tally)
{
    char key[64];
    snprintf(key, sizeof key, "n_%s", kind);
    desy_check_count(report, key, tally->counts[0] + tally->counts[1] + tally->counts[2]);
    snprintf(key, sizeof key, "n_%s_with_other_label", kind);
    desy_check_count(report, key, tally->counts[DESY_NEAR_OTHER_LABEL]);
    snprintf(key, sizeof key, "n_%s_across_splits", kind);
    desy_check_count(report, key, tally->counts[DESY_NEAR_OTHER_PART]);
}

/* what: "is a copy of", "are copies of". */
static void say_pairs(struct desy_check_report *report, const char *kind, const char *const what[2], const int ranks[3], const struct tally *tally)
{
    static const char *const which[] = {"a video of the other class", "a video in another part of the split", "another"};
    static const char *const advice[] = {"One of the two labels is wrong, or the one was made of the other: mend the label, or take both off the list.",
                                         "What is tested was seen in training: give such videos one `group`, or put them into one part.",
                                         "Keep one of each, or give them one `group`, so that they stay in one part of the split."};
    for (int k = 0; k < 3; k++) {
        const size_t n = tally->counts[k];
        char words[160];
        snprintf(words, sizeof words, "%zu video%s %s %s", n, n == 1 ? "" : "s", what[n != 1], which[k]);
        desy_check_problem(report, ranks[k], kind, n, words, advice[k]);
    }
}

/* copies (n), sorted; first_of[i]: the copy that item i is reported as the same as, itself where it is the first. */
static void exact(struct desy_check_report *report, const struct copy *copies, size_t n, size_t *first_of)
{
    static const int ranks[3] = {DESY_CHECK_OTHER_LABEL, DESY_CHECK_OTHER_SPLIT, DESY_CHECK_DUPLICATE};
    static const char *const copies_of[2] = {"is a copy of", "are copies of"};
    struct tally tally = {{0}};
    size_t listed = 0;
    for (size_t i = 0, first = 0; i < n; i++) {
        if (i == 0 || copies[i].bytes <= 0 || copies[i].content != copies[first].content || copies[i].bytes != copies[first].bytes) first = i;
        first_of[copies[i].item] = copies[first].item;
    }
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < report->n; i++) {
            if (first_of[i] == i || (int)kind_of(report, i, first_of[i]) != kind) continue;
            tally.counts[kind]++;
            list_pair(report, "duplicate", i, first_of[i], (enum desy_near_kind)kind, listed++);
        }
    count_pairs(report, "duplicate", &tally);
    say_pairs(report, "duplicate", copies_of, ranks, &tally);
}

/* Numbers clusters in the order in which the pairs name them. */
static void number_clusters(const struct desy_near_pair *pairs, size_t n, size_t items, uint32_t *parents, uint32_t *numbers, size_t *clusters)
{
    for (size_t i = 0; i < items; i++) parents[i] = (uint32_t)i, numbers[i] = 0;
    for (size_t p = 0; p < n; p++) {
        uint32_t a = pairs[p].a, b = pairs[p].b;
        while (parents[a] != a) a = parents[a] = parents[parents[a]];
        while (parents[b] != b) b = parents[b] = parents[parents[b]];
        parents[a] = b;
    }
    *clusters = 0;
    for (size_t p = 0; p < n; p++) {
        uint32_t root = pairs[p].a;
        while (parents[root] != root) root = parents[root];
        if (!numbers[root]) numbers[root] = (uint32_t)++*clusters;
        numbers[pairs[p].a] = numbers[pairs[p].b] = numbers[root];
    }
}

/* Then the list knows already that they belong together. */
static bool is_one_group(const struct desy_check_report *report, size_t a, size_t b)
{
    struct desy_item one, other;
    desy_dataset_item(report->dataset, a, &one);
    desy_dataset_item(report->dataset, b, &other);
    return *one.group && strcmp(one.group, other.group) == 0;
}

static int near(struct desy_check_report *report, const size_t *first_of)
{
    static const int ranks[3] = {DESY_CHECK_NEAR_OTHER_LABEL, DESY_CHECK_NEAR_OTHER_SPLIT, DESY_CHECK_NEAR_DUPLICATE};
    static const char *const shows[2] = {"shows nearly the same as", "show nearly the same as"};
    struct desy_near_item *items = calloc(report->n + 1, sizeof *items);
    uint32_t *parents = malloc((report->n + 1) * 2 * sizeof *parents), *numbers = parents + report->n;
    struct desy_near_pair *pairs = NULL;
    struct tally tally = {{0}};
    size_t n = 0, clusters = 0, compared = 0, listed = 0;
    int rc = items && parents ? DESY_OK : desy_error_memory("near duplicates");
    for (size_t i = 0; rc == DESY_OK && i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        items[i].label = item.label, items[i].part = item.split;
        if (first_of[i] != i) continue; /* a copy that is reported already: it has no frames to compare */
        items[i].print = report->items[i].print;
        compared += __builtin_popcount(items[i].print.detailed) >= DESY_FINGERPRINT_LEAST;
    }
    DESY_TRY(rc);
    DESY_TRY(desy_near_duplicates(&pairs, &n, items, report->n));
    number_clusters(pairs, n, report->n, parents, numbers, &clusters);
    for (size_t p = 0; p < n; p++) {
        if (pairs[p].kind == DESY_NEAR_ALIKE && is_one_group(report, pairs[p].a, pairs[p].b)) continue;
        cJSON *entry = list_pair(report, "near_duplicate", pairs[p].b, pairs[p].a, pairs[p].kind, listed++);
        tally.counts[pairs[p].kind]++;
        if (!entry) continue;
        cJSON_AddNumberToObject(entry, "distance", pairs[p].distance);
        cJSON_AddNumberToObject(entry, "cluster", numbers[pairs[p].a]);
    }
    count_pairs(report, "near_duplicate", &tally);
    desy_check_count(report, "n_near_duplicate_clusters", clusters);
    desy_check_count(report, "n_compared", compared);
    say_pairs(report, "near_duplicate", shows, ranks, &tally);
out:
    free(items);
    free(parents);
    free(pairs);
    return rc;
}

int desy_check_copies(struct desy_check_report *report)
{
    struct copy *copies = malloc((report->n + 1) * sizeof *copies);
    size_t *first_of = malloc((report->n + 1) * sizeof *first_of);
    int rc = copies && first_of ? DESY_OK : desy_error_memory("duplicates");
    for (size_t i = 0; rc == DESY_OK && i < report->n; i++) copies[i] = (struct copy){report->items[i].content, report->items[i].bytes, i};
    DESY_TRY(rc);
    qsort(copies, report->n, sizeof *copies, by_content);
    exact(report, copies, report->n, first_of);
    rc = near(report, first_of);
out:
    free(copies);
    free(first_of);
    return rc;
}
