/* Which rank does which task next: the policy of the queue without its messages, so that production (mpi/queue.c) and a
 * simulation (bench/queue.c) run the same code. It knows what the manager knows: estimates, and what finished tasks took.
 *
 *   - The costliest task first, to whoever asks; a rank gets its next one when it has finished the one before. Tasks that take
 *     far less than AHEAD_SECONDS are sent ahead, up to that time, but not towards the end.
 *   - A rank starts with a few short tasks where there are such, since nobody knows yet how fast it is.
 *   - A rank that proves to be slow gets the costliest task that it will probably finish in half of the time that is left;
 *     if none of the last tasks is, others do them.
 *
 * Not thread-safe. Nothing here looks at a clock. */
#ifndef DESY_MPI_SCHEDULE_H
#define DESY_MPI_SCHEDULE_H

#include <stdint.h>

typedef struct desy_schedule desy_schedule;

#define DESY_SCHEDULE_AHEAD 16             /* tasks that a rank may have in hand, the one in work among them */
#define DESY_SCHEDULE_END UINT64_MAX       /* nothing more for this rank, ever */
#define DESY_SCHEDULE_WAIT (UINT64_MAX - 1) /* it has enough in hand: ask again when it has finished one */

/* costs[n]: estimates in any unit, descending; copied. 0: hardly any work, nothing is learned from it. NULL: all alike.
 * DESY_EENV: memory. */
int desy_schedule_open(desy_schedule **schedule, const double *costs, uint64_t n, int ranks);
/* The task (0..n-1) that `rank` gets now, END or WAIT. now: seconds on any clock that never goes back. */
uint64_t desy_schedule_next(desy_schedule *schedule, int rank, double now);
/* `rank` has finished `task`, at which it worked for `seconds`. */
void desy_schedule_done(desy_schedule *schedule, int rank, uint64_t task, double seconds);
uint64_t desy_schedule_left(const desy_schedule *schedule); /* tasks that nobody got yet */
int desy_schedule_in_hand(const desy_schedule *schedule, int rank);
void desy_schedule_close(desy_schedule **schedule); /* NULL-safe */

#endif
