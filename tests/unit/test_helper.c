/* Decode helpers: what crashes, hangs or is no video costs itself alone, and what helpers decode is what this process decodes. */
#include "base/error.h"
#include "base/file.h"
#include "features/helper.h"
#include "features/synthesis.h"
#include "features/video.h"
#include "tests/unit/processes.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static struct desy_clip_request request_of(const char *path)
{
    struct desy_clip_request request = {.sampling = DESY_SAMPLING_WINDOW, .frames = 16, .transform = DESY_TRANSFORM_EFFICIENTNET};
    snprintf(request.path, sizeof request.path, "%s", path);
    return request;
}

static void submit(desy_helper_pool *pool, const char *path)
{
    const struct desy_clip_request request = request_of(path);
    if (desy_helper_submit(pool, &request) != DESY_OK) fail_msg("%s", desy_error_message());
}

/* The oldest one that was submitted is of that status, and the reason says so. */
static void assert_taken(desy_helper_pool *pool, enum desy_status status, const char *reason)
{
    const struct desy_clip *clip = NULL;
    if (desy_helper_take(pool, &clip) != DESY_OK) fail_msg("%s", desy_error_message());
    if (clip->status != status) fail_msg("%s (%s) where %s is due", desy_status_name(clip->status), clip->reason, desy_status_name(status));
    if (!strstr(clip->reason, reason)) fail_msg("'%s' lacks '%s'", clip->reason, reason);
    assert_int_equal(clip->frames, status == DESY_STATUS_OK ? 16 : 0);
}

/* `misbehaviour`: DESY_TEST_HELPER of the helpers to come. */
static desy_helper_pool *start(const char *misbehaviour, int helpers, double deadline)
{
    desy_helper_pool *pool = NULL;
    assert_int_equal(setenv("DESY_TEST_HELPER", misbehaviour, 1), 0);
    assert_int_equal(desy_spawner_start(), DESY_OK);
    assert_int_equal(desy_helper_pool_open(&pool, helpers, deadline), DESY_OK);
    return pool;
}

static void stop(desy_helper_pool **pool)
{
    desy_helper_pool_close(pool);
    assert_null(*pool);
    desy_spawner_stop();
}

static void copy_part(const char *to, const char *from, size_t divisor)
{
    char *data = NULL;
    size_t size;
    assert_int_equal(desy_file_read(&data, &size, from), DESY_OK);
    assert_int_equal(desy_file_write_atomic(to, data, size / divisor), DESY_OK);
    free(data);
}

static void kill_the_helper(void)
{
    char state;
    const pid_t spawner = child_of(getpid(), &state), helper = child_of(spawner, &state);
    assert_true(spawner > 0 && helper > 0);
    assert_int_equal(kill(helper, SIGKILL), 0);
    while (child_of(spawner, &state) == helper && state != 'Z') usleep(1000);
}

static void a_crash_costs_one_video(void **state)
{
    desy_helper_pool *pool = start("crash:bad", 1, 60);
    (void)state;
    copy_part("bad.mp4", "good.mp4", 1);
    submit(pool, "good.mp4");
    submit(pool, "bad.mp4");
    submit(pool, "good.mp4");
    assert_taken(pool, DESY_STATUS_OK, "");
    assert_taken(pool, DESY_STATUS_CRASHED, "(signal 11)");
    assert_taken(pool, DESY_STATUS_OK, "");
    stop(&pool);
}

static void a_killed_helper_costs_one_video(void **state)
{
    desy_helper_pool *pool = start("hang:slow", 1, 60);
    (void)state;
    copy_part("slow.mp4", "good.mp4", 1);
    submit(pool, "slow.mp4");
    submit(pool, "good.mp4");
    kill_the_helper();
    assert_taken(pool, DESY_STATUS_CRASHED, "(signal 9)");
    assert_taken(pool, DESY_STATUS_OK, "");
    kill_the_helper(); /* it has nothing to do: no video is lost */
    submit(pool, "good.mp4");
    assert_taken(pool, DESY_STATUS_OK, "");
    stop(&pool);
}

static void a_hang_costs_one_video_and_the_deadline(void **state)
{
    struct timespec begin, end;
    char process;
    desy_helper_pool *pool = start("hang:slow", 1, 3);
    (void)state;
    copy_part("slow.mp4", "good.mp4", 1);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    submit(pool, "slow.mp4");
    submit(pool, "good.mp4");
    assert_taken(pool, DESY_STATUS_TIMEOUT, "longer than 3 s");
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double taken = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    assert_true(taken > 2.9 && taken < 6);
    assert_taken(pool, DESY_STATUS_OK, "");
    stop(&pool);
    assert_int_equal(child_of(getpid(), &process), 0); /* nobody is left behind */
}

/* 44 bytes of header and a second of silence: 8000 samples of 16 bits. */
static void write_sound(const char *path)
{
    static const uint8_t header[44] = "RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x80\x3e\0";
    static uint8_t sound[44 + 16000];
    memcpy(sound, header, sizeof header);
    assert_int_equal(desy_file_write_atomic(path, sound, sizeof sound), DESY_OK);
}

