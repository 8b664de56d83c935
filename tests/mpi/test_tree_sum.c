/* The sum of vectors on any number of ranks is, to the bit, what one process gets by adding them in the order of the tree. */
#include "mpi/tree_sum.h"
#include "tests/mpi/check.h"

#include "base/random.h"

#include <math.h>

enum { COUNT = 1003 };

static float number(size_t leaf, size_t i)
{
    return (float)ldexp(desy_random_normal(1, leaf, i), (int)(desy_random_u64(2, leaf, i) % 30)); /* order shows */
}

/* As tree_sum.h says it, number by number. */
static float expected(size_t first, size_t size, size_t present, size_t i)
{
    if (size == 1) return number(first, i);
    const float left = expected(first, size / 2, present, i);
    return first + size / 2 < present ? left + expected(first + size / 2, size / 2, present, i) : left;
}

static void test_sum(size_t leaves, size_t present)
{
    desy_tree_sum *tree;
    size_t first, own, different = 0;
    desy_tree_share(leaves, desy_rank(world), desy_size(world), &first, &own);
    check(desy_tree_sum_open(&tree, world, leaves, COUNT) == DESY_OK);
    for (int again = 0; again < 2; again++) {
        for (size_t k = 0; k < own; k++)
            for (size_t i = 0; i < COUNT; i++) desy_tree_sum_leaf(tree, k)[i] = first + k < present ? number(first + k, i) : NAN;
        float *sum = desy_tree_sum_finish(tree, present);
        for (size_t i = 0; i < COUNT; i++) {
            const float wanted = expected(0, 128, present, i);
            check(memcmp(&sum[i], &wanted, sizeof wanted) == 0);
            float in_order = number(0, i);
            for (size_t leaf = 1; leaf < present; leaf++) in_order += number(leaf, i);
            different += in_order != sum[i];
            sum[i] = 0; /* the caller's to change */
        }
    }
    check(present < 4 || different > 0); /* else the order of addition would not have been tried */
    desy_tree_sum_close(&tree);
}

static void test_shares(void)
{
    for (size_t leaves = 2; leaves <= 70; leaves++)
        for (int ranks = 1; ranks < 70; ranks++) {
            size_t next = 0, first, own;
            for (int rank = 0; rank < ranks; rank++) {
                desy_tree_share(leaves, rank, ranks, &first, &own);
                check(first == next && own <= leaves / (size_t)ranks + 1);
                next += own;
            }
            check(next == leaves);
        }
}

int main(void)
{
    check(desy_world_open(&world) == DESY_OK);
    for (size_t leaves = 1; leaves <= 9; leaves++)
        for (size_t present = 1; present <= leaves; present++) test_sum(leaves, present);
    test_sum(100, 100);
    test_sum(100, 37);
    test_shares();
    desy_world_close(&world);
    return 0;
}
