/* desy check: what is wrong with a data set, before hours are spent on it. Videos are looked at by all ranks; what rank 0 gathers of them, some 300 bytes
 * each, it puts together alone: that takes seconds for a million (docs/check.md), against hours of decoding. */
#include "stages/check.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/store.h"
#include "mpi/queue.h"
#include "mpi/signals.h"
#include "stages/commands.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 16

static int strict;
static const char *store_path;

const struct poptOption desy_check_options[] = {
    {"strict", 0, POPT_ARG_NONE, &strict, 0, "findings are an error (exit code 2)", NULL}, POPT_TABLEEND};
const struct poptOption desy_check_command_options[] = {
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_check_options, 0, "Options:", NULL},
    {"store", 0, POPT_ARG_STRING, &store_path, 0, "the store extracted from this data set: labels are doubted by what heads make of its features, out of fold", "STORE"},
    POPT_TABLEEND};

struct check {
    desy_world *world;
    const desy_dataset *dataset; /* rank 0 */
    char *root;
    desy_helper_pool *helpers;
    struct desy_check_items found; /* by this rank; on rank 0 in the end by all */
    struct desy_progress progress;
};

static int describe(void *context, uint64_t task, void **payload, size_t *bytes)
{
    struct check *check = context;
    size_t n = desy_dataset_count(check->dataset), first = task * BATCH;
    return desy_items_pack(payload, bytes, check->dataset, first, n - first < BATCH ? n - first : BATCH);
}

static void done(void *context, uint64_t task, int rank)
{
    struct check *check = context;
    size_t n = desy_dataset_count(check->dataset), first = task * BATCH, part = n - first < BATCH ? n - first : BATCH;
    (void)rank;
    check->progress.done += (double)part;
    check->progress.items_done += part;
}

static void tick(void *context)
{
    desy_progress_show(&((struct check *)context)->progress);
}

static bool stop(void *context)
{
    (void)context;
    return desy_interrupted();
}

static int run(void *context, uint64_t task, const void *payload, size_t bytes)
{
    struct check *check = context;
    struct desy_item *items = NULL;
    size_t count;
    int rc = desy_items_unpack(&items, &count, payload, bytes);
    if (rc == DESY_OK) rc = desy_check_look(&check->found, check->helpers, check->root, items, count, task * BATCH);
    free(items);
    return rc;
}

/* What all ranks found, to rank 0. Collective. */
static int gather(struct check *check)
{
    struct desy_check_items all = {0};
    int rc;
    DESY_TRY(desy_gather(check->world, check->found.items, check->found.count, sizeof *all.items, (void **)&all.items, &all.count));
    DESY_TRY(desy_gather(check->world, check->found.reasons, check->found.reason_count, sizeof *all.reasons, (void **)&all.reasons, &all.reason_count));
    free(check->found.items);
    free(check->found.reasons);
    check->found = all;
    return DESY_OK;
out:
    free(all.items);
    free(all.reasons);
    return rc;
}

/* Rank 0. */
static int make_report(const struct check *check, const struct desy_out_of_fold *out_of_fold, const char *output, const struct desy_invocation *invocation, bool speak)
{
    struct desy_check_report report;
    int rc;
    DESY_TRY(desy_check_report_open(&report, check->dataset, &check->found, invocation->seed));
    DESY_TRY(desy_check_files(&report));
    DESY_TRY(desy_check_copies(&report));
    DESY_TRY(desy_check_balance(&report));
    DESY_TRY(desy_check_shortcuts(&report));
    if (out_of_fold) DESY_TRY(desy_check_labels(&report, out_of_fold, store_path));
    DESY_TRY(desy_check_summarise(&report));
    if (output) DESY_TRY(desy_json_write(report.json, output));
    if (speak && invocation->json) DESY_TRY(desy_json_print(report.json, true, "the findings"));
    else if (speak) desy_check_print(&report);
    if (report.problem_findings) desy_log_warning("check: %zu finding(s) in %zu videos%s%s", report.problem_findings, report.n, output ? ": see " : "", output ? output : "");
    else desy_log_info("check: nothing wrong with %zu videos", report.n);
    if (report.problem_findings && strict) rc = desy_error(DESY_EDATA, "%zu finding(s), and --strict was given", report.problem_findings);
out:
    desy_check_report_close(&report);
    return rc;
}

