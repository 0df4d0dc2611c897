// Figures as a person reads them, and small pieces of page. Text from the server becomes text, never markup.

export const $ = id => document.getElementById(id);

export function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : value);
  }
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

/** Three digits that matter. */
export function short(number) {
  if (!Number.isFinite(number)) return '–';
  const size = Math.abs(number);
  if (size === 0) return '0';
  if (size < 10) return String(Number(number.toPrecision(2)));
  return size < 1000 ? number.toFixed(size < 100 ? 1 : 0).replace(/\.0$/, '') : Math.round(number).toLocaleString('en');
}

const STEPS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(number) {
  if (!Number.isFinite(number)) return ['–', ''];
  let step = 0;
  while (Math.abs(number) >= 1000 && step < STEPS.length - 1) {
    number /= 1000;
    step += 1;
  }
  return [step === 0 ? String(Math.round(number)) : short(number), STEPS[step]];
}

export const rate = number => (([value, unit]) => (unit ? `${value} ${unit}/s` : value))(bytes(number));

export function time(seconds) {
  if (!Number.isFinite(seconds)) return ['–', ''];
  if (seconds < 0.001) return [short(seconds * 1e6), 'µs'];
  return seconds < 1 ? [short(seconds * 1000), 'ms'] : [short(seconds), 's'];
}

/** Quantile of the durations counted between two answers; the counts have bounds in seconds. */
export function quantile(bounds, before, now, share) {
  const counts = now.map((count, at) => count - before[at]);
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all <= 0) return NaN;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && below + count >= share * all) {
      const from = at === 0 ? 0 : bounds[at - 1];
      const to = bounds[at] ?? from;
      return from + (to - from) * ((share * all - below) / count);
    }
    below += count;
  }
  return NaN;
}

/** How much a sum grows a second, told again and again; it starts anew when the server does. */
export class Rate {
  /** Over about so many seconds. */
  constructor(window = 4) {
    this.window = window * 1000;
    this.seen = [];
  }

  add(sum, now) {
    if (sum < this.seen.at(-1)?.sum) this.seen = [];
    this.seen.push({ sum, now });
    while (this.seen.length > 2 && now - this.seen[1].now >= this.window) this.seen.shift();
    const [first] = this.seen;
    return this.seen.length < 2 ? NaN : (1000 * (sum - first.sum)) / (now - first.now);
  }
}

/** Figures in tiles: [name, value, unit, remark, mood, past]. The elements stay, so that nothing flickers. */
export function showTiles(box, tiles) {
  while (box.children.length < tiles.length) {
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    line.setAttribute('viewBox', '0 0 100 20');
    line.setAttribute('preserveAspectRatio', 'none');
    line.setAttribute('aria-hidden', 'true');
    line.append(document.createElementNS('http://www.w3.org/2000/svg', 'path'));
    box.append(element('dl', { class: 'tile' }, line, element('dt'), element('dd', {}, '', element('span')), element('p')));
  }
  for (const [at, [name, value, unit, remark, mood = '', past = []]] of tiles.entries()) {
    const [line, term, figure, small] = box.children[at].children;
    box.children[at].className = `tile ${mood}`;
    term.textContent = name;
    figure.firstChild.textContent = value;
    figure.lastChild.textContent = unit ?? '';
    small.textContent = remark ?? '';
    small.title = remark ?? '';
    const most = Math.max(...past, 1e-9);
    const points = past.map((is, x) => `${((100 * x) / Math.max(past.length - 1, 1)).toFixed(1)} ${(19 - (17 * is) / most).toFixed(1)}`);
    line.firstChild.setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '');
  }
}

/** A named bar: its share of the whole width, and what stands behind it. */
export function showBars(box, bars) {
  while (box.children.length > bars.length) box.lastChild.remove();
  while (box.children.length < bars.length) {
    box.append(element('div', { class: 'gauge' }, element('span'), element('div', { class: 'track' }, element('div')), element('span')));
  }
  for (const [at, { name, share, text, mood = '', colour = '' }] of bars.entries()) {
    const [label, track, figure] = box.children[at].children;
    label.textContent = name;
    label.title = name;
    figure.textContent = text;
    track.firstChild.className = `fill ${mood}`;
    track.firstChild.style.width = `${Math.min(100, 100 * share)}%`;
    track.firstChild.style.background = colour;
  }
}

let hiding;

export function toast(text) {
  const box = $('toast');
  box.textContent = text;
  box.classList.add('shown');
  clearTimeout(hiding);
  hiding = setTimeout(() => box.classList.remove('shown'), 4000);
}
