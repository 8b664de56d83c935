/* Inside stages/: --shard K/N, a fixed part of the work for one of N processes (or mpirun jobs) that know nothing of each other. */
#ifndef DESY_STAGES_SHARD_H
#define DESY_STAGES_SHARD_H

struct desy_shard {
    int number, of; /* 1..of; {1, 1}: everything */
};

/* "2/8". DESY_EUSAGE says what is wrong with another text. NULL: {1, 1}. */
int desy_shard_parse(struct desy_shard *shard, const char *text);
/* The number in the names of files that one rank alone appends to: the rank, with the shard's number before it (shard 2, rank 3: 200003). */
int desy_shard_writer(const struct desy_shard *shard, int rank);

#endif
