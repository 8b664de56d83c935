/* Are scores probabilities? Of the clips with a score near .7, seven in ten should be AI-generated. */
#ifndef DESY_EVAL_CALIBRATION_H
#define DESY_EVAL_CALIBRATION_H

#include "eval/forecast.h"
#include "eval/logistic.h"
#include "eval/ranking.h"

#define DESY_BINS 10

/* Bins of probabilities: bin b holds those above edges[b], up to edges[b + 1]; what lies on or below edges[1] is in the first. As scikit-learn's calibration_curve has them. */
struct desy_bins {
    double edges[DESY_BINS + 1];
    double weight[DESY_BINS], ai[DESY_BINS], mean[DESY_BINS]; /* of all clips, of AI-generated ones; the mean probability, 0 in an empty bin */
    double ece, largest;         /* the weighted mean and the largest of |mean - share of AI| (Naeini et al., AAAI 2015) */
    double expected, expected_95; /* the ECE that a perfectly calibrated detector would show on these clips: its mean over draws, and what 95 of 100 draws stay below; NaN: no draws */
};

/* Edges of equal width, 0, .1, ... 1. */
void desy_bins_equal_width(double edges[DESY_BINS + 1]);
/* Collective. Edges that part the clips into tenths: percentiles as NumPy's, straight between neighbours. Equal scores stay together. */
void desy_bins_equal_mass(desy_world *world, const desy_ranking *ranking, double edges[DESY_BINS + 1]);

/* Brier's score and its parts (Murphy, J. Appl. Meteor. 1973; with the last two, Stephenson, Coelho & Jolliffe, Weather and Forecasting 2008, they add up):
 * score = reliability - resolution + uncertainty + within_variance - within_covariance. */
struct desy_brier {
    double score, reliability, resolution, uncertainty, within_variance, within_covariance;
};

/* Collective; agreed. edges as above. Draw d gives a clip with probability p the label 1 if uniform(seed, first_stream + d, counter) < p. brier: NULL, or its parts by these bins, all but the score.
 * DESY_EENV: memory. */
int desy_bins_measure(desy_world *world, const struct desy_forecasts *forecasts, const double edges[DESY_BINS + 1], uint64_t seed, uint64_t first_stream, int draws,
                      struct desy_bins *bins, struct desy_brier *brier);

/* Collective; agreed. Weighted means: the square of the error, and -ln of the probability given to what was the case, no smaller than 2^-52. */
int desy_forecast_losses(desy_world *world, const struct desy_forecasts *forecasts, double *brier, double *log_loss);

struct desy_calibration {
    struct desy_bins equal_width, equal_mass;
    struct desy_brier brier; /* its parts by bins of equal mass */
    double log_loss;
    struct desy_logistic cox; /* calibrated: slope 1, intercept 0 */
};
/* Collective; agreed. All of it. 300 draws; fewer with more than 100,000 clips; none with more than 1.5 million, where `expected` is below 1.3 / sqrt(clips) = .001. ranking: of the same clips, at least one. */
int desy_calibration_measure(desy_world *world, const struct desy_forecasts *forecasts, const desy_ranking *ranking, uint64_t seed, struct desy_calibration *calibration);
#endif
