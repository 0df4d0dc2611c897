// All rooms in a table, and the server in figures.

import { ask } from './api.js';
import { $, Rate, bytes, element, quantile, rate, short, showBars, showTiles, time } from './format.js';

const PAST = 90;
/** Answers that quantiles are made over: some seconds. */
const WINDOW = 6;
const ROWS = 100;
/** The list of rooms is asked for as often as it is no burden: about so many rooms a second. */
const ROOMS_PER_S = 1000;
const PAGE = 10_000;

/** Name, title, class, what is shown, what is sorted by. */
const COLUMNS = [
  ['Room', 'Its number', '', room => room.room, room => room.room],
  ['Game', 'And the properties by which players find the room', 'wide', room => [room.game, ...Object.entries(room.properties).map(([name, value]) => `${name} ${value}`)].join(' · '), room => room.game],
  ['Players', 'In seats, of all seats', 'n', room => `${room.players} / ${room.seats}`, room => room.players],
  ['Tick', 'Length of a tick: a running mean over some 16 of them', 'n', room => time(room.tick_mean_s).join(' '), room => room.tick_mean_s],
  ['Longest', 'The longest tick so far', 'n wide', room => time(room.tick_max_s).join(' '), room => room.tick_max_s],
  ['Load', 'Share of the time between two ticks', 'n', room => `${short(100 * room.load)} %`, room => room.load],
  ['Late', 'Ticks that began more than 5 ms late, of all', 'n wide', room => short(room.ticks_late), room => room.ticks_late],
  ['Frames', 'Composed, a second', 'n wide', room => `${short(room.frames_s)}/s`, room => room.frames_s || 0],
  ['Out', 'Bytes of frames, a second', 'n', room => rate(room.bytes_s), room => room.bytes_s || 0],
];

export class Overview {
  name = 'overview';
  summaries = [];
  pasts = { out: [], tick: [], players: [] };
  rates = { in: new Rate(), out: new Rate(), frames: new Rate() };
  rooms = [];
  roomRates = new Map();
  roomsAt = -Infinity;
  sort = { column: 2, down: true };
  rows = ROWS;
  stop = new AbortController();

  constructor() {
    const { signal } = this.stop;
    $('rooms').tHead.rows[0].replaceChildren(...COLUMNS.map(([name, title, of], at) => {
      const button = element('button', { text: name, title: title || name });
      button.addEventListener('click', () => this.sortBy(at), { signal });
      return element('th', { class: of, scope: 'col' }, button);
    }));
    $('rooms').tBodies[0].replaceChildren();
    $('rooms').tBodies[0].addEventListener('click', event => {
      const row = event.target.closest('tr');
      if (row) location.hash = `room/${row.dataset.room}`;
    }, { signal });
    $('rooms-filter').addEventListener('input', () => this.showRooms(), { signal });
    $('rooms-more').addEventListener('click', () => { this.rows += ROWS; this.showRooms(); }, { signal });
  }

  close() {
    this.stop.abort();
  }

  async look() {
    const summary = await ask('/admin/summary');
    const now = performance.now();
    this.summaries.push(summary);
    if (this.summaries.length > WINDOW || summary.ticks < this.summaries[0].ticks) this.summaries.shift();
    this.showSummary(summary, now);
    if (now - this.roomsAt >= (1000 * summary.rooms) / ROOMS_PER_S) {
      this.roomsAt = now;
      await this.lookAtRooms(now);
      this.showRooms();
    }
  }

  async lookAtRooms(now) {
    const { rooms } = await ask(`/admin/rooms?limit=${PAGE}`);
    const rates = new Map();
    for (const room of rooms) {
      const known = this.roomRates.get(room.room) ?? { frames: new Rate(), bytes: new Rate() };
      rates.set(room.room, known);
      room.frames_s = known.frames.add(room.frames, now);
      room.bytes_s = known.bytes.add(room.frame_bytes, now);
      room.load = room.tick_mean_s * room.rate_hz;
    }
    this.roomRates = rates;
    this.rooms = rooms;
  }

