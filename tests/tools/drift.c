/* drift mmd X N Y M COLUMNS: eval/mmd.h of each (N, COLUMNS) and (M, COLUMNS) of two files of float64, with its number as the seed.
 * drift assess REFERENCE SAMPLES SIZE WINDOWS: of each SIZE numbers of a file of float64, taken for logits, the verdict, and PSI, KS and its p value of all of them.
 * drift stream REFERENCE SAMPLE: after each number of the second file PSI and KS of all so far, by one accumulator.
 * drift kolmogorov: of triples "n m distance" on stdin the p value. drift adjust: of numbers on stdin, Benjamini's and Hochberg's. */
#include "base/error.h"
#include "base/file.h"
#include "eval/benjamini_hochberg.h"
#include "eval/drift_report.h"
#include "eval/kolmogorov.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_numbers(const char *path, double **numbers, size_t *n)
{
    size_t size = 0;
    const int rc = desy_file_read((char **)numbers, &size, path);
    *n = size / sizeof **numbers;
    return rc;
}

static int mmd(char **a)
{
    double *x = NULL, *y = NULL;
    const size_t n = strtoul(a[1], NULL, 10), m = strtoul(a[3], NULL, 10), columns = strtoul(a[4], NULL, 10);
    size_t all, others = 0;
    struct desy_mmd test;
    int rc;
    DESY_TRY(read_numbers(a[0], &x, &all));
    DESY_TRY(read_numbers(a[2], &y, &others));
    for (size_t i = 0; (i + 1) * n * columns <= all && (i + 1) * m * columns <= others; i++) {
        DESY_TRY(desy_mmd_test(x + i * n * columns, n, y + i * m * columns, m, columns, i, 0, &test));
        printf("%.17g %.17g %.17g\n", test.squared, test.bandwidth, test.p);
    }
out:
    free(x);
    free(y);
    return rc;
}

static int assess_one(const struct desy_drift_reference *reference, const double *sample, size_t size, size_t windows)
{
    struct desy_drift_rows rows = {0};
    struct desy_drift drift = {0};
    int rc = DESY_OK;
    for (size_t i = 0; i < size; i++) DESY_TRY(desy_drift_rows_append(&rows, &(struct desy_drift_row){.score = {sample[i], NAN, NAN, NAN}, .time = NAN}, "", NULL));
    DESY_TRY(desy_drift_assess(&rows, reference, windows, 1, &drift));
    const struct desy_drift_report report = {.rows = &rows, .reference = reference, .drift = &drift};
    const struct desy_drift_figures *f = &drift.slices[0].scores[0].figures;
    printf("%s %.17g %.17g %.17g\n", desy_drift_verdict_names[desy_drift_verdict(&report)], f->psi, f->ks, f->ks_p);
out:
    desy_drift_close(&drift);
    desy_drift_rows_close(&rows);
    return rc;
}

static int assess(char **a)
{
    struct desy_drift_reference reference = {0};
    double *samples = NULL;
    const size_t size = strtoul(a[2], NULL, 10), windows = strtoul(a[3], NULL, 10);
    size_t n = 0;
    int rc;
    DESY_TRY(read_numbers(a[0], &reference.scores[0], &reference.n_scores[0]));
    DESY_TRY(read_numbers(a[1], &samples, &n));
    for (size_t i = 0; i + size <= n; i += size) DESY_TRY(assess_one(&reference, samples + i, size, windows));
out:
    free(samples);
    desy_drift_reference_close(&reference);
    return rc;
}

static int stream(char **a)
{
    double *reference = NULL, *sample = NULL;
    size_t n, m = 0;
    desy_drift_scores scores = {0};
    struct desy_drift_figures figures;
    int rc;
    DESY_TRY(read_numbers(a[0], &reference, &n));
    DESY_TRY(read_numbers(a[1], &sample, &m));
    DESY_TRY(desy_drift_scores_open(&scores, reference, n));
    for (size_t i = 0; i < m; i++) {
        desy_drift_scores_add(&scores, sample[i]);
        desy_drift_scores_measure(&scores, &figures);
        printf("%.17g %.17g\n", figures.psi, figures.ks);
    }
out:
    desy_drift_scores_close(&scores);
    free(reference);
    free(sample);
    return rc;
}

static int kolmogorov(void)
{
    long n, m, distance;
    bool exact;
    while (scanf("%ld %ld %ld", &n, &m, &distance) == 3) {
        const double p = desy_kolmogorov_p(n, m, distance, &exact);
        printf("%.17g %d\n", p, exact);
    }
    return DESY_OK;
}

static int adjust(void)
{
    static double p[10000];
    size_t n = 0;
    while (n < 10000 && scanf("%lf", &p[n]) == 1) n++;
    const int rc = desy_benjamini_hochberg(p, n);
    for (size_t i = 0; i < n; i++) printf("%.17g\n", p[i]);
    return rc;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (argc == 7 && strcmp(what, "mmd") == 0) return mmd(argv + 2);
    if (argc == 6 && strcmp(what, "assess") == 0) return assess(argv + 2);
    if (argc == 4 && strcmp(what, "stream") == 0) return stream(argv + 2);
    if (argc == 2 && strcmp(what, "kolmogorov") == 0) return kolmogorov();
    return argc == 2 && strcmp(what, "adjust") == 0 ? adjust() : DESY_EUSAGE;
}
