/* desy batch: scores of any number of videos under MPI, resumable, written in the order of the list. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/dataset.h"
#include "mpi/queue.h"
#include "mpi/signals.h"
#include "stages/commands.h"
#include "stages/journal.h"
#include "stages/scoring_options.h"
#include "stages/shard.h"
#include "stages/watch.h"

#include <stdlib.h>
#include <string.h>

#define TASK_ITEMS 16

static const char *csv_path, *shard_text;
static int watch, batch_clips;

const struct poptOption desy_batch_options[] = {
    {"csv", 0, POPT_ARG_STRING, &csv_path, 0, "also write a CSV", "FILE"},
    {"shard", 0, POPT_ARG_STRING, &shard_text, 0, "part K of N alone, for job arrays: the parts may run at the same time, with one -o", "K/N"},
    {"watch", 0, POPT_ARG_NONE, &watch, 0, "of directories: go on, and append a line to -o for each video that arrives; alone, until it is stopped", NULL},
    {"batch-clips", 0, POPT_ARG_INT, &batch_clips, 0, "clips that go through the network at once (default: 8 on CUDA devices, where it decides bits; 1 on a CPU, where it does not)", "B"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_scoring_options, 0, "Options of scoring:", NULL},
    POPT_TABLEEND};

struct batch {
    const desy_dataset *dataset;       /* rank 0 */
    struct desy_journal_index *index;  /* rank 0 */
    char *root, config[65];
    struct desy_shard shard;
    desy_scoring *scoring;
    desy_journal *journal;
    struct desy_progress progress;
};

static bool is_mine(const struct batch *batch, size_t task)
{
    return task % (size_t)batch->shard.of == (size_t)batch->shard.number - 1;
}

static size_t task_count(const struct batch *batch, uint64_t task)
{
    size_t left = desy_dataset_count(batch->dataset) - task * TASK_ITEMS;
    return left < TASK_ITEMS ? left : TASK_ITEMS;
}

/* A bit for each item of the task that is still to do, then the items. */
static int describe(void *context, uint64_t task, void **payload, size_t *bytes)
{
    const struct batch *batch = context;
    void *items = NULL;
    size_t size;
    uint64_t todo = 0;
    int rc = desy_items_pack(&items, &size, batch->dataset, task * TASK_ITEMS, task_count(batch, task));
    if (rc != DESY_OK) return rc;
    for (size_t i = 0; i < task_count(batch, task); i++)
        if (!desy_journal_done(batch->index, task * TASK_ITEMS + i)) todo |= UINT64_C(1) << i;
    char *message = malloc(sizeof todo + size);
    if (message) {
        memcpy(message, &todo, sizeof todo);
        memcpy(message + sizeof todo, items, size);
        *payload = message;
        *bytes = sizeof todo + size;
    }
    free(items);
    return message ? DESY_OK : desy_error_memory("a message");
}

static int score_items(struct batch *batch, const struct desy_item *items, size_t count, uint64_t todo)
{
    int rc = DESY_OK;
    char *paths[TASK_ITEMS] = {NULL};
    for (size_t i = 0; i < count && rc == DESY_OK; i++) {
        if (!(todo >> i & 1)) continue;
        paths[i] = desy_path_join(batch->root, items[i].video_path);
        char *audio = *items[i].audio_path ? desy_path_join(batch->root, items[i].audio_path) : strdup("");
        rc = paths[i] && audio ? desy_scoring_submit(batch->scoring, &(struct desy_scoring_video){.path = paths[i], .shown = items[i].video_path, .audio_path = audio, .text = items[i].text}) : desy_error_memory("a path");
        free(audio);
    }
    for (size_t i = 0; i < count && rc == DESY_OK; i++) {
        cJSON *result = NULL;
        if (!(todo >> i & 1)) continue;
        rc = desy_scoring_next(batch->scoring, &result);
        if (rc == DESY_OK) rc = desy_journal_add(batch->journal, &items[i], batch->config, paths[i], result);
        cJSON_Delete(result);
    }
    for (size_t i = 0; i < count; i++) free(paths[i]);
    return rc;
}

