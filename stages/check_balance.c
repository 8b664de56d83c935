/* Classes, sources and groups: how many videos of each, and what of that a detector would learn from. */
#include "base/error.h"
#include "base/file.h"
#include "features/split.h"
#include "stages/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 10         /* videos of a class */
#define UNEVEN 10      /* more than so many times as many videos of one class as of the other is a finding */
#define LISTED_SOURCES 1000

struct member {
    const char *name, *path; /* of the source or the group; borrowed */
    enum desy_split_part part;
    int label;
};

struct source {
    const char *name;
    size_t counts[2];
};

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int by_size(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    const size_t m = x->counts[0] + x->counts[1], n = y->counts[0] + y->counts[1];
    if (m != n) return m > n ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* members (at most n) with a name. */
static size_t collect(const struct desy_check_report *report, struct member *members, bool groups)
{
    size_t count = 0;
    for (size_t i = 0; i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        const struct member member = {groups ? item.group : item.source, item.video_path, item.split, item.label};
        if (*member.name && (groups ? item.split != DESY_SPLIT_NONE : item.label >= 0)) members[count++] = member;
    }
    qsort(members, count, sizeof *members, by_name);
    return count;
}

/* Of classes or of sources; unbalanced: findings so far. The entry, borrowed, or NULL. */
static cJSON *list_unbalanced(struct desy_check_report *report, size_t *unbalanced, const char *what, const char *words, const char *advice)
{
    cJSON *entry = desy_check_list(report, "unbalanced", -1, (*unbalanced)++);
    if (entry) desy_check_add(report, entry, "what", cJSON_CreateString(what));
    desy_check_problem(report, DESY_CHECK_UNBALANCED, "unbalanced", 1, words, advice);
    return entry;
}

static void say_classes(struct desy_check_report *report, size_t *unbalanced)
{
    const size_t *n = report->labels + 1, less = n[0] < n[1] ? 0 : 1;
    char words[120];
    if (n[0] + n[1] == 0) return;
    if (n[less] == 0) {
        snprintf(words, sizeof words, "there is no %s video", desy_check_class((int)less));
        cJSON *entry = desy_check_list(report, less ? "no AI-generated video" : "no real video", -1, 0);
        if (entry) desy_check_add(report, entry, "video_path", cJSON_CreateString(""));
        desy_check_problem(report, DESY_CHECK_ONE_CLASS, "one_class", 1, words, "A detector learns from both classes: add videos of the other.");
        return;
    }
    for (int y = 0; y < 2; y++)
        if (n[y] < FEW) desy_check_note(report, "Only %zu %s video%s: too few to learn from, or to measure anything by.", n[y], desy_check_class(y), n[y] == 1 ? "" : "s");
    if (n[!less] <= UNEVEN * n[less]) return;
    snprintf(words, sizeof words, "the classes are unbalanced: %zu %s videos, %zu %s", n[!less], desy_check_class(!less), n[less], desy_check_class((int)less));
    cJSON *entry = list_unbalanced(report, unbalanced, "classes", words, "Training weighs the classes alike, but the smaller one decides how much can be learned: add videos of it.");
    if (entry) desy_check_add(report, entry, "n_neg", cJSON_CreateNumber((double)n[0]));
    if (entry) desy_check_add(report, entry, "n_pos", cJSON_CreateNumber((double)n[1]));
}

/* All of class y, though the other has several sources. */
static void say_one_source(struct desy_check_report *report, size_t *unbalanced, int y, const char *source, size_t others)
{
    char *words = desy_format("all %zu %s videos come from one source, %s, the %s ones from %zu", report->labels[y + 1], desy_check_class(y), source, desy_check_class(!y), others);
    cJSON *entry = list_unbalanced(report, unbalanced, "sources", words ? words : "", "Whatever marks that source will pass for the mark of the class: add videos from others.");
    if (entry) desy_check_add(report, entry, "label", cJSON_CreateNumber(y));
    if (entry) desy_check_add(report, entry, "source", cJSON_CreateString(source));
    if (entry) desy_check_add(report, entry, "n_sources_of_other", cJSON_CreateNumber((double)others));
    if (!words) report->out_of_memory = true;
    free(words);
}

static void say_sources(struct desy_check_report *report, const struct source *sources, size_t count, size_t *unbalanced)
{
    size_t of_class[2] = {0};
    for (size_t s = 0; s < count; s++) of_class[0] += sources[s].counts[0] > 0, of_class[1] += sources[s].counts[1] > 0;
    for (int y = 0; y < 2; y++) {
        const size_t of = of_class[y];
        size_t named = 0, largest = 0;
        for (size_t s = 0; s < count; s++) {
            named += sources[s].counts[y];
            if (sources[s].counts[y] > sources[largest].counts[y]) largest = s;
        }
        const char *class = desy_check_class(y);
        if (of == 1 && named == report->labels[y + 1] && of_class[!y] > 1) say_one_source(report, unbalanced, y, sources[largest].name, of_class[!y]);
        else if (of == 1 && named == report->labels[y + 1])
            desy_check_note(report, "All %zu %s videos come from one source, %s: whatever marks that source will pass for the mark of the class.", named, class, sources[largest].name);
        else if (of > 1 && 2 * sources[largest].counts[y] > named)
            desy_check_note(report, "%zu of the %zu %s videos come from one source, %s: figures will speak of that source above all.", sources[largest].counts[y], named, class, sources[largest].name);
        else if (of == 2)
            desy_check_note(report, "The %s videos come from two sources: with three or more a detector can be tested on one that it has not seen.", class);
    }
}

static int say_all_sources(struct desy_check_report *report, const struct member *members, size_t n, size_t *unbalanced)
{
    struct source *sources = calloc(n + 1, sizeof *sources);
    cJSON *list = desy_check_add(report, report->json, "sources", cJSON_CreateArray());
    size_t count = 0;
    if (!sources || !list) {
        free(sources);
        return desy_error_memory("sources");
    }
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(members[i].name, members[i - 1].name) != 0) sources[count++].name = members[i].name;
        sources[count - 1].counts[members[i].label]++;
    }
    qsort(sources, count, sizeof *sources, by_size);
    say_sources(report, sources, count, unbalanced);
    desy_check_count(report, "n_sources", count);
    for (size_t s = 0; s < count && s < LISTED_SOURCES; s++) {
        cJSON *entry = desy_check_add(report, list, NULL, cJSON_CreateObject());
        desy_check_add(report, entry, "source", cJSON_CreateString(sources[s].name));
        desy_check_add(report, entry, "n_neg", cJSON_CreateNumber((double)sources[s].counts[0]));
        desy_check_add(report, entry, "n_pos", cJSON_CreateNumber((double)sources[s].counts[1]));
    }
    free(sources);
    return DESY_OK;
}

