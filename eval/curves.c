#include "eval/curves.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/turns.h"

#include <stdlib.h>

#define THIN_POINTS 400

struct curve {
    const desy_ranking *ranking;
    struct desy_group next; /* the first group after this rank's; counts 0 if there is none */
};

/* A point whose step is like that of the next lies on a line with its neighbours: scikit-learn leaves it out. */
static bool on_corner(const struct curve *curve, size_t i)
{
    const desy_ranking *ranking = curve->ranking;
    const struct desy_group *group = &ranking->groups[i], *next = i + 1 < ranking->n_groups ? group + 1 : &curve->next;
    const int64_t index = ranking->first_group + (int64_t)i;
    return index == 0 || index == ranking->all_groups - 1 || group->pos != next->pos || group->neg != next->neg;
}

static void put_line(FILE *stream, double a, double b, double c)
{
    char text[3][DESY_NUMBER_TEXT];
    fprintf(stream, "%s,%s,%s\n", desy_number_text(text[0], a), desy_number_text(text[1], b), desy_number_text(text[2], c));
}

static bool both(const desy_ranking *ranking) { return ranking->pos > 0 && ranking->neg > 0; }

static void write_roc(FILE *stream, const void *context)
{
    const struct curve *curve = context;
    const desy_ranking *ranking = curve->ranking;
    for (size_t i = 0; both(ranking) && i < ranking->n_groups; i++)
        if (on_corner(curve, i))
            put_line(stream, (double)ranking->groups[i].fp / (double)ranking->neg, (double)ranking->groups[i].tp / (double)ranking->pos, ranking->groups[i].score);
}

static void write_pr(FILE *stream, const void *context)
{
    const desy_ranking *ranking = ((const struct curve *)context)->ranking;
    for (size_t i = ranking->n_groups; both(ranking) && i-- > 0;) {
        const struct desy_group *group = &ranking->groups[i];
        put_line(stream, (double)group->tp / (double)(group->tp + group->fp), (double)group->tp / (double)ranking->pos, group->score);
    }
}

int desy_curves_write(desy_world *world, const desy_ranking *ranking, const char *directory)
{
    struct curve curve = {.ranking = ranking};
    struct desy_group *firsts = NULL;
    size_t n = 0;
    /* Ranks without groups send none; those below send one each. */
    int64_t below = desy_prefix_i64(world, ranking->n_groups > 0);
    int rc = desy_gatherall(world, ranking->groups, ranking->n_groups > 0, sizeof *firsts, (void **)&firsts, &n);
    if (rc != DESY_OK) return rc;
    if ((size_t)below + 1 < n) curve.next = firsts[below + 1];
    free(firsts);

    rc = desy_write_in_turn(world, directory, "roc.csv",
                            &(struct desy_part){both(ranking) ? "fpr,tpr,threshold\n0,0,inf\n" : "fpr,tpr,threshold\n", "", write_roc, &curve, false});
    if (rc != DESY_OK) return rc;
    return desy_write_in_turn(world, directory, "pr.csv",
                              &(struct desy_part){"precision,recall,threshold\n", both(ranking) ? "1,0,\n" : "", write_pr, &curve, true});
}

int desy_curves_thin(desy_world *world, const desy_ranking *ranking, struct desy_curve_point **points, size_t *n)
{
    struct desy_curve_point *mine = malloc((THIN_POINTS + 2) * sizeof *mine);
    int rc = desy_agree(world, mine ? DESY_OK : desy_error_memory("a curve"));
    *points = NULL;
    *n = 0;
    if (rc != DESY_OK) goto out;
    size_t count = 0;
    if (desy_rank(world) == 0) mine[count++] = (struct desy_curve_point){0, 0, 1};
    const double step = (double)THIN_POINTS / (double)ranking->all_groups;
    for (size_t i = 0; i < ranking->n_groups; i++) {
        const struct desy_group *group = &ranking->groups[i];
        const int64_t index = ranking->first_group + (int64_t)i;
        const bool last = index == ranking->all_groups - 1;
        if (!last && ranking->all_groups > THIN_POINTS && (int64_t)((double)index * step) == (int64_t)((double)(index + 1) * step)) continue;
        mine[count++] = (struct desy_curve_point){(double)group->fp / (double)ranking->neg, (double)group->tp / (double)ranking->pos,
                                                  (double)group->tp / (double)(group->tp + group->fp)};
    }
    rc = desy_gather(world, mine, count, sizeof *mine, (void **)points, n);
out:
    free(mine);
    return rc;
}
