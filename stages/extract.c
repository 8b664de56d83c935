/* desy extract: videos to features, by all ranks, into a store that can be continued. */
#include "stages/extract.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/encoder.h"
#include "mpi/queue.h"
#include "mpi/signals.h"
#include "stages/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *extractor, *weights, *sampling, *device, *precision, *shard;
    int frames, dims, windows, augment, crops, audio, workers, threads, batch_clips, allow_code, retry_failed;
    enum desy_views views;
    double deadline;
} settings = {.extractor = "hybrid", .sampling = "window", .device = "auto", .precision = "fp32", .frames = 16, .windows = 1, .threads = 1, .deadline = 120};

const struct poptOption desy_extract_options[] = {
    {"extractor", 0, POPT_ARG_STRING, &settings.extractor, 0, "hybrid, resnet50 or FILE.pt, a TorchScript encoder of your own (default hybrid)", "NAME"},
    {"dims", 0, POPT_ARG_INT, &settings.dims, 0, "numbers that FILE.pt gives a frame", "D"},
    {"weights", 0, POPT_ARG_STRING, &settings.weights, 0, "the extractor's weights (default: those that quickstart.sh fetched)", "FILE"},
    {"sampling", 0, POPT_ARG_STRING, &settings.sampling, 0, "window, uniform or keyframe (default window: 8 frames a second around the middle)", "HOW"},
    {"frames", 0, POPT_ARG_INT, &settings.frames, 0, "frames of each clip (default 16)", "T"},
    {"windows", 0, POPT_ARG_INT, &settings.windows, 0, "clips of a long video, spread over it: each a row of its own (default 1)", "N"},
    {"augment", 0, POPT_ARG_INT, &settings.augment, 0, "augmented views of each clip, for training: compressed anew, rescaled and more, each a row of its own (default 0)", "N"},
    {"crops", 0, POPT_ARG_NONE, &settings.crops, 0, "also store the middle 224 x 224 pixels of 4 frames of each clip, as decoded", NULL},
    {"audio", 0, POPT_ARG_NONE, &settings.audio, 0, "also store the 2 s of sound around each clip's middle, 16 kHz, mono", NULL},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "auto, cpu, cuda or cuda:K (default auto)", "D"},
    {"precision", 0, POPT_ARG_STRING, &settings.precision, 0, "fp32, bf16 or, on CUDA devices, fp16: what the network computes with (default fp32)", "P"},
    {"num-workers", 0, POPT_ARG_INT, &settings.workers, 0, "decode helpers of each rank (default: its cores, beside a GPU one less); in training, threads that read batches (default 1)", "N"},
    {"threads", 0, POPT_ARG_INT, &settings.threads, 0, "threads of each network call (default 1)", "N"},
    {"batch-clips", 0, POPT_ARG_INT, &settings.batch_clips, 0, "clips that go through the network at once (default: 8 on CUDA devices, where it decides bits; 1 on a CPU, where it does not)", "B"},
    {"deadline", 0, POPT_ARG_DOUBLE, &settings.deadline, 0, "seconds that a video may take to decode (default 120)", "S"},
    {"allow-code", 0, POPT_ARG_NONE, &settings.allow_code, 0, "let --extractor or --weights be TorchScript, which is executable code", NULL},
    {"retry-failed", 0, POPT_ARG_NONE, &settings.retry_failed, 0, "try items again that failed in an earlier run", NULL},
    POPT_TABLEEND,
};

const struct poptOption desy_extract_command_options[] = {
    {"shard", 0, POPT_ARG_STRING, &settings.shard, 0, "part K of N alone, for job arrays: the parts may run at the same time, into one STORE", "K/N"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_extract_options, 0, "Options of extraction:", NULL},
    POPT_TABLEEND,
};

int desy_extract_num_workers(void)
{
    return settings.workers;
}

const char *desy_extract_device(void)
{
    return settings.device;
}

