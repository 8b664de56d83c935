#include "mpi/schedule.h"

#include "base/error.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_SECONDS .1 /* of work that may lie ready at a rank: messages and pauses take a millisecond, so a gap is 1 % at most */
#define PROBES 2         /* short tasks that a rank starts with, so that its speed is known; the others are needed at the end */
#define DELAY 1.004      /* times the shortest possible time that the costliest task may end then */
#define SLOW 1.5         /* times the usual: estimates alone are wrong by a third or so */
#define FORGET .75       /* of what was learned of a rank, with each task: machines get slow, and fast again */

struct rank {
    int in_hand;
    int finished;      /* tasks */
    double pending;    /* seconds that what it has in hand should take */
    double last;       /* seconds that its last task took */
    double logs, count; /* of seconds / (cost * usual), fading */
};

struct desy_schedule {
    double *costs;
    uint64_t *free_from; /* free_from[i]: leads to the first free task at or after i; n: none */
    uint64_t n, left;
    uint64_t working;    /* tasks with work in them; the last ones that are taken no longer count */
    double cost_left;
    double log_usual, learned; /* log of seconds for each unit of cost, over the tasks that were finished lately; how many */
    double latest;       /* when the last of all tasks in work should end */
    struct rank *ranks;
    int rank_count, busy; /* busy: ranks with something in hand */
    int probes;          /* short tasks for each rank to start with */
};

