#include "serve/workers.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "detect/model_stamp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_AGAIN 60. /* seconds after which a model that could not be opened is tried again: memory may have been short */
#define LOOK_AGAIN 1. /* seconds after which an idle worker looks whether another model was promoted */

struct desy_workers {
    desy_jobs *jobs;
    desy_telemetry *telemetry;
    desy_drift_window *drift;
    const struct desy_scoring_settings *settings;
    pthread_mutex_t lock;
    cJSON *model; /* what is told of the one last opened */
    char failed[DESY_MODEL_STAMP]; /* of the model that could not be opened: it is reported once, and tried again after a while */
    double failed_at;
    int count;
    struct worker {
        desy_workers *workers;
        pthread_t thread;
        desy_scoring *scoring;
        struct desy_job **working; /* oldest first, `ahead` at most; changed under the lock, for interrupts */
        int n_working, ahead;
        uint64_t calls; /* of the network that were counted */
        atomic_bool failing; /* the last video failed by no fault of its own */
        char stamp[DESY_MODEL_STAMP];
    } list[];
};

static bool add_tensor(cJSON *list, const char *name, const char *type)
{
    const int one = 1;
    cJSON *tensor = cJSON_CreateObject(), *shape = cJSON_CreateIntArray(&one, 1);
    return tensor && shape && cJSON_AddItemToArray(list, tensor) && cJSON_AddStringToObject(tensor, "name", name) && cJSON_AddStringToObject(tensor, "datatype", type) && cJSON_AddItemToObject(tensor, "shape", shape);
}

/* As KServe's protocol has it; its `parameters` are ours. NULL: no memory. */
static cJSON *describe(const desy_classifier *classifier)
{
    cJSON *model = cJSON_CreateObject(), *versions = cJSON_AddArrayToObject(model, "versions"), *inputs = cJSON_AddArrayToObject(model, "inputs"), *outputs = cJSON_AddArrayToObject(model, "outputs"),
          *parameters = cJSON_AddObjectToObject(model, "parameters");
    char version[13] = "";
    snprintf(version, sizeof version, "%s", desy_classifier_sha256(classifier));
    if (cJSON_AddStringToObject(model, "name", desy_classifier_name(classifier)) && cJSON_AddItemToArray(versions, cJSON_CreateString(version)) && cJSON_AddStringToObject(model, "platform", "desy")
        && add_tensor(inputs, "video", "BYTES") && add_tensor(outputs, "confidence", "FP64") && add_tensor(outputs, "is_ai_generated", "BOOL")
        && cJSON_AddStringToObject(parameters, "sha256", desy_classifier_sha256(classifier)) && cJSON_AddStringToObject(parameters, "extractor", desy_classifier_extractor(classifier))
        && cJSON_AddNumberToObject(parameters, "threshold", desy_classifier_threshold(classifier)) && cJSON_AddBoolToObject(parameters, "calibrated", desy_classifier_calibrated(classifier)))
        return model;
    cJSON_Delete(model);
    return NULL;
}

static void publish(struct worker *worker)
{
    desy_workers *workers = worker->workers;
    cJSON *model = describe(desy_scoring_classifier(worker->scoring));
    pthread_mutex_lock(&workers->lock);
    cJSON *old = workers->model;
    if (model) workers->model = model;
    pthread_mutex_unlock(&workers->lock);
    if (model) cJSON_Delete(old);
}

static int open_model(struct worker *worker)
{
    desy_model_stamp(worker->stamp, worker->workers->settings->model);
    const int rc = desy_scoring_open(&worker->scoring, worker->workers->settings);
    if (rc == DESY_OK) desy_drift_window_begin(worker->workers->drift, desy_scoring_classifier(worker->scoring));
    if (rc == DESY_OK) publish(worker);
    return rc;
}

/* Has another model been promoted? Then this worker takes nothing further until it has it. */
static bool is_old(const struct worker *worker)
{
    char stamp[DESY_MODEL_STAMP];
    desy_workers *workers = worker->workers;
    desy_model_stamp(stamp, workers->settings->model);
    if (strcmp(stamp, worker->stamp) == 0) return false;
    pthread_mutex_lock(&workers->lock);
    const bool failed = strcmp(stamp, workers->failed) == 0 && desy_monotonic() - workers->failed_at < TRY_AGAIN;
    pthread_mutex_unlock(&workers->lock);
    return !failed;
}

