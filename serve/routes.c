/* What the service answers at which address. A handler is called when the request is complete, and again when a suspended connection goes on. */
#include "serve/answer.h"
#include "serve/feedback.h"
#include "serve/pages.h"

#include "base/file.h"
#include "base/json.h"
#include "desy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void resume(void *context)
{
    MHD_resume_connection(((struct desy_request *)context)->connection);
}

/* The upload becomes a job; where it can't, request->refused says why. */
static bool submit(struct desy_request *request, bool keep)
{
    struct desy_upload *upload = &request->upload;
    const char *text = desy_request_option(request, "text");
    struct desy_job_request job = {.path = upload->path, .name = upload->name && *upload->name ? upload->name : strdup("video"), .text = text && *text ? strdup(text) : NULL, .timeline = desy_request_flag(request, "timeline"),
                                   .explain = desy_request_flag(request, "explain")};
    struct desy_job *submitted = NULL;
    bool full = false;
    if (upload->name && !*upload->name) free(upload->name);
    upload->path = upload->name = NULL; /* the job's now */
    if (!job.name || (text && *text && !job.text)) { /* no memory */
        unlink(job.path);
        free(job.path), free(job.name), free(job.text);
        request->refused = MHD_HTTP_INTERNAL_SERVER_ERROR;
        return false;
    }
    const int rc = desy_jobs_submit(request->service->jobs, &job, keep, keep ? NULL : resume, request, &submitted, &full);
    pthread_mutex_lock(&request->service->lock);
    request->job = submitted;
    request->waits = submitted && !keep;
    pthread_mutex_unlock(&request->service->lock);
    request->refused = rc != DESY_OK ? MHD_HTTP_INTERNAL_SERVER_ERROR : full ? MHD_HTTP_SERVICE_UNAVAILABLE : 0;
    return !request->refused;
}

static int answer_refused(struct desy_request *request)
{
    if (request->refused == MHD_HTTP_SERVICE_UNAVAILABLE) return desy_answer_problem_with(request, request->refused, "As many videos wait as the service takes (--queue). Try again.", NULL, 2);
    return desy_answer_problem(request, request->refused, "The service has no memory for another video.");
}

/* 200 with the verdict, or what stands in its way. */
static int answer_result(struct desy_request *request, const struct desy_job *job)
{
    cJSON *result = NULL;
    char detail[400];
    if (!job->result) return desy_answer_problem(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "The service failed: %s", job->failure ? job->failure : "out of memory");
    if (job->scored) return desy_answer_json(request, MHD_HTTP_OK, strdup(job->result), NULL);
    if (desy_json_parse(&result, job->result, strlen(job->result), "a result") != DESY_OK) return MHD_NO;
    const char *status = desy_json_text_of(result, "status"), *reason = desy_json_text_of(result, "reason");
    snprintf(detail, sizeof detail, "No verdict on this video: %s (%s).", reason && *reason ? reason : "it can't be read", status ? status : "unreadable");
    cJSON *members = cJSON_CreateObject();
    if (members) (void)(desy_json_add_copy(members, "video_path", desy_json_member(result, "video_path")) && desy_json_add_copy(members, "video_status", desy_json_member(result, "status"))
                        && desy_json_add_copy(members, "reason", desy_json_member(result, "reason")));
    cJSON_Delete(result);
    return desy_answer_problem_with(request, MHD_HTTP_UNPROCESSABLE_CONTENT, detail, members, 0);
}

