/* The plan of extraction: every item in one block, every block in one task and one shard, whatever the numbers; estimates without a file. */
#include "base/error.h"
#include "base/file.h"
#include "stages/extract_plan.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The program's stat() is this one, so that a plan that looks at files is found out. */
static int stats;
int stat(const char *path, struct stat *status)
{
    stats++;
    return fstatat(AT_FDCWD, path, status, 0);
}

static const struct desy_shard all = {1, 1};
static const struct desy_store_shape shape = {.extractor = "hybrid", .frames = 16, .dims = 2048};

/* Videos that are not there; bytes of item i: 100 + i % 7 of every third, times `scale`, none of the others. */
static desy_dataset *list(size_t items, double scale)
{
    desy_dataset *dataset;
    FILE *file = fopen("list.jsonl", "w");
    assert_non_null(file);
    for (size_t i = 0; i < items; i++) {
        fprintf(file, "{\"video_path\": \"nowhere/%zu.mp4\"", i);
        if (i % 3 == 0 && scale > 0) fprintf(file, ", \"bytes\": %.0f", scale * (double)(100 + i % 7));
        fputs("}\n", file);
    }
    fclose(file);
    assert_int_equal(desy_dataset_open(&dataset, "list.jsonl", false), DESY_OK);
    return dataset;
}

static void blocks_hold_every_item_once(void **state)
{
    (void)state;
    const size_t numbers[] = {1, 2, 4095, 4096, 8191, 8192, 8193, 100000, 999999, 1000000, 3000000, 40000000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct desy_blocks blocks;
        size_t next = 0, singles = 0, largest = desy_store_block_items(numbers[i], 1, &shape);
        desy_store_blocks(&blocks, numbers[i], 1, &shape);
        for (uint64_t block = 0; block < blocks.count; block++) {
            const size_t items = desy_block_items(&blocks, block);
            if (desy_block_first(&blocks, block) != next || items < 1 || items > largest) fail_msg("%zu items, block %llu", numbers[i], (unsigned long long)block);
            next += items;
            singles += items == 1;
        }
        assert_int_equal(next, numbers[i]);
        if (numbers[i] >= 8192) assert_in_range(singles, 1024, 1030); /* a level may end with one */
        if (numbers[i] < 30000000) assert_true(blocks.count < 16384); /* each is a file and a mapping of the index */
    }
}

/* But for the last of a size, whose items end there. */
static void blocks_of_whole_batches(void **state)
{
    (void)state;
    struct desy_store_shape batched = shape;
    const size_t numbers[] = {1, 7, 8, 9, 20000, 200000, 3000000};
    batched.batch = 8;
    assert_int_equal(desy_store_block_items(100, 1, &batched), 8);
    assert_int_equal(desy_store_block_items(100, 3, &batched), 3); /* 9 clips */
    assert_int_equal(desy_store_block_items(100, 9, &batched), 1);
    assert_int_equal(desy_store_block_items(4096 * 20, 1, &batched), 16);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct desy_blocks blocks;
        size_t next = 0, broken = 0;
        desy_store_blocks(&blocks, numbers[i], 1, &batched);
        for (uint64_t block = 0; block < blocks.count; block++) {
            assert_int_equal(desy_block_first(&blocks, block), next);
            next += desy_block_items(&blocks, block);
            broken += desy_block_items(&blocks, block) % 8 != 0;
        }
        assert_int_equal(next, numbers[i]);
        assert_true(broken <= blocks.level_count);
    }
}

static void no_file_is_looked_at(void **state)
{
    (void)state;
    int64_t size, mtime;
    struct desy_extract_plan plan;
    desy_dataset *dataset = list(9000, 1);
    stats = 0;
    desy_file_stamp("list.jsonl", &size, &mtime);
    assert_int_equal(stats, 1); /* they are counted */
    assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &all), DESY_OK);
    assert_int_equal(desy_extract_plan_tasks(&plan, 3, 2, false), DESY_OK);
    assert_int_equal(stats, 1);
    desy_extract_plan_close(&plan);
    desy_dataset_close(&dataset);
}

/* Known ones as they are, the others their mean; of nothing known, all alike. */
static void estimates(void **state)
{
    (void)state;
    struct desy_extract_plan plan;
    desy_dataset *dataset = list(4, 10); /* blocks of one item: 1000, -, -, 1030 */
    assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &all), DESY_OK);
    assert_int_equal(plan.mine_count, 4);
    const struct desy_planned_block expected[] = {{3, 1030}, {1, 1015}, {2, 1015}, {0, 1000}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(plan.mine[i].block, expected[i].block);
        assert_true(plan.mine[i].cost == expected[i].cost);
    }
    desy_extract_plan_close(&plan);
    desy_dataset_close(&dataset);
    dataset = list(3, 0);
    assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &all), DESY_OK);
    for (int i = 0; i < 3; i++) assert_true(plan.mine[i].cost == plan.mine[0].cost && plan.mine[i].cost > 0);
    desy_extract_plan_close(&plan);
    desy_dataset_close(&dataset);
}

