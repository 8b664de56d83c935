/* The sandbox of decode helpers bites, video by video, and where the kernel lets none in, work goes on and says so. */
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "features/helper.h"
#include "features/synthesis.h"
#include "tests/unit/processes.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static desy_helper_pool *pool;

static void start(const char *deed, bool threads)
{
    assert_int_equal(setenv("DESY_TEST_HELPER", deed, 1), 0);
    assert_int_equal(desy_spawner_start(), DESY_OK);
    assert_int_equal(desy_helper_pool_open(&pool, 1, 60), DESY_OK);
    if (threads) desy_helper_pool_allow_threads(pool);
}

static void stop(void)
{
    desy_helper_pool_close(&pool);
    desy_spawner_stop();
}

static const struct desy_clip *decode(const char *path)
{
    struct desy_clip_request request = {.frames = 16};
    const struct desy_clip *clip = NULL;
    snprintf(request.path, sizeof request.path, "%s", path);
    if (desy_helper_submit(pool, &request) != DESY_OK || desy_helper_take(pool, &clip) != DESY_OK) fail_msg("%s", desy_error_message());
    return clip;
}

static void assert_decodes(const char *path)
{
    const struct desy_clip *clip = decode(path);
    if (clip->status != DESY_STATUS_OK) fail_msg("%s: %s (%s)", path, desy_status_name(clip->status), clip->reason);
}

static void what_decoding_does_not_need_ends_the_decoder(void **state)
{
    static const char *const deeds[] = {"socket:bad", "exec:bad", "write:bad", "fork:bad", "thread:bad", "ptrace:bad", "kill:bad", "unlink:bad"};
    const size_t n = sizeof deeds / sizeof *deeds;
    (void)state;
    for (size_t of = 0; of < 2 * n; of++) { /* then all of them again where threads are allowed: what the thread does is still not */
        const size_t i = of % n;
        const bool file = strncmp(deeds[i], "unlink", 6) == 0;
        (void)unlink("bad.mp4.mark");
        if (file) write_text("bad.mp4.mark", "This stays.");
        start(deeds[i], of >= n);
        assert_decodes("good.mp4");
        const struct desy_clip *clip = decode("bad.mp4");
        if (clip->status != DESY_STATUS_CRASHED || !strstr(clip->reason, "sandbox"))
            fail_msg("%s: %s (%s)", deeds[i], desy_status_name(clip->status), clip->reason);
        assert_int_equal(access("bad.mp4.mark", F_OK) == 0, file);
        assert_decodes("good.mp4");
        assert_string_equal(desy_helper_sandbox_missing(pool), "");
        stop();
    }
}

static void assert_status(pid_t process, const char *wanted)
{
    char path[64], *text = NULL;
    size_t size;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    assert_int_equal(desy_file_read(&text, &size, path), DESY_OK);
    if (!strstr(text, wanted)) fail_msg("'%s' is not in:\n%s", wanted, text);
    free(text);
}

static int count_descriptors(pid_t process)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)process);
    DIR *open = opendir(path);
    assert_non_null(open);
    for (struct dirent *entry; (entry = readdir(open));) n += entry->d_name[0] != '.';
    closedir(open);
    return n;
}

static void a_helper_has_what_it_needs_and_no_more(void **state)
{
    char zombie;
    (void)state;
    start("", false);
    assert_decodes("good.mp4");
    const pid_t helper = child_of(child_of(getpid(), &zombie), &zombie);
    assert_true(helper > 0);
    assert_status(helper, "NoNewPrivs:\t1");
    assert_status(helper, "Seccomp:\t2");
    for (int i = 0; i < 5000 && count_descriptors(helper) > 4; i++) usleep(1000); /* the video is closed after it was answered for */
    assert_int_equal(count_descriptors(helper), 4); /* stdin, stdout, stderr, its socket */
    stop();
}

#define GO(jump, value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_##jump | BPF_K, value, then, otherwise)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* As a container does that has a filter of its own. It can't be taken back: the last test. Without libseccomp, which would remember that it could. */
static void forbid_seccomp(void)
{
    struct sock_filter program[] = {
        LOAD(nr), GO(JEQ, SYS_seccomp, 3, 0), GO(JEQ, SYS_prctl, 0, 3),
        LOAD(args[0]), GO(JEQ, PR_SET_SECCOMP, 0, 1), /* its low word, as machines are today */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){sizeof program / sizeof *program, program}), 0);
}

static void where_no_filter_can_be_had_it_is_said_once(void **state)
{
    char *log = NULL;
    size_t size;
    (void)state;
    forbid_seccomp();
    assert_int_equal(desy_log_open("logs", 0, 1, false), DESY_OK);
    for (int i = 0; i < 2; i++) {
        start("", false);
        assert_decodes("good.mp4");
        assert_decodes("good.mp4");
        assert_string_equal(desy_helper_sandbox_missing(pool), "Operation not permitted");
        stop();
    }
    desy_log_close();
    assert_int_equal(desy_file_read(&log, &size, "logs/log-00000.jsonl"), DESY_OK);
    const char *said = strstr(log, "without a seccomp sandbox (Operation not permitted)");
    assert_non_null(said);
    assert_null(strstr(said + 1, "without a seccomp sandbox"));
    free(log);
}

static int make_videos(void **state)
{
    struct desy_synthesis plan;
    if (enter_directory(state) != 0) return -1;
    desy_synthesis_plan(&plan, 1, 0);
    return desy_synthesis_write(&plan, "good.mp4") == DESY_OK && desy_synthesis_write(&plan, "bad.mp4") == DESY_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_decoding_does_not_need_ends_the_decoder),
                                       cmocka_unit_test(a_helper_has_what_it_needs_and_no_more),
                                       cmocka_unit_test(where_no_filter_can_be_had_it_is_said_once)};
    return cmocka_run_group_tests(tests, make_videos, leave_directory);
}
