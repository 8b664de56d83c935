/* desy check: what is wrong with a data set, before hours are spent on it: missing, unreadable, duplicate videos, counts. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "features/dataset.h"
#include "features/helper.h"
#include "features/video_location.h"
#include "mpi/queue.h"
#include "mpi/signals.h"
#include "stages/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16
#define HASH_BYTES 262144 /* at once */
#define LISTED 1000 /* findings of a kind that are listed one by one; the counts are always whole */

static int strict;

const struct poptOption desy_check_options[] = {
    {"strict", 0, POPT_ARG_NONE, &strict, 0, "findings are an error (exit code 2)", NULL}, POPT_TABLEEND};

/* What one rank found out about one item. */
struct finding {
    uint64_t item, content; /* content: first 64 bits of the file's SHA-256 */
    int64_t bytes;
    int32_t status; /* enum desy_status */
    int32_t missing;
};

struct check {
    desy_world *world;
    const desy_dataset *dataset; /* rank 0 */
    char *root;
    desy_helper_pool *helpers;
    struct finding *findings;
    size_t count, room;
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

static int add_finding(struct check *check, const struct finding *finding)
{
    if (check->count == check->room) {
        size_t room = check->room ? 2 * check->room : 256;
        struct finding *larger = realloc(check->findings, room * sizeof *larger);
        if (!larger) return desy_error_memory("findings");
        check->findings = larger, check->room = room;
    }
    check->findings[check->count++] = *finding;
    return DESY_OK;
}

/* The first 64 bits of the SHA-256 of what is there; left alone where nothing can be read. */
static int hash_content(uint64_t *content, const struct desy_video_location *location)
{
    int rc, fd = -1;
    char hex[DESY_SHA256_HEX];
    desy_sha256 *hash = NULL;
    char *buffer = malloc(HASH_BYTES);
    if (!buffer) return desy_error_memory("a file");
    DESY_TRY(desy_video_location_open(&fd, location));
    DESY_TRY(desy_sha256_open(&hash));
    for (int64_t done = 0; done < location->bytes;) {
        int64_t left = location->bytes - done;
        ssize_t got = pread(fd, buffer, (size_t)(left < HASH_BYTES ? left : HASH_BYTES), location->offset + done);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) DESY_TRY(desy_error(DESY_EDATA, "can't be read: %s", got < 0 ? strerror(errno) : "it became shorter"));
        DESY_TRY(desy_sha256_update(hash, buffer, (size_t)got));
        done += got;
    }
    DESY_TRY(desy_sha256_finish(&hash, hex));
    hex[16] = '\0';
    *content = strtoull(hex, NULL, 16);
out:
    desy_sha256_close(&hash);
    if (fd >= 0) close(fd);
    free(buffer);
    return rc;
}

/* Four frames around the middle are decoded: that they come out is what "readable" means here. */
static int look_at(struct check *check, const struct desy_item *items, size_t count, uint64_t first)
{
    int rc = DESY_OK;
    for (size_t i = 0; rc == DESY_OK && i < count; i++) {
        struct desy_clip_request request = {.frames = 4, .transform = DESY_TRANSFORM_EFFICIENTNET};
        char *path = desy_path_join(check->root, items[i].video_path);
        if (!path) return desy_error_memory("a path");
        desy_clip_request_paths(&request, path, "");
        free(path);
        rc = desy_helper_submit(check->helpers, &request);
    }
    for (size_t i = 0; rc == DESY_OK && i < count; i++) {
        const struct desy_clip *clip = NULL;
        struct desy_video_location location;
        DESY_TRY(desy_helper_take(check->helpers, &clip));
        struct finding finding = {.item = first + i, .status = clip->status};
        char *path = desy_path_join(check->root, items[i].video_path);
        if (!path) return desy_error_memory("a path");
        rc = desy_video_locate(&location, path);
        free(path);
        if (rc == DESY_EENV) return rc;
        finding.missing = rc != DESY_OK;
        finding.bytes = finding.missing ? -1 : location.bytes;
        if (!finding.missing && hash_content(&finding.content, &location) == DESY_EENV) return DESY_EENV;
        rc = add_finding(check, &finding);
    }
out:
    return rc;
}

static int run(void *context, uint64_t task, const void *payload, size_t bytes)
{
    struct desy_item *items = NULL;
    size_t count;
    int rc = desy_items_unpack(&items, &count, payload, bytes);
    if (rc == DESY_OK) rc = look_at(context, items, count, task * BATCH);
    free(items);
    return rc;
}

static int by_item(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    return (x->item > y->item) - (x->item < y->item);
}

static int by_content(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->content != y->content) return x->content < y->content ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return by_item(a, b);
}

static void list_finding(cJSON *report, const char *kind, const char *path, const char *other, size_t already)
{
    cJSON *list = cJSON_GetObjectItem(report, "findings"), *entry;
    if (already >= LISTED) return;
    entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "kind", kind);
    cJSON_AddStringToObject(entry, "video_path", path);
    if (other) cJSON_AddStringToObject(entry, "same_as", other);
    cJSON_AddItemToArray(list, entry);
}

