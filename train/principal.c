/* Principal components. With fewer items than columns the Gram matrix holds the same answer in less: its items are gathered in
 * their order on rank 0. Otherwise the covariance is summed tile by tile. The eigenvectors are found on rank 0 alone. */
#include "train/fit.h"

#include "base/error.h"
#include "model/model.h"
#include "mpi/fixed_sum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLIPPED 3.0 /* desy_standardise's range */

struct columns {
    const struct desy_fit *fit;
    int offset, inputs;
    const double *median, *scale, *centre;
};

/* Row i, standardised and centred (centre may be NULL). */
static void read_row(const struct columns *c, size_t i, double *z)
{
    desy_standardise(z, c->fit->vectors + i * c->fit->stride + c->offset, c->inputs, c->median, c->scale);
    for (int d = 0; c->centre && d < c->inputs; d++) z[d] -= c->centre[d];
}

static int find_centre(const struct columns *c, double *centre)
{
    const struct desy_fit *fit = c->fit;
    const size_t n = (size_t)c->inputs;
    int exponent = desy_fixed_exponent(CLIPPED, fit->chosen);
    double *z = malloc(n * sizeof *z);
    int64_t *fixed = calloc(n, sizeof *fixed);
    int rc = z && fixed ? DESY_OK : desy_error_memory("a centre");
    for (size_t i = 0; rc == DESY_OK && i < fit->count; i++) {
        if (!(fit->weights[fit->first + i] > 0)) continue;
        read_row(c, i, z);
        rc = desy_fixed_add(fixed, z, n, exponent);
    }
    rc = desy_agree(fit->world, rc);
    if (rc == DESY_OK) {
        desy_fixed_finish(fit->world, fixed, centre, n, exponent);
        for (size_t d = 0; d < n; d++) centre[d] /= (double)fit->chosen;
    }
    free(z);
    free(fixed);
    return rc;
}

/* How many of `most` eigenvalues are not rounding. */
static int count_components(const double *values, int most)
{
    int components = 0;
    while (components < most && values[components] > 1e-12 * values[0]) components++;
    return components;
}

/* The `most` largest eigenvalues, and their vectors (most, n). */
static int largest_eigenvalues(const double *matrix, int n, int most, double *values, double *vectors)
{
    double *all = malloc((size_t)n * sizeof *all);
    int rc = all ? desy_eigh(matrix, n, most, all, vectors) : desy_error_memory("eigenvalues");
    if (rc == DESY_OK) memcpy(values, all, (size_t)most * sizeof *values);
    free(all);
    return rc;
}

/* A vector's sign is arbitrary: its largest component shall be positive. */
static void fix_sign(double *vector, int n)
{
    int largest = 0;
    for (int d = 1; d < n; d++)
        if (fabs(vector[d]) > fabs(vector[largest])) largest = d;
    if (vector[largest] < 0)
        for (int d = 0; d < n; d++) vector[d] = -vector[d];
}

/* Rank 0: components of n gathered rows, from the eigenvectors of rows rows^T. */
static int solve_gram(const double *rows, int n, int inputs, int most, int *components, double *values, double *basis)
{
    double *gram = malloc((size_t)n * (size_t)n * sizeof *gram), *vectors = malloc((size_t)most * (size_t)n * sizeof *vectors);
    int rc = gram && vectors ? DESY_OK : desy_error_memory("a Gram matrix");
    if (rc != DESY_OK) goto out;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            const double *a = rows + (size_t)i * (size_t)inputs, *b = rows + (size_t)j * (size_t)inputs;
            double dot = 0;
            for (int d = 0; d < inputs; d++) dot += a[d] * b[d];
            gram[(size_t)i * (size_t)n + (size_t)j] = gram[(size_t)j * (size_t)n + (size_t)i] = dot;
        }
    DESY_TRY(largest_eigenvalues(gram, n, most, values, vectors));
    *components = count_components(values, most);
    for (int k = 0; k < *components; k++) {
        double *v = basis + (size_t)k * (size_t)inputs;
        memset(v, 0, (size_t)inputs * sizeof *v);
        for (int i = 0; i < n; i++)
            for (int d = 0; d < inputs; d++) v[d] += vectors[(size_t)k * (size_t)n + (size_t)i] / sqrt(values[k]) * rows[(size_t)i * (size_t)inputs + (size_t)d];
        fix_sign(v, inputs);
    }
out:
    free(gram);
    free(vectors);
    return rc;
}

