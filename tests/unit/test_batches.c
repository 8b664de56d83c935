/* Clips in batches: what comes out is what each gives alone, to the bit, in the order they were added, whatever the batch, and what does not fit in memory. Needs the weights. */
#include "tests/unit/unit.h"

#include "base/error.h"
#include "features/batches.h"
#include "features/encoder.h"
#include "features/helper.h"

#include <math.h>

#define CLIPS 11
#define FRAMES 5

static struct desy_clip clips[CLIPS];
static float alone[CLIPS][FRAMES][DESY_HYBRID_DIMS];
static const struct desy_extractor *hybrid;

static void *open_hybrid(int batch)
{
    void *opened;
    const struct desy_extractor_options options = {.device = "cpu", .frames = FRAMES, .clips = batch, .threads = 1};
    if (hybrid->open(&opened, &options) != DESY_OK) fail_msg("%s", desy_error_message());
    return opened;
}

/* One failed, one has a number that is not finite, some are short; no two are alike. */
static int make_clips(void **state)
{
    (void)state;
    uint32_t noise = 1;
    if (desy_extractor_find(&hybrid, "hybrid") != DESY_OK) return -1;
    for (int k = 0; k < CLIPS; k++) {
        clips[k].frames = k % 3 == 1 ? 4 : FRAMES;
        clips[k].window = k;
        clips[k].windows = CLIPS;
        clips[k].audio_samples = k;
        for (int i = 0; i < k; i++) clips[k].audio[i] = (int16_t)(100 * k + i);
        clips[k].crops[0][0][0][0] = (uint8_t)k;
        for (size_t i = 0; i < (size_t)clips[k].frames * sizeof clips[k].rgb[0]; i++) (&clips[k].rgb[0][0][0][0])[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
        for (int t = 0; t < FRAMES; t++)
            for (int i = 0; i < DESY_FORENSIC_DIMS; i++) clips[k].forensic[t][i] = (float)(k + t + i);
    }
    clips[2].status = DESY_STATUS_TIMEOUT;
    strcpy(clips[2].reason, "late");
    clips[7].forensic[3][0] = NAN;
    void *opened = open_hybrid(1);
    for (int k = 0; k < CLIPS; k++) {
        bool finite = false;
        if (clips[k].status == DESY_STATUS_OK && desy_extractor_extract(hybrid, opened, &clips[k], alone[k][0], &finite) != DESY_OK) return -1;
        if (clips[k].status == DESY_STATUS_OK && finite != (k != 7)) return -1;
    }
    hybrid->close(&opened);
    return 0;
}

struct seen {
    int next, last; /* clips, in this order */
    int refuse;     /* the clip that is not taken */
};

static int look(void *context, uint64_t tag, const struct desy_clip *clip, const float *features, bool finite)
{
    struct seen *seen = context;
    const struct desy_clip *given = &clips[tag];
    assert_int_equal(tag, seen->next);
    if (seen->next++ == seen->refuse) return desy_error(DESY_EPARTIAL, "not this one");
    assert_int_equal(clip->status, given->status);
    assert_int_equal(clip->window, given->window);
    if (clip->status != DESY_STATUS_OK) {
        assert_string_equal(clip->reason, given->reason);
        assert_null(features);
        return DESY_OK;
    }
    assert_memory_equal(features, alone[tag], sizeof alone[tag]);
    assert_int_equal(finite, tag != 7);
    assert_memory_equal(clip->audio, given->audio, (size_t)given->audio_samples * sizeof *given->audio);
    assert_memory_equal(clip->crops, given->crops, sizeof given->crops);
    return DESY_OK;
}

static desy_batches *open_batches(void *opened, struct seen *seen)
{
    desy_batches *batches;
    const struct desy_batches_options options = {.extractor = hybrid, .state = opened, .crops = true, .deliver = look, .context = seen};
    assert_int_equal(desy_batches_open(&batches, &options), DESY_OK);
    return batches;
}

static void the_same_whatever_the_batch(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 8, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct seen seen = {.refuse = -1};
        void *opened = open_hybrid(sizes[i]);
        desy_batches *batches = open_batches(opened, &seen);
        for (int k = 0; k < CLIPS; k++) {
            assert_int_equal(desy_batches_add(batches, &clips[k], (uint64_t)k), DESY_OK);
            assert_true(k + 1 - seen.next <= 2 * sizes[i]); /* on their way */
        }
        assert_int_equal(desy_batches_drain(batches), DESY_OK);
        assert_int_equal(seen.next, CLIPS);
        assert_int_equal(desy_batches_drain(batches), DESY_OK);
        assert_int_equal(seen.next, CLIPS);
        desy_batches_close(&batches);
        hybrid->close(&opened);
    }
}

static void begins_anew_where_it_is_told(void **state)
{
    (void)state;
    struct seen seen = {.refuse = -1};
    void *opened = open_hybrid(4);
    desy_batches *batches = open_batches(opened, &seen);
    for (int k = 0; k < CLIPS; k++) {
        assert_int_equal(desy_batches_add(batches, &clips[k], (uint64_t)k), DESY_OK);
        if (k % 3 == 2) assert_int_equal(desy_batches_flush(batches), DESY_OK);
        if (k % 3 == 2) assert_int_equal(seen.next, k - 2); /* those of the batch before */
    }
    assert_int_equal(desy_batches_flush(batches), DESY_OK);
    assert_int_equal(desy_batches_flush(batches), DESY_OK); /* of nothing */
    assert_int_equal(desy_batches_drain(batches), DESY_OK);
    assert_int_equal(seen.next, CLIPS);
    desy_batches_close(&batches);
    hybrid->close(&opened);
}

