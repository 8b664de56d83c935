/* For tests: what a decoder does that has a fault, or that a video has taken over. */
#ifndef DESY_FEATURES_MISBEHAVE_H
#define DESY_FEATURES_MISBEHAVE_H

/* With DESY_TEST_HELPER=DEED:TEXT in the environment, does it if `path` contains TEXT (helper.h lists the deeds). Returns if it could. */
void desy_misbehave(const char *path);

#endif
