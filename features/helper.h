/* Decode helpers: processes that read hostile videos, so that a crash, a hang or a bomb costs one item, never the job.
 *
 * A spawner forks them on demand, and has no threads itself (SCM_RIGHTS passes a socket and the
 * shared memory of one struct desy_clip). A program forks its spawner before MPI_Init, CUDA and any thread; a library, whose host may have threads, starts
 * one as a program of its own. Helpers die with their parents (PR_SET_PDEATHSIG), run under rlimits
 * and in a sandbox (features/sandbox.h), and the parent checks what they write (bounds of every count and string) before it uses it.
 *
 * For tests: with DESY_TEST_HELPER=DEED:TEXT in the environment a helper does that on paths that contain TEXT: crash, hang, or what
 * the sandbox forbids: socket, exec, write, fork, thread, ptrace, kill, unlink. If it can, there is a file PATH.mark, and it goes on. */
#ifndef DESY_FEATURES_HELPER_H
#define DESY_FEATURES_HELPER_H

#include "features/clip.h"

/* Call once, first thing in main, single-threaded. Nothing before it may start threads. DESY_EENV. */
int desy_spawner_start(void);
void desy_spawner_stop(void);

/* Another one, at any time and from any thread: the program desy-decoder, which is $DESY_DECODER, else that beside which this library was installed or built. It inherits nothing
 * but a socket, is reaped by the close, and ends by itself when this process does. DESY_EENV: it is not there, or is of another version. */
typedef struct desy_spawner desy_spawner;
int desy_spawner_execute(desy_spawner **spawner);
/* After the pools that use it. NULL-safe. */
void desy_spawner_close(desy_spawner **spawner);

typedef struct desy_helper_pool desy_helper_pool;

/* How many helpers go with so many cores: one each; where the network runs on a GPU ("cuda:K") one less, since the process that feeds it needs a core; 1 at least. */
int desy_helpers_beside(const char *device, int cores);

/* A pool of `helpers` processes that read ahead in order of submission. deadline: seconds a video may take.
 * One thread at a time; several pools may be at work at once. Works in any process after desy_spawner_start. */
int desy_helper_pool_open(desy_helper_pool **pool, int helpers, double deadline);
/* As many as it was opened with. */
int desy_helper_count(const desy_helper_pool *pool);
/* Before the first request: helpers are of this spawner, not of that which the process forked. Borrowed until close; NULL changes nothing. */
void desy_helper_pool_use(desy_helper_pool *pool, desy_spawner *spawner);
/* Before the first request: helpers may start threads, which one of the views' encoders does (features/augment.h). */
void desy_helper_pool_allow_threads(desy_helper_pool *pool);
/* Queues a request (copied). Any number may wait. */
int desy_helper_submit(desy_helper_pool *pool, const struct desy_clip_request *request);
/* Waits for the next clip of the oldest submitted one: a video has more of them until desy_clip_is_last, each with the whole deadline. *clip: a checked copy, borrowed until the next take. A dead helper gives
 * DESY_STATUS_CRASHED (with the signal in words; SIGSYS: the sandbox ended it), a late one is killed: DESY_STATUS_TIMEOUT; both are replaced. DESY_EENV if no helper can be had; DESY_EINTERRUPTED: desy_helper_interrupt. */
int desy_helper_take(desy_helper_pool *pool, const struct desy_clip **clip);
/* Would a take give a clip without waiting? */
bool desy_helper_ready(const desy_helper_pool *pool);
/* Once a clip was taken: "" if its helper was in its sandbox, else in words why the kernel lets none in. Borrowed till the next call. */
const char *desy_helper_sandbox_missing(const desy_helper_pool *pool);
/* From any thread: the take that waits, or else the next one, gives DESY_EINTERRUPTED. */
void desy_helper_interrupt(desy_helper_pool *pool);
/* Forgets all requests that were submitted and not taken, and interrupts that nobody took notice of. Helpers that were at work are ended, idle ones stay. */
void desy_helper_pool_clear(desy_helper_pool *pool);
void desy_helper_pool_close(desy_helper_pool **pool);

#endif
