/* libdesy as a host uses it: the answers of the program, whatever threads ask for them; errors, cancellation, and nothing left behind or said. */
#include "desy.h"

#include "features/synthesis.h"
#include "tests/unit/processes.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static const char *const clips[] = {"a.mp4", "b.mp4", "c.gif", "no-video.mp4"};
enum { CLIPS = sizeof clips / sizeof *clips };

static void assert_done(int rc)
{
    if (rc != DESY_OK) fail_msg("%s", desy_error_message());
}

static void assert_refused(int rc, int code, const char *part)
{
    if (rc != code || !strstr(desy_error_message(), part)) fail_msg("%d, '%s' where %d and '%s' are due", rc, desy_error_message(), code, part);
}

static desy_detector *open_detector(void)
{
    desy_detector *detector = NULL;
    assert_done(desy_detector_open(&detector, NULL));
    return detector;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What `desy detect --json` prints, without the newline. */
static void ask_program(char *line, size_t size, const char *options, const char *path)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' detect --json --quiet %s %s 2>/dev/null", getenv("DESY_PROGRAM"), options, path);
    FILE *program = popen(command, "re");
    assert_non_null(program);
    assert_non_null(fgets(line, (int)size, program));
    pclose(program);
    line[strcspn(line, "\n")] = '\0';
}

/* ---- opening ---- */

static void opening_says_what_is_wrong(void **state)
{
    static const struct {
        const char *model, *level, *device, *precision, *audio;
        double prior, threshold;
        int threads, code;
        const char *part;
    } wrong[] = {
        {.model = "no-model", .prior = .5, .threads = 1, .code = DESY_EDATA, .part = "no-model"},
        {.level = "highest", .prior = .5, .threads = 1, .code = DESY_EUSAGE, .part = "low, mid, high or all, not 'highest'"},
        {.device = "abacus", .prior = .5, .threads = 1, .code = DESY_EUSAGE, .part = "abacus"},
        {.precision = "fp7", .prior = .5, .threads = 1, .code = DESY_EUSAGE, .part = "fp7"},
        {.audio = "no.wav", .prior = .5, .threads = 1, .code = DESY_EDATA, .part = "no such sound file"},
        {.prior = 2, .threads = 1, .code = DESY_EUSAGE, .part = "between 0 and 1"},
        {.prior = .5, .threshold = -1, .threads = 1, .code = DESY_EUSAGE, .part = "from 0 to 1"},
        {.prior = .5, .threads = 0, .code = DESY_EUSAGE, .part = "at least 1"},
    };
    char process;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct desy_detector_options options;
        desy_detector *detector = (desy_detector *)&options;
        desy_detector_options_init(&options, sizeof options);
        options.model = wrong[i].model, options.level = wrong[i].level, options.device = wrong[i].device, options.precision = wrong[i].precision;
        options.audio = wrong[i].audio, options.prior = wrong[i].prior, options.threads = wrong[i].threads;
        if (wrong[i].threshold < 0) options.threshold = wrong[i].threshold;
        assert_refused(desy_detector_open(&detector, &options), wrong[i].code, wrong[i].part);
        assert_null(detector);
    }
    assert_int_equal(child_of(getpid(), &process), 0);
}

static void options_of_another_version(void **state)
{
    struct {
        struct desy_detector_options known;
        int later;
    } options;
    desy_detector *detector = NULL;
    (void)state;
    memset(&options.known, 0, sizeof options.known);
    assert_refused(desy_detector_open(&detector, &options.known), DESY_EUSAGE, "desy_detector_options_init");
    memset(&options, 1, sizeof options);
    desy_detector_options_init(&options.known, sizeof options);
    assert_int_equal(options.later, 0);
    options.later = 1;
    assert_refused(desy_detector_open(&detector, &options.known), DESY_EUSAGE, "does not know");
    options.later = 0;
    assert_done(desy_detector_open(&detector, &options.known));
    desy_detector_close(&detector);
    assert_null(detector);
    desy_detector_close(&detector);
}