static int run(void *context, uint64_t task, const void *payload, size_t bytes)
{
    struct desy_item *items = NULL;
    size_t count;
    uint64_t todo;
    (void)task;
    memcpy(&todo, payload, sizeof todo);
    int rc = desy_items_unpack(&items, &count, (const char *)payload + sizeof todo, bytes - sizeof todo);
    if (rc == DESY_OK) rc = score_items(context, items, count, todo);
    free(items);
    return rc;
}

static void done(void *context, uint64_t task, int rank)
{
    struct batch *batch = context;
    (void)rank;
    batch->progress.done += (double)task_count(batch, task);
    batch->progress.items_done += task_count(batch, task);
}

static void tick(void *context)
{
    desy_progress_show(&((struct batch *)context)->progress);
}

static bool stop(void *context)
{
    (void)context;
    return desy_interrupted();
}

static void print_csv_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; text && *text; text++) {
        if (*text == '"') fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

static void print_csv_row(FILE *stream, const cJSON *result)
{
    static const char *const numbers[] = {"confidence", "logit"}, *const levels[] = {"low", "mid", "high"};
    char text[DESY_NUMBER_TEXT];
    const cJSON *scores = cJSON_GetObjectItem(result, "feature_scores"), *verdict = cJSON_GetObjectItem(result, "is_ai_generated");
    print_csv_text(stream, cJSON_GetStringValue(cJSON_GetObjectItem(result, "video_path")));
    fprintf(stream, ",%s,%s", cJSON_GetStringValue(cJSON_GetObjectItem(result, "status")), cJSON_IsBool(verdict) ? cJSON_IsTrue(verdict) ? "1" : "0" : "");
    for (int i = 0; i < 5; i++) {
        const cJSON *number = i < 2 ? cJSON_GetObjectItem(result, numbers[i]) : cJSON_GetObjectItem(scores, levels[i - 2]);
        fprintf(stream, ",%s", cJSON_IsNumber(number) ? desy_number_text(text, number->valuedouble) : "");
    }
    fputc(',', stream);
    print_csv_text(stream, cJSON_GetStringValue(cJSON_GetObjectItem(result, "reason")));
    fputc('\n', stream);
}

static bool is_ok(const cJSON *result)
{
    return strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(result, "status")), "ok") == 0;
}

/* Rank 0: everything in the order of the list. */
static int write_results(struct batch *batch, const char *output, size_t *failed)
{
    int rc;
    struct desy_atomic_file lines = {0}, csv = {0};
    DESY_TRY(desy_atomic_open(&lines, output));
    if (csv_path) DESY_TRY(desy_atomic_open(&csv, csv_path));
    if (csv_path) fputs("video_path,status,is_ai_generated,confidence,logit,low,mid,high,reason\n", csv.stream);
    for (size_t i = 0; i < desy_dataset_count(batch->dataset); i++) {
        cJSON *result = NULL;
        DESY_TRY(desy_journal_result(batch->index, i, &result));
        char *text = NULL;
        rc = desy_json_text(&text, result, false, output);
        if (text) fprintf(lines.stream, "%s\n", text);
        if (csv_path) print_csv_row(csv.stream, result);
        *failed += !is_ok(result);
        cJSON_Delete(result);
        free(text);
        DESY_TRY(rc);
    }
    DESY_TRY(desy_atomic_commit(&lines));
    if (csv_path) DESY_TRY(desy_atomic_commit(&csv));
out:
    desy_atomic_abort(&lines);
    desy_atomic_abort(&csv);
    return rc;
}

