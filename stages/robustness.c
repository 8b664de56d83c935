#include "stages/robustness.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/alteration.h"
#include "features/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* *path: new; where the store's videos are listed. */
static int find_dataset(const struct desy_robustness *r, char **path)
{
    cJSON *made = NULL;
    char *file = desy_path_join(r->store, "extract.json");
    int rc = file ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && !r->dataset) rc = desy_json_read(&made, file);
    const char *named = r->dataset ? r->dataset : desy_json_text_of(made, "dataset");
    if (rc == DESY_OK && !named) rc = desy_error(DESY_EDATA, "%s does not say where its data set is: add --dataset FILE", file);
    if (rc == DESY_OK && !desy_file_exists(named)) rc = desy_error(DESY_EDATA, "%s, of which %s was made, is not there: add --dataset FILE", named, r->store);
    if (rc == DESY_OK && !(*path = strdup(named))) rc = desy_error_memory("a path");
    cJSON_Delete(made);
    free(file);
    return rc;
}

/* One line of the list: the item with a path that holds from anywhere, in the part it has here. */
static int put_item(FILE *stream, const desy_dataset *dataset, const char *root, uint64_t index, const char *part)
{
    struct desy_item item;
    char *line = NULL;
    desy_dataset_item(dataset, index, &item);
    char *path = desy_path_join(root, item.video_path), *audio = *item.audio_path ? desy_path_join(root, item.audio_path) : strdup("");
    cJSON *json = cJSON_CreateObject();
    const bool ok = path && audio && json && cJSON_AddStringToObject(json, "video_path", path) && cJSON_AddNumberToObject(json, "label", item.label) && cJSON_AddStringToObject(json, "source", item.source) &&
                    cJSON_AddStringToObject(json, "group", item.group) && cJSON_AddStringToObject(json, "split", part) && (!*item.text || cJSON_AddStringToObject(json, "text", item.text)) &&
                    (!*audio || cJSON_AddStringToObject(json, "audio_path", audio));
    int rc = ok ? desy_json_text(&line, json, false, path) : desy_error_memory("a list of videos");
    if (rc == DESY_OK) fprintf(stream, "%s\n", line); /* commit looks at ferror */
    cJSON_Delete(json);
    free(line);
    free(path);
    free(audio);
    return rc;
}

/* Rank 0: the evaluated items as part "test", then those of validation. */
static int write_list(const struct desy_robustness *r, const char *list)
{
    struct desy_atomic_file file = {0};
    desy_dataset *dataset = NULL;
    char *path = NULL, *root = NULL, sha256[65];
    const char *of_store = desy_store_attribute(r->scoring->store, "dataset_sha256");
    int rc;
    DESY_TRY(find_dataset(r, &path));
    DESY_TRY(desy_dataset_open(&dataset, path, false));
    DESY_TRY(desy_dataset_sha256(dataset, sha256));
    if (desy_dataset_count(dataset) != r->scoring->items.count || !of_store || strcmp(sha256, of_store) != 0)
        DESY_TRY(desy_error(DESY_EDATA, "%s is not the list that %s was made of (it may have changed since): name that with --dataset, or extract again", path, r->store));
    root = realpath(*desy_dataset_root(dataset) ? desy_dataset_root(dataset) : ".", NULL);
    if (!root) DESY_TRY(desy_error(DESY_EDATA, "%s: its directory can't be found", path));
    DESY_TRY(desy_atomic_open(&file, list));
    for (size_t i = 0; i < r->evaluated->n && rc == DESY_OK; i++) rc = put_item(file.stream, dataset, root, r->evaluated->items[i], "test");
    for (size_t i = 0; i < r->validation->n && rc == DESY_OK; i++) rc = put_item(file.stream, dataset, root, r->validation->items[i], "val");
    if (rc == DESY_OK) rc = desy_atomic_commit(&file);
    else desy_atomic_abort(&file);
out:
    desy_dataset_close(&dataset);
    free(path);
    free(root);
    return rc;
}

/* Both parts of every view; view 0 is of videos as they are. */
static int score_views(const desy_world *world, const struct desy_store_scoring *scoring, struct desy_altered_scores *altered, size_t n)
{
    struct desy_chosen_items evaluated = {0}, validation = {0};
    int rc;
    DESY_TRY(desy_choose_items(&scoring->items, false, DESY_SPLIT_TEST, &evaluated));
    DESY_TRY(desy_choose_items(&scoring->items, false, DESY_SPLIT_VAL, &validation));
    for (size_t k = 0; k < n; k++) {
        altered[k].name = k == 0 ? "as_is" : desy_alteration((int)k)->name;
        altered[k].words = k == 0 ? "as they are" : desy_alteration((int)k)->words;
        DESY_TRY(desy_store_score(scoring, world, &evaluated, (int)k, &altered[k].evaluated));
        DESY_TRY(desy_store_score(scoring, world, &validation, (int)k, &altered[k].validation));
    }
out:
    free(evaluated.items);
    free(validation.items);
    return rc;
}

int desy_robustness_score(struct desy_invocation *invocation, const struct desy_robustness *r, struct desy_altered_scores **altered, size_t *n)
{
    desy_world *world = invocation->world;
    const bool first = desy_rank(world) == 0;
    struct desy_store_scoring scoring = *r->scoring; /* of the other store */
    struct desy_invocation quiet = *invocation;
    quiet.json = false; /* one document, the report's */
    char *folder = desy_path_join(r->directory, "robustness"), *list = folder ? desy_path_join(folder, "dataset.jsonl") : NULL, *store = folder ? desy_path_join(folder, "store") : NULL;
    int rc = list && store ? DESY_OK : desy_error_memory("a path");
    scoring.store = NULL, scoring.items = (struct desy_items){0};
    *n = 1 + (size_t)desy_alteration_count();
    *altered = calloc(*n, sizeof **altered);
    if (rc == DESY_OK && !*altered) rc = desy_error_memory("scores of altered videos");
    if (rc == DESY_OK && first) rc = desy_make_directory(folder);
    if (rc == DESY_OK && first) rc = write_list(r, list);
    DESY_TRY(desy_agree(world, rc));
    if (first) desy_log_info("eval: %zu videos, each altered in %d ways", r->evaluated->n + r->validation->n, desy_alteration_count());
    rc = desy_extract_altered_stage(&quiet, list, store, &(struct desy_extract_like){r->store, r->weights, r->device});
    if (rc != DESY_EPARTIAL) DESY_TRY(rc); /* what can't be read altered is counted */
    rc = desy_store_open(&scoring.store, store);
    if (rc == DESY_OK) rc = desy_store_scoring_check(&scoring, store, r->model, first);
    DESY_TRY(desy_agree(world, rc));
    DESY_TRY(desy_items_read(world, scoring.store, invocation->seed, false, &scoring.items));
    rc = desy_agree(world, score_views(world, &scoring, *altered, *n));
out:
    desy_items_close(&scoring.items);
    desy_store_close(&scoring.store);
    free(folder);
    free(list);
    free(store);
    return rc;
}

void desy_robustness_close(struct desy_altered_scores *altered, size_t n)
{
    for (size_t k = 0; altered && k < n; k++) {
        desy_scores_close(&altered[k].evaluated);
        desy_scores_close(&altered[k].validation);
    }
    free(altered);
}