/* The first task of at most this cost; n: none. Costs descend. */
static uint64_t first_of(const desy_schedule *schedule, double most)
{
    uint64_t low = 0, high = schedule->n;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (schedule->costs[middle] <= most) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* How many of the shortest tasks every rank may do before the costliest one must be begun. */
static int affordable_probes(const desy_schedule *schedule)
{
    const uint64_t ranks = (uint64_t)schedule->rank_count;
    if (schedule->working == 0 || ranks < 2 || schedule->costs[schedule->working - 1] == schedule->costs[0]) return 0;
    const double spare = DELAY * fmax(schedule->cost_left / (double)ranks, schedule->costs[0]) - schedule->costs[0];
    for (uint64_t probes = PROBES; probes > 0; probes--)
        if (schedule->working > (probes + 1) * ranks && (double)probes * schedule->costs[schedule->working - probes * ranks] <= spare) return (int)probes;
    return 0;
}

int desy_schedule_open(desy_schedule **out, const double *costs, uint64_t n, int ranks)
{
    desy_schedule *schedule = *out = calloc(1, sizeof *schedule);
    if (!schedule) return desy_error_memory("the schedule");
    schedule->n = schedule->left = schedule->working = n;
    schedule->rank_count = ranks;
    schedule->costs = malloc((n + 1) * sizeof *schedule->costs);
    schedule->free_from = malloc((n + 1) * sizeof *schedule->free_from);
    schedule->ranks = calloc((size_t)ranks, sizeof *schedule->ranks);
    if (!schedule->costs || !schedule->free_from || !schedule->ranks) {
        desy_schedule_close(out);
        return desy_error_memory("the schedule");
    }
    for (uint64_t i = 0; i < n; i++) schedule->cost_left += schedule->costs[i] = costs ? costs[i] : 1;
    for (uint64_t i = 0; i <= n; i++) schedule->free_from[i] = i;
    while (schedule->working > 0 && schedule->costs[schedule->working - 1] <= 0) schedule->working--;
    schedule->probes = affordable_probes(schedule);
    return DESY_OK;
}

/* The first task at or after i that nobody has; n: none. Halves the way there for the next time. */
static uint64_t first_free(desy_schedule *schedule, uint64_t i)
{
    uint64_t *to = schedule->free_from;
    while (to[i] != i) i = to[i] = to[to[i]];
    return i;
}

/* The shortest such task, one that has work in it if there is one; of those that are alike, the first. */
static uint64_t shortest(desy_schedule *schedule)
{
    while (schedule->working > 0 && schedule->free_from[schedule->working - 1] != schedule->working - 1) schedule->working--;
    return first_free(schedule, schedule->working > 0 ? first_of(schedule, schedule->costs[schedule->working - 1]) : 0);
}

static double usual(const desy_schedule *schedule)
{
    return schedule->learned > 0 ? exp(schedule->log_usual) : 0;
}

/* How many times longer than usual this rank takes. */
static double slowness(const struct rank *rank)
{
    return exp(rank->logs / (rank->count + .25));
}

static double expected(const desy_schedule *schedule, const struct rank *rank, uint64_t task)
{
    return schedule->costs[task] > 0 ? schedule->costs[task] * usual(schedule) * slowness(rank) : rank->last;
}

/* The first task, from the costliest on, that takes a slow rank no more than half of the time that is left; n: none. */
static uint64_t fitting(desy_schedule *schedule, const struct rank *rank, double now)
{
    const double unit = usual(schedule), costliest = schedule->costs[first_free(schedule, 0)];
    double time_left = fmax(schedule->cost_left / schedule->rank_count, costliest) * unit;
    if (schedule->latest - now > time_left) time_left = schedule->latest - now;
    return first_free(schedule, first_of(schedule, .5 * time_left / (unit * slowness(rank))));
}

static uint64_t choose(desy_schedule *schedule, const struct rank *rank, double now)
{
    const bool alone = schedule->busy - (rank->in_hand > 0) == 0;
    if (rank->finished < schedule->probes) return shortest(schedule);
    if (alone || slowness(rank) < SLOW) return first_free(schedule, 0);
    const uint64_t task = fitting(schedule, rank, now);
    if (task < schedule->n) return task;
    /* Whoever is at work will come for the last ones. */
    return schedule->left <= (uint64_t)schedule->busy ? DESY_SCHEDULE_END : shortest(schedule);
}

/* May it have one more, beside what it has in hand? */
static bool has_enough(const desy_schedule *schedule, const struct rank *rank)
{
    if (rank->in_hand == 0) return false;
    if (rank->finished == 0 || rank->in_hand == DESY_SCHEDULE_AHEAD) return true;
    return (uint64_t)rank->in_hand > schedule->left / (2 * (uint64_t)schedule->rank_count);
}

uint64_t desy_schedule_next(desy_schedule *schedule, int index, double now)
{
    struct rank *rank = &schedule->ranks[index];
    if (schedule->left == 0) return DESY_SCHEDULE_END;
    if (has_enough(schedule, rank)) return DESY_SCHEDULE_WAIT;
    const uint64_t task = choose(schedule, rank, now);
    if (task == DESY_SCHEDULE_END) return rank->in_hand > 0 ? DESY_SCHEDULE_WAIT : task;
    const double seconds = expected(schedule, rank, task);
    if (rank->in_hand > 0 && rank->pending + fmax(seconds, rank->last) > AHEAD_SECONDS) return DESY_SCHEDULE_WAIT;
    schedule->free_from[task] = task + 1;
    schedule->left--;
    schedule->cost_left -= schedule->costs[task];
    schedule->busy += rank->in_hand++ == 0;
    rank->pending += seconds;
    schedule->latest = fmax(schedule->latest, now + rank->pending);
    return task;
}

static void learn(desy_schedule *schedule, struct rank *rank, double ratio)
{
    const double most = 4.0 * schedule->rank_count; /* all ranks do tasks of about the same size at a time, so those of late are the measure */
    schedule->learned = fmin(schedule->learned + 1, most);
    schedule->log_usual += (log(ratio) - schedule->log_usual) / schedule->learned;
    rank->logs = FORGET * rank->logs + log(ratio) - schedule->log_usual;
    rank->count = FORGET * rank->count + 1;
}

void desy_schedule_done(desy_schedule *schedule, int index, uint64_t task, double seconds)
{
    struct rank *rank = &schedule->ranks[index];
    if (schedule->costs[task] > 0 && seconds > 0) learn(schedule, rank, seconds / schedule->costs[task]);
    rank->finished++;
    rank->last = seconds;
    rank->in_hand--;
    rank->pending = rank->in_hand * seconds;
    schedule->busy -= rank->in_hand == 0;
}

uint64_t desy_schedule_left(const desy_schedule *schedule)
{
    return schedule->left;
}

int desy_schedule_in_hand(const desy_schedule *schedule, int rank)
{
    return schedule->ranks[rank].in_hand;
}

void desy_schedule_close(desy_schedule **schedule)
{
    if (!*schedule) return;
    free((*schedule)->costs);
    free((*schedule)->free_from);
    free((*schedule)->ranks);
    free(*schedule);
    *schedule = NULL;
}
