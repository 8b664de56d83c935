/* desy extract: videos to features, by all ranks, into a store that can be continued. */
#include "stages/extract.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "model/model.h"
#include "mpi/queue.h"
#include "mpi/signals.h"
#include "stages/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *extractor, *weights, *sampling, *device;
    int frames, windows, crops, audio, workers, threads, allow_code, retry_failed;
    double deadline;
} settings = {.extractor = "hybrid", .sampling = "window", .device = "auto", .frames = 16, .windows = 1, .threads = 1, .deadline = 120};

const struct poptOption desy_extract_options[] = {
    {"extractor", 0, POPT_ARG_STRING, &settings.extractor, 0, "hybrid or resnet50 (default hybrid)", "NAME"},
    {"weights", 0, POPT_ARG_STRING, &settings.weights, 0, "the extractor's weights (default: those that quickstart.sh fetched)", "FILE"},
    {"sampling", 0, POPT_ARG_STRING, &settings.sampling, 0, "window, uniform or keyframe (default window: 8 frames a second around the middle)", "HOW"},
    {"frames", 0, POPT_ARG_INT, &settings.frames, 0, "frames of each clip (default 16)", "T"},
    {"windows", 0, POPT_ARG_INT, &settings.windows, 0, "clips of a long video, spread over it: each a row of its own (default 1)", "N"},
    {"crops", 0, POPT_ARG_NONE, &settings.crops, 0, "also store the middle 224 x 224 pixels of 4 frames of each clip, as decoded", NULL},
    {"audio", 0, POPT_ARG_NONE, &settings.audio, 0, "also store the 2 s of sound around each clip's middle, 16 kHz, mono", NULL},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "auto, cpu or cuda (default auto)", "D"},
    {"num-workers", 0, POPT_ARG_INT, &settings.workers, 0, "decode helpers of each rank (default: its cores)", "N"},
    {"threads", 0, POPT_ARG_INT, &settings.threads, 0, "threads of each network call (default 1)", "N"},
    {"deadline", 0, POPT_ARG_DOUBLE, &settings.deadline, 0, "seconds that a video may take to decode (default 120)", "S"},
    {"allow-code", 0, POPT_ARG_NONE, &settings.allow_code, 0, "let --weights be TorchScript, which is executable code", NULL},
    {"retry-failed", 0, POPT_ARG_NONE, &settings.retry_failed, 0, "try items again that failed in an earlier run", NULL},
    POPT_TABLEEND,
};

/* What rank 0 alone has: the plan of the work. */
struct plan {
    desy_dataset *dataset;
    struct desy_block_record *records;
    double *costs;           /* of each block */
    uint64_t *order, *tasks; /* blocks, longest first; task t is order[t * bundle ...] */
    size_t items, blocks, block_items, bundle, task_count;
};

struct extraction {
    struct desy_invocation *invocation;
    const char *dataset_path, *store;
    struct plan plan;
    struct desy_extract_worker worker;
    cJSON *config;
    char *root, device[16], config_sha256[DESY_SHA256_HEX], dataset_sha256[DESY_SHA256_HEX];
    struct desy_progress progress;
};

/* Tasks hold several blocks while blocks are small, so that helpers decode ahead across them; at least 8 tasks a rank
 * keep the ranks evenly busy. Nothing of this shows in the store. */
#define TASK_ITEMS 16
#define TASKS_A_RANK 8

static size_t first_item(const struct plan *plan, uint64_t block)
{
    return (size_t)block * plan->block_items;
}

static size_t items_of(const struct plan *plan, uint64_t block)
{
    const size_t left = plan->items - first_item(plan, block);
    return left < plan->block_items ? left : plan->block_items;
}

static int check_settings(struct desy_extract_worker *worker)
{
    enum desy_sampling sampling;
    int rc = desy_extractor_find(&worker->extractor, settings.extractor);
    if (rc == DESY_OK) rc = desy_sampling_parse(&sampling, settings.sampling);
    if (rc != DESY_OK) return rc;
    if (settings.windows < 1 || settings.windows > DESY_MAX_WINDOWS) return desy_error(DESY_EUSAGE, "--windows must be 1 to %d, not %d", DESY_MAX_WINDOWS, settings.windows);
    if (settings.frames < 4 || settings.frames > DESY_MAX_FRAMES) return desy_error(DESY_EUSAGE, "--frames must be 4 to %d, not %d", DESY_MAX_FRAMES, settings.frames);
    if (settings.threads < 1 || settings.workers < 0 || settings.workers > 1024 || !(settings.deadline > 0 && settings.deadline < 1e6))
        return desy_error(DESY_EUSAGE, "--threads must be at least 1, --num-workers 0 (default) to 1024, --deadline above 0");
    worker->request = (struct desy_clip_request){.sampling = sampling, .frames = settings.frames, .windows = settings.windows, .forensic = worker->extractor->forensic, .crops = settings.crops, .audio = settings.audio};
    worker->shape = (struct desy_store_shape){worker->extractor->name, settings.frames, worker->extractor->dims, settings.crops, settings.audio};
    return DESY_OK;
}

