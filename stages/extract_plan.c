#include "stages/extract_plan.h"

#include "base/error.h"

#include <stdlib.h>

/* The mean of what is known; of nothing, 1. */
static double mean_cost(const desy_dataset *dataset)
{
    double sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < desy_dataset_count(dataset); i++) {
        struct desy_item item;
        desy_dataset_item(dataset, i, &item);
        sum += item.cost, known += item.cost > 0;
    }
    return known ? sum / (double)known : 1;
}

static int costlier_first(const void *a, const void *b)
{
    const struct desy_planned_block *x = a, *y = b;
    if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
    return (x->block > y->block) - (x->block < y->block);
}

static int costlier_task_first(const void *a, const void *b)
{
    const struct desy_planned_task *x = a, *y = b;
    if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Keeps what falls to this shard of all blocks, which are in order. */
static int deal(struct desy_extract_plan *plan, const struct desy_shard *shard)
{
    double *loads = calloc((size_t)shard->of, sizeof *loads);
    if (!loads) return desy_error_memory("the plan");
    plan->mine_count = 0;
    for (size_t i = 0; i < plan->blocks.count; i++) {
        int least = 0;
        for (int s = 1; s < shard->of; s++)
            if (loads[s] < loads[least]) least = s;
        loads[least] += plan->mine[i].cost;
        if (least == shard->number - 1) plan->mine[plan->mine_count++] = plan->mine[i];
    }
    free(loads);
    return DESY_OK;
}

int desy_extract_plan_open(struct desy_extract_plan *plan, const desy_dataset *dataset, int clips, const struct desy_store_shape *shape,
                           const struct desy_shard *shard)
{
    const double mean = mean_cost(dataset);
    *plan = (struct desy_extract_plan){0};
    desy_store_blocks(&plan->blocks, desy_dataset_count(dataset), clips, shape);
    plan->records = calloc(plan->blocks.count, sizeof *plan->records);
    plan->mine = calloc(plan->blocks.count, sizeof *plan->mine);
    if (!plan->records || !plan->mine) return desy_error_memory("the plan");
    for (uint64_t block = 0; block < plan->blocks.count; block++) {
        const size_t first = desy_block_first(&plan->blocks, block);
        plan->mine[block].block = block;
        for (size_t i = first; i < first + desy_block_items(&plan->blocks, block); i++) {
            struct desy_item item;
            desy_dataset_item(dataset, i, &item);
            plan->mine[block].cost += item.cost > 0 ? item.cost : mean;
        }
    }
    qsort(plan->mine, plan->blocks.count, sizeof *plan->mine, costlier_first);
    int rc = deal(plan, shard);
    for (size_t i = 0; i < plan->mine_count; i++) plan->items += desy_block_items(&plan->blocks, plan->mine[i].block);
    return rc;
}

bool desy_extract_plan_done(const struct desy_extract_plan *plan, uint64_t block, bool retry_failed)
{
    const struct desy_block_record *record = &plan->records[block];
    return record->listed && record->items == desy_block_items(&plan->blocks, block) && !(retry_failed && record->videos > record->rows);
}

int desy_extract_plan_tasks(struct desy_extract_plan *plan, int ranks, size_t together, bool retry_failed)
{
    double left = 0;
    const uint64_t most_items = together > DESY_TASK_ITEMS ? together : DESY_TASK_ITEMS;
    plan->tasks = calloc(plan->mine_count + 1, sizeof *plan->tasks);
    if (!plan->tasks) return desy_error_memory("the plan");
    for (size_t i = 0; i < plan->mine_count; i++) {
        if (desy_extract_plan_done(plan, plan->mine[i].block, retry_failed)) plan->mine[i].cost = 0;
        left += plan->mine[i].cost;
    }
    qsort(plan->mine, plan->mine_count, sizeof *plan->mine, costlier_first);
    /* Helpers decode ahead within a task, so small blocks go together; but tasks get smaller towards the end, as a share of what is left. */
    plan->task_count = 0;
    for (size_t i = 0; i < plan->mine_count;) {
        struct desy_planned_task *task = &plan->tasks[plan->task_count++];
        const double most = ranks > 1 ? left / (4.0 * ranks) : left;
        task->first = i;
        do {
            task->items += desy_block_items(&plan->blocks, plan->mine[i].block);
            task->cost += plan->mine[i++].cost;
            task->count++;
            if (i == plan->mine_count || task->items + desy_block_items(&plan->blocks, plan->mine[i].block) > most_items) break;
        } while (task->items < together || task->cost + plan->mine[i].cost <= most);
        left -= task->cost;
    }
    qsort(plan->tasks, plan->task_count, sizeof *plan->tasks, costlier_task_first);
    return DESY_OK;
}

void desy_extract_plan_close(struct desy_extract_plan *plan)
{
    free(plan->records);
    free(plan->mine);
    free(plan->tasks);
    *plan = (struct desy_extract_plan){0};
}
