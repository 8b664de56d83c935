/* A thread that looks at everything each half second: a connection whose header drips is shut, a body that arrives too slowly is answered and cut off, a request that waited too long for its score, or whose
 * client has left, is let go. libmicrohttpd's own limit counts seconds without any byte, which a slow drip never reaches. */
#include "serve/answer.h"

#include "base/error.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GRACE 5.       /* seconds before the rate of a body is looked at */
#define STALLED 20.    /* seconds without a byte of it */
#define HEADER 10.     /* seconds for the header of a first request */
#define IDLE 40.       /* and until a further one is complete; libmicrohttpd shuts those that are silent earlier */

/* Locked: its handler can't be at work on the end of the body, since that clears `receiving` first. */
void desy_request_cut_off(struct desy_request *request, int status, const char *detail)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char *answer = desy_answer_raw(status, detail);
    request->cut_off = true;
    atomic_store(&request->status, status);
    if (!info) return;
    if (answer) (void)!send(info->connect_fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(info->connect_fd, SHUT_RDWR);
    free(answer);
}

static void cut_off_slow(struct desy_service *service)
{
    const struct desy_service_options *options = service->options;
    const double now = desy_monotonic();
    pthread_mutex_lock(&service->lock);
    for (struct desy_request *request = service->requests; request; request = request->next) {
        const double age = now - request->began;
        if (!request->receiving || request->cut_off) continue;
        const uint64_t received = atomic_load(&request->upload.received);
        if (received != request->moved_bytes) request->moved = now, request->moved_bytes = received;
        if (age > options->deadline) desy_request_cut_off(request, MHD_HTTP_REQUEST_TIMEOUT, "The video did not arrive within the time that a request may take (--request-deadline).");
        else if (age > GRACE && (double)received < options->least_rate * age) desy_request_cut_off(request, MHD_HTTP_REQUEST_TIMEOUT, "The video arrives too slowly (--min-rate).");
        else if (now - request->moved > STALLED) desy_request_cut_off(request, MHD_HTTP_REQUEST_TIMEOUT, "Nothing of the video has arrived for a while.");
    }
    pthread_mutex_unlock(&service->lock);
}

static void shut_idle(struct desy_service *service)
{
    const double now = desy_monotonic();
    pthread_mutex_lock(&service->lock);
    for (const struct desy_connection *connection = service->connections; connection; connection = connection->next) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        if (!connection->busy && now - connection->since > (connection->fresh ? HEADER : IDLE) && info) shutdown(info->connect_fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&service->lock);
}

/* libmicrohttpd looks at no socket of a suspended connection. */
static bool has_left(const struct desy_request *request)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd socket = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return info && poll(&socket, 1, 0) > 0 && socket.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

void desy_service_let_go(struct desy_service *service, double age)
{
    const double now = desy_monotonic();
    struct desy_job **late = NULL;
    size_t n_late = 0, n = 0;
    pthread_mutex_lock(&service->lock);
    for (const struct desy_request *request = service->requests; request; request = request->next) n++;
    late = calloc(n + 1, sizeof *late);
    for (struct desy_request *request = service->requests; late && request; request = request->next)
        if (request->waits && (now - request->began >= age || has_left(request))) late[n_late++] = desy_jobs_hold(service->jobs, request->job);
    pthread_mutex_unlock(&service->lock);
    for (size_t i = 0; i < n_late; i++) {
        desy_jobs_cancel(service->jobs, late[i]); /* which wakes its request */
        desy_jobs_release(service->jobs, late[i]);
    }
    free(late);
}

static void *watch(void *context)
{
    struct desy_service *service = context;
    while (!atomic_load(&service->closing)) {
        nanosleep(&(struct timespec){0, 500000000}, NULL);
        shut_idle(service);
        cut_off_slow(service);
        desy_service_let_go(service, service->options->deadline);
        desy_jobs_forget(service->jobs);
    }
    return NULL;
}

int desy_watchdog_start(struct desy_service *service, pthread_t *thread)
{
    return pthread_create(thread, NULL, watch, service) == 0 ? DESY_OK : desy_error(DESY_EENV, "no thread for the watchdog can be had");
}
