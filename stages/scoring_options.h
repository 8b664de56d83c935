/* The options of scoring, for detect and batch, and what their ranks do together about it. */
#ifndef DESY_STAGES_SCORING_OPTIONS_H
#define DESY_STAGES_SCORING_OPTIONS_H

#include "detect/scoring.h"
#include "stages/stage.h"

/* --model, --threshold, --prior, --level, --windows, --weights, --device, --precision, --num-workers, --threads, --deadline, --allow-code, --audio, --text,
 * --timeline, --explain, --abstain. */
extern const struct poptOption desy_scoring_options[];

/* The settings as the options say: with this rank's share of cores and devices. Their texts last as long as the command line. DESY_EUSAGE. */
int desy_scoring_settings_of(struct desy_scoring_settings *settings, const desy_world *world);
/* desy_scoring_open as the options say; one a rank. Not collective: agree afterwards. */
int desy_scoring_open_rank(desy_scoring **scoring, const desy_world *world);
/* Collective: DESY_EENV unless all ranks compute features as rank 0 does (device, instruction set, versions, ...). */
int desy_scoring_agree(const desy_scoring *scoring, desy_world *world);
/* DESY_EUSAGE: --audio names the sound of one video, and there are others. Not collective. */
int desy_scoring_check_count(size_t videos);
/* --timeline, also where another option needs it. Before desy_scoring_open_rank. */
void desy_scoring_want_timeline(void);
/* Clips that go through the network at once (desy_scoring_settings). Before desy_scoring_open_rank. */
void desy_scoring_want_batches(int clips);

#endif
