/* Inside stages/: what is to be extracted, in which tasks and in what order. Rank 0's business; no MPI, no files. */
#ifndef DESY_STAGES_EXTRACT_PLAN_H
#define DESY_STAGES_EXTRACT_PLAN_H

#include "features/dataset.h"
#include "features/store.h"
#include "stages/shard.h"

#include <stdbool.h>

#define DESY_TASK_ITEMS 16 /* at most, of a task that holds several blocks, unless a rank decodes more at once */

struct desy_planned_block {
    uint64_t block;
    double cost; /* estimate: bytes, seconds in bytes, or the mean of the others */
};

struct desy_planned_task {
    size_t first, count; /* in `mine` */
    uint64_t items;
    double cost; /* 0: done, to be looked at alone */
};

struct desy_extract_plan {
    struct desy_blocks blocks;
    struct desy_block_record *records; /* of each block; zeroed: nothing is done */
    struct desy_planned_block *mine;   /* this shard's */
    struct desy_planned_task *tasks;   /* costliest first */
    size_t mine_count, task_count;
    uint64_t items;                    /* of this shard */
};

/* clips: of an item, at most. Blocks, their estimates, and which of them are this shard's: dealt costliest first to the shard that has least, by what the data set says
 * alone. No file is looked at. DESY_EENV: memory. */
int desy_extract_plan_open(struct desy_extract_plan *plan, const desy_dataset *dataset, int clips, const struct desy_store_shape *shape,
                           const struct desy_shard *shard);
/* With records[] filled in: is the block done, as far as the manifests say? */
bool desy_extract_plan_done(const struct desy_extract_plan *plan, uint64_t block, bool retry_failed);
/* Puts blocks in order and bundles them where they are small, to at most max(`together`, 16) items a task; `together`: what a rank decodes at once. */
int desy_extract_plan_tasks(struct desy_extract_plan *plan, int ranks, size_t together, bool retry_failed);
void desy_extract_plan_close(struct desy_extract_plan *plan);

#endif
