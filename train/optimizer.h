/* Inside train/ and for tests: what a step does with a gradient. Not collective: every rank does the same with the same numbers. */
#ifndef DESY_TRAIN_OPTIMIZER_H
#define DESY_TRAIN_OPTIMIZER_H

#include <stddef.h>

enum desy_optimizer_kind { DESY_ADAMW, DESY_SGD };

struct desy_optimizer {
    enum desy_optimizer_kind kind;
    double momentum;       /* SGD */
    size_t count;
    float *first, *second; /* (count). AdamW: moving averages of the gradient and of its square; SGD: the velocity, and NULL */
    long step;             /* steps done */
};

int desy_optimizer_open(struct desy_optimizer *optimizer, enum desy_optimizer_kind kind, double momentum, size_t count);
/* AdamW (Loshchilov & Hutter 2019, algorithm 2; the arithmetic of torch.optim.AdamW): beta .9 and .999, epsilon 1e-8; the decay is decoupled:
 * parameters shrink by learning_rate x weight_decay first. SGD (the arithmetic of torch.optim.SGD): v = momentum v + gradient + weight_decay x
 * parameters; parameters -= learning_rate v. */
void desy_optimizer_step(struct desy_optimizer *optimizer, float *parameters, const float *gradient, double learning_rate, double weight_decay);
void desy_optimizer_close(struct desy_optimizer *optimizer);

/* Scales the gradient to this Euclidean norm where it is longer, as torch.nn.utils.clip_grad_norm_ does (Pascanu et al. 2013). The norm is
 * summed in double, in one order: the same on every rank. Returns what it was. */
double desy_clip_norm(float *gradient, size_t count, double most);

#endif
