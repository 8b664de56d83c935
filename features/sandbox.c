#include "features/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ANY(call) {SCMP_SYS(call), SCMP_ACT_ALLOW, 0, {{0}}}
#define ONE(call, action, ...) {SCMP_SYS(call), action, 1, {__VA_ARGS__}}
#define MASKED(argument, mask, value) SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value)
#define EQUAL(argument, value) SCMP_CMP(argument, SCMP_CMP_EQ, value)

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

struct rule {
    int call;
    uint32_t action;
    unsigned count;
    struct scmp_arg_cmp arguments[2];
};

static int add(scmp_filter_ctx filter, const struct rule *rules, size_t n)
{
    int error = 0;
    for (size_t i = 0; error == 0 && i < n; i++) error = seccomp_rule_add_array(filter, rules[i].action, rules[i].call, rules[i].count, rules[i].arguments);
    return error;
}

/* What glibc, FFmpeg and its libraries (one thread each), AddressSanitizer and our own code ask for. Many are rare: a busy
 * allocator, qsort of much (sysinfo), abort() (tgkill), the name of a TV channel in another alphabet (a library that is refused). */
static int add_rules(scmp_filter_ctx filter, int socket)
{
    const pid_t self = getpid();
    const struct rule rules[] = {
        /* memory; what is to be executed is refused, not punished: iconv does without its modules */
        ONE(mmap, SCMP_ACT_ALLOW, MASKED(2, PROT_EXEC, 0)), ONE(mmap, SCMP_ACT_ERRNO(EACCES), MASKED(2, PROT_EXEC, PROT_EXEC)),
        ONE(mprotect, SCMP_ACT_ALLOW, MASKED(2, PROT_EXEC, 0)), ONE(mprotect, SCMP_ACT_ERRNO(EACCES), MASKED(2, PROT_EXEC, PROT_EXEC)),
        ANY(munmap), ANY(mremap), ANY(madvise), ANY(brk),
        /* reading */
        ONE(open, SCMP_ACT_ALLOW, MASKED(1, WRITING, O_RDONLY)), ONE(openat, SCMP_ACT_ALLOW, MASKED(2, WRITING, O_RDONLY)),
        ANY(read), ANY(readv), ANY(pread64), ANY(lseek), ANY(close),
        ANY(stat), ANY(lstat), ANY(fstat),
        ANY(newfstatat), ANY(statx), ANY(access), ANY(faccessat),
        ANY(faccessat2), ANY(readlink), ANY(readlinkat), ANY(getcwd), ANY(fadvise64),
        ONE(fcntl, SCMP_ACT_ALLOW, EQUAL(1, F_GETFD)), ONE(fcntl, SCMP_ACT_ALLOW, EQUAL(1, F_SETFD)), ONE(fcntl, SCMP_ACT_ALLOW, EQUAL(1, F_GETFL)),
        {SCMP_SYS(ioctl), SCMP_ACT_ERRNO(ENOTTY), 0, {{0}}}, /* isatty */
        /* the socket, without addresses and descriptors; stderr is for last words */
        ONE(recvfrom, SCMP_ACT_ALLOW, EQUAL(0, (scmp_datum_t)socket)),
        {SCMP_SYS(sendto), SCMP_ACT_ALLOW, 2, {EQUAL(0, (scmp_datum_t)socket), EQUAL(4, 0)}},
        ONE(write, SCMP_ACT_ALLOW, EQUAL(0, STDERR_FILENO)), ONE(writev, SCMP_ACT_ALLOW, EQUAL(0, STDERR_FILENO)),
        /* time, itself, its end */
        ANY(clock_gettime), ANY(clock_getres), ANY(gettimeofday), ANY(time), ANY(nanosleep),
        ANY(clock_nanosleep), ANY(getrandom), ANY(futex), ANY(sched_yield), ANY(sched_getaffinity),
        ANY(sysinfo), ANY(uname), ANY(getpid), ANY(gettid), ANY(getrusage), ANY(times),
        {SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, 2, {EQUAL(0, 0), EQUAL(2, 0)}}, ANY(getrlimit),
        {SCMP_SYS(prctl), SCMP_ACT_ERRNO(EINVAL), 0, {{0}}}, /* names for memory and threads */
        ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigreturn), ANY(sigaltstack), ANY(restart_syscall),
        ONE(tgkill, SCMP_ACT_ALLOW, EQUAL(0, (scmp_datum_t)self)), ONE(kill, SCMP_ACT_ALLOW, EQUAL(0, (scmp_datum_t)self)),
        ANY(exit), ANY(exit_group),
    };
    return add(filter, rules, sizeof rules / sizeof *rules);
}

/* And what a thread of the same process asks for, begun as glibc begins it; of clone3 a filter can't see the flags, and without it glibc uses
 * clone. Nodes of memory are asked for by HEVC's encoder, which does without. */
static int add_thread_rules(scmp_filter_ctx filter)
{
    const scmp_datum_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    const struct rule rules[] = {
        ONE(clone, SCMP_ACT_ALLOW, EQUAL(0, flags)), {SCMP_SYS(clone3), SCMP_ACT_ERRNO(ENOSYS), 0, {{0}}}, ANY(set_robust_list), ANY(rseq),
        {SCMP_SYS(get_mempolicy), SCMP_ACT_ERRNO(ENOSYS), 0, {{0}}}, {SCMP_SYS(set_mempolicy), SCMP_ACT_ERRNO(ENOSYS), 0, {{0}}},
    };
    return add(filter, rules, sizeof rules / sizeof *rules);
}

/* libseccomp hides the kernel's errno. Without a program the kernel says EFAULT, or what stands in the way. */
static int ask_why(int otherwise)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != 0 && errno != EFAULT ? errno : otherwise;
}

int desy_sandbox_enter(int socket, bool threads)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter) return ask_why(ENOMEM);
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* Older kernels would slow the whole process down for the sake of secrets that this one does not keep from itself. */
    if (error == 0) error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    if (error == 0) error = add_rules(filter, socket);
    if (error == 0 && threads) error = add_thread_rules(filter);
    if (error == 0) error = seccomp_load(filter);
    seccomp_release(filter);
    return error == 0 ? 0 : ask_why(-error);
}
