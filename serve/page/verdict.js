/* What a result says, in words that claim no more than the calibration supports. */
import {percent} from './element.js';

/* {side: 'ai' | 'real' | 'unsure', title, claim, warnings: []}; side is only how it is drawn. */
export function verdictOf(result) {
  const {confidence: p, threshold, calibrated} = result, warnings = [];
  const shaky = result.reliability !== 'ok', undecided = /(^|; )undecided/.test(result.reliability);
  let side = result.is_ai_generated ? 'ai' : 'real', title;
  if (result.is_ai_generated === null) side = 'unsure', title = 'Can’t say';
  else if (undecided) side = 'unsure', title = 'Undecided';
  else if (!calibrated) title = result.is_ai_generated ? 'Scored as AI-generated' : 'Scored as real';
  else if (result.is_ai_generated) title = p >= 0.5 ? 'Probably AI-generated' : 'Suspected to be AI-generated';
  else if (p > 0.5) side = 'unsure', title = 'Not clear enough to be called AI-generated';
  else title = 'Probably real';
  if (shaky) warnings.push(`${result.is_ai_generated === null ? 'There is no verdict' : 'This score should not be relied on'}: ${sentence(result.abstain_reason || result.reliability)}`);
  if (result.warning) warnings.push(`A part of the video could not be read: ${sentence(result.warning)}`);
  if (!calibrated) warnings.push('This model is not calibrated: its figures put videos in an order, and are no probabilities.');
  return {side, title, claim: calibrated ? oddsOf(p) : `Score ${p.toFixed(3)} from 0 (real) to 1 (AI-generated); ${threshold.toFixed(3)} and more is called AI-generated.`, warnings};
}

function sentence(words) {
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

function oddsOf(p) {
  const of100 = Math.round(100 * p), amount = of100 === 0 ? 'fewer than 1' : of100 === 100 ? 'more than 99' : `about ${of100}`;
  return `${percent(p)} likely AI-generated: of 100 videos with this score, ${amount} would be.`;
}

export function assumptions(result) {
  return `That assumes that of all videos that come here ${percent(result.prior)} are AI-generated (the prior); from ${percent(result.threshold)} on (the threshold) a video is called AI-generated. `
    + 'It holds for videos of the kinds that the model was calibrated on.';
}

/* One line for lists. */
export function summary(result) {
  const {title} = verdictOf(result);
  return `${title} (${result.calibrated ? `${percent(result.confidence)} likely AI-generated` : `score ${result.confidence.toFixed(3)}`})`;
}

export const LEVELS = [
  ['low', 'Traces of processing', 'Low level: how much fine and coarse detail the pixels have, and how it comes and goes from frame to frame.'],
  ['mid', 'Motion', 'Mid level: how much what is seen changes from one frame to the next.'],
  ['high', 'Content and texture', 'High level: what is to be seen, and how surfaces look to a network that was trained on photographs.'],
];

export const SAYS = {ai: 'speaks for AI-generated', real: 'speaks for real', nothing: 'speaks for neither'};
