/* CASES OUT [floats]: every figure of a ranking, of many cases (tests/parity/test_ranking.py). CASES: for each int64 n, n doubles, n bytes of labels. OUT, by rank 0: 16
 * doubles a case, zeros with one class alone. Each rank takes a contiguous part of every case, of another size each time. */
#include "eval/ranking.h"
#include "tests/mpi/check.h"

#define MOST 4096

static void measure(const double *scores, const uint8_t *labels, size_t n, bool floats, double out[16])
{
    static float narrow[MOST];
    const char *method;
    desy_ranking ranking = {0};
    for (size_t i = 0; i < n; i++) narrow[i] = (float)scores[i];
    check((floats ? desy_ranking_open_floats(world, narrow, labels, n, &ranking) : desy_ranking_open(world, scores, labels, n, &ranking)) == DESY_OK);
    if (ranking.pos > 0 && ranking.neg > 0) {
        const double figures[7] = {ranking.auc, ranking.average_precision[0], ranking.average_precision[1], ranking.equal_error_rate, ranking.partial_auc, ranking.partial_auc_standardised,
                                   (double)ranking.all_groups};
        memcpy(out, figures, sizeof figures);
        check(desy_ranking_auc_interval(world, &ranking, out + 7, &method) == DESY_OK);
        for (int l = 0; l < DESY_FPR_LIMITS; l++) out[9 + 2 * l] = (double)ranking.at_fpr[l].tp, out[10 + 2 * l] = ranking.at_fpr[l].threshold;
    }
    desy_ranking_close(&ranking);
}

int main(int argc, char **argv)
{
    static double scores[MOST];
    static uint8_t labels[MOST];
    check(desy_world_open(&world) == DESY_OK && argc >= 3);
    FILE *in = fopen(argv[1], "rb"), *to = desy_rank(world) == 0 ? fopen(argv[2], "wb") : NULL;
    const size_t rank = (size_t)desy_rank(world), ranks = (size_t)desy_size(world);
    int64_t all;
    check(in);
    for (size_t number = 0; fread(&all, sizeof all, 1, in) == 1; number++) {
        double out[16] = {0};
        const size_t n = (size_t)all, first = number % 2 ? n * rank * rank / (ranks * ranks) : n * rank / ranks;
        const size_t end = number % 2 ? n * (rank + 1) * (rank + 1) / (ranks * ranks) : n * (rank + 1) / ranks;
        check(n <= MOST && fread(scores, sizeof *scores, n, in) == n && fread(labels, 1, n, in) == n);
        measure(scores + first, labels + first, end - first, argc > 3, out);
        if (to) check(fwrite(out, sizeof out, 1, to) == 1);
    }
    check(!to || fclose(to) == 0);
    fclose(in);
    desy_world_close(&world);
    return 0;
}
