/* Forecasts: what a detector said of each clip as a probability, and what the clip was. Each rank has some. */
#ifndef DESY_EVAL_FORECAST_H
#define DESY_EVAL_FORECAST_H

#include "eval/scores.h"
#include "mpi/world.h"

struct desy_forecast {
    double probability; /* of AI-generated, in [0, 1] */
    double weight;      /* 0: left out, and the rest is not read */
    int label;          /* 0 real, 1 AI */
    uint64_t counter;   /* of its random numbers: the same at any number of ranks */
};

struct desy_forecasts {
    size_t n;            /* this rank's */
    uint64_t all;        /* of all ranks */
    double heaviest;     /* no weight is larger; the same on all ranks */
    const void *context;
    struct desy_forecast (*at)(const void *context, size_t i);
};

/* Rows of scores as forecasts, each of weight 1, those without a score left out; the counter is the row's place in the data set. */
struct desy_row_forecasts {
    const struct desy_scores *scores;
    const double *instead;       /* of each row, in place of its score; NULL: its score */
    const uint8_t *folds;        /* of each row; NULL: none is left out */
    int left_out;                /* the fold that is */
    uint64_t first;              /* rows of the ranks below; set here */
    struct desy_forecasts all;   /* set here; borrows this struct */
};
/* Collective. Of `rows` the first four are set. */
void desy_row_forecasts_open(desy_world *world, struct desy_row_forecasts *rows);

/* ln(p / (1 - p)), p first moved into [2^-52, 1 - 2^-52], as scikit-learn's log_loss does: 0 and 1 become -+36.04. */
double desy_logit(double probability);
/* 1 / (1 + e^-logit), without overflow. */
double desy_probability(double logit);

#endif
