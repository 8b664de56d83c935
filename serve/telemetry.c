#include "serve/telemetry.h"

#include "base/error.h"
#include "desy.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOUNDS 12
static const double bounds[BOUNDS] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}; /* seconds */

struct histogram {
    uint64_t counts[BOUNDS + 1];
    double sum;
};

/* Requests of one kind; there are as many as routes, methods and statuses that occurred, which the table of routes bounds. */
struct kind {
    char method[8], route[48];
    int status;
    uint64_t count;
};

#define KINDS 512

struct desy_telemetry {
    pthread_mutex_t lock;
    struct kind kinds[KINDS];
    size_t n_kinds;
    uint64_t uncounted, bytes, calls, reloads[2], verdicts[3];
    struct video_status {
        char name[16];
        uint64_t count;
    } videos[16];
    size_t n_videos;
    struct histogram requests, waited, scored;
    double since; /* seconds since 1970 */
};

int desy_telemetry_open(desy_telemetry **out)
{
    desy_telemetry *telemetry = calloc(1, sizeof *telemetry);
    struct timespec now;
    *out = telemetry;
    if (!telemetry) return desy_error_memory("telemetry");
    clock_gettime(CLOCK_REALTIME, &now);
    telemetry->since = (double)now.tv_sec;
    pthread_mutex_init(&telemetry->lock, NULL);
    return DESY_OK;
}

void desy_telemetry_close(desy_telemetry **telemetry)
{
    if (!*telemetry) return;
    pthread_mutex_destroy(&(*telemetry)->lock);
    free(*telemetry);
    *telemetry = NULL;
}

static void observe(struct histogram *histogram, double seconds)
{
    int i = 0;
    while (i < BOUNDS && seconds > bounds[i]) i++;
    histogram->counts[i]++;
    histogram->sum += seconds;
}

void desy_telemetry_request(desy_telemetry *telemetry, const char *method, const char *route, int status, double seconds, uint64_t bytes)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"};
    const char *name = "other"; /* a client invents as many methods as it likes */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i]) == 0) name = known[i];
    pthread_mutex_lock(&telemetry->lock);
    size_t k = 0;
    while (k < telemetry->n_kinds && (telemetry->kinds[k].status != status || strcmp(telemetry->kinds[k].method, name) != 0 || strcmp(telemetry->kinds[k].route, route) != 0)) k++;
    if (k == telemetry->n_kinds && k < KINDS) {
        telemetry->kinds[k].status = status;
        snprintf(telemetry->kinds[k].method, sizeof telemetry->kinds[k].method, "%s", name);
        snprintf(telemetry->kinds[k].route, sizeof telemetry->kinds[k].route, "%s", route);
        telemetry->n_kinds++;
    }
    if (k < KINDS) telemetry->kinds[k].count++;
    else telemetry->uncounted++;
    telemetry->bytes += bytes;
    observe(&telemetry->requests, seconds);
    pthread_mutex_unlock(&telemetry->lock);
}

void desy_telemetry_video(desy_telemetry *telemetry, const char *status, int verdict, double waited, double seconds)
{
    pthread_mutex_lock(&telemetry->lock);
    size_t k = 0;
    while (k < telemetry->n_videos && strcmp(telemetry->videos[k].name, status) != 0) k++;
    if (k < sizeof telemetry->videos / sizeof *telemetry->videos) {
        if (k == telemetry->n_videos) snprintf(telemetry->videos[telemetry->n_videos++].name, sizeof telemetry->videos[k].name, "%s", status);
        telemetry->videos[k].count++;
    }
    if (strcmp(status, "ok") == 0) telemetry->verdicts[verdict < 0 ? 2 : verdict]++;
    observe(&telemetry->waited, waited);
    observe(&telemetry->scored, seconds);
    pthread_mutex_unlock(&telemetry->lock);
}

void desy_telemetry_calls(desy_telemetry *telemetry, uint64_t calls)
{
    pthread_mutex_lock(&telemetry->lock);
    telemetry->calls += calls;
    pthread_mutex_unlock(&telemetry->lock);
}

void desy_telemetry_reload(desy_telemetry *telemetry, bool failed)
{
    pthread_mutex_lock(&telemetry->lock);
    telemetry->reloads[failed]++;
    pthread_mutex_unlock(&telemetry->lock);
}

