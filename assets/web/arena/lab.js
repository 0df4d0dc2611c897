// `?lab`: makes the own connection bad, and shows what the client makes of it. `?lab=100,10,1,200` begins with 100 ms of
// latency, 10 ms of jitter and 1 % stalls of 200 ms.

import { Link, socketsOver } from './link.js';

const SLIDERS = [
  { of: 'latency', label: 'latency', unit: 'ms', max: 300, step: 10 },
  { of: 'jitter', label: 'jitter', unit: 'ms', max: 60, step: 2 },
  { of: 'stalls', label: 'stalls', unit: '%', max: 5, step: 0.5 },
  { of: 'stallLength', label: 'each', unit: 'ms', max: 500, step: 50 },
];
const PLOTS = [
  { label: 'round trip', colour: '#7db4ff', least: 50, read: stats => stats.rtt, told: stats => ms(stats.rtt) },
  { label: 'buffer', colour: '#5df2a0', least: 100, read: stats => stats.interpolationDelay, told: stats => `${ms(stats.interpolationDelay)} · ${stats.underruns} empty` },
  { label: 'margin', colour: '#ffc857', least: 20, read: stats => stats.margin, aim: stats => stats.marginWanted, told: stats => `${Math.round(stats.margin)} of ${Math.round(stats.marginWanted)} ms` },
  { label: 'corrections', colour: '#ff5470', least: 2, bars: true, read: (stats, last) => stats.corrections - (last?.corrections ?? stats.corrections), told: stats => `${stats.corrections} · longest ${ms(stats.correctionLongest)}` },
];
const EVERY_MS = 100;
const SHOWN = 300;

export class Lab {
  /** @param {string} wanted what stands behind `?lab=` */
  constructor(wanted) {
    this.link = new Link();
    wanted.split(',').forEach((value, i) => {
      if (value !== '' && SLIDERS[i] && Number(value) >= 0) this.link[SLIDERS[i].of] = Number(value);
    });
    this.WebSocket = socketsOver(this.link);
    this.histories = PLOTS.map(() => []);
    this.at = 0;
    this.last = null;
    document.head.append(make('link', { rel: 'stylesheet', href: 'arena/lab.css' }));
    document.body.append(this.panel());
  }

  /** Once a frame. */
  update(now, stats) {
    if (now - this.at < EVERY_MS || !stats || stats.rtt === undefined) return;
    this.at = now;
    PLOTS.forEach((plot, i) => {
      const history = this.histories[i];
      history.push({ value: plot.read(stats, this.last), aim: plot.aim?.(stats) });
      if (history.length > SHOWN) history.shift();
      if (!this.root.open) return;
      this.views[i].told.textContent = plot.told(stats);
      draw(this.views[i].canvas, plot, history);
    });
    this.last = stats;
  }

  panel() {
    const sliders = SLIDERS.map(slider => this.slider(slider));
    this.views = PLOTS.map(({ label }) => {
      const [canvas, told] = [make('canvas'), make('output')];
      const line = make('div', { className: 'plot' });
      line.append(make('span', { textContent: label }), told, canvas);
      return { line, canvas, told };
    });
    // on a phone the thumbs need the room
    this.root = make('details', { id: 'lab', open: !matchMedia('(max-width: 760px), (max-height: 480px)').matches });
    const body = make('div');
    body.append(...sliders, ...this.views.map(({ line }) => line));
    this.root.append(make('summary', { textContent: 'lab' }), body);
    return this.root;
  }

  slider({ of, label, unit, max, step }) {
    const line = make('label');
    const input = make('input', { type: 'range', min: 0, max, step });
    input.value = this.link[of];
    const told = make('output');
    const show = () => { told.textContent = `${this.link[of]} ${unit}`; };
    input.addEventListener('input', () => { this.link[of] = Number(input.value); show(); });
    // the arrow keys fly
    input.addEventListener('change', () => input.blur());
    show();
    line.append(make('span', { textContent: label }), input, told);
    return line;
  }
}

function ms(value) {
  return value < 0 ? '–' : `${Math.round(value)} ms`;
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

// The newest at the right edge; the scale is that of the largest that is shown.
function draw(canvas, { colour, least, bars }, history) {
  const dpr = devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * dpr), Math.round(canvas.clientHeight * dpr)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const ctx = canvas.getContext('2d');
  ctx.clearRect(0, 0, width, height);
  const top = history.reduce((most, { value, aim = 0 }) => Math.max(most, value, aim), least) * 1.1;
  const x = i => width - (history.length - 1 - i) * (width / (SHOWN - 1));
  const y = value => height - dpr - Math.max(0, value) / top * (height - 2 * dpr);
  ctx.lineWidth = 1.25 * dpr;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = ctx.fillStyle = colour;
  if (bars) {
    history.forEach(({ value }, i) => value > 0 && ctx.fillRect(x(i) - dpr, y(value), 2 * dpr, height - y(value)));
    return;
  }
  if (history.at(-1).aim !== undefined) {
    ctx.globalAlpha = 0.35;
    trace(ctx, history, x, ({ aim }) => y(aim));
    ctx.globalAlpha = 1;
  }
  trace(ctx, history, x, ({ value }) => y(value));
  ctx.lineTo(width, height);
  ctx.lineTo(x(0), height);
  ctx.globalAlpha = 0.12;
  ctx.fill();
  ctx.globalAlpha = 1;
}

function trace(ctx, history, x, y) {
  ctx.beginPath();
  history.forEach((entry, i) => ctx.lineTo(x(i), y(entry)));
  ctx.stroke();
}
