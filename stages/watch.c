#include "stages/watch.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "features/dataset.h"
#include "features/video_location.h"
#include "mpi/signals.h"

#include <errno.h>
#include <math.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define QUIET 2.  /* seconds that a file must have been left alone: whoever writes it is done */
#define BEGINNING "{\"video_path\":" /* of every line */
#define AHEAD 16  /* videos that are decoded ahead */

/* What was scored: keys of path, size and time, in a table of open addressing. */
struct seen {
    uint64_t *keys; /* 0: free */
    size_t room, n;
};

struct inbox {
    desy_scoring *scoring;
    struct seen seen;
    FILE *output;
    const char *output_path;
    struct arrival {
        char *path;
        int64_t bytes, modified;
    } ahead[AHEAD];
    size_t first, waiting, scored, failed;
};

static bool is_seen(const struct seen *seen, uint64_t key)
{
    for (size_t i = seen->room ? key & (seen->room - 1) : 0; seen->room && seen->keys[i]; i = (i + 1) & (seen->room - 1))
        if (seen->keys[i] == key) return true;
    return false;
}

static int add_seen(struct seen *seen, uint64_t key)
{
    if (2 * (seen->n + 1) > seen->room) {
        struct seen larger = {.room = seen->room ? 2 * seen->room : 1024};
        larger.keys = calloc(larger.room, sizeof *larger.keys);
        if (!larger.keys) return desy_error_memory("what was scored");
        for (size_t i = 0; i < seen->room; i++)
            if (seen->keys[i]) (void)add_seen(&larger, seen->keys[i]); /* has room */
        free(seen->keys);
        *seen = larger;
    }
    size_t i = key & (seen->room - 1);
    while (seen->keys[i] && seen->keys[i] != key) i = (i + 1) & (seen->room - 1);
    seen->n += !seen->keys[i];
    seen->keys[i] = key;
    return DESY_OK;
}

/* 0: no memory. */
static uint64_t key_of(const char *path, int64_t bytes, int64_t modified)
{
    char *text = desy_format("%s\n%" PRId64 " %" PRId64, path, bytes, modified);
    const uint64_t key = text ? desy_hash64(text, strlen(text)) | 1 : 0;
    free(text);
    return key;
}

static int note_line(struct inbox *inbox, const char *line, size_t length, long number)
{
    cJSON *json = NULL;
    const char *path, *where = inbox->output_path;
    double bytes, modified;
    int rc;
    if (desy_json_parse(&json, line, length, where) != DESY_OK) return desy_error(DESY_EDATA, "%s line %ld: not what desy batch --watch writes; name another file by -o", where, number);
    DESY_TRY(desy_json_string(&path, json, "video_path", where));
    bytes = desy_json_number_of(json, "bytes"), modified = desy_json_number_of(json, "modified");
    if (!(bytes >= 0) || isnan(modified)) DESY_TRY(desy_error(DESY_EDATA, "%s line %ld: has no bytes and modified, as desy batch --watch writes them; name another file by -o", where, number));
    /* Seconds with three decimals, exact in a double for any time of our days. */
    rc = add_seen(&inbox->seen, key_of(path, (int64_t)bytes, llround(modified * 1000)));
out:
    cJSON_Delete(json);
    return rc;
}

/* Lines that are there; a line that a killed run did not finish is cut off, since its video is scored again. A file that is not of this kind is left as it is. */
static int open_output(struct inbox *inbox)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    long number = 0;
    off_t whole = 0;
    int rc = DESY_OK;
    FILE *file = fopen(inbox->output_path, "a+e");
    if (!file) return desy_error(DESY_EENV, "%s: can't be written: %s", inbox->output_path, strerror(errno));
    if (flock(fileno(file), LOCK_EX | LOCK_NB) != 0) {
        fclose(file);
        return desy_error(DESY_EENV, "%s: another desy batch --watch writes to it", inbox->output_path);
    }
    rewind(file);
    while (rc == DESY_OK && (length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n') {
        rc = note_line(inbox, line, (size_t)length, ++number);
        whole += length;
    }
    if (rc == DESY_OK && length > 0 && strncmp(line, BEGINNING, strlen(BEGINNING) < (size_t)length ? strlen(BEGINNING) : (size_t)length) != 0)
        rc = desy_error(DESY_EDATA, "%s line %ld: not what desy batch --watch writes; name another file by -o", inbox->output_path, number + 1);
    free(line);
    if (rc == DESY_OK && ftruncate(fileno(file), whole) != 0) rc = desy_error(DESY_EENV, "%s: can't be written: %s", inbox->output_path, strerror(errno));
    if (rc == DESY_OK && number) desy_log_info("batch: %ld videos were scored already", number);
    inbox->output = file;
    return rc;
}

static void add_time(cJSON *result)
{
    char text[32];
    struct tm utc;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)) cJSON_AddStringToObject(result, "time", text);
}

