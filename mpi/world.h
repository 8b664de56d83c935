/* The ranks: start, end, and what all of them do together. mpi/ is the only module that includes <mpi.h>.
 *
 * Alone (not under mpirun or srun) no MPI is started and every collective is trivial: `desy detect a.mp4` must not
 * pay for it. Errors of MPI itself abort the job: nothing sensible can be done after them. */
#ifndef DESY_MPI_WORLD_H
#define DESY_MPI_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct desy_world desy_world;

/* True if a launcher started this process as one of several (Open MPI's, PMIx's, PMI's or Slurm's environment says so). */
bool desy_world_launched(void);

/* Collective over the job. MPI_Init_thread(FUNNELED) if launched. One a process. */
int desy_world_open(desy_world **world);
/* Not collective. This process alone, whatever job it is part of: what it computes there all ranks together would compute to the bit. */
int desy_world_open_alone(desy_world **world);
/* Collective: a last barrier, MPI_Finalize (of the job's world). NULL-safe; sets *world to NULL. */
void desy_world_close(desy_world **world);

/* The library's own version string, its first part: "Open MPI v4.1.4". Static; needs no started MPI. */
const char *desy_mpi_version(void);

/* Not collective. The local rank is that within the node (MPI_Comm_split_type), SLURM_LOCALID being 0 under mpirun. */
int desy_rank(const desy_world *world);
int desy_size(const desy_world *world);
int desy_local_rank(const desy_world *world);
int desy_local_size(const desy_world *world);
/* Cores of this rank: those that it is bound to, or, where it is bound to none, its share of the node's. At least 1. */
int desy_local_cores(const desy_world *world);

/* Collective. All ranks get the same code: DESY_OK if all passed DESY_OK, else the largest-priority code
 * (EDRIFT < EINTERRUPTED < EPARTIAL < EDATA < EUSAGE < EENV: what must be mended first wins), and in desy_error_message()
 * the message of the lowest rank that had it, so that every rank leaves by the same door.
 * Call it before any collective that follows fallible local work. */
int desy_agree(desy_world *world, int rc);

void desy_barrier(desy_world *world);                                                    /* Collective. Waits without spinning. */
void desy_broadcast(desy_world *world, void *data, size_t bytes, int root);              /* Collective; any size */
int desy_broadcast_text(desy_world *world, char **text, int root);                       /* Collective; other ranks get a new string, caller frees; NULL travels as NULL */
void desy_sum_i64(desy_world *world, int64_t *values, size_t n);                         /* Collective, in place */
void desy_max_f64(desy_world *world, double *values, size_t n);                          /* Collective, in place; a NaN anywhere comes out as NaN */
int64_t desy_prefix_i64(desy_world *world, int64_t value);                               /* Collective; sum over the ranks below */
/* Collective. Concatenates every rank's `count` elements of `element` bytes in rank order, on all ranks (gatherall) or on
 * rank 0 (gather; the others get NULL, 0). *all: new, caller frees. Counts above 2^31 bytes are split. DESY_EENV: memory. */
int desy_gatherall(desy_world *world, const void *mine, size_t count, size_t element, void **all, size_t *total);
int desy_gather(desy_world *world, const void *mine, size_t count, size_t element, void **all, size_t *total);
/* Collective. Rank r gets counts[r] elements of mine, which are ordered by destination. *received: new, caller frees. */
int desy_exchange(desy_world *world, const void *mine, const size_t *counts, size_t element, void **received, size_t *total);

#endif
