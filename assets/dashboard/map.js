// The map of a room: entities where they are, the grid's cells, where seats look. Knows no server.

import { short } from './format.js';

/** Kinds beyond these share the last colour. */
export const COLOURS = 8;
/** A finger is no needle. */
const REACH = 18;
const DOT = 3.5;
const ZOOM_MIN = 0.2;
const ZOOM_MAX = 400;
/** Between two answers an entity glides; one that jumps further than this share of the map does not. */
const GLIDE_MS = 1000;
const JUMP = 0.2;

export class RoomMap {
  /** `pointed` is told of the entity under the pointer, or null; `picked` of one that was clicked. */
  constructor(canvas, scale, { pointed, picked }) {
    Object.assign(this, { canvas, scale, pointed, picked });
    this.pen = canvas.getContext('2d');
    this.view = null;
    this.fitted = true;
    this.hiddenKinds = new Set();
    this.entities = new Map();
    this.pointers = new Map();
    this.stop = new AbortController();
    this.listen();
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(canvas);
    this.still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.draw = this.draw.bind(this);
    this.readColours();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.readColours(), { signal: this.stop.signal });
    this.frame = requestAnimationFrame(this.draw);
  }

  close() {
    this.stop.abort();
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const of = name => style.getPropertyValue(name).trim();
    this.ink = { grid: of('--grid'), text: of('--text'), dim: of('--dim'), map: of('--map'), lit: of('--lit') };
    this.kinds = Array.from({ length: COLOURS }, (_, at) => of(`--kind-${at}`));
    this.dirty = true;
  }

  colour(kind) {
    return this.kinds[Math.min(kind, COLOURS - 1)];
  }

  /** An answer of the server; `seat` is the one that is picked, or null. */
  show(room, seat) {
    const now = performance.now();
    const before = this.entities;
    this.room = room;
    this.seat = seat;
    this.held = room.held && new Set(room.held);
    const [left, top, right, bottom] = room.bounds ?? [0, 0, 1, 1];
    const far = JUMP * Math.max(right - left, bottom - top);
    this.entities = new Map(room.entities.filter(({ at }) => at).map(entity => {
      const was = before.get(entity.id);
      const from = was && this.placeOf(was, now);
      const near = from && Math.hypot(from[0] - entity.at[0], from[1] - entity.at[1]) < far;
      return [entity.id, { ...entity, from: near ? from : entity.at, since: now }];
    }));
    if (!this.view || this.fitted) this.fit();
    this.dirty = true;
  }

  placeOf({ from, at, since }, now) {
    const part = this.still ? 1 : Math.min(1, (now - since) / GLIDE_MS);
    return [from[0] + (at[0] - from[0]) * part, from[1] + (at[1] - from[1]) * part];
  }

  resize() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    Object.assign(this.canvas, { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio) });
    this.ratio = ratio;
    if (this.room && this.fitted) this.fit();
    this.dirty = true;
  }

  /** All of it. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.room) return;
    const [left, top, right, bottom] = this.room.bounds ?? [-1, -1, 1, 1];
    const [wide, high] = [Math.max(right - left, 1e-3), Math.max(bottom - top, 1e-3)];
    const zoom = 0.92 * Math.min(width / wide, height / high);
    this.whole = zoom;
    this.view = { x: (left + right) / 2, y: (top + bottom) / 2, zoom };
    this.fitted = true;
    this.dirty = true;
  }

  /** Corners of what is seen. */
  area() {
    const { x, y, zoom } = this.view ?? { x: 0, y: 0, zoom: 1 };
    const [wide, high] = [this.canvas.clientWidth / 2 / zoom, this.canvas.clientHeight / 2 / zoom];
    return [x - wide, y - high, x + wide, y + high];
  }

  toScreen([x, y]) {
    const { view, canvas } = this;
    return [(x - view.x) * view.zoom + canvas.clientWidth / 2, (y - view.y) * view.zoom + canvas.clientHeight / 2];
  }

  // ---- hands

  listen() {
    const { canvas } = this;
    const on = (name, act) => canvas.addEventListener(name, act.bind(this), { signal: this.stop.signal, passive: false });
    on('pointerdown', this.press);
    on('pointermove', this.move);
    on('pointerup', this.lift);
    on('pointercancel', this.lift);
    on('pointerleave', () => this.pointed(null));
    on('wheel', event => {
      event.preventDefault();
      this.zoomAt([event.offsetX, event.offsetY], Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
    });
    on('keydown', event => {
      const { clientWidth: width, clientHeight: height } = canvas;
      const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (step) this.pan(...step);
      else if (event.key === '+' || event.key === '-') this.zoomAt([width / 2, height / 2], event.key === '+' ? 1.3 : 1 / 1.3);
      else return;
      event.preventDefault();
    });
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (this.pointers.size === 1) this.pressed = [event.offsetX, event.offsetY];
    else this.pressed = null;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) return this.pointed(this.nearest(now));
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const spread = place => Math.max(Math.hypot(place[0] - other[0], place[1] - other[1]), 8);
      this.zoomAt([(now[0] + other[0]) / 2, (now[1] + other[1]) / 2], spread(now) / spread(before));
      this.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    } else if (!this.pressed || Math.hypot(now[0] - this.pressed[0], now[1] - this.pressed[1]) > 5) {
      this.pressed = null;
      this.canvas.classList.add('dragging');
      this.pan(now[0] - before[0], now[1] - before[1]);
    }
    return undefined;
  }

  lift(event) {
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove('dragging');
    if (this.pressed && event.type === 'pointerup') this.picked(this.nearest([event.offsetX, event.offsetY]));
    this.pressed = null;
  }

  pan(x, y) {
    if (!this.view) return;
    this.view.x -= x / this.view.zoom;
    this.view.y -= y / this.view.zoom;
    this.changed();
  }

  zoomAt([x, y], factor) {
    if (!this.view) return;
    const { view, canvas } = this;
    const zoom = Math.min(Math.max(view.zoom * factor, this.whole * ZOOM_MIN), this.whole * ZOOM_MAX);
    const off = [x - canvas.clientWidth / 2, y - canvas.clientHeight / 2];
    view.x += off[0] / view.zoom - off[0] / zoom;
    view.y += off[1] / view.zoom - off[1] / zoom;
    view.zoom = zoom;
    this.changed();
  }

  changed() {
    this.fitted = false;
    this.dirty = true;
  }

  nearest(place) {
    const now = performance.now();
    let [best, least] = [null, REACH];
    for (const entity of this.entities.values()) {
      if (this.hiddenKinds.has(entity.kind)) continue;
      const [x, y] = this.toScreen(this.placeOf(entity, now));
      const away = Math.hypot(x - place[0], y - place[1]);
      if (away < least) [best, least] = [entity, away];
    }
    return best;
  }

  // ---- pictures

  draw(now) {
    this.frame = requestAnimationFrame(this.draw);
    if (!this.room || !this.view || !(this.dirty || this.gliding(now))) return;
    this.dirty = false;
    const { pen, canvas, ratio = 1, ink } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = ink.map;
    pen.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    this.drawHeld();
    this.drawGrid();
    this.drawLooks();
    this.drawEntities(now);
    this.drawScale();
  }

  gliding(now) {
    const first = this.entities.values().next().value;
    return !this.still && first && now - first.since < GLIDE_MS + 50;
  }

  drawHeld() {
    const { room, held, pen, ink } = this;
    if (!held || !room.cell_size) return;
    pen.fillStyle = `rgb(${ink.lit} / 0.16)`;
    const lit = new Set();
    for (const [at, { cell }] of room.channels.entries()) {
      if (!cell || !held.has(at) || lit.has(String(cell))) continue;
      lit.add(String(cell));
      const [x, y] = this.toScreen([cell[0] * room.cell_size, cell[1] * room.cell_size]);
      const side = room.cell_size * this.view.zoom;
      pen.fillRect(x, y, side, side);
    }
  }

  drawGrid() {
    const { room, pen, ink, canvas, view } = this;
    const side = (room.cell_size ?? 0) * view.zoom;
    if (side < 14) return;
    const [left, top, right, bottom] = this.area();
    pen.beginPath();
    for (let at = Math.ceil(left / room.cell_size); at * room.cell_size <= right; at += 1) {
      const x = Math.round(this.toScreen([at * room.cell_size, 0])[0]) + 0.5;
      pen.moveTo(x, 0);
      pen.lineTo(x, canvas.clientHeight);
    }
    for (let at = Math.ceil(top / room.cell_size); at * room.cell_size <= bottom; at += 1) {
      const y = Math.round(this.toScreen([0, at * room.cell_size])[1]) + 0.5;
      pen.moveTo(0, y);
      pen.lineTo(canvas.clientWidth, y);
    }
    pen.strokeStyle = ink.grid;
    pen.lineWidth = 1;
    pen.stroke();
  }

  /** Where seats look: of the picked one with its name, of others only while they are few. */
  drawLooks() {
    const { pen, ink, room, seat } = this;
    const seats = room.seats.filter(other => other.look && (other.seat === seat || (seat === null && room.seats_total <= 24)));
    pen.font = '12px system-ui, sans-serif';
    pen.textAlign = 'center';
    for (const { look, name, seat: number } of seats) {
      const [x, y] = this.toScreen(look);
      pen.strokeStyle = number === seat ? `rgb(${ink.lit})` : ink.dim;
      pen.globalAlpha = number === seat ? 1 : 0.6;
      pen.lineWidth = number === seat ? 2 : 1;
      pen.beginPath();
      pen.arc(x, y, 10, 0, 2 * Math.PI);
      pen.stroke();
      if (number === seat && room.cell_size && this.held) {
        pen.setLineDash([5, 5]);
        pen.lineWidth = 1;
        pen.beginPath();
        // cells are half of how far one sees
        pen.arc(x, y, 2 * room.cell_size * this.view.zoom, 0, 2 * Math.PI);
        pen.stroke();
        pen.setLineDash([]);
      }
      pen.fillStyle = number === seat ? ink.text : ink.dim;
      // legible whatever is below
      pen.strokeStyle = ink.map;
      pen.lineWidth = 3;
      pen.strokeText(name || `seat ${number}`, x, y - 15);
      pen.fillText(name || `seat ${number}`, x, y - 15);
    }
    pen.globalAlpha = 1;
  }

  drawEntities(now) {
    const { pen, held, canvas } = this;
    const size = this.entities.size > 600 ? DOT * 0.75 : DOT;
    const marked = [];
    for (const entity of this.entities.values()) {
      if (this.hiddenKinds.has(entity.kind)) continue;
      const [x, y] = this.toScreen(this.placeOf(entity, now));
      if (x < -9 || y < -9 || x > canvas.clientWidth + 9 || y > canvas.clientHeight + 9) continue;
      pen.globalAlpha = held && !held.has(entity.channel) ? 0.18 : 1;
      pen.fillStyle = this.colour(entity.kind);
      pen.beginPath();
      pen.arc(x, y, entity.owner === null ? size : size + 1.5, 0, 2 * Math.PI);
      pen.fill();
      if (entity.id === this.marked) marked.push([x, y]);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = this.ink.text;
    pen.lineWidth = 1.5;
    for (const [x, y] of marked) {
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  /** A length that is easy to say, about a fifth of the map. */
  drawScale() {
    const wanted = this.canvas.clientWidth / 5 / this.view.zoom;
    const power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map(times => times * power).find(of => of <= wanted) ?? power;
    this.scale.style.width = `${Math.round(length * this.view.zoom)}px`;
    this.scale.dataset.length = short(length);
  }
}
