/* Records of feedback as the file has them. */
#include "eval/feedback.h"

#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const desy_feedback_state_names[] = {"pending", "accepted", "rejected"};

static bool take_text(char **text, const cJSON *json, const char *key)
{
    const char *value = desy_json_text_of(json, key);
    *text = strdup(value ? value : "");
    return *text != NULL;
}

/* 0, 1, or `none`. */
static int bit_of(const cJSON *json, const char *key, int none)
{
    const double value = desy_json_number_of(json, key);
    return value == 0 ? 0 : value == 1 ? 1 : none;
}

static int add_entry(struct desy_feedback *feedback, const cJSON *json)
{
    if (feedback->n == feedback->room) {
        const size_t room = 2 * feedback->room + 64;
        struct desy_feedback_entry *larger = realloc(feedback->entries, room * sizeof *larger);
        if (!larger) return desy_error_memory("feedback");
        feedback->entries = larger, feedback->room = room;
    }
    struct desy_feedback_entry *entry = &feedback->entries[feedback->n++];
    const double confidence = desy_json_number_of(json, "confidence");
    *entry = (struct desy_feedback_entry){.label = bit_of(json, "label", -1), .verdict = bit_of(json, "verdict", -1), .confidence = confidence >= 0 && confidence <= 1 ? confidence : NAN};
    return take_text(&entry->entry, json, "entry") && take_text(&entry->id, json, "id") && take_text(&entry->video_path, json, "video_path") && take_text(&entry->model, json, "model")
                   && take_text(&entry->source, json, "source") && take_text(&entry->comment, json, "comment") && take_text(&entry->time, json, "time")
               ? DESY_OK
               : desy_error_memory("feedback");
}

static void decide(struct desy_feedback *feedback, const char *name, bool accepted)
{
    for (size_t i = feedback->n; i-- > 0;)
        if (strcmp(feedback->entries[i].entry, name) == 0) {
            feedback->entries[i].state = accepted ? DESY_FEEDBACK_ACCEPTED : DESY_FEEDBACK_REJECTED;
            return;
        }
}

/* A line that is no record is counted, and left out: one that was torn must not hide the others. */
static int take_line(struct desy_feedback *feedback, const char *line, size_t size)
{
    cJSON *json = NULL;
    const char *review;
    int rc = DESY_OK;
    if (line[strspn(line, " \t\r\n")] == '\0') return DESY_OK;
    if (desy_json_parse(&json, line, size, "a record") != DESY_OK) json = NULL;
    if ((review = desy_json_text_of(json, "review")) && cJSON_IsBool(desy_json_member(json, "accepted"))) decide(feedback, review, cJSON_IsTrue(desy_json_member(json, "accepted")));
    else if (desy_json_text_of(json, "entry") && desy_json_text_of(json, "id") && bit_of(json, "label", -1) >= 0) rc = add_entry(feedback, json);
    else feedback->damaged++;
    cJSON_Delete(json);
    return rc;
}

int desy_feedback_read(struct desy_feedback *feedback, const char *path)
{
    char *name = desy_feedback_file(path), *line = NULL;
    size_t room = 0;
    FILE *file = NULL;
    ssize_t size;
    int rc = DESY_OK;
    *feedback = (struct desy_feedback){0};
    if (!name) DESY_TRY(desy_error_memory("a path"));
    if (!(file = fopen(name, "rbe"))) DESY_TRY(desy_error(DESY_EDATA, "%s: %s; desy feedback add makes it", name, strerror(errno)));
    while ((size = getline(&line, &room, file)) > 0) DESY_TRY(take_line(feedback, line, (size_t)size));
    if (ferror(file)) rc = desy_error(DESY_EDATA, "%s: %s", name, strerror(errno));
out:
    if (file) fclose(file);
    free(line);
    free(name);
    return rc;
}

void desy_feedback_close(struct desy_feedback *feedback)
{
    for (size_t i = 0; i < feedback->n; i++) {
        struct desy_feedback_entry *e = &feedback->entries[i];
        char *const texts[] = {e->entry, e->id, e->video_path, e->model, e->source, e->comment, e->time};
        for (int t = 0; t < 7; t++) free(texts[t]);
    }
    free(feedback->entries);
    *feedback = (struct desy_feedback){0};
}
