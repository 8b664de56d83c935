#include "features/misbehave.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void crash(const char *mark)
{
    (void)mark;
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static void hang(const char *mark)
{
    (void)mark;
    for (;;) nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
}

static void open_socket(const char *mark)
{
    (void)mark;
    close(socket(AF_INET, SOCK_STREAM, 0));
}

static void execute(const char *mark)
{
    execl("/bin/sh", "sh", "-c", ": > \"$0\"", mark, (char *)NULL);
}

static void write_file(const char *mark)
{
    close(open(mark, O_WRONLY | O_CREAT, 0666));
}

static void fork_process(const char *mark)
{
    if (fork() != 0) return;
    write_file(mark);
    _exit(0);
}

static void *run_thread(void *mark)
{
    write_file(mark);
    return NULL;
}

static void start_thread(const char *mark)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_thread, (void *)mark) == 0) pthread_join(thread, NULL);
}

static void trace_parent(const char *mark)
{
    (void)mark;
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void kill_parent(const char *mark)
{
    (void)mark;
    kill(getppid(), SIGKILL);
}

static void remove_file(const char *mark)
{
    unlink(mark);
}

static const struct {
    const char *name;
    void (*act)(const char *mark);
} deeds[] = {
    {"crash:", crash}, {"hang:", hang}, {"socket:", open_socket}, {"exec:", execute}, {"write:", write_file}, {"fork:", fork_process},
    {"thread:", start_thread}, {"ptrace:", trace_parent}, {"kill:", kill_parent}, {"unlink:", remove_file},
};

void desy_misbehave(const char *path)
{
    const char *how = getenv("DESY_TEST_HELPER"), *what = how ? strchr(how, ':') : NULL;
    char mark[4200];
    if (!what || !strstr(path, what + 1)) return;
    snprintf(mark, sizeof mark, "%s.mark", path);
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (strncmp(how, deeds[i].name, strlen(deeds[i].name)) == 0) deeds[i].act(mark);
}