  showSummary(summary, now) {
    const [first] = this.summaries;
    const of = (name, share) => quantile(summary.bounds_s, first[name], summary[name], share);
    const keep = (past, figure) => { past.push(Number.isFinite(figure) ? figure : 0); if (past.length > PAST) past.shift(); };
    const [tick, late] = [of('tick_counts', 0.99), of('lateness_counts', 0.99)];
    const out = this.rates.out.add(summary.bytes_out, now);
    keep(this.pasts.out, out);
    keep(this.pasts.tick, tick);
    keep(this.pasts.players, summary.players);
    const unit = ([value, step]) => [value, step && `${step}/s`];
    showTiles($('tiles'), [
      ['Players', short(summary.players), '', `${short(summary.joins)} joins so far`, '', this.pasts.players],
      ['Rooms', short(summary.rooms), '', summary.rooms_failed ? `${summary.rooms_failed} failed: see the log` : 'none has failed', summary.rooms_failed ? 'bad' : ''],
      ['Tick, p99', ...time(tick), 'of all rooms', '', this.pasts.tick],
      ['Lateness, p99', ...time(late), 'felt from 20 ms', late > 0.02 ? 'bad' : late > 0.01 ? 'warn' : ''],
      ['Out', ...unit(bytes(out)), `${short(this.rates.frames.add(summary.frames, now))} frames/s`, '', this.pasts.out],
      ['In', ...unit(bytes(this.rates.in.add(summary.bytes_in, now))), `${short(summary.connections)} connections`],
      ['Ticks lost', short(summary.ticks_lost), '', `of ${short(summary.ticks)}`, summary.ticks_lost > first.ticks_lost ? 'bad' : ''],
      ['Desyncs', short(summary.desyncs), '', 'of client states', summary.desyncs ? 'bad' : ''],
    ]);
    showBars($('threads'), summary.threads.map((thread, at) => ({
      name: `Thread ${at}`,
      share: thread.load_ratio,
      mood: thread.load_ratio > 0.98 ? 'bad' : thread.load_ratio > 0.85 ? 'warn' : '',
      text: `${short(100 * thread.load_ratio)} %`,
    })));
    const pill = $('readiness');
    pill.textContent = summary.readiness;
    pill.className = `pill ${summary.readiness === 'ready' ? 'good' : 'warn'}`;
  }

  sortBy(column) {
    // figures: the largest first
    const down = this.sort.column === column ? !this.sort.down : column > 1;
    this.sort = { column, down };
    this.showRooms();
  }

  showRooms() {
    const wanted = $('rooms-filter').value.trim().toLowerCase();
    const text = room => `${room.room} ${room.game} ${Object.entries(room.properties).flat().join(' ')}`.toLowerCase();
    const found = wanted ? this.rooms.filter(room => text(room).includes(wanted)) : [...this.rooms];
    const [, , , , key] = COLUMNS[this.sort.column];
    const sign = this.sort.down ? -1 : 1;
    found.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      return sign * (left < right ? -1 : left > right ? 1 : 0) || a.room - b.room;
    });
    for (const [at, cell] of [...$('rooms').tHead.rows[0].cells].entries()) {
      if (at === this.sort.column) cell.setAttribute('aria-sort', this.sort.down ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
    const body = $('rooms').tBodies[0];
    const shown = found.slice(0, this.rows);
    while (body.rows.length > shown.length) body.lastChild.remove();
    while (body.rows.length < shown.length) {
      const row = element('tr', {}, ...COLUMNS.map(([, , of]) => element('td', { class: of })));
      row.cells[0].append(element('a'), element('span'));
      body.append(row);
    }
    for (const [at, room] of shown.entries()) {
      const { cells, dataset } = body.rows[at];
      dataset.room = room.room;
      for (const [column, [, , of, show]] of COLUMNS.entries()) {
        if (column > 0) cells[column].textContent = show(room);
        cells[column].className = column === 5 && room.load > 0.85 ? `${of} bad` : of;
      }
      const [link, tags] = cells[0].children;
      link.textContent = room.room;
      link.href = `#room/${room.room}`;
      const names = ['locked', 'hidden', 'private'].filter(name => room[name]);
      if (tags.textContent !== names.join('')) tags.replaceChildren(...names.map(name => element('span', { class: 'tag', text: name })));
    }
    const [all, some] = [this.rooms.length, found.length];
    $('rooms-count').textContent = wanted ? `${short(some)} of ${short(all)}` : all ? short(all) : '';
    $('rooms-none').hidden = some > 0;
    $('rooms-none').textContent = all ? 'No room is like that.' : 'No room runs. One opens with the first player.';
    $('rooms-more').hidden = some <= this.rows;
    $('rooms-more').textContent = `Show ${short(Math.min(ROWS, some - this.rows))} more of ${short(some)}`;
  }
}
