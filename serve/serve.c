#include "serve/serve.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "serve/answer.h"
#include "serve/feedback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct running {
    struct desy_service service; /* first */
    pthread_t watchdog;
    bool watched, bound; /* bound: the socket of --socket is ours to remove */
    int listener;
};

const char *desy_request_option(const struct desy_request *request, const char *key)
{
    for (size_t i = 0; i < request->upload.n_fields; i++)
        if (strcmp(request->upload.fields[i].key, key) == 0) return request->upload.fields[i].value;
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

bool desy_request_flag(const struct desy_request *request, const char *key)
{
    const char *value = desy_request_option(request, key);
    return value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* Of a request that begins, or ends. Locked. */
static void set_busy(struct MHD_Connection *connection, bool busy)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct desy_connection *known = info ? info->socket_context : NULL;
    if (known) known->busy = busy, known->fresh = false, known->since = desy_monotonic();
}

static struct desy_request *begin_request(struct desy_service *service, struct MHD_Connection *connection, const char *method)
{
    struct desy_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->service = service, request->connection = connection, request->began = desy_monotonic();
    snprintf(request->method, sizeof request->method, "%s", method);
    pthread_mutex_lock(&service->lock);
    request->next = service->requests;
    if (request->next) request->next->previous = request;
    service->requests = request;
    set_busy(connection, true);
    pthread_mutex_unlock(&service->lock);
    return request;
}

static void set_receiving(struct desy_request *request, bool receiving)
{
    struct desy_service *service = request->service;
    pthread_mutex_lock(&service->lock);
    if (request->receiving != receiving) service->uploads += receiving ? 1 : (size_t)-1;
    request->receiving = receiving;
    pthread_mutex_unlock(&service->lock);
}

/* The headers are there. Most is answered by them alone. */
static enum MHD_Result take_headers(struct desy_service *service, struct MHD_Connection *connection, const char *url, const char *method, struct desy_request **out)
{
    enum MHD_Result result;
    struct desy_request *request = *out = begin_request(service, connection, method);
    if (!request) return MHD_NO;
    if (!desy_admit(request, url, &result)) return result;
    if (!(request->route->flags & DESY_ROUTE_VIDEO)) return request->route->handle(request);
    const bool keeps = request->route->flags & DESY_ROUTE_FEEDBACK && service->options->feedback;
    if (!desy_upload_open(&request->upload, connection, keeps ? &service->feedback : &service->spool, service->options->max_upload, keeps)) return desy_answer_problem(request, request->upload.status, "%s", request->upload.detail);
    request->moved = request->began;
    set_receiving(request, true);
    return MHD_YES;
}

static enum MHD_Result take_end(struct desy_request *request)
{
    set_receiving(request, false);
    if (request->cut_off) return MHD_NO;
    if (!desy_upload_finish(&request->upload)) return desy_answer_problem(request, request->upload.status, "%s", request->upload.detail);
    return request->route->handle(request);
}

/* A body of no announced length is not read to an end that may never come. */
static bool read_on(struct desy_request *request)
{
    if (request->upload.received <= 2 * request->upload.limit + 65536) return true;
    pthread_mutex_lock(&request->service->lock);
    if (!request->cut_off) desy_request_cut_off(request, request->upload.status, request->upload.detail);
    pthread_mutex_unlock(&request->service->lock);
    return false;
}

/* Called by libmicrohttpd with the headers, with each piece of the body, at its end, and again when a suspended connection goes on. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data, size_t *size, void **state)
{
    struct desy_request *request = *state;
    (void)version;
    if (!request) return take_headers(context, connection, url, method, (struct desy_request **)state);
    if (request->status) return request->cut_off ? MHD_NO : MHD_YES; /* answered by its headers */
    if (*size > 0) {
        desy_upload_feed(&request->upload, data, *size);
        *size = 0;
        return read_on(request) ? MHD_YES : MHD_NO;
    }
    if (request->receiving) return take_end(request);
    return request->route->handle(request);
}

