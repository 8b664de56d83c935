/* What --balance promises of an epoch: labels take turns, sources of a label come equally often, clips of a source too; and the weights that go with it. */
#include "tests/unit/unit.h"
#include "train/balance.h"

#include <math.h>

enum { TOTAL = 240, SOURCES = 7 };

/* Real: sources 0 and 1, two thirds of all and one item; AI: 2 to 6, of 1 to 5 parts. Every ninth clip is of another part. */
struct data {
    struct desy_split_item items[TOTAL];
    uint8_t labels[TOTAL];
    double weights[TOTAL];
    size_t rows[TOTAL];
    struct desy_fit fit;
};

static void make(struct data *d)
{
    static const uint64_t ai[] = {2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6};
    *d = (struct data){0};
    for (size_t i = 0; i < TOTAL; i++) {
        d->labels[i] = i % 3 == 0;
        d->items[i].source = d->labels[i] ? ai[i / 3 % 15] : i == 1;
        d->weights[i] = i % 9 == 8 ? 0 : .1 + (double)(i % 4);
        if (d->weights[i] > 0) d->rows[d->fit.chosen++] = i;
    }
    d->fit.total = TOTAL, d->fit.weights = d->weights, d->fit.labels = d->labels;
}

static void range(const size_t *counts, size_t from, size_t n, size_t *least, size_t *most)
{
    *least = TOTAL, *most = 0;
    for (size_t i = from; i < from + n; i++) *least = counts[i] < *least ? counts[i] : *least, *most = counts[i] > *most ? counts[i] : *most;
}

static void check_order(const struct data *d, const uint32_t *order, const uint32_t *repeats, bool by_source)
{
    size_t of_source[SOURCES] = {0}, of_clip[TOTAL] = {0}, least, most;
    for (size_t from = 0; from < d->fit.chosen; from += 7) {
        size_t of_label[2] = {0};
        for (size_t k = from; k < from + 7 && k < d->fit.chosen; k++) of_label[d->labels[d->rows[order[k]]]]++;
        assert_true(of_label[0] - of_label[1] + 1 <= 2);
    }
    for (size_t k = 0; k < d->fit.chosen; k++) {
        const size_t row = d->rows[order[k]];
        assert_int_equal(repeats[k], of_clip[row]);
        of_clip[row]++, of_source[d->items[row].source]++;
    }
    range(of_source, 0, 2, &least, &most);
    assert_true(by_source ? most - least <= 1 : most > 50 * least);
    range(of_source, 2, 5, &least, &most);
    assert_true(by_source ? most - least <= 1 : most > 2 * least);
    for (uint64_t s = 0; s < SOURCES; s++) { /* each clip as often as the others of its stratum, or once more */
        size_t counts[TOTAL], n = 0;
        for (size_t k = 0; k < d->fit.chosen; k++)
            if (by_source ? d->items[d->rows[k]].source == s : d->labels[d->rows[k]] == (s >= 2)) counts[n++] = of_clip[d->rows[k]];
        range(counts, 0, n, &least, &most);
        assert_true(n > 0 && most - least <= 1);
    }
}

static void test_draws(void **state)
{
    (void)state;
    static struct data d;
    uint32_t order[TOTAL], repeats[TOTAL], again[TOTAL];
    make(&d);
    for (int kind = DESY_BALANCE_LABEL; kind <= DESY_BALANCE_SOURCE; kind++) {
        struct desy_balance balance;
        assert_int_equal(desy_balance_open(&balance, (enum desy_balance_kind)kind, &d.fit, d.items), 0);
        desy_balance_order(&balance, 1, order, repeats);
        check_order(&d, order, repeats, kind == DESY_BALANCE_SOURCE);
        desy_balance_order(&balance, 2, again, repeats);
        check_order(&d, again, repeats, kind == DESY_BALANCE_SOURCE);
        assert_memory_not_equal(order, again, d.fit.chosen * sizeof *order);
        desy_balance_order(&balance, 1, again, repeats); /* whatever came before */
        assert_memory_equal(order, again, d.fit.chosen * sizeof *order);
        desy_balance_close(&balance);
    }
}

/* The mean over draws is 1, over those of a class its part; within a stratum clips keep their shares. */
static void test_weights(void **state)
{
    (void)state;
    static struct data d;
    static const double of_class[2] = {1, 3};
    double weights[TOTAL], sum[2] = {0}, draws[2] = {0};
    uint32_t order[TOTAL], repeats[TOTAL];
    struct desy_balance balance;
    make(&d);
    assert_int_equal(desy_balance_open(&balance, DESY_BALANCE_SOURCE, &d.fit, d.items), 0);
    desy_balance_weights(&balance, &d.fit, of_class, weights);
    for (uint64_t epoch = 0; epoch < 60; epoch++) {
        desy_balance_order(&balance, epoch, order, repeats);
        for (size_t k = 0; k < d.fit.chosen; k++) {
            const size_t row = d.rows[order[k]];
            sum[d.labels[row]] += weights[row], draws[d.labels[row]]++;
        }
    }
    assert_true(fabs(sum[0] / draws[0] - .5) < .01 && fabs(sum[1] / draws[1] - 1.5) < .03);
    for (size_t i = 0; i < TOTAL; i++) {
        assert_true((weights[i] > 0) == (d.weights[i] > 0));
        for (size_t j = 0; j < i; j++)
            if (d.items[i].source == d.items[j].source && d.weights[i] > 0 && d.weights[j] > 0)
                assert_true(fabs(weights[i] / weights[j] - d.weights[i] / d.weights[j]) < 1e-9 * d.weights[i] / d.weights[j]);
    }
    desy_balance_close(&balance);
}

static void test_one_class(void **state)
{
    (void)state;
    static struct data d;
    uint32_t order[TOTAL], repeats[TOTAL];
    struct desy_balance balance;
    for (int label = 0; label < 2; label++) {
        make(&d);
        memset(d.labels, label, sizeof d.labels);
        assert_int_equal(desy_balance_open(&balance, DESY_BALANCE_LABEL, &d.fit, d.items), 0);
        desy_balance_order(&balance, 1, order, repeats);
        for (size_t k = 0; k < d.fit.chosen; k++) assert_int_equal(repeats[k], 0); /* every clip once */
        desy_balance_close(&balance);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws), cmocka_unit_test(test_weights), cmocka_unit_test(test_one_class)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
