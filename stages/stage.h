/* Stages: one file a command, and the table of commands (stages/table.c). To add one: a file, a line in the table.
 *
 * A stage's options are a popt table that fills static settings in its file, so that `desy run` can offer the options of
 * all its stages by including their tables. -o, --seed, --json and the like are common to all and stand in desy_invocation. */
#ifndef DESY_STAGES_STAGE_H
#define DESY_STAGES_STAGE_H

#include "mpi/progress.h"
#include "mpi/world.h"

#include <cjson/cJSON.h>
#include <popt.h>
#include <stdbool.h>
#include <stdint.h>

struct desy_invocation {
    desy_world *world;
    const char *output;          /* -o, --output; NULL if not given */
    uint64_t seed;               /* --seed, default 1 */
    const char *log_directory;   /* --log-dir */
    bool quiet, json;
    enum desy_progress_mode progress;
    const char *const *arguments; /* positional, NULL-terminated */
    int argument_count;
};

struct desy_stage {
    const char *name, *arguments, *help, *example; /* "extract", "DATASET -o STORE", one line, one command */
    const struct poptOption *options;              /* NULL: none of its own */
    int (*run)(struct desy_invocation *invocation); /* Collective; returns a code, not yet agreed */
    bool alone;                                    /* refuses to run as several ranks */
};

extern const struct desy_stage desy_stages[]; /* ends with a NULL name */

/* What `desy run` calls, each with the options that its own table has set. Collective. */
extern const struct poptOption desy_check_options[], desy_extract_options[], desy_train_options[], desy_eval_options[];
int desy_check_stage(struct desy_invocation *invocation, const char *dataset, const char *output);  /* output: check.json, NULL: none */
bool desy_check_suffices(const cJSON *report); /* a check.json: does it hold nothing that --strict, if given, would end on? Not collective. */
int desy_extract_num_workers(void); /* --num-workers of its table, which training has a use for, too; 0: not given */
const char *desy_extract_device(void); /* --device of its table, which is that of training, too, and in `desy run` of evaluation */
int desy_extract_stage(struct desy_invocation *invocation, const char *dataset, const char *store); /* DESY_EPARTIAL: some items failed */
/* The same of videos altered in each way of features/alteration.h, views 1, 2, ..., with the options that the store `like` was made with. DESY_EDATA, before any video is read:
 * the extractor has other weights than then, or is another version. */
struct desy_extract_like {
    const char *store, *weights, *device; /* weights: NULL, the default ones */
};
int desy_extract_altered_stage(struct desy_invocation *invocation, const char *dataset, const char *store, const struct desy_extract_like *like);
int desy_train_stage(struct desy_invocation *invocation, const char *store, const char *save_dir);
int desy_eval_stage(struct desy_invocation *invocation, const char *store, const char *model, const char *report, bool unless_done);

#endif
