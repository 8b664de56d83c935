/* Format shortcuts: what of container, codec, size, speed, length and sound tells the classes apart without a look at the picture. */
#include "base/error.h"
#include "base/hash.h"
#include "eval/shortcut.h"
#include "features/clip.h"
#include "stages/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINS 8          /* of a continuous property, at most; */
#define BIN_VIDEOS 10   /* and so many videos in each, if there are as many */
#define RARE 5          /* names of fewer videos than this are taken together, */
#define MOST_NAMES 1000 /* and all but the most frequent ones: permutations take time by each */
#define LEAST_VIDEOS 5  /* of each class, to be measured at all */
#define LARGE .1        /* share of the label's entropy from which on it is a finding, */
#define SIGNIFICANT .01 /* if chance gives as much so seldom, over all properties (Bonferroni) */
#define TEXT 48
#define LONGEST_EXTENSION 12

_Static_assert(BINS <= MOST_NAMES, "tables have room for either");

struct property {
    const char *name, *are, *advice; /* are: of videos, with a value for %s */
    void (*text)(char text[TEXT], const struct desy_check_item *item, const char *path); /* of a value that is a name; */
    double (*number)(const struct desy_check_item *item);                                /* else of one that is a number */
};

static void put(char text[TEXT], const char *from, size_t length)
{
    snprintf(text, TEXT, "%.*s", (int)(length < TEXT ? length : TEXT - 1), from);
}

static void container(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    put(text, item->container, strcspn(item->container, ","));
}

static void codec(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    put(text, item->codec, TEXT);
}

static void pixel_format(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    put(text, item->pixel_format, TEXT);
}

static void encoder(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    if (*item->muxer) put(text, item->muxer, TEXT);
    else put(text, "no encoder tag", TEXT);
}

static void sound(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    put(text, item->has_sound ? "sound" : "no sound", TEXT);
}

