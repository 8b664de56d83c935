/* Ranks that differ from the rest in their data or, in the middle of a training, in their parameters: all of them end with one message, which names the rank. */
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "mpi/same.h"
#include "tests/mpi/check.h"
#include "train/epochs.h"
#include "train/training_set.h"

enum { ITEMS = 200 };
static int rank, size, last;

static void expect(int rc, int code, const char *word)
{
    char odd[32];
    snprintf(odd, sizeof odd, size > 2 ? "on rank %d from" : "between the ranks", last); /* of two nobody knows which is right */
    check(rc == (size > 1 ? code : DESY_OK));
    if (size > 1) check(strstr(desy_error_message(), odd) && strstr(desy_error_message(), word));
}

static void test_words(void)
{
    const uint64_t hash = 0xfedcba9876543210;
    check(desy_same(world, hash, DESY_EDATA, "The hats", "buy others") == DESY_OK);
    for (int bit = 0; bit < 64; bit += 21) expect(desy_same(world, rank == last ? hash ^ 1ull << bit : hash, DESY_EDATA, "The hats", "buy others"), DESY_EDATA, "The hats differ");
    if (size < 4) return;
    check(desy_same(world, (uint64_t)rank / 2, DESY_EENV, "The hats", "buy others") == DESY_EENV); /* two of one kind, two or more of others */
    check(strstr(desy_error_message(), "none has those of most: buy others"));
    check(desy_same(world, rank == 1 || rank == 3 ? (uint64_t)rank : 0, DESY_EENV, "The hats", "buy others") == DESY_EENV);
    check(strstr(desy_error_message(), size > 4 ? "on ranks 1, 3 from" : "none has those of most"));
}

/* No bit of any length goes unseen. */
static void test_checksum(void)
{
    unsigned char data[77];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)desy_random_u64(1, 0, i);
    for (size_t n = 0; n <= sizeof data; n++) {
        const uint64_t whole = desy_checksum64(7, data, n);
        check(whole != desy_checksum64(8, data, n) && (n == 0 || whole != desy_checksum64(7, data, n - 1)));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            check(desy_checksum64(7, data, n) != whole);
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        check(desy_checksum64(7, data, n) == whole);
    }
}

/* label: flipped on the last rank; rate: what it multiplies its learning rate with. */
static int fit(bool label, double rate, int epochs)
{
    static const struct desy_layout layout = {4, 0};
    struct desy_training_set set = {0};
    struct desy_head head = {0};
    struct desy_curve curve = {0};
    double weights[ITEMS], to_validate[ITEMS];
    uint64_t ids[ITEMS];
    size_t chosen, validated;
    const int width = desy_pool_width(&layout);
    const struct desy_train_options options = {.seed = 5, .epochs = epochs, .batch_size = 2, .patience = 3, .focal_alpha = -1, .device = "cpu",
                                               .learning_rate = 1e-3 * (rank == last ? rate : 1)};
    check(desy_training_set_open(&set, world, &layout, ITEMS) == DESY_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        ids[i] = i;
        set.items[i] = (struct desy_split_item){.id = i, .group = i, .source = i % 8, .label = i % 2, .part = i % 4 < 3 ? DESY_SPLIT_TRAIN : DESY_SPLIT_VAL};
        for (int d = 0; i >= set.first && i < set.first + set.count && d < width; d++)
            set.vectors[(i - set.first) * (size_t)width + (size_t)d] = (float)desy_random_normal(1, i, (uint64_t)d);
    }
    check(desy_training_set_finish(&set, 9) == DESY_OK && desy_training_weights(&set, -1, weights, &chosen) == DESY_OK && desy_validation_weights(&set, to_validate, &validated) == DESY_OK);
    if (label && rank == last) set.labels[101] ^= 1;
    const struct desy_fit training = desy_training_fit(&set, weights, chosen), validation = desy_training_fit(&set, to_validate, validated);
    const int rc = desy_head_fit_full(&(struct desy_full_fit){.fit = &training, .validation = &validation, .ids = ids, .items = set.items, .channel = desy_channel_find("high_mlp"), .layout = &layout,
                                          .options = &options, .stream = 1, .name = "a test"}, &head, &curve);
    check(rc == DESY_OK || size > 1);
    check(curve.count == (rc == DESY_OK ? epochs : 0)); /* no epoch of a faulty one came to its end */
    desy_head_close(&head);
    desy_curve_close(&curve);
    desy_training_set_close(&set);
    return rc;
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    rank = desy_rank(world), size = desy_size(world), last = size - 1;
    check(desy_log_open(NULL, rank, size, true) == DESY_OK);
    test_words();
    test_checksum();
    check(fit(false, 1, 2) == DESY_OK);
    expect(fit(true, 1, 2), DESY_EDATA, "training data (a test)");
    expect(fit(false, 1 + 1e-3, 2), DESY_EENV, "parameters");
    desy_world_close(&world);
    return 0;
}
