#include "train/explanation.h"

#include "base/error.h"
#include "base/json.h"
#include "train/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SAYS .1 /* of a logit: less says nothing */
#define MOST_SENTENCES 6

/* Names for people; a block that is not here has its own name. */
static const struct {
    const char *block, *part, *words, *more, *less; /* more, less: what a higher and a lower value than real clips' is */
} names[] = {
    {"encoder", "mean", "what is to be seen (mean embedding)", NULL, NULL},
    {"encoder", "deviation", "how much what is seen varies (deviation of the embedding)", NULL, NULL},
    {"encoder", "step", "how much what is seen changes from frame to frame", "more change from frame to frame", "less change from frame to frame"},
    {"texture", "", "texture (the network's map before the embedding)", NULL, NULL},
    {"e", "coarse", "energy of coarse structure", "stronger coarse structure", "weaker coarse structure"},
    {"e", "middle", "energy of middle detail", "more middle detail", "less middle detail"},
    {"e", "fine", "energy of fine detail", "more fine detail", "less fine detail"},
    {"e_bn", "coarse", "share of coarse structure", "a larger share of coarse structure", "a smaller share of coarse structure"},
    {"e_bn", "middle", "share of middle detail", "a larger share of middle detail", "a smaller share of middle detail"},
    {"e_bn", "fine", "share of fine detail", "a larger share of fine detail", "a smaller share of fine detail"},
    {"e_sd", "coarse", "unevenness of coarse structure", "coarse structure more uneven over the picture", "coarse structure more even over the picture"},
    {"e_sd", "middle", "unevenness of middle detail", "middle detail more uneven over the picture", "middle detail more even over the picture"},
    {"e_sd", "fine", "unevenness of fine detail", "fine detail more uneven over the picture", "fine detail more even over the picture"},
    {"srm_co", "", "patterns of neighbouring noise (co-occurrences)", NULL, NULL},
    {"warp", "", "what motion does not explain", "more that motion does not explain", "less that motion does not explain"},
    {"luma", "", "brightness", NULL, NULL},
    {"energy", "", "how the energy of detail comes and goes", "energy of detail changing more from frame to frame", "energy of detail changing less from frame to frame"},
};

static const cJSON *of_class(const cJSON *reference, const char *class, const char *what)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(reference, class), what);
}

static const cJSON *group_of(const cJSON *groups, const char *channel, const struct desy_evidence_group *group)
{
    const cJSON *found;
    cJSON_ArrayForEach(found, groups)
    {
        const char *c = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "channel")), *b = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "block"));
        const char *p = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "part"));
        if (c && b && p && strcmp(c, channel) == 0 && strcmp(b, group->block) == 0 && strcmp(p, group->part) == 0) return found;
    }
    return NULL;
}

static double add_contribution(cJSON *json, double contribution, double real, double ai)
{
    const bool known = isfinite(real) && isfinite(ai);
    const double evidence = contribution - (known ? (real + ai) / 2 : 0);
    cJSON_AddNumberToObject(json, "contribution", contribution + 0.); /* no -0 */
    if (known) {
        cJSON_AddNumberToObject(json, "typical_real", real + 0.);
        cJSON_AddNumberToObject(json, "typical_ai", ai + 0.);
    }
    cJSON_AddStringToObject(json, "says", evidence >= SAYS ? "ai" : evidence <= -SAYS ? "real" : "nothing");
    return evidence;
}

struct explaining {
    const struct desy_ensemble *ensemble;
    const struct desy_evidence *evidence;
    const struct desy_score *score;
    const cJSON *reference;
    double share[DESY_MAX_CHANNELS]; /* of the logit for one of a channel's: level weight / members of the level that the clip has */
    double weight[DESY_LEVELS];
    cJSON *levels, *channels, *blocks;
    struct sentence {
        double evidence;
        char text[400];
    } sentences[DESY_LEVELS + DESY_MAX_GROUPS];
    int n;
};