/* Groups that lie in more than one part. */
static void say_groups(struct desy_check_report *report, const struct member *members, size_t n)
{
    size_t torn = 0;
    char words[120];
    for (size_t i = 0, next; i < n; i = next) {
        size_t counts[3] = {0}, parts = 0;
        for (next = i; next < n && strcmp(members[next].name, members[i].name) == 0; next++) counts[members[next].part]++;
        for (int part = 0; part < 3; part++) parts += counts[part] > 0;
        if (parts < 2) continue;
        cJSON *entry = desy_check_list(report, "group_torn", -1, torn++);
        if (!entry) continue;
        desy_check_add(report, entry, "group", cJSON_CreateString(members[i].name));
        for (int part = 0; part < 3; part++)
            if (counts[part]) desy_check_add(report, entry, desy_split_name((enum desy_split_part)part), cJSON_CreateNumber((double)counts[part]));
    }
    desy_check_count(report, "n_group_torn", torn);
    snprintf(words, sizeof words, "%zu group%s in several parts of the split", torn, torn == 1 ? " lies" : "s lie");
    desy_check_problem(report, DESY_CHECK_GROUP_TORN, "group_torn", torn, words, "What is tested was seen in training: give all videos of a group one `split`.");
}

int desy_check_balance(struct desy_check_report *report)
{
    struct member *members = malloc((report->n + 1) * sizeof *members);
    if (!members) return desy_error_memory("sources");
    size_t unbalanced = 0;
    say_classes(report, &unbalanced);
    const int rc = say_all_sources(report, members, collect(report, members, false), &unbalanced);
    desy_check_count(report, "n_unbalanced", unbalanced);
    say_groups(report, members, collect(report, members, true));
    free(members);
    return rc;
}
