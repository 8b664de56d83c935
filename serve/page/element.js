/* Elements made from words. Whatever comes from outside (names of files, answers) becomes text, never markup. */

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

/* A name of a file as it may be shown: control characters, and those that turn the direction of writing, would make another name of it. */
export function shownName(name) {
  return String(name).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd') || 'video';
}

/* Of a probability, with a decimal, as the command line prints it. */
export function percent(probability) {
  if (probability > 0.999) return 'above 99.9 %';
  if (probability < 0.001) return 'below 0.1 %';
  return `${(100 * probability).toFixed(1)} %`;
}

export function bytes(size) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; size >= 1024 && unit + 1 < units.length; unit++) size /= 1024;
  return `${unit && size < 100 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/* 64.25 is 1:04.3. */
export function clock(seconds) {
  const tenths = Math.round(10 * seconds), minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths - 600 * minutes) / 10).toFixed(1).padStart(4, '0')}`;
}
