/* Warp numbers and flow of pairs of frames, for tests/parity/test_temporal.py. stdin: pairs (int32 width, height, two lumas); stdout
 * for each: u, v (height, width) and the 7 numbers, float32, and the residual energy of the first. With --numbers: the table as
 * JSON. With --time N: the mean time of a pair over N runs on stderr. */
#include "base/error.h"
#include "base/json.h"
#include "features/warp.h"
#include "features/warp_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int print_numbers(void)
{
    cJSON *table = cJSON_CreateArray();
    for (int i = 0; i < DESY_WARP_DIMS; i++) {
        cJSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(row, cJSON_CreateString(desy_warp_numbers[i].name));
        cJSON_AddItemToArray(row, cJSON_CreateString(desy_warp_numbers[i].formula));
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

static int pair(desy_warp *warp, desy_flow *flow, int width, int height, int repeats)
{
    const int stride = width + 13; /* what lies between the rows must not matter */
    const size_t pixels = (size_t)width * (size_t)height;
    uint8_t *luma[2] = {malloc((size_t)stride * (size_t)height), malloc((size_t)stride * (size_t)height)};
    float numbers[DESY_WARP_DIMS], energy;
    const float *u, *v;
    int rc = DESY_EENV;
    if (!luma[0] || !luma[1]) goto out;
    for (int i = 0; i < 2; i++) {
        memset(luma[i], 99 * i, (size_t)stride * (size_t)height);
        for (int y = 0; y < height; y++)
            if (fread(luma[i] + (size_t)y * (size_t)stride, 1, (size_t)width, stdin) != (size_t)width) goto out;
    }
    const struct desy_region before = {luma[0], stride, width, height}, after = {luma[1], stride, width, height};
    const double started = now();
    for (int i = 0; i < repeats; i++) desy_flow_find(flow, &u, &v, &before, &after);
    const double middle = now();
    for (int i = 0; i < repeats; i++) DESY_TRY(desy_warp_pair(warp, numbers, &before, &after));
    if (repeats > 1) fprintf(stderr, "%d x %d: flow %.3f ms, pair %.3f ms\n", width, height, 1e3 * (middle - started) / repeats, 1e3 * (now() - middle) / repeats);
    DESY_TRY(desy_warp_energy(warp, &energy, &before));
    fwrite(u, sizeof *u, pixels, stdout);
    fwrite(v, sizeof *v, pixels, stdout);
    fwrite(numbers, sizeof numbers, 1, stdout);
    fwrite(&energy, sizeof energy, 1, stdout);
out:
    free(luma[0]);
    free(luma[1]);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--numbers") == 0) return print_numbers();
    const int repeats = argc == 3 && strcmp(argv[1], "--time") == 0 ? atoi(argv[2]) : 1;
    desy_warp *warp = NULL;
    desy_flow *flow = NULL;
    int32_t size[2];
    int rc;
    DESY_TRY(desy_warp_open(&warp));
    DESY_TRY(desy_flow_open(&flow));
    while (fread(size, sizeof *size, 2, stdin) == 2) DESY_TRY(pair(warp, flow, size[0], size[1], repeats));
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_warp_close(&warp);
    desy_flow_close(&flow);
    return rc;
}
