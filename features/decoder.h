/* The spawner and what its children do: the two kinds of processes that are not the program. Others: helper.h. */
#ifndef DESY_FEATURES_DECODER_H
#define DESY_FEATURES_DECODER_H

/* Signals to the whole terminal or job are the affair of the process that is served. */
void desy_decoder_ignore_signals(void);
/* The rest of a spawner's life, single-threaded: starts and ends helpers as `control` says (spawner_protocol.h), until its other end is closed or, where `served` is a
 * pidfd and not -1, that process has ended. Its helpers end with it. */
_Noreturn void desy_decoder_serve(int control, int served);

#endif
