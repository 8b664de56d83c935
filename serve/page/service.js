/* What the page asks of the service, and what an answer that is no answer means in words. */

const BUSY_ATTEMPTS = 60, CUT_ATTEMPTS = 3;
const NO_TOKEN = 'The service does not know this browser: it was started again, with a new token. Open the address that desy serve printed when it started (it ends with /?token=…).';

export class Problem extends Error {
  /* again: seconds after which to try once more; 0: that would not help. cut: no answer came at all. */
  constructor(words, {status = 0, again = 0, cut = false} = {}) {
    super(words);
    Object.assign(this, {status, again, cut});
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function problemOf(status, text, retryAfter) {
  const detail = parse(text)?.detail;
  const words = status === 401 ? NO_TOKEN : typeof detail === 'string' ? detail : `The service answered with status ${status}, and without a reason.`;
  return new Problem(words, {status, again: status === 503 || status === 429 ? Math.max(1, Number(retryAfter) || 2) : 0});
}

function cutOff() {
  return new Problem(navigator.onLine ? 'The service can’t be reached: it was stopped, or the connection is cut.' : 'This device is offline.', {again: 2, cut: true});
}

export async function ask(method, path, signal) {
  let answer, text;
  try {
    answer = await fetch(path, {method, signal, cache: 'no-store'});
    text = await answer.text();
  } catch (error) {
    throw error.name === 'AbortError' ? error : cutOff();
  }
  if (!answer.ok) throw problemOf(answer.status, text, answer.headers.get('Retry-After'));
  return parse(text);
}

/* Sends a form, and tells of every piece that left: progress(share). fetch() can't tell. */
export function send(path, form, signal, progress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal.addEventListener('abort', abort);
    request.upload.addEventListener('progress', event => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener('load', () => (request.status < 300 ? resolve(parse(request.responseText)) : reject(problemOf(request.status, request.responseText, request.getResponseHeader('Retry-After')))));
    request.addEventListener('error', () => reject(cutOff()));
    request.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    request.addEventListener('loadend', () => signal.removeEventListener('abort', abort));
    request.open('POST', path);
    request.send(form);
  });
}

export function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(new DOMException('', 'AbortError'))), {once: true});
  });
}

/* Tries again what the service had no room for, as long as it says to wait, and what was cut off, a few times. say(words): why it takes so long. */
export async function patiently(attempt, signal, say) {
  for (let busy = 0, cut = 0; ;) {
    try {
      return await attempt();
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.again || (problem.cut ? ++cut >= CUT_ATTEMPTS : ++busy >= BUSY_ATTEMPTS)) throw problem;
      say(`${problem.message.replace(/ Try again\.$/, '')} The page tries again in ${problem.again} s.`);
      await sleep(problem.again, signal);
    }
  }
}

/* Was it the service that is gone, or only this upload? A browser does not tell. */
async function upload(form, signal, progress) {
  try {
    return await send('/jobs', form, signal, progress);
  } catch (problem) {
    if (!problem.cut) throw problem;
    await ask('GET', '/v2/health/live', signal);
    throw new Problem('The upload broke off: the connection was cut, or the file has changed or can’t be read.', {again: 2, cut: true});
  }
}

/* Uploads a video as a job and waits for what becomes of it. report({state, share, waiting, words, id}). Returns the result, as desy detect --json prints it. */
export async function score(file, signal, report) {
  const form = new FormData();
  form.append('timeline', '1');
  form.append('explain', '1');
  form.append('video', file, file.name);
  const say = words => report({state: 'patience', words});
  let job = await patiently(() => {
    report({state: 'uploading', share: 0});
    return upload(form, signal, share => report({state: 'uploading', share}));
  }, signal, say);
  const id = job.id;
  for (let pause = 0.3; job.state === 'queued' || job.state === 'running'; pause = Math.min(3, 1.3 * pause)) {
    report({state: job.state, waiting: job.waiting, id});
    await sleep(pause, signal);
    job = await patiently(() => ask('GET', `/jobs/${id}`, signal), signal, say);
  }
  if (job.state !== 'done') throw new Problem(job.state === 'cancelled' ? 'The job was cancelled.' : `The service failed on this video: ${job.reason}`);
  if (job.result.status !== 'ok') throw new Problem(`No verdict on this video: ${job.result.reason || 'it can’t be read'} (${job.result.status}).`);
  return {id, result: job.result};
}

/* Nobody waits for it any longer. keepalive: also while the page is left. */
export function abandon(id) {
  return fetch(`/jobs/${id}`, {method: 'DELETE', keepalive: true}).catch(() => {});
}