static int post_detect(struct desy_request *request)
{
    size_t waiting;
    if (!request->job && !request->refused) {
        MHD_suspend_connection(request->connection); /* before a worker can have it done */
        if (!submit(request, false)) MHD_resume_connection(request->connection);
        return MHD_YES;
    }
    if (request->refused) return answer_refused(request);
    if (desy_jobs_state(request->service->jobs, request->job, &waiting) == DESY_JOB_DONE) return answer_result(request, request->job);
    if (atomic_load(&request->service->draining)) return desy_answer_problem_with(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The service is shutting down.", NULL, 5);
    return desy_answer_problem(request, MHD_HTTP_GATEWAY_TIMEOUT, "The video was not scored within the time that a request may take (--request-deadline); POST /jobs waits longer.");
}

static cJSON *describe_job(desy_jobs *jobs, struct desy_job *job)
{
    size_t waiting;
    const enum desy_job_state state = desy_jobs_state(jobs, job, &waiting);
    cJSON *json = cJSON_CreateObject(), *result = NULL;
    bool ok = json && cJSON_AddStringToObject(json, "id", job->id) && cJSON_AddStringToObject(json, "state", state == DESY_JOB_DONE && !job->result ? "failed" : desy_job_state_name(state))
              && cJSON_AddStringToObject(json, "video_path", job->request.name);
    if (ok && state == DESY_JOB_QUEUED) ok = cJSON_AddNumberToObject(json, "waiting", (double)waiting);
    if (ok && state == DESY_JOB_DONE && job->result) {
        ok = desy_json_parse(&result, job->result, strlen(job->result), "a result") == DESY_OK;
        if (ok) cJSON_AddItemToObject(json, "result", result);
    } else if (ok && state == DESY_JOB_DONE) ok = cJSON_AddStringToObject(json, "reason", job->failure ? job->failure : "out of memory");
    if (ok) return json;
    cJSON_Delete(json);
    return NULL;
}

static int post_jobs(struct desy_request *request)
{
    char location[64];
    if (!submit(request, true)) return answer_refused(request);
    snprintf(location, sizeof location, "/jobs/%s", request->job->id);
    return desy_answer_object(request, MHD_HTTP_ACCEPTED, describe_job(request->service->jobs, request->job), location);
}

static int unknown_job(struct desy_request *request)
{
    return desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "No such job: its answer was fetched long ago, or it never was.");
}

static int get_job(struct desy_request *request)
{
    desy_jobs *jobs = request->service->jobs;
    struct desy_job *job = desy_jobs_find(jobs, request->parameter);
    if (!job) return unknown_job(request);
    cJSON *json = describe_job(jobs, job);
    desy_jobs_release(jobs, job);
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

static int delete_job(struct desy_request *request)
{
    desy_jobs *jobs = request->service->jobs;
    struct desy_job *job = desy_jobs_find(jobs, request->parameter);
    if (!job) return unknown_job(request);
    desy_jobs_cancel(jobs, job);
    desy_jobs_release(jobs, job);
    return desy_answer_nothing(request);
}

static int get_live(struct desy_request *request)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "live", true);
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

static bool is_ready(const struct desy_request *request)
{
    return !atomic_load(&request->service->draining) && desy_workers_ready(request->service->workers) > 0;
}

