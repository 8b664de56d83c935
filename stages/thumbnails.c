#include "stages/thumbnails.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "features/helper.h"
#include "features/thumbnail.h"
#include "train/items.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE 20. /* seconds for one picture */

struct desy_thumbnails {
    desy_store *store;
    const struct desy_items *items;
    const uint64_t *chosen;
    char *root;                /* of the videos' paths; NULL: not known */
    desy_helper_pool *helpers; /* once one is needed */
    uint8_t *crops;            /* room; NULL: the store has none */
};

/* The directory of the data set. */
static char *find_root(const char *directory)
{
    char *path = desy_path_join(directory, "extract.json"), *root = NULL;
    cJSON *json = NULL;
    if (path && desy_file_exists(path) && desy_json_read(&json, path) == DESY_OK) {
        const char *dataset = desy_json_text_of(json, "dataset");
        if (dataset) root = desy_path_directory(dataset);
    }
    cJSON_Delete(json);
    free(path);
    return root;
}

int desy_thumbnails_open(desy_thumbnails **out, desy_store *store, const char *directory, const struct desy_items *items, const uint64_t *chosen)
{
    const bool crops = desy_store_shape(store)->crops;
    desy_thumbnails *t = *out = calloc(1, sizeof *t);
    if (!t) return desy_error_memory("thumbnails");
    *t = (desy_thumbnails){.store = store, .items = items, .chosen = chosen, .root = find_root(directory), .crops = crops ? malloc(DESY_CROPS * DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3) : NULL};
    return t->crops || !crops ? DESY_OK : desy_error_memory("thumbnails");
}

/* The middle one of a video's four frames. */
static bool draw_video(desy_thumbnails *t, size_t clip, const char *path)
{
    struct desy_store_row row = {0};
    const struct desy_clip *decoded = NULL;
    bool drawn = false;
    if (!t->root || desy_store_read_rows(t->store, clip, 1, &row) != DESY_OK) return false;
    struct desy_clip_request request = {.sampling = DESY_SAMPLING_WINDOW, .frames = 4, .transform = DESY_TRANSFORM_EFFICIENTNET};
    char *video = desy_path_join(t->root, row.video_path);
    if (video && (t->helpers || desy_helper_pool_open(&t->helpers, 1, PATIENCE) == DESY_OK)) {
        desy_clip_request_paths(&request, video, "");
        if (desy_helper_submit(t->helpers, &request) == DESY_OK && desy_helper_take(t->helpers, &decoded) == DESY_OK && decoded->status == DESY_STATUS_OK)
            drawn = desy_thumbnail_write(&decoded->rgb[decoded->frames / 2][0][0][0], path) == DESY_OK;
    }
    free(video);
    desy_store_row_free(&row);
    return drawn;
}

bool desy_thumbnails_draw(void *context, uint64_t row, const char *path)
{
    desy_thumbnails *t = context;
    const size_t clip = desy_item_first_clip(t->items, t->chosen[row]);
    if (clip == SIZE_MAX) return false;
    if (t->crops && desy_store_read_crops(t->store, (size_t)t->items->clips[clip].row, 1, t->crops) == DESY_OK) return desy_thumbnail_write(t->crops, path) == DESY_OK;
    return draw_video(t, clip, path);
}

void desy_thumbnails_close(desy_thumbnails **out)
{
    desy_thumbnails *t = *out;
    if (!t) return;
    desy_helper_pool_close(&t->helpers);
    free(t->root);
    free(t->crops);
    free(t);
    *out = NULL;
}
