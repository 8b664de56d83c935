/* A result as a section of the page: the verdict, the video with its timeline, the levels, the reasons, the figures. */
import {clock, make, percent} from './element.js';
import {timelineOf, timelineTable} from './timeline.js';
import {assumptions, LEVELS, SAYS, verdictOf} from './verdict.js';

const figureOf = calibrated => (calibrated ? percent : value => value.toFixed(3));

/* From real to AI-generated, where the score and the threshold lie; the words beside it say the same. */
function scale(result, figure) {
  const marker = make('div', {class: 'marker'}), tick = make('div', {class: 'tick'}), label = make('span', {}, `threshold ${figure(result.threshold)}`);
  marker.style.left = `${100 * result.confidence}%`;
  tick.style.left = label.style.left = `${100 * result.threshold}%`;
  label.style.transform = `translateX(${-100 * result.threshold}%)`; /* never beyond an end */
  return make('div', {class: 'scale', 'aria-hidden': 'true'}, make('div', {class: 'over soft'}, label), make('div', {class: 'rule'}, tick, marker),
    make('div', {class: 'axis soft'}, make('span', {}, 'real'), make('span', {}, 'AI-generated')));
}

function verdictBox(result) {
  const {side, title, claim, warnings} = verdictOf(result);
  return make('div', {class: `verdict ${side}`}, make('p', {class: 'title'}, title), make('p', {class: 'claim'}, claim), scale(result, figureOf(result.calibrated)),
    ...warnings.map(words => make('p', {class: 'notes'}, make('strong', {}, 'Caution. '), words)), result.calibrated ? make('p', {class: 'soft'}, assumptions(result)) : null);
}

function videoOf(url) {
  const video = make('video', {controls: true, preload: 'metadata', playsinline: true, 'aria-label': 'The video'});
  const failed = make('p', {class: 'notes', hidden: true}, 'This browser can’t play the file, which says nothing about the verdict; the timeline below holds all the same.');
  video.addEventListener('error', () => (video.hidden = true, failed.hidden = false));
  if (url) video.src = url;
  return {video, node: make('div', {class: 'screen'}, video, failed)};
}

function seekButton(words, window, figure, seek) {
  return make('button', {type: 'button', click: () => seek(window.start)}, `${words}: ${clock(window.start)} to ${clock(window.end)}, ${figure(window.score)}`);
}

function seconds(result, url) {
  const windows = result.timeline, {video, node} = videoOf(url), figure = figureOf(result.calibrated);
  if (!windows?.length) return node;
  const timeline = timelineOf(windows, result.threshold, video, figure), {highest, lowest} = result.explanation?.seconds ?? {};
  const far = highest && windows.length > 1 ? [seekButton('Most like AI-generated', highest, figure, timeline.seek), seekButton('Least', lowest, figure, timeline.seek)] : [];
  return make('div', {}, node, timeline.node,
    make('p', {class: 'soft'}, windows.length > 1 ? 'Each bar is a part of the video that was scored by itself; the dashed line is the threshold, and hatched bars reach it. The verdict is of the ordinary clip, not of the highest bar. '
      : 'The video is so short that it was scored as one part. ', make('span', {class: 'hint'}, 'Click, or use the arrow keys, to see a part.')),
    far.length ? make('p', {class: 'buttons'}, ...far) : null, timelineTable(windows, figure));
}

function level([name, title, words], result) {
  const score = result.feature_scores[name], said = result.explanation?.levels?.find(part => part.level === name)?.says;
  const fill = make('div', {class: `fill ${score >= 0.5 ? 'ai' : 'real'}`});
  fill.style.width = `${100 * (score ?? 0)}%`;
  const known = score === undefined ? 'no score: the video has not what this level reads' : figureOf(result.calibrated)(score);
  return make('li', {}, make('div', {class: 'level-head'}, make('h4', {}, title), make('span', {class: 'figure'}, known)), make('div', {class: 'bar', 'aria-hidden': 'true'}, fill),
    make('p', {class: 'soft'}, words, said in SAYS ? ` Here it ${SAYS[said]}.` : ''));
}

function reasons(words) {
  return [make('h3', {}, 'Why'), make('ul', {class: 'reasons'}, ...words.map(text => make('li', {}, text))),
    make('p', {class: 'soft'}, 'Strongest first. The signed figures are what each part adds to the sum that the verdict is made of: they tell what the model used, not what is wrong with the video.')];
}

function facts(result) {
  const rows = [['Model', result.model], ['Calibrated', result.calibrated ? 'yes' : 'no'], ['Score', String(result.confidence)], ['Logit', String(result.logit)], ['Prior', String(result.prior)], ['Threshold', String(result.threshold)],
    ['Reliability', result.reliability]];
  const json = make('a', {download: 'desy-verdict.json', href: URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], {type: 'application/json'}))}, 'Save all of it as JSON');
  return make('details', {}, make('summary', {}, 'Figures'), make('dl', {}, ...rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])), make('p', {}, json));
}

/* The children of the section. name: as it may be shown; url: of the local file. */
export function describe(result, name, url) {
  return [
    make('h2', {id: 'result-title', tabindex: -1}, make('bdi', {}, name)),
    verdictBox(result),
    make('h3', {}, 'Over time'), seconds(result, url),
    make('h3', {}, 'Three levels'), make('ul', {class: 'levels'}, ...LEVELS.map(entry => level(entry, result))),
    make('p', {class: 'soft'}, 'How AI-generated each level by itself finds the video; the verdict weighs all three.'),
    ...(result.explanation?.words?.length ? reasons(result.explanation.words) : []),
    facts(result),
  ];
}
