/* The page: videos that are chosen or dropped are looked at one after another; verdicts are shown and remembered. */
import {bytes, make, shownName} from './element.js';
import {feedbackForm} from './feedback.js';
import * as past from './history.js';
import {describe} from './result.js';
import {abandon, ask, Problem, score} from './service.js';
import {summary, verdictOf} from './verdict.js';

const FORM_BYTES = 4096; /* of a form beside its video, at most */
const at = id => document.getElementById(id);
let settings = null, working = null, following = false;
const items = [];

function say(words) {
  at('said').textContent = words;
}

/* ---- one video in the list ---- */

function button(words, item, act) {
  return make('button', {type: 'button', 'aria-label': `${words}: ${item.name}`, click: act}, words);
}

function draw(item, words, share) {
  item.words.textContent = words;
  item.row.dataset.state = item.state;
  item.progress.hidden = item.state !== 'working';
  if (share === undefined) item.progress.removeAttribute('value');
  else item.progress.value = share;
}

function offer(item) {
  const focused = item.buttons.contains(document.activeElement);
  const acts = {waiting: [['Cancel', () => cancel(item)]], working: [['Cancel', () => cancel(item)]], done: [['Show', () => show(item, true)]], failed: [['Try again', () => enqueue(item)]], cancelled: [['Try again', () => enqueue(item)]]};
  item.buttons.replaceChildren(...acts[item.state].map(([words, act]) => button(words, item, act)));
  if (focused) item.buttons.firstChild.focus();
}

function set(item, state, words) {
  item.state = state;
  draw(item, words);
  offer(item);
}

function add(file) {
  const item = {file, name: shownName(file.name), url: URL.createObjectURL(file), job: null};
  item.words = make('span', {class: 'words'});
  item.progress = make('progress', {max: 1, 'aria-label': `Progress of ${item.name}`});
  item.buttons = make('span', {class: 'buttons'});
  item.row = make('li', {}, make('span', {class: 'name'}, make('bdi', {}, item.name), make('span', {class: 'soft'}, ` ${bytes(file.size)}`)), item.words, item.progress, item.buttons);
  at('items').append(item.row);
  at('queue').hidden = false;
  items.push(item);
  enqueue(item);
}

function refusalOf(file) {
  if (file.size === 0) return 'The file is empty: 0 bytes.';
  if (settings && file.size + FORM_BYTES > settings.max_upload) return `The file has ${bytes(file.size)}; this service takes ${bytes(settings.max_upload)} at most.`;
  return null;
}

function enqueue(item) {
  const refusal = refusalOf(item.file);
  if (refusal) {
    set(item, 'failed', refusal);
    say(`${item.name}: ${refusal}`);
    return;
  }
  set(item, 'waiting', 'Waits for the videos before it.');
  next();
}

function cancel(item) {
  item.abort?.abort();
  set(item, 'cancelled', 'Cancelled.');
  say(`${item.name}: cancelled.`);
}

/* ---- the queue ---- */

function stageOf({state, share, waiting, words}) {
  if (state === 'patience') return words;
  if (state === 'uploading') return share < 1 ? `Uploading: ${Math.round(100 * share)} %` : 'Uploaded; the service is taking it in.';
  if (state === 'queued') return waiting ? `In the service’s queue; ${waiting} before it.` : 'In the service’s queue; next.';
  return 'The service is looking at it.';
}

async function work(item) {
  let last = '';
  item.abort = new AbortController();
  const {signal} = item.abort;
  set(item, 'working', 'Uploading …');
  const report = stage => {
    if (signal.aborted) return;
    item.job = stage.id ?? item.job;
    draw(item, stageOf(stage), stage.state === 'uploading' && stage.share < 1 ? stage.share : undefined);
    const spoken = stage.state === 'patience' ? stage.words : stage.state; /* not every percent */
    if (spoken !== last) say(`${item.name}: ${stage.state === 'uploading' ? 'uploading.' : stageOf(stage)}`);
    last = spoken;
  };
  try {
    const {id, result} = await score(item.file, signal, report);
    Object.assign(item, {job: id, result});
    finish(item);
  } catch (error) {
    if (error.name === 'AbortError') {
      if (item.job) abandon(item.job);
    } else fail(item, error);
  }
}