static void renew(struct worker *worker)
{
    desy_workers *workers = worker->workers;
    struct worker fresh = {.workers = workers};
    if (open_model(&fresh) == DESY_OK) {
        pthread_mutex_lock(&workers->lock);
        desy_scoring *was = worker->scoring;
        worker->scoring = fresh.scoring, worker->calls = 0;
        pthread_mutex_unlock(&workers->lock);
        desy_scoring_close(&was);
        strcpy(worker->stamp, fresh.stamp);
        desy_telemetry_reload(workers->telemetry, false);
        desy_log_info("serve: a worker has taken up model %s", desy_classifier_name(desy_scoring_classifier(worker->scoring)));
        return;
    }
    pthread_mutex_lock(&workers->lock);
    const bool said = strcmp(workers->failed, fresh.stamp) == 0;
    strcpy(workers->failed, fresh.stamp);
    workers->failed_at = desy_monotonic();
    pthread_mutex_unlock(&workers->lock);
    desy_scoring_close(&fresh.scoring);
    if (said) return;
    desy_telemetry_reload(workers->telemetry, true);
    desy_log_error("serve: the model that was promoted can't be used, %s stays in use: %s", desy_classifier_name(desy_scoring_classifier(worker->scoring)), desy_error_message());
}

static void count_video(struct worker *worker, const struct desy_job *job, const cJSON *result, bool failed)
{
    const cJSON *verdict = desy_json_member(result, "is_ai_generated");
    const char *status = desy_json_text_of(result, "status");
    desy_telemetry_video(worker->workers->telemetry, status ? status : failed ? "failed" : "cancelled", cJSON_IsBool(verdict) ? cJSON_IsTrue(verdict) : -1, job->started - job->submitted, desy_monotonic() - job->started);
}

/* One of those submitted, the oldest is 0, has its answer. */
static void finish_job(struct worker *worker, int index, const cJSON *result, char *text, char *failure)
{
    struct desy_job *job = worker->working[index];
    count_video(worker, job, result, failure != NULL);
    const char *status = desy_json_text_of(result, "status");
    const bool scored = status && strcmp(status, "ok") == 0;
    if (scored) desy_drift_window_add(worker->workers->drift, desy_scoring_classifier(worker->scoring), desy_json_number_of(result, "logit"));
    pthread_mutex_lock(&worker->workers->lock);
    memmove(worker->working + index, worker->working + index + 1, (size_t)(--worker->n_working - index) * sizeof *worker->working);
    pthread_mutex_unlock(&worker->workers->lock);
    desy_jobs_finish(worker->workers->jobs, job, text, scored, failure);
}

/* An error of the machine, not of a video: all that this worker has fails, and scoring begins anew, since nobody knows which clips are still on their way. */
static void fail_all(struct worker *worker)
{
    char *failure = strdup(desy_error_message());
    desy_log_error("serve: a video could not be scored: %s", failure ? failure : "no memory");
    desy_scoring_clear(worker->scoring);
    atomic_store(&worker->failing, true);
    while (worker->n_working > 0) finish_job(worker, 0, NULL, NULL, failure ? strdup(failure) : NULL);
    free(failure);
}

static int submit(struct worker *worker, const struct desy_job *job)
{
    const struct desy_job_request *request = &job->request;
    const struct desy_scoring_video video = {.path = request->path, .shown = request->name, .audio_path = "", .text = request->text ? request->text : "", .timeline = request->timeline,
                                             .explain = request->explain};
    return desy_scoring_submit(worker->scoring, &video);
}

static void begin(struct worker *worker, struct desy_job *job)
{
    pthread_mutex_lock(&worker->workers->lock);
    worker->working[worker->n_working++] = job;
    pthread_mutex_unlock(&worker->workers->lock);
    if (submit(worker, job) != DESY_OK) fail_all(worker);
}

static bool is_cancelled(const struct worker *worker, int index)
{
    size_t waiting;
    return desy_jobs_state(worker->workers->jobs, worker->working[index], &waiting) == DESY_JOB_CANCELLED;
}

/* Some of this worker's jobs were cancelled: the others begin anew. */
static void begin_again(struct worker *worker)
{
    int rc = DESY_OK;
    desy_scoring_clear(worker->scoring);
    for (int i = worker->n_working - 1; i >= 0; i--)
        if (is_cancelled(worker, i)) finish_job(worker, i, NULL, NULL, NULL);
    for (int i = 0; i < worker->n_working && rc == DESY_OK; i++) rc = submit(worker, worker->working[i]);
    if (rc != DESY_OK) fail_all(worker);
}

static void finish_one(struct worker *worker)
{
    cJSON *result = NULL;
    char *text = NULL;
    if (is_cancelled(worker, 0)) { /* while it was not the oldest, which alone is interrupted */
        begin_again(worker);
        return;
    }
    int rc = desy_scoring_next(worker->scoring, &result);
    const uint64_t calls = desy_scoring_calls(worker->scoring);
    desy_telemetry_calls(worker->workers->telemetry, calls - worker->calls);
    worker->calls = calls;
    if (rc == DESY_OK) rc = desy_json_text(&text, result, false, worker->working[0]->request.name);
    if (rc == DESY_OK) {
        atomic_store(&worker->failing, false);
        finish_job(worker, 0, result, text, NULL);
    } else if (rc == DESY_EINTERRUPTED) begin_again(worker);
    else fail_all(worker);
    cJSON_Delete(result);
}