static void decoders_that_are_none(void **state)
{
    desy_detector *detector = NULL;
    (void)state;
    setenv("DESY_DECODER", "/nowhere/desy-decoder", 1);
    assert_refused(desy_detector_open(&detector, NULL), DESY_EENV, "/nowhere/desy-decoder");
    setenv("DESY_DECODER", "/bin/true", 1);
    assert_refused(desy_detector_open(&detector, NULL), DESY_EENV, "does not answer");
    unsetenv("DESY_DECODER");
}

/* ---- answers ---- */

static void answers_are_those_of_the_program(void **state)
{
    static const struct {
        const char *words;
        double prior;
        int timeline, abstain;
    } ways[] = {{"", .5, 0, 0}, {"--prior .1 --explain --abstain", .1, 1, 1}};
    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        struct desy_detector_options options;
        desy_detector *detector = NULL;
        desy_detector_options_init(&options, sizeof options);
        options.prior = ways[w].prior, options.explain = ways[w].timeline, options.abstain = ways[w].abstain;
        assert_done(desy_detector_open(&detector, &options));
        for (int i = 0; i < CLIPS; i++) {
            static char line[65536];
            char *json = NULL;
            ask_program(line, sizeof line, ways[w].words, clips[i]);
            assert_done(desy_detect(detector, clips[i], &json));
            assert_string_equal(json, line);
            desy_free(json);
        }
        desy_detector_close(&detector);
    }
}

/* The number behind `"key":` in JSON, to the last bit. */
static double number_in(const char *json, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *place = strstr(json, quoted);
    assert_non_null(place);
    return strtod(place + strlen(quoted), NULL);
}

static void numbers_are_those_of_the_json(void **state)
{
    desy_detector *detector = open_detector();
    struct desy_detection *detection = NULL;
    char *json = NULL;
    (void)state;
    assert_done(desy_detect(detector, "a.mp4", &json));
    assert_done(desy_detect_numbers(detector, "a.mp4", &detection));
    assert_string_equal(detection->video_path, "a.mp4");
    assert_string_equal(detection->status, "ok");
    assert_string_equal(detection->model, "hybrid-1");
    assert_null(detection->reason);
    assert_true(detection->confidence == number_in(json, "confidence") && detection->logit == number_in(json, "logit"));
    assert_true(detection->low == number_in(json, "low") && detection->mid == number_in(json, "mid") && detection->high == number_in(json, "high"));
    assert_true(fabs(1 / (1 + exp(-detection->logit)) - detection->confidence) < 1e-12); /* at even odds */
    assert_int_equal(detection->is_ai_generated, detection->confidence >= detection->threshold);
    assert_int_equal(detection->windows, 1);
    desy_free(detection);
    desy_free(json);
    desy_detector_close(&detector);
}

static void what_cannot_be_read_has_a_status_and_no_score(void **state)
{
    static const char *const unreadable[] = {"no-video.mp4", "missing.mp4", ""};
    desy_detector *detector = open_detector();
    struct desy_detection *detection = NULL;
    char *json = NULL;
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_done(desy_detect(detector, unreadable[i], &json));
        assert_non_null(strstr(json, "\"status\":\"unreadable\""));
        assert_null(strstr(json, "confidence"));
        assert_done(desy_detect_numbers(detector, unreadable[i], &detection));
        assert_string_equal(detection->status, "unreadable");
        assert_non_null(detection->reason);
        assert_true(isnan(detection->confidence) && isnan(detection->low) && detection->is_ai_generated == -1 && detection->windows == 0);
        desy_free(json);
        desy_free(detection);
    }
    assert_refused(desy_detect(detector, NULL, &json), DESY_EUSAGE, "NULL");
    assert_null(json);
    desy_detector_close(&detector);
}

