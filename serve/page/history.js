/* The verdicts that this browser has seen, kept by the browser alone; names and figures, never a video. */

const KEY = 'desy-history', MOST = 100;
let inMemory = [];
export let refused = false; /* the browser keeps nothing: the list lasts as long as the page */

function isEntry(entry) {
  return entry && ['name', 'time', 'title', 'side', 'model'].every(key => typeof entry[key] === 'string') && typeof entry.confidence === 'number' && typeof entry.calibrated === 'boolean';
}

export function past() {
  if (refused) return inMemory;
  try {
    const stored = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(stored) ? stored.filter(isEntry) : [];
  } catch (error) {
    refused = !(error instanceof SyntaxError);
    return inMemory;
  }
}

function keep(entries) {
  inMemory = entries;
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
    refused = false;
  } catch {
    refused = true;
  }
}

export function remember(entry) {
  keep([entry, ...past()].slice(0, MOST));
}

export function forget() {
  keep([]);
}
