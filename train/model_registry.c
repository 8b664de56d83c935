#include "train/model_registry.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "train/channel.h"
#include "train/model_directory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const cJSON *member(const cJSON *model, const char *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object ? cJSON_GetObjectItemCaseSensitive(model, object) : model, key);
}

static double number_of(const cJSON *model, const char *object, const char *key)
{
    return cJSON_GetNumberValue(member(model, object, key));
}

static bool equal_texts(const cJSON *a, const cJSON *b, const char *object, const char *key)
{
    const char *one = cJSON_GetStringValue(member(a, object, key)), *other = cJSON_GetStringValue(member(b, object, key));
    return one && other && strcmp(one, other) == 0;
}

static void add_known(cJSON *object, const char *key, double value)
{
    if (isfinite(value)) cJSON_AddNumberToObject(object, key, value);
}

/* Names the versions that are there: one that is not was mistyped, or removed. */
static int refuse_missing(const char *save_dir, const char *version)
{
    int *versions, rc;
    size_t n;
    DESY_TRY(desy_model_versions(&versions, &n, save_dir));
    if (n == 0) rc = desy_error(DESY_EDATA, "%s: no version of a model there: desy train STORE --save-dir %s makes one", save_dir, save_dir);
    else if (n == 1) rc = desy_error(DESY_EDATA, "%s: no version %s there, but v%04d alone", save_dir, version, versions[0]);
    else rc = desy_error(DESY_EDATA, "%s: no version %s there, but %zu from v%04d to v%04d: desy models list --save-dir %s", save_dir, version, n, versions[0], versions[n - 1], save_dir);
    free(versions);
out:
    return rc;
}

int desy_registry_open(desy_classifier **classifier, const char *save_dir, const char *version)
{
    char *directory = NULL;
    int rc;
    *classifier = NULL;
    if (!desy_is_directory(save_dir)) return desy_error(DESY_EDATA, "%s: no such directory: --save-dir names where desy train has put its models", save_dir);
    if (strcmp(version, "current") == 0) DESY_TRY(desy_model_follow_current(&directory, save_dir));
    else if (!(directory = desy_path_join(save_dir, version))) DESY_TRY(desy_error_memory("a path"));
    if (strcmp(version, "current") != 0 && (!desy_is_version(version) || !desy_is_directory(directory))) DESY_TRY(refuse_missing(save_dir, version));
    rc = desy_classifier_open(classifier, directory, "cpu");
    if (rc != DESY_OK && !strstr(desy_error_message(), directory)) { /* some messages say "model.json" alone */
        char *message = strdup(desy_error_message());
        rc = desy_error(rc, "%s: %s", directory, message ? message : "can't be read");
        free(message);
    }
out:
    free(directory);
    return rc;
}

/* Which levels have a channel. */
static cJSON *list_levels(const cJSON *model)
{
    cJSON *levels = cJSON_CreateArray();
    const cJSON *channel;
    for (int level = 0; level < DESY_LEVELS; level++) {
        const char *name = desy_level_name((enum desy_level)level);
        bool has = false;
        cJSON_ArrayForEach(channel, member(model, NULL, "channels"))
        {
            const char *of = cJSON_GetStringValue(member(channel, NULL, "level"));
            has |= of && strcmp(of, name) == 0;
        }
        if (has) cJSON_AddItemToArray(levels, cJSON_CreateString(name));
    }
    return levels;
}

cJSON *desy_model_summary(const cJSON *model)
{
    cJSON *summary = cJSON_CreateObject();
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(member(model, "training", "items"), "train");
    const char *desy = cJSON_GetStringValue(member(model, NULL, "desy"));
    add_known(summary, "out_of_fold_auc", number_of(model, "out_of_fold", "roc_auc"));
    add_known(summary, "validation_auc", number_of(model, "validation", "roc_auc"));
    add_known(summary, "threshold", number_of(model, NULL, "threshold"));
    cJSON_AddItemToObject(summary, "levels", list_levels(model));
    add_known(summary, "training_items", number_of(items, NULL, "real") + number_of(items, NULL, "ai"));
    if (desy) cJSON_AddStringToObject(summary, "desy", desy);
    return summary;
}

/* When model.json was written; a model made twice is the same bytes, so it does not say itself. */
static void add_made(cJSON *entry, const char *directory)
{
    char *path = desy_path_join(directory, "model.json"), text[32];
    int64_t size, mtime_ns = -1;
    struct tm utc;
    if (path) desy_file_stamp(path, &size, &mtime_ns);
    const time_t seconds = (time_t)(mtime_ns / 1000000000);
    if (mtime_ns >= 0 && gmtime_r(&seconds, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)) cJSON_AddStringToObject(entry, "made", text);
    free(path);
}

