/* desy models: the versions of a save directory. What is known of them comes as JSON from train/model_registry.h; here it is put into words. */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "stages/commands.h"
#include "train/model_registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *save_dir;
    int force;
} settings = {.save_dir = "best_models_pth"};

const struct poptOption desy_models_options[] = {
    {"save-dir", 0, POPT_ARG_STRING, &settings.save_dir, 0, "where desy train has put the versions (default best_models_pth)", "DIR"},
    {"force", 0, POPT_ARG_NONE, &settings.force, 0, "promote a version that is worse than the one in use, or can't be compared with it", NULL},
    POPT_TABLEEND,
};

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = desy_json_text_of(object, key);
    return text ? text : "-";
}

static void print_number(const cJSON *object, const char *key, int width)
{
    const double value = desy_json_number_of(object, key);
    if (isfinite(value)) printf(" %*.4f", width, value);
    else printf(" %*s", width, "-");
}

/* ---- list ---- */

static void print_list(const cJSON *report)
{
    const cJSON *version, *level;
    printf("  %-6s %-20s %7s %9s %11s %10s  %s\n", "", "made", "clips", "AUC", "validation", "threshold", "levels");
    cJSON_ArrayForEach(version, desy_json_member(report, "versions"))
    {
        const cJSON *summary = desy_json_member(version, "summary");
        printf("%c %-6s %-20s", cJSON_IsTrue(desy_json_member(version, "current")) ? '*' : ' ', text_of(version, "name"), text_of(version, "made"));
        if (!summary) {
            printf(" can't be used: %s\n", text_of(version, "fault"));
            continue;
        }
        printf(" %7.0f", desy_json_number_of(summary, "training_items"));
        print_number(summary, "out_of_fold_auc", 9);
        print_number(summary, "validation_auc", 11);
        print_number(summary, "threshold", 10);
        putchar(' ');
        cJSON_ArrayForEach(level, desy_json_member(summary, "levels")) printf(" %s", level->valuestring);
        putchar('\n');
    }
    printf("*: in use; clips: trained on; AUC: out of fold, comparable where the training data is the same (desy models compare)\n");
}

static int list(const struct desy_invocation *invocation)
{
    cJSON *report = NULL;
    int rc = desy_registry_list(&report, settings.save_dir);
    if (rc != DESY_OK) return rc;
    if (invocation->json) rc = desy_json_print(report, true, settings.save_dir);
    else print_list(report);
    if (!desy_json_member(report, "current")) desy_log_warning("%s: no version is in use: desy models promote V chooses one", settings.save_dir);
    cJSON_Delete(report);
    return rc;
}

/* ---- show ---- */

static void print_figures(const cJSON *model, const char *object, const char *words)
{
    const cJSON *figures = desy_json_member(model, object);
    if (!isfinite(desy_json_number_of(figures, "roc_auc")) && !isfinite(desy_json_number_of(figures, "log_loss"))) return;
    printf("%-13s AUC", words);
    print_number(figures, "roc_auc", 0);
    printf(", log loss");
    print_number(figures, "log_loss", 0);
    printf(", accuracy");
    print_number(figures, "accuracy", 0);
    if (desy_json_member(figures, "over")) printf("; over %s", text_of(figures, "over"));
    putchar('\n');
}

static void print_data(const cJSON *model)
{
    static const char *const parts[] = {"train", "val", "test"}, *const words[] = {"for training", "for validation", "for the test"};
    const cJSON *training = desy_json_member(model, "training"), *items = desy_json_member(training, "items"), *extractor = desy_json_member(model, "extractor");
    printf("%-13s", "videos");
    for (int i = 0; i < 3; i++)
        if (desy_json_member(items, parts[i])) printf("%s %.0f real and %.0f AI-generated %s", i ? "," : "", desy_json_number_of(desy_json_member(items, parts[i]), "real"), desy_json_number_of(desy_json_member(items, parts[i]), "ai"), words[i]);
    printf("\n%-13s %s, version %.0f: %.0f frames of %.0f numbers, %s sampling, %s\n", "features", text_of(extractor, "name"), desy_json_number_of(extractor, "version"), desy_json_number_of(extractor, "frames"),
           desy_json_number_of(extractor, "dims"), text_of(extractor, "sampling"), desy_json_member(extractor, "precision") ? text_of(extractor, "precision") : "fp32");
    printf("%-13s %s\n%-13s %s\n", "data", text_of(training, "data_sha256"), "training part", text_of(training, "training_sha256"));
}

