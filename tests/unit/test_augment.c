/* Augmented views: recipes are pure and within what docs/features.md says, and what becomes of them is a clip as any other, the same each time. */
#include "base/error.h"
#include "features/augment.h"
#include "features/helper.h"
#include "features/synthesis.h"
#include "features/video.h"
#include "tests/unit/processes.h"
#include "tests/unit/unit.h"

#include <malloc.h>
#include <math.h>

enum { ITEMS = 2000 };
/* Of AddressSanitizer: what x265 loses is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libx265\n";
}

static struct desy_clip original, clip, again;

static bool same(const struct desy_augment_recipe *a, const struct desy_augment_recipe *b)
{
    char text[2][160];
    desy_augment_describe(text[0], a);
    desy_augment_describe(text[1], b);
    return strcmp(text[0], text[1]) == 0 && a->gop == b->gop && a->from_x == b->from_x && a->from_y == b->from_y;
}

static void assert_described(int view, const char *words)
{
    char text[160];
    for (uint64_t seed = 0; seed < 3; seed++)
        for (uint64_t item = 5; item < 8; item++) {
            const struct desy_augment_recipe recipe = desy_augment_recipe(seed, item, view);
            desy_augment_describe(text, &recipe);
            assert_string_equal(text, words);
        }
}

static void the_first_views_are_fixed(void **state)
{
    (void)state;
    assert_described(1, "libx264 crf 28");
    assert_described(2, "libx264 crf 28, 256 rows (area)");
    assert_described(3, "libx264 crf 32, times 0.50 (area)");
}

static void recipes_are_pure_and_differ(void **state)
{
    (void)state;
    size_t equal[3] = {0};
    for (uint64_t item = 0; item < ITEMS; item++) {
        const struct desy_augment_recipe recipe = desy_augment_recipe(7, item, 4), repeated = desy_augment_recipe(7, item, 4);
        const struct desy_augment_recipe others[3] = {desy_augment_recipe(8, item, 4), desy_augment_recipe(7, item + ITEMS, 4), desy_augment_recipe(7, item, 5)};
        assert_true(same(&recipe, &repeated));
        for (int i = 0; i < 3; i++) equal[i] += same(&recipe, &others[i]);
    }
    for (int i = 0; i < 3; i++) assert_true(equal[i] < ITEMS / 50); /* both of x264 and nothing else, of the same quality and GOP: .2^2 / 23 / 4 */
}

#define NEAR(count, share) assert_true(fabs((double)(count) / (double)n - (share)) < .02) /* of 26000: 6 standard deviations at least */

static void recipes_are_within_their_ranges(void **state)
{
    static const int least[] = {18, 20, 24}, most[] = {40, 40, 54};
    size_t n = 0, of[DESY_AUGMENT_ENCODERS] = {0}, rescaled = 0, rows = 0, cropped = 0, noisy = 0, jpeg = 0, timed = 0;
    (void)state;
    for (uint64_t item = 0; item < ITEMS; item++)
        for (int view = 4; view <= DESY_MOST_VIEWS; view++, n++) {
            const struct desy_augment_recipe r = desy_augment_recipe(3, item * UINT64_C(0x9e3779b97f4a7c15), view);
            assert_in_range(r.encoder, 0, DESY_AUGMENT_ENCODERS - 1);
            assert_in_range(r.quality, least[r.encoder], most[r.encoder]);
            assert_true(r.gop >= 30 && r.gop <= 250);
            assert_true(r.rows == 0 || (r.rows >= 240 && r.rows <= 720 && r.rows % 2 == 0 && r.factor == 1));
            assert_true(r.factor >= .4 && r.factor <= 1);
            assert_true(r.crop_x >= .7 && r.crop_x <= 1 && r.crop_y >= .7 && r.crop_y <= 1 && r.from_x >= 0 && r.from_x <= 1 && r.from_y >= 0 && r.from_y <= 1);
            assert_true(r.noise == 0 || (r.noise >= 10 && r.noise <= 40));
            assert_in_range(r.jpeg, 0, 10);
            assert_true(r.rate == 0 || r.rate == 8 || r.rate == 12 || r.rate == 15 || r.rate == 24 || r.rate == 25 || r.rate == 30);
            of[r.encoder]++, rows += r.rows > 0, rescaled += r.rows > 0 || r.factor < 1, cropped += r.crop_x < 1, noisy += r.noise > 0, jpeg += r.jpeg > 0, timed += r.rate > 0;
        }
    NEAR(of[DESY_AUGMENT_X264], .5);
    NEAR(of[DESY_AUGMENT_X265], .25);
    NEAR(of[DESY_AUGMENT_VP9], .25);
    NEAR(rows, .35);
    NEAR(rescaled, .65);
    NEAR(cropped, .3);
    NEAR(noisy, .25);
    NEAR(jpeg, .25);
    NEAR(timed, .25);
}

static struct desy_clip_request request_of(uint64_t item, int view)
{
    struct desy_clip_request request = {.frames = 16, .forensic = true, .seed = 1, .item = item, .view = view};
    strcpy(request.path, "clip.mkv");
    return request;
}

static void read_clip(struct desy_clip *into, uint64_t item, int view)
{
    const struct desy_clip_request request = request_of(item, view);
    if (desy_video_read(into, &request) != DESY_OK) fail_msg("%s", desy_error_message());
    if (into->status != DESY_STATUS_OK) fail_msg("view %d: %s (%s)", view, desy_status_name(into->status), into->reason);
}

static int even(double side)
{
    return 2 * (int)floor(side / 2 + .5);
}

