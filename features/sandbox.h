/* What a decode helper gives up before it opens its first video: all of the kernel that decoding does not need. */
#ifndef DESY_FEATURES_SANDBOX_H
#define DESY_FEATURES_SANDBOX_H

#include <stdbool.h>

/* For good, in this process (single-threaded): no new privileges, and a seccomp filter that lists what is allowed: memory that
 * can't be executed, reading, opening for reading, time, and talking over `socket`. No other socket, no program, no process, no
 * thread but with `threads` (which are as confined), no other process's memory, nothing written but to `socket` and stderr. Whatever else is asked of the kernel ends the
 * process with SIGSYS: a video that gets so far has taken the decoder over, and an error would let it try on.
 * Returns 0, or an errno: this kernel or container lets no filter in; the process goes on without. */
int desy_sandbox_enter(int socket, bool threads);

#endif