static void say(struct explaining *e, double evidence, const char *what, double contribution, double real, double ai, const char *compared)
{
    if (fabs(evidence) < SAYS) return;
    struct sentence *sentence = &e->sentences[e->n++];
    char typical[80] = "";
    sentence->evidence = evidence;
    if (isfinite(real) && isfinite(ai)) snprintf(typical, sizeof typical, "; typical: real %+.2f, AI-generated %+.2f", real, ai);
    snprintf(sentence->text, sizeof sentence->text, "for %s: %s (%+.2f%s)%s", evidence > 0 ? "AI-generated" : "real", what, contribution, typical, compared);
}

static void explain_levels(struct explaining *e)
{
    static const char *const words[] = {"traces of processing (low level)", "motion (mid level)", "content and texture (high level)"};
    double logit, real[DESY_MAX_CHANNELS], ai[DESY_MAX_CHANNELS], typical_real, typical_ai;
    for (int c = 0; c < e->ensemble->n; c++) {
        const char *name = e->ensemble->heads[c].channel->name;
        const bool present = isfinite(e->score->channel_logits[c]); /* what the clip lacks is compared with nothing */
        real[c] = present ? desy_json_number_of(of_class(e->reference, "real", "channels"), name) : NAN;
        ai[c] = present ? desy_json_number_of(of_class(e->reference, "ai", "channels"), name) : NAN;
    }
    for (int level = 0; level < DESY_LEVELS; level++) {
        const double weight = e->weight[level];
        if (!desy_ensemble_level(e->ensemble, (enum desy_level)level, e->score->channel_logits, &logit)) continue;
        if (!desy_ensemble_level(e->ensemble, (enum desy_level)level, real, &typical_real)) typical_real = NAN;
        if (!desy_ensemble_level(e->ensemble, (enum desy_level)level, ai, &typical_ai)) typical_ai = NAN;
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "level", desy_level_name((enum desy_level)level));
        cJSON_AddNumberToObject(json, "weight", weight);
        cJSON_AddNumberToObject(json, "logit", logit);
        const double evidence = add_contribution(json, weight * logit, weight * typical_real, weight * typical_ai);
        cJSON_AddItemToArray(e->levels, json);
        say(e, evidence, words[level], weight * logit, weight * typical_real, weight * typical_ai, "");
    }
    for (int c = 0; c < e->ensemble->n; c++) {
        const struct desy_head *head = &e->ensemble->heads[c];
        if (!isfinite(e->score->channel_logits[c])) continue;
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "channel", head->channel->name);
        cJSON_AddStringToObject(json, "level", desy_level_name(head->channel->level));
        cJSON_AddNumberToObject(json, "logit", e->score->channel_logits[c]);
        add_contribution(json, e->share[c] * e->score->channel_logits[c], e->share[c] * real[c], e->share[c] * ai[c]);
        if (e->evidence->of_input[c]) cJSON_AddNumberToObject(json, "constant", e->share[c] * desy_evidence_constant(head));
        cJSON_AddItemToArray(e->channels, json);
    }
}

