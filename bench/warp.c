/* bench_warp: the flow and the warped residual of a pair of 256 x 256 regions (features/warp.h), CPU milliseconds, the median of 301. Exit code 1
 * above the bar: what of a frame's 1.5 ms is left beside the other forensic numbers (unit_test_kernels --bench). */
#include "bench/bench.h"
#include "features/warp.h"

#include <math.h>

enum { SIDE = 256, REPEATS = 301 };
#define BAR .8

/* Waves under a little noise, shifted by (x, y). */
static void draw(uint8_t *luma, double shift_x, double shift_y)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        const double x = i % SIDE - shift_x, y = i / SIDE - shift_y;
        luma[i] = (uint8_t)(128 + 60 * sin(x * .11 + y * .03) + 30 * sin(y * .21 - x * .05) + rand() % 9);
    }
}

int main(void)
{
    static uint8_t before[SIDE * SIDE], after[SIDE * SIDE];
    const struct desy_region first = {before, SIDE, SIDE, SIDE}, second = {after, SIDE, SIDE, SIDE};
    double times[REPEATS];
    float numbers[DESY_WARP_DIMS];
    desy_warp *warp;
    srand(1);
    draw(before, 0, 0);
    draw(after, 2.3, -1.2);
    bench_must(desy_warp_open(&warp));
    for (int r = 0; r < REPEATS; r++) {
        const double begin = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
        bench_must(desy_warp_pair(warp, numbers, &first, &second));
        times[r] = 1e3 * (bench_seconds(CLOCK_THREAD_CPUTIME_ID) - begin);
    }
    desy_warp_close(&warp);
    const double median = bench_median(times, REPEATS);
    printf("%.3f ms a pair (bar %.1f): %s\n", median, BAR, median <= BAR ? "good" : "BELOW THE BAR");
    return median > BAR;
}
