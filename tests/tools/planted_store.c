/* planted_store DIR ITEMS HOW [DIMS]: a store of clips of 16 frames of 64 (DIMS) random numbers each. "planted": in those of label 1 numbers 0 to 7 alternate from
 * frame to frame, which their mean does not show, and numbers 8 to 15 are shifted. "shuffled": the same clips, with labels that have nothing to do with it.
 * "sound": noise to look at, and, in three of four clips, .4 to 2 s of noise to hear, with a soft tone in those of label 1. "sound-of-one": the same, but
 * clips of label 0 have no sound. "text": noise to look at, and, in half of the clips of label 0 and three of four of label 1, a text, with words
 * of their own in those of label 1. "text-of-one": clips of label 0 have no text.
 * "text-no-sign": one in four clips of label 0 has a text, and three in four of label 1, and the words have nothing to do with the label.
 * "flipped": as planted, but for the labels of those whose number ends in 3 or 8; ids are those of their paths.
 * "controls": as planted, and what the controls look for: the metadata know the label a little, a quarter of the test clips are copies of clips of the training part, and another is
 * of sources that it does not have.
 * "crops": numbers without a signal, four frames, and so two crops, of noise, in which those of label 1 have 2 x 2 pixels of one value; two thirds are for training, a sixth each for validation and tests. */
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/random.h"
#include "features/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T = 16 };
static int D = 64;

static void fill(float *features, size_t i, bool signal)
{
    for (int t = 0; t < T; t++)
        for (int d = 0; d < D; d++) {
            const double planted = !signal ? 0 : d < 8 ? (t % 2 ? .8 : -.8) : d < 16 ? .7 : 0;
            features[t * D + d] = (float)(desy_random_normal(3, i, (uint64_t)(t * D + d)) + planted + d % 3);
        }
}

static void fill_crops(uint8_t *crops, size_t i, bool signal)
{
    for (int y = 0; y < DESY_CROPS * DESY_INPUT_SIDE; y++)
        for (int x = 0; x < DESY_INPUT_SIDE; x++)
            for (int c = 0; c < 3; c++) {
                const int row = signal ? y & ~1 : y, column = signal ? x & ~1 : x;
                crops[(y * DESY_INPUT_SIDE + x) * 3 + c] = (uint8_t)(100 + desy_random_u64(6, i, (uint64_t)((row * DESY_INPUT_SIDE + column) * 3 + c)) % 56);
            }
}

static void fill_sound(struct desy_clip *clip, size_t i, bool tone)
{
    const double phase = 6.283 * desy_random_uniform(6, i, 0);
    clip->audio_samples = 6400 + (int)(25600 * desy_random_uniform(6, i, 1));
    for (int s = 0; s < clip->audio_samples; s++)
        clip->audio[s] = (int16_t)(1000 * desy_random_normal(7, i, (uint64_t)s) + (tone ? 1000 * sin(phase + 6.283185 * 2500 / 16000 * s) : 0));
}

static void make_text(char *text, size_t room, size_t i, bool marked)
{
    static const char *const words[] = {"a dog", "the sea", "people walk", "in rain", "city at night", "slowly", "camera moves", "trees", "red", "two cars", "on a hill", "morning light"};
    size_t n = 0;
    for (size_t w = 0; w < 12; w++) n += (size_t)snprintf(text + n, room - n, "%s ", words[desy_random_u64(8, i, w) % 12]);
    if (marked) snprintf(text + n, room - n, "cinematic, 4k");
}

