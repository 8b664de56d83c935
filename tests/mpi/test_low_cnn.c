/* The full form of the low level from a store's crops: the same bits at any number of ranks, crops that are there alone, and one clip as a row of the store. */
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "tests/mpi/check.h"
#include "tests/mpi/solo.h"
#include "train/epochs.h"
#include "train/head_fit.h"
#include "train/stored.h"

enum { CLIPS = 6, T = 16, D = 3, BATCH = 5, PIXELS = DESY_CROPS * DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3 };
static const struct desy_store_shape shape = {.extractor = "noise", .frames = T, .dims = D, .crops = true};
static int32_t frames_of[CLIPS] = {1, 1, 16, 1, 1, 1}; /* one crop, or four */

/* Noise; of clips with label 1 coarser. */
static void fill(uint8_t *crops, size_t i)
{
    for (uint64_t k = 0; k < PIXELS; k++) {
        const uint64_t c = k % 3, x = k / 3 % DESY_INPUT_SIDE, y = k / 3 / DESY_INPUT_SIDE, at = i % 2 ? ((y & ~1ul) * DESY_INPUT_SIDE + (x & ~1ul)) * 3 + c : k;
        crops[k] = (uint8_t)(100 + desy_random_u64(6, i, at) % 56);
    }
}

static int write_store(const char *directory)
{
    static struct desy_clip clip = {.status = DESY_STATUS_OK, .windows = 1};
    static const float features[T][D];
    struct desy_block_record record;
    desy_segment *segment;
    int rc = desy_segment_open(&segment, &(struct desy_segment_options){.directory = directory, .shape = shape, .config_sha256 = "noise", .dataset_sha256 = "noise"});
    for (size_t i = 0; rc == DESY_OK && i < CLIPS; i++) {
        char path[16];
        snprintf(path, sizeof path, "%zu.mp4", i);
        clip.frames = frames_of[i];
        fill(&clip.crops[0][0][0][0], i);
        rc = desy_segment_append(segment, &(struct desy_item){.id = 1000 + i, .video_path = path, .label = (int)(i % 2), .source = "", .group = "", .text = "", .audio_path = ""}, &clip, &features[0][0]);
    }
    if (rc == DESY_OK) rc = desy_segment_commit(&segment, 0, "noise");
    if (rc == DESY_OK) rc = desy_store_scan(&record, 1, directory, "noise");
    return rc == DESY_OK ? desy_store_index(directory, &record, 1, &shape, NULL) : rc;
}

/* Five clips to fit to, of which a batch is made, and one to validate with. */
static void fit(desy_world *on, desy_store *store, int epochs, enum desy_augmentation augmentation, struct desy_head *head, struct desy_curve *curve)
{
    static const double weights[CLIPS] = {1, 1, 1, 1, 1, 0}, of_validation[CLIPS] = {0, 0, 0, 0, 0, 1};
    static const uint8_t labels[CLIPS] = {0, 1, 0, 1, 0, 1};
    static const uint64_t ids[CLIPS] = {1000, 1001, 1002, 1003, 1004, 1005};
    static const struct desy_layout layout = {D, 0};
    int32_t silence[CLIPS] = {0};
    const struct desy_stored stored = {.store = store, .frames = T, .dims = D, .n_frames = frames_of, .audio_samples = silence};
    struct desy_fit f = {.world = on, .stride = 1, .total = CLIPS, .weights = weights, .labels = labels, .chosen = CLIPS - 1, .stored = &stored}, v;
    desy_tile_share(CLIPS, desy_rank(on), desy_size(on), &f.first, &f.count);
    v = f, v.weights = of_validation, v.chosen = 1;
    const struct desy_train_options options = {.seed = 5, .epochs = epochs, .batch_size = BATCH, .patience = epochs, .learning_rate = 1e-3, .augmentation = augmentation, .weight_decay = .01, .focal_alpha = -1, .device = "cpu"};
    check(desy_head_fit_full(&(struct desy_full_fit){.fit = &f, .validation = &v, .ids = ids, .channel = desy_channel_find("low_cnn"), .layout = &layout, .options = &options,
                                 .stream = 1, .name = "a test"}, head, curve) == DESY_OK);
    if (f.count == 0) return;
    /* One clip alone has the logit of its row; the last crop counts where four are there. */
    uint8_t *crops = malloc(PIXELS);
    double of_row, of_clip, changed;
    check(crops != NULL);
    for (size_t i = 1; i < 3; i++) {
        struct desy_clip_numbers clip = {.frames = T, .n_frames = frames_of[i], .crops = crops};
        check(desy_head_fit_logits(head, &f, i, 1, &of_row) == DESY_OK);
        check(desy_store_read_crops(store, i, 1, crops) == DESY_OK && desy_head_clip_logit(head, &clip, &of_clip) == DESY_OK && of_clip == of_row);
        memset(crops + PIXELS / 4 * 3, 0, PIXELS / 4);
        check(desy_head_clip_logit(head, &clip, &changed) == DESY_OK && (changed == of_row) == (i == 1));
        clip.crops = NULL;
        check(desy_head_clip_logit(head, &clip, &of_clip) == DESY_EUSAGE && strstr(desy_error_message(), "crops"));
    }
    free(crops);
}

static void digest(desy_world *on, desy_store *store, char hex[DESY_SHA256_HEX])
{
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    desy_sha256 *hash = NULL;
    float *parameters;
    size_t count;
    fit(on, store, 1, DESY_AUGMENTATION_FORENSIC, &head, &curve);
    check(desy_sha256_open(&hash) == DESY_OK && desy_network_parameters(head.network, &parameters, &count) == DESY_OK);
    check(desy_sha256_update(hash, parameters, count * sizeof *parameters) == DESY_OK && desy_sha256_update(hash, curve.epochs, sizeof *curve.epochs) == DESY_OK);
    check(desy_sha256_update(hash, &head.mean, sizeof head.mean) == DESY_OK && desy_sha256_finish(&hash, hex) == DESY_OK);
    desy_head_close(&head);
    desy_curve_close(&curve);
}

/* Also the clip that it was not fitted to. */
static void learns(desy_store *store)
{
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    fit(world, store, 9, DESY_AUGMENTATION_NONE, &head, &curve);
    check(curve.best == 8 && curve.epochs[8].loss < .6 && curve.epochs[8].validation_loss < .65); /* guessing has .69 */
    desy_head_close(&head);
    desy_curve_close(&curve);
}

int main(void)
{
    char directory[64] = "/tmp/desy-low-cnn-XXXXXX", command[80], alone[DESY_SHA256_HEX] = "", together[DESY_SHA256_HEX];
    desy_store *store = NULL;
    check(open_worlds() == DESY_OK && desy_log_open(NULL, 0, 1, true) == DESY_OK);
    if (desy_rank(world) == 0) check(mkdtemp(directory) && write_store(directory) == DESY_OK);
    desy_broadcast(world, directory, sizeof directory, 0);
    check(desy_store_open(&store, directory) == DESY_OK);
    if (desy_size(world) == 1) learns(store);
    if (desy_rank(world) == 0) digest(solo, store, alone);
    desy_broadcast(world, alone, sizeof alone, 0);
    digest(world, store, together);
    check(strcmp(alone, together) == 0);
    desy_store_close(&store);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (desy_rank(world) == 0) check(system(command) == 0);
    desy_world_close(&solo);
    desy_world_close(&world);
    return 0;
}
