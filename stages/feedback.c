/* desy feedback: labels of videos by people, a line each in DIR/records.jsonl (eval/feedback.h), that count once they were reviewed. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "eval/feedback.h"
#include "stages/commands.h"
#include "stages/feedback_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *label, *verdict, *model, *comment;
    double confidence;
    int pending, accept, reject;
} settings = {.confidence = NAN};

const struct poptOption desy_feedback_options[] = {
    {"label", 0, POPT_ARG_STRING, &settings.label, 0, "add: what the video is: 0 or real, 1 or ai", "L"},
    {"comment", 0, POPT_ARG_STRING, &settings.comment, 0, "add: why", "TEXT"},
    {"verdict", 0, POPT_ARG_STRING, &settings.verdict, 0, "add: what desy said it was: real or ai", "L"},
    {"confidence", 0, POPT_ARG_DOUBLE, &settings.confidence, 0, "add: the confidence that desy gave, at a prior of 0.5; what desy drift measures by", "P"},
    {"model", 0, POPT_ARG_STRING, &settings.model, 0, "add: the name of the model that gave it", "NAME"},
    {"pending", 0, POPT_ARG_NONE, &settings.pending, 0, "list: what is not reviewed yet", NULL},
    {"accept", 0, POPT_ARG_NONE, &settings.accept, 0, "review: the label is right", NULL},
    {"reject", 0, POPT_ARG_NONE, &settings.reject, 0, "review: the label is not to be used", NULL},
    POPT_TABLEEND,
};

static int parse_label(int *label, const char *option, const char *text)
{
    *label = strcmp(text, "0") == 0 || strcmp(text, "real") == 0 ? 0 : strcmp(text, "1") == 0 || strcmp(text, "ai") == 0 ? 1 : -1;
    return *label >= 0 ? DESY_OK : desy_error(DESY_EUSAGE, "%s is 0 or real, 1 or ai, not '%s'", option, text);
}

/* ---- add ---- */

static int say_added(const struct desy_invocation *invocation, const char *entry, const char *id)
{
    if (!invocation->json) return printf("%s\n", entry) < 0 ? DESY_EENV : DESY_OK;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "entry", entry);
    cJSON_AddStringToObject(json, "id", id);
    const int rc = desy_json_print(json, false, "the record");
    cJSON_Delete(json);
    return rc;
}

static int add(const struct desy_invocation *invocation, const char *directory, const char *video)
{
    char id[DESY_SHA256_HEX], entry[DESY_FEEDBACK_ENTRY], *path = NULL;
    struct desy_feedback_record record = {.id = id, .verdict = -1, .confidence = settings.confidence, .model = settings.model, .source = "cli", .comment = settings.comment};
    int rc;
    if (!settings.label) return desy_error(DESY_EUSAGE, "what is it? desy feedback add DIR VIDEO --label real|ai");
    DESY_TRY(parse_label(&record.label, "--label", settings.label));
    if (settings.verdict) DESY_TRY(parse_label(&record.verdict, "--verdict", settings.verdict));
    DESY_TRY(desy_sha256_file(id, video));
    if (!(path = realpath(video, NULL))) DESY_TRY(desy_error(DESY_EDATA, "%s: has no path that could be kept", video));
    record.video_path = path;
    DESY_TRY(desy_feedback_add(directory, &record, entry));
    rc = say_added(invocation, entry, id);
out:
    free(path);
    return rc;
}

/* ---- list ---- */

static const char *label_word(int label) { return label < 0 ? "-" : label ? "ai" : "real"; }

static cJSON *describe(const struct desy_feedback_entry *e)
{
    const struct { const char *key, *text; } texts[] = {{"id", e->id}, {"video_path", e->video_path}, {"model", e->model}, {"source", e->source}, {"time", e->time}, {"comment", e->comment}};
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "entry", e->entry);
    cJSON_AddStringToObject(json, "state", desy_feedback_state_names[e->state]);
    cJSON_AddNumberToObject(json, "label", e->label);
    if (e->verdict >= 0) cJSON_AddNumberToObject(json, "verdict", e->verdict);
    if (!isnan(e->confidence)) cJSON_AddNumberToObject(json, "confidence", e->confidence);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i].text) cJSON_AddStringToObject(json, texts[i].key, texts[i].text);
    return json;
}

static void print_column(const char *text, const char *after)
{
    desy_text_print(stdout, *text ? text : "-");
    fputs(after, stdout);
}

static void print_entry(const struct desy_feedback_entry *e)
{
    print_column(e->entry, "  ");
    printf("%-8s  label %-4s  verdict %-4s  ", desy_feedback_state_names[e->state], label_word(e->label), label_word(e->verdict));
    if (isnan(e->confidence)) fputs("          ", stdout);
    else printf("(%.3f)   ", e->confidence);
    print_column(e->time, "  ");
    print_column(e->source, "  ");
    print_column(e->model, "  ");
    print_column(*e->video_path ? e->video_path : e->id, "\n");
    if (!*e->comment) return;
    fputs("    ", stdout);
    print_column(e->comment, "\n");
}