static void extension(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.'), *end = dot ? strchr(dot, '#') : NULL;
    (void)item;
    const size_t length = !dot ? 0 : end ? (size_t)(end - dot) : strlen(dot);
    if (!dot) put(text, "no extension", TEXT);
    else if (length > LONGEST_EXTENSION || strspn(dot + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") + 1 < length) put(text, "of an odd kind", TEXT);
    else put(text, dot, length);
    for (char *c = text; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
}

static void size(char text[TEXT], const struct desy_check_item *item, const char *path)
{
    (void)path;
    snprintf(text, TEXT, "%d x %d", item->width, item->height);
}

static double fps(const struct desy_check_item *item)
{
    return rint(item->fps * 100) / 100;
}

static double duration(const struct desy_check_item *item)
{
    return rint(item->duration * 100) / 100;
}

static double bit_rate(const struct desy_check_item *item)
{
    return rint((double)item->bit_rate / 1000);
}

#define ALIKE "Re-encode both classes alike, or take both from sources of the same formats."
static const struct property properties[] = {
    {"container", "lie in a container of the kind %s", ALIKE, container, NULL},
    {"codec", "are encoded with %s", ALIKE, codec, NULL},
    {"pixel_format", "have the pixel format %s", ALIKE, pixel_format, NULL},
    {"encoder", "were written by: %s", ALIKE, encoder, NULL},
    {"extension", "have the file extension %s", ALIKE, extension, NULL},
    {"sound", "have %s", "Leave the sound away (no --audio), or see that both classes have it alike.", sound, NULL},
    {"size", "have %s pixels", "Scale and crop both classes alike, or take both in the same sizes.", size, NULL},
    {"fps", "have %s frames a second", "Resample both classes to one frame rate, or take both at the same ones.", NULL, fps},
    {"duration", "last %s s", "Cut both classes to the same lengths.", NULL, duration},
    {"bit_rate", "have %s kbit a second", "Re-encode both classes at the same quality.", NULL, bit_rate},
};
enum { PROPERTIES = sizeof properties / sizeof *properties };

struct name {
    uint64_t key; /* hash */
    size_t n;     /* videos */
};

/* What is judged: videos that could be read and have a label. */
struct table {
    size_t n, *at;       /* (n): their items */
    uint8_t *labels;     /* (n) */
    double *numbers;     /* (n) */
    int32_t *values;     /* (n): which value each has */
    uint64_t *keys;      /* (n): hashes of names, sorted */
    struct name *frequent; /* (n / RARE) */
    char (*names)[2 * TEXT]; /* (values) */
    size_t (*counts)[2]; /* (values) */
    int count;           /* values */
};

static void close_table(struct table *t)
{
    free(t->at);
    free(t->labels);
    free(t->numbers);
    free(t->values);
    free(t->keys);
    free(t->frequent);
    free(t->names);
    free(t->counts);
}

static int open_table(struct table *t, const struct desy_check_report *report)
{
    const size_t room = report->n + 1, values = MOST_NAMES + 1;
    memset(t, 0, sizeof *t);
    t->at = malloc(room * sizeof *t->at), t->labels = malloc(room), t->numbers = malloc(room * sizeof *t->numbers);
    t->values = malloc(room * sizeof *t->values), t->keys = malloc(room * sizeof *t->keys);
    t->frequent = malloc((report->n / RARE + 1) * sizeof *t->frequent);
    t->names = malloc(values * sizeof *t->names), t->counts = malloc(values * sizeof *t->counts);
    if (!t->at || !t->labels || !t->numbers || !t->values || !t->keys || !t->frequent || !t->names || !t->counts) return desy_error_memory("shortcuts");
    for (size_t i = 0; i < report->n; i++) {
        struct desy_item item;
        desy_dataset_item(report->dataset, i, &item);
        if (item.label < 0 || report->items[i].status != DESY_STATUS_OK || report->items[i].bytes < 0) continue;
        t->labels[t->n] = (uint8_t)item.label;
        t->at[t->n++] = i;
    }
    return DESY_OK;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* By the hash, which begins it. */
static int by_name(const void *a, const void *b)
{
    return by_key(&((const struct name *)a)->key, &((const struct name *)b)->key);
}

static int most_first(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : by_name(a, b);
}

static void name_of(char text[TEXT], const struct desy_check_report *report, const struct property *property, size_t at)
{
    struct desy_item item;
    desy_dataset_item(report->dataset, at, &item);
    property->text(text, &report->items[at], item.video_path);
}

/* Values 1 and on are the MOST_NAMES most frequent names of RARE videos or more, in the order of their hashes; 0 is all the others. */
static void sort_names(struct table *t, const struct desy_check_report *report, const struct property *property)
{
    char text[TEXT];
    size_t frequent = 0;
    for (size_t i = 0; i < t->n; i++) {
        name_of(text, report, property, t->at[i]);
        t->keys[i] = desy_hash64(text, strlen(text));
    }
    qsort(t->keys, t->n, sizeof *t->keys, by_key);
    for (size_t i = 0, next; i < t->n; i = next) {
        for (next = i; next < t->n && t->keys[next] == t->keys[i]; next++) {}
        if (next - i >= RARE) t->frequent[frequent++] = (struct name){t->keys[i], next - i};
    }
    if (frequent > MOST_NAMES) {
        qsort(t->frequent, frequent, sizeof *t->frequent, most_first);
        frequent = MOST_NAMES;
        qsort(t->frequent, frequent, sizeof *t->frequent, by_name);
    }
    t->count = (int)frequent + 1;
    snprintf(t->names[0], sizeof *t->names, "another value");
    for (size_t i = 0; i < t->n; i++) {
        name_of(text, report, property, t->at[i]);
        const struct name wanted = {desy_hash64(text, strlen(text)), 0}, *found = bsearch(&wanted, t->frequent, frequent, sizeof *t->frequent, by_name);
        t->values[i] = found ? (int32_t)(found - t->frequent) + 1 : 0;
        if (found) memcpy(t->names[t->values[i]], text, TEXT);
    }
}

static int sort_numbers(struct table *t, const struct desy_check_report *report, const struct property *property)
{
    double low[BINS], high[BINS];
    const size_t bins = t->n / BIN_VIDEOS < 2 ? 2 : t->n / BIN_VIDEOS > BINS ? BINS : t->n / BIN_VIDEOS;
    for (size_t i = 0; i < t->n; i++) t->numbers[i] = property->number(&report->items[t->at[i]]);
    const int rc = desy_shortcut_bins(t->values, &t->count, low, high, t->numbers, t->n, (int)bins);
    for (int v = 0; rc == DESY_OK && v < t->count; v++)
        snprintf(t->names[v], sizeof *t->names, low[v] < high[v] ? "%.6g to %.6g" : "%.6g", low[v], high[v]);
    return rc;
}

struct judged {
    const struct property *property;
    double accuracy;
};

/* "78 of 80 real videos are encoded with mpeg4", "all 80 real videos ...": of the class that has more of them, so there are some. */
static size_t say_share(char *text, size_t room, const struct property *property, const char *value, size_t n, size_t all, const char *class)
{
    char what[3 * TEXT];
    snprintf(what, sizeof what, property->are, value);
    if (n == all) return (size_t)snprintf(text, room, "all %zu %s videos %s", n, class, what); /* LEAST_VIDEOS or more */
    return (size_t)snprintf(text, room, "%zu of %zu %s videos %s", n, all, class, what);
}

static void say_shortcut(char *text, size_t room, const struct property *property, const struct table *t, const struct desy_shortcut *s)
{
    const size_t *counts = t->counts[s->telling], more = counts[0] * s->n[1] < counts[1] * s->n[0];
    const char *value = t->names[s->telling];
    size_t at = say_share(text, room, property, value, counts[more], s->n[more], desy_check_class((int)more));
    at += (size_t)snprintf(text + at, room - at, ", and ");
    if (counts[!more] == 0) at += (size_t)snprintf(text + at, room - at, "no %s one", desy_check_class(!more));
    else at += (size_t)snprintf(text + at, room - at, "%zu of %zu %s ones", counts[!more], s->n[!more], desy_check_class(!more));
    snprintf(text + at, room - at, "; guessing the label by %s alone is right for %.0f %% of the videos (by the larger class %.0f %%)", property->name, 100 * s->accuracy, 100 * s->base_accuracy);
    if (*text >= 'a' && *text <= 'z') *text = (char)(*text - 'a' + 'A');
}

static void add_shortcut(struct desy_check_report *report, cJSON *list, const struct property *property, const struct table *t, const struct desy_shortcut *s, struct judged *judged, size_t *found)
{
    const bool finding = s->share >= LARGE && s->p_value * PROPERTIES <= SIGNIFICANT;
    char words[1024];
    cJSON *entry = desy_check_add(report, list, NULL, cJSON_CreateObject());
    desy_check_add(report, entry, "property", cJSON_CreateString(property->name));
    desy_check_add(report, entry, "values", cJSON_CreateNumber(t->count));
    desy_check_add(report, entry, "bits", cJSON_CreateNumber(s->bits));
    desy_check_add(report, entry, "bits_plug_in", cJSON_CreateNumber(s->plug_in));
    desy_check_add(report, entry, "share_of_label", cJSON_CreateNumber(s->share));
    desy_check_add(report, entry, "p_value", cJSON_CreateNumber(s->p_value));
    desy_check_add(report, entry, "accuracy", cJSON_CreateNumber(s->accuracy));
    desy_check_add(report, entry, "accuracy_of_larger_class", cJSON_CreateNumber(s->base_accuracy));
    desy_check_add(report, entry, "shortcut", cJSON_CreateBool(finding));
    if (finding) {
        say_shortcut(words, sizeof words, property, t, s);
        desy_check_add(report, entry, "words", cJSON_CreateString(words));
        cJSON *listed = desy_check_list(report, "shortcut", -1, *found);
        judged[(*found)++] = (struct judged){property, s->accuracy};
        if (listed) {
            desy_check_add(report, listed, "property", cJSON_CreateString(property->name));
            desy_check_add(report, listed, "words", cJSON_CreateString(words));
            desy_check_add(report, listed, "advice", cJSON_CreateString(property->advice));
        }
    }
}

static int by_accuracy(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    return (x->accuracy < y->accuracy) - (x->accuracy > y->accuracy);
}

/* "2 properties of the files tell the classes apart: size (95 % right by it alone), fps (83 %)". */
static void say_shortcuts(struct desy_check_report *report, struct judged *judged, size_t n)
{
    char words[512];
    size_t at = (size_t)snprintf(words, sizeof words, n == 1 ? "%zu property of the files tells" : "%zu properties of the files tell", n);
    at += (size_t)snprintf(words + at, sizeof words - at, " the classes apart without a look at the picture:");
    qsort(judged, n, sizeof *judged, by_accuracy);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(words + at, sizeof words - at, "%s %s (%.0f %%%s)", i ? "," : "", judged[i].property->name, 100 * judged[i].accuracy, i ? "" : " right by it alone");
    desy_check_problem(report, DESY_CHECK_SHORTCUT, "shortcut", n, words, "A detector can learn these in place of the picture: make them alike in both classes. See the findings, one by one.");
}

int desy_check_shortcuts(struct desy_check_report *report)
{
    struct table t;
    size_t labels[2] = {0}, found = 0;
    struct judged judged[PROPERTIES];
    int rc = open_table(&t, report);
    cJSON *list = NULL;
    for (size_t i = 0; rc == DESY_OK && i < t.n; i++) labels[t.labels[i]]++;
    if (rc != DESY_OK || labels[0] < LEAST_VIDEOS || labels[1] < LEAST_VIDEOS) goto out; /* nothing can be told */
    list = desy_check_add(report, report->json, "shortcuts", cJSON_CreateArray());
    for (int p = 0; p < PROPERTIES; p++) {
        struct desy_shortcut s;
        if (properties[p].text) sort_names(&t, report, &properties[p]);
        else DESY_TRY(sort_numbers(&t, report, &properties[p]));
        memset(t.counts, 0, (size_t)t.count * sizeof *t.counts);
        for (size_t i = 0; i < t.n; i++) t.counts[t.values[i]][t.labels[i]]++;
        DESY_TRY(desy_shortcut_measure(&s, (const size_t(*)[2])t.counts, t.count, report->seed, desy_hash64(properties[p].name, strlen(properties[p].name))));
        add_shortcut(report, list, &properties[p], &t, &s, judged, &found);
    }
    desy_check_count(report, "n_shortcut", found);
    say_shortcuts(report, judged, found);
out:
    close_table(&t);
    return rc;
}