/* Every option of the training that is one word or number. */
static void print_options(const cJSON *model)
{
    const cJSON *option;
    const char *between = " ";
    printf("%-13s", "options");
    cJSON_ArrayForEach(option, desy_json_member(model, "training"))
    {
        if (cJSON_IsObject(option) || cJSON_IsArray(option) || strstr(option->string, "sha256") || strcmp(option->string, "fingerprint") == 0) continue;
        printf("%s%s ", between, option->string);
        if (cJSON_IsNumber(option)) printf("%g", option->valuedouble);
        else printf("%s", cJSON_IsString(option) ? option->valuestring : cJSON_IsTrue(option) ? "yes" : "no");
        between = ", ";
    }
    putchar('\n');
}

static void print_channels(const cJSON *model)
{
    const cJSON *channel;
    const char *word = "channels";
    cJSON_ArrayForEach(channel, desy_json_member(model, "channels"))
    {
        printf("%-13s %s (level %s, %s form, %.0f inputs)\n", word, text_of(channel, "name"), text_of(channel, "level"), text_of(channel, "form"), desy_json_number_of(channel, "inputs"));
        word = "";
    }
}

static void print_training(const cJSON *model)
{
    const cJSON *diagnosis = desy_json_member(model, "diagnosis"), *curve, *entry;
    cJSON_ArrayForEach(curve, desy_json_member(desy_json_member(model, "training"), "curves")) {
        const int best = isfinite(desy_json_number_of(curve, "best_epoch")) ? (int)desy_json_number_of(curve, "best_epoch") : 0;
        const cJSON *epochs = desy_json_member(curve, "epochs"), *kept = cJSON_GetArrayItem(epochs, best - 1);
        if (!kept) continue;
        printf("%-13s %s: epoch %d of %d was kept: loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f\n", "full form", curve->string, best, cJSON_GetArraySize(epochs),
               desy_json_number_of(kept, "loss"), desy_json_number_of(kept, "accuracy"), desy_json_number_of(kept, "validation_loss"), desy_json_number_of(kept, "validation_accuracy"));
    }
    if (diagnosis && !diagnosis->child) printf("%-13s nothing found\n", "diagnosis");
    cJSON_ArrayForEach(entry, diagnosis) printf("%-13s %s: %s\n", entry == diagnosis->child ? "diagnosis" : "", text_of(entry, "finding"), text_of(entry, "words"));
    cJSON_ArrayForEach(entry, desy_json_member(desy_json_member(model, "training"), "commands"))
        printf("%-13s %s\n", entry->prev->next ? "" : "made by", cJSON_IsString(entry) ? entry->valuestring : "-");
}

static void print_model(const desy_classifier *classifier, bool current)
{
    const cJSON *model = desy_classifier_model(classifier);
    printf("%s%s\n", desy_classifier_name(classifier), current ? ", in use" : "");
    printf("%-13s %s, torch %s%s%s\n", "desy", text_of(model, "desy"), text_of(model, "torch"), desy_json_member(model, "isa") ? ", " : "", desy_json_member(model, "isa") ? text_of(model, "isa") : "");
    print_data(model);
    print_options(model);
    print_channels(model);
    print_figures(model, "out_of_fold", "out of fold");
    print_figures(model, "validation", "validation");
    printf("%-13s %g, chosen %s\n", "threshold", desy_classifier_threshold(classifier), strcmp(text_of(model, "threshold_from"), "out_of_fold") == 0 ? "out of fold" : "on the validation part");
    print_training(model);
    printf("%-13s %s\n", "model", desy_classifier_sha256(classifier));
}

static int show(const struct desy_invocation *invocation, const char *version)
{
    char name[DESY_VERSION_NAME];
    desy_classifier *classifier = NULL;
    cJSON *report = NULL;
    int rc;
    DESY_TRY(desy_registry_open(&classifier, settings.save_dir, version));
    DESY_TRY(desy_history_current(name, settings.save_dir));
    const bool current = strcmp(name, desy_classifier_name(classifier)) == 0;
    if (!invocation->json) print_model(classifier, current);
    else {
        report = cJSON_CreateObject();
        cJSON_AddStringToObject(report, "name", desy_classifier_name(classifier));
        cJSON_AddBoolToObject(report, "current", current);
        cJSON_AddStringToObject(report, "model_sha256", desy_classifier_sha256(classifier));
        cJSON_AddItemToObject(report, "summary", desy_model_summary(desy_classifier_model(classifier)));
        cJSON_AddItemToObject(report, "model", cJSON_Duplicate(desy_classifier_model(classifier), true));
        rc = desy_json_print(report, true, version);
    }
out:
    cJSON_Delete(report);
    desy_classifier_close(&classifier);
    return rc;
}

/* ---- compare ---- */

