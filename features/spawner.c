#include "features/spawner.h"

#include "base/error.h"
#include "features/helper.h"
#include "features/video.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct order {
    pid_t reap; /* 0: spawn */
};

struct answer {
    pid_t pid;
    int error, wait_status;
};

static int spawner_socket = -1;
static pid_t spawner_pid;

/* ---- the helper ---- */

static void set_limits(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%lu", &pages) != 1) pages = 0;
        fclose(file);
    }
    const rlim_t memory = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)4 << 30);
    if (pages) setrlimit(RLIMIT_AS, &(struct rlimit){memory, memory});
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
}

static void obey_test_hook(const char *path)
{
    const char *hook = getenv("DESY_TEST_HELPER");
    if (!hook) return;
    if (strncmp(hook, "crash:", 6) == 0 && strstr(path, hook + 6)) raise(SIGSEGV);
    if (strncmp(hook, "hang:", 5) == 0 && strstr(path, hook + 5))
        for (;;) pause();
}

static _Noreturn void be_helper(int socket, struct desy_clip *clip)
{
    static struct desy_clip_request request;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "desy-decode");
    signal(SIGINT, SIG_IGN); /* the parent decides when work ends */
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    set_limits();
    while (recv(socket, &request, sizeof request, MSG_WAITALL) == sizeof request) {
        request.path[sizeof request.path - 1] = '\0';
        obey_test_hook(request.path);
        char done = 1;
        if (desy_video_read(clip, &request) != DESY_OK) break;
        if (send(socket, &done, 1, MSG_NOSIGNAL) != 1) break;
    }
    _exit(0);
}

/* ---- the spawner ---- */

static int send_answer(int socket, const struct answer *answer, const int *fds, int n)
{
    char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec data = {(void *)answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (n) {
        message.msg_control = control, message.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
        memcpy(CMSG_DATA(header), fds, (size_t)n * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof *answer ? 0 : -1;
}

static void spawn_one(int control)
{
    int pair[2] = {-1, -1}, memory = memfd_create("desy-clip", MFD_CLOEXEC);
    struct answer answer = {.pid = -1};
    void *clip = MAP_FAILED;
    if (memory >= 0 && ftruncate(memory, sizeof(struct desy_clip)) == 0)
        clip = mmap(NULL, sizeof(struct desy_clip), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (clip != MAP_FAILED && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) answer.pid = fork();
    if (answer.pid == 0) {
        close(control);
        close(pair[0]);
        close(memory);
        be_helper(pair[1], clip);
    }
    answer.error = answer.pid < 0 ? errno : 0;
    send_answer(control, &answer, (int[]){pair[0], memory}, answer.pid > 0 ? 2 : 0);
    if (clip != MAP_FAILED) munmap(clip, sizeof(struct desy_clip));
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0) close(pair[i]);
    if (memory >= 0) close(memory);
}

static void reap_one(int control, pid_t pid)
{
    struct answer answer = {.pid = pid};
    kill(pid, SIGKILL); /* without effect on what is dead: its own status stays */
    if (waitpid(pid, &answer.wait_status, 0) != pid) answer.error = errno;
    send_answer(control, &answer, NULL, 0);
}

static _Noreturn void be_spawner(int control)
{
    struct order order;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "desy-spawner");
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    while (recv(control, &order, sizeof order, MSG_WAITALL) == sizeof order) {
        if (order.reap) reap_one(control, order.reap);
        else spawn_one(control);
    }
    _exit(0);
}

/* ---- the parent ---- */

int desy_spawner_start(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return desy_error(DESY_EENV, "no socket for the spawner of decode helpers: %s", strerror(errno));
    fflush(NULL);
    spawner_pid = fork();
    if (spawner_pid == 0) {
        close(pair[0]);
        be_spawner(pair[1]);
    }
    close(pair[1]);
    spawner_socket = pair[0];
    if (spawner_pid > 0) return DESY_OK;
    close(pair[0]);
    spawner_socket = -1;
    return desy_error(DESY_EENV, "the spawner of decode helpers cannot be started: %s", strerror(errno));
}

void desy_spawner_stop(void)
{
    if (spawner_socket < 0) return;
    close(spawner_socket);
    spawner_socket = -1;
    waitpid(spawner_pid, NULL, 0);
}

static int ask(pid_t reap, struct answer *answer, int fds[2])
{
    const struct order order = {reap};
    char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec data = {answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    fds[0] = fds[1] = -1;
    if (spawner_socket < 0 || send(spawner_socket, &order, sizeof order, MSG_NOSIGNAL) != sizeof order ||
        recvmsg(spawner_socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != sizeof *answer)
        return desy_error(DESY_EENV, "the spawner of decode helpers is gone");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(fds, CMSG_DATA(header), 2 * sizeof(int));
    return DESY_OK;
}

int desy_spawner_spawn(struct desy_helper *helper)
{
    int fds[2];
    struct answer answer;
    *helper = (struct desy_helper){.socket = -1};
    int rc = ask(0, &answer, fds);
    if (rc != DESY_OK) return rc;
    if (answer.pid <= 0) return desy_error(DESY_EENV, "no decode helper can be started: %s", strerror(answer.error));
    void *shared = mmap(NULL, sizeof(struct desy_clip), PROT_READ, MAP_SHARED, fds[1], 0);
    close(fds[1]);
    *helper = (struct desy_helper){answer.pid, fds[0], shared};
    if (shared != MAP_FAILED) return DESY_OK;
    int status;
    helper->shared = NULL;
    desy_spawner_reap(helper, &status);
    return desy_error(DESY_EENV, "the memory of a decode helper cannot be mapped");
}

int desy_spawner_reap(struct desy_helper *helper, int *wait_status)
{
    int fds[2];
    struct answer answer = {0};
    int rc = ask(helper->pid, &answer, fds);
    *wait_status = answer.wait_status;
    if (helper->shared) munmap((void *)helper->shared, sizeof(struct desy_clip));
    if (helper->socket >= 0) close(helper->socket);
    *helper = (struct desy_helper){.socket = -1};
    return rc;
}
