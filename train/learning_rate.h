/* Inside train/ and for tests: the learning rate as a pure function of the step, so that nothing of it needs to be kept. */
#ifndef DESY_TRAIN_LEARNING_RATE_H
#define DESY_TRAIN_LEARNING_RATE_H

enum desy_schedule_kind { DESY_SCHEDULE_CONSTANT, DESY_SCHEDULE_COSINE, DESY_SCHEDULE_SWEEP };

struct desy_learning_rate {
    enum desy_schedule_kind kind;
    double highest;
    long warmup, total; /* steps, of which the warm-up is a part */
};

/* Of a step, from 0 on. Warm-up: highest x (step + 1) / warmup (Goyal et al. 2017). Then constant, or cosine annealing to 0 without restarts:
 * highest x (1 + cos(pi (step - warmup) / (total - warmup))) / 2 (Loshchilov & Hutter 2017, eq. 5; torch.optim.lr_scheduler.CosineAnnealingLR).
 * Of a sweep that of train/rate_sweep.h. */
double desy_learning_rate_at(const struct desy_learning_rate *rate, long step);

#endif
