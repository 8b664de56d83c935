#include "features/spawner.h"

#include "base/error.h"
#include "base/installed.h"
#include "features/decoder.h"
#include "features/helper.h"
#include "features/spawner_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "desy-decoder"
#define PATIENCE 30000 /* milliseconds, for the program to start */

struct desy_spawner {
    int socket;
    pid_t process;
    pthread_mutex_t lock; /* from a command to its answer: pools of several threads may use one spawner */
};

static struct desy_spawner own = {-1, -1, PTHREAD_MUTEX_INITIALIZER}; /* of a program that forked one */

static int open_socket(int sockets[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0) return DESY_OK;
    return desy_error(DESY_EENV, "no socket for decode helpers: %s", strerror(errno));
}

static void end(struct desy_spawner *spawner)
{
    if (spawner->socket >= 0) close(spawner->socket);
    while (spawner->process > 0 && waitpid(spawner->process, NULL, 0) < 0 && errno == EINTR) {}
    spawner->socket = -1;
    spawner->process = -1;
}

int desy_spawner_start(void)
{
    int sockets[2], rc;
    pid_t parent = getpid();
    if (own.socket >= 0) return desy_error(DESY_EUSAGE, "the spawner of decode helpers is running already");
    DESY_TRY(open_socket(sockets));
    fflush(NULL);
    own.process = fork();
    if (own.process == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        close(sockets[0]);
        desy_decoder_ignore_signals();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(DESY_EENV);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) _exit(DESY_EENV);
        desy_decoder_serve(sockets[1], -1);
    }
    int error = errno;
    close(sockets[1]);
    own.socket = sockets[0];
    if (own.process > 0) return DESY_OK;
    desy_spawner_stop();
    rc = desy_error(DESY_EENV, "the spawner of decode helpers can't be started: %s", strerror(error));
out:
    return rc;
}

void desy_spawner_stop(void)
{
    end(&own);
}

/* ---- the program ---- */

/* New string; the first of these that is there: what the environment says; that of the tree that this was installed to; that of the build. */
static int find_program(char **program)
{
    const char *named = getenv("DESY_DECODER");
    if (named && *named) *program = strdup(named);
    else *program = desy_installed_file(DESY_LIBEXECDIR "/desy/" PROGRAM);
    if (!*program && access(DESY_BUILT_DECODER, X_OK) == 0) *program = strdup(DESY_BUILT_DECODER);
    if (*program && access(*program, X_OK) == 0) return DESY_OK;
    const int rc = desy_error(DESY_EENV, "%s: the program that decodes videos is not there or can't be run; install it with the library, or name it in DESY_DECODER",
                              *program ? *program : DESY_LIBEXECDIR "/desy/" PROGRAM);
    free(*program);
    *program = NULL;
    return rc;
}

