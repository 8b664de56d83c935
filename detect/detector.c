/* libdesy: a detector for many threads, in a host that is not ours. */
#include "desy.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "detect/detection.h"
#include "detect/scoring.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AHEAD 8 /* videos, at least, that are submitted before the oldest is taken; twice the helpers where that is more */

struct desy_detector {
    desy_scoring *scoring;
    desy_spawner *spawner;
    size_t ahead;
    struct desy_log_sink log;
    locale_t numbers;       /* the host's may write them with a comma */
    pthread_mutex_t turn;   /* of the call that is under way; notices a thread that has it already */
    pthread_mutex_t state;  /* guards what follows */
    unsigned long cancels;  /* so far */
    bool running;           /* a call is under way that was not cancelled when it began */
};

const char *desy_version(void)
{
    return DESY_VERSION;
}

void desy_free(void *memory)
{
    free(memory);
}

/* ---- options ---- */

void desy_detector_options_init(struct desy_detector_options *options, size_t size)
{
    const struct desy_scoring_settings settings = DESY_SCORING_DEFAULTS;
    const struct desy_detector_options defaults = {.threshold = settings.threshold, .prior = settings.prior, .deadline = settings.deadline, .windows = settings.windows,
        .threads = settings.threads};
    memset(options, 0, size);
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
    options->size = size;
}

/* Those of the host may be an older structure, or a newer one that sets nothing we don't know. */
static int read_options(struct desy_detector_options *options, const struct desy_detector_options *given)
{
    desy_detector_options_init(options, sizeof *options);
    if (!given) return DESY_OK;
    if (given->size < offsetof(struct desy_detector_options, log_context) + sizeof given->log_context)
        return desy_error(DESY_EUSAGE, "the options of a detector have a size of %zu: set them by desy_detector_options_init first", given->size);
    for (size_t i = sizeof *options; i < given->size; i++)
        if (((const char *)given)[i]) return desy_error(DESY_EUSAGE, "the options of a detector set what libdesy " DESY_VERSION " does not know; use a newer library");
    memcpy(options, given, sizeof *options);
    return DESY_OK;
}

/* The helpers' working directory is that in which the detector was opened. New string; NULL: no memory, or no working directory (errno). */
static char *absolute(const char *path)
{
    char *here = *path == '/' ? NULL : getcwd(NULL, 0), *whole = *path == '/' ? strdup(path) : here ? desy_path_join(here, path) : NULL;
    free(here);
    return whole;
}

static int no_path(void)
{
    return errno == ENOMEM ? desy_error_memory("a path") : desy_error(DESY_EENV, "the working directory can't be had: %s; use absolute paths", strerror(errno));
}

/* ---- a call: its turn, and what this thread is like meanwhile ---- */

struct visit {
    const struct desy_log_sink *log;
    locale_t locale;
};

static struct visit enter(const desy_detector *detector)
{
    return (struct visit){desy_log_divert(&detector->log), uselocale(detector->numbers)};
}

static void leave(const struct visit *visit)
{
    uselocale(visit->locale);
    desy_log_divert(visit->log);
}

static int take_turn(desy_detector *detector)
{
    pthread_mutex_lock(&detector->state);
    const unsigned long cancels = detector->cancels;
    pthread_mutex_unlock(&detector->state);
    if (pthread_mutex_lock(&detector->turn) != 0) return desy_error(DESY_EUSAGE, "a callback must not call the detector that calls it");
    pthread_mutex_lock(&detector->state);
    detector->running = cancels == detector->cancels;
    pthread_mutex_unlock(&detector->state);
    if (detector->running) return DESY_OK;
    pthread_mutex_unlock(&detector->turn);
    return desy_error(DESY_EINTERRUPTED, "cancelled before it began");
}

/* Nothing is left of the call, and no interrupt of it can come any more: the next one begins as after opening. */
static int give_turn(desy_detector *detector, int rc)
{
    char *message = rc == DESY_OK ? NULL : strdup(desy_error_message());
    pthread_mutex_lock(&detector->state);
    detector->running = false;
    pthread_mutex_unlock(&detector->state);
    desy_scoring_clear(detector->scoring);
    pthread_mutex_unlock(&detector->turn);
    if (message) desy_error(rc, "%s", message); /* clearing may fail, too, where the decoder is gone */
    free(message);
    return rc;
}

void desy_detector_cancel(desy_detector *detector)
{
    pthread_mutex_lock(&detector->state);
    detector->cancels++;
    if (detector->running) desy_scoring_interrupt(detector->scoring);
    pthread_mutex_unlock(&detector->state);
}

/* ---- opening ---- */

static int open_scoring(desy_detector *detector, const struct desy_detector_options *options)
{
    struct desy_scoring_settings settings = DESY_SCORING_DEFAULTS;
    char *audio = NULL;
    int rc;
    settings.model = options->model, settings.level = options->level, settings.weights = options->weights, settings.device = options->device, settings.text = options->text;
    if (options->precision) settings.precision = options->precision;
    settings.audio = options->audio;
    settings.threshold = options->threshold, settings.prior = options->prior, settings.deadline = options->deadline;
    settings.windows = options->windows, settings.workers = options->workers, settings.threads = options->threads;
    settings.allow_code = options->allow_code != 0, settings.timeline = options->timeline != 0, settings.explain = options->explain != 0, settings.abstain = options->abstain != 0;
    if (desy_scoring_audio_file(&settings) && *options->audio) {
        settings.audio = audio = absolute(options->audio);
        if (!audio) DESY_TRY(no_path());
    }
    const int workers = options->workers > 0 ? options->workers : desy_cpu_available();
    detector->ahead = 2 * (size_t)workers > AHEAD ? 2 * (size_t)workers : AHEAD;
    DESY_TRY(desy_spawner_execute(&detector->spawner));
    settings.spawner = detector->spawner;
    DESY_TRY(desy_scoring_open(&detector->scoring, &settings));
out:
    free(audio);
    return rc;
}

