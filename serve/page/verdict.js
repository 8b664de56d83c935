/* What a result says, in words that claim no more than the calibration supports. */
import {percent} from './element.js';

/* {side: 'ai' | 'real' | 'unsure', title, claim, warnings: []}; side is only how it is drawn. */
export function verdictOf(result) {
  const {confidence: p, threshold, calibrated, reliability, is_ai_generated: ai} = result, warnings = [], towards = ai ? 'AI-generated' : 'real';
  let side = 'unsure', title, claim = calibrated ? oddsOf(p) : `Score ${p.toFixed(3)} from 0 (real) to 1 (AI-generated); ${threshold.toFixed(3)} and more is called AI-generated.`;
  if (ai === null) {
    title = 'Can’t say';
    claim = `The model gives the score ${calibrated ? percent(p) : p.toFixed(3)}, and no verdict.`;
  } else if (/(^|; )undecided/.test(reliability)) title = 'Undecided';
  else if (reliability !== 'ok') {
    title = `Unreliable; the model leans towards ${towards}`;
    if (calibrated) claim = `The model gives ${percent(p)}, which for a video like this one is no probability to rely on.`;
  } else {
    side = ai ? 'ai' : 'real';
    if (!calibrated) title = `Scored as ${towards}`;
    else if (ai) title = p >= 0.5 ? 'Probably AI-generated' : 'Suspected to be AI-generated';
    else if (p <= 0.5) title = 'Probably real';
    else side = 'unsure', title = 'Not clear enough to be called AI-generated';
  }
  if (reliability !== 'ok') warnings.push(`${ai === null ? 'There is no verdict' : 'This score should not be relied on'}: ${sentence(result.abstain_reason || reliability)}`);
  if (result.warning) warnings.push(`A part of the video could not be read: ${sentence(result.warning)}`);
  if (!calibrated) warnings.push('This model is not calibrated: its figures put videos in an order, and are no probabilities.');
  return {side, title, claim, warnings};
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
export function summary({title, confidence, calibrated}) {
  return `${title} (score ${calibrated ? percent(confidence) : confidence.toFixed(3)})`;
}

export const LEVELS = [
  ['low', 'Traces of processing', 'Low level: how much fine and coarse detail the pixels have, and how it comes and goes from frame to frame.'],
  ['mid', 'Motion', 'Mid level: how much what is seen changes from one frame to the next.'],
  ['high', 'Content and texture', 'High level: what is to be seen, and how surfaces look to a network that was trained on photographs.'],
];

export const SAYS = {ai: 'speaks for AI-generated', real: 'speaks for real', nothing: 'speaks for neither'};
