#include "features/sampling.h"

#include "base/error.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define RATE 8.0    /* frames a second of the window */
#define TIE 1e-6    /* seconds: times closer than this are equal, whatever their rounding */

static const char *const names[] = {[DESY_SAMPLING_WINDOW] = "window", [DESY_SAMPLING_UNIFORM] = "uniform", [DESY_SAMPLING_KEYFRAME] = "keyframe"};

int desy_sampling_parse(enum desy_sampling *sampling, const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *sampling = (enum desy_sampling)i;
            return DESY_OK;
        }
    }
    return desy_error(DESY_EUSAGE, "%s: no such sampling; there are window, uniform and keyframe", name);
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

int desy_sample_near(int64_t *frames, int wanted, const double *at, const struct desy_times *times)
{
    const int64_t first = nearest(times->seconds, times->count, at[0]), last = nearest(times->seconds, times->count, at[wanted - 1]);
    if (last - first < wanted) wanted = (int)(last - first) + 1;
    const bool all = last - first + 1 == wanted;
    for (int k = 0; k < wanted; k++) {
        const int64_t frame = all ? first + k : nearest(times->seconds, times->count, at[k]), most = last - wanted + 1 + k;
        frames[k] = k > 0 && frame <= frames[k - 1] ? frames[k - 1] + 1 : frame;
        if (frames[k] > most) frames[k] = most;
    }
    return wanted;
}

static double span_of(const struct desy_times *times) { return times->seconds[times->count - 1] - times->seconds[0]; }

static double interval_of(const struct desy_times *times) { return span_of(times) / (double)(times->count - 1); }

static bool is_short(const struct desy_times *times, int wanted)
{
    return span_of(times) + interval_of(times) < wanted / RATE - TIE;
}

static bool is_slow(const struct desy_times *times)
{
    return interval_of(times) > 1 / RATE + TIE;
}

static double middle_of(const struct desy_times *times, int part, int parts)
{
    return times->seconds[0] + span_of(times) * (2 * part + 1) / (2 * parts);
}

static bool has_window_after(const struct desy_times *times, int wanted, int64_t key)
{
    const double last = times->seconds[times->count - 1];
    return is_slow(times) ? key + wanted <= times->count : times->seconds[key] + (wanted - 1) / RATE <= last + TIE;
}

/* The key frame nearest the middle of a part, of those that have a window after them: of two equally near the earlier. */
static int64_t key_of(const struct desy_times *times, int wanted, int part, int parts)
{
    const double middle = middle_of(times, part, parts);
    int64_t low = 0, high = times->key_count; /* the first one after the middle */
    while (low < high) {
        const int64_t at = low + (high - low) / 2;
        if (times->seconds[times->keys[at]] <= middle) low = at + 1;
        else high = at;
    }
    const int64_t after = low < times->key_count && has_window_after(times, wanted, times->keys[low]) ? times->keys[low] : -1;
    while (low > 0 && !has_window_after(times, wanted, times->keys[low - 1])) low--; /* few: they lie in the last window */
    const int64_t before = low > 0 ? times->keys[low - 1] : 0;
    return after >= 0 && times->seconds[after] - middle < middle - times->seconds[before] - TIE ? after : before;
}

static void from_key(int64_t *frames, int wanted, const struct desy_times *times, int64_t key)
{
    if (is_slow(times))
        for (int k = 0; k < wanted; k++) frames[k] = key + k;
    else
        around(frames, wanted, times->seconds, times->count, times->seconds[key], 1 / RATE);
}

static void around_middle(int64_t *frames, int wanted, const struct desy_times *times, int part, int parts)
{
    if (is_slow(times))
        for (int k = 0; k < wanted; k++) frames[k] = (times->count * (2 * part + 1) - (int64_t)wanted * parts) / (2 * parts) + k;
    else
        around(frames, wanted, times->seconds, times->count, middle_of(times, part, parts) - (wanted - 1) / 2.0 / RATE, 1 / RATE);
}

/* As numpy.linspace computes it. */
static void spread(int64_t *frames, int wanted, int64_t first, int64_t last)
{
    double step = wanted > 1 ? (double)(last - first) / (wanted - 1) : 0;
    for (int k = 0; k < wanted; k++) frames[k] = first + (int64_t)rint(k * step);
}

static int parts_of(int wanted, enum desy_sampling sampling, int asked, const struct desy_times *times)
{
    int64_t most = times->count / wanted;
    if (most > 1 && sampling != DESY_SAMPLING_UNIFORM) {
        double seconds = floor((span_of(times) + interval_of(times) + TIE) / (wanted / RATE));
        if (seconds < (double)most) most = (int64_t)seconds;
    }
    return most < 1 || asked < 1 ? 1 : most < asked ? (int)most : asked;
}

/* The part whose key frame is the window-th different one; *windows: how many different ones there are. */
static int part_of_window(int *windows, int wanted, int window, int parts, const struct desy_times *times)
{
    int part = 0;
    *windows = 0;
    for (int i = 0; i < parts; i++) {
        if (i > 0 && key_of(times, wanted, i, parts) == key_of(times, wanted, i - 1, parts)) continue;
        if ((*windows)++ == window) part = i;
    }
    return part;
}

int desy_sample_windows(int wanted, enum desy_sampling sampling, int asked, const struct desy_times *times)
{
    int windows = parts_of(wanted, sampling, asked, times);
    if (sampling == DESY_SAMPLING_KEYFRAME && windows > 1) part_of_window(&windows, wanted, 0, windows, times);
    return windows;
}

int desy_sample_frames(int64_t *frames, int wanted, enum desy_sampling sampling, int window, int asked, const struct desy_times *times)
{
    const int64_t n = times->count;
    int parts = parts_of(wanted, sampling, asked, times), windows;
    if (n <= wanted) {
        for (int k = 0; k < n; k++) frames[k] = k;
        return (int)n;
    }
    if (sampling == DESY_SAMPLING_UNIFORM)
        spread(frames, wanted, n * window / parts, n * (window + 1) / parts - 1);
    else if (is_short(times, wanted))
        around(frames, wanted, times->seconds, n, wanted > 1 ? times->seconds[0] : middle_of(times, 0, 1), wanted > 1 ? span_of(times) / (wanted - 1) : 0);
    else if (sampling == DESY_SAMPLING_WINDOW)
        around_middle(frames, wanted, times, window, parts);
    else
        from_key(frames, wanted, times, key_of(times, wanted, part_of_window(&windows, wanted, window, parts, times), parts));
    return wanted;
}