static int add_version(cJSON *versions, const char *save_dir, const char *name, const char *current)
{
    cJSON *entry = cJSON_CreateObject();
    desy_classifier *classifier = NULL;
    char *directory = desy_path_join(save_dir, name);
    if (!entry || !directory || !cJSON_AddItemToArray(versions, entry)) {
        cJSON_Delete(entry);
        free(directory);
        return desy_error_memory("versions");
    }
    cJSON_AddStringToObject(entry, "name", name);
    cJSON_AddBoolToObject(entry, "current", strcmp(name, current) == 0);
    add_made(entry, directory);
    if (desy_registry_open(&classifier, save_dir, name) == DESY_OK) cJSON_AddItemToObject(entry, "summary", desy_model_summary(desy_classifier_model(classifier)));
    else cJSON_AddStringToObject(entry, "fault", desy_error_message());
    desy_classifier_close(&classifier);
    free(directory);
    return DESY_OK;
}

int desy_registry_list(cJSON **report, const char *save_dir)
{
    char name[16], current[DESY_VERSION_NAME];
    int *numbers = NULL, rc;
    size_t n = 0;
    cJSON *versions;
    *report = NULL;
    DESY_TRY(desy_model_versions(&numbers, &n, save_dir));
    if (n == 0) DESY_TRY(refuse_missing(save_dir, ""));
    DESY_TRY(desy_history_current(current, save_dir));
    *report = cJSON_CreateObject();
    cJSON_AddStringToObject(*report, "save_dir", save_dir);
    if (*current) cJSON_AddStringToObject(*report, "current", current);
    versions = cJSON_AddArrayToObject(*report, "versions");
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "v%04d", numbers[i]);
        DESY_TRY(add_version(versions, save_dir, name, current));
    }
out:
    free(numbers);
    if (rc != DESY_OK) {
        cJSON_Delete(*report);
        *report = NULL;
    }
    return rc;
}

enum desy_model_order desy_model_order(const cJSON *candidate, const cJSON *other)
{
    const double mine = number_of(candidate, "out_of_fold", "roc_auc"), its = number_of(other, "out_of_fold", "roc_auc");
    if (!equal_texts(candidate, other, "training", "data_sha256") || !equal_texts(candidate, other, "training", "training_sha256") || isnan(mine) || isnan(its)) return DESY_MODEL_OTHER_DATA;
    return mine < its ? DESY_MODEL_WORSE : DESY_MODEL_AS_GOOD;
}

/* {"what", "a", "b"}; a side that is NULL is absent. */
static void add_pair(cJSON *list, const char *what, const cJSON *a, const cJSON *b)
{
    cJSON *pair = cJSON_CreateObject();
    cJSON_AddStringToObject(pair, "what", what);
    if (a) cJSON_AddItemToObject(pair, "a", cJSON_Duplicate(a, true));
    if (b) cJSON_AddItemToObject(pair, "b", cJSON_Duplicate(b, true));
    cJSON_AddItemToArray(list, pair);
}

/* Members that are results, or follow from others. */
static bool is_left_out(const char *key)
{
    static const char *const names[] = {"commands", "curves", "fingerprint"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0) return true;
    return false;
}

/* Every leaf that is not the same on both sides. */
static void add_differences(cJSON *list, const char *what, const cJSON *a, const cJSON *b)
{
    char inner[128];
    const cJSON *child;
    if (!cJSON_IsObject(a) && !cJSON_IsObject(b)) {
        if ((a || b) && !(a && b && cJSON_Compare(a, b, true))) add_pair(list, what, a, b);
        return;
    }
    for (int side = 0; side < 2; side++) {
        const cJSON *of_side = side ? b : a;
        cJSON_ArrayForEach(child, of_side)
        {
            const cJSON *in_a = cJSON_GetObjectItemCaseSensitive(a, child->string), *in_b = cJSON_GetObjectItemCaseSensitive(b, child->string);
            if ((side && in_a) || is_left_out(child->string)) continue; /* was met on the first side */
            snprintf(inner, sizeof inner, "%s.%s", what, child->string);
            add_differences(list, inner, in_a, in_b);
        }
    }
}

/* {"e": "low, small, 63 inputs", ...} */
static cJSON *describe_channels(const cJSON *model)
{
    cJSON *channels = cJSON_CreateObject();
    const cJSON *channel;
    cJSON_ArrayForEach(channel, member(model, NULL, "channels"))
    {
        char text[128];
        const char *name = cJSON_GetStringValue(member(channel, NULL, "name")), *level = cJSON_GetStringValue(member(channel, NULL, "level")),
                   *form = cJSON_GetStringValue(member(channel, NULL, "form"));
        snprintf(text, sizeof text, "%s, %s, %.0f inputs", level ? level : "?", form ? form : "?", number_of(channel, NULL, "inputs"));
        if (name) cJSON_AddStringToObject(channels, name, text);
    }
    return channels;
}

static void add_figures(cJSON *list, const cJSON *a, const cJSON *b)
{
    static const char *const objects[] = {"out_of_fold", "validation"}, *const keys[] = {"roc_auc", "log_loss", "accuracy"};
    for (int i = 0; i < 6; i++) {
        char what[64];
        const cJSON *of_a = member(a, objects[i / 3], keys[i % 3]), *of_b = member(b, objects[i / 3], keys[i % 3]);
        snprintf(what, sizeof what, "%s.%s", objects[i / 3], keys[i % 3]);
        if (cJSON_IsNumber(of_a) || cJSON_IsNumber(of_b)) add_pair(list, what, of_a, of_b);
    }
    add_pair(list, "threshold", member(a, NULL, "threshold"), member(b, NULL, "threshold"));
}