/* On whichever thread cancels. A worker that was just done with the job begins its next one anew: that costs time alone. */
static void interrupt(void *context, const struct desy_job *job)
{
    desy_workers *workers = context;
    pthread_mutex_lock(&workers->lock);
    for (int i = 0; i < workers->count; i++)
        if (workers->list[i].n_working > 0 && workers->list[i].working[0] == job) desy_scoring_interrupt(workers->list[i].scoring);
    pthread_mutex_unlock(&workers->lock);
}

/* A video with a timeline may take long, and one behind it would wait though other workers are idle. */
static bool may_take(const struct worker *worker, bool old)
{
    const struct desy_scoring_settings *settings = worker->workers->settings;
    const struct desy_job_request *newest = worker->n_working ? &worker->working[worker->n_working - 1]->request : NULL;
    const bool long_one = newest && (newest->timeline || newest->explain || settings->timeline || settings->explain);
    return !newest || (worker->n_working < worker->ahead && !old && !long_one);
}

static void *work(void *context)
{
    struct worker *worker = context;
    desy_workers *workers = worker->workers;
    for (;;) {
        const bool old = is_old(worker);
        if (old && worker->n_working == 0) renew(worker);
        while (may_take(worker, old)) {
            struct desy_job *job = desy_jobs_take(workers->jobs, worker->n_working ? 0 : LOOK_AGAIN);
            if (!job) break;
            begin(worker, job);
        }
        if (worker->n_working > 0) finish_one(worker);
        else if (desy_jobs_drained(workers->jobs)) return NULL;
    }
}

static void close_worker(struct worker *worker)
{
    desy_scoring_close(&worker->scoring);
    free(worker->working);
}

int desy_workers_start(desy_workers **out, int count, const struct desy_scoring_settings *settings, desy_jobs *jobs, desy_telemetry *telemetry, desy_drift_window *drift)
{
    desy_workers *workers = calloc(1, sizeof *workers + (size_t)count * sizeof *workers->list);
    int rc = workers ? DESY_OK : desy_error_memory("workers");
    *out = workers;
    if (rc != DESY_OK) return rc;
    workers->jobs = jobs, workers->telemetry = telemetry, workers->drift = drift, workers->settings = settings;
    pthread_mutex_init(&workers->lock, NULL);
    desy_jobs_on_interrupt(jobs, interrupt, workers);
    for (int i = 0; i < count; i++) { /* all before the first thread: a service that starts has all it needs */
        workers->list[i].workers = workers;
        DESY_TRY(open_model(&workers->list[i]));
        workers->list[i].ahead = desy_scoring_ahead(workers->list[i].scoring);
        workers->list[i].working = calloc((size_t)workers->list[i].ahead, sizeof *workers->list[i].working);
        if (!workers->list[i].working) DESY_TRY(desy_error_memory("workers"));
    }
    for (; workers->count < count; workers->count++) {
        if (pthread_create(&workers->list[workers->count].thread, NULL, work, &workers->list[workers->count]) != 0) DESY_TRY(desy_error(DESY_EENV, "no thread for a worker can be had"));
    }
out:
    if (rc != DESY_OK) {
        desy_jobs_drain(jobs);
        for (int i = workers->count; i < count; i++) close_worker(&workers->list[i]);
        desy_workers_join(workers);
        desy_workers_close(out);
    }
    return rc;
}

size_t desy_workers_ready(desy_workers *workers)
{
    size_t ready = 0;
    for (int i = 0; i < workers->count; i++) ready += !atomic_load(&workers->list[i].failing);
    return ready;
}

cJSON *desy_workers_model(desy_workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    cJSON *model = cJSON_Duplicate(workers->model, true);
    pthread_mutex_unlock(&workers->lock);
    return model;
}

void desy_workers_join(desy_workers *workers)
{
    for (int i = 0; i < workers->count; i++) pthread_join(workers->list[i].thread, NULL);
    desy_jobs_on_interrupt(workers->jobs, NULL, NULL);
}

void desy_workers_close(desy_workers **out)
{
    desy_workers *workers = *out;
    if (!workers) return;
    for (int i = 0; i < workers->count; i++) close_worker(&workers->list[i]);
    pthread_mutex_destroy(&workers->lock);
    cJSON_Delete(workers->model);
    free(workers);
    *out = NULL;
}