static void init_mutexes(desy_detector *detector)
{
    pthread_mutexattr_t noticing;
    pthread_mutexattr_init(&noticing);
    pthread_mutexattr_settype(&noticing, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&detector->turn, &noticing);
    pthread_mutex_init(&detector->state, NULL);
    pthread_mutexattr_destroy(&noticing);
}

int desy_detector_open(desy_detector **out, const struct desy_detector_options *given)
{
    struct desy_detector_options options;
    *out = NULL;
    int rc = read_options(&options, given);
    if (rc != DESY_OK) return rc;
    desy_detector *detector = calloc(1, sizeof *detector);
    if (!detector) return desy_error_memory("a detector");
    init_mutexes(detector);
    detector->log = (struct desy_log_sink){options.log, options.log_context};
    detector->numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    *out = detector;
    if (!detector->numbers) rc = desy_error_memory("a detector");
    else {
        const struct visit visit = enter(detector);
        rc = open_scoring(detector, &options);
        leave(&visit);
    }
    if (rc != DESY_OK) desy_detector_close(out);
    return rc;
}

void desy_detector_close(desy_detector **detector)
{
    desy_detector *d = *detector;
    if (!d) return;
    char *message = strdup(desy_error_message());
    desy_scoring_close(&d->scoring);
    desy_spawner_close(&d->spawner);
    if (message) desy_error(DESY_OK, "%s", message); /* where opening failed, that is what is to be read */
    free(message);
    if (d->numbers) freelocale(d->numbers);
    pthread_mutex_destroy(&d->turn);
    pthread_mutex_destroy(&d->state);
    free(d);
    *detector = NULL;
}

/* ---- detection ---- */

static int submit(desy_detector *detector, const char *path)
{
    if (!path) return desy_error(DESY_EUSAGE, "the path of a video is NULL");
    char *whole = absolute(path);
    if (!whole) return no_path();
    const int rc = desy_scoring_submit(detector->scoring, &(struct desy_scoring_video){.path = whole, .shown = path, .audio_path = "", .text = ""});
    free(whole);
    return rc;
}

/* What is to become of one result. Not OK ends the call. */
typedef int consume(void *context, size_t index, size_t n, const cJSON *result);

static int detect(desy_detector *detector, const char *const *paths, size_t n, consume *use, void *context)
{
    size_t ahead = 0;
    int rc = take_turn(detector);
    if (rc != DESY_OK) return rc;
    const struct visit visit = enter(detector);
    for (size_t i = 0; i < n; i++) {
        cJSON *result = NULL;
        for (; ahead < n && ahead < i + detector->ahead; ahead++) DESY_TRY(submit(detector, paths[ahead]));
        DESY_TRY(desy_scoring_next(detector->scoring, &result));
        rc = use(context, i, n, result);
        cJSON_Delete(result);
        DESY_TRY(rc);
    }
out:
    rc = give_turn(detector, rc);
    leave(&visit);
    return rc;
}

static int give_json(void *context, size_t index, size_t n, const cJSON *result)
{
    (void)index, (void)n;
    return desy_json_text(context, result, false, "a result");
}

int desy_detect(desy_detector *detector, const char *path, char **json)
{
    *json = NULL;
    return detect(detector, &path, 1, give_json, json);
}

static int give_numbers(void *context, size_t index, size_t n, const cJSON *result)
{
    (void)index, (void)n;
    struct desy_detection **detection = context;
    *detection = desy_detection_of(result);
    return *detection ? DESY_OK : desy_error_memory("a result");
}

int desy_detect_numbers(desy_detector *detector, const char *path, struct desy_detection **detection)
{
    *detection = NULL;
    return detect(detector, &path, 1, give_numbers, detection);
}

struct listener {
    desy_detect_callback *callback;
    void *context;
    locale_t locale; /* of the host on this thread, in which its code runs */
};
static int tell(void *context, size_t index, size_t n, const cJSON *result)
{
    const struct listener *listener = context;
    char *json = NULL;
    struct desy_detection *detection = desy_detection_of(result);
    int rc = detection ? desy_json_text(&json, result, false, "a result") : desy_error_memory("a result");
    if (rc == DESY_OK) {
        const locale_t numbers = uselocale(listener->locale);
        const int stop = listener->callback(listener->context, index, n, detection, json);
        uselocale(numbers);
        if (stop) rc = desy_error(DESY_EINTERRUPTED, "cancelled by the callback after %zu of %zu videos", index + 1, n);
    }
    free(json);
    free(detection);
    return rc;
}

int desy_detect_many(desy_detector *detector, const char *const *paths, size_t n, desy_detect_callback *callback, void *context)
{
    struct listener listener = {callback, context, uselocale((locale_t)0)};
    if (!callback) return desy_error(DESY_EUSAGE, "desy_detect_many gives its results to a callback, and there is none");
    return detect(detector, paths, n, tell, &listener);
}
