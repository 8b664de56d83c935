/* A dynamic task queue: rank 0 hands out tasks, costliest first (the policy: mpi/schedule.h), and works as well. Results are keyed by
 * task, so nothing depends on who did what.
 *
 * Rank 0's main thread makes all its MPI calls (FUNNELED) and a second thread does its share of the work; idle ranks
 * wait without spinning. */
#ifndef DESY_MPI_QUEUE_H
#define DESY_MPI_QUEUE_H

#include "mpi/world.h"

struct desy_queue {
    void *context;
    /* Rank 0, main thread: the task's message (new in *payload, freed by the queue). NULL: tasks have none. */
    int (*describe)(void *context, uint64_t task, void **payload, size_t *bytes);
    /* Any rank, one at a time: does the task. A failure (not that of an item: that is data) stops the whole queue. */
    int (*run)(void *context, uint64_t task, const void *payload, size_t bytes);
    /* Rank 0, main thread: a task is done, by whom. NULL allowed. */
    void (*done)(void *context, uint64_t task, int rank);
    /* Rank 0, main thread, several times a second (progress bars). NULL allowed. */
    void (*tick)(void *context);
    /* Any rank: true if no more tasks should start (a signal came). NULL: never. Tasks in work are finished. */
    bool (*stop)(void *context);
};

/* Collective. Rank 0 (others may pass NULL, NULL, 0): order[n] lists the tasks, first to be handed out first; costs[n], descending,
 * are estimates for them in any unit, 0 for what is hardly any work. NULL: all alike.
 * Returns the agreed code: DESY_OK all done; DESY_EINTERRUPTED some not started because of stop(); else the failure. */
int desy_queue_run(desy_world *world, const struct desy_queue *queue, const uint64_t *order, const double *costs, uint64_t n);

#endif
