#include "train/prefetch.h"

#include "base/error.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct desy_prefetch {
    desy_prefetch_fill *fill;
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t first, end;
    size_t filled, taken; /* pieces, from `first` on; at most DESY_PREFETCH_SLOTS apart */
    bool stop;
    int rc;               /* of the piece after the filled ones */
    char *message;
};

static bool wait_for_room(desy_prefetch *p)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->stop && p->filled >= p->taken + DESY_PREFETCH_SLOTS - 1) pthread_cond_wait(&p->changed, &p->mutex); /* the last one taken is in use */
    const bool go_on = !p->stop;
    pthread_mutex_unlock(&p->mutex);
    return go_on;
}

static void *run(void *argument)
{
    desy_prefetch *p = argument;
    int rc = DESY_OK;
    for (size_t k = 0; rc == DESY_OK && p->first + k < p->end && wait_for_room(p); k++) {
        rc = p->fill(p->context, p->first + k, (int)(k % DESY_PREFETCH_SLOTS));
        pthread_mutex_lock(&p->mutex);
        if (rc == DESY_OK) p->filled++;
        else p->rc = rc, p->message = strdup(desy_error_message());
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

int desy_prefetch_open(desy_prefetch **out, desy_prefetch_fill *fill, void *context, size_t first, size_t end)
{
    sigset_t all, before;
    desy_prefetch *p = *out = calloc(1, sizeof *p);
    if (!p) return desy_error_memory("a reader of batches");
    *p = (desy_prefetch){.fill = fill, .context = context, .first = first, .end = end};
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) return DESY_OK;
    free(p);
    *out = NULL;
    return desy_error(DESY_EENV, "no thread that reads batches can be started: %s", strerror(error));
}

int desy_prefetch_next(desy_prefetch *p, int *slot)
{
    int rc = DESY_OK;
    pthread_mutex_lock(&p->mutex);
    while (p->filled <= p->taken && p->rc == DESY_OK) pthread_cond_wait(&p->changed, &p->mutex);
    if (p->filled <= p->taken) rc = desy_error(p->rc, "%s", p->message ? p->message : "a batch could not be read");
    else *slot = (int)(p->taken++ % DESY_PREFETCH_SLOTS);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    return rc;
}

void desy_prefetch_close(desy_prefetch **out)
{
    desy_prefetch *p = *out;
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p->message);
    free(p);
    *out = NULL;
}
