/* Inside of check*.c: what is found of each item, and the report that is made of it on rank 0. */
#ifndef DESY_STAGES_CHECK_H
#define DESY_STAGES_CHECK_H

#include "features/dataset.h"
#include "features/fingerprint.h"
#include "features/helper.h"
#include "mpi/world.h"

#include <cjson/cJSON.h>

/* What one rank found out about one item. */
struct desy_check_item {
    uint64_t item, content; /* content: first 64 bits of the file's SHA-256 */
    int64_t bytes, promised; /* bytes -1: missing; promised: features/promised_bytes.h */
    int64_t bit_rate;
    double fps, duration;
    struct desy_fingerprint print;
    int32_t status; /* enum desy_status */
    int32_t width, height;
    int8_t is_read; /* the whole file was; else content tells nothing */
    int8_t has_sound, cut, damaged;
    char codec[16], container[24], pixel_format[16], muxer[32]; /* as in struct desy_clip, cut to that */
};

/* Why an item is what it is; for some. */
struct desy_check_reason {
    uint64_t item;
    char text[240];
};

struct desy_check_items {
    struct desy_check_item *items;
    struct desy_check_reason *reasons;
    size_t count, room, reason_count, reason_room;
};

/* Looks at `count` items, the first of which is number `first` of the data set, and adds what it finds. Not collective. DESY_EENV. */
int desy_check_look(struct desy_check_items *found, desy_helper_pool *helpers, const char *root, const struct desy_item *items, size_t count, uint64_t first);

/* The report, on rank 0. Not collective. */
struct desy_check_report {
    const desy_dataset *dataset;
    const struct desy_check_item *items;  /* (n), in data-set order */
    size_t n, labels[3];                  /* labels: of -1, 0, 1 */
    const struct desy_check_reason *reasons;
    size_t reason_count;
    uint64_t seed;
    cJSON *json, *findings, *problems, *notes; /* members of json, but for itself */
    size_t problem_findings;                   /* of all kinds */
    bool out_of_memory;                        /* something is missing in json: set by the helpers below, looked at by desy_check_summarise */
};

/* DESY_EENV: memory. The items must stay. */
int desy_check_report_open(struct desy_check_report *report, const desy_dataset *dataset, const struct desy_check_items *found, uint64_t seed);
void desy_check_report_close(struct desy_check_report *report);

/* Adds a value, taken, to an object, or to an array if name is NULL. The value, borrowed; NULL: no memory. */
cJSON *desy_check_add(struct desy_check_report *report, cJSON *to, const char *name, cJSON *value);
/* Lists a finding, as the `already`-th of its kind; beyond the first 1,000 none is, and it returns NULL, as it does without memory. Else the entry, borrowed. item: of the data set; -1: of no one. */
cJSON *desy_check_list(struct desy_check_report *report, const char *kind, int64_t item, size_t already);
/* A kind of findings of which there are n: in words ("3 videos are missing") and what to do. The smaller `rank`, the worse. n 0: nothing. */
void desy_check_problem(struct desy_check_report *report, int rank, const char *kind, size_t n, const char *words, const char *advice);
/* Something to know, that need not be mended. */
void desy_check_note(struct desy_check_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
void desy_check_count(struct desy_check_report *report, const char *name, size_t n); /* a number of the report */
const char *desy_check_class(int label);                                             /* "real", "AI-generated", "unlabelled" */

/* Order of the problems, worst first. */
enum {
    DESY_CHECK_ONE_CLASS, DESY_CHECK_OTHER_LABEL, DESY_CHECK_NEAR_OTHER_LABEL, DESY_CHECK_GROUP_TORN, DESY_CHECK_OTHER_SPLIT, DESY_CHECK_NEAR_OTHER_SPLIT, DESY_CHECK_SHORTCUT,
    DESY_CHECK_MISSING, DESY_CHECK_FAILED, DESY_CHECK_TRUNCATED, DESY_CHECK_LABEL, DESY_CHECK_DAMAGED, DESY_CHECK_DUPLICATE, DESY_CHECK_NEAR_DUPLICATE,
    DESY_CHECK_UNBALANCED
};

/* The parts of the report. DESY_EENV: memory. */
int desy_check_files(struct desy_check_report *report);     /* missing, unreadable, truncated, damaged */
int desy_check_copies(struct desy_check_report *report);    /* exact and near duplicates */
int desy_check_balance(struct desy_check_report *report);   /* classes, sources, groups */
int desy_check_shortcuts(struct desy_check_report *report);

struct desy_out_of_fold;
/* DESY_EDATA: the store is of other videos. */
int desy_check_labels(struct desy_check_report *report, const struct desy_out_of_fold *out_of_fold, const char *store);

/* Sorts the problems, and sums them up in one sentence. DESY_EENV: memory, for this or for what was added before. */
int desy_check_summarise(struct desy_check_report *report);
/* To stdout, for people; control characters of names and paths as `?`. */
void desy_check_print(const struct desy_check_report *report);

#endif