static int print_side(const cJSON *pair, const char *side, int width)
{
    char *text = NULL;
    const cJSON *value = desy_json_member(pair, side);
    int rc = DESY_OK;
    if (cJSON_IsNumber(value)) printf("  %*.*g", width, 6, value->valuedouble);
    else if (cJSON_IsString(value)) printf("  %*s", width, value->valuestring);
    else if (!value) printf("  %*s", width, "-");
    else if ((rc = desy_json_text(&text, value, false, side)) == DESY_OK) printf("  %*s", width, text);
    free(text);
    return rc;
}

static int print_comparison(const cJSON *report)
{
    const cJSON *pair;
    int rc = DESY_OK;
    printf("%-24s  %10s  %10s  %10s\n", "", text_of(report, "a"), text_of(report, "b"), "difference");
    cJSON_ArrayForEach(pair, desy_json_member(report, "figures"))
    {
        const double difference = desy_json_number_of(pair, "b") - desy_json_number_of(pair, "a");
        printf("%-24s", text_of(pair, "what"));
        for (int side = 0; side < 2; side++) DESY_TRY(print_side(pair, side ? "b" : "a", 10));
        if (isfinite(difference)) printf("  %+10.6f", difference);
        putchar('\n');
    }
    printf("The two %s be compared: %s.\n", cJSON_IsTrue(desy_json_member(report, "comparable")) ? "can" : "can't", text_of(report, "why"));
    puts(desy_json_member(report, "differs")->child ? "\nWhat differs:" : "\nNothing else differs.");
    cJSON_ArrayForEach(pair, desy_json_member(report, "differs"))
    {
        printf("%-24s", text_of(pair, "what"));
        for (int side = 0; side < 2; side++) DESY_TRY(print_side(pair, side ? "b" : "a", 0));
        putchar('\n');
    }
out:
    return rc;
}

static int compare(const struct desy_invocation *invocation, const char *a, const char *b)
{
    desy_classifier *one = NULL, *other = NULL;
    cJSON *report = NULL;
    int rc;
    DESY_TRY(desy_registry_open(&one, settings.save_dir, a));
    DESY_TRY(desy_registry_open(&other, settings.save_dir, b));
    report = desy_model_compare(desy_classifier_model(one), desy_classifier_model(other));
    if (!report) DESY_TRY(desy_error_memory("the comparison"));
    cJSON_AddStringToObject(report, "a", desy_classifier_name(one));
    cJSON_AddStringToObject(report, "b", desy_classifier_name(other));
    rc = invocation->json ? desy_json_print(report, true, settings.save_dir) : print_comparison(report);
out:
    cJSON_Delete(report);
    desy_classifier_close(&one);
    desy_classifier_close(&other);
    return rc;
}

/* ---- promote, rollback ---- */

static int say_change(const struct desy_invocation *invocation, const char *before, const char *now)
{
    if (strcmp(before, now) == 0) desy_log_info("models: %s is in use already", now);
    else desy_log_info("models: %s is in use now%s%s%s", now, *before ? ", " : "", before, *before ? " was before" : "");
    if (!invocation->json) return DESY_OK;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "current", now);
    if (*before) cJSON_AddStringToObject(json, "before", before);
    int rc = desy_json_print(json, false, settings.save_dir);
    cJSON_Delete(json);
    return rc;
}

static int promote(const struct desy_invocation *invocation, const char *version)
{
    char before[DESY_VERSION_NAME];
    const int rc = desy_registry_promote(settings.save_dir, version, settings.force, before);
    return rc == DESY_OK ? say_change(invocation, before, version) : rc;
}

static int rollback(const struct desy_invocation *invocation)
{
    char before[DESY_VERSION_NAME], now[DESY_VERSION_NAME];
    const int rc = desy_registry_rollback(settings.save_dir, before, now);
    return rc == DESY_OK ? say_change(invocation, before, now) : rc;
}

int desy_models_command(struct desy_invocation *invocation)
{
    const char *const *words = invocation->arguments, *verb = words[0] ? words[0] : "";
    const int n = invocation->argument_count;
    if (invocation->output) return desy_error(DESY_EUSAGE, "models prints to stdout and takes no -o");
    if (settings.force && strcmp(verb, "promote") != 0) return desy_error(DESY_EUSAGE, "--force goes with desy models promote");
    if (strcmp(verb, "list") == 0 && n == 1) return list(invocation);
    if (strcmp(verb, "show") == 0 && n <= 2) return show(invocation, n == 2 ? words[1] : "current");
    if (strcmp(verb, "compare") == 0 && n == 3) return compare(invocation, words[1], words[2]);
    if (strcmp(verb, "promote") == 0 && n == 2) return promote(invocation, words[1]);
    if (strcmp(verb, "rollback") == 0 && n == 1) return rollback(invocation);
    return desy_error(DESY_EUSAGE, "desy models list, show [V], compare A B, promote V or rollback, where V is a version such as v0002 (or, but for promote, current)");
}