/* A rank that is bound to cores of its own has them all; unbound ranks of a node share. */
static int default_helpers(const desy_world *world)
{
    int cores = desy_cpu_available();
    if (cores == desy_cpu_online()) cores /= desy_local_size(world);
    return cores > 1 ? cores : 1;
}

/* This rank's extractor and what decides its numbers. */
static int open_extractor(struct extraction *e)
{
    struct desy_extract_worker *worker = &e->worker;
    int rc;
    char *text = NULL;
    DESY_TRY(desy_torch_device(e->device, settings.device, desy_local_rank(e->invocation->world)));
    const struct desy_extractor_options options = {.weights = settings.weights, .device = e->device, .frames = settings.frames,
                                                   .threads = settings.threads, .allow_code = settings.allow_code};
    DESY_TRY(worker->extractor->open(&worker->state, &options));
    worker->request.transform = worker->extractor->transform(worker->state);
    DESY_TRY(desy_extract_config(&e->config, worker->extractor, worker->state, &worker->request));
    text = cJSON_PrintUnformatted(e->config);
    if (!text) DESY_TRY(desy_error_memory("the configuration"));
    DESY_TRY(desy_sha256_bytes(e->config_sha256, text, strlen(text)));
    worker->features = calloc((size_t)settings.frames * (size_t)worker->extractor->dims, sizeof *worker->features);
    if (!worker->features) DESY_TRY(desy_error_memory("features"));
    const int helpers = settings.workers ? settings.workers : default_helpers(e->invocation->world);
    worker->ahead = 2 * helpers;
    worker->root = e->root, worker->store = e->store, worker->config_sha256 = e->config_sha256, worker->rank = desy_rank(e->invocation->world);
    DESY_TRY(desy_helper_pool_open(&worker->helpers, helpers, settings.deadline));
out:
    cJSON_free(text);
    return rc;
}

static const struct plan *sorting; /* qsort has no context argument */

static int costlier_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    if (sorting->costs[x] != sorting->costs[y]) return sorting->costs[x] > sorting->costs[y] ? -1 : 1;
    return (x > y) - (x < y);
}

/* The estimate of an item: as the data set says, else the size of its file. */
static double cost_of(const struct extraction *e, size_t index)
{
    struct desy_item item;
    int64_t size, mtime_ns;
    desy_dataset_item(e->plan.dataset, index, &item);
    if (item.cost > 0) return item.cost;
    char *path = desy_path_join(e->root, item.video_path);
    if (!path) return 0; /* an estimate only */
    desy_file_stamp(path, &size, &mtime_ns);
    free(path);
    return size > 0 ? (double)size : 0;
}

/* Rank 0: blocks, what is done of them, and the order of the rest. */
static int make_plan(struct extraction *e)
{
    struct plan *plan = &e->plan;
    const size_t ranks = (size_t)desy_size(e->invocation->world);
    plan->items = desy_dataset_count(plan->dataset);
    plan->block_items = desy_store_block_items(plan->items, settings.windows, &e->worker.shape);
    plan->blocks = (plan->items + plan->block_items - 1) / plan->block_items;
    plan->records = calloc(plan->blocks, sizeof *plan->records);
    plan->costs = calloc(plan->blocks, sizeof *plan->costs);
    plan->order = calloc(plan->blocks, sizeof *plan->order);
    plan->tasks = calloc(plan->blocks, sizeof *plan->tasks);
    if (!plan->records || !plan->costs || !plan->order || !plan->tasks) return desy_error_memory("the plan");
    for (uint64_t block = 0; block < plan->blocks; block++) {
        plan->order[block] = plan->tasks[block] = block;
        for (size_t i = 0; i < items_of(plan, block); i++) plan->costs[block] += cost_of(e, first_item(plan, block) + i);
    }
    sorting = plan;
    qsort(plan->order, plan->blocks, sizeof *plan->order, costlier_first);
    plan->bundle = TASK_ITEMS / plan->block_items;
    if (ranks > 1 && plan->bundle > plan->blocks / (TASKS_A_RANK * ranks)) plan->bundle = plan->blocks / (TASKS_A_RANK * ranks);
    if (plan->bundle == 0) plan->bundle = 1;
    plan->task_count = (plan->blocks + plan->bundle - 1) / plan->bundle;
    return desy_store_scan(plan->records, plan->blocks, e->store, e->config_sha256);
}