/* A name of the table, or a file. */
static int choose_extractor(struct desy_extraction *e)
{
    if (!desy_is_torchscript(settings.extractor)) {
        if (settings.dims) return desy_error(DESY_EUSAGE, "--dims is for --extractor FILE.pt: %s has its own", settings.extractor);
        return desy_extractor_find(&e->worker.extractor, settings.extractor);
    }
    if (settings.weights) return desy_error(DESY_EUSAGE, "--extractor %s holds its weights: leave --weights out", settings.extractor);
    if (!settings.allow_code)
        return desy_error(DESY_EUSAGE, "%s: a TorchScript module is executable code; add --allow-code if you trust whoever made it", settings.extractor);
    e->worker.extractor = &e->torchscript.extractor;
    return desy_torchscript_extractor(&e->torchscript, settings.extractor, settings.dims);
}

static int check_settings(struct desy_extraction *e)
{
    struct desy_extract_worker *worker = &e->worker;
    enum desy_sampling sampling;
    int rc = desy_shard_parse(&e->shard, settings.shard);
    if (rc == DESY_OK) rc = choose_extractor(e);
    if (rc == DESY_OK) rc = desy_sampling_parse(&sampling, settings.sampling);
    if (rc == DESY_OK) rc = desy_precision_parse(&e->precision, settings.precision);
    if (rc == DESY_OK) rc = desy_extractor_check_precision(worker->extractor, e->precision);
    if (rc != DESY_OK) return rc;
    if (settings.windows < 1 || settings.windows > DESY_MAX_WINDOWS) return desy_error(DESY_EUSAGE, "--windows must be 1 to %d, not %d", DESY_MAX_WINDOWS, settings.windows);
    if (settings.augment < 0 || settings.augment > DESY_MOST_VIEWS) return desy_error(DESY_EUSAGE, "--augment must be 0 to %d, not %d", DESY_MOST_VIEWS, settings.augment);
    if (settings.frames < 4 || settings.frames > DESY_MAX_FRAMES) return desy_error(DESY_EUSAGE, "--frames must be 4 to %d, not %d", DESY_MAX_FRAMES, settings.frames);
    if (settings.threads < 1 || settings.workers < 0 || settings.workers > 1024 || !(settings.deadline > 0 && settings.deadline < 1e6))
        return desy_error(DESY_EUSAGE, "--threads must be at least 1, --num-workers 0 (default) to 1024, --deadline above 0");
    if (settings.batch_clips < 0 || settings.batch_clips > DESY_MOST_BATCH_CLIPS)
        return desy_error(DESY_EUSAGE, "--batch-clips must be 0 (default) to %d, not %d", DESY_MOST_BATCH_CLIPS, settings.batch_clips);
    const bool altered = settings.views == DESY_VIEWS_ALTERED;
    worker->views = altered ? desy_alteration_count() : settings.augment;
    worker->request = (struct desy_clip_request){.sampling = sampling, .frames = settings.frames, .windows = settings.windows, .views = settings.views, .seed = e->invocation->seed,
                                                 .forensic = worker->extractor->forensic, .crops = settings.crops, .audio = settings.audio};
    worker->shape = (struct desy_store_shape){.extractor = worker->extractor->name, .frames = settings.frames, .dims = worker->extractor->dims, .crops = settings.crops, .audio = settings.audio};
    return altered ? desy_alteration_check() : desy_augment_check(settings.augment);
}

static int open_extractor(struct desy_extraction *e, int clips)
{
    struct desy_extract_worker *worker = &e->worker;
    const bool file = worker->extractor == &e->torchscript.extractor; /* which holds its weights */
    const struct desy_extractor_options options = {.weights = file ? settings.extractor : settings.weights, .dims = settings.dims, .device = e->device, .precision = e->precision,
                                                   .frames = settings.frames, .clips = clips, .threads = settings.threads, .allow_code = settings.allow_code};
    return worker->extractor->open(&worker->state, &options);
}

