/* DeSY: detection of AI-generated video. What every caller needs to know: the version and the codes. */
#ifndef DESY_H
#define DESY_H

#ifdef __cplusplus
extern "C" {
#endif

#define DESY_VERSION "0.1.0"

/* Every fallible function returns one of these, and the program exits with it. */
enum desy_code {
    DESY_OK = 0,
    DESY_EUSAGE = 1,       /* wrong command line, or a programmer's mistake */
    DESY_EDATA = 2,        /* bad input data: a data set, a store, a model, scores */
    DESY_EENV = 3,         /* the environment: a missing library, weights, device; a full disk */
    DESY_EPARTIAL = 4,     /* finished, but some items failed */
    DESY_EINTERRUPTED = 5, /* stopped by a signal; the same command continues */
};

#ifdef __cplusplus
}
#endif

#endif
