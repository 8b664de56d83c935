/* The private directory of uploaded videos: mode 0700, files 0600 under names that are random. */
#ifndef DESY_SERVE_SPOOL_H
#define DESY_SERVE_SPOOL_H

struct desy_spool {
    char *directory;
    int lock; /* descriptor: others see by it that the directory is in use */
};

/* Makes `parent`/desy-serve-XXXXXX (parent NULL: $TMPDIR, else /tmp), and removes what services that were killed have left there. DESY_EENV. */
int desy_spool_open(struct desy_spool *spool, const char *parent);
/* A new file in it, open for writing; *path: new, caller frees. DESY_EENV. */
int desy_spool_create(const struct desy_spool *spool, char **path, int *descriptor);
/* Removes the directory and all that is in it. */
void desy_spool_close(struct desy_spool *spool);

#endif