static const char *why_not(const cJSON *a, const cJSON *b)
{
    if (!equal_texts(a, b, "training", "data_sha256")) return "they were trained on features of other stores (training.data_sha256)";
    if (!equal_texts(a, b, "training", "training_sha256")) return "they were trained on other videos of the store (training.training_sha256)";
    return "one of them has no out-of-fold AUC";
}

cJSON *desy_model_compare(const cJSON *a, const cJSON *b)
{
    static const char *const members[] = {"extractor", "layout", "training", "threshold_from", "desy", "torch", "isa"};
    const bool comparable = desy_model_order(a, b) != DESY_MODEL_OTHER_DATA;
    cJSON *report = cJSON_CreateObject(), *list, *of_a = describe_channels(a), *of_b = describe_channels(b);
    cJSON_AddBoolToObject(report, "comparable", comparable);
    cJSON_AddStringToObject(report, "why", comparable ? "their out-of-fold figures are of the same videos and features" : why_not(a, b));
    add_figures(cJSON_AddArrayToObject(report, "figures"), a, b);
    list = cJSON_AddArrayToObject(report, "differs");
    add_differences(list, "channels", of_a, of_b);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) add_differences(list, members[i], member(a, NULL, members[i]), member(b, NULL, members[i]));
    cJSON_Delete(of_a);
    cJSON_Delete(of_b);
    if (!list) cJSON_Delete(report);
    return list ? report : NULL;
}

static int refuse_worse(const char *save_dir, const desy_classifier *candidate, const desy_classifier *current)
{
    const cJSON *one = desy_classifier_model(candidate), *other = desy_classifier_model(current);
    switch (desy_model_order(one, other)) {
    case DESY_MODEL_AS_GOOD: return DESY_OK;
    case DESY_MODEL_WORSE:
        return desy_error(DESY_EDATA, "%s: %s is worse than %s, which is in use: out-of-fold AUC %.4f and %.4f on the same data; --force promotes it all the same", save_dir,
                          desy_classifier_name(candidate), desy_classifier_name(current), number_of(one, "out_of_fold", "roc_auc"), number_of(other, "out_of_fold", "roc_auc"));
    default:
        return desy_error(DESY_EDATA, "%s: %s can't be compared with %s, which is in use: %s; evaluate both on one store (desy eval STORE --model %s -o REPORT), and promote with --force", save_dir,
                          desy_classifier_name(candidate), desy_classifier_name(current), why_not(one, other), desy_classifier_directory(candidate));
    }
}

int desy_registry_promote(const char *save_dir, const char *version, bool force, char before[DESY_VERSION_NAME])
{
    desy_classifier *candidate = NULL, *current = NULL;
    int rc;
    before[0] = '\0';
    if (!desy_is_version(version)) DESY_TRY(refuse_missing(save_dir, version));
    DESY_TRY(desy_registry_open(&candidate, save_dir, version));
    DESY_TRY(desy_history_current(before, save_dir));
    if (strcmp(before, desy_classifier_name(candidate)) == 0) goto out;
    /* One in use that is damaged, or gone, serves nobody: whatever takes its place is better. */
    if (!force && desy_registry_open(&current, save_dir, "current") == DESY_OK) DESY_TRY(refuse_worse(save_dir, candidate, current));
    rc = desy_history_use(save_dir, desy_classifier_name(candidate));
out:
    desy_classifier_close(&candidate);
    desy_classifier_close(&current);
    return rc;
}

int desy_registry_rollback(const char *save_dir, char before[DESY_VERSION_NAME], char now[DESY_VERSION_NAME])
{
    desy_classifier *classifier = NULL;
    int rc;
    if (!desy_is_directory(save_dir)) return desy_error(DESY_EDATA, "%s: no such directory: --save-dir names where desy train has put its models", save_dir);
    DESY_TRY(desy_history_current(before, save_dir));
    DESY_TRY(desy_history_previous(now, save_dir));
    if (!*now) DESY_TRY(desy_error(DESY_EDATA, "%s: no version was in use before%s%s: desy models promote V --save-dir %s chooses one", save_dir, *before ? " " : "", before, save_dir));
    DESY_TRY(desy_registry_open(&classifier, save_dir, now));
    rc = desy_history_step_back(save_dir, now);
out:
    desy_classifier_close(&classifier);
    return rc;
}

void desy_registry_warn_if_worse(const char *save_dir, const char *before, const char *directory)
{
    cJSON *old = before ? desy_model_read(before) : NULL, *new = desy_model_read(directory);
    if (old && new && desy_model_order(new, old) == DESY_MODEL_WORSE)
        desy_log_warning("train: %s is worse than %s on the same data: out-of-fold AUC %.4f after %.4f; it is in use all the same (desy models rollback --save-dir %s takes the other one back)", directory,
                         before, number_of(new, "out_of_fold", "roc_auc"), number_of(old, "out_of_fold", "roc_auc"), save_dir);
    cJSON_Delete(old);
    cJSON_Delete(new);
}
