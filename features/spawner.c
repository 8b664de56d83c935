/* The spawner and what its children do: the two processes that are not the program. */
#include "features/spawner.h"

#include "base/error.h"
#include "features/helper.h"
#include "features/libav_log.h"
#include "features/misbehave.h"
#include "features/sandbox.h"
#include "features/video.h"

#include <errno.h>
#include <fcntl.h>
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

struct command {
    pid_t end; /* this helper; 0: start one, with the two descriptors that come along */
    bool threads;
};
struct answer {
    pid_t helper;
    int status; /* of wait, or errno */
};
union descriptors { /* aligned as sendmsg wants it */
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr header;
};

static int spawner_socket = -1;
static pid_t spawner = -1;

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
static void ignore_signals(void)
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

static struct answer start_helper(int control, int socket, int memory, bool threads)
{
    pid_t parent = getpid(), helper = fork();
    if (helper == 0) {
        close(control);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(DESY_EENV);
        serve(socket, memory, threads);
    }
    return (struct answer){helper, helper < 0 ? errno : 0};
}

static struct answer end_helper(pid_t helper)
{
    struct answer answer = {helper, -1};
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
static bool receive_command(int control, struct command *command, int descriptors[2])
{
    union descriptors buffer;
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

static _Noreturn void run_spawner(int control)
{
    struct command command;
    int descriptors[2];
    while (receive_command(control, &command, descriptors)) {
        struct answer answer = command.end ? end_helper(command.end) : start_helper(control, descriptors[0], descriptors[1], command.threads);
        if (!command.end) {
            close(descriptors[0]);
            close(descriptors[1]);
        }
        if (send(control, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer) break;
    }
    _exit(DESY_OK); /* and the helpers with it */
}

int desy_spawner_start(void)
{
    int sockets[2];
    pid_t parent = getpid();
    if (spawner_socket >= 0) return desy_error(DESY_EUSAGE, "the spawner of decode helpers is running already");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return desy_error(DESY_EENV, "no socket for decode helpers: %s", strerror(errno));
    fflush(NULL);
    spawner = fork();
    if (spawner == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        close(sockets[0]);
        ignore_signals();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(DESY_EENV);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(DESY_EENV);
        run_spawner(sockets[1]);
    }
    int error = errno;
    close(sockets[1]);
    spawner_socket = sockets[0];
    if (spawner > 0) return DESY_OK;
    desy_spawner_stop();
    return desy_error(DESY_EENV, "the spawner of decode helpers can't be started: %s", strerror(error));
}

void desy_spawner_stop(void)
{
    if (spawner_socket >= 0) close(spawner_socket);
    while (spawner > 0 && waitpid(spawner, NULL, 0) < 0 && errno == EINTR) {}
    spawner_socket = -1;
    spawner = -1;
}

static int ask(struct answer *answer, const struct command *command, struct msghdr *message)
{
    struct iovec data = {(void *)command, sizeof *command};
    ssize_t moved = -1;
    message->msg_iov = &data;
    message->msg_iovlen = 1;
    if (spawner_socket >= 0) {
        do moved = sendmsg(spawner_socket, message, MSG_NOSIGNAL);
        while (moved < 0 && errno == EINTR);
        if (moved == sizeof *command) {
            do moved = recv(spawner_socket, answer, sizeof *answer, 0);
            while (moved < 0 && errno == EINTR);
        }
    }
    if (moved != sizeof *answer) return desy_error(DESY_EENV, "the spawner of decode helpers is gone; start the command again");
    return DESY_OK;
}

int desy_spawner_helper(pid_t *helper, int socket, int memory, bool threads)
{
    union descriptors buffer = {0};
    struct msghdr message = {.msg_control = buffer.bytes, .msg_controllen = sizeof buffer.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct answer answer;
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))};
    memcpy(CMSG_DATA(header), (int[2]){socket, memory}, 2 * sizeof(int));
    int rc;
    DESY_TRY(ask(&answer, &(struct command){.threads = threads}, &message));
    if (answer.helper <= 0) return desy_error(DESY_EENV, "no process for a decode helper: %s", strerror(answer.status));
    *helper = answer.helper;
out:
    return rc;
}

int desy_spawner_end(int *status, pid_t helper)
{
    struct answer answer;
    int rc;
    DESY_TRY(ask(&answer, &(struct command){.end = helper}, &(struct msghdr){0}));
    *status = answer.status;
out:
    return rc;
}