static void what_is_no_video_costs_itself(void **state)
{
    static const struct {
        const char *path, *reason;
        enum desy_status status;
    } files[] = {
        {"text.mp4", "not a video", DESY_STATUS_UNREADABLE},
        {"empty.mp4", "is an empty file", DESY_STATUS_UNREADABLE},
        {"truncated.mp4", "not a video, or damaged", DESY_STATUS_UNREADABLE}, /* its index is at its end */
        {"sound.wav", "no video stream", DESY_STATUS_NO_VIDEO},
        {"sound.mp4", "no video stream", DESY_STATUS_NO_VIDEO}, /* the content counts, not the name */
        {"missing.mp4", "No such file", DESY_STATUS_UNREADABLE},
        {".", "is a directory", DESY_STATUS_UNREADABLE},
        {"pipe.mp4", "is not a regular file", DESY_STATUS_UNREADABLE},
        {"list.m3u8", "not a video", DESY_STATUS_UNREADABLE}, /* would open another file */
        {"file:good.mp4", "No such file", DESY_STATUS_UNREADABLE}, /* protocols are names like others */
        {"concat:good.mp4|good.mp4", "No such file", DESY_STATUS_UNREADABLE},
    };
    desy_helper_pool *pool = start("", 2, 60);
    (void)state;
    write_text("text.mp4", "This is a text file that calls itself a video.\n");
    write_text("empty.mp4", "");
    write_text("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ngood.mp4\n#EXT-X-ENDLIST\n");
    copy_part("truncated.mp4", "good.mp4", 2);
    write_sound("sound.wav");
    write_sound("sound.mp4");
    assert_int_equal(mkfifo("pipe.mp4", 0666), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        submit(pool, files[i].path);
        submit(pool, "good.mp4");
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_taken(pool, files[i].status, files[i].reason);
        assert_taken(pool, DESY_STATUS_OK, "");
    }
    stop(&pool);
}

static void a_colon_makes_no_protocol(void **state)
{
    static const char *const names[] = {"http:a.mp4", "pipe:0", "data:good.mp4"};
    desy_helper_pool *pool = start("", 1, 60);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(symlink("good.mp4", names[i]), 0);
        submit(pool, names[i]);
        assert_taken(pool, DESY_STATUS_OK, "");
    }
    stop(&pool);
}

static void helpers_decode_as_this_process_does(void **state)
{
    static const char *const paths[] = {"good.mp4", "other.gif", "good.mp4"};
    struct desy_clip *here = calloc(1, sizeof *here);
    const struct desy_clip *there = NULL;
    desy_helper_pool *pool = start("", 2, 60);
    (void)state;
    assert_non_null(here);
    for (int i = 0; i < 3; i++) {
        struct desy_clip_request request = request_of(paths[i]);
        request.forensic = true;
        request.transform = i == 2 ? DESY_TRANSFORM_RESNET : DESY_TRANSFORM_EFFICIENTNET;
        assert_int_equal(desy_helper_submit(pool, &request), DESY_OK);
        assert_int_equal(desy_helper_take(pool, &there), DESY_OK);
        assert_int_equal(desy_video_read(here, &request), DESY_OK);
        assert_int_equal(here->status, DESY_STATUS_OK);
        assert_memory_equal(there, here, offsetof(struct desy_clip, forensic));
        assert_memory_equal(there->rgb, here->rgb, (size_t)here->frames * sizeof *here->rgb);
        assert_memory_equal(there->forensic, here->forensic, (size_t)here->frames * sizeof *here->forensic);
    }
    assert_int_equal(desy_helper_take(pool, &there), DESY_EUSAGE); /* nothing was asked for */
    free(here);
    stop(&pool);
}

/* Cut, it would be good.mp4. */
static void a_path_that_is_too_long_costs_one_video(void **state)
{
    (void)state;
    struct desy_clip_request request = request_of("");
    desy_helper_pool *pool = start("", 1, 60);
    const size_t most = sizeof request.path - 1;
    char path[sizeof request.path + 1];
    memset(path, '/', sizeof path);
    path[0] = '.', path[sizeof path - 1] = '\0';
    memcpy(path + most - strlen("good.mp4"), "good.mp4x", strlen("good.mp4x"));
    desy_clip_request_paths(&request, path, "");
    assert_int_equal(desy_helper_submit(pool, &request), DESY_OK);
    path[most] = '\0';
    desy_clip_request_paths(&request, path, "");
    assert_int_equal(desy_helper_submit(pool, &request), DESY_OK);
    assert_taken(pool, DESY_STATUS_UNREADABLE, "path too long");
    assert_taken(pool, DESY_STATUS_OK, "");
    stop(&pool);
}

static int make_videos(void **state)
{
    struct desy_synthesis plan;
    if (enter_directory(state) != 0) return -1;
    desy_synthesis_plan(&plan, 1, 0);
    if (desy_synthesis_write(&plan, "good.mp4") != DESY_OK) return -1;
    desy_synthesis_plan(&plan, 1, 6);
    return desy_synthesis_write(&plan, "other.gif") == DESY_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_costs_one_video), cmocka_unit_test(a_killed_helper_costs_one_video),
        cmocka_unit_test(a_hang_costs_one_video_and_the_deadline), cmocka_unit_test(what_is_no_video_costs_itself),
        cmocka_unit_test(a_colon_makes_no_protocol), cmocka_unit_test(a_path_that_is_too_long_costs_one_video),
        cmocka_unit_test(helpers_decode_as_this_process_does),
    };
    return cmocka_run_group_tests(tests, make_videos, leave_directory);
}