static void on_end(void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    struct desy_service *service = context;
    struct desy_request *request = *state;
    (void)code;
    if (!request) return;
    set_receiving(request, false);
    pthread_mutex_lock(&service->lock);
    *(request->previous ? &request->previous->next : &service->requests) = request->next;
    if (request->next) request->next->previous = request->previous;
    set_busy(connection, false);
    pthread_mutex_unlock(&service->lock);
    desy_telemetry_request(service->telemetry, request->method, request->route ? request->route->path : "", request->status ? request->status : 499, desy_monotonic() - request->began, request->upload.received);
    if (request->job) desy_jobs_release(service->jobs, request->job);
    desy_upload_close(&request->upload);
    free(request);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode code)
{
    struct desy_service *service = context;
    struct desy_connection *known = *state;
    pthread_mutex_lock(&service->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED && (known = calloc(1, sizeof *known))) {
        *known = (struct desy_connection){.connection = connection, .since = desy_monotonic(), .fresh = true, .next = service->connections};
        if (known->next) known->next->previous = known;
        service->connections = known;
    } else if (code == MHD_CONNECTION_NOTIFY_CLOSED && known) {
        *(known->previous ? &known->previous->next : &service->connections) = known->next;
        if (known->next) known->next->previous = known->previous;
        free(known);
        known = NULL;
    }
    pthread_mutex_unlock(&service->lock);
    *state = known;
}

static int listen_on_path(const char *path, int *listener, bool *ours)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(path) >= sizeof address.sun_path) return desy_error(DESY_EUSAGE, "--socket %s: the path is too long for a socket", path);
    strcpy(address.sun_path, path);
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*listener < 0) return desy_error(DESY_EENV, "no socket can be had: %s", strerror(errno));
    if (lstat(path, &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) return desy_error(DESY_EUSAGE, "--socket %s: there is a file that is no socket", path);
        const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const bool alive = other >= 0 && (connect(other, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
        if (other >= 0) close(other);
        if (alive) return desy_error(DESY_EENV, "--socket %s: another service listens there", path);
        unlink(path);
    }
    const mode_t mask = umask(0177); /* no moment at which others could connect */
    const int bound = bind(*listener, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    *ours = bound == 0;
    if (bound != 0 || listen(*listener, SOMAXCONN) != 0) return desy_error(DESY_EENV, "--socket %s: %s", path, strerror(errno));
    return DESY_OK;
}

static int listen_on_port(const struct desy_service_options *options, int *listener, int *port)
{
    char service[16];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    const int yes = 1;
    snprintf(service, sizeof service, "%d", options->port);
    const int failed = getaddrinfo(options->host, service, &hints, &found);
    if (failed) return desy_error(DESY_EUSAGE, "--host %s: %s", options->host, gai_strerror(failed));
    *listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = DESY_OK;
    if (*listener < 0 || setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 || bind(*listener, found->ai_addr, found->ai_addrlen) != 0 || listen(*listener, SOMAXCONN) != 0)
        rc = desy_error(DESY_EENV, "%s port %d: %s; name another by --port, 0 is any that is free", options->host, options->port, strerror(errno));
    freeaddrinfo(found);
    if (rc != DESY_OK || getsockname(*listener, (struct sockaddr *)&bound, &size) != 0) return rc;
    *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port : ((struct sockaddr_in *)(void *)&bound)->sin_port);
    return rc;
}

/* A connection and a spooled file are a descriptor each. */
static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max > 65536 ? 65536 : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start(struct running *r)
{
    struct desy_service *s = &r->service;
    const struct desy_service_options *options = s->options;
    int rc = DESY_OK;
    bool fresh;
    allow_descriptors();
    DESY_TRY(desy_telemetry_open(&s->telemetry));
    DESY_TRY(desy_drift_window_open(&s->drift));
    DESY_TRY(desy_jobs_open(&s->jobs, (size_t)options->queue, options->keep, (size_t)options->queue + 1000));
    if (!options->socket) DESY_TRY(desy_token_make(&s->token, options->token_file, &s->token_is_new));
    if (!options->socket) DESY_TRY(desy_token_make(&s->session, NULL, &fresh));
    if (options->rate > 0 && !(s->rates = desy_rates_open(options->rate))) DESY_TRY(DESY_EENV);
    DESY_TRY(desy_spool_open(&s->spool, options->spool));
    if (options->feedback) DESY_TRY(desy_feedback_open(&s->feedback, options->feedback));
    DESY_TRY(options->socket ? listen_on_path(options->socket, &r->listener, &r->bound) : listen_on_port(options, &r->listener, &s->port));
    DESY_TRY(desy_workers_start(&s->workers, options->workers, &options->scoring, s->jobs, s->telemetry, s->drift));
    DESY_TRY(desy_watchdog_start(s, &r->watchdog));
    r->watched = true;
    /* poll, not epoll: its edges miss a client that went away right after what it had sent, whose upload then stands until the timeout. */
    s->daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, r->listener, MHD_OPTION_NOTIFY_COMPLETED, on_end, s,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)options->connections, MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)131072,
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)(options->connections - options->connections / 4), MHD_OPTION_END);
    if (!s->daemon) rc = desy_error(DESY_EENV, "the HTTP service can't start: %s", strerror(errno));
    else r->listener = -1; /* MHD's now */
