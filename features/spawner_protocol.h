/* What passes between a spawner and the process that it serves: over a SOCK_SEQPACKET, a command and then its answer. Inside of spawner.c and decoder.c. */
#ifndef DESY_FEATURES_SPAWNER_PROTOCOL_H
#define DESY_FEATURES_SPAWNER_PROTOCOL_H

#include "desy.h"
#include "features/clip.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

struct desy_spawner_command {
    pid_t end; /* this helper; 0: start one, with the two descriptors that come along */
    bool threads;
};
struct desy_spawner_answer {
    pid_t helper;
    int status; /* of wait, or errno */
};
union desy_spawner_descriptors { /* aligned as sendmsg wants it */
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr header;
};

/* The messages are structures of this build: the program desy-decoder is told what its host takes them for, and answers to its own alone. */
#define DESY_DECODER_SOCKET 3 /* its end */
#define DESY_DECODER_PROTOCOL 96
static inline const char *desy_decoder_protocol(char text[DESY_DECODER_PROTOCOL])
{
    snprintf(text, DESY_DECODER_PROTOCOL, "desy-%s-%zu-%zu-%zu-%zu", DESY_VERSION, sizeof(struct desy_spawner_command), sizeof(struct desy_spawner_answer),
             sizeof(struct desy_clip_request), sizeof(struct desy_clip));
    return text;
}

#endif
