/* The forensic numbers of frames, for tests/parity/test_forensic.py. No argument: stdin holds frames (int32 width, height,
 * luma); stdout gets for each: int32 width of the rescaled plane, that plane, 448 float32 (of a first frame). With --blocks: the table as JSON. */
#include "base/error.h"
#include "features/forensic.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_blocks(void) {
    cJSON *table = cJSON_CreateArray();
    for (const struct desy_feature_block *b = desy_feature_blocks; b->name; b++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", b->name);
        cJSON_AddNumberToObject(row, "first", b->first);
        cJSON_AddNumberToObject(row, "count", b->count);
        cJSON_AddStringToObject(row, "scale", b->scale);
        cJSON_AddStringToObject(row, "formula", b->formula);
        cJSON_AddStringToObject(row, "source", b->source);
        cJSON_AddItemToArray(table, row);
    }
    char *text = cJSON_PrintUnformatted(table);
    if (!text) return DESY_EENV;
    puts(text);
    free(text);
    cJSON_Delete(table);
    return DESY_OK;
}

static int frame(int width, int height) {
    int stride = width + 13; /* what lies between the rows must not matter */
    uint8_t *luma = malloc((size_t)stride * height), *scaled = NULL;
    float numbers[1][DESY_FORENSIC_DIMS];
    desy_forensic *forensic = NULL;
    int scaled_width, rc = DESY_EENV;
    if (!luma) goto out;
    memset(luma, 99, (size_t)stride * height);
    for (int y = 0; y < height; y++)
        if (fread(luma + (size_t)y * stride, 1, width, stdin) != (size_t)width) goto out;
    DESY_TRY(desy_rescale_luma(&scaled, &scaled_width, luma, stride, width, height));
    DESY_TRY(desy_forensic_open(&forensic));
    DESY_TRY(desy_forensic_frame(forensic, numbers, 0, luma, stride, width, height));
    fwrite(&scaled_width, sizeof scaled_width, 1, stdout);
    fwrite(scaled, 256, scaled_width, stdout);
    fwrite(numbers, sizeof numbers, 1, stdout);
out:
    desy_forensic_close(&forensic);
    free(luma);
    free(scaled);
    return rc;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--blocks") == 0) return print_blocks();
    int32_t size[2];
    while (fread(size, sizeof *size, 2, stdin) == 2) {
        int rc = frame(size[0], size[1]);
        if (rc != DESY_OK) {
            fprintf(stderr, "%s\n", desy_error_message());
            return rc;
        }
    }
    return DESY_OK;
}
