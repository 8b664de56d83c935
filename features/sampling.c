#include "features/sampling.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

#define WINDOW_RATE 8.0 /* frames a second */

static const char *const names[] = {"window", "uniform"};

int desy_sampling_parse(enum desy_sampling *sampling, const char *name)
{
    for (int i = 0; i < 2; i++)
        if (strcmp(names[i], name) == 0) {
            *sampling = (enum desy_sampling)i;
            return DESY_OK;
        }
    return desy_error(DESY_EUSAGE, "sampling is window or uniform, not '%s'", name);
}

const char *desy_sampling_name(enum desy_sampling sampling)
{
    return names[sampling];
}

/* The frame nearest to `time`; the earlier one in a tie. */
static int64_t nearest(const double *seconds, int64_t n, double time)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (seconds[middle] < time) low = middle + 1;
        else high = middle;
    }
    return low > 0 && time - seconds[low - 1] <= seconds[low] - time ? low - 1 : low;
}

/* Frames strictly ascending: each at least one behind the last, and early enough that the rest still find room. */
static void spread(int64_t *frames, int wanted, int64_t n)
{
    for (int k = 1; k < wanted; k++)
        if (frames[k] <= frames[k - 1]) frames[k] = frames[k - 1] + 1;
    for (int k = wanted - 1; k >= 0; k--)
        if (frames[k] > n - (wanted - k)) frames[k] = n - (wanted - k);
}

int desy_sample_frames(int64_t *frames, int wanted, enum desy_sampling sampling, const double *seconds, int64_t n)
{
    if (n <= wanted) {
        for (int64_t k = 0; k < n; k++) frames[k] = k;
        return (int)n;
    }
    double span = seconds[n - 1] - seconds[0], interval = span / (double)(n - 1), middle = seconds[0] + span / 2;
    if (sampling == DESY_SAMPLING_UNIFORM) {
        for (int k = 0; k < wanted; k++) frames[k] = (int64_t)floor((double)k * (double)(n - 1) / (wanted - 1) + .5);
    } else if (span + interval < wanted / WINDOW_RATE) {
        for (int k = 0; k < wanted; k++) frames[k] = nearest(seconds, n, seconds[0] + span * k / (wanted - 1));
    } else if (interval >= 1 / WINDOW_RATE) {
        for (int k = 0; k < wanted; k++) frames[k] = (n - wanted) / 2 + k;
    } else {
        for (int k = 0; k < wanted; k++) frames[k] = nearest(seconds, n, middle + (k - (wanted - 1) / 2.0) / WINDOW_RATE);
    }
    spread(frames, wanted, n);
    return wanted;
}
