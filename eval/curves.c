#include "eval/curves.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/turns.h"

#include <math.h>
#include <stdlib.h>

#define THIN_POINTS 400

struct curve {
    const desy_ranking *ranking;
    struct desy_groups *groups;
    struct desy_group next; /* the first group after this rank's; counts 0 if there is none */
};

static void put_line(FILE *stream, double a, double b, double c)
{
    char text[3][DESY_NUMBER_TEXT];
    fprintf(stream, "%s,%s,%s\n", desy_number_text(text[0], a), desy_number_text(text[1], b), isfinite(c) ? desy_number_text(text[2], c) : "inf");
}

static bool both(const desy_ranking *ranking) { return ranking->pos > 0 && ranking->neg > 0; }

static void put_roc(FILE *stream, const desy_ranking *ranking, const struct desy_group *group)
{
    put_line(stream, (double)group->fp / (double)ranking->neg, (double)group->tp / (double)ranking->pos, group->score);
}

/* A point whose step is like that of the next lies on a line with its neighbours: scikit-learn leaves it out, but for the first and the last. */
static void write_roc(FILE *stream, const void *context)
{
    const struct curve *curve = context;
    const desy_ranking *ranking = curve->ranking;
    struct desy_groups *groups = curve->groups;
    struct desy_group held = {0}; /* until its next is known */
    int64_t index = ranking->first_group - 1;
    for (desy_groups_open(groups, ranking, false); both(ranking) && desy_groups_next(groups);)
        for (size_t i = 0; i < groups->n; i++) {
            const struct desy_group *next = &groups->group[i];
            if (index >= ranking->first_group && (index == 0 || held.pos != next->pos || held.neg != next->neg)) put_roc(stream, ranking, &held);
            held = *next;
            index++;
        }
    if (index < ranking->first_group) return;
    if (index == 0 || index == ranking->all_groups - 1 || held.pos != curve->next.pos || held.neg != curve->next.neg) put_roc(stream, ranking, &held);
}

static void write_pr(FILE *stream, const void *context)
{
    const struct curve *curve = context;
    const desy_ranking *ranking = curve->ranking;
    struct desy_groups *groups = curve->groups;
    for (desy_groups_open(groups, ranking, true); both(ranking) && desy_groups_next(groups);)
        for (size_t i = 0; i < groups->n; i++) {
            const struct desy_group *group = &groups->group[i];
            put_line(stream, (double)group->tp / (double)(group->tp + group->fp), (double)group->tp / (double)ranking->pos, group->score);
        }
}

static void put_det(FILE *stream, const desy_ranking *ranking, int64_t fp, int64_t tp, double threshold)
{
    put_line(stream, (double)fp / (double)ranking->neg, (double)(ranking->pos - tp) / (double)ranking->pos, threshold);
}

/* From the first point without a false negative to the last without a false positive, which may be the one above all scores. */
static void write_det(FILE *stream, const void *context)
{
    const struct curve *curve = context;
    const desy_ranking *ranking = curve->ranking;
    struct desy_groups *groups = curve->groups;
    struct desy_group last = curve->next; /* of the next lower score */
    bool any = false;
    for (desy_groups_open(groups, ranking, true); both(ranking) && desy_groups_next(groups);)
        for (size_t i = 0; i < groups->n; i++) {
            const struct desy_group *group = &groups->group[i];
            if (group->fp == 0 && last.neg == 0) return;
            if (group->tp - group->pos < ranking->pos) put_det(stream, ranking, group->fp, group->tp, group->score);
            last = *group;
            any = true;
        }
    if (any && last.neg > 0 && last.fp == last.neg && last.tp == last.pos) put_det(stream, ranking, 0, 0, INFINITY);
}

/* The first group of the next rank that has any. */
static int find_next(desy_world *world, struct curve *curve)
{
    struct desy_group *firsts = NULL;
    size_t n = 0;
    desy_groups_open(curve->groups, curve->ranking, false);
    const bool any = desy_groups_next(curve->groups);
    const int64_t below = desy_prefix_i64(world, any);
    const int rc = desy_gatherall(world, curve->groups->group, any, sizeof *firsts, (void **)&firsts, &n);
    if (rc == DESY_OK && (size_t)below + 1 < n) curve->next = firsts[below + 1];
    free(firsts);
    return rc;
}

int desy_curves_write(desy_world *world, const desy_ranking *ranking, const char *directory)
{
    struct curve curve = {.ranking = ranking, .groups = malloc(sizeof *curve.groups)};
    const bool two = both(ranking);
    int rc = DESY_OK;
    DESY_TRY(desy_agree(world, curve.groups ? DESY_OK : desy_error_memory("curves")));
    DESY_TRY(find_next(world, &curve));
    DESY_TRY(desy_write_in_turn(world, directory, "roc.csv", &(struct desy_part){two ? "fpr,tpr,threshold\n0,0,inf\n" : "fpr,tpr,threshold\n", "", write_roc, &curve, false}));
    DESY_TRY(desy_write_in_turn(world, directory, "pr.csv", &(struct desy_part){"precision,recall,threshold\n", two ? "1,0,\n" : "", write_pr, &curve, true}));
    DESY_TRY(desy_write_in_turn(world, directory, "det.csv", &(struct desy_part){"fpr,fnr,threshold\n", "", write_det, &curve, true}));
out:
    free(curve.groups);
    return rc;
}

int desy_curves_thin(desy_world *world, const desy_ranking *ranking, struct desy_curve_point **points, size_t *n)
{
    struct desy_curve_point *mine = malloc((THIN_POINTS + 2) * sizeof *mine);
    struct desy_groups *groups = malloc(sizeof *groups);
    int rc = desy_agree(world, mine && groups ? DESY_OK : desy_error_memory("a curve"));
    *points = NULL;
    *n = 0;
    if (rc != DESY_OK) goto out;
    size_t count = 0;
    if (desy_rank(world) == 0) mine[count++] = (struct desy_curve_point){0, 0, 1};
    const double step = (double)THIN_POINTS / (double)ranking->all_groups;
    int64_t index = ranking->first_group;
    for (desy_groups_open(groups, ranking, false); desy_groups_next(groups);)
        for (size_t i = 0; i < groups->n; i++, index++) {
            const struct desy_group *group = &groups->group[i];
            const bool last = index == ranking->all_groups - 1;
            if (!last && ranking->all_groups > THIN_POINTS && (int64_t)((double)index * step) == (int64_t)((double)(index + 1) * step)) continue;
            mine[count++] = (struct desy_curve_point){(double)group->fp / (double)ranking->neg, (double)group->tp / (double)ranking->pos,
                                                      (double)group->tp / (double)(group->tp + group->fp)};
        }
    rc = desy_gather(world, mine, count, sizeof *mine, (void **)points, n);
out:
    free(mine);
    free(groups);
    return rc;
}
