#include "mpi/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void desy_progress_start(struct desy_progress *progress, const char *what, double total, uint64_t items, enum desy_progress_mode mode, bool silent)
{
    *progress = (struct desy_progress){.what = what, .total = total, .items_total = items, .started = now_seconds(),
        .terminal = isatty(STDERR_FILENO), .silent = silent || mode == DESY_PROGRESS_NEVER};
    progress->shown = progress->started;
}

static void print_time(double seconds)
{
    long s = (long)(seconds + .5);
    if (s >= 3600) fprintf(stderr, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60) fprintf(stderr, "%ld min %02ld s", s / 60, s % 60);
    else fprintf(stderr, "%ld s", s);
}

void desy_progress_show(struct desy_progress *progress)
{
    if (progress->silent) return;
    double now = now_seconds(), passed = now - progress->started;
    /* Lines get rarer: every 10 s at first, then whenever a tenth more time has passed. */
    double every = progress->terminal ? .2 : passed < 100 ? 10 : passed / 10;
    if (now - progress->shown < every) return;
    progress->shown = now;
    double share = progress->total > 0 ? progress->done / progress->total : 1;
    if (share > 1) share = 1;
    if (progress->terminal) {
        char bar[31];
        for (int i = 0; i < 30; i++) bar[i] = i < (int)(share * 30) ? '#' : '.';
        bar[30] = '\0';
        fprintf(stderr, "\r\033[K%s [%s] ", progress->what, bar);
    } else fprintf(stderr, "desy: %s: ", progress->what);
    fprintf(stderr, "%.0f %%, %llu of %llu items", 100 * share, (unsigned long long)progress->items_done, (unsigned long long)progress->items_total);
    if (progress->items_failed) fprintf(stderr, ", %llu failed", (unsigned long long)progress->items_failed);
    if (share > 0) {
        fputs(", ", stderr);
        print_time(passed * (1 - share) / share);
        fputs(" left", stderr);
    }
    if (!progress->terminal) fputc('\n', stderr);
    fflush(stderr);
}

void desy_progress_finish(struct desy_progress *progress)
{
    if (progress->silent) return;
    if (progress->terminal) fputs("\r\033[K", stderr);
    fprintf(stderr, "desy: %s: %llu items", progress->what, (unsigned long long)progress->items_done);
    if (progress->items_failed) fprintf(stderr, ", %llu failed", (unsigned long long)progress->items_failed);
    fputs(", in ", stderr);
    print_time(now_seconds() - progress->started);
    fputc('\n', stderr);
}
