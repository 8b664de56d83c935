/* The end of an extraction: the index, once all blocks stand, and what to say. */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "stages/extract.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What stands after the queue, on rank 0. */
struct outcome {
    uint64_t ok, failed;  /* items: of this shard while blocks of others are missing, else of all */
    uint64_t clips, lost; /* read; not read, of items that are ok */
    uint64_t missing;     /* blocks of other shards */
};

/* Is there a segment of this block, for this very data set? Whoever has the block in its part has seen to it that the segment is right. */
static bool stands(const struct desy_extraction *e, uint64_t block)
{
    return desy_extract_plan_done(&e->plan, block, false) && strcmp(e->plan.records[block].dataset_sha256, e->dataset_sha256) == 0;
}

/* The queue found segments of this part right that were made before the data set changed elsewhere: other shards shall know. */
static int affirm(const struct desy_extraction *e)
{
    const struct desy_extract_plan *plan = &e->plan;
    size_t count = 0;
    uint64_t *blocks = calloc(plan->mine_count + 1, sizeof *blocks);
    if (!blocks) return desy_error_memory("the manifest");
    for (size_t i = 0; i < plan->mine_count; i++) {
        const uint64_t block = plan->mine[i].block;
        if (desy_extract_plan_done(plan, block, false) && !stands(e, block)) blocks[count++] = block;
    }
    int rc = count == 0 ? DESY_OK : desy_store_affirm(e->store, desy_shard_writer(&e->shard, 0), plan->records, blocks, count, e->config_sha256, e->dataset_sha256);
    free(blocks);
    return rc;
}

static int add_up(struct outcome *outcome, const struct desy_extraction *e)
{
    const struct desy_extract_plan *plan = &e->plan;
    *outcome = (struct outcome){0};
    for (size_t block = 0; block < plan->blocks.count; block++) outcome->missing += !stands(e, block);
    for (size_t i = 0; i < (outcome->missing ? plan->mine_count : plan->blocks.count); i++) {
        const uint64_t block = outcome->missing ? plan->mine[i].block : i;
        const struct desy_block_record *record = &plan->records[block];
        if (!stands(e, block))
            return desy_error(DESY_EDATA, "%s: block %" PRIu64 " was just written, and is gone or another's: when nothing else works on this part of the store, "
                              "run the same command again", e->store, block);
        outcome->ok += record->ok, outcome->failed += record->failed;
        outcome->clips += record->rows, outcome->lost += record->videos - record->rows - record->failed;
    }
    return DESY_OK;
}

/* Looks again. Blocks that other shards replaced meanwhile, or are replacing, do not count as listed. */
static int drop_changed(size_t *changed, struct desy_extraction *e)
{
    const struct desy_extract_plan *plan = &e->plan;
    struct desy_block_record *now = calloc(plan->blocks.count, sizeof *now);
    *changed = 0;
    if (!now) return desy_error_memory("the manifest");
    int rc = desy_store_scan(now, plan->blocks.count, e->store, e->config_sha256);
    for (size_t block = 0; rc == DESY_OK && block < plan->blocks.count; block++) {
        const bool same = now[block].listed && strcmp(now[block].sha256, plan->records[block].sha256) == 0;
        plan->records[block] = now[block];
        plan->records[block].listed = same;
        *changed += !same;
    }
    free(now);
    return rc;
}

static int make_index(struct desy_extraction *e)
{
    int rc;
    cJSON *provenance = cJSON_Duplicate(e->config, true);
    if (!provenance || !cJSON_AddStringToObject(provenance, "config_sha256", e->config_sha256) ||
        !cJSON_AddStringToObject(provenance, "dataset_sha256", e->dataset_sha256) || !cJSON_AddStringToObject(provenance, "desy", DESY_VERSION))
        DESY_TRY(desy_error_memory("the provenance"));
    DESY_TRY(desy_store_index(e->store, e->plan.records, e->plan.blocks.count, &e->worker.shape, provenance));
out:
    cJSON_Delete(provenance);
    return rc;
}