static void explain_group(struct explaining *e, int g)
{
    const struct desy_evidence_group *group = &e->evidence->groups[g];
    const char *channel = e->ensemble->heads[group->channel].channel->name, *words = NULL, *more = NULL, *less = NULL;
    const cJSON *of_real = group_of(of_class(e->reference, "real", "groups"), channel, group), *of_ai = group_of(of_class(e->reference, "ai", "groups"), channel, group);
    const double share = e->share[group->channel], contribution = share * e->score->group_logits[g], value = e->score->group_values[g];
    const double real = share * desy_json_number_of(of_real, "logit"), ai = share * desy_json_number_of(of_ai, "logit"), above = value - desy_json_number_of(of_real, "value");
    if (!isfinite(e->score->channel_logits[group->channel])) return;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "channel", channel);
    cJSON_AddStringToObject(json, "block", group->block);
    cJSON_AddStringToObject(json, "part", group->part);
    cJSON_AddNumberToObject(json, "inputs", group->inputs);
    cJSON_AddNumberToObject(json, "value", value);
    if (isfinite(above)) cJSON_AddNumberToObject(json, "typical_real_value", desy_json_number_of(of_real, "value"));
    if (isfinite(desy_json_number_of(of_ai, "value"))) cJSON_AddNumberToObject(json, "typical_ai_value", desy_json_number_of(of_ai, "value"));
    const double evidence = add_contribution(json, contribution, real, ai);
    cJSON_AddItemToArray(e->blocks, json);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].block, group->block) == 0 && strcmp(names[i].part, group->part) == 0) words = names[i].words, more = names[i].more, less = names[i].less;
    char what[160], compared[160] = "";
    if (words) snprintf(what, sizeof what, "%s", words);
    else snprintf(what, sizeof what, "the block %s %s", group->block, group->part);
    if (more && isfinite(above) && fabs(above) >= .25)
        snprintf(compared, sizeof compared, ": %s than in typical real clips, by %.1f standard deviations of the training clips", above > 0 ? more : less, fabs(above));
    say(e, evidence, what, contribution, real, ai, compared);
}

/* The strongest first. */
static cJSON *best_sentences(struct explaining *e)
{
    cJSON *words = cJSON_CreateArray();
    for (int k = 0; k < MOST_SENTENCES && k < e->n; k++) {
        int best = k;
        for (int i = k + 1; i < e->n; i++)
            if (fabs(e->sentences[i].evidence) > fabs(e->sentences[best].evidence)) best = i;
        const struct sentence sentence = e->sentences[best];
        e->sentences[best] = e->sentences[k];
        e->sentences[k] = sentence;
        cJSON_AddItemToArray(words, cJSON_CreateString(sentence.text));
    }
    return words;
}

static bool has_part(const struct explaining *e, int c, int level)
{
    return (int)e->ensemble->heads[c].channel->level == level && isfinite(e->score->channel_logits[c]);
}

int desy_classifier_explain(const desy_classifier *classifier, const struct desy_score *score, int only, cJSON **explanation)
{
    struct explaining e = {.ensemble = desy_classifier_ensemble(classifier), .evidence = desy_classifier_evidence(classifier), .score = score,
                           .reference = cJSON_GetObjectItemCaseSensitive(desy_classifier_model(classifier), "reference")};
    const struct desy_ensemble *ensemble = e.ensemble;
    const double bias = only < 0 ? ensemble->bias : ensemble->intercept[only];
    double logit = bias, value;
    cJSON *json = *explanation = cJSON_CreateObject();
    for (int level = 0; level < DESY_LEVELS; level++) {
        int members = 0;
        e.weight[level] = only < 0 ? ensemble->weight[level] : level == only ? ensemble->slope[level] : 0;
        for (int c = 0; c < ensemble->n; c++) members += has_part(&e, c, level);
        for (int c = 0; c < ensemble->n; c++)
            if (has_part(&e, c, level)) e.share[c] = e.weight[level] / members;
        if (desy_ensemble_level(ensemble, (enum desy_level)level, score->channel_logits, &value)) logit += e.weight[level] * value;
    }
    cJSON_AddNumberToObject(json, "logit", logit);
    cJSON_AddNumberToObject(json, "bias", bias);
    e.levels = cJSON_AddArrayToObject(json, "levels");
    e.channels = cJSON_AddArrayToObject(json, "channels");
    e.blocks = cJSON_AddArrayToObject(json, "blocks");
    if (!e.blocks) return desy_error_memory("an explanation");
    explain_levels(&e);
    for (int g = 0; g < e.evidence->n; g++) explain_group(&e, g);
    return cJSON_AddItemToObject(json, "words", best_sentences(&e)) ? DESY_OK : desy_error_memory("an explanation");
}