/* The directory of the host is its own affair once the detector stands. */
static void paths_follow_the_working_directory(void **state)
{
    desy_detector *detector = open_detector();
    char *here = NULL, *there = NULL, before[4096];
    (void)state;
    assert_done(desy_detect(detector, "a.mp4", &here));
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(mkdir("deeper", 0777) | symlink("../b.mp4", "deeper/b.mp4") | rename("a.mp4", "deeper/a.mp4") | chdir("deeper"), 0);
    const int rc = desy_detect(detector, "a.mp4", &there);
    assert_int_equal(chdir(before) | rename("deeper/a.mp4", "a.mp4"), 0);
    assert_done(rc);
    assert_string_equal(here, there);
    desy_free(here);
    desy_free(there);
    desy_detector_close(&detector);
}

/* ---- threads ---- */

struct asker {
    pthread_t thread;
    desy_detector *detector, *own; /* asked; opened by the thread for others */
    char *answers[CLIPS];
    int code;
    char message[512];
};

static void *ask_all(void *argument)
{
    struct asker *asker = argument;
    for (int i = 0; asker->code == DESY_OK && i < CLIPS; i++) asker->code = desy_detect(asker->detector, clips[i], &asker->answers[i]);
    snprintf(asker->message, sizeof asker->message, "%s", desy_error_message());
    return NULL;
}

static void *open_for_others(void *argument)
{
    struct asker *asker = argument;
    asker->code = desy_detector_open(&asker->own, NULL);
    return NULL;
}

/* Four threads on two detectors; one of those was opened by a thread that is gone. */
static void threads_get_what_one_thread_gets(void **state)
{
    struct asker opener = {0}, askers[4] = {{0}}, alone = {.detector = open_detector()};
    (void)state;
    ask_all(&alone);
    assert_int_equal(alone.code, DESY_OK);
    assert_int_equal(pthread_create(&opener.thread, NULL, open_for_others, &opener) | pthread_join(opener.thread, NULL), 0);
    assert_int_equal(opener.code, DESY_OK);
    for (int t = 0; t < 4; t++) {
        askers[t].detector = t % 2 ? alone.detector : opener.own;
        assert_int_equal(pthread_create(&askers[t].thread, NULL, ask_all, &askers[t]), 0);
    }
    for (int t = 0; t < 4; t++) assert_int_equal(pthread_join(askers[t].thread, NULL), 0); /* all, before a failure takes what they write to */
    for (int t = 0; t < 4; t++) {
        if (askers[t].code != DESY_OK) fail_msg("%s", askers[t].message);
        for (int i = 0; i < CLIPS; i++) {
            assert_string_equal(askers[t].answers[i], alone.answers[i]);
            desy_free(askers[t].answers[i]);
        }
    }
    for (int i = 0; i < CLIPS; i++) desy_free(alone.answers[i]);
    desy_detector_close(&alone.detector);
    desy_detector_close(&opener.own);
}

/* ---- many videos, and the end of them ---- */

struct heard {
    desy_detector *detector;
    size_t calls, stop_after;
    bool cancels; /* by desy_detector_cancel; else by what it returns */
    char *answers[CLIPS];
};

static int hear(void *context, size_t index, size_t n, const struct desy_detection *detection, const char *json)
{
    struct heard *heard = context;
    char *nested = NULL;
    assert_int_equal(index, heard->calls++);
    assert_int_equal(n, CLIPS);
    assert_string_equal(detection->video_path, clips[index]);
    heard->answers[index] = strdup(json);
    if (index == 0) assert_refused(desy_detect(heard->detector, "a.mp4", &nested), DESY_EUSAGE, "callback");
    if (heard->calls != heard->stop_after) return 0;
    if (heard->cancels) desy_detector_cancel(heard->detector);
    return !heard->cancels;
}

