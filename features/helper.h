/* Decode helpers: processes that read hostile videos, so that a crash, a hang or a bomb costs one item, never the job.
 *
 * The spawner is forked before MPI_Init, CUDA and any thread; it forks helpers on demand (SCM_RIGHTS passes a socket and the
 * shared memory of one struct desy_clip). Helpers die with their parents (PR_SET_PDEATHSIG), run under rlimits
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

typedef struct desy_helper_pool desy_helper_pool;

/* A pool of `helpers` processes that read ahead in order of submission. deadline: seconds a video may take.
 * One thread at a time. Works in any process after desy_spawner_start. */
int desy_helper_pool_open(desy_helper_pool **pool, int helpers, double deadline);
/* Before the first request: helpers may start threads, which one of the views' encoders does (features/augment.h). */
void desy_helper_pool_allow_threads(desy_helper_pool *pool);
/* Queues a request (copied). Any number may wait. */
int desy_helper_submit(desy_helper_pool *pool, const struct desy_clip_request *request);
/* Waits for the next clip of the oldest submitted one: a video has more of them until desy_clip_is_last, each with the whole deadline. *clip: a checked copy, borrowed until the next take. A dead helper gives
 * DESY_STATUS_CRASHED (with the signal in words; SIGSYS: the sandbox ended it), a late one is killed: DESY_STATUS_TIMEOUT; both are replaced. DESY_EENV only if no helper can be had. */
int desy_helper_take(desy_helper_pool *pool, const struct desy_clip **clip);
/* Once a clip was taken: "" if its helper was in its sandbox, else in words why the kernel lets none in. Borrowed till the next call. */
const char *desy_helper_sandbox_missing(const desy_helper_pool *pool);
void desy_helper_pool_close(desy_helper_pool **pool);

#endif
