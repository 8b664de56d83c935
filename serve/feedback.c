#include "serve/feedback.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/feedback.h"
#include "serve/answer.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int desy_feedback_open(struct desy_spool *spool, const char *directory)
{
    *spool = (struct desy_spool){.lock = -1, .directory = desy_path_join(directory, "videos")};
    int rc = spool->directory ? desy_make_directory(spool->directory) : desy_error_memory("the directory of feedback");
    DIR *listing = rc == DESY_OK ? opendir(spool->directory) : NULL;
    const struct dirent *entry;
    if (rc == DESY_OK && (!listing || chmod(spool->directory, 0700) != 0)) rc = desy_error(DESY_EENV, "%s: can't be opened; --feedback names a directory of yours", spool->directory);
    while (listing && (entry = readdir(listing)))
        if (strncmp(entry->d_name, "upload-", 7) == 0) unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing) closedir(listing);
    return rc;
}

/* The ending that tells tools what it is, if it is one of ours. */
static const char *ending_of(const char *name)
{
    static const char *const endings[] = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif"};
    const char *dot = name ? strrchr(name, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return endings[i];
    return "";
}

/* What they were told, if the service still knows. */
static void add_verdict(struct desy_feedback_record *record, const cJSON *result)
{
    const cJSON *verdict = desy_json_member(result, "is_ai_generated");
    const double logit = desy_json_number_of(result, "logit");
    record->verdict = cJSON_IsBool(verdict) ? cJSON_IsTrue(verdict) : -1;
    record->confidence = 1 / (1 + exp(-logit));
    record->model = desy_json_text_of(result, "model");
}

/* Under its own hash: the same video is kept once. */
static int keep_video(struct desy_request *request, char sha256[DESY_SHA256_HEX], char **path)
{
    struct desy_upload *upload = &request->upload;
    char *kept = NULL;
    int rc = desy_sha256_file(sha256, upload->path);
    if (rc != DESY_OK) return rc;
    *path = desy_format("videos/%s%s", sha256, ending_of(upload->name));
    kept = *path ? desy_path_join(request->service->options->feedback, *path) : NULL;
    rc = kept ? desy_rename_durable(upload->path, kept) : desy_error_memory("a path");
    if (rc == DESY_OK) {
        free(upload->path);
        upload->path = NULL;
    }
    free(kept);
    return rc;
}

int desy_feedback_post(struct desy_request *request)
{
    struct desy_service *service = request->service;
    const char *label = desy_request_option(request, "label"), *id = desy_request_option(request, "job");
    char sha256[DESY_SHA256_HEX], entry[DESY_FEEDBACK_ENTRY], *path = NULL;
    cJSON *result = NULL;
    if (!service->options->feedback) return desy_answer_problem(request, MHD_HTTP_NOT_FOUND, "This service takes no feedback: it was started without --feedback.");
    if (!label || (strcmp(label, "0") != 0 && strcmp(label, "1") != 0)) return desy_answer_problem(request, MHD_HTTP_BAD_REQUEST, "The field 'label' says what the video is: 0 real, 1 AI-generated.");
    struct desy_job *job = id ? desy_jobs_find(service->jobs, id) : NULL;
    size_t waiting;
    if (job && desy_jobs_state(service->jobs, job, &waiting) == DESY_JOB_DONE && job->result) (void)desy_json_parse(&result, job->result, strlen(job->result), "a result");
    desy_jobs_release(service->jobs, job);
    struct desy_feedback_record record = {.label = label[0] - '0', .source = "web", .comment = desy_request_option(request, "comment")};
    add_verdict(&record, result);
    int rc = keep_video(request, sha256, &path);
    record.id = sha256, record.video_path = path;
    if (rc == DESY_OK) rc = desy_feedback_add(service->options->feedback, &record, entry);
    cJSON_Delete(result);
    free(path);
    if (rc != DESY_OK) {
        desy_log_error("serve: feedback could not be kept: %s", desy_error_message());
        return desy_answer_problem(request, MHD_HTTP_INSUFFICIENT_STORAGE, "The service could not keep what you said.");
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", entry);
    cJSON_AddStringToObject(json, "state", "pending");
    return desy_answer_object(request, MHD_HTTP_ACCEPTED, json, NULL);
}
