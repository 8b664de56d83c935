#include "eval/feedback.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "eval/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_PATH 4096

char *desy_feedback_file(const char *path)
{
    return desy_is_directory(path) ? desy_path_join(path, "records.jsonl") : strdup(path);
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

static bool is_made_of(const char *text, const char *characters, size_t most)
{
    const size_t size = text ? strlen(text) : 0;
    return size > 0 && size <= most && strspn(text, characters) == size;
}

static int check(const struct desy_feedback_record *r)
{
    if (!is_made_of(r->id, word, 128)) return desy_error(DESY_EUSAGE, "feedback: an id is 1 to 128 letters, digits, - and _");
    if (!is_made_of(r->source, letters, 16)) return desy_error(DESY_EUSAGE, "feedback: a source is 1 to 16 lower-case letters");
    if (r->label != 0 && r->label != 1) return desy_error(DESY_EUSAGE, "feedback: a label is 0 (real) or 1 (AI-generated), not %d", r->label);
    if (r->verdict < -1 || r->verdict > 1) return desy_error(DESY_EUSAGE, "feedback: a verdict is 0 (real) or 1 (AI-generated), not %d", r->verdict);
    if (!isnan(r->confidence) && !(r->confidence >= 0 && r->confidence <= 1)) return desy_error(DESY_EUSAGE, "feedback: a confidence is a probability from 0 to 1");
    if (r->video_path && strlen(r->video_path) > LONGEST_PATH) return desy_error(DESY_EUSAGE, "feedback: a path of more than %d bytes", LONGEST_PATH);
    return DESY_OK;
}

/* Under the lock: a line of its own, even behind one that a killed writer left half. */
static int append_locked(int fd, const char *path, const char *line)
{
    char last = '\n';
    const off_t size = lseek(fd, 0, SEEK_END);
    if (size > 0 && pread(fd, &last, 1, size - 1) != 1) return desy_error(DESY_EENV, "%s: cannot be read: %s", path, strerror(errno));
    char *text = desy_format("%s%s\n", last == '\n' ? "" : "\n", line);
    if (!text) return desy_error_memory("a record");
    const ssize_t wanted = (ssize_t)strlen(text), written = write(fd, text, (size_t)wanted);
    int rc = DESY_OK;
    if (written != wanted) {
        const int reason = written < 0 ? errno : ENOSPC;
        if (ftruncate(fd, size) != 0) {} /* else half a line stays, which readers leave out */
        rc = desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(reason));
    } else if (fdatasync(fd) != 0 && errno != EINVAL) rc = desy_error(DESY_EENV, "%s: cannot be made durable: %s", path, strerror(errno));
    free(text);
    return rc;
}

static int append_line(const char *directory, const char *line)
{
    char *path = NULL;
    int fd = -1, rc, locked;
    DESY_TRY(desy_make_directory(directory));
    path = desy_path_join(directory, "records.jsonl");
    if (!path) DESY_TRY(desy_error_memory("a path"));
    fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) DESY_TRY(desy_error(DESY_EENV, "%s: cannot be written: %s", path, strerror(errno)));
    while ((locked = flock(fd, LOCK_EX)) != 0 && errno == EINTR) {}
    if (locked != 0) DESY_TRY(desy_error(DESY_EENV, "%s: cannot be locked, so that others might write into the same line: %s", path, strerror(errno)));
    rc = append_locked(fd, path, line);
out:
    if (fd >= 0) close(fd); /* and with it the lock */
    free(path);
    return rc;
}

static int append(const char *directory, const cJSON *json)
{
    char *line = NULL;
    int rc = desy_json_text(&line, json, false, "a record");
    if (rc == DESY_OK) rc = append_line(directory, line);
    free(line);
    return rc;
}

static bool add_text(cJSON *json, const char *key, const char *text, size_t most)
{
    char *clean = desy_text_clean(text, most);
    const bool added = clean && cJSON_AddStringToObject(json, key, clean);
    free(clean);
    return added;
}

static bool add_now(cJSON *json)
{
    char text[DESY_TIMESTAMP_TEXT];
    return cJSON_AddStringToObject(json, "time", desy_timestamp_text(text, (double)time(NULL))) != NULL;
}

int desy_feedback_add(const char *directory, const struct desy_feedback_record *r, char entry[DESY_FEEDBACK_ENTRY])
{
    unsigned char random[8];
    cJSON *json = cJSON_CreateObject();
    int rc = json ? check(r) : desy_error_memory("a record");
    if (rc != DESY_OK) goto out;
    if (getrandom(random, sizeof random, 0) != sizeof random) DESY_TRY(desy_error(DESY_EENV, "no random numbers can be had: %s", strerror(errno)));
    for (int i = 0; i < 8; i++) snprintf(entry + 2 * i, 3, "%02x", random[i]);
    bool ok = cJSON_AddStringToObject(json, "entry", entry) && cJSON_AddStringToObject(json, "id", r->id) && (!r->video_path || add_text(json, "video_path", r->video_path, LONGEST_PATH))
              && cJSON_AddNumberToObject(json, "label", r->label) && (r->verdict < 0 || cJSON_AddNumberToObject(json, "verdict", r->verdict))
              && (isnan(r->confidence) || cJSON_AddNumberToObject(json, "confidence", r->confidence)) && (!r->model || add_text(json, "model", r->model, 200)) && add_now(json)
              && cJSON_AddStringToObject(json, "source", r->source) && (!r->comment || add_text(json, "comment", r->comment, DESY_FEEDBACK_COMMENT)) && cJSON_AddFalseToObject(json, "reviewed");
    rc = ok ? append(directory, json) : desy_error_memory("a record");
out:
    cJSON_Delete(json);
    return rc;
}

int desy_feedback_decide(const char *directory, const char *entry, bool accept)
{
    cJSON *json = cJSON_CreateObject();
    const bool ok = cJSON_AddStringToObject(json, "review", entry) && cJSON_AddBoolToObject(json, "accepted", accept) && add_now(json);
    const int rc = ok ? append(directory, json) : desy_error_memory("a review");
    cJSON_Delete(json);
    return rc;
}