static int get_ready(struct desy_request *request)
{
    cJSON *json = cJSON_CreateObject();
    if (!is_ready(request)) {
        cJSON_Delete(json);
        return desy_answer_problem_with(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The service is shutting down.", NULL, 5);
    }
    cJSON_AddBoolToObject(json, "ready", true);
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

static int get_server(struct desy_request *request)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", "desy");
    cJSON_AddStringToObject(json, "version", DESY_VERSION);
    cJSON_AddArrayToObject(json, "extensions");
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

/* The model in use, if that is its name. NULL: answered. */
static cJSON *find_model(struct desy_request *request, int *result)
{
    cJSON *model = desy_workers_model(request->service->workers);
    const char *name = desy_json_text_of(model, "name");
    if (model && name && strcmp(name, request->parameter) == 0) return model;
    *result = model ? desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "The model in use is '%s'.", name ? name : "") : MHD_NO;
    cJSON_Delete(model);
    return NULL;
}

static int get_model(struct desy_request *request)
{
    int result = MHD_NO;
    cJSON *model = find_model(request, &result);
    return model ? desy_answer_object(request, MHD_HTTP_OK, model, NULL) : result;
}

static int get_model_ready(struct desy_request *request)
{
    int result = MHD_NO;
    cJSON *model = find_model(request, &result);
    if (!model) return result;
    cJSON_Delete(model);
    if (!is_ready(request)) return get_ready(request);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", request->parameter);
    cJSON_AddBoolToObject(json, "ready", true);
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

static int get_models(struct desy_request *request)
{
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "models");
    cJSON_AddItemToArray(list, desy_workers_model(request->service->workers));
    return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
}

/* What the page has to know. */
static int get_settings(struct desy_request *request)
{
    const struct desy_service_options *options = request->service->options;
    cJSON *json = cJSON_CreateObject(), *model = desy_workers_model(request->service->workers), *parameters = cJSON_GetObjectItemCaseSensitive(model, "parameters");
    bool ok = json && model && cJSON_AddStringToObject(json, "version", DESY_VERSION) && desy_json_add_copy(json, "model", desy_json_member(model, "name"))
              && desy_json_add_copy(json, "calibrated", desy_json_member(parameters, "calibrated")) && cJSON_AddNumberToObject(json, "prior", options->scoring.prior)
              && cJSON_AddNumberToObject(json, "max_upload", (double)options->max_upload) && cJSON_AddNumberToObject(json, "deadline", options->deadline) && cJSON_AddBoolToObject(json, "feedback", options->feedback != NULL);
    cJSON_Delete(model);
    if (ok) return desy_answer_object(request, MHD_HTTP_OK, json, NULL);
    cJSON_Delete(json);
    return MHD_NO;
}

static int get_metrics(struct desy_request *request)
{
    struct desy_service *service = request->service;
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    cJSON *model = desy_workers_model(service->workers);
    const char *name = desy_json_text_of(model, "name");
    struct desy_telemetry_now now = {.jobs = desy_jobs_count(service->jobs), .workers_ready = desy_workers_ready(service->workers), .model = name ? name : ""};
    pthread_mutex_lock(&service->lock);
    now.uploads = service->uploads;
    pthread_mutex_unlock(&service->lock);
    struct desy_drift_figures drift;
    if (desy_drift_window_measure(service->drift, &drift, &now.window)) now.drift = &drift;
    bool ok = stream && desy_telemetry_write(service->telemetry, &now, stream);
    if (stream && fclose(stream) != 0) ok = false;
    cJSON_Delete(model);
    if (ok) return desy_answer_text(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text);
    free(text);
    return MHD_NO;
}

const struct desy_route desy_routes[] = {
    {"POST", "/detect", post_detect, DESY_ROUTE_VIDEO},
    {"POST", "/jobs", post_jobs, DESY_ROUTE_VIDEO},
    {"GET", "/jobs/{id}", get_job, 0},
    {"DELETE", "/jobs/{id}", delete_job, 0},
    {"POST", "/feedback", desy_feedback_post, DESY_ROUTE_VIDEO | DESY_ROUTE_FEEDBACK},
    {"GET", "/v2", get_server, 0},
    {"GET", "/v2/health/live", get_live, DESY_ROUTE_OPEN},
    {"GET", "/v2/health/ready", get_ready, DESY_ROUTE_OPEN},
    {"GET", "/v2/models", get_models, 0},
    {"GET", "/v2/models/{name}", get_model, 0},
    {"GET", "/v2/models/{name}/ready", get_model_ready, 0},
    {"GET", "/metrics", get_metrics, 0},
    {"GET", "/settings", get_settings, 0},
    {"GET", "/openapi.json", desy_page_openapi, 0},
    {"GET", "/", desy_page_index, 0},
    {"GET", "/page/{file}", desy_page_file, DESY_ROUTE_OPEN}, /* what anybody can read in the source, and the page that asks for the token needs */
    {0},
};