function fail(item, error) {
  if (!(error instanceof Problem)) console.error(error);
  const words = error instanceof Problem ? error.message : 'The page failed on this answer.';
  set(item, 'failed', words);
  say(`${item.name}: ${words}`);
}

function finish(item) {
  const {title, side} = verdictOf(item.result), {confidence, calibrated, model} = item.result, words = summary({title, confidence, calibrated});
  set(item, 'done', words);
  say(`${item.name}: ${words}`);
  past.remember({name: item.name, time: new Date().toISOString(), title, side, confidence, calibrated, model});
  drawHistory();
  if (following) show(item, false);
  following = false; /* what a reader looks at is not taken away by the next one */
}

async function next() {
  if (working) return;
  working = items.find(item => item.state === 'waiting');
  if (!working) return;
  working.job = null;
  await work(working);
  working = null;
  next();
}

/* ---- what is shown ---- */

function show(item, focus) {
  items.forEach(other => other.row.toggleAttribute('data-shown', other === item));
  at('result').replaceChildren(...describe(item.result, item.name, item.url));
  if (settings?.feedback) at('result').append(feedbackForm(item.job, item.file, say));
  at('result').hidden = false;
  if (focus) at('result-title').focus();
}

function drawHistory() {
  const entries = past.past();
  at('history').hidden = entries.length === 0;
  at('history-note').textContent = past.refused ? 'This browser keeps nothing: the list ends with the page.' : 'Kept by this browser alone; names and figures, never a video.';
  at('past').replaceChildren(...entries.map(({name, time, side, model, ...verdict}) => make('li', {class: side}, make('bdi', {class: 'name'}, shownName(name)),
    make('span', {}, summary(verdict)), make('span', {class: 'soft'}, make('time', {datetime: time}, new Date(time).toLocaleString()), `, model ${model}`))));
}

function drawSettings() {
  at('service').textContent = `DeSY ${settings.version} with the model ${settings.model} looks at traces of processing, at motion and at content, and says how sure it is${settings.calibrated ? '' : ' (this model is not calibrated)'}.`;
  at('limits').textContent = `Several are looked at one after another; ${bytes(settings.max_upload)} each at most. The service keeps no video once it has its verdict.`;
}

async function start() {
  drawHistory();
  try {
    settings = await ask('GET', '/settings');
    drawSettings();
  } catch (problem) {
    at('trouble').textContent = problem.message;
    at('trouble').hidden = false;
    say(problem.message);
  }
}

/* ---- what people do ---- */

async function take(files) {
  await started; /* the limits are known */
  following = true;
  [...files].forEach(add);
}

at('files').addEventListener('change', event => {
  const chosen = [...event.target.files];
  event.target.value = ''; /* the same file may be chosen again */
  take(chosen);
});
let over = 0; /* elements that the pointer is in while it drags: the page and what is inside */
const dragging = event => event.dataTransfer?.types.includes('Files');
const light = change => document.body.classList.toggle('dragging', (over = Math.max(0, over + change)) > 0);
document.addEventListener('dragenter', event => dragging(event) && light(1));
document.addEventListener('dragleave', event => dragging(event) && light(-1));
document.addEventListener('dragover', event => dragging(event) && event.preventDefault());
document.addEventListener('drop', event => {
  if (!dragging(event)) return;
  event.preventDefault();
  light(-Infinity);
  take(event.dataTransfer.files);
});
at('forget').addEventListener('click', () => {
  past.forget();
  drawHistory();
  say('The list is empty.');
  at('files').focus();
});
window.addEventListener('pagehide', event => !event.persisted && working?.job && abandon(working.job)); /* nobody will ask for it */
const started = start();
