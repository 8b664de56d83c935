/* libav's log, which alone tells of some damage: a demuxer that finds its way again after a hole says nothing elsewhere. */
#ifndef DESY_FEATURES_LIBAV_LOG_H
#define DESY_FEATURES_LIBAV_LOG_H

/* From now on its messages are counted and not printed. The log is libav's own global state: for helpers, which are alone. */
void desy_libav_log_count(void);
/* Errors, and graver messages, counted so far; 0 where nobody counts. */
int desy_libav_log_errors(void);
/* Forgets those beyond `count`: of another video, or of an attempt that is given up. */
void desy_libav_log_reset(int count);

#endif