/* Rank 0: the list, what of it is done, and the order of work. */
static int plan(struct batch *batch, desy_dataset **dataset, const char *const *arguments, int count, const char *journal, uint64_t **order, uint64_t *tasks)
{
    int rc;
    const char *dot = count == 1 ? strrchr(arguments[0], '.') : NULL;
    bool is_dataset = dot && !desy_is_directory(arguments[0]) && (strcmp(dot, ".json") == 0 || strcmp(dot, ".jsonl") == 0);
    DESY_TRY(is_dataset ? desy_dataset_open(dataset, arguments[0], false) : desy_dataset_from_paths(dataset, arguments, (size_t)count));
    batch->dataset = *dataset;
    batch->root = strdup(desy_dataset_root(*dataset));
    size_t n = desy_dataset_count(*dataset), mine = 0, already = 0;
    DESY_TRY(desy_scoring_check_count(n));
    DESY_TRY(desy_journal_read(&batch->index, journal, *dataset, batch->config));
    *order = calloc(n / TASK_ITEMS + 1, sizeof **order);
    if (!batch->root || !*order) DESY_TRY(desy_error_memory("the plan"));
    for (size_t first = 0; first < n; first += TASK_ITEMS) {
        const size_t items = n - first < TASK_ITEMS ? n - first : TASK_ITEMS;
        size_t todo = 0;
        if (!is_mine(batch, first / TASK_ITEMS)) continue;
        for (size_t i = first; i < first + items; i++) todo += !desy_journal_done(batch->index, i);
        if (todo) (*order)[(*tasks)++] = first / TASK_ITEMS;
        mine += items;
        already += items - todo;
    }
    if (already) desy_log_info("batch: %zu of %zu videos were scored already", already, mine);
out:
    return rc;
}

/* Items of this shard, and those of them that could not be scored. */
static int count_mine(const struct batch *batch, size_t *mine, size_t *failed)
{
    for (size_t i = 0; i < desy_dataset_count(batch->dataset); i++) {
        cJSON *result = NULL;
        if (!is_mine(batch, i / TASK_ITEMS)) continue;
        int rc = desy_journal_result(batch->index, i, &result);
        if (rc != DESY_OK) return rc;
        (*mine)++;
        *failed += !is_ok(result);
        cJSON_Delete(result);
    }
    return DESY_OK;
}

/* The other shards are not at their end: whoever finds all results in the journal writes the scores. */
static int report_shard(const struct batch *batch, size_t missing, const char *output, bool json)
{
    size_t mine = 0, failed = 0;
    int rc = count_mine(batch, &mine, &failed);
    if (rc != DESY_OK) return rc;
    desy_log_info("batch: shard %d of %d is done; %zu of %zu videos, of other shards, are missing: %s will be written by the shard that ends last, or, once "
                  "the others have ended, by the same command without --shard", batch->shard.number, batch->shard.of, missing, desy_dataset_count(batch->dataset), output);
    if (json) {
        cJSON *summary = cJSON_CreateObject();
        cJSON_AddStringToObject(summary, "shard", shard_text);
        cJSON_AddNumberToObject(summary, "missing", (double)missing);
        cJSON_AddNumberToObject(summary, "n", (double)mine);
        cJSON_AddNumberToObject(summary, "n_failed", (double)failed);
        rc = desy_json_print(summary, false, "the summary");
        cJSON_Delete(summary);
    }
    return rc == DESY_OK && failed ? desy_error(DESY_EPARTIAL, "%zu of %zu videos of this shard could not be scored: \"status\" in %s will say why", failed, mine,
                                                output) : rc;
}

static int finish(struct batch *batch, const char *journal, const char *output, bool json)
{
    size_t failed = 0, missing = 0;
    desy_progress_finish(&batch->progress);
    desy_journal_index_close(&batch->index);
    int rc = desy_journal_read(&batch->index, journal, batch->dataset, batch->config);
    for (size_t i = 0; rc == DESY_OK && i < desy_dataset_count(batch->dataset); i++) missing += !desy_journal_done(batch->index, i);
    if (rc == DESY_OK && missing && batch->shard.of > 1) return report_shard(batch, missing, output, json);
    if (rc == DESY_OK) rc = write_results(batch, output, &failed);
    if (rc == DESY_OK) desy_log_info("batch: %s", output);
    if (rc == DESY_OK && json) {
        cJSON *summary = cJSON_CreateObject();
        cJSON_AddStringToObject(summary, "scores", output);
        cJSON_AddNumberToObject(summary, "n", (double)desy_dataset_count(batch->dataset));
        cJSON_AddNumberToObject(summary, "n_failed", (double)failed);
        rc = desy_json_print(summary, false, "the summary");
        cJSON_Delete(summary);
    }
    return rc == DESY_OK && failed ? desy_error(DESY_EPARTIAL, "%zu of %zu videos could not be scored: see \"status\" in %s", failed,
                                                desy_dataset_count(batch->dataset), output) : rc;
}

