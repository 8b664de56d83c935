/* A thread that looks at every request each half second: one that sends too slowly is answered and cut off, one that waited too long for its score is let go. libmicrohttpd's own limit
 * counts seconds without any byte, which a slow drip never reaches; and it takes no answer in the middle of a body, so that this one is written to the socket itself. */
#include "serve/answer.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GRACE 5.   /* seconds before the rate of a body is looked at */

/* Locked: its handler can't be at work on the end of the body, since that clears `receiving` first. */
static void cut_off(struct desy_request *request, const char *detail)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char *answer = desy_answer_raw(MHD_HTTP_REQUEST_TIMEOUT, detail);
    request->cut_off = true;
    request->status = MHD_HTTP_REQUEST_TIMEOUT;
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
        if (age > options->deadline) cut_off(request, "The video did not arrive within the time that a request may take (--request-deadline).");
        else if (age > GRACE && (double)request->upload.received < options->least_rate * age) cut_off(request, "The video arrives too slowly (--min-rate).");
    }
    pthread_mutex_unlock(&service->lock);
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
        if (request->job && now - request->began >= age) late[n_late++] = desy_jobs_hold(service->jobs, request->job);
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