static int principal_gram(const struct columns *c, int most, int *components, double *values, double *basis)
{
    const struct desy_fit *fit = c->fit;
    const size_t n = (size_t)c->inputs;
    double *mine = malloc((fit->count * n + 1) * sizeof *mine);
    void *all = NULL;
    size_t rows = 0, total = 0;
    int rc = desy_agree(fit->world, mine ? DESY_OK : desy_error_memory("standardised items"));
    if (rc != DESY_OK) goto out;
    for (size_t i = 0; i < fit->count; i++)
        if (fit->weights[fit->first + i] > 0) read_row(c, i, mine + rows++ * n);
    DESY_TRY(desy_gather(fit->world, mine, rows, n * sizeof *mine, &all, &total));
    rc = desy_agree(fit->world, desy_rank(fit->world) == 0 ? solve_gram(all, (int)total, c->inputs, most, components, values, basis) : DESY_OK);
out:
    free(mine);
    free(all);
    return rc;
}

/* Adds the products of one tile's rows to the lower triangle: plain sums within the tile, then fixed point. */
static int add_tile(const struct columns *c, size_t from, size_t to, double *rows, double *sums, int64_t *fixed, int exponent)
{
    const size_t n = (size_t)c->inputs;
    size_t used = 0;
    int rc = DESY_OK;
    for (size_t i = from; i < to; i++)
        if (c->fit->weights[c->fit->first + i] > 0) read_row(c, i, rows + used++ * n);
    for (size_t a = 0; rc == DESY_OK && a < n; a++) {
        memset(sums, 0, (a + 1) * sizeof *sums);
        for (size_t i = 0; i < used; i++)
            for (size_t b = 0; b <= a; b++) sums[b] += rows[i * n + a] * rows[i * n + b];
        rc = desy_fixed_add(fixed + a * (a + 1) / 2, sums, a + 1, exponent);
    }
    return rc;
}

static int solve_covariance(const double *triangle, int inputs, int most, int *components, double *values, double *basis)
{
    const size_t n = (size_t)inputs;
    double *matrix = malloc(n * n * sizeof *matrix);
    if (!matrix) return desy_error_memory("a covariance");
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b <= a; b++) matrix[a * n + b] = matrix[b * n + a] = triangle[a * (a + 1) / 2 + b];
    int rc = largest_eigenvalues(matrix, inputs, most, values, basis);
    if (rc == DESY_OK) *components = count_components(values, most);
    free(matrix);
    return rc;
}

static int principal_covariance(const struct columns *c, int most, int *components, double *values, double *basis)
{
    const struct desy_fit *fit = c->fit;
    const size_t n = (size_t)c->inputs, size = n * (n + 1) / 2;
    int exponent = desy_fixed_exponent(4 * CLIPPED * CLIPPED * DESY_TILE, fit->total / DESY_TILE + 1);
    int64_t *fixed = calloc(size, sizeof *fixed);
    double *rows = malloc(DESY_TILE * n * sizeof *rows), *sums = malloc(n * sizeof *sums), *triangle = malloc(size * sizeof *triangle);
    int rc = fixed && rows && sums && triangle ? DESY_OK : desy_error_memory("a covariance");
    for (size_t i = 0; rc == DESY_OK && i < fit->count; i += DESY_TILE)
        rc = add_tile(c, i, i + DESY_TILE < fit->count ? i + DESY_TILE : fit->count, rows, sums, fixed, exponent);
    DESY_TRY(desy_agree(fit->world, rc));
    desy_fixed_finish(fit->world, fixed, triangle, size, exponent);
    rc = desy_agree(fit->world, desy_rank(fit->world) == 0 ? solve_covariance(triangle, c->inputs, most, components, values, basis) : DESY_OK);
out:
    free(fixed);
    free(rows);
    free(sums);
    free(triangle);
    return rc;
}

int desy_fit_principal(const struct desy_fit *fit, int offset, int inputs, const double *median, const double *scale, int most,
                       int *components, double *centre, double *basis, double *spread)
{
    struct columns c = {fit, offset, inputs, median, scale, NULL};
    double values[DESY_LOGISTIC_MOST] = {0};
    int rc;
    if (most > DESY_LOGISTIC_MOST) return desy_error(DESY_EUSAGE, "at most %d components", DESY_LOGISTIC_MOST);
    if (most > inputs) most = inputs;
    if (fit->chosen <= (size_t)most) most = (int)fit->chosen - 1;
    DESY_TRY(find_centre(&c, centre));
    c.centre = centre;
    DESY_TRY(fit->chosen <= (size_t)inputs ? principal_gram(&c, most, components, values, basis) : principal_covariance(&c, most, components, values, basis));
    desy_broadcast(fit->world, components, sizeof *components, 0);
    desy_broadcast(fit->world, values, sizeof values, 0);
    desy_broadcast(fit->world, basis, (size_t)*components * (size_t)inputs * sizeof *basis, 0);
    if (*components == 0) return desy_error(DESY_EDATA, "all training items have the same features: nothing can be learnt from them");
    *spread = 0;
    for (int k = 0; k < *components; k++) *spread += sqrt(values[k] / (double)fit->chosen) / *components;
out:
    return rc;
}