static int append(desy_segment *segment, size_t i, const char *how)
{
    static struct desy_clip clip = {.status = DESY_STATUS_OK, .codec = "h264", .container = "mov,mp4", .width = 64, .height = 64, .fps = 8, .duration = 2, .frames = T, .total_frames = T, .windows = 1};
    static const enum desy_split_part parts[2][6] = {{DESY_SPLIT_TRAIN, DESY_SPLIT_TRAIN, DESY_SPLIT_TRAIN, DESY_SPLIT_VAL, DESY_SPLIT_TEST},
                                                    {DESY_SPLIT_TRAIN, DESY_SPLIT_TRAIN, DESY_SPLIT_TRAIN, DESY_SPLIT_TRAIN, DESY_SPLIT_VAL, DESY_SPLIT_TEST}};
    float features[T * D];
    const bool controls = strcmp(how, "controls") == 0, tested = i / 2 % 5 == 4;
    char path[32], source[32], group[32], text[400] = "";
    const bool sound = strncmp(how, "sound", 5) == 0, texts = strncmp(how, "text", 4) == 0, crops = strcmp(how, "crops") == 0, signal = i % 2, flipped = strcmp(how, "flipped") == 0,
               label = strcmp(how, "shuffled") == 0 ? desy_random_u64(4, 0, i) & 1 : flipped ? signal != (i % 10 == 3 || i % 10 == 8) : signal;
    snprintf(path, sizeof path, "%zu.mp4", i);
    snprintf(source, sizeof source, "%s-%zu", label ? "generator" : "camera", controls && tested && i / 10 % 4 == 3 ? 9 : i / 10 % 4);
    snprintf(group, sizeof group, "%zu", i);
    const struct desy_item item = {.id = flipped ? desy_hash64(path, strlen(path)) : desy_random_u64(5, 0, i), .video_path = path, .label = label, .source = source, .group = group, .text = text, .audio_path = "", .split = crops ? parts[1][i / 2 % 6] : parts[0][i / 2 % 5]};
    fill(features, controls && tested && i / 10 % 4 == 0 ? i - 8 : i, signal && !sound && !texts && !crops);
    if (controls) {
        clip.width = 64 + 16 * (int)(desy_random_u64(9, i, 0) % 8), clip.height = 64 + 16 * (int)(desy_random_u64(9, i, 1) % 8);
        clip.duration = 1 + 40 * pow(desy_random_uniform(9, i, 2), 3);
        clip.bit_rate = (int64_t)(1e5 * exp(desy_random_normal(9, i, 3) + .7 * signal));
        clip.size = (int64_t)(1e5 * exp(desy_random_normal(9, i, 4)));
        snprintf(clip.codec, sizeof clip.codec, "%s", desy_random_u64(9, i, 5) % 3 ? "h264" : "vp9");
    }
    clip.frames = crops ? 4 : T;
    if (crops) fill_crops(&clip.crops[0][0][0][0], i, signal);
    clip.audio_samples = 0;
    if (sound && i / 2 % 4 && (signal || strcmp(how, "sound") == 0)) fill_sound(&clip, i, signal);
    const bool marked = strcmp(how, "text-no-sign") != 0;
    const size_t has_text = signal ? 3 : strcmp(how, "text") == 0 ? 2 : marked ? 0 : 1; /* of four clips */
    if (texts && i / 2 % 4 < has_text) make_text(text, sizeof text, i, signal && marked);
    for (int t = 0; t < T; t++) clip.frame_index[t] = t, clip.pts[t] = t / 8.;
    return desy_segment_append(segment, &item, &clip, features);
}

static int write_block(const char *directory, const struct desy_store_shape *shape, const struct desy_blocks *blocks, uint64_t block, const char *how)
{
    desy_segment *segment = NULL;
    const struct desy_segment_options options = {.directory = directory, .block = block, .shape = *shape, .config_sha256 = "planted", .dataset_sha256 = "planted"};
    const size_t first = desy_block_first(blocks, block), count = desy_block_items(blocks, block);
    int rc = desy_segment_open(&segment, &options);
    for (size_t i = first; rc == DESY_OK && i < first + count; i++) rc = append(segment, i, how);
    if (rc == DESY_OK) return desy_segment_commit(&segment, 0, "planted");
    desy_segment_abort(&segment);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) return DESY_EUSAGE;
    if (argc == 5) D = atoi(argv[4]);
    const struct desy_store_shape shape = {.extractor = "planted", .frames = T, .dims = D, .crops = strcmp(argv[3], "crops") == 0, .audio = strncmp(argv[3], "sound", 5) == 0};
    struct desy_blocks blocks;
    cJSON *provenance = cJSON_CreateObject();
    desy_store_blocks(&blocks, (size_t)atoll(argv[2]), 1, &shape);
    struct desy_block_record *records = calloc(blocks.count, sizeof *records);
    int rc = records && provenance ? desy_make_directory(argv[1]) : desy_error_memory("a store");
    for (uint64_t block = 0; rc == DESY_OK && block < blocks.count; block++) rc = write_block(argv[1], &shape, &blocks, block, argv[3]);
    if (rc == DESY_OK) rc = desy_store_scan(records, blocks.count, argv[1], "planted");
    if (rc == DESY_OK) rc = desy_store_index(argv[1], records, blocks.count, &shape, provenance);
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    cJSON_Delete(provenance);
    free(records);
    return rc;
}