out:
    return rc;
}

int desy_service_start(struct desy_service **out, const struct desy_service_options *options)
{
    struct running *r = calloc(1, sizeof *r);
    if (!r) return desy_error_memory("the service");
    r->listener = -1;
    r->service.options = options;
    r->service.spool.lock = -1;
    pthread_mutex_init(&r->service.lock, NULL);
    *out = &r->service;
    const int rc = start(r);
    if (rc != DESY_OK) desy_service_stop(out);
    return rc;
}

const char *desy_service_token(const struct desy_service *service)
{
    return service->token_is_new ? service->token : NULL;
}

int desy_service_port(const struct desy_service *service)
{
    return service->port;
}

/* Jobs that ended have woken their requests; their answers shall leave, too. */
static void wait_for_answers(struct desy_service *s)
{
    const double until = desy_monotonic() + 5;
    for (bool waiting = true; waiting && desy_monotonic() < until;) {
        pthread_mutex_lock(&s->lock);
        waiting = s->requests != NULL;
        pthread_mutex_unlock(&s->lock);
        if (waiting) nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

static void cut_off_uploads(struct desy_service *s)
{
    pthread_mutex_lock(&s->lock);
    for (struct desy_request *request = s->requests; request; request = request->next)
        if (request->receiving && !request->cut_off) desy_request_cut_off(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The service is shutting down.");
    pthread_mutex_unlock(&s->lock);
}

void desy_service_stop(struct desy_service **service)
{
    if (!*service) return;
    struct running *r = (struct running *)*service;
    struct desy_service *s = &r->service;
    MHD_socket listener = MHD_INVALID_SOCKET;
    atomic_store(&s->draining, true); /* who asks now, is told so; answers to jobs can still be fetched */
    cut_off_uploads(s);
    if (s->jobs) desy_jobs_drain(s->jobs);
    if (s->daemon && !desy_jobs_wait(s->jobs, s->options->grace)) {
        desy_log_warning("serve: not all videos were scored within %g s; those left are answered 503", s->options->grace);
        desy_service_let_go(s, 0);
        desy_jobs_cancel_all(s->jobs);
    }
    if (s->workers) desy_workers_join(s->workers);
    if (s->daemon) listener = MHD_quiesce_daemon(s->daemon);
    if (s->daemon) wait_for_answers(s);
    atomic_store(&s->closing, true);
    if (r->watched) pthread_join(r->watchdog, NULL);
    if (s->daemon) MHD_stop_daemon(s->daemon);
    if (listener != MHD_INVALID_SOCKET) close(listener);
    if (r->listener >= 0) close(r->listener);
    if (r->bound) unlink(s->options->socket);
    desy_workers_close(&s->workers);
    desy_jobs_close(&s->jobs);
    desy_spool_close(&s->spool);
    if (s->feedback.lock > 0) close(s->feedback.lock);
    free(s->feedback.directory);
    desy_rates_close(&s->rates);
    desy_telemetry_close(&s->telemetry);
    desy_drift_window_close(&s->drift);
    pthread_mutex_destroy(&s->lock);
    free(s->token);
    free(s->session);
    free(r);
    *service = NULL;
}
