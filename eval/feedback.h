/* What people say of verdicts: labels of videos, kept apart as untrusted until somebody has looked at them (docs/monitoring.md).
 *
 * DIRECTORY/records.jsonl is only ever appended to, a line at a time: records, and what was decided of them. Several processes may do so at once. */
#ifndef DESY_EVAL_FEEDBACK_H
#define DESY_EVAL_FEEDBACK_H

#include <stdbool.h>
#include <stddef.h>

#define DESY_FEEDBACK_ENTRY 17 /* 16 hex digits and a NUL */
#define DESY_FEEDBACK_COMMENT 2000 /* bytes that are kept of a comment */

struct desy_feedback_record {
    const char *id;         /* of the video: the SHA-256 of its bytes as hex digits; or a job's. Letters, digits, - and _, at most 128 */
    const char *video_path; /* where it lies: absolute, or relative to the directory; NULL: it was not kept */
    int label;              /* what they say it is: 0 real, 1 AI-generated */
    int verdict;            /* what they were told: 0, 1, or -1: nothing */
    double confidence;      /* and how sure: the probability of AI-generated at even odds; NaN: unknown */
    const char *model;      /* by which model; NULL: unknown */
    const char *source;     /* where the record comes from: "web", "cli"; lower-case letters */
    const char *comment;    /* in their words; NULL: none. Cut to DESY_FEEDBACK_COMMENT bytes */
};

/* Appends a record, not reviewed, with a name of its own and the time. One write under a lock (flock), then fdatasync: a line is there whole or not at all, whoever else writes. The directory is made if need be.
 * Thread-safe; not collective. DESY_EUSAGE: a field that is none of the above; DESY_EENV: the disk. */
int desy_feedback_add(const char *directory, const struct desy_feedback_record *record, char entry[DESY_FEEDBACK_ENTRY]);

enum desy_feedback_state { DESY_FEEDBACK_PENDING, DESY_FEEDBACK_ACCEPTED, DESY_FEEDBACK_REJECTED };
extern const char *const desy_feedback_state_names[]; /* "pending", "accepted", "rejected" */

struct desy_feedback_entry {
    char *entry, *id, *video_path, *model, *source, *comment, *time; /* "" where absent */
    int label, verdict;
    double confidence;
    enum desy_feedback_state state; /* the last decision counts */
};

struct desy_feedback {
    struct desy_feedback_entry *entries; /* (n): in the order in which they were added */
    size_t n, room;
    size_t damaged;                      /* lines that are no record: torn by a kill or a full disk, or written by somebody else */
};

/* path: a directory, or a file of records. Not collective. Caller closes, also after an error. DESY_EDATA: there is none, or it can't be read; DESY_EENV: memory. */
int desy_feedback_read(struct desy_feedback *feedback, const char *path);
void desy_feedback_close(struct desy_feedback *feedback);

/* Appends what was decided of the record `entry`. Which one there is: see desy_feedback_read. */
int desy_feedback_decide(const char *directory, const char *entry, bool accept);

/* Where the records of a directory, or a file of records, are. New, caller frees; NULL: no memory. */
char *desy_feedback_file(const char *path);

#endif