/* Rank 0: counts and lists. *problems: how many findings there are. */
static cJSON *make_report(const struct check *check, struct finding *all, size_t n, const char *dataset_sha256, size_t *problems)
{
    size_t counts[DESY_STATUS_CRASHED + 1] = {0}, labels[3] = {0}, missing = 0, duplicates = 0, cross = 0;
    struct desy_item item, other;
    cJSON *report = cJSON_CreateObject();
    cJSON_AddNumberToObject(report, "n", (double)n);
    cJSON_AddStringToObject(report, "dataset_sha256", dataset_sha256);
    cJSON_AddArrayToObject(report, "findings");
    qsort(all, n, sizeof *all, by_item);
    for (size_t i = 0; i < n; i++) {
        desy_dataset_item(check->dataset, i, &item);
        labels[item.label + 1]++;
        if (all[i].missing) list_finding(report, "missing", item.video_path, NULL, missing++);
        else if (all[i].status != DESY_STATUS_OK) list_finding(report, desy_status_name(all[i].status), item.video_path, NULL, counts[all[i].status]++);
    }
    qsort(all, n, sizeof *all, by_content);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (all[i].bytes <= 0 || all[i].content != all[first].content || all[i].bytes != all[first].bytes) {
            first = i;
            continue;
        }
        desy_dataset_item(check->dataset, all[i].item, &item);
        desy_dataset_item(check->dataset, all[first].item, &other);
        list_finding(report, "duplicate", item.video_path, other.video_path, duplicates++);
        cross += item.label != other.label;
    }
    cJSON_AddNumberToObject(report, "n_pos", (double)labels[2]);
    cJSON_AddNumberToObject(report, "n_neg", (double)labels[1]);
    cJSON_AddNumberToObject(report, "n_unlabelled", (double)labels[0]);
    cJSON_AddNumberToObject(report, "n_missing", (double)missing);
    cJSON_AddNumberToObject(report, "n_duplicate", (double)duplicates);
    cJSON_AddNumberToObject(report, "n_duplicate_with_other_label", (double)cross);
    *problems = missing + duplicates;
    if (labels[1] + labels[2] > 0 && (labels[1] == 0 || labels[2] == 0)) {
        list_finding(report, labels[1] ? "no AI-generated video" : "no real video", "", NULL, 0);
        ++*problems;
    }
    for (int s = DESY_STATUS_UNREADABLE; s <= DESY_STATUS_CRASHED; s++) {
        char key[32];
        snprintf(key, sizeof key, "n_%s", desy_status_name((enum desy_status)s));
        cJSON_AddNumberToObject(report, key, (double)counts[s]);
        *problems += counts[s];
    }
    return report;
}

static void print_report(const cJSON *report)
{
    const cJSON *entry = NULL;
    cJSON_ArrayForEach(entry, report)
        if (cJSON_IsNumber(entry)) printf("%-30s %.0f\n", entry->string, entry->valuedouble);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(report, "findings"))
    {
        const char *other = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "same_as"));
        printf("%-12s %s%s%s\n", cJSON_GetStringValue(cJSON_GetObjectItem(entry, "kind")),
               cJSON_GetStringValue(cJSON_GetObjectItem(entry, "video_path")), other ? " = " : "", other ? other : "");
    }
}

static int finish(const struct check *check, struct finding *all, size_t n, const char *output, const struct desy_invocation *invocation, bool speak)
{
    char sha256[65];
    size_t problems = 0;
    int rc = desy_dataset_sha256(check->dataset, sha256);
    if (rc != DESY_OK) return rc;
    cJSON *report = make_report(check, all, n, sha256, &problems);
    if (output) rc = desy_json_write(report, output);
    if (rc == DESY_OK && speak && invocation->json) rc = desy_json_print(report, true, "the findings");
    else if (speak) print_report(report);
    cJSON_Delete(report);
    if (problems) desy_log_warning("check: %zu finding(s) in %zu videos%s%s", problems, n, output ? ": see " : "", output ? output : "");
    else desy_log_info("check: nothing wrong with %zu videos", n);
    return rc == DESY_OK && problems && strict ? desy_error(DESY_EDATA, "%zu finding(s), and --strict was given", problems) : rc;
}

static int run_check(struct desy_invocation *invocation, const char *path, const char *output, bool speak)
{
    int rc = DESY_OK;
    desy_dataset *dataset = NULL;
    uint64_t *order = NULL, tasks = 0;
    struct finding *all = NULL;
    size_t total = 0;
    desy_world *world = invocation->world;
    struct check check = {.world = world};
    if (desy_rank(world) == 0) {
        rc = desy_dataset_open(&dataset, path, false);
        if (rc == DESY_OK && !(check.root = strdup(desy_dataset_root(dataset)))) rc = desy_error_memory("a path");
    }
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_broadcast_text(world, &check.root, 0));
    rc = desy_helper_pool_open(&check.helpers, desy_local_cores(world), 60);
    if (dataset) {
        check.dataset = dataset;
        tasks = (desy_dataset_count(dataset) + BATCH - 1) / BATCH;
        order = malloc(tasks * sizeof *order);
        if (!order) rc = desy_error_memory("the order of work");
        for (uint64_t i = 0; order && i < tasks; i++) order[i] = i;
        desy_progress_start(&check.progress, "check", (double)desy_dataset_count(dataset), desy_dataset_count(dataset), invocation->progress, false);
    }
    DESY_TRY(desy_agree(world, rc));
    const struct desy_queue queue = {.context = &check, .describe = describe, .run = run, .done = done, .tick = tick, .stop = stop};
    DESY_TRY(desy_queue_run(world, &queue, order, NULL, tasks));
    DESY_TRY(desy_gather(world, check.findings, check.count, sizeof *check.findings, (void **)&all, &total));
    if (desy_rank(world) == 0) {
        desy_progress_finish(&check.progress);
        rc = finish(&check, all, total, output, invocation, speak);
    }
    rc = desy_agree(world, rc);
out:
    desy_helper_pool_close(&check.helpers);
    free(check.findings);
    free(check.root);
    free(order);
    free(all);
    desy_dataset_close(&dataset);
    return rc;
}

int desy_check_stage(struct desy_invocation *invocation, const char *dataset, const char *output)
{
    return run_check(invocation, dataset, output, false);
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
    if (rc == DESY_OK) rc = run_check(invocation, invocation->arguments[0], output, true);
    free(output);
    return rc;
}
