/* The temporal channels of clips, for tests/parity/test_temporal.py. stdin: clips (int32 frames, dims, n_frames, warp: 0 or 1; then
 * (frames, dims + 7) float32, the last 7 of a row its warp numbers). stdout for each: float64 present (0 or 1), 44 values.
 * With --channels: the table as JSON. With --time N: the mean time of a clip over N runs on stderr. */
#include "base/error.h"
#include "base/json.h"
#include "features/warp.h"
#include "train/temporal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int print_channels(void)
{
    cJSON *table = cJSON_CreateArray();
    for (const struct desy_temporal_channel *channel = desy_temporal_channels; channel->name; channel++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", channel->name);
        cJSON_AddNumberToObject(row, "first", channel->first);
        cJSON_AddNumberToObject(row, "count", channel->count);
        cJSON_AddStringToObject(row, "needs", channel->needs);
        cJSON_AddStringToObject(row, "formula", channel->formula);
        cJSON_AddStringToObject(row, "source", channel->source);
        cJSON_AddItemToArray(table, row);
    }
    const int rc = desy_json_print(table, false, "the table");
    cJSON_Delete(table);
    return rc;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int one_clip(const int32_t *header, int repeats)
{
    const size_t stride = (size_t)header[1] + DESY_WARP_DIMS, size = (size_t)header[0] * stride;
    float *rows = malloc(size * sizeof *rows);
    double values[1 + DESY_TEMPORAL_DIMS];
    bool present;
    int rc = rows ? DESY_OK : desy_error_memory("a clip");
    if (rc == DESY_OK && fread(rows, sizeof *rows, size, stdin) != size) rc = desy_error(DESY_EDATA, "stdin is too short");
    DESY_TRY(rc);
    const struct desy_temporal_clip clip = {.features = rows, .warp = header[3] ? rows + header[1] : NULL, .stride = stride, .dims = header[1], .frames = header[0], .n_frames = header[2]};
    const double started = now();
    for (int i = 0; i < repeats; i++) DESY_TRY(desy_temporal(values + 1, &present, &clip));
    if (repeats > 1) fprintf(stderr, "T %d, D %d: %.3f ms\n", header[0], header[1], 1e3 * (now() - started) / repeats);
    values[0] = present;
    fwrite(values, sizeof values, 1, stdout);
out:
    free(rows);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--channels") == 0) return print_channels();
    const int repeats = argc == 3 && strcmp(argv[1], "--time") == 0 ? atoi(argv[2]) : 1;
    int32_t header[4];
    while (fread(header, sizeof *header, 4, stdin) == 4) {
        int rc = one_clip(header, repeats);
        if (rc != DESY_OK) {
            fprintf(stderr, "%s\n", desy_error_message());
            return rc;
        }
    }
    return DESY_OK;
}