/* Rank 0: index.h5, unless the one that is there is of these segments, or blocks of other shards are missing. Those may replace theirs at any time. */
static int write_index(struct desy_extraction *e, struct outcome *outcome)
{
    struct desy_extract_plan *plan = &e->plan;
    const size_t blocks = plan->blocks.count;
    size_t changed;
    int rc;
    DESY_TRY(desy_store_scan(plan->records, blocks, e->store, e->config_sha256));
    DESY_TRY(affirm(e));
    for (int attempt = 0; attempt < 3; attempt++) {
        DESY_TRY(desy_store_scan(plan->records, blocks, e->store, e->config_sha256));
        DESY_TRY(add_up(outcome, e));
        if (outcome->missing) goto out;
        if (desy_store_index_current(e->store, plan->records, blocks)) goto out;
        const int made = make_index(e);
        if (made != DESY_OK && made != DESY_EDATA) DESY_TRY(made);
        DESY_TRY(drop_changed(&changed, e));
        if (changed == 0) {
            rc = made;
            goto out;
        }
        if (!desy_store_index_current(e->store, plan->records, blocks)) DESY_TRY(desy_store_index_remove(e->store));
    }
    DESY_TRY(add_up(outcome, e));
out:
    if (rc == DESY_OK && !outcome->missing) desy_store_sweep(e->store, e->shard.of == 1);
    return rc;
}

/* Rank 0. */
static int report(const struct desy_extraction *e, const struct outcome *outcome)
{
    desy_log_info("extract: %" PRIu64 " items ok (%" PRIu64 " clips), %" PRIu64 " failed, in %s", outcome->ok, outcome->clips, outcome->failed, e->store);
    if (outcome->lost)
        desy_log_warning("extract: of %" PRIu64 " of the items that are ok a later window%s could not be read; %s/quarantine.jsonl says why", outcome->lost,
                         e->worker.views ? " or a view" : "", e->store);
    if (outcome->missing)
        desy_log_info("extract: shard %d of %d is done; %" PRIu64 " of %zu blocks, of other shards, are missing: the index will be written by the shard that "
                      "ends last, or, once the others have ended, by the same command without --shard", e->shard.number, e->shard.of, outcome->missing, e->plan.blocks.count);
    if (!e->invocation->json) return DESY_OK;
    cJSON *summary = cJSON_CreateObject();
    cJSON_AddStringToObject(summary, "store", e->store);
    cJSON_AddNumberToObject(summary, "n", (double)(outcome->ok + outcome->failed));
    cJSON_AddNumberToObject(summary, "n_failed", (double)outcome->failed);
    cJSON_AddNumberToObject(summary, "clips", (double)outcome->clips);
    if (e->part) cJSON_AddStringToObject(summary, "shard", e->part);
    if (e->part) cJSON_AddNumberToObject(summary, "missing_blocks", (double)outcome->missing);
    int rc = desy_json_print(summary, false, "the summary");
    cJSON_Delete(summary);
    return rc;
}

int desy_extract_finish(struct desy_extraction *e)
{
    desy_world *world = e->invocation->world;
    const bool first = desy_rank(world) == 0;
    struct outcome outcome = {0};
    int rc = first ? write_index(e, &outcome) : DESY_OK;
    if (rc == DESY_OK && first) rc = report(e, &outcome);
    rc = desy_agree(world, rc);
    if (rc != DESY_OK) return rc;
    desy_broadcast(world, &outcome, sizeof outcome, 0);
    if (outcome.failed == 0) return rc;
    return desy_error(DESY_EPARTIAL, "%" PRIu64 " of %" PRIu64 " items failed; %s/quarantine.jsonl says why%s", outcome.failed, outcome.ok + outcome.failed,
                      e->store, outcome.missing ? ", once all shards are done" : "");
}
