#include "features/decoder.h"

#include "base/error.h"
#include "features/libav_log.h"
#include "features/misbehave.h"
#include "features/sandbox.h"
#include "features/spawner_protocol.h"
#include "features/video.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_LIMIT (4ULL << 30) /* bytes beyond what the process has when it starts */
#define MOST_FILES 64              /* that are open at a time: a video, its sound, what a library looks up */
#define PATIENCE 200              /* times 10 ms, for a killed process to go */

static void limit(int resource, rlim_t value)
{
    struct rlimit limits = {value, value}, now;
    if (getrlimit(resource, &now) == 0 && now.rlim_max < value) limits.rlim_cur = limits.rlim_max = now.rlim_max;
    if (setrlimit(resource, &limits) != 0) _exit(DESY_EENV);
}

static void limit_resources(bool threads)
{
    unsigned long long pages = 0;
    FILE *statistics = fopen("/proc/self/statm", "re");
    if (!statistics || fscanf(statistics, "%llu", &pages) != 1) _exit(DESY_EENV);
    fclose(statistics);
    limit(RLIMIT_AS, pages * (unsigned long long)sysconf(_SC_PAGESIZE) + MEMORY_LIMIT);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, MOST_FILES);
    if (!threads) limit(RLIMIT_NPROC, 0); /* root excepted; the sandbox excepts nobody. Not RLIMIT_CPU: a helper serves many videos, each with a deadline */
}

/* Signals to the whole terminal or job are the program's affair; and a write over RLIMIT_FSIZE shall fail, not kill. */
void desy_decoder_ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, SIGTSTP};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
}

/* Of what the program had open, a helper keeps its socket alone (returned). stderr leads nowhere, but for the sanitizers' reports. */
static int close_others(int socket)
{
    const int kept = STDERR_FILENO + 1;
    if (dup2(socket, kept) < 0) _exit(DESY_EENV);
    closefrom(kept + 1);
#ifndef __SANITIZE_ADDRESS__
    if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(DESY_EENV);
#endif
    return kept;
}

/* Damage that libav speaks of in its log alone. */
static void warn(struct desy_clip *clip)
{
    const int errors = desy_libav_log_errors();
    if (errors && clip->status == DESY_STATUS_OK && !clip->reason[0])
        snprintf(clip->reason, sizeof clip->reason, "perhaps damaged: libav logged %d errors", errors);
    desy_libav_log_reset(0);
}

/* Sends a byte for each clip, `sandbox`; before the next one waits for a byte. */
static void serve_video(int socket, char sandbox, struct desy_clip *clip, const struct desy_clip_request *request)
{
    desy_video *video = NULL;
    char byte;
    desy_libav_log_reset(0); /* those before were of another video */
    int rc = desy_video_open(&video, request);
    for (bool more = true; more;) {
        if (rc == DESY_OK) rc = desy_video_next(video, clip);
        if (rc != DESY_OK) { /* out of memory: this video's fault, under these limits */
            memset(clip, 0, offsetof(struct desy_clip, audio));
            clip->status = DESY_STATUS_UNREADABLE;
            clip->size = clip->mtime_ns = -1, clip->windows = 1;
            snprintf(clip->reason, sizeof clip->reason, "%s", desy_error_message());
        }
        warn(clip);
        more = !desy_clip_is_last(clip);
        if (send(socket, &sandbox, 1, MSG_NOSIGNAL) != 1) _exit(DESY_OK);
        if (more && recv(socket, &byte, 1, 0) != 1) _exit(DESY_OK);
    }
    desy_video_close(&video);
}

static _Noreturn void serve(int socket, int memory, bool threads)
{
    struct desy_clip_request request;
    struct desy_clip *clip = mmap(NULL, sizeof *clip, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (clip == MAP_FAILED) _exit(DESY_EENV);
    socket = close_others(socket);
    limit_resources(threads);
    desy_libav_log_count();
    const char sandbox = (char)desy_sandbox_enter(socket, threads);
    for (;;) {
        ssize_t got = recv(socket, &request, sizeof request, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got != sizeof request) _exit(DESY_OK);
        desy_misbehave(request.path);
        serve_video(socket, sandbox, clip, &request);
    }
}

static struct desy_spawner_answer start_helper(int control, int socket, int memory, bool threads)
{
    pid_t parent = getpid(), helper = fork();
    if (helper == 0) {
        close(control);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(DESY_EENV);
        serve(socket, memory, threads);
    }
    return (struct desy_spawner_answer){helper, helper < 0 ? errno : 0};
}

static struct desy_spawner_answer end_helper(pid_t helper)
{
    struct desy_spawner_answer answer = {helper, -1};
    kill(helper, SIGKILL);
    for (int i = 0; i < PATIENCE; i++) { /* one that the kernel can't kill yet must not stop the program */
        pid_t ended = waitpid(helper, &answer.status, WNOHANG);
        if (ended == helper) return answer;
        if (ended < 0 && errno != EINTR) break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    answer.status = -1;
    return answer;
}

/* Receives a command and up to two descriptors; false when the program is gone. */
static bool receive_command(int control, struct desy_spawner_command *command, int descriptors[2])
{
    union desy_spawner_descriptors buffer;
    struct iovec data = {command, sizeof *command};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = buffer.bytes, .msg_controllen = sizeof buffer.bytes};
    ssize_t got;
    do got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    descriptors[0] = descriptors[1] = -1;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(2 * sizeof(int)))
        memcpy(descriptors, CMSG_DATA(header), 2 * sizeof(int));
    return got == sizeof *command;
}

/* false: the process that is served is gone. */
static bool wait_for_command(int control, int served)
{
    struct pollfd either[] = {{.fd = control, .events = POLLIN}, {.fd = served, .events = POLLIN}};
    int ready;
    do ready = poll(either, 2, -1);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && !either[1].revents;
}

_Noreturn void desy_decoder_serve(int control, int served)
{
    struct desy_spawner_command command;
    int descriptors[2];
    while (wait_for_command(control, served) && receive_command(control, &command, descriptors)) {
        struct desy_spawner_answer answer = command.end ? end_helper(command.end) : start_helper(control, descriptors[0], descriptors[1], command.threads);
        if (!command.end) {
            close(descriptors[0]);
            close(descriptors[1]);
        }
        if (send(control, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer) break;
    }
    _exit(DESY_OK); /* and the helpers with it */
}