static void goes_on_after_an_error(void **state)
{
    (void)state;
    struct seen seen = {.refuse = 1};
    void *opened = open_hybrid(2);
    desy_batches *batches = open_batches(opened, &seen);
    int rc = DESY_OK;
    for (int k = 0; k < 4 && rc == DESY_OK; k++) rc = desy_batches_add(batches, &clips[k], (uint64_t)k);
    assert_int_equal(rc, DESY_EPARTIAL);
    static struct desy_clip wrong = {.frames = FRAMES + 1}; /* a helper's word is not trusted */
    assert_int_equal(desy_batches_add(batches, &wrong, 0), DESY_EDATA);
    desy_batches_clear(batches);
    seen = (struct seen){.next = 3, .refuse = -1};
    for (int k = 3; k < CLIPS; k++) assert_int_equal(desy_batches_add(batches, &clips[k], (uint64_t)k), DESY_OK);
    assert_int_equal(desy_batches_drain(batches), DESY_OK);
    assert_int_equal(seen.next, CLIPS);
    desy_batches_close(&batches);
    hybrid->close(&opened);
}

/* As a device does it: one pass for a whole batch, by other operators. Close, and bits of a clip are not those beside it. */
static void whole_batches(void **state)
{
    (void)state;
    static float made[2][FRAMES][DESY_HYBRID_DIMS];
    assert_int_equal(setenv("DESY_BACKBONE_OPERATORS", "1", 1), 0);
    void *opened = open_hybrid(3);
    desy_encoder *encoder = hybrid->encoder(opened);
    const size_t dims = (size_t)desy_encoder_dims(encoder);
    for (int with = 0; with < 2; with++) {
        const float *rows;
        if (with) assert_int_equal(desy_encoder_put(encoder, with, 0, &clips[4]), DESY_OK);
        assert_int_equal(desy_encoder_put(encoder, with, 2, &clips[1]), DESY_OK); /* of 4 frames, in the third place */
        assert_int_equal(desy_encoder_start(encoder, with), DESY_OK);
        assert_int_equal(desy_encoder_finish(encoder, with, &rows), DESY_OK);
        for (int t = 0; t < 4; t++) {
            double square = 0, difference = 0;
            memcpy(made[with][t], rows + (size_t)(2 * FRAMES + t) * dims, dims * sizeof *rows);
            for (size_t i = 0; i < dims; i++) square += pow(alone[1][t][i], 2), difference += pow((double)made[with][t][i] - alone[1][t][i], 2);
            assert_true(square > 0 && difference < 1e-10 * square);
        }
    }
    assert_memory_equal(made[0], made[1], sizeof made[0]);
    hybrid->close(&opened);
    assert_int_equal(unsetenv("DESY_BACKBONE_OPERATORS"), 0);
}

static void memory_that_is_too_small(void **state)
{
    (void)state;
    void *opened = NULL;
    const struct desy_extractor_options options = {.device = "cpu", .frames = FRAMES, .clips = 11, .threads = 1};
    assert_int_equal(setenv("DESY_TEST_OUT_OF_MEMORY", "3", 1), 0);
    opened = open_hybrid(11);
    assert_int_equal(desy_encoder_clips(hybrid->encoder(opened)), 2); /* 11, 5, 2 */
    hybrid->close(&opened);
    opened = open_hybrid(3);
    assert_int_equal(desy_encoder_clips(hybrid->encoder(opened)), 3);
    hybrid->close(&opened);
    assert_int_equal(setenv("DESY_TEST_OUT_OF_MEMORY", "0", 1), 0);
    assert_int_equal(hybrid->open(&opened, &options), DESY_EENV);
    assert_null(opened);
    assert_non_null(strstr(desy_error_message(), "memory of the device is full"));

    assert_int_equal(setenv("DESY_TEST_OUT_OF_MEMORY", "1:3", 1), 0); /* later: the trial is the first */
    struct seen seen = {.refuse = -1};
    opened = open_hybrid(2);
    desy_batches *batches = open_batches(opened, &seen);
    for (int k = 0; k < 3; k++) assert_int_equal(desy_batches_add(batches, &clips[k], (uint64_t)k), DESY_OK);
    assert_int_equal(desy_batches_add(batches, &clips[3], 3), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "batch of 2 clips"));
    desy_batches_close(&batches);
    hybrid->close(&opened);
    assert_int_equal(unsetenv("DESY_TEST_OUT_OF_MEMORY"), 0);
}

static void helpers_beside_a_gpu(void **state)
{
    (void)state;
    assert_int_equal(desy_helpers_beside("cpu", 4), 4);
    assert_int_equal(desy_helpers_beside("cuda:0", 4), 3);
    assert_int_equal(desy_helpers_beside("cuda:1", 1), 1);
    assert_int_equal(desy_default_batch_clips("cpu"), 1);
    assert_int_equal(desy_default_batch_clips("cuda:3"), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_whatever_the_batch), cmocka_unit_test(begins_anew_where_it_is_told), cmocka_unit_test(goes_on_after_an_error), cmocka_unit_test(whole_batches),
        cmocka_unit_test(memory_that_is_too_small), cmocka_unit_test(helpers_beside_a_gpu),
    };
    return cmocka_run_group_tests(tests, make_clips, NULL);
}