static int open_dataset(struct extraction *e)
{
    int rc;
    DESY_TRY(desy_dataset_open(&e->plan.dataset, e->dataset_path, false));
    DESY_TRY(desy_dataset_sha256(e->plan.dataset, e->dataset_sha256));
    if (!(e->root = strdup(desy_dataset_root(e->plan.dataset)))) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_make_directory(e->store));
out:
    return rc;
}

static size_t task_blocks(const struct plan *plan, uint64_t task)
{
    const size_t left = plan->blocks - (size_t)task * plan->bundle;
    return left < plan->bundle ? left : plan->bundle;
}

static int describe(void *context, uint64_t task, void **payload, size_t *bytes)
{
    const struct extraction *e = context;
    const struct plan *plan = &e->plan;
    struct desy_extract_block blocks[TASK_ITEMS];
    const size_t n = task_blocks(plan, task);
    for (size_t i = 0; i < n; i++) {
        const uint64_t block = plan->order[task * plan->bundle + i];
        const struct desy_block_record *record = &plan->records[block];
        const bool done = record->listed && record->items == items_of(plan, block) && !(settings.retry_failed && record->videos > record->rows);
        blocks[i] = (struct desy_extract_block){block, first_item(plan, block), items_of(plan, block), done ? record->inputs_sha256 : ""};
    }
    return desy_extract_pack(payload, bytes, plan->dataset, blocks, n);
}

static int run(void *context, uint64_t task, const void *payload, size_t bytes)
{
    (void)task;
    struct extraction *e = context;
    return desy_extract_work(&e->worker, payload, bytes);
}

static void done(void *context, uint64_t task, int rank)
{
    (void)rank;
    struct extraction *e = context;
    for (size_t i = 0; i < task_blocks(&e->plan, task); i++) {
        const uint64_t block = e->plan.order[task * e->plan.bundle + i];
        e->progress.done += 1 + e->plan.costs[block];
        e->progress.items_done += items_of(&e->plan, block);
    }
}

static void tick(void *context)
{
    struct extraction *e = context;
    desy_progress_show(&e->progress);
}

static bool stop(void *context)
{
    (void)context;
    return desy_interrupted();
}

static int run_queue(struct extraction *e)
{
    const struct desy_queue queue = {e, describe, run, done, tick, stop};
    const struct desy_invocation *invocation = e->invocation;
    double total = 0;
    for (size_t block = 0; block < e->plan.blocks; block++) total += 1 + e->plan.costs[block];
    desy_progress_start(&e->progress, "extract", total, e->plan.items, invocation->progress, desy_rank(invocation->world) != 0);
    int rc = desy_queue_run(invocation->world, &queue, e->plan.tasks, e->plan.task_count);
    if (rc == DESY_OK) desy_progress_finish(&e->progress);
    return rc;
}

struct totals {
    uint64_t ok, failed; /* items */
    uint64_t clips, lost; /* read; not read, of items that are ok */
};

/* Rank 0: index.h5, unless the one that is there is of these segments. */
static int write_index(struct extraction *e, struct totals *totals)
{
    struct plan *plan = &e->plan;
    int rc;
    cJSON *provenance = NULL;
    DESY_TRY(desy_store_scan(plan->records, plan->blocks, e->store, e->config_sha256));
    for (size_t block = 0; block < plan->blocks; block++) {
        const struct desy_block_record *record = &plan->records[block];
        totals->ok += record->ok, totals->failed += record->failed, totals->clips += record->rows, totals->lost += record->videos - record->rows - record->failed;
    }
    if (desy_store_index_current(e->store, plan->records, plan->blocks)) goto out;
    provenance = cJSON_Duplicate(e->config, true);
    if (!provenance || !cJSON_AddStringToObject(provenance, "config_sha256", e->config_sha256) ||
        !cJSON_AddStringToObject(provenance, "dataset_sha256", e->dataset_sha256) || !cJSON_AddStringToObject(provenance, "desy", DESY_VERSION))
        DESY_TRY(desy_error_memory("the provenance"));
    DESY_TRY(desy_store_index(e->store, plan->records, plan->blocks, &e->worker.shape, provenance));
out:
    cJSON_Delete(provenance);
    return rc;
}