static void many_videos_come_in_order_until_cancelled(void **state)
{
    desy_detector *detector = open_detector();
    char *json = NULL;
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct heard heard = {.detector = detector, .stop_after = way == 0 ? 0 : 2, .cancels = way == 2};
        const int rc = desy_detect_many(detector, clips, CLIPS, hear, &heard);
        if (way == 0) assert_done(rc);
        else assert_refused(rc, DESY_EINTERRUPTED, way == 1 ? "cancelled by the callback after 2 of 4 videos" : "interrupted");
        assert_int_equal(heard.calls, way == 0 ? CLIPS : 2);
        for (size_t i = 0; i < heard.calls; i++) { /* after which the detector is as it was */
            assert_done(desy_detect(detector, clips[i], &json));
            assert_string_equal(json, heard.answers[i]);
            desy_free(json);
            free(heard.answers[i]);
        }
    }
    assert_done(desy_detect_many(detector, NULL, 0, hear, NULL));
    assert_refused(desy_detect_many(detector, clips, CLIPS, NULL, NULL), DESY_EUSAGE, "callback");
    desy_detector_close(&detector);
}

static void *ask_slow(void *argument)
{
    struct asker *asker = argument;
    asker->code = desy_detect(asker->detector, "slow.mp4", &asker->answers[0]);
    return NULL;
}

/* A decoder that hangs, its deadline two minutes off: who waits for it, and who waits for his turn, are both told. */
static void a_call_is_cancelled_from_another_thread(void **state)
{
    char *json = NULL;
    (void)state;
    assert_int_equal(symlink("a.mp4", "slow.mp4"), 0);
    setenv("DESY_TEST_HELPER", "hang:slow", 1);
    struct asker askers[2] = {{.detector = open_detector()}};
    unsetenv("DESY_TEST_HELPER");
    askers[1].detector = askers[0].detector;
    desy_detector_cancel(askers[0].detector); /* of nothing: concerns nobody */
    for (int t = 0; t < 2; t++) assert_int_equal(pthread_create(&askers[t].thread, NULL, ask_slow, &askers[t]), 0);
    usleep(500000);
    const double begin = now();
    desy_detector_cancel(askers[0].detector);
    for (int t = 0; t < 2; t++) assert_int_equal(pthread_join(askers[t].thread, NULL), 0);
    for (int t = 0; t < 2; t++) {
        assert_int_equal(askers[t].code, DESY_EINTERRUPTED);
        assert_null(askers[t].answers[0]);
    }
    assert_true(now() - begin < 10);
    assert_done(desy_detect(askers[0].detector, "a.mp4", &json));
    assert_non_null(strstr(json, "\"status\":\"ok\""));
    desy_free(json);
    desy_detector_close(&askers[0].detector);
}

/* ---- what a host notices of it ---- */

static void note(void *context, enum desy_log_level level, const char *message)
{
    char *notes = context;
    snprintf(notes + strlen(notes), 1024 - strlen(notes), "%d %s\n", (int)level, message);
}

static void nothing_is_printed_and_the_log_is_the_hosts(void **state)
{
    static char notes[1024];
    char printed[256] = "", *json = NULL;
    struct desy_detector_options options;
    desy_detector *detectors[2] = {NULL};
    (void)state;
    desy_detector_options_init(&options, sizeof options);
    options.text = "a text that this model does not read: a warning";
    fflush(NULL);
    const int file = open("printed", O_RDWR | O_CREAT | O_CLOEXEC, 0666), before[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    int rc = desy_detector_open(&detectors[0], &options);
    options.log = note, options.log_context = notes;
    if (rc == DESY_OK) rc = desy_detector_open(&detectors[1], &options);
    for (int i = 0; rc == DESY_OK && i < CLIPS; i++) {
        rc = desy_detect(detectors[0], clips[i], &json);
        desy_free(json);
    }
    for (int i = 0; i < 2; i++) desy_detector_close(&detectors[i]);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(before[i], i ? STDERR_FILENO : STDOUT_FILENO);
        close(before[i]);
    }
    assert_done(rc);
    assert_true(pread(file, printed, sizeof printed - 1, 0) >= 0);
    close(file);
    assert_string_equal(printed, "");
    assert_non_null(strstr(notes, "1 model hybrid-1 has no channel that reads a text"));
}