/* 320 x 240, 30 frames a second (features/synthesis.c: the plan's format 4). */
static void views_are_clips_as_any(void **state)
{
    static const char *const codecs[] = {"h264", "hevc", "vp9"};
    (void)state;
    for (uint64_t item = 0; item < 2; item++) {
        read_clip(&original, item, 0);
        for (int view = 1; view <= 12; view++) {
            const struct desy_augment_recipe recipe = desy_augment_recipe(1, item, view);
            mallopt(M_PERTURB, 0x55); /* what is read before it is written is another number the second time */
            read_clip(&clip, item, view);
            mallopt(M_PERTURB, 0xaa);
            read_clip(&again, item, view);
            mallopt(M_PERTURB, 0);
            assert_memory_equal(&clip, &again, offsetof(struct desy_clip, audio));
            assert_memory_equal(clip.forensic, again.forensic, 16 * sizeof *clip.forensic);
            assert_memory_equal(clip.rgb, again.rgb, 16 * sizeof *clip.rgb);
            assert_string_equal(clip.codec, codecs[recipe.encoder]);
            assert_int_equal(clip.view, view);
            assert_int_equal(clip.frames, 16);
            if (recipe.crop_x == 1) {
                assert_int_equal(clip.height, recipe.rows ? recipe.rows : even(original.height * recipe.factor));
                assert_int_equal(clip.width, even(original.width * (recipe.rows ? (double)recipe.rows / original.height : recipe.factor)));
            }
            if (recipe.rate) assert_true(fabs(clip.fps - recipe.rate) < .01);
            /* Of a stretch of half a second more on both sides, where the video is as long; frames are shown when the original's are, but for the frame rate. */
            assert_true(clip.duration < original.pts[15] - original.pts[0] + 1 + 2 / clip.fps);
            for (int k = 0; k < 16; k++) assert_true(fabs(clip.pts[k] - original.pts[k]) < (recipe.rate ? 1. / recipe.rate : 1e-4));
            assert_true(memcmp(clip.rgb, original.rgb, 16 * sizeof *clip.rgb) != 0);
            assert_true(memcmp(clip.forensic, original.forensic, 16 * sizeof *clip.forensic) != 0);
        }
    }
}

static uint64_t item_of_hevc(void)
{
    for (uint64_t item = 0;; item++)
        if (desy_augment_recipe(1, item, 4).encoder == DESY_AUGMENT_X265) return item;
}

/* What helpers make is what this process makes; HEVC's encoder needs a thread, which helpers may start where they are allowed to. */
static void helpers_make_the_same(void **state)
{
    const uint64_t item = item_of_hevc();
    (void)state;
    assert_false(desy_augment_threads(3));
    assert_true(desy_augment_threads(4));
    for (int threads = 0; threads < 2; threads++) {
        desy_helper_pool *pool = NULL;
        const struct desy_clip *taken = NULL;
        assert_int_equal(desy_spawner_start(), DESY_OK);
        assert_int_equal(desy_helper_pool_open(&pool, 1, 60), DESY_OK);
        if (threads) desy_helper_pool_allow_threads(pool);
        for (int view = 2; view <= 4; view += 2) {
            const struct desy_clip_request request = request_of(item, view);
            read_clip(&clip, item, view);
            assert_int_equal(desy_helper_submit(pool, &request), DESY_OK);
            assert_int_equal(desy_helper_take(pool, &taken), DESY_OK);
            assert_int_equal(taken->view, view);
            if (view == 4 && !threads && !*desy_helper_sandbox_missing(pool)) {
                assert_int_equal(taken->status, DESY_STATUS_CRASHED);
                continue;
            }
            assert_int_equal(taken->status, DESY_STATUS_OK);
            assert_memory_equal(taken->rgb, clip.rgb, 16 * sizeof *clip.rgb);
            assert_memory_equal(taken->forensic, clip.forensic, 16 * sizeof *clip.forensic);
        }
        desy_helper_pool_close(&pool);
        desy_spawner_stop();
    }
}

static pid_t helper_now(void)
{
    char state;
    return child_of(child_of(getpid(), &state), &state);
}

/* x265 loses some memory each time: helpers that encode are replaced, between two videos. */
static void helpers_are_replaced(void **state)
{
    desy_helper_pool *pool = NULL;
    const struct desy_clip *taken;
    struct desy_clip_request request = request_of(0, 0);
    pid_t first = 0;
    (void)state;
    strcpy(request.path, "none.mkv");
    assert_int_equal(desy_spawner_start(), DESY_OK);
    assert_int_equal(desy_helper_pool_open(&pool, 1, 60), DESY_OK);
    desy_helper_pool_allow_threads(pool);
    for (int i = 0; i <= 1000; i++) {
        assert_int_equal(desy_helper_submit(pool, &request), DESY_OK);
        if (i == 0) first = helper_now();
        if (i < 1000) assert_int_equal(helper_now(), first);
        assert_int_equal(desy_helper_take(pool, &taken), DESY_OK);
        assert_int_equal(taken->status, DESY_STATUS_UNREADABLE);
    }
    assert_int_not_equal(helper_now(), first);
    desy_helper_pool_close(&pool);
    desy_spawner_stop();
}

static int make_video(void **state)
{
    struct desy_synthesis plan;
    if (enter_directory(state) != 0) return -1;
    desy_synthesis_plan(&plan, 1, 8);
    return desy_synthesis_write(&plan, "clip.mkv") == DESY_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(helpers_make_the_same), cmocka_unit_test(helpers_are_replaced), cmocka_unit_test(the_first_views_are_fixed), cmocka_unit_test(recipes_are_pure_and_differ),
                                       cmocka_unit_test(recipes_are_within_their_ranges), cmocka_unit_test(views_are_clips_as_any)};
    return cmocka_run_group_tests(tests, make_video, leave_directory);
}