/* Collective: the extractor of each rank, for batches of as many clips as the memory of every device holds. Bits may depend on that. */
static int open_extractors(struct desy_extraction *e)
{
    struct desy_extract_worker *worker = &e->worker;
    desy_world *world = e->invocation->world;
    const bool first = desy_rank(world) == 0;
    int rc = desy_rank_device(e->device, settings.device, world);
    const int wanted = settings.batch_clips ? settings.batch_clips : desy_default_batch_clips(e->device);
    if (rc == DESY_OK) rc = open_extractor(e, wanted);
    DESY_TRY(desy_agree(world, rc));
    const int clips = desy_encoder_clips(worker->extractor->encoder(worker->state));
    double fewest = -clips;
    desy_max_f64(world, &fewest, 1);
    if (-fewest < clips) {
        worker->extractor->close(&worker->state);
        rc = open_extractor(e, (int)-fewest);
    }
    if (rc == DESY_OK && first && -fewest < wanted)
        desy_log_warning("extract: the memory of %s does not hold a batch of %d clips: it is done with --batch-clips %d, which the store must then be continued with",
                         desy_size(world) > 1 ? "a device" : "the device", wanted, (int)-fewest);
    rc = desy_agree(world, rc);
out:
    return rc;
}

/* What decides the numbers, and what else this rank works with. */
static int open_worker(struct desy_extraction *e)
{
    struct desy_extract_worker *worker = &e->worker;
    int rc;
    char *text = NULL;
    worker->request.transform = worker->extractor->transform(worker->state); /* comes with the weights */
    worker->shape.batch = desy_encoder_deciding_clips(worker->extractor->encoder(worker->state));
    DESY_TRY(desy_extract_config(&e->config, worker->extractor, worker->state, &worker->request, worker->views));
    text = cJSON_PrintUnformatted(e->config);
    if (!text) DESY_TRY(desy_error_memory("the configuration"));
    DESY_TRY(desy_sha256_bytes(e->config_sha256, text, strlen(text)));
    const int helpers = settings.workers ? settings.workers : desy_rank_helpers(e->device, e->invocation->world);
    worker->ahead = 2 * helpers;
    worker->root = e->root, worker->store = e->store, worker->config_sha256 = e->config_sha256, worker->dataset_sha256 = e->dataset_sha256;
    DESY_TRY(desy_committer_open(&worker->committer, desy_shard_writer(&e->shard, desy_rank(e->invocation->world))));
    DESY_TRY(desy_helper_pool_open(&worker->helpers, helpers, settings.deadline));
    if (worker->request.views == DESY_VIEWS_AUGMENTED && desy_augment_threads(worker->views)) desy_helper_pool_allow_threads(worker->helpers);
out:
    cJSON_free(text);
    return rc;
}

/* Rank 0: blocks, what is done of them, and the order of the rest. */
static int make_plan(struct desy_extraction *e)
{
    struct desy_extract_plan *plan = &e->plan;
    int rc;
    DESY_TRY(desy_extract_plan_open(plan, e->dataset, settings.windows * (1 + e->worker.views), &e->worker.shape, &e->shard));
    DESY_TRY(desy_store_scan(plan->records, plan->blocks.count, e->store, e->config_sha256));
    DESY_TRY(desy_extract_plan_tasks(plan, desy_size(e->invocation->world), (size_t)e->worker.ahead / 2, settings.retry_failed));
out:
    return rc;
}

static int open_dataset(struct desy_extraction *e)
{
    int rc;
    DESY_TRY(desy_dataset_open(&e->dataset, e->dataset_path, false));
    DESY_TRY(desy_dataset_sha256(e->dataset, e->dataset_sha256));
    if (!(e->root = strdup(desy_dataset_root(e->dataset)))) DESY_TRY(desy_error_memory("a path"));
    DESY_TRY(desy_make_directory(e->store));
out:
    return rc;
}