/* Of the oldest that was submitted. */
static int write_one(struct inbox *inbox)
{
    struct arrival *arrival = &inbox->ahead[inbox->first];
    cJSON *result = NULL;
    char *text = NULL;
    int rc = desy_scoring_next(inbox->scoring, &result);
    if (rc == DESY_OK) {
        const char *status = desy_json_text_of(result, "status");
        inbox->scored++;
        inbox->failed += !status || strcmp(status, "ok") != 0;
        add_time(result);
        cJSON_AddNumberToObject(result, "bytes", (double)arrival->bytes);
        cJSON_AddNumberToObject(result, "modified", (double)arrival->modified / 1000);
        rc = desy_json_text(&text, result, false, arrival->path);
    }
    if (rc == DESY_OK && (fprintf(inbox->output, "%s\n", text) < 0 || fflush(inbox->output) != 0)) rc = desy_error(DESY_EENV, "%s: can't be written: %s", inbox->output_path, strerror(errno));
    cJSON_Delete(result);
    free(text);
    free(arrival->path);
    *arrival = (struct arrival){0};
    inbox->first = (inbox->first + 1) % AHEAD;
    inbox->waiting--;
    return rc;
}

static int take(struct inbox *inbox, const char *path)
{
    struct timespec now;
    int64_t bytes, nanoseconds;
    desy_video_stamp(path, &bytes, &nanoseconds);
    const int64_t modified = nanoseconds / 1000000;
    clock_gettime(CLOCK_REALTIME, &now);
    const double age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)modified / 1000; /* negative: of a clock that is ahead */
    if (bytes < 0 || (age < QUIET && age > -QUIET)) return DESY_OK; /* gone, or not left alone yet */
    const uint64_t key = key_of(path, bytes, modified);
    if (!key) return desy_error_memory("a path");
    if (is_seen(&inbox->seen, key)) return DESY_OK;
    int rc = add_seen(&inbox->seen, key);
    if (rc == DESY_OK && inbox->waiting == AHEAD) rc = write_one(inbox);
    if (rc != DESY_OK) return rc;
    struct arrival *arrival = &inbox->ahead[(inbox->first + inbox->waiting) % AHEAD];
    *arrival = (struct arrival){strdup(path), bytes, modified};
    if (!arrival->path) return desy_error_memory("a path");
    inbox->waiting++;
    return desy_scoring_submit(inbox->scoring, &(struct desy_scoring_video){.path = path, .shown = path, .audio_path = "", .text = ""});
}

/* One look at the directories. */
static int look(struct inbox *inbox, const char *const *directories, size_t n)
{
    int rc = DESY_OK;
    struct desy_item item;
    for (size_t d = 0; rc == DESY_OK && d < n; d++) {
        desy_dataset *found = NULL;
        if (!desy_is_directory(directories[d])) return desy_error(DESY_EDATA, "%s: no such directory", directories[d]);
        rc = desy_dataset_from_paths(&found, &directories[d], 1);
        if (rc == DESY_EDATA) { /* empty */
            rc = DESY_OK;
            continue;
        }
        for (size_t i = 0; rc == DESY_OK && i < desy_dataset_count(found) && !desy_interrupted(); i++) {
            desy_dataset_item(found, i, &item);
            rc = take(inbox, item.video_path);
        }
        desy_dataset_close(&found);
    }
    while (rc == DESY_OK && inbox->waiting > 0) rc = write_one(inbox);
    return rc;
}

int desy_watch(const struct desy_invocation *invocation, desy_scoring *scoring, const char *const *directories, size_t n, const char *output)
{
    struct inbox inbox = {.scoring = scoring, .output_path = output};
    int rc = DESY_OK;
    size_t said = 0;
    for (size_t d = 0; d < n; d++)
        if (!desy_is_directory(directories[d])) return desy_error(DESY_EDATA, "%s: no such directory; --watch takes directories", directories[d]);
    DESY_TRY(open_output(&inbox));
    desy_log_info("batch: watching; Ctrl-C or SIGTERM ends it");
    while (rc == DESY_OK && !desy_interrupted()) {
        rc = look(&inbox, directories, n);
        if (inbox.scored > said) desy_log_info("batch: %zu videos scored since the start, %zu of them without a verdict", inbox.scored, inbox.failed);
        said = inbox.scored;
        for (int i = 0; i < 10 && rc == DESY_OK && !desy_interrupted(); i++) nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    if (rc == DESY_OK && invocation->json) rc = printf("{\"scored\":%zu,\"failed\":%zu}\n", inbox.scored, inbox.failed) > 0 ? DESY_OK : desy_error(DESY_EENV, "stdout can't be written");
out:
    while (inbox.waiting > 0) free(inbox.ahead[inbox.first].path), inbox.first = (inbox.first + 1) % AHEAD, inbox.waiting--;
    if (inbox.output && fclose(inbox.output) != 0 && rc == DESY_OK) rc = desy_error(DESY_EENV, "%s: can't be written: %s", output, strerror(errno));
    free(inbox.seen.keys);
    return rc;
}