/* Marks the blocks of a plan's tasks. */
static void mark(const struct desy_extract_plan *plan, size_t together, int *times)
{
    for (size_t t = 0; t < plan->task_count; t++) {
        const struct desy_planned_task *task = &plan->tasks[t];
        uint64_t items = 0;
        assert_true(t == 0 || task->cost <= plan->tasks[t - 1].cost);
        for (size_t b = task->first; b < task->first + task->count; b++) {
            times[plan->mine[b].block]++;
            items += desy_block_items(&plan->blocks, plan->mine[b].block);
        }
        assert_int_equal(items, task->items);
        assert_true(task->count == 1 || items <= (together > DESY_TASK_ITEMS ? together : DESY_TASK_ITEMS));
    }
}

static void shards_and_tasks_hold_every_block_once(void **state)
{
    (void)state;
    const int shards[] = {1, 2, 3, 7, 5000}, ranks[] = {1, 2, 64};
    desy_dataset *dataset = list(4500, 1000);
    for (size_t s = 0; s < 5; s++)
        for (size_t r = 0; r < 3; r++) {
            int *times = calloc(4500, sizeof *times);
            double least = 1e99, most = 0;
            size_t blocks = 0;
            for (int k = 1; k <= shards[s]; k += shards[s] < 100 ? 1 : 499) {
                struct desy_extract_plan plan;
                const struct desy_shard shard = {k, shards[s]};
                double load = 0;
                assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &shard), DESY_OK);
                for (size_t b = 0; b < plan.mine_count; b++) load += plan.mine[b].cost;
                assert_int_equal(desy_extract_plan_tasks(&plan, ranks[r], 4, false), DESY_OK);
                mark(&plan, 4, times);
                blocks = plan.blocks.count;
                least = load < least ? load : least, most = load > most ? load : most;
                desy_extract_plan_close(&plan);
            }
            for (size_t b = 0; b < blocks; b++)
                if (shards[s] < 100 ? times[b] != 1 : times[b] > 1) fail_msg("block %zu of shard x/%d: %d times", b, shards[s], times[b]);
            if (shards[s] < 100) assert_true(most < 1.01 * least);
            free(times);
        }
    desy_dataset_close(&dataset);
}

/* A rank with many helpers gets as many videos at once as they can decode. */
static void many_helpers_have_work(void **state)
{
    (void)state;
    struct desy_extract_plan plan;
    int times[640] = {0};
    desy_dataset *dataset = list(640, 0);
    assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &all), DESY_OK);
    assert_int_equal(desy_extract_plan_tasks(&plan, 1, 64, false), DESY_OK);
    mark(&plan, 64, times);
    assert_int_equal(plan.task_count, 10);
    for (int block = 0; block < 640; block++) assert_int_equal(times[block], 1);
    desy_extract_plan_close(&plan);
    desy_dataset_close(&dataset);
}

static void what_is_done_comes_last(void **state)
{
    (void)state;
    struct desy_extract_plan plan;
    desy_dataset *dataset = list(100, 1000);
    assert_int_equal(desy_extract_plan_open(&plan, dataset, 1, &shape, &all), DESY_OK);
    for (uint64_t block = 0; block < 100; block += 2) plan.records[block] = (struct desy_block_record){.listed = true, .items = 1, .ok = block != 8, .failed = block == 8, .videos = 1, .rows = block != 8};
    assert_true(desy_extract_plan_done(&plan, 8, false));
    assert_false(desy_extract_plan_done(&plan, 8, true));
    assert_int_equal(desy_extract_plan_tasks(&plan, 2, 1, true), DESY_OK);
    for (size_t b = 0; b < 100; b++) assert_int_equal(plan.mine[b].cost > 0, b < 51);
    desy_extract_plan_close(&plan);
    desy_dataset_close(&dataset);
}

static void shard_names(void **state)
{
    (void)state;
    struct desy_shard shard;
    assert_int_equal(desy_shard_parse(&shard, NULL), DESY_OK);
    assert_true(shard.number == 1 && shard.of == 1);
    assert_int_equal(desy_shard_parse(&shard, "2/8"), DESY_OK);
    assert_true(shard.number == 2 && shard.of == 8);
    assert_int_equal(desy_shard_writer(&shard, 3), 200003);
    assert_int_equal(desy_shard_writer(&all, 3), 3);
    const char *const wrong[] = {"0/8", "9/8", "-1/8", "2", "2/", "/8", "2/8x", "a/b", "", "1/0", "1/100000", " 1/2", "1/ 2", "+1/2", "1/99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(desy_shard_parse(&shard, wrong[i]), DESY_EUSAGE);
        assert_non_null(strstr(desy_error_message(), "--shard"));
    }
    assert_int_equal(desy_shard_parse(&shard, "9/8"), DESY_EUSAGE);
    assert_non_null(strstr(desy_error_message(), "from 1 to 8"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_hold_every_item_once), cmocka_unit_test(blocks_of_whole_batches), cmocka_unit_test(no_file_is_looked_at), cmocka_unit_test(estimates),
        cmocka_unit_test(shards_and_tasks_hold_every_block_once), cmocka_unit_test(many_helpers_have_work), cmocka_unit_test(what_is_done_comes_last), cmocka_unit_test(shard_names),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
