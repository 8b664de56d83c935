#include "serve/feedback.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/feedback.h"
#include "serve/answer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* alone: no other service uses the directory, so that no upload there is under way. */
static int lock(struct desy_spool *spool, bool *alone)
{
    spool->lock = open(spool->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->lock < 0) return desy_error(DESY_EENV, "%s: can't be opened: %s", spool->directory, strerror(errno));
    *alone = flock(spool->lock, LOCK_EX | LOCK_NB) == 0;
    if (!*alone) (void)flock(spool->lock, LOCK_SH | LOCK_NB);
    return DESY_OK;
}

int desy_feedback_open(struct desy_spool *spool, const char *directory)
{
    *spool = (struct desy_spool){.lock = -1, .directory = desy_path_join(directory, "videos")};
    int rc = spool->directory ? desy_make_directory(spool->directory) : desy_error_memory("the directory of feedback");
    DIR *listing = rc == DESY_OK ? opendir(spool->directory) : NULL;
    const struct dirent *entry;
    bool alone = false;
    if (rc == DESY_OK && (!listing || chmod(spool->directory, 0700) != 0)) rc = desy_error(DESY_EENV, "%s: can't be opened; --feedback names a directory of yours", spool->directory);
    if (rc == DESY_OK) rc = lock(spool, &alone);
    while (listing && alone && (entry = readdir(listing)))
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

/* The video that is kept under this hash, "videos/SHA256.mp4"; NULL: none. New. */
static char *find_kept(const char *directory, const char *sha256)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    char *path = NULL;
    while (listing && !path && (entry = readdir(listing)))
        if (strncmp(entry->d_name, sha256, DESY_SHA256_HEX - 1) == 0) path = desy_format("videos/%s", entry->d_name);
    if (listing) closedir(listing);
    return path;
}

/* Under its own hash, once. Not synchronised with the disk, which would hold up everybody: a review finds by the hash what a power failure has torn. *kept: it is new there. */
static int keep_video(struct desy_request *request, char **path, bool *kept)
{
    struct desy_upload *upload = &request->upload;
    const struct desy_service_options *options = request->service->options;
    *path = find_kept(request->service->feedback.directory, upload->sha256);
    *kept = !*path;
    if (*path) return DESY_OK;
    *path = desy_format("videos/%s%s", upload->sha256, ending_of(upload->name));
    char *whole = *path ? desy_path_join(options->feedback, *path) : NULL;
    int rc = whole ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && rename(upload->path, whole) != 0) rc = desy_error(DESY_EENV, "%s: %s", whole, strerror(errno));
    free(whole);
    if (rc != DESY_OK) return rc;
    free(upload->path);
    upload->path = NULL;
    return DESY_OK;
}

/* A record that could not be written leaves no video behind. */
static void forget_video(const struct desy_request *request, const char *path)
{
    char *whole = desy_path_join(request->service->options->feedback, path);
    if (whole) unlink(whole);
    free(whole);
}

/* Bytes of the videos that are kept. */
static uint64_t bytes_kept(const char *directory)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    struct stat status;
    uint64_t bytes = 0;
    while (listing && (entry = readdir(listing)))
        if (fstatat(dirfd(listing), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode)) bytes += (uint64_t)status.st_size;
    if (listing) closedir(listing);
    return bytes;
}

int desy_feedback_post(struct desy_request *request)
{
    struct desy_service *service = request->service;
    const char *label = desy_request_option(request, "label"), *id = desy_request_option(request, "job");
    char entry[DESY_FEEDBACK_ENTRY], *path = NULL;
    bool kept = false;
    cJSON *result = NULL;
    if (!label || (strcmp(label, "0") != 0 && strcmp(label, "1") != 0)) return desy_answer_problem(request, MHD_HTTP_BAD_REQUEST, "The field 'label' says what the video is: 0 real, 1 AI-generated.");
    if (bytes_kept(service->feedback.directory) > service->options->max_feedback)
        return desy_answer_problem(request, MHD_HTTP_INSUFFICIENT_STORAGE, "The service keeps as many videos of feedback as it may (--max-feedback): review what is there.");
    struct desy_job *job = id ? desy_jobs_find(service->jobs, id) : NULL;
    size_t waiting;
    if (job && desy_jobs_state(service->jobs, job, &waiting) == DESY_JOB_DONE && job->result) (void)desy_json_parse(&result, job->result, strlen(job->result), "a result");
    desy_jobs_release(service->jobs, job);
    struct desy_feedback_record record = {.label = label[0] - '0', .source = "web", .comment = desy_request_option(request, "comment")};
    add_verdict(&record, result);
    int rc = keep_video(request, &path, &kept);
    record.id = request->upload.sha256, record.video_path = path;
    if (rc == DESY_OK) rc = desy_feedback_add(service->options->feedback, &record, entry);
    if (rc != DESY_OK && kept && path) forget_video(request, path);
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
