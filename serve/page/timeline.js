/* The score of each part of a video, drawn under it: a click or the arrow keys go there. */
import {clock, make, percent} from './element.js';

/* windows: [{start, end, score}] in seconds. Ends with the video element. figure(score): how a score is written. */
export function timelineOf(windows, threshold, video, figure = percent) {
  const length = () => Math.max(windows[windows.length - 1].end, Number.isFinite(video.duration) ? video.duration : 0);
  const parts = windows.map(window => make('div', {class: `part ${window.score >= threshold ? 'ai' : 'real'}`}));
  const playhead = make('div', {class: 'playhead'}), line = make('div', {class: 'line'});
  const slider = make('div', {class: 'timeline', role: 'slider', tabindex: 0, 'aria-label': 'Parts of the video', 'aria-valuemin': 1, 'aria-valuemax': windows.length}, ...parts, line, playhead);
  const end = make('span', {});
  let current = 0;

  function place() {
    const total = length();
    parts.forEach((part, i) => {
      part.style.left = `${100 * windows[i].start / total}%`;
      part.style.width = `${100 * (windows[i].end - windows[i].start) / total}%`;
      part.style.height = `${100 * windows[i].score}%`;
    });
    line.style.bottom = `${100 * threshold}%`;
    end.textContent = clock(total);
  }

  function mark(seconds) {
    current = 0;
    while (current + 1 < windows.length && windows[current + 1].start <= seconds + 0.01) current++;
    parts.forEach((part, i) => part.classList.toggle('current', i === current));
    playhead.style.left = `${100 * Math.min(1, seconds / length())}%`;
    const {start, end: last, score} = windows[current];
    slider.setAttribute('aria-valuenow', current + 1);
    slider.setAttribute('aria-valuetext', `${clock(start)} to ${clock(last)}: ${figure(score)}, ${score >= threshold ? 'above' : 'below'} the threshold`);
  }

  function seek(seconds) {
    mark(seconds);
    if (Number.isFinite(video.duration)) video.currentTime = Math.min(seconds, video.duration);
  }

  const steps = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5, Home: -Infinity, End: Infinity};
  slider.addEventListener('keydown', event => {
    if (!(event.key in steps) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    seek(windows[Math.max(0, Math.min(windows.length - 1, current + steps[event.key]))].start);
  });
  const toPointer = event => {
    const {left, width} = slider.getBoundingClientRect();
    seek(length() * Math.max(0, Math.min(1, (event.clientX - left) / width)));
  };
  slider.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    slider.setPointerCapture(event.pointerId);
    toPointer(event);
  });
  slider.addEventListener('pointermove', event => slider.hasPointerCapture(event.pointerId) && toPointer(event));
  video.addEventListener('loadedmetadata', () => (place(), mark(video.currentTime)));
  video.addEventListener('timeupdate', () => mark(video.currentTime));
  place();
  mark(0);
  const node = make('div', {class: 'timeline-box'}, slider, make('div', {class: 'axis soft', 'aria-hidden': 'true'}, make('span', {}, clock(0)), end));
  return {node, seek};
}

export function timelineTable(windows, figure = percent) {
  return make('details', {}, make('summary', {}, 'The timeline as a table'),
    make('table', {}, make('thead', {}, make('tr', {}, ...['From', 'To', 'Score'].map(name => make('th', {scope: 'col', class: 'n'}, name)))),
      make('tbody', {}, ...windows.map(({start, end, score}) => make('tr', {}, ...[clock(start), clock(end), figure(score)].map(text => make('td', {class: 'n'}, text)))))));
}
