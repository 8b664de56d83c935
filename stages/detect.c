/* desy detect VIDEO...: is it AI-generated? In words, or as JSON Lines. */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "features/dataset.h"
#include "mpi/signals.h"
#include "stages/commands.h"
#include "stages/detect_words.h"
#include "stages/scoring_options.h"
#include "stages/timeline_svg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *svg_path;
static char *from_stdin; /* the file that a video on stdin was copied to */

const struct poptOption desy_detect_options[] = {
    {"svg", 0, POPT_ARG_STRING, &svg_path, 0, "of one video: also draw its timeline (with --timeline)", "FILE"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_scoring_options, 0, "Options of scoring:", NULL},
    POPT_TABLEEND};

/* This rank's results, one line of JSON each, in the order of its items. */
static int score_share(desy_scoring *scoring, const desy_dataset *dataset, const struct desy_invocation *invocation, char **text, size_t *length)
{
    const int rank = desy_rank(invocation->world), size = desy_size(invocation->world);
    size_t n = desy_dataset_count(dataset);
    FILE *stream = open_memstream(text, length);
    if (!stream) return desy_error_memory("results");
    int rc = DESY_OK;
    struct desy_item item;
    size_t ahead = (size_t)rank;
    for (size_t i = (size_t)rank; rc == DESY_OK && i < n; i += (size_t)size) {
        cJSON *result = NULL;
        char *line = NULL;
        for (; rc == DESY_OK && ahead < n && ahead < i + 8 * (size_t)size; ahead += (size_t)size) {
            desy_dataset_item(dataset, ahead, &item);
            rc = desy_scoring_submit(scoring, &(struct desy_scoring_video){.path = item.video_path, .shown = from_stdin && strcmp(item.video_path, from_stdin) == 0 ? "-" : item.video_path, .audio_path = item.audio_path, .text = item.text,
                                                                                       .reasons = !invocation->json});
        }
        if (rc == DESY_OK) rc = desy_scoring_next(scoring, &result);
        if (rc == DESY_OK && desy_interrupted()) rc = desy_error(DESY_EINTERRUPTED, "interrupted before all videos were scored; for many, desy batch continues where it stopped");
        if (rc == DESY_OK) rc = desy_json_text(&line, result, false, item.video_path);
        if (rc == DESY_OK) fprintf(stream, "%s\n", line);
        free(line);
        cJSON_Delete(result);
    }
    if (fclose(stream) != 0 && rc == DESY_OK) rc = desy_error_memory("results");
    return rc;
}

/* Rank 0: the lines of all ranks, dealt back into the order of the items. Returns the number of failed ones in *failed. */
static int print_all(char *lines, size_t bytes, size_t n, int size, bool json, size_t *failed)
{
    char **starts = calloc(n ? n : 1, sizeof *starts);
    if (!starts) return desy_error_memory("results");
    size_t item = 0;
    int rank = 0;
    for (char *line = lines; line < lines + bytes; item += (size_t)size) {
        while (item >= n) item = (size_t)++rank;
        char *end = memchr(line, '\n', (size_t)(lines + bytes - line));
        *end = '\0';
        starts[item] = line;
        line = end + 1;
    }
    int rc = DESY_OK;
    for (size_t i = 0; rc == DESY_OK && i < n; i++) {
        cJSON *result = cJSON_Parse(starts[i]);
        const char *status = cJSON_GetStringValue(cJSON_GetObjectItem(result, "status"));
        if (status && strcmp(status, "ok") != 0) (*failed)++;
        if (json) puts(starts[i]);
        else desy_detect_print_words(result);
        if (svg_path) rc = desy_timeline_svg(result, svg_path);
        cJSON_Delete(result);
    }
    free(starts);
    return rc;
}