static void head(FILE *stream, const char *name, const char *type, const char *help)
{
    fprintf(stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(FILE *stream, const char *name, const char *help, double value)
{
    head(stream, name, "gauge", help);
    fprintf(stream, "%s %.17g\n", name, value);
}

static void put_histogram(FILE *stream, const char *name, const char *help, const struct histogram *histogram)
{
    uint64_t total = 0;
    head(stream, name, "histogram", help);
    for (int i = 0; i < BOUNDS; i++) fprintf(stream, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], total += histogram->counts[i]);
    total += histogram->counts[BOUNDS];
    fprintf(stream, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.17g\n%s_count %" PRIu64 "\n", name, total, name, histogram->sum, name, total);
}

/* Within the quotes of a label. */
static void put_label(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') fputs("\\n", stream);
        else if (*text == '"' || *text == '\\') fprintf(stream, "\\%c", *text);
        else fputc(*text, stream);
    }
}

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory)) n++;
    if (directory) closedir(directory);
    return n > 3 ? n - 3 : 0; /* "." and "..", and its own */
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void write_process(const struct desy_telemetry_now *now, FILE *stream, double since)
{
    gauge(stream, "desy_jobs_queued", "Jobs that wait for a worker.", (double)now->jobs.queued);
    gauge(stream, "desy_jobs_running", "Jobs that a worker has.", (double)now->jobs.running);
    gauge(stream, "desy_jobs_kept", "Jobs whose answer can be fetched, or will be.", (double)now->jobs.kept);
    gauge(stream, "desy_uploads", "Videos that are being received.", (double)now->uploads);
    gauge(stream, "desy_workers_ready", "Workers that have a model.", (double)now->workers_ready);
    gauge(stream, "process_resident_memory_bytes", "Resident memory of the service; its decode helpers not counted.", resident_bytes());
    gauge(stream, "process_open_fds", "Open file descriptors.", (double)open_descriptors());
    gauge(stream, "process_start_time_seconds", "When the service started, in seconds since 1970.", since);
    head(stream, "desy_build_info", "gauge", "The version of the program, and the model in use.");
    fputs("desy_build_info{version=\"" DESY_VERSION "\",model=\"", stream);
    put_label(stream, now->model);
    fputs("\"} 1\n", stream);
}

static void write_drift(const struct desy_telemetry_now *now, FILE *stream)
{
    gauge(stream, "desy_drift_videos", "Of the last videos that were scored, those whose scores are compared with the scores of the training.", (double)now->window);
    if (!now->drift) return;
    gauge(stream, "desy_drift_score_psi", "Population stability index of these scores; by convention from 0.25 on a lot has moved.", now->drift->psi);
    gauge(stream, "desy_drift_score_psi_by_chance", "What it would be on average if nothing had moved.", now->drift->psi_by_chance);
    gauge(stream, "desy_drift_score_ks", "Largest distance of the two distribution functions.", now->drift->ks);
    gauge(stream, "desy_drift_score_ks_p", "How likely so large a distance is if nothing has moved.", now->drift->ks_p);
}

bool desy_telemetry_write(desy_telemetry *shared, const struct desy_telemetry_now *now, FILE *stream)
{
    static const char *const verdicts[] = {"real", "ai", "none"};
    desy_telemetry *m = malloc(sizeof *m); /* a copy: nobody waits for the stream */
    if (!m) return false;
    pthread_mutex_lock(&shared->lock);
    *m = *shared;
    pthread_mutex_unlock(&shared->lock);
    head(stream, "desy_http_requests_total", "counter", "Answered requests.");
    for (size_t k = 0; k < m->n_kinds; k++)
        fprintf(stream, "desy_http_requests_total{method=\"%s\",route=\"%s\",status=\"%d\"} %" PRIu64 "\n", m->kinds[k].method, m->kinds[k].route, m->kinds[k].status, m->kinds[k].count);
    if (m->uncounted) fprintf(stream, "desy_http_requests_total{method=\"other\",route=\"other\",status=\"0\"} %" PRIu64 "\n", m->uncounted);
    head(stream, "desy_http_request_body_bytes_total", "counter", "Bytes of request bodies.");
    fprintf(stream, "desy_http_request_body_bytes_total %" PRIu64 "\n", m->bytes);
    put_histogram(stream, "desy_http_request_duration_seconds", "From the first byte of a request to its answer.", &m->requests);
    head(stream, "desy_videos_total", "counter", "Videos by what became of them.");
    for (size_t k = 0; k < m->n_videos; k++) fprintf(stream, "desy_videos_total{status=\"%s\"} %" PRIu64 "\n", m->videos[k].name, m->videos[k].count);
    head(stream, "desy_verdicts_total", "counter", "Verdicts on videos that have a score.");
    for (int i = 0; i < 3; i++) fprintf(stream, "desy_verdicts_total{verdict=\"%s\"} %" PRIu64 "\n", verdicts[i], m->verdicts[i]);
    head(stream, "desy_network_calls_total", "counter", "Calls of the network, each with the clips of one request or several.");
    fprintf(stream, "desy_network_calls_total %" PRIu64 "\n", m->calls);
    put_histogram(stream, "desy_job_wait_seconds", "How long jobs waited for a worker.", &m->waited);
    put_histogram(stream, "desy_job_seconds", "How long workers took for a video.", &m->scored);
    head(stream, "desy_model_reloads_total", "counter", "Promoted models that were taken up, or could not be.");
    fprintf(stream, "desy_model_reloads_total{outcome=\"ok\"} %" PRIu64 "\ndesy_model_reloads_total{outcome=\"failed\"} %" PRIu64 "\n", m->reloads[0], m->reloads[1]);
    write_process(now, stream, m->since);
    write_drift(now, stream);
    free(m);
    return !ferror(stream);
}