/* Nothing of this process but the socket: no descriptor, no terminal, no mask or handler of a signal. Returns an errno. */
static int spawn(pid_t *process, const char *program, int socket)
{
    char protocol[DESY_DECODER_PROTOCOL];
    char *const arguments[] = {PROGRAM, (char *)desy_decoder_protocol(protocol), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&actions);
    if (error) return error;
    if ((error = posix_spawnattr_init(&attributes))) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = posix_spawn_file_actions_adddup2(&actions, socket, DESY_DECODER_SOCKET); /* first: a host may have closed its standard streams */
    for (int fd = 0; !error && fd <= STDERR_FILENO; fd++) {
#ifdef __SANITIZE_ADDRESS__ /* whose reports go to stderr */
        if (fd == STDERR_FILENO) break;
#endif
        error = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    }
    if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, DESY_DECODER_SOCKET + 1);
    if (!error) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!error) error = posix_spawnattr_setsigdefault(&attributes, &all);
    if (!error) error = posix_spawnattr_setsigmask(&attributes, &none);
    if (!error) error = posix_spawn(process, program, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Is it the decoder of this library? */
static bool says_hello(const struct desy_spawner *spawner)
{
    struct pollfd wait = {.fd = spawner->socket, .events = POLLIN};
    struct desy_spawner_answer hello;
    int ready;
    do ready = poll(&wait, 1, PATIENCE);
    while (ready < 0 && errno == EINTR);
    return ready > 0 && recv(spawner->socket, &hello, sizeof hello, 0) == sizeof hello;
}

int desy_spawner_execute(desy_spawner **out)
{
    int sockets[2] = {-1, -1}, rc, error;
    char *program = NULL;
    desy_spawner *spawner = *out = malloc(sizeof *spawner);
    if (!spawner) return desy_error_memory("decode helpers");
    *spawner = (desy_spawner){-1, -1, PTHREAD_MUTEX_INITIALIZER};
    DESY_TRY(find_program(&program));
    DESY_TRY(open_socket(sockets));
    spawner->socket = sockets[0];
    if ((error = spawn(&spawner->process, program, sockets[1]))) {
        spawner->process = -1;
        DESY_TRY(desy_error(DESY_EENV, "%s can't be started: %s", program, strerror(error)));
    }
    close(sockets[1]);
    sockets[1] = -1;
    if (!says_hello(spawner)) {
        kill(spawner->process, SIGKILL);
        DESY_TRY(desy_error(DESY_EENV, "%s does not answer as the decoder of libdesy " DESY_VERSION " does: install the two together, or mend DESY_DECODER", program));
    }
out:
    if (sockets[1] >= 0) close(sockets[1]);
    free(program);
    if (rc != DESY_OK) desy_spawner_close(out);
    return rc;
}

void desy_spawner_close(desy_spawner **spawner)
{
    if (!*spawner) return;
    end(*spawner);
    free(*spawner);
    *spawner = NULL;
}

/* ---- what the pool asks for ---- */

static int ask(desy_spawner *asked, struct desy_spawner_answer *answer, const struct desy_spawner_command *command, struct msghdr *message)
{
    struct iovec data = {(void *)command, sizeof *command};
    desy_spawner *spawner = asked ? asked : &own;
    ssize_t moved = -1;
    message->msg_iov = &data;
    message->msg_iovlen = 1;
    pthread_mutex_lock(&spawner->lock);
    if (spawner->socket >= 0) {
        do moved = sendmsg(spawner->socket, message, MSG_NOSIGNAL);
        while (moved < 0 && errno == EINTR);
        if (moved == sizeof *command) {
            do moved = recv(spawner->socket, answer, sizeof *answer, 0);
            while (moved < 0 && errno == EINTR);
        }
    }
    pthread_mutex_unlock(&spawner->lock);
    if (moved == sizeof *answer) return DESY_OK;
    return desy_error(DESY_EENV, "the spawner of decode helpers is gone; %s", asked ? "close the detector and open another" : "start the command again");
}

int desy_spawner_helper(desy_spawner *spawner, pid_t *helper, int socket, int memory, bool threads)
{
    union desy_spawner_descriptors buffer = {0};
    struct msghdr message = {.msg_control = buffer.bytes, .msg_controllen = sizeof buffer.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct desy_spawner_answer answer;
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))};
    memcpy(CMSG_DATA(header), (int[2]){socket, memory}, 2 * sizeof(int));
    int rc;
    DESY_TRY(ask(spawner, &answer, &(struct desy_spawner_command){.threads = threads}, &message));
    if (answer.helper <= 0) return desy_error(DESY_EENV, "no process for a decode helper: %s", strerror(answer.status));
    *helper = answer.helper;
out:
    return rc;
}

int desy_spawner_end(desy_spawner *spawner, int *status, pid_t helper)
{
    struct desy_spawner_answer answer;
    int rc;
    DESY_TRY(ask(spawner, &answer, &(struct desy_spawner_command){.end = helper}, &(struct msghdr){0}));
    *status = answer.status;
out:
    return rc;
}
