/* desy-decoder: a spawner for a process that must not fork, since it may have threads. Not for people: libdesy starts it. */
#include "base/error.h"
#include "features/decoder.h"
#include "features/spawner_protocol.h"

#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char protocol[DESY_DECODER_PROTOCOL];
    if (argc != 2 || strcmp(argv[1], desy_decoder_protocol(protocol)) != 0) {
        fprintf(stderr, "desy-decoder: decodes videos for libdesy " DESY_VERSION ", which starts it\n");
        return DESY_EUSAGE;
    }
    /* Not PR_SET_PDEATHSIG: that would tie it to the thread that started it. A kernel without pidfds leaves the end of the socket. */
    const int served = pidfd_open(getppid(), 0);
    const struct desy_spawner_answer hello = {.helper = getpid()};
    desy_decoder_ignore_signals();
    if (send(DESY_DECODER_SOCKET, &hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) return DESY_EENV;
    desy_decoder_serve(DESY_DECODER_SOCKET, served);
}