static int describe(void *context, uint64_t index, void **payload, size_t *bytes)
{
    const struct desy_extraction *e = context;
    const struct desy_extract_plan *plan = &e->plan;
    const struct desy_planned_task *task = &plan->tasks[index];
    struct desy_extract_block *blocks = calloc(task->count, sizeof *blocks);
    if (!blocks) return desy_error_memory("a task");
    for (size_t i = 0; i < task->count; i++) {
        const uint64_t block = plan->mine[task->first + i].block;
        const bool done = desy_extract_plan_done(plan, block, settings.retry_failed);
        blocks[i] = (struct desy_extract_block){block, desy_block_first(&plan->blocks, block), desy_block_items(&plan->blocks, block),
                                                done ? plan->records[block].inputs_sha256 : "", plan->records[block].made_us};
    }
    int rc = desy_extract_pack(payload, bytes, e->dataset, blocks, task->count);
    free(blocks);
    return rc;
}

static int run(void *context, uint64_t task, const void *payload, size_t bytes)
{
    (void)task;
    struct desy_extraction *e = context;
    return desy_extract_work(&e->worker, payload, bytes);
}

static void done(void *context, uint64_t task, int rank)
{
    (void)rank;
    struct desy_extraction *e = context;
    e->progress.done += e->plan.tasks[task].cost;
    e->progress.items_done += e->plan.tasks[task].items;
}

static void tick(void *context)
{
    struct desy_extraction *e = context;
    desy_progress_show(&e->progress);
}

static bool stop(void *context)
{
    (void)context;
    return desy_interrupted();
}

static int run_queue(struct desy_extraction *e)
{
    const struct desy_queue queue = {e, describe, run, done, tick, stop};
    const struct desy_invocation *invocation = e->invocation;
    const size_t n = e->plan.task_count;
    const bool first = desy_rank(invocation->world) == 0;
    double total = 0;
    uint64_t *order = calloc(n + 1, sizeof *order);
    double *costs = calloc(n + 1, sizeof *costs);
    int rc = desy_agree(invocation->world, order && costs ? DESY_OK : desy_error_memory("the plan"));
    if (rc != DESY_OK) goto out;
    for (size_t task = 0; task < n; task++) order[task] = task, total += costs[task] = e->plan.tasks[task].cost;
    desy_progress_start(&e->progress, "extract", total, e->plan.items, invocation->progress, !first);
    rc = desy_queue_run(invocation->world, &queue, order, costs, n);
    if (rc == DESY_OK) desy_progress_finish(&e->progress);
out:
    free(order);
    free(costs);
    return rc;
}

static void close_extraction(struct desy_extraction *e)
{
    desy_helper_pool_close(&e->worker.helpers);
    desy_committer_close(&e->worker.committer);
    if (e->worker.state) e->worker.extractor->close(&e->worker.state);
    desy_extract_plan_close(&e->plan);
    desy_dataset_close(&e->dataset);
    free(e->root);
    cJSON_Delete(e->config);
}

/* What its features would be compared with. */
static int check_like(const struct desy_extraction *e)
{
    static const char *const same[] = {"extractor_version", "weights_sha256", "dims"};
    for (size_t i = 0; e->like && i < sizeof same / sizeof *same; i++) {
        const cJSON *then = cJSON_GetObjectItemCaseSensitive(e->like, same[i]), *now = cJSON_GetObjectItemCaseSensitive(e->config, same[i]);
        if (!then != !now || (then && !cJSON_Compare(then, now, true)))
            return desy_error(DESY_EDATA, "the extractor %s has another %s here than when the store was made: its features could not be compared; name its weights with --weights FILE, or extract the store again",
                              e->worker.extractor->name, same[i]);
    }
    return DESY_OK;
}

