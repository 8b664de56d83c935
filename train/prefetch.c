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
    pthread_t threads[DESY_MOST_WORKERS];
    int workers, slots;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t first, end;
    size_t begun, taken;                    /* pieces, from `first` on; less than `slots` apart */
    bool filled[1 + DESY_MOST_WORKERS]; /* slots, until they are taken */
    bool stop;
    int rc;                                 /* of piece `failed`, the first that failed */
    size_t failed;
    char *message;
};

/* The next piece that no thread has begun; false: there is none, or no more is wanted. */
static bool begin_piece(desy_prefetch *p, size_t *k)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->stop && p->rc == DESY_OK && p->first + p->begun < p->end && p->begun + 1 >= p->taken + (size_t)p->slots) pthread_cond_wait(&p->changed, &p->mutex); /* the last one taken is in use */
    const bool go_on = !p->stop && p->rc == DESY_OK && p->first + p->begun < p->end;
    if (go_on) *k = p->begun++;
    pthread_mutex_unlock(&p->mutex);
    return go_on;
}

/* Pieces are begun in their order, so that those before one that failed come to their end. */
static void *run(void *argument)
{
    desy_prefetch *p = argument;
    for (size_t k; begin_piece(p, &k);) {
        const int slot = (int)(k % (size_t)p->slots), rc = p->fill(p->context, p->first + k, slot);
        pthread_mutex_lock(&p->mutex);
        if (rc == DESY_OK) p->filled[slot] = true;
        else if (p->rc == DESY_OK || k < p->failed) {
            free(p->message);
            p->rc = rc, p->failed = k, p->message = strdup(desy_error_message());
        }
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->mutex);
    }
    return NULL;
}

int desy_prefetch_open(desy_prefetch **out, desy_prefetch_fill *fill, void *context, size_t first, size_t end, int workers)
{
    sigset_t all, before;
    int error = 0;
    desy_prefetch *p = *out = calloc(1, sizeof *p);
    if (!p) return desy_error_memory("a reader of batches");
    *p = (desy_prefetch){.fill = fill, .context = context, .first = first, .end = end, .slots = desy_prefetch_slots(workers)};
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (error == 0 && p->workers < workers)
        if ((error = pthread_create(&p->threads[p->workers], NULL, run, p)) == 0) p->workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (p->workers > 0) return DESY_OK; /* fewer do it, too */
    free(p);
    *out = NULL;
    return desy_error(DESY_EENV, "no thread that reads batches can be started: %s", strerror(error));
}

int desy_prefetch_next(desy_prefetch *p, int *slot)
{
    int rc = DESY_OK;
    pthread_mutex_lock(&p->mutex);
    const int next = (int)(p->taken % (size_t)p->slots);
    while (!p->filled[next] && !(p->rc != DESY_OK && p->failed == p->taken)) pthread_cond_wait(&p->changed, &p->mutex);
    if (!p->filled[next]) rc = desy_error(p->rc, "%s", p->message ? p->message : "a batch could not be read");
    else {
        p->filled[next] = false;
        p->taken++;
        *slot = next;
    }
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
    for (int i = 0; i < p->workers; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    free(p->message);
    free(p);
    *out = NULL;
}