static int watch_inbox(struct desy_invocation *invocation)
{
    desy_scoring *scoring = NULL;
    int rc = DESY_OK;
    if (desy_size(invocation->world) > 1) return desy_error(DESY_EUSAGE, "--watch runs alone, not under mpirun: its decode helpers use the cores of this machine (--num-workers)");
    if (csv_path || shard_text || batch_clips) return desy_error(DESY_EUSAGE, "--watch writes lines of JSON as videos arrive: it takes no --csv, no --shard and no --batch-clips");
    DESY_TRY(desy_scoring_check_count(2));
    DESY_TRY(desy_scoring_open_rank(&scoring, invocation->world));
    rc = desy_watch(invocation, scoring, invocation->arguments, (size_t)invocation->argument_count, invocation->output);
out:
    desy_scoring_close(&scoring);
    return rc;
}

int desy_batch_command(struct desy_invocation *invocation)
{
    int rc = DESY_OK;
    desy_dataset *dataset = NULL;
    uint64_t *order = NULL, tasks = 0;
    char *journal = NULL;
    desy_world *world = invocation->world;
    struct batch batch = {0};
    if (invocation->argument_count == 0 || !invocation->output) return desy_error(DESY_EUSAGE, "batch needs videos and a file to write to: desy batch DATASET|DIR|LIST -o SCORES.jsonl");
    if (desy_is_directory(invocation->output) || (csv_path && desy_is_directory(csv_path)))
        return desy_error(DESY_EUSAGE, "%s: is a directory, and batch writes a file", desy_is_directory(invocation->output) ? invocation->output : csv_path);
    if (watch) return watch_inbox(invocation);
    DESY_TRY(desy_shard_parse(&batch.shard, shard_text));
    desy_scoring_want_batches(batch_clips);
    journal = desy_format("%s.journal", invocation->output);
    rc = journal ? desy_scoring_open_rank(&batch.scoring, world) : desy_error_memory("a path");
    if (rc == DESY_OK) rc = desy_scoring_sha256(batch.scoring, batch.config);
    if (rc == DESY_OK && desy_rank(world) == 0) rc = plan(&batch, &dataset, invocation->arguments, invocation->argument_count, journal, &order, &tasks);
    if (rc == DESY_OK) rc = desy_journal_open(&batch.journal, journal, desy_shard_writer(&batch.shard, desy_rank(world)));
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_scoring_agree(batch.scoring, world));
    DESY_TRY(desy_broadcast_text(world, &batch.root, 0));
    if (dataset) desy_progress_start(&batch.progress, "batch", (double)tasks * TASK_ITEMS, tasks * TASK_ITEMS, invocation->progress, false);
    const struct desy_queue queue = {.context = &batch, .describe = describe, .run = run, .done = done, .tick = tick, .stop = stop};
    DESY_TRY(desy_queue_run(world, &queue, order, NULL, tasks));
    desy_journal_close(&batch.journal); /* so that other hosts see it whole, before anybody looks for what is missing */
    desy_barrier(world);
    if (desy_rank(world) == 0) rc = finish(&batch, journal, invocation->output, invocation->json);
    rc = desy_agree(world, rc);
out:
    desy_scoring_close(&batch.scoring);
    desy_journal_close(&batch.journal);
    desy_journal_index_close(&batch.index);
    desy_dataset_close(&dataset);
    free(batch.root);
    free(order);
    free(journal);
    return rc;
}