/* Collective: of all labelled videos of the store, by small forms, which need no GPU and no epochs. */
static int read_labels(struct desy_out_of_fold *out_of_fold, const struct desy_invocation *invocation)
{
    const struct desy_train_options options = {.seed = invocation->seed, .level = DESY_TRAIN_ALL, .size = DESY_SIZE_SMALL, .all_parts = true, .most_false_alarms = 1, .device = "cpu"};
    desy_store *store = NULL;
    int rc;
    DESY_TRY(desy_agree(invocation->world, desy_store_open(&store, store_path)));
    rc = desy_train_out_of_fold(invocation->world, store, &options, out_of_fold);
out:
    desy_store_close(&store);
    return rc;
}

/* All ranks look at the videos. Collective; on rank 0 check->found is then of all of them. */
static int look(struct check *check, const struct desy_invocation *invocation)
{
    uint64_t *order = NULL, tasks = 0;
    int rc = desy_helper_pool_open(&check->helpers, desy_local_cores(check->world), 60);
    if (check->dataset) {
        const size_t n = desy_dataset_count(check->dataset);
        tasks = (n + BATCH - 1) / BATCH;
        order = malloc(tasks * sizeof *order);
        if (!order) rc = desy_error_memory("the order of work");
        for (uint64_t i = 0; order && i < tasks; i++) order[i] = i;
        desy_progress_start(&check->progress, "check", (double)n, n, invocation->progress, false);
    }
    DESY_TRY(desy_agree(check->world, rc));
    const struct desy_queue queue = {.context = check, .describe = describe, .run = run, .done = done, .tick = tick, .stop = stop};
    DESY_TRY(desy_queue_run(check->world, &queue, order, NULL, tasks));
    DESY_TRY(gather(check));
    if (check->dataset) desy_progress_finish(&check->progress);
out:
    free(order);
    return rc;
}

static int run_check(struct desy_invocation *invocation, const char *path, const char *store, const char *output, bool speak)
{
    int rc = DESY_OK;
    desy_dataset *dataset = NULL;
    desy_world *world = invocation->world;
    struct check check = {.world = world};
    struct desy_out_of_fold out_of_fold = {0};
    if (desy_rank(world) == 0) {
        rc = desy_dataset_open(&dataset, path, false);
        if (rc == DESY_OK && !(check.root = strdup(desy_dataset_root(dataset)))) rc = desy_error_memory("a path");
        check.dataset = dataset;
    }
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_broadcast_text(world, &check.root, 0));
    if (store) DESY_TRY(read_labels(&out_of_fold, invocation)); /* what may refuse before what takes long */
    DESY_TRY(look(&check, invocation));
    if (desy_rank(world) == 0) rc = make_report(&check, store ? &out_of_fold : NULL, output, invocation, speak);
    rc = desy_agree(world, rc);
out:
    desy_helper_pool_close(&check.helpers);
    desy_out_of_fold_close(&out_of_fold);
    free(check.found.items);
    free(check.found.reasons);
    free(check.root);
    desy_dataset_close(&dataset);
    return rc;
}

bool desy_check_suffices(const cJSON *report)
{
    const cJSON *problems = cJSON_GetObjectItem(report, "problems");
    return !strict || (cJSON_IsArray(problems) && cJSON_GetArraySize(problems) == 0);
}

int desy_check_stage(struct desy_invocation *invocation, const char *dataset, const char *output)
{
    return run_check(invocation, dataset, NULL, output, false);
}

int desy_check_command(struct desy_invocation *invocation)
{
    int rc = DESY_OK;
    char *output = NULL;
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one data set: desy check DATASET [-o DIR]");
    if (invocation->output) {
        output = desy_path_join(invocation->output, "check.json");
        rc = output ? desy_make_directory(invocation->output) : desy_error_memory("a path");
        rc = desy_agree(invocation->world, rc);
    }
    if (rc == DESY_OK) rc = run_check(invocation, invocation->arguments[0], store_path, output, true);
    free(output);
    return rc;
}
