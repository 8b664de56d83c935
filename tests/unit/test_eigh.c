/* Eigenvectors: a matrix whose eigenvalues are known in closed form, the defining equations, signs and refusals. */
#include "base/error.h"
#include "model/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define N 40

/* Second differences (2 on the diagonal, -1 beside it): eigenvalue k is 2 - 2 cos(k pi / (N + 1)). */
static void second_differences(double matrix[N][N])
{
    memset(matrix, 0, sizeof(double[N][N]));
    for (int i = 0; i < N; i++) {
        matrix[i][i] = 2;
        if (i > 0) matrix[i][i - 1] = matrix[i - 1][i] = -1;
    }
}

static void values_are_those_of_the_formula(void **state)
{
    (void)state;
    double matrix[N][N], values[N], vectors[5][N];
    second_differences(matrix);
    assert_int_equal(desy_eigh(&matrix[0][0], N, 5, values, &vectors[0][0]), DESY_OK);
    for (int i = 0; i < N; i++) assert_true(fabs(values[i] - (2 - 2 * cos((N - i) * M_PI / (N + 1)))) < 1e-13);
}

static void vectors_are_orthonormal_and_fit_their_values(void **state)
{
    (void)state;
    double matrix[N][N], values[N], vectors[N][N];
    second_differences(matrix);
    assert_int_equal(desy_eigh(&matrix[0][0], N, N, values, &vectors[0][0]), DESY_OK);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++) {
            double product = 0;
            for (int c = 0; c < N; c++) product += vectors[i][c] * vectors[j][c];
            assert_true(fabs(product - (i == j)) < 1e-13);
        }
        for (int r = 0; r < N; r++) {
            double image = 0;
            for (int c = 0; c < N; c++) image += matrix[r][c] * vectors[i][c];
            assert_true(fabs(image - values[i] * vectors[i][r]) < 1e-13);
        }
    }
}

static void the_largest_component_is_positive(void **state)
{
    (void)state;
    double matrix[N][N], values[N], vectors[N][N];
    second_differences(matrix);
    assert_int_equal(desy_eigh(&matrix[0][0], N, N, values, &vectors[0][0]), DESY_OK);
    for (int i = 0; i < N; i++) {
        int largest = 0;
        for (int c = 1; c < N; c++)
            if (fabs(vectors[i][c]) > fabs(vectors[i][largest])) largest = c;
        assert_true(vectors[i][largest] > 0);
    }
}

static void bits_are_the_same_again(void **state)
{
    (void)state;
    /* Elsewhere in memory, at another alignment. */
    double first[N][N], again[N * N + 1], values[2][N], vectors[2][N][N];
    second_differences(first);
    memcpy(again + 1, first, sizeof first);
    assert_int_equal(desy_eigh(&first[0][0], N, N, values[0], &vectors[0][0][0]), DESY_OK);
    assert_int_equal(desy_eigh(again + 1, N, N, values[1], &vectors[1][0][0]), DESY_OK);
    assert_memory_equal(values[0], values[1], sizeof values[0]);
    assert_memory_equal(vectors[0], vectors[1], sizeof vectors[0]);
}

static void refusals(void **state)
{
    (void)state;
    double matrix[4] = {1, 0, 0, NAN}, values[2], vectors[6];
    assert_int_equal(desy_eigh(matrix, 2, 3, values, vectors), DESY_EUSAGE);
    assert_int_equal(desy_eigh(matrix, 0, 0, values, vectors), DESY_EUSAGE);
    assert_int_equal(desy_eigh(matrix, 2, 2, values, vectors), DESY_EDATA);
    assert_non_null(strstr(desy_error_message(), "NaN"));
    matrix[3] = INFINITY;
    assert_int_equal(desy_eigh(matrix, 2, 2, values, vectors), DESY_EDATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_formula), cmocka_unit_test(vectors_are_orthonormal_and_fit_their_values),
        cmocka_unit_test(the_largest_component_is_positive), cmocka_unit_test(bits_are_the_same_again), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
