/* Inside train/ and for tests: AdamW (Loshchilov & Hutter 2019, algorithm 2; the arithmetic of torch.optim.AdamW). Not collective. */
#ifndef DESY_TRAIN_ADAMW_H
#define DESY_TRAIN_ADAMW_H

#include <stddef.h>

struct desy_adamw {
    size_t count;
    float *first, *second; /* (count): moving averages of the gradient and of its square */
    long step;
};

int desy_adamw_open(struct desy_adamw *adamw, size_t count);
/* beta .9 and .999, epsilon 1e-8; the decay is decoupled: parameters shrink by learning_rate x weight_decay first. */
void desy_adamw_step(struct desy_adamw *adamw, float *parameters, const float *gradient, double learning_rate, double weight_decay);
void desy_adamw_close(struct desy_adamw *adamw);

#endif