/* Containers are read here and there, which a pipe can't be. */
static int copy_stdin(const desy_world *world)
{
    const char *temporary = getenv("TMPDIR");
    char buffer[65536];
    size_t size, total = 0;
    if (desy_size(world) > 1) return desy_error(DESY_EUSAGE, "a video on stdin is scored by one process: desy detect - without mpirun");
    from_stdin = desy_format("%s/desy-stdin-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    const int descriptor = from_stdin ? mkostemp(from_stdin, O_CLOEXEC) : -1;
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) return desy_error(DESY_EENV, "no temporary file for the video on stdin: %s", strerror(errno));
    while ((size = fread(buffer, 1, sizeof buffer, stdin)) > 0 && fwrite(buffer, 1, size, file) == size && !desy_interrupted()) total += size;
    const bool written = !ferror(file) && size == 0, closed = fclose(file) == 0;
    if (desy_interrupted()) return desy_error(DESY_EINTERRUPTED, "interrupted while the video was read from stdin");
    if (!written || !closed) return desy_error(DESY_EENV, "the video on stdin can't be stored in %s: %s; TMPDIR names another place", from_stdin, strerror(errno));
    return total ? DESY_OK : desy_error(DESY_EDATA, "stdin is empty: desy detect - reads a video from it");
}

/* The paths, with the copy in place of "-". */
static int open_videos(desy_dataset **dataset, const struct desy_invocation *invocation)
{
    const size_t n = (size_t)invocation->argument_count;
    const char **paths = calloc(n, sizeof *paths);
    int rc = paths ? DESY_OK : desy_error_memory("paths");
    for (size_t i = 0; rc == DESY_OK && i < n; i++) {
        paths[i] = invocation->arguments[i];
        if (strcmp(paths[i], "-") != 0) continue;
        rc = from_stdin ? desy_error(DESY_EUSAGE, "stdin can be named once") : copy_stdin(invocation->world);
        paths[i] = from_stdin;
    }
    if (rc == DESY_OK) rc = desy_dataset_from_paths(dataset, paths, n);
    free(paths);
    return rc;
}

int desy_detect_command(struct desy_invocation *invocation)
{
    int rc;
    size_t length = 0, total = 0, failed = 0;
    char *mine = NULL, *all = NULL;
    desy_dataset *dataset = NULL;
    desy_scoring *scoring = NULL;
    desy_world *world = invocation->world;
    if (invocation->argument_count == 0) return desy_error(DESY_EUSAGE, "name a video, a directory or a list: desy detect VIDEO...");
    if (invocation->output) return desy_error(DESY_EUSAGE, "detect prints to stdout and takes no -o: redirect it, or use desy batch -o SCORES.jsonl");
    /* Command lines are short: every rank reads the paths itself. */
    DESY_TRY(desy_agree(world, open_videos(&dataset, invocation)));
    if (svg_path && desy_dataset_count(dataset) != 1)
        DESY_TRY(desy_error(DESY_EUSAGE, "--svg draws one video, not %zu; for many, desy batch --timeline -o SCORES.jsonl has their numbers", desy_dataset_count(dataset)));
    DESY_TRY(desy_scoring_check_count(desy_dataset_count(dataset)));
    if (svg_path) desy_scoring_want_timeline();
    DESY_TRY(desy_agree(world, desy_scoring_open_rank(&scoring, world)));
    DESY_TRY(desy_scoring_agree(scoring, world));
    DESY_TRY(desy_agree(world, score_share(scoring, dataset, invocation, &mine, &length)));
    DESY_TRY(desy_gather(world, mine, length, 1, (void **)&all, &total));
    if (desy_rank(world) == 0) rc = print_all(all, total, desy_dataset_count(dataset), desy_size(world), invocation->json, &failed);
    if (rc == DESY_OK && failed) rc = desy_error(DESY_EPARTIAL, "%zu of %zu videos could not be scored", failed, desy_dataset_count(dataset));
out:
    if (from_stdin) unlink(from_stdin);
    free(from_stdin);
    free(mine);
    free(all);
    desy_scoring_close(&scoring);
    desy_dataset_close(&dataset);
    return rc;
}
