#include "features/sampling.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

#define RATE 8.0    /* frames a second of the window */
#define TIE 1e-6    /* seconds: times closer than this are equal, whatever their rounding */

static const char *const names[] = {[DESY_SAMPLING_WINDOW] = "window", [DESY_SAMPLING_UNIFORM] = "uniform"};

int desy_sampling_parse(enum desy_sampling *sampling, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *sampling = (enum desy_sampling)i;
            return DESY_OK;
        }
    }
    return desy_error(DESY_EUSAGE, "%s: no such sampling; there are window and uniform", name);
}

const char *desy_sampling_name(enum desy_sampling sampling)
{
    return names[sampling];
}

/* The frame nearest to a time; of two equally near, the earlier. */
static int64_t nearest(const double *seconds, int64_t n, double time)
{
    int64_t low = 0, high = n - 1;
    while (low < high) { /* the first frame at or after the time */
        int64_t middle = low + (high - low) / 2;
        if (seconds[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && time - seconds[low - 1] <= seconds[low] - time + TIE ? low - 1 : low;
}

/* `wanted` frames nearest to first, first + step, ..., each a frame of its own. */
static void around(int64_t *frames, int wanted, const double *seconds, int64_t n, double first, double step)
{
    for (int k = 0; k < wanted; k++) {
        int64_t frame = nearest(seconds, n, first + k * step), last = n - wanted + k;
        if (k > 0 && frame <= frames[k - 1]) frame = frames[k - 1] + 1;
        frames[k] = frame < last ? frame : last;
    }
}

static void window(int64_t *frames, int wanted, const double *seconds, int64_t n)
{
    double span = seconds[n - 1] - seconds[0], interval = span / (double)(n - 1), middle = seconds[0] + span / 2;
    if (span + interval < wanted / RATE - TIE) {
        around(frames, wanted, seconds, n, wanted > 1 ? seconds[0] : middle, wanted > 1 ? span / (wanted - 1) : 0);
    } else if (interval > 1 / RATE + TIE) {
        for (int k = 0; k < wanted; k++) frames[k] = (n - wanted) / 2 + k;
    } else {
        around(frames, wanted, seconds, n, middle - (wanted - 1) / 2.0 / RATE, 1 / RATE);
    }
}

int desy_sample_frames(int64_t *frames, int wanted, enum desy_sampling sampling, const double *seconds, int64_t n)
{
    if (n <= wanted) {
        for (int k = 0; k < n; k++) frames[k] = k;
        return (int)n;
    }
    if (sampling == DESY_SAMPLING_WINDOW) {
        window(frames, wanted, seconds, n);
    } else {
        double step = wanted > 1 ? (double)(n - 1) / (wanted - 1) : 0; /* as numpy.linspace computes it */
        for (int k = 0; k < wanted; k++) frames[k] = (int64_t)rint(k * step);
    }
    return wanted;
}