static void the_decoder_inherits_nothing_and_leaves_nothing(void **state)
{
    char process, path[64], target[256];
    struct sigaction before[NSIG], after;
    int pipes[2], opened = 0;
    (void)state;
    for (int s = 1; s < NSIG; s++) (void)sigaction(s, NULL, &before[s]);
    assert_int_equal(pipe(pipes), 0); /* without O_CLOEXEC, as hosts do */
    assert_int_equal(child_of(getpid(), &process), 0);
    desy_detector *detector = open_detector();
    const pid_t decoder = child_of(getpid(), &process);
    assert_true(decoder > 0);
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)decoder, fd);
        const ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = '\0';
        opened++;
#ifdef __SANITIZE_ADDRESS__
        if (fd == STDERR_FILENO) continue; /* the sanitizer's reports go there */
#endif
        if (strncmp(target, "pipe:", 5) == 0) fail_msg("descriptor %d of the decoder is %s", fd, target);
    }
    assert_true(opened >= 4 && opened <= 5); /* three times /dev/null, its socket, a pidfd */
    desy_detector_close(&detector);
    assert_int_equal(child_of(getpid(), &process), 0); /* not even as a zombie */
    for (int s = 1; s < NSIG; s++)
        if (sigaction(s, NULL, &after) == 0) assert_true(after.sa_handler == before[s].sa_handler);
    close(pipes[0]);
    close(pipes[1]);
}

static void the_decoder_ends_with_its_host(void **state)
{
    char state_now = 0, byte;
    int pipes[2];
    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    const pid_t host = fork();
    if (host == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        execl("/proc/self/exe", "test_api", "host", (char *)NULL);
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], &byte, 1), 1); /* its detector stands */
    const pid_t decoder = child_of(host, &state_now);
    assert_true(decoder > 0);
    assert_int_equal(kill(host, SIGKILL), 0);
    assert_int_equal(waitpid(host, NULL, 0), host);
    const double begin = now();
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)decoder);
    for (bool lives = true; lives;) {
        FILE *stat = fopen(path, "re");
        lives = stat && fscanf(stat, "%*d (%*[^)]) %c", &state_now) == 1 && state_now != 'Z'; /* who has reaped it, or has not, is another's affair */
        if (stat) fclose(stat);
        if (now() - begin > 10) fail_msg("the decoder outlives its host, in state %c", state_now);
        usleep(1000);
    }
    close(pipes[0]);
}

static int be_host(void)
{
    desy_detector *detector = NULL;
    if (desy_detector_open(&detector, NULL) != DESY_OK) return 1;
    if (write(STDOUT_FILENO, "+", 1) != 1) return 1;
    for (;;) pause();
}

static int make_videos(void **state)
{
    struct desy_synthesis plan;
    static const int numbers[] = {0, 1, 6};
    if (enter_directory(state) != 0) return -1;
    for (int i = 0; i < 3; i++) {
        desy_synthesis_plan(&plan, 1, numbers[i]);
        if (desy_synthesis_write(&plan, clips[i]) != DESY_OK) return -1;
    }
    write_text(clips[3], "This is a text file that calls itself a video.\n");
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_says_what_is_wrong), cmocka_unit_test(options_of_another_version), cmocka_unit_test(decoders_that_are_none),
        cmocka_unit_test(answers_are_those_of_the_program), cmocka_unit_test(numbers_are_those_of_the_json), cmocka_unit_test(what_cannot_be_read_has_a_status_and_no_score),
        cmocka_unit_test(paths_follow_the_working_directory), cmocka_unit_test(threads_get_what_one_thread_gets),
        cmocka_unit_test(many_videos_come_in_order_until_cancelled), cmocka_unit_test(a_call_is_cancelled_from_another_thread),
        cmocka_unit_test(nothing_is_printed_and_the_log_is_the_hosts), cmocka_unit_test(the_decoder_inherits_nothing_and_leaves_nothing),
        cmocka_unit_test(the_decoder_ends_with_its_host),
    };
    if (argc > 1 && strcmp(argv[1], "host") == 0) return be_host();
    return cmocka_run_group_tests(tests, make_videos, leave_directory);
}