static int open_feedback(struct desy_feedback *feedback, const char *directory)
{
    const int rc = desy_feedback_read(feedback, directory);
    if (rc == DESY_OK && feedback->damaged) desy_log_warning("feedback: %s: %zu lines are no records, and are left out", directory, feedback->damaged);
    return rc;
}

static int list(const struct desy_invocation *invocation, const char *directory)
{
    struct desy_feedback feedback;
    cJSON *json = invocation->json ? cJSON_CreateArray() : NULL;
    int rc = open_feedback(&feedback, directory);
    for (size_t i = 0; rc == DESY_OK && i < feedback.n; i++) {
        const struct desy_feedback_entry *e = &feedback.entries[i];
        if (settings.pending && e->state != DESY_FEEDBACK_PENDING) continue;
        if (json) cJSON_AddItemToArray(json, describe(e));
        else print_entry(e);
    }
    if (rc == DESY_OK && json) rc = desy_json_print(json, true, directory);
    cJSON_Delete(json);
    desy_feedback_close(&feedback);
    return rc;
}

/* ---- review ---- */

/* The record that `name` means: its entry, or, where a video has but one, the id; of either 8 digits or more from the left. */
static int find(const struct desy_feedback *feedback, const char *directory, const char *name, const struct desy_feedback_entry **found)
{
    const size_t size = strlen(name);
    size_t n = 0;
    *found = NULL;
    if (size < 8) return desy_error(DESY_EUSAGE, "'%s': give 8 digits or more of a record's or a video's id, as desy feedback list shows them", name);
    for (size_t i = 0; i < feedback->n; i++) {
        const struct desy_feedback_entry *e = &feedback->entries[i];
        if (strncmp(e->entry, name, size) != 0 && strncmp(e->id, name, size) != 0) continue;
        *found = e;
        n++;
    }
    if (n == 1) return DESY_OK;
    return n == 0 ? desy_error(DESY_EDATA, "%s: no record of '%s'; desy feedback list shows what there is", directory, name)
                  : desy_error(DESY_EDATA, "%s: '%s' is %zu records; name one by the first column of desy feedback list", directory, name, n);
}

static int review(const char *directory, const char *name)
{
    struct desy_feedback feedback;
    const struct desy_feedback_entry *found;
    int rc;
    if (settings.accept == settings.reject) return desy_error(DESY_EUSAGE, "decide: desy feedback review DIR ID --accept, or --reject");
    DESY_TRY(open_feedback(&feedback, directory));
    DESY_TRY(find(&feedback, directory, name, &found));
    DESY_TRY(desy_feedback_decide(directory, found->entry, settings.accept));
    desy_log_info("feedback: %s is %s now, as %s", found->entry, settings.accept ? "accepted" : "rejected", label_word(found->label));
out:
    desy_feedback_close(&feedback);
    return rc;
}

/* ---- export ---- */

static int export(const struct desy_invocation *invocation, const char *directory)
{
    struct desy_feedback feedback;
    int rc;
    if (!invocation->output) return desy_error(DESY_EUSAGE, "where to? desy feedback export DIR -o dataset.json");
    DESY_TRY(open_feedback(&feedback, directory));
    rc = desy_feedback_export(&feedback, directory, invocation->output);
out:
    desy_feedback_close(&feedback);
    return rc;
}

static bool any_of_add(void) { return settings.label || settings.comment || settings.verdict || settings.model || !isnan(settings.confidence); }

int desy_feedback_command(struct desy_invocation *invocation)
{
    const char *const *words = invocation->arguments, *verb = words[0] ? words[0] : "";
    const int n = invocation->argument_count;
    const bool adds = strcmp(verb, "add") == 0, lists = strcmp(verb, "list") == 0, reviews = strcmp(verb, "review") == 0, exports = strcmp(verb, "export") == 0;
    if (any_of_add() && !adds) return desy_error(DESY_EUSAGE, "--label, --comment, --verdict, --confidence and --model go with desy feedback add");
    if (settings.pending && !lists) return desy_error(DESY_EUSAGE, "--pending goes with desy feedback list");
    if ((settings.accept || settings.reject) && !reviews) return desy_error(DESY_EUSAGE, "--accept and --reject go with desy feedback review");
    if (invocation->output && !exports) return desy_error(DESY_EUSAGE, "-o goes with desy feedback export");
    if (adds && n == 3) return add(invocation, words[1], words[2]);
    if (lists && n == 2) return list(invocation, words[1]);
    if (reviews && n == 3) return review(words[1], words[2]);
    if (exports && n == 2) return export(invocation, words[1]);
    return desy_error(DESY_EUSAGE, "desy feedback add DIR VIDEO --label L, list DIR, review DIR ID --accept|--reject, or export DIR -o dataset.json");
}
