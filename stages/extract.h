/* Inside stages/: the parts of `desy extract`. */
#ifndef DESY_STAGES_EXTRACT_H
#define DESY_STAGES_EXTRACT_H

#include "base/hash.h"
#include "features/batches.h"
#include "features/extract_config.h"
#include "features/extractor.h"
#include "features/helper.h"
#include "features/store.h"
#include "features/torchscript.h"
#include "model/model.h"
#include "stages/extract_plan.h"
#include "stages/stage.h"

/* ---- the configuration, over ranks and in the store (extract_config.c) ---- */

/* Collective: this process's must be that of rank 0. DESY_EENV names the rank and what differs. */
int desy_extract_agree_config(desy_world *world, const cJSON *config);
/* Writes STORE/extract.json, with where the data set is, or compares with the one that is there (DESY_EDATA: another configuration, or no JSON). */
int desy_extract_keep_config(const char *store, const char *dataset, const cJSON *config, const char *config_sha256);

/* ---- one rank's work on tasks (extract_task.c); a task is a few blocks, decoded ahead over all of them ---- */

struct desy_extract_worker {
    const struct desy_extractor *extractor;
    void *state; /* of the extractor */
    desy_helper_pool *helpers;
    int ahead; /* videos and views that may be submitted and not taken */
    const char *root, *store, *config_sha256, *dataset_sha256;
    struct desy_clip_request request; /* of every item; but for its paths and views */
    int views;                        /* of each, beside the original */
    struct desy_store_shape shape;
    desy_committer *committer; /* whoever waits for the last task waits for this, too */
    int64_t resumed, made; /* items: found done; extracted now */
};

/* blocks[n] with their items as a message; expected[i]: inputs hash of a block that is done, "" for one that is not. */
struct desy_extract_block {
    uint64_t block;
    size_t first, count; /* items */
    const char *expected;
    uint64_t made_us; /* of its newest line; 0: none */
};
int desy_extract_pack(void **payload, size_t *bytes, const desy_dataset *dataset, const struct desy_extract_block *blocks, size_t n);
/* Does such a message's work. Blocks that are done and whose inputs are what they were are left alone.
 * DESY_EINTERRUPTED: stopped after a block. */
int desy_extract_work(struct desy_extract_worker *worker, const void *payload, size_t bytes);

/* ---- the whole (extract.c), and its end (extract_finish.c) ---- */

struct desy_extraction {
    struct desy_invocation *invocation;
    const char *dataset_path, *store;
    struct desy_shard shard;
    const char *part;              /* --shard as given; NULL: all */
    desy_dataset *dataset;         /* rank 0 */
    struct desy_extract_plan plan; /* rank 0 */
    struct desy_extract_worker worker;
    enum desy_precision precision;
    struct desy_torchscript torchscript; /* where the extractor is a file */
    cJSON *config;
    const cJSON *like;             /* the configuration of a store that this one must be like; NULL: none */
    char *root, device[16], config_sha256[DESY_SHA256_HEX], dataset_sha256[DESY_SHA256_HEX];
    struct desy_progress progress;
};

/* Collective: once the queue is empty. DESY_EPARTIAL: some items failed. */
int desy_extract_finish(struct desy_extraction *e);

#endif
