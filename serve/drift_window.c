#include "serve/drift_window.h"

#include "base/error.h"
#include "base/hash.h"
#include "eval/drift_reference.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct desy_drift_window {
    pthread_mutex_t lock;
    char model[DESY_SHA256_HEX];
    desy_drift_scores scores; /* of the reference; reference NULL: none */
    double logits[DESY_DRIFT_WINDOW]; /* a ring */
    size_t n, next;
};

int desy_drift_window_open(desy_drift_window **window)
{
    *window = calloc(1, sizeof **window);
    if (!*window) return desy_error_memory("the window of scores");
    pthread_mutex_init(&(*window)->lock, NULL);
    return DESY_OK;
}

void desy_drift_window_close(desy_drift_window **window)
{
    if (!*window) return;
    if ((*window)->scores.reference) desy_drift_scores_close(&(*window)->scores);
    pthread_mutex_destroy(&(*window)->lock);
    free(*window);
    *window = NULL;
}

void desy_drift_window_begin(desy_drift_window *window, const desy_classifier *classifier)
{
    struct desy_drift_reference reference = {0};
    pthread_mutex_lock(&window->lock);
    if (strcmp(window->model, desy_classifier_sha256(classifier)) != 0) {
        strcpy(window->model, desy_classifier_sha256(classifier));
        if (window->scores.reference) desy_drift_scores_close(&window->scores);
        window->scores = (desy_drift_scores){0};
        window->n = window->next = 0;
        if (desy_drift_reference_read(&reference, desy_classifier_model(classifier), desy_classifier_directory(classifier)) == DESY_OK && reference.scores[DESY_DRIFT_LOGIT]
            && desy_drift_scores_open(&window->scores, reference.scores[DESY_DRIFT_LOGIT], reference.n_scores[DESY_DRIFT_LOGIT]) != DESY_OK)
            window->scores = (desy_drift_scores){0};
        desy_drift_reference_close(&reference);
    }
    pthread_mutex_unlock(&window->lock);
}

void desy_drift_window_add(desy_drift_window *window, const desy_classifier *classifier, double logit)
{
    pthread_mutex_lock(&window->lock);
    if (strcmp(window->model, desy_classifier_sha256(classifier)) == 0) {
        window->logits[window->next] = logit;
        window->next = (window->next + 1) % DESY_DRIFT_WINDOW;
        window->n += window->n < DESY_DRIFT_WINDOW;
    }
    pthread_mutex_unlock(&window->lock);
}

bool desy_drift_window_measure(desy_drift_window *window, struct desy_drift_figures *figures, size_t *n)
{
    pthread_mutex_lock(&window->lock);
    *n = window->n;
    const bool enough = window->scores.reference && window->n >= DESY_DRIFT_LEAST && window->scores.n >= DESY_DRIFT_LEAST;
    if (enough) {
        desy_drift_scores_clear(&window->scores);
        for (size_t i = 0; i < window->n; i++) desy_drift_scores_add(&window->scores, window->logits[i]);
        desy_drift_scores_measure(&window->scores, figures);
    }
    pthread_mutex_unlock(&window->lock);
    return enough;
}