static int prepare(struct desy_extraction *e)
{
    desy_world *world = e->invocation->world;
    const bool first = desy_rank(world) == 0;
    int rc;
    DESY_TRY(desy_agree(world, check_settings(e)));
    DESY_TRY(desy_agree(world, first ? open_dataset(e) : DESY_OK));
    DESY_TRY(desy_agree(world, desy_broadcast_text(world, &e->root, 0)));
    desy_broadcast(world, e->dataset_sha256, sizeof e->dataset_sha256, 0);
    DESY_TRY(open_extractors(e));
    rc = open_worker(e);
    if (rc == DESY_OK) rc = check_like(e);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_extract_agree_config(world, e->config));
    rc = first ? desy_extract_keep_config(e->store, e->dataset_path, e->config, e->config_sha256) : DESY_OK;
    if (rc == DESY_OK && first) rc = make_plan(e);
    rc = desy_agree(world, rc);
out:
    return rc;
}

static int extract(struct desy_invocation *invocation, const char *dataset, const char *store, const cJSON *like)
{
    struct desy_extraction e = {.invocation = invocation, .dataset_path = dataset, .store = store, .part = settings.shard, .like = like};
    desy_world *world = invocation->world;
    int rc;
    DESY_TRY(prepare(&e));
    rc = run_queue(&e);
    const int committed = desy_committer_wait(e.worker.committer);
    rc = desy_agree(world, committed != DESY_OK ? committed : rc);
    int64_t counts[2] = {e.worker.resumed, e.worker.made};
    desy_sum_i64(world, counts, 2);
    if (desy_rank(world) == 0)
        desy_log_info("extract: %lld of %" PRIu64 " items were already done, %lld were extracted now", (long long)counts[0], e.plan.items, (long long)counts[1]);
    if (rc == DESY_OK) rc = desy_extract_finish(&e);
out:
    close_extraction(&e);
    return rc;
}

int desy_extract_stage(struct desy_invocation *invocation, const char *dataset, const char *store)
{
    return extract(invocation, dataset, store, NULL);
}

/* As the store was made whose extract.json this is the configuration of. */
static int take_settings(const cJSON *config, const char *path)
{
    long long frames, windows;
    int rc;
    DESY_TRY(desy_json_string(&settings.extractor, config, "extractor", path));
    DESY_TRY(desy_json_string(&settings.sampling, config, "sampling", path));
    DESY_TRY(desy_json_string(&settings.precision, config, "precision", path));
    DESY_TRY(desy_json_integer(&frames, config, "frames", path));
    DESY_TRY(desy_json_integer(&windows, config, "windows", path));
    settings.frames = (int)frames, settings.windows = (int)windows, settings.augment = 0, settings.views = DESY_VIEWS_ALTERED;
    settings.crops = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "crops"));
    settings.audio = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(config, "audio"));
out:
    return rc;
}

int desy_extract_altered_stage(struct desy_invocation *invocation, const char *dataset, const char *store, const struct desy_extract_like *like)
{
    const __typeof__(settings) before = settings;
    cJSON *made = NULL;
    char *path = desy_path_join(like->store, "extract.json");
    int rc = path ? desy_json_read(&made, path) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = take_settings(cJSON_GetObjectItemCaseSensitive(made, "config"), path);
    settings.weights = like->weights;
    if (like->device) settings.device = like->device;
    rc = desy_agree(invocation->world, rc);
    if (rc == DESY_OK) rc = extract(invocation, dataset, store, cJSON_GetObjectItemCaseSensitive(made, "config"));
    settings = before;
    cJSON_Delete(made);
    free(path);
    return rc;
}

int desy_extract_command(struct desy_invocation *invocation)
{
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "extract needs one data set: desy extract dataset.json -o STORE");
    if (!invocation->output) return desy_error(DESY_EUSAGE, "extract needs -o STORE, the directory to write to");
    return desy_extract_stage(invocation, invocation->arguments[0], invocation->output);
}