static int finish(struct extraction *e)
{
    desy_world *world = e->invocation->world;
    const bool first = desy_rank(world) == 0;
    struct totals totals = {0};
    int rc = desy_agree(world, first ? write_index(e, &totals) : DESY_OK);
    if (rc != DESY_OK) return rc;
    desy_broadcast(world, &totals, sizeof totals, 0);
    const uint64_t items = totals.ok + totals.failed;
    if (first) desy_log_info("extract: %" PRIu64 " items ok (%" PRIu64 " clips), %" PRIu64 " failed, in %s", totals.ok, totals.clips, totals.failed, e->store);
    if (first && totals.lost)
        desy_log_warning("extract: of %" PRIu64 " of the items that are ok a later window could not be read; %s/quarantine.jsonl says why", totals.lost, e->store);
    if (first && e->invocation->json) {
        cJSON *summary = cJSON_CreateObject();
        cJSON_AddStringToObject(summary, "store", e->store);
        cJSON_AddNumberToObject(summary, "n", (double)items);
        cJSON_AddNumberToObject(summary, "n_failed", (double)totals.failed);
        cJSON_AddNumberToObject(summary, "clips", (double)totals.clips);
        rc = desy_json_print(summary, false, "the summary");
        cJSON_Delete(summary);
    }
    rc = desy_agree(world, rc);
    if (rc != DESY_OK || totals.failed == 0) return rc;
    return desy_error(DESY_EPARTIAL, "%" PRIu64 " of %" PRIu64 " items failed; %s/quarantine.jsonl says why", totals.failed, items, e->store);
}

static void close_extraction(struct extraction *e)
{
    desy_helper_pool_close(&e->worker.helpers);
    if (e->worker.state) e->worker.extractor->close(&e->worker.state);
    desy_dataset_close(&e->plan.dataset);
    free(e->worker.features);
    free(e->plan.records);
    free(e->plan.costs);
    free(e->plan.order);
    free(e->plan.tasks);
    free(e->root);
    cJSON_Delete(e->config);
}

static int prepare(struct extraction *e)
{
    desy_world *world = e->invocation->world;
    const bool first = desy_rank(world) == 0;
    int rc;
    DESY_TRY(desy_agree(world, check_settings(&e->worker)));
    DESY_TRY(desy_agree(world, first ? open_dataset(e) : DESY_OK));
    DESY_TRY(desy_agree(world, desy_broadcast_text(world, &e->root, 0)));
    DESY_TRY(desy_agree(world, open_extractor(e)));
    DESY_TRY(desy_extract_agree_config(world, e->config));
    rc = first ? desy_extract_keep_config(e->store, e->config, e->config_sha256) : DESY_OK;
    if (rc == DESY_OK && first) rc = make_plan(e);
    rc = desy_agree(world, rc);
out:
    return rc;
}

int desy_extract_stage(struct desy_invocation *invocation, const char *dataset, const char *store)
{
    struct extraction e = {.invocation = invocation, .dataset_path = dataset, .store = store};
    desy_world *world = invocation->world;
    int rc;
    DESY_TRY(prepare(&e));
    rc = run_queue(&e);
    int64_t counts[2] = {e.worker.resumed, e.worker.made};
    desy_sum_i64(world, counts, 2);
    if (desy_rank(world) == 0)
        desy_log_info("extract: %lld of %zu items were already done, %lld were extracted now", (long long)counts[0], e.plan.items, (long long)counts[1]);
    if (rc == DESY_OK) rc = finish(&e);
out:
    close_extraction(&e);
    return rc;
}

int desy_extract_command(struct desy_invocation *invocation)
{
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "extract needs one data set: desy extract dataset.json -o STORE");
    if (!invocation->output) return desy_error(DESY_EUSAGE, "extract needs -o STORE, the directory to write to");
    return desy_extract_stage(invocation, invocation->arguments[0], invocation->output);
}
